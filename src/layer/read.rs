//! Reading an archive: its entries one after the other, contents skipped unless asked for.
//!
//! Formats: old (v7), ustar, PAX, and GNU with long names and sparse files. The headers are those of the `tar` crate; the
//! walk over them is here, because a layer needs what the crate's own iterator lacks: extended attributes with
//! binary values, every sparse format, and offsets that hold while contents are skipped.
//!
//! An archive is not trusted about its own size: sizes are checked against what is there, and everything that takes
//! memory or disk space is counted against the [`Limits`]. What a header means is in `header.rs`.

use std::fs::File;
use std::io::{self, Read};

use tar::{EntryType, Header};

use super::entry::{RawEntry, RawKind};
use super::header::{Extensions, Form, describe};
use super::limits::{Budget, Exceeded, Limits};
use super::source::{Source, read_full};
use super::ustar::BLOCK;
use super::{Error, header, pax, sparse};
use crate::tree::TreePath;

/// An archive that is being read.
pub(crate) struct Entries<S> {
    source: S,
    name: String,
    budget: Budget,
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
    pub(crate) fn new(source: S, name: &str, limits: &Limits) -> Entries<S> {
        let budget = Budget::new(limits);
        Entries { source, name: name.to_string(), budget, position: 0, rest: 0, padding: 0, done: false }
    }

    /// The next entry; `None` at the end of the archive. What was not read of the entry before is skipped.
    ///
    /// # Errors
    /// [`Error::Archive`], [`Error::Entry`] or [`Error::Limit`] for an archive that is broken or asks for too much, [`Error::Unreadable`] for what the kernel refuses.
    pub(crate) fn next_entry(&mut self) -> Result<Option<RawEntry>, Error> {
        let mut extensions = Extensions::default();
        loop {
            let Some(header) = self.next_header()? else {
                if extensions.size == 0 {
                    return Ok(None);
                }
                return Err(self.broken("it ends after an extension header"));
            };
            let size = header::size(&header).map_err(|reason| self.broken(reason))?;
            match header.entry_type() {
                EntryType::XHeader => {
                    let body = self.read_extension(&mut extensions, size)?;
                    let records = pax::parse(&body).ok_or_else(|| self.broken("malformed extended header"))?;
                    extensions.records.extend(records);
                }
                EntryType::GNULongName => {
                    extensions.name = Some(without_zeros(self.read_extension(&mut extensions, size)?));
                }
                EntryType::GNULongLink => {
                    extensions.target = Some(without_zeros(self.read_extension(&mut extensions, size)?));
                }
                // Defaults for all entries; other tools ignore them in layers as well.
                EntryType::XGlobalHeader => self.enter(size)?,
                _ => return self.entry(&header, extensions).map(Some),
            }
        }
    }

