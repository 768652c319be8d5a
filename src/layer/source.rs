//! Where the bytes of an archive come from: a file, in which contents can be skipped, or a stream.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

/// Bytes that can be read in order, and skipped.
pub(crate) trait Source: Read {
    /// Skips bytes, and returns how many there were: fewer only at the end.
    fn skip(&mut self, count: u64) -> io::Result<u64>;
}

/// An archive in a file: contents are skipped without reading them.
pub(crate) struct FileSource {
    file: File,
    length: u64,
    /// The file's bytes from `start` on that were read ahead.
    window: Vec<u8>,
    start: u64,
    position: u64,
}

impl FileSource {
    const WINDOW: usize = 64 << 10;

    /// Begins at the start of the file.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub(crate) fn new(file: File) -> io::Result<FileSource> {
        let length = file.metadata()?.len();
        Ok(FileSource { file, length, window: Vec::new(), start: 0, position: 0 })
    }
}

impl Read for FileSource {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let end = self.start + self.window.len() as u64;
        if !(self.start..end).contains(&self.position) {
            if buffer.len() >= FileSource::WINDOW {
                let count = self.file.read_at(buffer, self.position)?;
                self.position += count as u64;
                return Ok(count);
            }
            self.window.resize(FileSource::WINDOW, 0);
            let count = self.file.read_at(&mut self.window, self.position);
            self.window.truncate(*count.as_ref().unwrap_or(&0));
            self.start = self.position;
            count?;
        }
        let from = usize::try_from(self.position - self.start).expect("the position is inside the window");
        let count = (&self.window[from..]).read(buffer)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Source for FileSource {
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        let skipped = count.min(self.length.saturating_sub(self.position));
        self.position += skipped;
        Ok(skipped)
    }
}

/// An archive that comes as a stream: skipping reads.
pub(crate) struct StreamSource<R>(pub(crate) R);

impl<R: Read> Read for StreamSource<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R: Read> Source for StreamSource<R> {
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        io::copy(&mut (&mut self.0).take(count), &mut io::sink())
    }
}

/// Reads until the buffer is full or the source ends, and returns how much there was.
pub(super) fn read_full(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
