//! What is known of files that have not changed since an earlier build: content digests and extended attributes.
//!
//! COPY's cache key is made of contents, so every build would have to read the whole context. Instead a file is
//! recognised by what `stat(2)` says of it: same device, inode, size, modification time and change time, same content.
//! The change time can't be set by a program, so only a change within one tick of the file system's clock goes unseen.
//! Git calls such an entry racily clean; here it is not kept: an entry counts only if both times lie clearly before the
//! moment at which the walk began, which is before any file was read.
//!
//! The file, `stat` in the home's cache folder, little-endian:
//!
//! ```text
//! header   magic (16 bytes) · records u32 · bytes of attributes u32
//! record   device u64 · inode u64 · size u64 · modified s i64 · changed s i64 · modified ns u32 · changed ns u32
//!          · attributes: offset u32, length u32 · SHA-256 (32 bytes); sorted by device and inode
//! attributes  { name length u16 · value length u32 · name · value }
//! CRC-32 of all before it u32
//! ```
//!
//! It is searched as it is: nothing is made of it that would take longer than reading it. It is only a cache: a file that is missing,
//! damaged or of another version counts as empty. It is replaced as a whole, and two builds at once may lose each other's
//! additions, but never mix them.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::document::{self, Links};
use crate::limits::{Limit, Limits};
use crate::oci::Digest;
use crate::store::{self, write::Temporary};
use crate::tree::{FileIdentity, FoundFile, Known, Xattrs};

/// The cache as it was when the build began.
#[derive(Debug)]
pub struct StatCache {
    file: PathBuf,
    /// The whole file; empty where there is none that can be used.
    bytes: Vec<u8>,
}

const MAGIC: &[u8; 16] = b"layerlab stat 2\n";
const HEADER: usize = 24;
const RECORD: usize = 88;
const CHECKSUM: usize = 4;
/// What the file may have at most; one of [`ROOM`] entries has some 30 MB.
const LIMIT: Limit = Limit::bytes("stat cache", "LAYERLAB_MAX_STAT_CACHE", 1 << 30);
/// Above this number, entries that a build did not come across are dropped when it saves.
const ROOM: usize = 300_000;
/// How far apart two changes have to be to get different times: a tick of the kernel's clock is at most 10 ms, and FAT
/// counts in steps of two seconds.
const TICK: Duration = Duration::from_millis(20);
const COARSE_TICK: Duration = Duration::from_secs(2);
/// So much of the file is put together before it is written.
const PIECE: usize = 256 << 10;

impl StatCache {
    /// Loads the cache from `file`; it is empty if there is none or if it is damaged.
    pub fn load(file: &Path, limits: &Limits) -> StatCache {
        let bytes = document::read(file, limits.bound(&LIMIT), Links::Refuse).ok().filter(|bytes| is_whole(bytes));
        StatCache { file: file.to_owned(), bytes: bytes.unwrap_or_default() }
    }

    /// One that knows nothing and is never saved.
    pub(crate) fn none() -> StatCache {
        StatCache { file: PathBuf::new(), bytes: Vec::new() }
    }

    /// How many files are known.
    pub fn len(&self) -> usize {
        self.records().len() / RECORD
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is known of a file.
    pub(crate) fn find(&self, identity: &FileIdentity) -> Option<Known> {
        let record = self.record(identity.number())?;
        if record.identity() != *identity {
            return None;
        }
        Some(Known { digest: record.digest(), xattrs: self.attributes(record)?, bytes: None })
    }

    /// Writes the cache back with what a build knows of its files. `started` is the real time at which the files were walked, or
    /// before it: what changed after it, or just before, could change again without showing it, and is left out. Atomic; the
    /// folder has to exist.
    ///
    /// # Errors
    /// [`store::Error`] if the file can't be written. The build can go on without.
    pub(crate) fn save<'f>(
        &self,
        files: impl Iterator<Item = &'f FoundFile>,
        started: SystemTime,
    ) -> Result<(), store::Error> {
        let is_settled = |file: &&FoundFile| file.known().is_some() && is_settled(file.identity(), started);
        let mut files: Vec<&FoundFile> = files.filter(is_settled).collect();
        files.sort_unstable_by_key(|file| file.identity().number());
        files.dedup_by_key(|file| file.identity().number());
        let is_crowded = self.len() + files.len() > ROOM;
        self.write(&files, is_crowded)
    }

