//! Listings: the files that a COPY takes, with every attribute that counts in its key.
//!
//! BuildKit hashes for each file: its path from the name that is copied on, type, mode, owner, size, link target, device
//! numbers, contents and extended attributes; the modification time is left out. A listing is the same as text, so
//! that two of them can be compared file by file, and attribute by attribute. One line per entry, fields separated by one space:
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
//!
//! The text of a large listing waits in a file without a name: nobody looks at it but where a step misses.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use super::Roots;
use crate::oci::{Digest, Hasher};
use crate::tree::name_text;

/// What kind of file an entry is, with what identifies its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    File { size: u64, digest: Digest },
    Directory,
    Symlink { target: Vec<u8> },
    CharDevice { major: u32, minor: u32 },
    BlockDevice { major: u32, minor: u32 },
    Fifo,
}

/// As a person reads it.
impl fmt::Display for EntryKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EntryKind::File { size, .. } => write!(formatter, "file, {size} B"),
            EntryKind::Directory => write!(formatter, "directory"),
            EntryKind::Symlink { target } => write!(formatter, "symbolic link to {}", name_text(target)),
            EntryKind::CharDevice { major, minor } => write!(formatter, "character device {major}:{minor}"),
            EntryKind::BlockDevice { major, minor } => write!(formatter, "block device {major}:{minor}"),
            EntryKind::Fifo => write!(formatter, "fifo"),
        }
    }
}

/// One file of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The name of the source that was found, and what follows below it. The root of a tree has no name: it is `.`, and what
    /// is in it has its path in the tree.
    pub(crate) path: Vec<u8>,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) kind: EntryKind,
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A listing: its digest and its totals, the folders that it is relative to, and its text.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub(crate) roots: Roots,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    digest: Digest,
    text: Arc<Text>,
}

/// A listing as it grows.
#[derive(Default)]
pub(crate) struct Draft {
    files: u64,
    bytes: u64,
    hasher: Hasher,
    /// What is not in the file yet.
    text: Vec<u8>,
    /// What is in the file, and how much.
    spool: Option<(File, u64)>,
}

/// A text, in memory or in a file without a name.
#[derive(Debug)]
enum Text {
    Memory(Vec<u8>),
    Spool { file: File, length: u64 },
}

/// A text that is longer goes to a file piece by piece: 20,000 files have 3 MB, which is not worth a file.
/// A little less than a power of two, to which the memory of a growing text is rounded up.
const MOST_IN_MEMORY: usize = (4 << 20) - (64 << 10);

impl Draft {
    /// Adds one entry; its folder is noted apart. The entries of one source come sorted by path.
    ///
    /// # Errors
    /// Where a long text can't be put into a file.
    pub(crate) fn push(&mut self, entry: &Entry) -> io::Result<()> {
        if !matches!(entry.kind, EntryKind::Directory) {
            self.files += 1;
        }
        if let EntryKind::File { size, .. } = &entry.kind {
            self.bytes += size;
        }
        write_line(&mut self.text, entry);
        if self.text.len() >= MOST_IN_MEMORY { self.spool() } else { Ok(()) }
    }

    /// Ends the listing.
    ///
    /// # Errors
    /// As [`Draft::push`].
    pub(crate) fn finish(mut self, roots: Roots) -> io::Result<Listing> {
        if self.spool.is_some() {
            self.spool()?;
        } else {
            self.hasher.update(&self.text);
            self.text.shrink_to_fit();
        }
        let text = match self.spool {
            None => Text::Memory(self.text),
            Some((file, length)) => Text::Spool { file, length },
        };
        let (files, bytes, digest) = (self.files, self.bytes, self.hasher.finish());
        Ok(Listing { roots, files, bytes, digest, text: Arc::new(text) })
    }

    fn spool(&mut self) -> io::Result<()> {
        self.hasher.update(&self.text);
        let (file, length) = match &mut self.spool {
            Some(spool) => spool,
            none => none.insert((tempfile::tempfile()?, 0)),
        };
        file.write_all_at(&self.text, *length)?;
        *length += self.text.len() as u64;
        self.text.clear();
        Ok(())
    }
}

