//! Digesting files: looked up in the [`StatCache`], read where they are not known.
//!
//! Files are read on as many threads as the machine has processors, each through one buffer, so the memory does not grow
//! with a file's size. A file is asked about once more after it was read; one that is not any more what the walk saw is an
//! error and not a digest that fits nothing.
//!
//! Opening a small file takes longer than reading it, and a file whose digest was not known is most often copied into a
//! layer next. So its content is kept, up to a limit, until somebody [takes](StatCache::take_content) it.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::document;
use crate::oci::Digest;
use sha2::Digest as _;

use super::error::Error;
use super::stat_cache::{Numbered, StatCache};
use super::system::{FileStat, open_file, stat_of, working_directory};

/// How much of a file is held in memory.
const BUFFER: usize = 128 * 1024;
/// What a file may have at most for its content to be kept.
const SMALL: usize = 32 * 1024;
/// What all contents that are kept may have together.
const ROOM_FOR_CONTENTS: usize = 16 * 1024 * 1024;
/// More threads than this only wait for the disk.
const MOST_THREADS: usize = 8;

impl StatCache {
    /// Returns the SHA-256 of the content of each file, in order.
    ///
    /// A file comes with the `stat` that was seen when it was found. What the cache doesn't know is read, all of it on
    /// several threads, and noted; [`StatCache::save`] keeps it for the next time.
    ///
    /// # Errors
    /// The first file that can't be read: [`Error::Io`], or [`Error::Changed`] if it isn't any more what `stat` says.
    pub fn digests(&mut self, files: &[(&Path, &FileStat)]) -> Result<Vec<Digest>, Error> {
        let mut digests: Vec<Digest> = Vec::with_capacity(files.len());
        let mut unknown: Vec<usize> = Vec::new();
        for (index, (_, stat)) in files.iter().enumerate() {
            let known = self.get(stat).and_then(|entry| entry.digest);
            digests.push(known.unwrap_or_else(|| {
                unknown.push(index);
                Digest::from_bytes([0; 32])
            }));
        }
        let read = read_all(files, &unknown, ROOM_FOR_CONTENTS.saturating_sub(self.contents.bytes))?;
        self.contents.files.reserve(read.iter().filter(|read| read.content.is_some()).count());
        for (index, read) in unknown.into_iter().zip(read) {
            let (_, stat) = files[index];
            digests[index] = read.digest;
            self.put_digest(stat, read.digest);
            if let Some(content) = read.content {
                self.contents.keep(stat, content);
            }
        }
        Ok(digests)
    }

    /// Returns the SHA-256 of one file's content. [`StatCache::digests`] is faster for many.
    ///
    /// # Errors
    /// As [`StatCache::digests`].
    pub fn digest(&mut self, path: &Path) -> Result<Digest, Error> {
        let file = open_file(working_directory(), path.as_os_str().as_bytes())
            .map_err(|source| Error::io("open", path, source))?;
        let stat = stat_of(file.as_fd()).map_err(|source| Error::io("fstat", path, source))?;
        Ok(self.digests(&[(path, &stat)])?.remove(0))
    }
}

/// Contents that were read in this round and not taken yet, by device and inode.
#[derive(Debug, Default)]
pub(super) struct Contents {
    files: Numbered<Content>,
    bytes: usize,
}

#[derive(Debug)]
struct Content {
    /// When the file it was had changed: a later look at the same file must not get it.
    changed: (i64, u32),
    bytes: Box<[u8]>,
}

impl Contents {
    fn keep(&mut self, stat: &FileStat, bytes: Box<[u8]>) {
        self.bytes += bytes.len();
        let before = self.files.insert((stat.device, stat.inode), Content { changed: stat.changed, bytes });
        self.bytes -= before.map_or(0, |before| before.bytes.len());
    }

    pub(super) fn take(&mut self, stat: &FileStat) -> Option<Box<[u8]>> {
        let content = self.files.remove(&(stat.device, stat.inode))?;
        self.bytes -= content.bytes.len();
        (content.changed == stat.changed).then_some(content.bytes)
    }
}

/// What reading a file gives.
struct Digested {
    digest: Digest,
    /// Its bytes, if they are to be kept.
    content: Option<Box<[u8]>>,
}

