//! Reading an archive: its entries one after the other, contents skipped unless asked for.
//!
//! Formats: old (v7), ustar, PAX, and GNU with long names and sparse files. The headers are those of the `tar` crate; the
//! walk over them is here, because a layer needs what the crate's own iterator can't give: extended attributes with
//! binary values, every sparse format, and offsets that hold while contents are skipped.
//!
//! Nothing that an archive says is believed beyond its own bounds: sizes are checked against what is there, extension
//! headers are limited in size, names must be free of zeros.

use std::io::{self, Read};

use tar::{EntryType, Header};

use super::source::{Source, read_full};
use super::{Error, pax, sparse};
use crate::tree::{Metadata, TreePath, Xattrs};

pub(super) const BLOCK: u64 = 512;
/// The largest extension header that is accepted; real ones have some kilobytes.
const LARGEST_EXTENSION: u64 = 1 << 20;
/// The longest path that the kernel accepts.
pub(super) const LONGEST_PATH: usize = 4096;

/// One entry of an archive, as it is written there.
#[derive(Debug, Clone)]
pub struct RawEntry {
    /// The name, not cleaned.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: RawKind,
    /// Owner, mode, time, extended attributes.
    pub metadata: Metadata,
    /// Where the stored bytes begin in the uncompressed archive.
    pub offset: u64,
    /// How many bytes are stored.
    pub stored: u64,
}

/// The kind of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawKind {
    /// A directory.
    Directory,
    /// A regular file; its bytes are stored as they are.
    File,
    /// A regular file of which only the parts that are not zero are stored.
    Sparse(sparse::Map),
    /// Another name of a file; the target is a name in the archive.
    HardLink(Vec<u8>),
    /// A symbolic link.
    Symlink(Vec<u8>),
    /// A character device.
    CharDevice(u32, u32),
    /// A block device.
    BlockDevice(u32, u32),
    /// A named pipe.
    Fifo,
}

/// An archive that is being read.
pub struct Entries<S> {
    source: S,
    name: String,
    /// How much of the archive was read or skipped.
    position: u64,
    /// Stored bytes of the current entry that were not read yet, without padding.
    rest: u64,
    /// The padding after them.
    padding: u64,
    done: bool,
}

impl<S: Source> Entries<S> {
    /// Begins at the start of an archive; `name` is for messages.
    pub fn new(source: S, name: &str) -> Entries<S> {
        Entries { source, name: name.to_string(), position: 0, rest: 0, padding: 0, done: false }
    }

    /// The next entry; `None` at the end of the archive. What was not read of the entry before is skipped.
    pub fn next_entry(&mut self) -> Result<Option<RawEntry>, Error> {
        let mut extensions = Extensions::default();
        loop {
            let Some(header) = self.next_header()? else {
                if extensions.is_empty() {
                    return Ok(None);
                }
                return Err(self.broken("it ends after an extension header"));
            };
            let size = header.entry_size().map_err(|error| self.broken(error))?;
            match header.entry_type() {
                EntryType::XHeader => {
                    let body = self.read_extension(size)?;
                    let records = pax::parse(&body).ok_or_else(|| self.broken("malformed extended header"))?;
                    extensions.records.extend(records);
                }
                EntryType::GNULongName => extensions.name = Some(without_zeros(self.read_extension(size)?)),
                EntryType::GNULongLink => extensions.target = Some(without_zeros(self.read_extension(size)?)),
                // Defaults for all entries; other tools ignore them in layers as well.
                EntryType::XGlobalHeader => self.enter(size)?,
                _ => return self.entry(&header, extensions, size).map(Some),
            }
        }
    }

