//! What a container has written, line by line.
//!
//! ```json
//! {"log":"hello\n","stream":"stdout","time":"2026-11-28T12:00:00.123456789Z"}
//! ```
//!
//! The form is that of Docker's `json-file` driver, so that other tools can read it: an entry for each line, and for each piece of a line
//! that is longer than 16 KiB. Bytes that are not UTF-8 are written as U+FFFD, as there.
//!
//! Left out: rotation.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Error;
use crate::container::Stream;
use crate::world::Clock;

/// The name of the file in a container's folder.
const FILE: &str = "log.json";

/// No entry is longer.
const LONGEST: usize = 16 << 10;

/// No line of the file is longer: an entry with every byte written as an escape, and its time.
const LONGEST_LINE: usize = 8 * LONGEST;

/// One line, or a piece of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The text; it ends with a line feed, unless the line goes on in the next entry of the stream.
    #[serde(rename = "log")]
    pub(crate) text: String,
    pub(crate) stream: StreamName,
    /// RFC 3339 with nanoseconds.
    pub(crate) time: String,
}

/// [`Stream`], as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StreamName {
    Stdout,
    Stderr,
}

impl From<Stream> for StreamName {
    fn from(stream: Stream) -> StreamName {
        match stream {
            Stream::Stdout => StreamName::Stdout,
            Stream::Stderr => StreamName::Stderr,
        }
    }
}

/// The log of a container that runs.
pub(super) struct Writer {
    file: File,
    clock: Clock,
    /// What was written of a line that has not ended yet.
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Writer {
    /// Goes on with the log in a container's folder.
    pub(super) fn open(folder: &Path, clock: Clock) -> Result<Writer, Error> {
        let path = path(folder);
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o640).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        let file = options.open(&path).map_err(Error::io("open", &path))?;
        Ok(Writer { file, clock, stdout: Vec::new(), stderr: Vec::new() })
    }

    /// Adds a piece of output. A log that can't be written stops no container.
    pub(super) fn add(&mut self, stream: Stream, bytes: &[u8]) {
        let pending = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        pending.extend_from_slice(bytes);
        let mut begin = 0;
        let mut entries = Vec::new();
        while let Some(length) = line(&pending[begin..]) {
            entry(&mut entries, &self.clock, stream, &pending[begin..begin + length]);
            begin += length;
        }
        pending.drain(..begin);
        let _ = self.file.write_all(&entries);
    }

    /// Writes the rest of lines that have not ended.
    pub(super) fn finish(&mut self) {
        let mut entries = Vec::new();
        for (stream, pending) in [(Stream::Stdout, &mut self.stdout), (Stream::Stderr, &mut self.stderr)] {
            if !pending.is_empty() {
                entry(&mut entries, &self.clock, stream, pending);
                pending.clear();
            }
        }
        let _ = self.file.write_all(&entries);
    }
}

/// How long the first line is, or the piece of it that makes an entry; `None` for a line that has not ended.
fn line(bytes: &[u8]) -> Option<usize> {
    let within = &bytes[..bytes.len().min(LONGEST)];
    match within.iter().position(|byte| *byte == b'\n') {
        Some(end) => Some(end + 1),
        // Not in the midst of a character, where that is one.
        None if bytes.len() >= LONGEST => Some(LONGEST - split_character(&bytes[..LONGEST])),
        None => None,
    }
}

/// How many bytes at the end are the beginning of a character that goes on.
fn split_character(bytes: &[u8]) -> usize {
    let begun = bytes.iter().rev().take(3).position(|byte| byte & 0xc0 != 0x80).map_or(0, |behind| behind + 1);
    match std::str::from_utf8(&bytes[bytes.len() - begun..]) {
        Err(error) if error.error_len().is_none() => begun,
        Ok(_) | Err(_) => 0,
    }
}

fn entry(entries: &mut Vec<u8>, clock: &Clock, stream: Stream, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let entry = Entry { text, stream: stream.into(), time: clock.rfc3339() };
    // It has strings only.
    let _ = serde_json::to_writer(&mut *entries, &entry);
    entries.push(b'\n');
}

/// Where the log is in a container's folder.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// A log that is read.
pub(crate) struct Reader {
    file: BufReader<File>,
    /// The beginning of an entry that was not whole yet.
    pending: Vec<u8>,
}

impl Reader {
    /// Opens the log in a container's folder; `None` where nothing was written yet.
    ///
    /// # Errors
    /// It can't be opened.
    pub(crate) fn open(folder: &Path) -> Result<Option<Reader>, Error> {
        let path = path(folder);
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        match options.open(&path) {
            Ok(file) => Ok(Some(Reader { file: BufReader::new(file), pending: Vec::new() })),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("open", &path)(error)),
        }
    }

    /// The next entry; `None` where there is none yet. What can't be understood is passed over.
    ///
    /// # Errors
    /// It can't be read.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, Error> {
        loop {
            let room = LONGEST_LINE.saturating_sub(self.pending.len());
            let mut within = (&mut self.file).take(room as u64);
            within.read_until(b'\n', &mut self.pending).map_err(Error::io("read", FILE))?;
            let is_whole = self.pending.ends_with(b"\n");
            if !is_whole && self.pending.len() < LONGEST_LINE {
                return Ok(None);
            }
            // The rest of a line that is too long is no entry either.
            let entry = serde_json::from_slice(&self.pending);
            self.pending.clear();
            if let Ok(entry) = entry {
                return Ok(Some(entry));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_entries() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::stopped(0);
        assert!(Reader::open(folder.path()).unwrap().is_none());
        let mut writer = Writer::open(folder.path(), clock).unwrap();
        writer.add(Stream::Stdout, b"one\ntw");
        writer.add(Stream::Stderr, b"oops\n");
        let mut reader = Reader::open(folder.path()).unwrap().unwrap();
        let texts = |reader: &mut Reader| {
            std::iter::from_fn(|| reader.next().unwrap()).map(|entry| entry.text).collect::<Vec<_>>()
        };
        assert_eq!(texts(&mut reader), ["one\n", "oops\n"]);
        writer.add(Stream::Stdout, b"o\n\xff");
        assert_eq!(texts(&mut reader), ["two\n"]);
        writer.finish();
        assert_eq!(texts(&mut reader), ["\u{fffd}"]);
        writer.add(Stream::Stdout, &[b'x'; LONGEST + 1]);
        assert_eq!(texts(&mut reader), ["x".repeat(LONGEST)]);
        // A character stays whole at the bound of an entry; what is none does not matter.
        writer.add(Stream::Stderr, &[&[b'x'; LONGEST - 1][..], "€\n".as_bytes()].concat());
        assert_eq!(texts(&mut reader), ["x".repeat(LONGEST - 1), "€\n".to_owned()]);
        writer.add(Stream::Stderr, &[&[0x80; LONGEST][..], b"\n"].concat());
        assert_eq!(texts(&mut reader).len(), 2);
        // What others have written there is passed over.
        let mut file = OpenOptions::new().append(true).open(path(folder.path())).unwrap();
        file.write_all(&[&b"\xff\n"[..], &vec![b'y'; 3 * LONGEST_LINE], b"\n"].concat()).unwrap();
        writer.add(Stream::Stderr, b"fine\n");
        assert_eq!(texts(&mut reader), ["fine\n"]);
    }
}