    /// The bytes of the current entry, as they are stored.
    pub(crate) fn content(&mut self) -> StoredContent<'_, S> {
        StoredContent { entries: self }
    }

    /// Writes the bytes of the current entry to a file that has none, with the holes that it is to have. Gives their number; a kind of
    /// entry that has no bytes has none.
    ///
    /// # Errors
    /// The archive ends before them, or the kernel refuses something.
    pub(crate) fn write_to(&mut self, kind: &RawKind, file: &mut File) -> io::Result<u64> {
        match kind {
            RawKind::File => io::copy(&mut self.content(), file),
            RawKind::Sparse(map) => {
                file.set_len(map.size)?;
                sparse::lay_out(map, &mut self.content(), file, 0)?;
                Ok(map.size)
            }
            RawKind::Directory
            | RawKind::HardLink(_)
            | RawKind::Symlink(_)
            | RawKind::CharDevice(..)
            | RawKind::BlockDevice(..)
            | RawKind::Fifo => Ok(0),
        }
    }

    /// Reads what comes behind the end, so that nobody who writes it is told that we have gone.
    pub(crate) fn drain(mut self) {
        let _ = io::copy(&mut self.source, &mut io::sink());
    }

    /// Where the archive comes from.
    pub(super) fn source(&mut self) -> &mut S {
        &mut self.source
    }

    /// How many stored bytes of the current entry were not read yet.
    pub(super) fn stored(&self) -> u64 {
        self.rest
    }

    fn entry(&mut self, header: &Header, extensions: Extensions) -> Result<RawEntry, Error> {
        let described = describe(header, extensions).map_err(|wrong| match wrong.name {
            Some(name) => Error::Entry { path: TreePath::new(name), reason: wrong.reason },
            None => self.broken(wrong.reason),
        })?;
        let (name, size) = (described.name, described.size);
        let kind = match described.kind {
            Form::Bare(kind) => {
                self.enter(0)?;
                kind
            }
            Form::GnuSparse => RawKind::Sparse(self.gnu_sparse(header, size)?),
            Form::WithBytes(kind) => {
                self.enter(size)?;
                match described.sparse.finish(size, &mut self.content()) {
                    Ok(Some(map)) if kind == RawKind::File => RawKind::Sparse(map),
                    Ok(_) => kind,
                    Err(error) if error.raw_os_error().is_some() => return Err(self.unreadable(error)),
                    Err(error) => {
                        let path = TreePath::new(&name);
                        return Err(Error::Entry { path, reason: error.to_string() });
                    }
                }
            }
        };
        let counted = match &kind {
            RawKind::File => self.budget.size(self.rest),
            RawKind::Sparse(map) => {
                let position = self.position + self.rest;
                self.budget.sparse(map.size, position).and_then(|()| self.budget.entries(map.parts.len()))
            }
            _ => Ok(()),
        };
        let entries = 1 + described.metadata.xattrs.iter().count();
        counted.and_then(|()| self.budget.entries(entries)).map_err(|exceeded| self.exceeded(exceeded))?;
        Ok(RawEntry { name, kind, metadata: described.metadata, offset: self.position, stored: self.rest })
    }

    /// Reads the map of GNU's old sparse format, which lies between the header and the bytes.
    fn gnu_sparse(&mut self, header: &Header, size: u64) -> Result<sparse::Map, Error> {
        let gnu = header.as_gnu().ok_or_else(|| self.broken("a sparse file without a GNU header"))?;
        let mut map = sparse::Map::gnu(gnu).map_err(|error| self.broken(error))?;
        let mut more = gnu.is_extended();
        while more {
            let mut extension = tar::GnuExtSparseHeader::new();
            self.source.read_exact(extension.as_mut_bytes()).map_err(|error| self.unreadable(error))?;
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
        if self.done || !self.skip_rest()? {
            self.done = true;
            return Ok(None);
        }
        let Some(header) = self.next_block()? else {
            return Ok(None);
        };
        if is_empty(&header) {
            self.done = true;
            // Two of them end an archive. Who reads on after one would see other entries than who does not.
            return match self.next_block()? {
                Some(second) if !is_empty(&second) => Err(self.broken("an empty block, and more after it")),
                _ => Ok(None),
            };
        }
        let mut copy = header.clone();
        copy.set_cksum();
        if !header.cksum().is_ok_and(|written| copy.cksum().is_ok_and(|computed| computed == written)) {
            return Err(self.broken("a header has a wrong checksum"));
        }
        Ok(Some(header))
    }

    /// Skips what is left of the entry, and says whether the archive goes on: it may end within the last padding.
    fn skip_rest(&mut self) -> Result<bool, Error> {
        let skipped = self.source.skip(self.rest).map_err(|error| self.unreadable(error))?;
        if skipped < self.rest {
            return Err(self.broken("it ends in the middle of a file"));
        }
        let padding = self.source.skip(self.padding).map_err(|error| self.unreadable(error))?;
        let is_whole = padding == self.padding;
        self.position += skipped + padding;
        (self.rest, self.padding) = (0, 0);
        Ok(is_whole)
    }

    fn next_block(&mut self) -> Result<Option<Header>, Error> {
        let mut header = Header::new_old();
        let count = read_full(&mut self.source, header.as_mut_bytes()).map_err(|error| self.unreadable(error))?;
        self.position += count as u64;
        match count as u64 {
            0 => Ok(None),
            BLOCK => Ok(Some(header)),
            _ => Err(self.broken("it ends in the middle of a header")),
        }
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

    fn read_extension(&mut self, extensions: &mut Extensions, size: u64) -> Result<Vec<u8>, Error> {
        self.budget.header(extensions.size, size).map_err(|exceeded| self.exceeded(exceeded))?;
        // An empty one counts too: it must not stand at the end.
        extensions.size += size.max(1);
        self.enter(size)?;
        let mut body = Vec::new();
        self.content().read_to_end(&mut body).map_err(|error| self.unreadable(error))?;
        Ok(body)
    }

    fn broken(&self, reason: impl std::fmt::Display) -> Error {
        Error::Archive { name: self.name.clone(), reason: reason.to_string() }
    }

    pub(super) fn unreadable(&self, error: io::Error) -> Error {
        Error::unreadable(&self.name, error)
    }

    fn exceeded(&self, exceeded: Exceeded) -> Error {
        Error::Limit { name: self.name.clone(), exceeded }
    }
}

fn is_empty(block: &Header) -> bool {
    block.as_bytes().iter().all(|byte| *byte == 0)
}

/// The stored bytes of the current entry; that the archive ends before them is an error.
pub(crate) struct StoredContent<'a, S> {
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