    /// The bytes of the current entry, as they are stored.
    pub fn content(&mut self) -> StoredContent<'_, S> {
        StoredContent { entries: self }
    }

    /// The archive, wherever it was read to.
    pub fn into_source(self) -> S {
        self.source
    }

    fn entry(&mut self, header: &Header, extensions: Extensions, mut size: u64) -> Result<RawEntry, Error> {
        let mut metadata = Metadata::root_owned(header.mode().map_err(|error| self.broken(error))? & 0o7777);
        let id = |value: io::Result<u64>| value.ok().and_then(|value| u32::try_from(value).ok());
        metadata.uid = id(header.uid()).unwrap_or(0);
        metadata.gid = id(header.gid()).unwrap_or(0);
        // The crate gives the bits of a negative time, too.
        metadata.mtime = header.mtime().unwrap_or(0).cast_signed();
        let mut name = extensions.name.unwrap_or_else(|| header.path_bytes().into_owned());
        let mut target = extensions.target.or_else(|| header.link_name_bytes().map(|target| target.into_owned()));
        let mut xattrs = Vec::new();
        let mut map = sparse::PaxMap::default();
        for (key, value) in extensions.records {
            let number = || std::str::from_utf8(&value).ok().and_then(|text| text.parse::<u64>().ok());
            let invalid = || self.broken(format!("invalid value of `{}`", String::from_utf8_lossy(&key)));
            match key.as_slice() {
                // An empty value takes a setting back.
                b"path" if !value.is_empty() => name = value,
                b"linkpath" if !value.is_empty() => target = Some(value),
                b"size" => size = number().ok_or_else(invalid)?,
                b"uid" => metadata.uid = number().and_then(|id| u32::try_from(id).ok()).ok_or_else(invalid)?,
                b"gid" => metadata.gid = number().and_then(|id| u32::try_from(id).ok()).ok_or_else(invalid)?,
                b"mtime" => {
                    (metadata.mtime, metadata.mtime_nanos) = pax::parse_time(&value).ok_or_else(invalid)?;
                }
                key => {
                    if let Some(attribute) = key.strip_prefix(b"SCHILY.xattr.") {
                        xattrs.push((attribute.to_vec(), value));
                    } else if key.starts_with(b"GNU.sparse.") && !map.record(key, &value) {
                        return Err(invalid());
                    }
                }
            }
        }
        metadata.xattrs = xattrs.into_iter().collect::<Xattrs>();
        if let Some(real_name) = map.take_name() {
            name = real_name;
        }
        if name.contains(&0) || target.as_ref().is_some_and(|target| target.contains(&0)) {
            return Err(self.broken("a name with a zero byte in it"));
        }
        if name.len() > LONGEST_PATH || target.as_ref().is_some_and(|target| target.len() > LONGEST_PATH) {
            return Err(self.broken(format!("a name of more than {LONGEST_PATH} bytes")));
        }
        let path = TreePath::new(&name);
        let wrong = |reason: &str| Error::Entry { path: path.clone(), reason: reason.to_string() };
        let device = || {
            let number = |value: io::Result<Option<u32>>| value.ok().flatten().unwrap_or(0);
            (number(header.device_major()), number(header.device_minor()))
        };
        let kind = match header.entry_type() {
            // Before ustar, a directory was a file whose name ends with a slash.
            EntryType::Regular | EntryType::Continuous if name.ends_with(b"/") => RawKind::Directory,
            EntryType::Regular | EntryType::Continuous => RawKind::File,
            EntryType::GNUSparse => RawKind::Sparse(sparse::Map::default()),
            EntryType::Directory => RawKind::Directory,
            EntryType::Link => RawKind::HardLink(target.ok_or_else(|| wrong("a hard link without a target"))?),
            EntryType::Symlink => RawKind::Symlink(target.ok_or_else(|| wrong("a symbolic link without a target"))?),
            EntryType::Char => RawKind::CharDevice(device().0, device().1),
            EntryType::Block => RawKind::BlockDevice(device().0, device().1),
            EntryType::Fifo => RawKind::Fifo,
            other => {
                return Err(wrong(&format!("unknown type `{}`", other.as_byte().escape_ascii())));
            }
        };
        let kind = match kind {
            RawKind::Sparse(_) => RawKind::Sparse(self.gnu_sparse(header, size)?),
            RawKind::File => {
                self.enter(size)?;
                match map.finish(size, &mut self.content()) {
                    Ok(None) => RawKind::File,
                    Ok(Some(map)) => RawKind::Sparse(map),
                    Err(error) => {
                        return Err(Error::Entry { path, reason: error.to_string() });
                    }
                }
            }
            // A link with a size has the bytes once more, as POSIX allows; other kinds have none.
            RawKind::HardLink(_) => {
                self.enter(size)?;
                kind
            }
            _ => {
                self.enter(0)?;
                kind
            }
        };
        // Checked for sizes of the other kinds as well: a header that lies would shift all that follow.
        Ok(RawEntry { name, kind, metadata, offset: self.position, stored: self.rest })
    }

    /// Reads the map of GNU's old sparse format, which lies between the header and the bytes.
    fn gnu_sparse(&mut self, header: &Header, size: u64) -> Result<sparse::Map, Error> {
        let gnu = header.as_gnu().ok_or_else(|| self.broken("a sparse file without a GNU header"))?;
        let mut map = sparse::Map::gnu(gnu).map_err(|error| self.broken(error))?;
        let mut more = gnu.is_extended();
        while more {
            let mut extension = tar::GnuExtSparseHeader::new();
            self.source.read_exact(extension.as_mut_bytes()).map_err(|error| self.broken(error))?;
            self.position += BLOCK;
            map.extend_gnu(&extension).map_err(|error| self.broken(error))?;
            more = extension.is_extended();
        }
        map.check(size).map_err(|error| self.broken(error))?;
        self.enter(size)?;
        Ok(map)
    }

    /// Reads the next header; `None` at an empty block, or where the archive ends without one.
    fn next_header(&mut self) -> Result<Option<Header>, Error> {
        if self.done {
            return Ok(None);
        }
        let pending = self.rest + self.padding;
        self.source.skip(pending).map_err(|error| self.broken(error))?;
        self.position += pending;
        (self.rest, self.padding) = (0, 0);
        let mut header = Header::new_old();
        let count = read_full(&mut self.source, header.as_mut_bytes()).map_err(|error| self.broken(error))?;
        if count == 0 || (count == BLOCK as usize && header.as_bytes().iter().all(|byte| *byte == 0)) {
            self.done = true;
            return Ok(None);
        }
        if count < BLOCK as usize {
            return Err(self.broken("it ends in the middle of a header"));
        }
        self.position += BLOCK;
        let mut copy = header.clone();
        copy.set_cksum();
        if !header.cksum().is_ok_and(|written| copy.cksum().is_ok_and(|computed| computed == written)) {
            return Err(self.broken("a header has a wrong checksum"));
        }
        Ok(Some(header))
    }

    /// Begins the stored bytes of an entry.
    fn enter(&mut self, size: u64) -> Result<(), Error> {
        if size > i64::MAX as u64 - BLOCK {
            return Err(self.broken("an entry has an impossible size"));
        }
        self.rest = size;
        self.padding = size.next_multiple_of(BLOCK) - size;
        Ok(())
    }

    fn read_extension(&mut self, size: u64) -> Result<Vec<u8>, Error> {
        if size > LARGEST_EXTENSION {
            return Err(self.broken("an extension header is too large"));
        }
        self.enter(size)?;
        let mut body = Vec::new();
        self.content().read_to_end(&mut body).map_err(|error| self.broken(error))?;
        Ok(body)
    }

    fn broken(&self, reason: impl std::fmt::Display) -> Error {
        Error::Archive { name: self.name.clone(), reason: reason.to_string() }
    }
}

/// What extension headers say about the entry that follows.
#[derive(Default)]
struct Extensions {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    records: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Extensions {
    fn is_empty(&self) -> bool {
        self.name.is_none() && self.target.is_none() && self.records.is_empty()
    }
}

/// The stored bytes of the current entry; that the archive ends before them is an error.
pub struct StoredContent<'a, S> {
    entries: &'a mut Entries<S>,
}

impl<S: Source> Read for StoredContent<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.entries.rest).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        let count = self.entries.source.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends in the middle of a file"));
        }
        self.entries.rest -= count as u64;
        self.entries.position += count as u64;
        Ok(count)
    }
}

/// GNU's long names end with a zero that is counted.
fn without_zeros(mut name: Vec<u8>) -> Vec<u8> {
    if let Some(end) = name.iter().position(|byte| *byte == 0) {
        name.truncate(end);
    }
    name
}
