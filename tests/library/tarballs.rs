//! Archives that no program makes: headers whose every field is chosen, one after the other.
#![allow(dead_code)] // every test binary uses a part of it

/// An archive in the making. Each method adds one entry, as it is told and not as it should be.
#[derive(Clone, Default)]
pub struct Tar(pub Vec<u8>);

/// A header before its sum.
pub struct Entry<'a> {
    /// The type flag: `0` a file, `1` a hard link, `2` a symbolic link, `3` a character device, `5` a directory …
    pub kind: u8,
    pub name: &'a str,
    pub target: &'a str,
    pub mode: u32,
    /// What the header says of the size, whatever follows.
    pub size: u64,
    pub device: (u32, u32),
}

impl<'a> Entry<'a> {
    pub fn new(kind: u8, name: &'a str) -> Entry<'a> {
        Entry { kind, name, target: "", mode: 0o644, size: 0, device: (0, 0) }
    }
}

impl Tar {
    pub fn new() -> Tar {
        Tar::default()
    }

    /// Adds a header.
    pub fn entry(&mut self, entry: &Entry) -> &mut Tar {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..entry.name.len()].copy_from_slice(entry.name.as_bytes());
        header.as_old_mut().linkname[..entry.target.len()].copy_from_slice(entry.target.as_bytes());
        header.as_old_mut().linkflag = [entry.kind];
        header.set_mode(entry.mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(entry.size);
        header.set_device_major(entry.device.0).unwrap();
        header.set_device_minor(entry.device.1).unwrap();
        header.set_cksum();
        self.raw(header.as_bytes())
    }

    /// Adds bytes, and zeros up to the next block.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Tar {
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub fn file(&mut self, name: &str, bytes: &[u8]) -> &mut Tar {
        self.sized(b'0', name, bytes)
    }

    pub fn directory(&mut self, name: &str) -> &mut Tar {
        self.entry(&Entry { mode: 0o755, ..Entry::new(b'5', name) })
    }

    pub fn symlink(&mut self, name: &str, target: &str) -> &mut Tar {
        self.entry(&Entry { target, ..Entry::new(b'2', name) })
    }

    pub fn hard_link(&mut self, name: &str, target: &str) -> &mut Tar {
        self.entry(&Entry { target, ..Entry::new(b'1', name) })
    }

    pub fn device(&mut self, kind: u8, name: &str, device: (u32, u32)) -> &mut Tar {
        self.entry(&Entry { device, ..Entry::new(kind, name) })
    }

    /// Adds a header and the bytes that it announces.
    pub fn sized(&mut self, kind: u8, name: &str, bytes: &[u8]) -> &mut Tar {
        self.entry(&Entry { size: bytes.len() as u64, ..Entry::new(kind, name) }).raw(bytes)
    }

    /// Adds an extended header with these records.
    pub fn pax(&mut self, records: &[(&str, &[u8])]) -> &mut Tar {
        let mut body = Vec::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let mut length = rest + 1;
            while length != rest + length.to_string().len() {
                length = rest + length.to_string().len();
            }
            body.extend_from_slice(format!("{length} {key}=").as_bytes());
            body.extend_from_slice(value);
            body.push(b'\n');
        }
        self.sized(b'x', "PaxHeaders/x", &body)
    }

    /// Adds a sparse file in GNU's old format, with up to four parts; `stored` is what the archive has of it.
    pub fn gnu_sparse(&mut self, name: &str, real_size: u64, parts: &[(u64, u64)], stored: &[u8]) -> &mut Tar {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(tar::EntryType::GNUSparse);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(stored.len() as u64);
        let gnu = header.as_gnu_mut().unwrap();
        gnu.set_real_size(real_size);
        for (field, (offset, length)) in gnu.sparse.iter_mut().zip(parts) {
            field.set_offset(*offset);
            field.set_length(*length);
        }
        header.set_cksum();
        self.raw(header.as_bytes()).raw(stored)
    }

    /// Adds a sparse file in GNU's PAX format 0.1; `map` is its text.
    pub fn pax_sparse(&mut self, name: &str, size: &str, map: &str, stored: &[u8]) -> &mut Tar {
        self.pax(&[("GNU.sparse.size", size.as_bytes()), ("GNU.sparse.map", map.as_bytes())]).file(name, stored)
    }

    /// The archive so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.clone()
    }

    /// The archive with its two empty blocks.
    pub fn end(&self) -> Vec<u8> {
        let mut bytes = self.0.clone();
        bytes.resize(bytes.len() + 1024, 0);
        bytes
    }
}

/// Compresses with gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

/// Compresses with a program that works as a filter, `None` when it is not installed.
pub fn compress(program: &str, arguments: &[&str], bytes: &[u8]) -> Option<Vec<u8>> {
    use std::process::{Command, Stdio};
    let child = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.ok()?;
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut input, &bytes));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    Some(output.stdout)
}