/// Reads the files with the given indices and returns their digests in the same order, with the contents of small ones as long
/// as there is `room`.
fn read_all(files: &[(&Path, &FileStat)], indices: &[usize], room: usize) -> Result<Vec<Digested>, Error> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    // A thread costs about as much as reading some small files.
    let threads = processors.min(MOST_THREADS).min(indices.len().div_ceil(16)).max(1);
    // Neighbours lie in the same folder. They go to one thread, so that it opens the folder once, and the threads
    // do not get into each other's way in the kernel.
    let portion = (indices.len() / (threads * 8)).clamp(1, 64);
    let next = AtomicUsize::new(0);
    let kept = AtomicUsize::new(0);
    let work = || -> Vec<(usize, Result<Digested, Error>)> {
        let mut reader = Reader { buffer: vec![0; BUFFER], folder: None };
        let mut done = Vec::new();
        loop {
            let start = next.fetch_add(portion, Ordering::Relaxed);
            if start >= indices.len() {
                return done;
            }
            for (position, &index) in indices.iter().enumerate().skip(start).take(portion) {
                let (path, stat) = files[index];
                let length = usize::try_from(stat.size).unwrap_or(usize::MAX);
                let keep = length <= SMALL && kept.fetch_add(length, Ordering::Relaxed) + length <= room;
                let outcome = reader.read(path, stat, keep);
                if outcome.is_err() {
                    // The others need not go on; they find nothing left to do.
                    next.store(indices.len(), Ordering::Relaxed);
                }
                done.push((position, outcome));
            }
        }
    };
    let mut outcomes: Vec<(usize, Result<Digested, Error>)> = std::thread::scope(|scope| {
        let help = || {
            // What a helper opens is its own business. With a table of its own, no open or close waits for another thread's,
            // and the kernel need not count the users of a file. See unshare(2). It works without, too.
            // SAFETY: this thread has no descriptor that another one relies on, and it ends after this work.
            let _ = unsafe { libc::unshare(libc::CLONE_FILES) };
            work()
        };
        let helpers: Vec<_> = (1..threads).map(|_| scope.spawn(help)).collect();
        let mut outcomes = work();
        for helper in helpers {
            outcomes.extend(helper.join().expect("reading a file does not panic"));
        }
        outcomes
    });
    outcomes.sort_unstable_by_key(|(position, _)| *position);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Reads files one after the other.
struct Reader {
    buffer: Vec<u8>,
    /// The folder that the last file was in, and its path: looking up one name is quicker than a whole path.
    folder: Option<(PathBuf, OwnedFd)>,
}

impl Reader {
    /// Hashes one file, and keeps its content if that is wanted; then the file has to fit into the buffer.
    fn read(&mut self, path: &Path, expected: &FileStat, keep: bool) -> Result<Digested, Error> {
        let changed = || Error::Changed { path: path.to_owned() };
        let mut file = self.open(path).map_err(|source| match source.raw_os_error() {
            // There was a file, so what is there now is another.
            Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP) => changed(),
            _ => Error::io("open", path, source),
        })?;
        // Before a byte is read: something else under this name may be endless, or none of our business.
        let before = stat_of(file.as_fd()).map_err(|source| Error::io("fstat", path, source))?;
        if !same_content(expected, &before) {
            return Err(changed());
        }
        let mut hasher = sha2::Sha256::new();
        let mut length: u64 = 0;
        // The size is known, so no read is needed to find the end. A file that grew gives itself away by its `stat`.
        while length < expected.size {
            let start = if keep { length as usize } else { 0 };
            match file.read(&mut self.buffer[start..]) {
                Ok(0) => return Err(changed()),
                Ok(count) => {
                    hasher.update(&self.buffer[start..start + count]);
                    length += count as u64;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::io("read", path, source)),
            }
        }
        let after = stat_of(file.as_fd()).map_err(|source| Error::io("fstat", path, source))?;
        if length != expected.size || !same_content(expected, &after) {
            return Err(changed());
        }
        let content = keep.then(|| self.buffer[..length as usize].into());
        Ok(Digested { digest: Digest::from_bytes(hasher.finalize().into()), content })
    }

    fn open(&mut self, path: &Path) -> std::io::Result<File> {
        if let (Some(folder), Some(name)) = (path.parent(), path.file_name()) {
            let opened = match self.folder.take() {
                Some(last) if last.0.as_os_str() == folder.as_os_str() => Some(last),
                _ => {
                    // Any folder on the way may have become a link since the walk.
                    let descriptor = document::open_without_links(folder, libc::O_DIRECTORY)?;
                    Some((folder.to_owned(), descriptor))
                }
            };
            if let Some(opened) = opened {
                let (_, descriptor) = self.folder.insert(opened);
                return open_file(descriptor.as_fd(), name.as_bytes()).map(File::from);
            }
        }
        // No folder at all.
        open_file(working_directory(), path.as_os_str().as_bytes()).map(File::from)
    }
}

/// Whether two looks at a path saw the same file with the same content.
fn same_content(before: &FileStat, after: &FileStat) -> bool {
    before.file_type() == after.file_type() && before.identity() == after.identity()
}
