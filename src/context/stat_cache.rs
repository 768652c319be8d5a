//! What is known of files that have not changed: content digests and extended attributes.
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
//! header   magic (16 bytes) · records u32 · bytes of attributes u32 · CRC-32 of all that follows u32
//! record   device u64 · inode u64 · size u64 · modified s i64 · changed s i64 · modified ns u32 · changed ns u32
//!          · attributes: offset u32, length u32 (top bit: the digest is known) · SHA-256 (32 bytes)
//! attributes  { name length u16 · value length u32 · name · value }
//! ```
//!
//! It is only a cache: a file that is missing, damaged or of another version counts as empty. It is replaced as a whole,
//! and two builds at once may lose each other's additions, but never mix them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::document::{self, Limit, Links};
use crate::oci::Digest;

use super::digest::Contents;
use super::error::Error;
use super::system::FileStat;

/// Extended attributes in the order of their names; nearly always there are none.
pub type Attributes = Option<Arc<[(Box<[u8]>, Box<[u8]>)]>>;

/// A cache of content digests, keyed by what `stat(2)` says.
#[derive(Debug)]
pub struct StatCache {
    file: PathBuf,
    /// When the present round began; see [`StatCache::restart`].
    started: SystemTime,
    entries: Entries,
    /// Whether there are entries that hold for this round only.
    fleeting: bool,
    changed: bool,
    /// What was read for its digest in this round.
    pub(super) contents: Contents,
}

/// A map by device and inode.
pub(super) type Numbered<T> = HashMap<(u64, u64), T, BuildHasherDefault<QuickHasher>>;
type Entries = Numbered<Entry>;

/// What is known of one file.
#[derive(Debug, Clone)]
pub struct Entry {
    size: u64,
    modified: (i64, u32),
    changed: (i64, u32),
    /// The SHA-256 of its content, once somebody asked for it.
    pub digest: Option<Digest>,
    /// Its extended attributes.
    pub attributes: Attributes,
    used: bool,
}

const MAGIC: &[u8; 16] = b"layerlab stat 1\n";
const HEADER: usize = 28;
const RECORD: usize = 88;
const HAS_DIGEST: u32 = 1 << 31;
/// What the file may have at most; one of [`ROOM`] entries has some 30 MB.
const LIMIT: Limit = Limit::new("stat cache", "LAYERLAB_MAX_STAT_CACHE", 1 << 30);
/// Above this number, entries that a build did not come across are dropped when it saves.
const ROOM: usize = 300_000;
/// How far apart two changes have to be to get different times: a tick of the kernel's clock is at most 10 ms, and FAT
/// counts in steps of two seconds.
const TICK: Duration = Duration::from_millis(20);
const COARSE_TICK: Duration = Duration::from_secs(2);

impl StatCache {
    /// Loads the cache from `file`; it is empty if there is none or if it is damaged.
    ///
    /// Nothing that is added counts for longer than this value lives until a round is begun with
    /// [`StatCache::restart`].
    pub fn load(file: &Path) -> StatCache {
        let bytes = document::read(file, &LIMIT, Links::Refuse).ok();
        let entries = bytes.and_then(|bytes| decode(&bytes)).unwrap_or_default();
        StatCache {
            file: file.to_owned(),
            started: UNIX_EPOCH,
            entries,
            fleeting: false,
            changed: false,
            contents: Contents::default(),
        }
    }

    /// Begins a round of looking at files, at the real time `now`.
    ///
    /// What changed after `now`, or just before, is known until the next round only, for it could change again without
    /// showing it.
    pub fn restart(&mut self, now: SystemTime) {
        if self.fleeting {
            let started = self.started;
            self.entries.retain(|_, entry| entry.is_settled(started));
            self.fleeting = false;
        }
        self.started = now;
        self.contents = Contents::default();
    }

    /// How many files are known.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns what is known of a file with this `stat`.
    pub fn get(&self, stat: &FileStat) -> Option<&Entry> {
        self.entries.get(&(stat.device, stat.inode)).filter(|entry| entry.describes(stat))
    }

    /// Hands over the content of a small file, if it was read in this round and nobody has taken it yet.
    ///
    /// It is what the file's digest was made of, whatever happened to the file since.
    pub fn take_content(&mut self, stat: &FileStat) -> Option<Box<[u8]>> {
        self.contents.take(stat)
    }

    /// Notes that a file was come across, so that it is not dropped when room is made.
    pub(super) fn touch(&mut self, stat: &FileStat) {
        if self.entries.len() > ROOM
            && let Some(entry) = self.entries.get_mut(&(stat.device, stat.inode))
        {
            entry.used = true;
        }
    }

    /// Makes room for so many files more.
    pub(super) fn reserve(&mut self, files: usize) {
        self.entries.reserve(files);
    }

    /// Notes a file's extended attributes, and its digest if it is known already.
    ///
    /// A file that changed too recently is known until the next round, and it is not saved.
    pub(super) fn put(&mut self, stat: &FileStat, digest: Option<Digest>, attributes: Attributes) {
        let entry =
            Entry { size: stat.size, modified: stat.modified, changed: stat.changed, digest, attributes, used: true };
        let settled = entry.is_settled(self.started);
        self.changed |= settled;
        self.fleeting |= !settled;
        self.entries.insert((stat.device, stat.inode), entry);
    }

    /// Notes the digest of a file whose attributes are known.
    pub(super) fn put_digest(&mut self, stat: &FileStat, digest: Digest) {
        let started = self.started;
        match self.entries.get_mut(&(stat.device, stat.inode)).filter(|entry| entry.describes(stat)) {
            Some(entry) => {
                entry.digest = Some(digest);
                self.changed |= entry.is_settled(started);
            }
            None => self.put(stat, Some(digest), None),
        }
    }