    /// Merges the records with those of files, both sorted.
    fn write(&self, files: &[&FoundFile], is_crowded: bool) -> Result<(), store::Error> {
        let mut records = self.records().chunks_exact(RECORD).map(Record).peekable();
        let mut files = files.iter().peekable();
        let mut merged: Vec<Entry<'_>> = Vec::with_capacity(files.len());
        loop {
            let order = match (records.peek(), files.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(record), Some(file)) => record.number().cmp(&file.identity().number()),
            };
            let record = if order.is_le() { records.next() } else { None };
            match if order.is_ge() { files.next() } else { None } {
                Some(file) => merged.push(Entry::File(file)),
                None => merged.extend(record.filter(|_| !is_crowded).map(Entry::Record)),
            }
        }
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let mut output = Output { file: Temporary::create(folder)?, piece: Vec::new(), checksum: flate2::Crc::new() };
        let mut heap = Vec::new();
        let heap_length: usize = merged.iter().filter_map(|entry| Some(heap_of(&entry.xattrs(self)?).len())).sum();
        output.add(MAGIC)?;
        output.add(&(merged.len() as u32).to_le_bytes())?;
        output.add(&(heap_length as u32).to_le_bytes())?;
        for entry in &merged {
            let start = heap.len() as u32;
            heap.extend(entry.xattrs(self).map(|xattrs| heap_of(&xattrs)).unwrap_or_default());
            output.add(&entry.encode(start, heap.len() as u32 - start))?;
        }
        output.add(&heap)?;
        output.finish(&self.file)
    }

    fn records(&self) -> &[u8] {
        let count = if self.bytes.is_empty() { 0 } else { word(&self.bytes, 16) as usize };
        &self.bytes[HEADER.min(self.bytes.len())..][..count * RECORD]
    }

    /// Searches by halves.
    fn record(&self, number: (u64, u64)) -> Option<Record<'_>> {
        let records = self.records();
        let (mut low, mut high) = (0, records.len() / RECORD);
        while low < high {
            let middle = low.midpoint(high);
            let record = Record(&records[middle * RECORD..][..RECORD]);
            match record.number().cmp(&number) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Some(record),
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    fn attributes(&self, record: Record<'_>) -> Option<Xattrs> {
        let (offset, length) = (word(record.0, 48) as usize, word(record.0, 52) as usize);
        if length == 0 {
            return Some(Xattrs::default());
        }
        let heap = &self.bytes[HEADER + self.records().len()..self.bytes.len() - CHECKSUM];
        let mut rest = heap.get(offset..offset.checked_add(length)?)?;
        let mut list = Vec::new();
        while !rest.is_empty() {
            let (name_length, after) = rest.split_first_chunk::<2>()?;
            let (value_length, after) = after.split_first_chunk::<4>()?;
            let (name, after) = after.split_at_checked(u16::from_le_bytes(*name_length).into())?;
            let (value, after) = after.split_at_checked(u32::from_le_bytes(*value_length) as usize)?;
            list.push((name.to_vec(), value.to_vec()));
            rest = after;
        }
        Some(list.into_iter().collect())
    }
}

/// One file in the cache's form.
#[derive(Clone, Copy)]
struct Record<'b>(&'b [u8]);