impl Listing {
    /// The SHA-256 of the text.
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    /// How many bytes the text has.
    pub(crate) fn length(&self) -> u64 {
        match &*self.text {
            Text::Memory(text) => text.len() as u64,
            Text::Spool { length, .. } => *length,
        }
    }

    /// A reader of the text.
    pub(crate) fn reader(&self) -> impl Read + '_ {
        TextReader { text: &self.text, position: 0 }
    }

    /// The entries, read back from the text.
    ///
    /// # Errors
    /// Where it can't be read back.
    pub(crate) fn entries(&self) -> io::Result<Vec<Entry>> {
        let mut text = String::new();
        self.reader().read_to_string(&mut text)?;
        Listing::parse(&text).map_err(|line| io::Error::other(format!("line {line} of a listing can't be read")))
    }

    /// Reads a listing's text back.
    ///
    /// # Errors
    /// The number of the line that is not one.
    pub(crate) fn parse(text: &str) -> Result<Vec<Entry>, usize> {
        text.lines().enumerate().map(|(index, line)| parse_line(line).ok_or(index + 1)).collect()
    }
}

struct TextReader<'l> {
    text: &'l Text,
    position: u64,
}

impl Read for TextReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self.text {
            Text::Memory(text) => (&text[self.position as usize..]).read(buffer)?,
            Text::Spool { file, .. } => file.read_at(buffer, self.position)?,
        };
        self.position += count as u64;
        Ok(count)
    }
}

/// By hand and not by `write!`: the lines are written for each build, cached or not (20,000 of them: 27 ms by `write!`, 13 ms so).
fn write_line(text: &mut Vec<u8>, entry: &Entry) {
    let letter = match &entry.kind {
        EntryKind::File { .. } => b'f',
        EntryKind::Directory => b'd',
        EntryKind::Symlink { .. } => b'l',
        EntryKind::CharDevice { .. } => b'c',
        EntryKind::BlockDevice { .. } => b'b',
        EntryKind::Fifo => b'p',
    };
    text.extend([letter, b' ']);
    number::<8>(text, entry.mode.into());
    text.push(b' ');
    number::<10>(text, entry.uid.into());
    text.push(b':');
    number::<10>(text, entry.gid.into());
    text.push(b' ');
    match &entry.kind {
        EntryKind::File { size, digest } => {
            number::<10>(text, *size);
            text.extend_from_slice(b" sha256:");
            digest.as_bytes().iter().for_each(|byte| hex(text, *byte, b"0123456789abcdef"));
        }
        EntryKind::Symlink { target } => {
            text.extend_from_slice(b"- ");
            escape(text, target);
        }
        EntryKind::CharDevice { major, minor } | EntryKind::BlockDevice { major, minor } => {
            text.extend_from_slice(b"- ");
            number::<10>(text, u64::from(*major));
            text.push(b':');
            number::<10>(text, u64::from(*minor));
        }
        EntryKind::Directory | EntryKind::Fifo => text.extend_from_slice(b"- -"),
    }
    text.push(b' ');
    escape(text, &entry.path);
    for (name, value) in &entry.xattrs {
        text.push(b' ');
        escape(text, name);
        text.push(b'=');
        value.iter().for_each(|byte| hex(text, *byte, b"0123456789abcdef"));
    }
    text.push(b'\n');
}

fn number<const BASE: u64>(text: &mut Vec<u8>, mut number: u64) {
    // As many digits as the largest number has in base 8.
    let mut digits = [0; 22];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % BASE) as u8;
        number /= BASE;
        if number == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[at..]);
}

fn hex(text: &mut Vec<u8>, byte: u8, digits: &[u8; 16]) {
    text.extend([digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]);
}

fn escape(text: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.is_empty() {
        text.extend_from_slice(b"%00");
    }
    for &byte in bytes {
        if byte.is_ascii_graphic() && byte != b'%' && byte != b'=' {
            text.push(byte);
        } else {
            text.push(b'%');
            hex(text, byte, b"0123456789ABCDEF");
        }
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