    /// Writes the cache back if anything was added to it. Atomic; the folder has to exist.
    ///
    /// # Errors
    /// [`Error::Cache`] if the file can't be written. The build can go on without.
    pub fn save(&mut self) -> Result<(), Error> {
        if !self.changed {
            return Ok(());
        }
        let crowded = self.entries.len() > ROOM;
        let mut kept: Vec<(&(u64, u64), &Entry)> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.is_settled(self.started) && (entry.used || !crowded))
            .collect();
        kept.sort_unstable_by_key(|(key, _)| **key);
        crate::store::atomic_replace(&self.file, &encode(&kept)).map_err(|source| Error::Cache { source })?;
        self.changed = false;
        Ok(())
    }
}

impl Entry {
    fn describes(&self, stat: &FileStat) -> bool {
        self.size == stat.size && self.modified == stat.modified && self.changed == stat.changed
    }

    /// Whether the file's last change lies so far before `started` that a later one must show.
    fn is_settled(&self, started: SystemTime) -> bool {
        let Ok(started) = started.duration_since(UNIX_EPOCH) else {
            return false;
        };
        let tick = if self.changed.1 == 0 { COARSE_TICK } else { TICK };
        let before = |(seconds, nanoseconds): (i64, u32)| match u64::try_from(seconds) {
            Ok(seconds) => Duration::new(seconds, nanoseconds) + tick < started,
            Err(_) => true,
        };
        before(self.modified) && before(self.changed)
    }
}

fn encode(entries: &[(&(u64, u64), &Entry)]) -> Vec<u8> {
    let mut records = Vec::with_capacity(entries.len() * RECORD);
    let mut heap = Vec::new();
    for ((device, inode), entry) in entries {
        let start = heap.len();
        for (name, value) in entry.attributes.iter().flat_map(|list| list.iter()) {
            heap.extend((name.len() as u16).to_le_bytes());
            heap.extend((value.len() as u32).to_le_bytes());
            heap.extend_from_slice(name);
            heap.extend_from_slice(value);
        }
        for number in [*device, *inode, entry.size, entry.modified.0 as u64, entry.changed.0 as u64] {
            records.extend(number.to_le_bytes());
        }
        let mark = if entry.digest.is_some() { HAS_DIGEST } else { 0 };
        let length = (heap.len() - start) as u32 | mark;
        for number in [entry.modified.1, entry.changed.1, start as u32, length] {
            records.extend(number.to_le_bytes());
        }
        records.extend(entry.digest.map_or([0; 32], |digest| *digest.as_bytes()));
    }
    let mut checksum = flate2::Crc::new();
    checksum.update(&records);
    checksum.update(&heap);
    let mut bytes = MAGIC.to_vec();
    bytes.extend((entries.len() as u32).to_le_bytes());
    bytes.extend((heap.len() as u32).to_le_bytes());
    bytes.extend(checksum.sum().to_le_bytes());
    bytes.extend(records);
    bytes.extend(heap);
    bytes
}

/// Reads the file's form; `None` if anything about it is wrong.
fn decode(bytes: &[u8]) -> Option<Entries> {
    let body = bytes.get(HEADER..)?;
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let (count, heap_length, checksum) = (word(16) as usize, word(20) as usize, word(24));
    let heap_start = count.checked_mul(RECORD)?;
    if !bytes.starts_with(MAGIC) || body.len() != heap_start.checked_add(heap_length)? {
        return None;
    }
    let mut actual = flate2::Crc::new();
    actual.update(body);
    if actual.sum() != checksum {
        return None;
    }
    let (records, heap) = body.split_at(heap_start);
    let mut entries = Entries::with_capacity_and_hasher(count, BuildHasherDefault::default());
    for record in records.chunks_exact(RECORD) {
        let long = |at: usize| u64::from_le_bytes(record[at..at + 8].try_into().expect("eight bytes"));
        let short = |at: usize| u32::from_le_bytes(record[at..at + 4].try_into().expect("four bytes"));
        let length = short(52);
        let digest: [u8; 32] = record[56..].try_into().expect("a record ends with 32 bytes");
        let entry = Entry {
            size: long(16),
            modified: (long(24) as i64, short(40)),
            changed: (long(32) as i64, short(44)),
            digest: (length & HAS_DIGEST != 0).then(|| Digest::from_bytes(digest)),
            attributes: decode_attributes(heap, short(48) as usize, (length & !HAS_DIGEST) as usize)?,
            used: false,
        };
        entries.insert((long(0), long(8)), entry);
    }
    Some(entries)
}

fn decode_attributes(heap: &[u8], start: usize, length: usize) -> Option<Attributes> {
    if length == 0 {
        return Some(None);
    }
    let mut rest = heap.get(start..start.checked_add(length)?)?;
    let mut list = Vec::new();
    while !rest.is_empty() {
        let (name_length, after) = rest.split_first_chunk::<2>()?;
        let (value_length, after) = after.split_first_chunk::<4>()?;
        let (name, after) = after.split_at_checked(u16::from_le_bytes(*name_length).into())?;
        let (value, after) = after.split_at_checked(u32::from_le_bytes(*value_length) as usize)?;
        list.push((Box::from(name), Box::from(value)));
        rest = after;
    }
    Some(Some(list.into()))
}

/// Mixes device and inode numbers, and paths. They are no one's to choose freely, so nothing stronger is needed.
#[derive(Debug, Default)]
pub(super) struct QuickHasher(u64);

impl Hasher for QuickHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.write_u64(u64::from_le_bytes(last));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        // The table looks at the lowest and the highest bits.
        self.0 ^ (self.0 >> 32)
    }
}
