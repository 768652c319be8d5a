//! Where the bytes of an archive go: into a blob of the store, to somebody who reads them, nowhere.

use std::io::{self, Read, Write};
use std::path::Path;

use crate::store::BlobWriter;

/// A place for an archive.
pub trait Sink {
    /// Whether the bytes of files are of any use to it.
    const TAKES_FILES: bool;

    /// Writes everything.
    ///
    /// # Errors
    /// What the place says.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Copies at most `limit` bytes from a reader, and returns how many there were: fewer only if the reader came to its end.
    ///
    /// # Errors
    /// What the reader and the place say.
    fn copy_from(&mut self, reader: &mut dyn Read, limit: u64) -> io::Result<u64>;

    /// What it is called in messages.
    fn path(&self) -> &Path;
}

impl Sink for BlobWriter {
    const TAKES_FILES: bool = true;

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        Write::write_all(self, bytes)
    }

    fn copy_from(&mut self, reader: &mut dyn Read, limit: u64) -> io::Result<u64> {
        BlobWriter::copy_from(self, reader, limit)
    }

    fn path(&self) -> &Path {
        BlobWriter::path(self)
    }
}

/// Somebody who reads the archive while it is written.
pub(crate) struct Stream<'o> {
    /// Where the bytes go.
    pub(crate) out: Box<dyn Write + 'o>,
}

impl Sink for Stream<'_> {
    const TAKES_FILES: bool = true;

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    fn copy_from(&mut self, reader: &mut dyn Read, limit: u64) -> io::Result<u64> {
        io::copy(&mut reader.take(limit), &mut self.out)
    }

    fn path(&self) -> &Path {
        Path::new("the archive")
    }
}

/// Nobody wants the archive, only to know what would be in it.
pub(crate) struct Nowhere;

impl Sink for Nowhere {
    const TAKES_FILES: bool = false;

    fn write_all(&mut self, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn copy_from(&mut self, _reader: &mut dyn Read, limit: u64) -> io::Result<u64> {
        Ok(limit)
    }

    fn path(&self) -> &Path {
        Path::new("nowhere")
    }
}
