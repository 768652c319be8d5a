//! Reading the files of a context for what is not known of them: digests and extended attributes.
//!
//! Files are read on as many threads as the machine has processors, each through one buffer, so the memory does not grow
//! with a file's size. Neighbours go to one thread, which opens their folder once. Each file is opened once and asked about
//! once, after its last byte: one that is not any more what the walk saw is an error and not a digest that fits nothing.
//!
//! A file whose digest was not known is most often copied into a layer next, and opening a small file takes longer than
//! reading it. So the bytes of small files stay in memory as long as the [`Contents`] that are given back (20,000 files: 209 ms of
//! one thread less).

use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::attributes;
use super::error::Error;
use crate::oci::{Digest, Hasher};
use crate::progress::{Meter, Task, Work};
use crate::seen::{self, Opener};
use crate::tree::{KeptBytes, Known, Seen, Xattrs};

/// How much of a file is held in memory.
const BUFFER: usize = 128 * 1024;
/// What a file may have at most for its bytes to be kept.
const SMALL: u64 = 32 * 1024;
/// What all bytes that are kept may have together.
const ROOM_FOR_CONTENTS: usize = 16 * 1024 * 1024;
/// More threads than this only wait for the disk.
const MOST_THREADS: usize = 8;
/// So many neighbours at least go to one thread; starting one costs about as much as reading some small files.
const PORTION: usize = 16;

/// Bytes of small files that were read a moment ago: [`Seen::kept`] has them while this lives.
#[derive(Debug, Default)]
pub struct Contents(#[expect(dead_code, reason = "its life is what counts")] Vec<Arc<Vec<u8>>>);

/// Reads those of the files that are not known yet; after it, all of them are. It is counted on the meter.
///
/// # Errors
/// The first file that can't be read, or isn't any more what was found: [`Error::Seen`]; [`Error::Stopped`] where that was wished.
pub fn learn<'f>(files: impl Iterator<Item = &'f Seen>, meter: &Meter) -> Result<Contents, Error> {
    let unknown: Vec<&Seen> = files.filter(|seen| seen.file().known().is_none()).collect();
    // Asking for the processors alone takes some twenty system calls.
    if unknown.is_empty() {
        return Ok(Contents::default());
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = processors.min(MOST_THREADS).min(unknown.len().div_ceil(PORTION)).max(1);
    let bytes = unknown.iter().map(|seen| seen.file().identity().size()).sum();
    let work = Portions {
        files: &unknown,
        portion: (unknown.len() / (threads * 8)).clamp(1, 64),
        task: meter.begin(Work::Hashing, Some(bytes)),
        next: AtomicUsize::new(0),
        kept: AtomicUsize::new(0),
    };
    let outcomes = std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads).map(|_| scope.spawn(|| work.take_part())).collect();
        let mut outcomes = vec![work.take_part()];
        outcomes.extend(helpers.into_iter().map(|helper| helper.join().expect("reading a file does not panic")));
        outcomes
    });
    let mut contents = Vec::new();
    let mut failures = Vec::new();
    for outcome in outcomes {
        match outcome {
            Ok(kept) => contents.extend(kept),
            Err(failure) => failures.push(failure),
        }
    }
    // The first in order, whichever thread was faster.
    match failures.into_iter().min_by_key(|(position, _)| *position) {
        Some((_, error)) => Err(error),
        None => Ok(Contents(contents)),
    }
}

/// What the threads share.
struct Portions<'f> {
    files: &'f [&'f Seen],
    /// How many files a thread takes at a time.
    portion: usize,
    task: Task,
    next: AtomicUsize,
    /// How many bytes are kept, or were meant to be.
    kept: AtomicUsize,
}

