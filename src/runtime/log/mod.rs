//! What a container has written, line by line.
//!
//! ```json
//! {"log":"hello\n","stream":"stdout","time":"2026-11-28T12:00:00.123456789Z"}
//! ```
//!
//! The form is that of Docker's `json-file` driver, so that other tools can read it: an entry for each line, and for each piece of a line
//! that is longer than 16 KiB. Bytes that are not UTF-8 are written as U+FFFD, as there.
//!
//! A file that is full becomes `log.json.1`, that one `log.json.2`, and so on; the oldest is removed. Who reads follows the file that it has open,
//! and goes on with the next newer one when there is nothing left in it.

mod reader;

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Error;
use super::care::{Driver, LogOptions};
use crate::container::Stream;
use crate::world::Clock;

pub(crate) use reader::Reader;

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
    /// `None` where nothing is kept.
    file: Option<File>,
    /// How much is in it.
    size: u64,
    /// Whether its last line is not whole: a monitor was killed while it wrote, or the disk was full.
    is_torn: bool,
    path: PathBuf,
    options: LogOptions,
    clock: Clock,
    /// What was written of a line that has not ended yet.
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Writer {
    /// Goes on with the log in a container's folder.
    pub(super) fn open(folder: &Path, clock: Clock, options: &LogOptions) -> Result<Writer, Error> {
        let path = path(folder);
        let file = match options.driver {
            Driver::None => None,
            Driver::JsonFile | Driver::Local => Some(append(&path).map_err(Error::io("open", &path))?),
        };
        let size = file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |found| found.len());
        let options = options.clone();
        let is_torn = size > 0 && !ends_with_a_line(&path);
        Ok(Writer { file, size, is_torn, path, options, clock, stdout: Vec::new(), stderr: Vec::new() })
    }

    /// Adds entries, in a new file where this one would become too large.
    fn write(&mut self, entries: &[u8]) {
        let added = entries.len() as u64;
        if self.size > 0 && self.size + added > self.options.max_size && self.file.is_some() {
            rotate(&self.path, self.options.max_files);
            // Where there can't be a new one, the old one goes on.
            if let Ok(file) = append(&self.path) {
                (self.file, self.size, self.is_torn) = (Some(file), 0, false);
            }
        }
        let Some(file) = &mut self.file else { return };
        if entries.is_empty() || (self.is_torn && file.write_all(b"\n").is_err()) {
            return;
        }
        self.is_torn = file.write_all(entries).is_err();
        self.size += added;
    }

    /// Adds a piece of output. A log that can't be written stops no container.
    pub(super) fn add(&mut self, stream: Stream, bytes: &[u8]) {
        let mut pending = std::mem::take(self.pending(stream));
        pending.extend_from_slice(bytes);
        let mut begin = 0;
        let mut entries = Vec::new();
        while let Some(length) = line(&pending[begin..]) {
            let whole = entries.len();
            entry(&mut entries, &self.clock, stream, &pending[begin..begin + length]);
            begin += length;
            if self.size + entries.len() as u64 > self.options.max_size {
                self.write(&entries[..whole]);
                entries.drain(..whole);
            }
        }
        self.write(&entries);
        pending.drain(..begin);
        *self.pending(stream) = pending;
    }

    fn pending(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
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
        self.write(&entries);
    }
}

fn ends_with_a_line(path: &Path) -> bool {
    let mut last = [0];
    let end = read(path).and_then(|mut file| file.seek(SeekFrom::End(-1)).and_then(|_| file.read_exact(&mut last)));
    end.is_ok() && last == *b"\n"
}

fn append(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o640).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    options.open(path)
}

/// The file's older ones: `.1` is the newest of them.
fn older(path: &Path, number: u32) -> PathBuf {
    if number == 0 { path.to_path_buf() } else { path.with_extension(format!("json.{number}")) }
}

