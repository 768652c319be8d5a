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
//! magic    16 bytes
//! record   device u64 · inode u64 · size u64 · modified s i64 · changed s i64 · modified ns u32 · changed ns u32
//!          · attributes: offset u32, length u32 · SHA-256 (32 bytes); sorted by device and inode
//! attributes  { name length u16 · value length u32 · name · value }
//! trailer  records u32 · bytes of attributes u32 · CRC-32 of all before it u32
//! ```
//!
//! It is never in memory: files sorted in the same way are merged with its records, once when a walk is over and once when it is written
//! anew (held, it would take 88 bytes a file). It is only a cache: a file that is missing, damaged or of another version counts as empty.
//! It is replaced as a whole, and two builds at once may lose each other's additions, but never mix them.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::document::{self, Links};
use crate::limits::{Bound, Limit, Limits};
use crate::oci::Digest;
use crate::store::{self, write::Temporary};
use crate::tree::{FileIdentity, FoundFile, Known, Xattrs};

/// The cache as it was when the build began.
#[derive(Debug)]
pub struct StatCache {
    path: PathBuf,
    /// `None` where there is none that can be used.
    kept: Option<Kept>,
}

/// A whole file, open: whatever takes its name meanwhile, this is what is read.
#[derive(Debug)]
struct Kept {
    file: File,
    records: u32,
}

const MAGIC: &[u8; 16] = b"layerlab stat 3\n";
const RECORD: usize = 88;
const TRAILER: usize = 12;
/// What the file may have at most; one of [`ROOM`] entries has some 30 MB.
const LIMIT: Limit = Limit::bytes("stat cache", "LAYERLAB_MAX_STAT_CACHE", 1 << 30);
/// Above this number, entries that a build did not come across are dropped when it saves.
const ROOM: usize = 300_000;
/// How far apart two changes have to be to get different times: a tick of the kernel's clock is at most 10 ms, and FAT
/// counts in steps of two seconds.
const TICK: Duration = Duration::from_millis(20);
const COARSE_TICK: Duration = Duration::from_secs(2);
/// So much of the file is read or written at once.
const PIECE: usize = 256 << 10;

impl StatCache {
    /// Opens the cache in the file `path`; it is empty if there is none or if it is damaged.
    pub fn load(path: &Path, limits: &Limits) -> StatCache {
        StatCache { path: path.to_owned(), kept: Kept::open(path, limits.bound(&LIMIT)) }
    }

    /// One that knows nothing and is never saved.
    pub(crate) fn none() -> StatCache {
        StatCache { path: PathBuf::new(), kept: None }
    }

    /// How many files are known.
    pub fn len(&self) -> usize {
        self.kept.as_ref().map_or(0, |kept| kept.records as usize)
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tells files what is known of them.
    pub(crate) fn recognise<'f>(&self, files: impl Iterator<Item = &'f FoundFile>) {
        let Some(kept) = &self.kept else { return };
        let mut files: Vec<&FoundFile> = files.collect();
        files.sort_unstable_by_key(|file| file.identity().number());
        let mut files = files.into_iter().peekable();
        // What can't be read is not known.
        for record in kept.records().into_iter().flatten().map_while(Result::ok) {
            while files.next_if(|file| file.identity().number() < record.number()).is_some() {}
            // Several names of one file follow one another.
            while let Some(file) = files.next_if(|file| file.identity().number() == record.number()) {
                if *file.identity() == record.identity()
                    && let Ok(xattrs) = kept.attributes(&record)
                {
                    file.learn(Known { digest: record.digest(), xattrs, bytes: None });
                }
            }
        }
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
        self.write(&files)
    }

    /// Merges the records with those of files, both sorted.
    fn write(&self, files: &[&FoundFile]) -> Result<(), store::Error> {
        let is_crowded = self.len() + files.len() > ROOM;
        let read = |source| store::Error::io("read", &self.path)(source);
        let records = self.kept.as_ref().map(Kept::records).transpose().map_err(read)?;
        let mut records = records.into_iter().flatten().peekable();
        let mut files = files.iter().peekable();
        let mut output = Output::create(self.path.parent().unwrap_or(Path::new(".")))?;
        loop {
            let order = match (records.peek(), files.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(Ok(record)), Some(file)) => record.number().cmp(&file.identity().number()),
                (Some(Err(_)), Some(_)) => Ordering::Less,
            };
            let record = if order.is_le() { records.next().transpose().map_err(read)? } else { None };
            match if order.is_ge() { files.next() } else { None } {
                Some(file) => {
                    let known = file.known().expect("only files that are known are saved");
                    output.add(file.identity(), known.digest, &known.xattrs)?;
                }
                None => {
                    if let (Some(record), Some(kept), false) = (record, &self.kept, is_crowded) {
                        output.add(&record.identity(), record.digest(), &kept.attributes(&record).map_err(read)?)?;
                    }
                }
            }
        }
        output.finish(&self.path)
    }
}