impl Record<'_> {
    fn number(&self) -> (u64, u64) {
        (long(self.0, 0), long(self.0, 8))
    }

    fn identity(&self) -> FileIdentity {
        let (device, inode) = self.number();
        let modified = (long(self.0, 24).cast_signed(), word(self.0, 40));
        let changed = (long(self.0, 32).cast_signed(), word(self.0, 44));
        FileIdentity::new(device, inode, long(self.0, 16), modified, changed)
    }

    fn digest(&self) -> Digest {
        Digest::from_bytes(self.0[56..].try_into().expect("a record ends with 32 bytes"))
    }
}

/// A record to be written: one that was there, or one of a file of this build.
enum Entry<'b> {
    Record(Record<'b>),
    File(&'b FoundFile),
}

impl Entry<'_> {
    /// The attributes, if there are any.
    fn xattrs(&self, cache: &StatCache) -> Option<Xattrs> {
        let xattrs = match self {
            Entry::Record(record) => cache.attributes(*record)?,
            Entry::File(file) => file.known()?.xattrs.clone(),
        };
        (!xattrs.is_empty()).then_some(xattrs)
    }

    fn encode(&self, start: u32, length: u32) -> Vec<u8> {
        let (identity, digest) = match self {
            Entry::Record(record) => (record.identity(), record.digest()),
            Entry::File(file) => (*file.identity(), file.known().expect("only files that are known are saved").digest),
        };
        let ((device, inode), modified, changed) = (identity.number(), identity.modified(), identity.changed());
        let mut record = Vec::with_capacity(RECORD);
        for number in [device, inode, identity.size(), modified.0.cast_unsigned(), changed.0.cast_unsigned()] {
            record.extend(number.to_le_bytes());
        }
        for number in [modified.1, changed.1, start, length] {
            record.extend(number.to_le_bytes());
        }
        record.extend(digest.as_bytes());
        record
    }
}

/// The file while it is written.
struct Output {
    file: Temporary,
    piece: Vec<u8>,
    checksum: flate2::Crc,
}

impl Output {
    fn add(&mut self, bytes: &[u8]) -> Result<(), crate::store::Error> {
        self.checksum.update(bytes);
        self.piece.extend_from_slice(bytes);
        if self.piece.len() < PIECE {
            return Ok(());
        }
        self.file.write(&self.piece)?;
        self.piece.clear();
        Ok(())
    }

    fn finish(mut self, path: &Path) -> Result<(), crate::store::Error> {
        self.piece.extend(self.checksum.sum().to_le_bytes());
        self.file.write(&self.piece)?;
        self.file.replace(path)
    }
}

/// Whether the file's last change lies so far before `started` that a later one must show.
fn is_settled(identity: &FileIdentity, started: SystemTime) -> bool {
    let Ok(started) = started.duration_since(UNIX_EPOCH) else {
        return false;
    };
    let tick = if identity.changed().1 == 0 { COARSE_TICK } else { TICK };
    let before = |(seconds, nanoseconds): (i64, u32)| match u64::try_from(seconds) {
        Ok(seconds) => Duration::new(seconds, nanoseconds) + tick < started,
        Err(_) => true,
    };
    before(identity.modified()) && before(identity.changed())
}

fn heap_of(xattrs: &Xattrs) -> Vec<u8> {
    let mut heap = Vec::new();
    for (name, value) in xattrs.iter() {
        heap.extend((name.len() as u16).to_le_bytes());
        heap.extend((value.len() as u32).to_le_bytes());
        heap.extend_from_slice(name);
        heap.extend_from_slice(value);
    }
    heap
}

/// Whether the bytes are a cache in every respect.
fn is_whole(bytes: &[u8]) -> bool {
    if bytes.len() < HEADER + CHECKSUM || !bytes.starts_with(MAGIC) {
        return false;
    }
    let (body, checksum) = bytes.split_at(bytes.len() - CHECKSUM);
    let mut actual = flate2::Crc::new();
    actual.update(body);
    let expected = (word(bytes, 16) as usize)
        .checked_mul(RECORD)
        .and_then(|records| records.checked_add(word(bytes, 20) as usize)?.checked_add(HEADER));
    expected == Some(body.len()) && actual.sum() == word(checksum, 0)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