impl Portions<'_> {
    /// Reads portions until none is left, and gives the bytes to keep; or the position of the file that failed.
    fn take_part(&self) -> Result<Vec<Arc<Vec<u8>>>, (usize, Error)> {
        let mut reader = Reader { opener: Opener::default(), buffer: Vec::new(), task: &self.task };
        let mut contents = Vec::new();
        loop {
            let start = self.next.fetch_add(self.portion, Ordering::Relaxed);
            let Some(rest) = self.files.get(start..).filter(|rest| !rest.is_empty()) else { return Ok(contents) };
            let portion = &rest[..self.portion.min(rest.len())];
            let kept = self.read(portion, &mut reader).map_err(|(position, error)| {
                // The others need not go on; they find nothing left to do.
                self.next.store(self.files.len(), Ordering::Relaxed);
                (start + position, error)
            })?;
            contents.extend(kept);
        }
    }

    /// Reads some files, notes what is found, and gives the bytes of those that are to be kept.
    fn read(&self, files: &[&Seen], reader: &mut Reader<'_>) -> Result<Option<Arc<Vec<u8>>>, (usize, Error)> {
        let mut together = Vec::new();
        let mut found = Vec::with_capacity(files.len());
        for (position, seen) in files.iter().enumerate() {
            let size = seen.file().identity().size();
            let offset = together.len();
            let is_kept = size <= SMALL && {
                let size = size as usize;
                self.kept.fetch_add(size, Ordering::Relaxed) + size <= ROOM_FOR_CONTENTS
            };
            let read = match is_kept {
                true => reader.read_small(seen, &mut together),
                false => reader.read_large(seen),
            };
            let (digest, xattrs) = read.map_err(|error| (position, error))?;
            found.push((digest, xattrs, is_kept.then_some(offset as u32)));
        }
        together.shrink_to_fit();
        let together = Arc::new(together);
        for (seen, (digest, xattrs, offset)) in files.iter().zip(found) {
            let bytes = offset.map(|offset| KeptBytes { together: Arc::downgrade(&together), offset });
            seen.file().learn(Known { digest, xattrs, bytes });
        }
        Ok((!together.is_empty()).then_some(together))
    }
}

/// Reads files one after the other.
struct Reader<'t> {
    opener: Opener,
    buffer: Vec<u8>,
    task: &'t Task,
}

impl Reader<'_> {
    /// Reads a small file behind what is in `together`.
    fn read_small(&mut self, seen: &Seen, together: &mut Vec<u8>) -> Result<(Digest, Xattrs), Error> {
        let file = self.opener.open(seen)?;
        let start = together.len();
        together.resize(start + seen.file().identity().size() as usize, 0);
        // The size is known, so no read is needed to find the end. A file that grew gives itself away by its identity.
        read_exact(&file, &mut together[start..], seen)?;
        let xattrs = attributes::of_file(&file).map_err(|source| failed("flistxattr", seen, source))?;
        seen::check(&file, seen)?;
        self.task.add(seen.file().identity().size())?;
        Ok((Digest::of(&together[start..]), xattrs))
    }

    /// Reads a file piece by piece.
    fn read_large(&mut self, seen: &Seen) -> Result<(Digest, Xattrs), Error> {
        let file = self.opener.open(seen)?;
        // Before a byte is read, too: there may be many.
        seen::check(&file, seen)?;
        self.buffer.resize(BUFFER, 0);
        let mut hasher = Hasher::new();
        let mut rest = seen.file().identity().size();
        while rest > 0 {
            let piece = BUFFER.min(usize::try_from(rest).unwrap_or(BUFFER));
            read_exact(&file, &mut self.buffer[..piece], seen)?;
            hasher.update(&self.buffer[..piece]);
            rest -= piece as u64;
            self.task.add(piece as u64)?;
        }
        let xattrs = attributes::of_file(&file).map_err(|source| failed("flistxattr", seen, source))?;
        seen::check(&file, seen)?;
        Ok((hasher.finish(), xattrs))
    }
}

fn read_exact(mut file: &File, buffer: &mut [u8], seen: &Seen) -> Result<(), seen::Error> {
    file.read_exact(buffer).map_err(|source| match seen::check(file, seen) {
        // What is not a file any more, or is shorter, can't be read; what it is now is no matter.
        Err(changed @ seen::Error::Changed { .. }) => changed,
        _ => failed("read", seen, source),
    })
}

fn failed(operation: &'static str, seen: &Seen, source: std::io::Error) -> seen::Error {
    seen::Error::Io { operation, path: seen.path(), source }
}