impl Kept {
    /// Reads the file once, to its end: what is said in it counts only if all of it is right.
    fn open(path: &Path, bound: Bound) -> Option<Kept> {
        let (mut file, metadata) = document::open(path, Links::Refuse).ok()?;
        document::check(path, metadata.len(), bound).ok()?;
        let body = metadata.len().checked_sub(TRAILER as u64)?;
        let mut trailer = [0; TRAILER];
        file.read_exact_at(&mut trailer, body).ok()?;
        let (records, attributes) = (word(&trailer, 0), word(&trailer, 4));
        let expected = MAGIC.len() as u64 + u64::from(records) * RECORD as u64 + u64::from(attributes);
        let mut magic = [0; MAGIC.len()];
        file.read_exact_at(&mut magic, 0).ok()?;
        if body != expected || magic != *MAGIC {
            return None;
        }
        let mut checksum = flate2::Crc::new();
        let mut piece = vec![0; PIECE];
        let mut rest = (&mut file).take(body + 8);
        loop {
            match rest.read(&mut piece).ok()? {
                0 => break,
                length => checksum.update(&piece[..length]),
            }
        }
        (checksum.sum() == word(&trailer, 8)).then_some(Kept { file, records })
    }

    /// The records, in their order.
    fn records(&self) -> io::Result<impl Iterator<Item = io::Result<Record>>> {
        let mut reader = BufReader::with_capacity(PIECE, &self.file);
        reader.seek(SeekFrom::Start(MAGIC.len() as u64))?;
        Ok((0..self.records).map(move |_| {
            let mut record = [0; RECORD];
            reader.read_exact(&mut record).map(|()| Record(record))
        }))
    }

    fn attributes(&self, record: &Record) -> io::Result<Xattrs> {
        let (offset, length) = (word(&record.0, 48), word(&record.0, 52));
        if length == 0 {
            return Ok(Xattrs::default());
        }
        let mut bytes = vec![0; length as usize];
        let start = MAGIC.len() as u64 + u64::from(self.records) * RECORD as u64;
        self.file.read_exact_at(&mut bytes, start + u64::from(offset))?;
        attributes(&bytes).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

/// One file in the cache's form.
struct Record([u8; RECORD]);

impl Record {
    fn number(&self) -> (u64, u64) {
        (long(&self.0, 0), long(&self.0, 8))
    }

    fn identity(&self) -> FileIdentity {
        let (device, inode) = self.number();
        let modified = (long(&self.0, 24).cast_signed(), word(&self.0, 40));
        let changed = (long(&self.0, 32).cast_signed(), word(&self.0, 44));
        FileIdentity::new(device, inode, long(&self.0, 16), modified, changed)
    }

    fn digest(&self) -> Digest {
        Digest::from_bytes(self.0[56..].try_into().expect("a record ends with 32 bytes"))
    }
}

/// The file while it is written.
struct Output {
    file: Temporary,
    piece: Vec<u8>,
    checksum: flate2::Crc,
    records: u32,
    /// The attributes, which come behind all records. Few files have any.
    attributes: Vec<u8>,
}

impl Output {
    fn create(folder: &Path) -> Result<Output, store::Error> {
        let (file, checksum) = (Temporary::create(folder)?, flate2::Crc::new());
        let mut output = Output { file, piece: Vec::new(), checksum, records: 0, attributes: Vec::new() };
        output.put(MAGIC)?;
        Ok(output)
    }

    fn add(&mut self, identity: &FileIdentity, digest: Digest, xattrs: &Xattrs) -> Result<(), store::Error> {
        let start = self.attributes.len();
        put_attributes(xattrs, &mut self.attributes);
        let ((device, inode), modified, changed) = (identity.number(), identity.modified(), identity.changed());
        let mut record = Vec::with_capacity(RECORD);
        for number in [device, inode, identity.size(), modified.0.cast_unsigned(), changed.0.cast_unsigned()] {
            record.extend(number.to_le_bytes());
        }
        for number in [modified.1, changed.1, start as u32, (self.attributes.len() - start) as u32] {
            record.extend(number.to_le_bytes());
        }
        record.extend(digest.as_bytes());
        self.records += 1;
        self.put(&record)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), store::Error> {
        self.checksum.update(bytes);
        self.piece.extend_from_slice(bytes);
        if self.piece.len() < PIECE {
            return Ok(());
        }
        self.file.write(&self.piece)?;
        self.piece.clear();
        Ok(())
    }

    fn finish(mut self, path: &Path) -> Result<(), store::Error> {
        let attributes = std::mem::take(&mut self.attributes);
        self.put(&attributes)?;
        self.put(&self.records.to_le_bytes())?;
        self.put(&(attributes.len() as u32).to_le_bytes())?;
        self.piece.extend(self.checksum.sum().to_le_bytes());
        self.file.write(&self.piece)?;
        self.file.replace(path)
    }
}

// ANCHOR: settled
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
// ANCHOR_END: settled

fn put_attributes(xattrs: &Xattrs, bytes: &mut Vec<u8>) {
    for (name, value) in xattrs.iter() {
        bytes.extend((name.len() as u16).to_le_bytes());
        bytes.extend((value.len() as u32).to_le_bytes());
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(value);
    }
}

fn attributes(mut rest: &[u8]) -> Option<Xattrs> {
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

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
