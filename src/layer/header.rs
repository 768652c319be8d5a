//! What the header of an entry says, together with the extension headers before it.
//!
//! Where archives contradict themselves, they are read as Go's `archive/tar` reads them, and with it Docker and containerd:
//! two readers that disagree on where an entry ends see different files.

use std::io;

use tar::{EntryType, Header};

use super::entry::RawKind;
use super::names::LONGEST_PATH;
use super::{pax, sparse};
use crate::tree::{Metadata, Xattrs};

/// What extension headers say about the entry that follows.
#[derive(Default)]
pub(super) struct Extensions {
    pub(super) name: Option<Vec<u8>>,
    pub(super) target: Option<Vec<u8>>,
    pub(super) records: Vec<pax::Record>,
    /// How many bytes the extension headers have.
    pub(super) size: u64,
}

/// An entry as it is described, before its bytes are looked at.
pub(super) struct Described {
    pub(super) name: Vec<u8>,
    pub(super) metadata: Metadata,
    /// As the header says it; not every kind of entry has bytes.
    pub(super) size: u64,
    pub(super) kind: Form,
    /// What extension headers say of holes.
    pub(super) sparse: sparse::PaxMap,
}

/// The kind of an entry, and whether bytes follow its header.
pub(super) enum Form {
    /// As many bytes follow as the header says, even where they mean nothing.
    WithBytes(RawKind),
    /// GNU's old sparse format: a map follows, then bytes.
    GnuSparse,
    /// Nothing follows, whatever size the header gives.
    Bare(RawKind),
}

/// Why a header and its extension headers make no entry.
pub(super) struct Wrong {
    /// The entry's name, if that much is known.
    pub(super) name: Option<Vec<u8>>,
    pub(super) reason: String,
}

impl From<String> for Wrong {
    fn from(reason: String) -> Wrong {
        Wrong { name: None, reason }
    }
}

/// Puts header and extension headers together.
pub(super) fn describe(header: &Header, extensions: Extensions) -> Result<Described, Wrong> {
    let mut metadata =
        Metadata::root_owned(number(&header.as_old().mode, header.mode().map(u64::from))? as u32 & 0o7777);
    let id = |value: io::Result<u64>| value.ok().and_then(|value| u32::try_from(value).ok());
    metadata.uid = id(header.uid()).unwrap_or(0);
    metadata.gid = id(header.gid()).unwrap_or(0);
    // The crate gives the bits of a negative time, too.
    metadata.mtime = header.mtime().unwrap_or(0).cast_signed();
    let mut target = extensions.target.or_else(|| header.link_name_bytes().map(|target| target.into_owned()));
    let mut described = Described {
        name: extensions.name.unwrap_or_else(|| header.path_bytes().into_owned()),
        metadata,
        size: size(header)?,
        kind: Form::GnuSparse,
        sparse: sparse::PaxMap::default(),
    };
    described.take_records(extensions.records, &mut target)?;
    if [described.metadata.uid, described.metadata.gid].contains(&u32::MAX) {
        // To the kernel it means that the owner stays, see chown(2): the file would be of whoever unpacks it.
        return Err(format!("the id {} as an owner", u32::MAX).into());
    }
    if let Some(real_name) = described.sparse.take_name() {
        described.name = real_name;
    }
    for name in std::iter::once(&described.name).chain(&target) {
        if name.contains(&0) {
            return Err("a name with a zero byte in it".to_string().into());
        }
        if name.len() > LONGEST_PATH + 1 {
            return Err(format!("a name of more than {LONGEST_PATH} bytes").into());
        }
    }
    match form(header, &described.name, target) {
        Ok(kind) => Ok(Described { kind, ..described }),
        Err(reason) => Err(Wrong { name: Some(described.name), reason }),
    }
}

/// The size that a header gives.
pub(super) fn size(header: &Header) -> Result<u64, String> {
    number(&header.as_old().size, header.entry_size())
}

/// An empty field is zero; some programs leave out what an entry does not need.
fn number(field: &[u8], value: io::Result<u64>) -> Result<u64, String> {
    if field.iter().all(|byte| matches!(byte, 0 | b' ')) { Ok(0) } else { value.map_err(|error| error.to_string()) }
}

impl Described {
    /// Takes over what the records of extended headers say; an empty value leaves what the header has.
    fn take_records(&mut self, records: Vec<pax::Record>, target: &mut Option<Vec<u8>>) -> Result<(), String> {
        let mut xattrs = Vec::new();
        let metadata = &mut self.metadata;
        for (key, value) in records {
            let number = || std::str::from_utf8(&value).ok().and_then(|text| text.parse::<u64>().ok());
            let invalid = || format!("invalid value of `{}`", String::from_utf8_lossy(&key));
            let id = || number().and_then(|id| u32::try_from(id).ok()).ok_or_else(invalid);
            match key.as_slice() {
                b"path" | b"linkpath" | b"size" | b"uid" | b"gid" | b"mtime" if value.is_empty() => {}
                b"path" => self.name = value,
                b"linkpath" => *target = Some(value),
                b"size" => self.size = number().ok_or_else(invalid)?,
                b"uid" => metadata.uid = id()?,
                b"gid" => metadata.gid = id()?,
                b"mtime" => {
                    (metadata.mtime, metadata.mtime_nanos) = pax::parse_time(&value).ok_or_else(invalid)?;
                }
                key => {
                    if let Some(attribute) = key.strip_prefix(b"SCHILY.xattr.") {
                        xattrs.push((attribute.to_vec(), value));
                    } else if key.starts_with(b"GNU.sparse.") && !self.sparse.record(key, &value) {
                        return Err(invalid());
                    }
                }
            }
        }
        metadata.xattrs = xattrs.into_iter().collect::<Xattrs>();
        Ok(())
    }
}

fn form(header: &Header, name: &[u8], target: Option<Vec<u8>>) -> Result<Form, String> {
    let device = |make: fn(u32, u32) -> RawKind| {
        let number = |value: io::Result<Option<u32>>| value.ok().flatten().unwrap_or(0);
        Form::Bare(make(number(header.device_major()), number(header.device_minor())))
    };
    Ok(match header.entry_type() {
        // Before ustar, a directory was a file whose name ends with a slash.
        EntryType::Regular if header.as_old().linkflag[0] == 0 && name.ends_with(b"/") => {
            Form::WithBytes(RawKind::Directory)
        }
        EntryType::Regular | EntryType::Continuous => Form::WithBytes(RawKind::File),
        EntryType::GNUSparse => Form::GnuSparse,
        EntryType::Directory => Form::Bare(RawKind::Directory),
        // POSIX lets a hard link carry the bytes once more. Neither GNU tar nor Go expects them, whatever the size says.
        EntryType::Link => Form::Bare(RawKind::HardLink(target.ok_or("a hard link without a target")?)),
        EntryType::Symlink => Form::Bare(RawKind::Symlink(target.ok_or("a symbolic link without a target")?)),
        EntryType::Char => device(RawKind::CharDevice),
        EntryType::Block => device(RawKind::BlockDevice),
        EntryType::Fifo => Form::Bare(RawKind::Fifo),
        other => return Err(format!("unknown type `{}`", other.as_byte().escape_ascii())),
    })
}
