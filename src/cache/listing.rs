//! Listings: the files that a COPY takes, with every attribute that counts in its key.
//!
//! BuildKit hashes for each file: its path from the name that is copied on, type, mode, owner, size, link target, device
//! numbers, contents and extended attributes; the modification time is left out. A listing is the same as text, so
//! that two of them can be compared file by file, and attribute by attribute. One line an entry, fields parted by one space:
//!
//! ```text
//! f 644 0:0 61 sha256:77ab… date-script.sh
//! d 755 0:0 - - src
//! l 777 0:0 - ../lib src/link
//! ```
//!
//! Fields: kind (`f` file, `d` directory, `l` symbolic link, `c` and `b` device, `p` fifo), mode in octal, owner, size,
//! what (digest, link target, or `major:minor`), path, then ` NAME=HEX` for each extended attribute. Space, `%`, control bytes
//! and bytes beyond ASCII are written `%XX`.

use std::fmt::Write as _;

use super::Roots;
use crate::oci::Digest;

/// What kind of file an entry is, with what identifies its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    File { size: u64, digest: Digest },
    Directory,
    Symlink { target: Vec<u8> },
    CharDevice { major: u32, minor: u32 },
    BlockDevice { major: u32, minor: u32 },
    Fifo,
}

/// One file of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name of the source that was found, and what follows below it. The root of a tree has no name: it is `.`, and what
    /// is in it has its path in the tree.
    pub path: Vec<u8>,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub kind: EntryKind,
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The text of a listing as it grows, with its totals, and with the folders that it is relative to.
#[derive(Clone, Debug)]
pub struct Listing {
    pub roots: Roots,
    pub text: String,
    pub files: u64,
    pub bytes: u64,
}

impl Listing {
    pub fn new(roots: Roots) -> Listing {
        Listing { roots, text: String::new(), files: 0, bytes: 0 }
    }

    /// Adds one entry; its folder is noted apart. The entries of one source come sorted by path.
    pub fn push(&mut self, entry: &Entry) {
        let (letter, size) = match &entry.kind {
            EntryKind::File { size, .. } => ('f', Some(*size)),
            EntryKind::Directory => ('d', None),
            EntryKind::Symlink { .. } => ('l', None),
            EntryKind::CharDevice { .. } => ('c', None),
            EntryKind::BlockDevice { .. } => ('b', None),
            EntryKind::Fifo => ('p', None),
        };
        if !matches!(entry.kind, EntryKind::Directory) {
            self.files += 1;
        }
        self.bytes += size.unwrap_or(0);
        let text = &mut self.text;
        // Writing to a String can't fail.
        let _ = write!(text, "{letter} {:o} {}:{} ", entry.mode, entry.uid, entry.gid);
        let _ = match size {
            Some(size) => write!(text, "{size} "),
            None => write!(text, "- "),
        };
        match &entry.kind {
            EntryKind::File { digest, .. } => {
                let _ = write!(text, "{digest}");
            }
            EntryKind::Symlink { target } => escape(text, target),
            EntryKind::CharDevice { major, minor } | EntryKind::BlockDevice { major, minor } => {
                let _ = write!(text, "{major}:{minor}");
            }
            EntryKind::Directory | EntryKind::Fifo => text.push('-'),
        }
        text.push(' ');
        escape(text, &entry.path);
        for (name, value) in &entry.xattrs {
            text.push(' ');
            escape(text, name);
            text.push('=');
            for byte in value {
                let _ = write!(text, "{byte:02x}");
            }
        }
        text.push('\n');
    }

    /// The SHA-256 of the text.
    pub fn digest(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }

    /// Reads a listing's text back. The error is the number of the line that is not one.
    pub fn parse(text: &str) -> Result<Vec<Entry>, usize> {
        text.lines().enumerate().map(|(index, line)| parse_line(line).ok_or(index + 1)).collect()
    }
}

fn parse_line(line: &str) -> Option<Entry> {
    let mut fields = line.split(' ');
    let letter = fields.next()?;
    let mode = u32::from_str_radix(fields.next()?, 8).ok()?;
    let (uid, gid) = fields.next()?.split_once(':')?;
    let size = fields.next()?;
    let what = fields.next()?;
    let path = unescape(fields.next()?)?;
    let device = |what: &str| -> Option<(u32, u32)> {
        let (major, minor) = what.split_once(':')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    };
    let kind = match letter {
        "f" => EntryKind::File { size: size.parse().ok()?, digest: what.parse().ok()? },
        "d" => EntryKind::Directory,
        "l" => EntryKind::Symlink { target: unescape(what)? },
        "c" => device(what).map(|(major, minor)| EntryKind::CharDevice { major, minor })?,
        "b" => device(what).map(|(major, minor)| EntryKind::BlockDevice { major, minor })?,
        "p" => EntryKind::Fifo,
        _ => return None,
    };
    let mut xattrs = Vec::new();
    for field in fields {
        let (name, value) = field.split_once('=')?;
        let bytes = (0..value.len()).step_by(2).map(|at| u8::from_str_radix(value.get(at..at + 2)?, 16).ok());
        xattrs.push((unescape(name)?, bytes.collect::<Option<Vec<u8>>>()?));
    }
    Some(Entry { path, mode, uid: uid.parse().ok()?, gid: gid.parse().ok()?, kind, xattrs })
}

fn escape(text: &mut String, bytes: &[u8]) {
    if bytes.is_empty() {
        text.push_str("%00");
    }
    for &byte in bytes {
        if byte.is_ascii_graphic() && byte != b'%' && byte != b'=' {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    if text == "%00" {
        return Some(Vec::new());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    Some(bytes)
}