/// Makes room for a new file, of `most` in all.
fn rotate(path: &Path, most: u32) {
    // Those behind the first that is not there need no new name.
    let there = (0..most).take_while(|number| older(path, *number).exists()).last();
    for number in (0..=there.unwrap_or(0)).rev() {
        let from = older(path, number);
        let _ = if number + 1 < most { fs::rename(&from, older(path, number + 1)) } else { fs::remove_file(&from) };
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

fn read(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_files_are_put_aside_and_read_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let options = LogOptions { max_size: 300, max_files: 3, ..LogOptions::default() };
        let mut writer = Writer::open(folder.path(), Clock::stopped(0), &options).unwrap();
        writer.add(Stream::Stdout, b"0\n");
        let mut follower = Reader::open(folder.path()).unwrap().unwrap();
        let rest = |reader: &mut Reader| {
            std::iter::from_fn(|| reader.next().unwrap()).map(|entry| entry.text).collect::<String>()
        };
        assert_eq!(rest(&mut follower), "0\n");
        for number in 1..6 {
            writer.add(Stream::Stdout, format!("{number}\n").as_bytes());
        }
        assert_eq!(rest(&mut follower), "1\n2\n3\n4\n5\n");
        for number in 6..100 {
            writer.add(Stream::Stdout, format!("{number}\n").as_bytes());
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
        let kept = rest(&mut Reader::open(folder.path()).unwrap().unwrap());
        assert!(kept.ends_with("\n98\n99\n") && kept.lines().count() < 20, "{kept}");
        // Who is far behind reads what it has open to its end, loses what was removed, and goes on with the oldest that is left.
        assert_eq!(rest(&mut follower), format!("6\n7\n{kept}"));
        let nothing = LogOptions { driver: Driver::None, ..LogOptions::default() };
        let empty = tempfile::tempdir().unwrap();
        Writer::open(empty.path(), Clock::stopped(0), &nothing).unwrap().add(Stream::Stdout, b"lost\n");
        assert!(Reader::open(empty.path()).unwrap().is_none());
    }

    #[test]
    fn a_torn_line_hides_nothing_that_comes_after_it() {
        let folder = tempfile::tempdir().unwrap();
        // So many files that whoever tries all their names does not come to an end.
        let options = LogOptions { max_size: 300, max_files: u32::MAX, ..LogOptions::default() };
        let open = || Writer::open(folder.path(), Clock::stopped(0), &options).unwrap();
        let tear = || {
            let mut file = OpenOptions::new().append(true).open(path(folder.path())).unwrap();
            file.write_all(b"{\"log\":\"to").unwrap();
        };
        open().add(Stream::Stdout, b"a\n");
        tear();
        let mut writer = open();
        writer.add(Stream::Stdout, b"b\n");
        tear();
        for number in 0..9 {
            writer.add(Stream::Stdout, format!("{number}\n").as_bytes());
        }
        let mut reader = Reader::open(folder.path()).unwrap().unwrap();
        let all: String = std::iter::from_fn(|| reader.next().unwrap()).map(|entry| entry.text).collect();
        assert!(all.starts_with("a\nb\n") && all.ends_with("1\n2\n3\n4\n5\n6\n7\n8\n"), "{all}");
    }

    #[test]
    fn a_name_that_is_missing_hides_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let options = LogOptions { max_size: 100, max_files: 20, ..LogOptions::default() };
        let mut writer = Writer::open(folder.path(), Clock::stopped(0), &options).unwrap();
        (0..10).for_each(|number| writer.add(Stream::Stdout, format!("{number}\n").as_bytes()));
        let all = || {
            let mut reader = Reader::open(folder.path()).unwrap().unwrap();
            std::iter::from_fn(|| reader.next().unwrap()).map(|entry| entry.text.replace('\n', "")).collect::<String>()
        };
        assert_eq!(all(), "0123456789");
        // As when somebody is killed while the files get new names.
        let path = path(folder.path());
        fs::rename(older(&path, 9), older(&path, 10)).unwrap();
        fs::rename(&path, folder.path().join("kept")).unwrap();
        assert_eq!(all(), "012345678");
        fs::rename(folder.path().join("kept"), &path).unwrap();
        (10..12).for_each(|number| writer.add(Stream::Stdout, format!("{number}\n").as_bytes()));
        assert_eq!(all(), "01234567891011");
    }

    #[test]
    fn lines_become_entries() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::stopped(0);
        assert!(Reader::open(folder.path()).unwrap().is_none());
        let mut writer = Writer::open(folder.path(), clock, &LogOptions::default()).unwrap();
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
