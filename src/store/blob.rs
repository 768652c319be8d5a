//! Writing a blob whose digest is known only at its end.
//!
//! The bytes are collected in large pieces. Each full piece is written to the file by the caller's thread and hashed by
//! a second one, because hashing and copying take about the same time. The second one also sets the disk to
//! work. A blob that fits into one piece is hashed where it is, without a thread.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::lease::Lease;
use super::{Error, Home, Store, proof, write};
use crate::oci::{Algorithm, Digest, Hasher};
use std::sync::Arc;

const PIECE: usize = 1 << 20;
/// After so many bytes the disk is set to work.
const STRETCH: u64 = 8 << 20;
/// Pieces that wait for the hasher before the writer has to wait for it.
const WAITING: usize = 3;

/// A blob in the making. It becomes a blob by [`BlobWriter::commit`]; dropped before, it leaves nothing.
///
/// After a fork the writer may only be used by the process that made it, because of its thread.
#[derive(Debug)]
pub struct BlobWriter {
    /// Made with the first piece: a RUN that changes nothing begins a layer and writes none.
    temporary: Option<write::Temporary>,
    /// Where it is made.
    folder: PathBuf,
    home: Home,
    /// What the store uses.
    lease: Arc<Lease>,
    piece: Vec<u8>,
    written: u64,
    hashing: Hashing,
}

enum Hashing {
    Here(Hasher),
    Beside { pieces: SyncSender<Vec<u8>>, empty: Receiver<Vec<u8>>, thread: JoinHandle<Hasher> },
}

impl BlobWriter {
    pub(super) fn create(store: &Store, algorithm: Algorithm) -> Result<BlobWriter, Error> {
        Ok(BlobWriter {
            temporary: None,
            folder: store.home().temporary(),
            home: store.home().clone(),
            lease: Arc::clone(&store.lease),
            piece: Vec::new(),
            written: 0,
            hashing: Hashing::Here(Hasher::of(algorithm)),
        })
    }

    /// The temporary file, or the folder that it will be in; for messages.
    pub(crate) fn path(&self) -> &Path {
        self.temporary.as_ref().map_or(&self.folder, write::Temporary::path)
    }

    /// How many bytes were written so far.
    pub(crate) fn position(&self) -> u64 {
        self.written + self.piece.len() as u64
    }

    /// Copies at most `limit` bytes from a reader, directly into the buffer, and returns how many there were: fewer only
    /// if the reader came to its end.
    pub(crate) fn copy_from(&mut self, reader: &mut dyn Read, limit: u64) -> io::Result<u64> {
        let mut copied = 0;
        while copied < limit {
            if self.piece.len() == PIECE {
                self.flush_piece()?;
            }
            let start = self.piece.len();
            let room = (PIECE - start).min(usize::try_from(limit - copied).unwrap_or(PIECE));
            self.piece.resize(start + room, 0);
            let result = reader.read(&mut self.piece[start..]);
            self.piece.truncate(start + *result.as_ref().unwrap_or(&0));
            match result {
                Ok(0) => break,
                Ok(count) => copied += count as u64,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(copied)
    }

    /// Makes the blob: everything is on disk under the name of its digest. If the same blob is already there and proven, it
    /// stays; anything else of the name is replaced. Returns the digest and the size.
    ///
    /// # Errors
    /// [`Error::Io`] for the disk's errors.
    pub fn commit(self) -> Result<(Digest, u64), Error> {
        self.finish(None)
    }

    /// As [`BlobWriter::commit`], for a blob that is known: nothing else gets a name.
    ///
    /// # Errors
    /// [`Error::Content`] where its digest is another, [`Error::Io`].
    pub(crate) fn commit_as(self, expected: Digest) -> Result<(), Error> {
        self.finish(Some(expected)).map(|_| ())
    }

    fn finish(mut self, expected: Option<Digest>) -> Result<(Digest, u64), Error> {
        let size = self.position();
        let flushed = self.flush_piece();
        flushed.map_err(Error::io("write", self.path()))?;
        let temporary = match self.temporary {
            Some(temporary) => temporary,
            None => write::Temporary::create(&self.folder)?,
        };
        let hasher = match self.hashing {
            Hashing::Here(hasher) => hasher,
            Hashing::Beside { pieces, thread, .. } => {
                drop(pieces);
                thread.join().expect("the hashing thread only hashes and does not panic")
            }
        };
        let digest = hasher.finish();
        if let Some(expected) = expected.filter(|expected| *expected != digest) {
            return Err(Error::Content { digest: expected.into(), actual: digest.into() });
        }
        self.lease.hold(&digest, None);
        let (path, proof) = (self.home.place_for_blob(&digest)?, self.home.proof(&digest));
        if !proof::is_proven(&path, &proof) {
            temporary.persist(&path)?;
            if let Ok(metadata) = path.symlink_metadata() {
                proof::remember(&proof, &metadata);
            }
        }
        Ok((digest, size))
    }

    /// Writes and hashes what is in the buffer.
    fn flush_piece(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let temporary = match &mut self.temporary {
            Some(temporary) => temporary,
            None => self.temporary.insert(write::Temporary::create(&self.folder).map_err(|error| match error {
                Error::Io { source, .. } => source,
                other => io::Error::other(other),
            })?),
        };
        temporary.append(&self.piece)?;
        self.written += self.piece.len() as u64;
        if let Hashing::Here(hasher) = &mut self.hashing {
            if self.piece.len() < PIECE {
                hasher.update(&self.piece);
                self.piece.clear();
                return Ok(());
            }
            self.hashing = beside(std::mem::take(hasher), temporary.file().try_clone()?)?;
        }
        if let Hashing::Beside { pieces, empty, .. } = &mut self.hashing {
            let next = empty.try_recv().unwrap_or_else(|_| Vec::with_capacity(PIECE));
            let full = std::mem::replace(&mut self.piece, next);
            pieces.send(full).map_err(|_| io::Error::other("the hashing thread has ended"))?;
        }
        Ok(())
    }
}

/// Starts the thread that hashes pieces, which are in the file already, and gives the empty buffers back.
fn beside(mut hasher: Hasher, file: File) -> io::Result<Hashing> {
    let (pieces, incoming) = sync_channel::<Vec<u8>>(WAITING);
    let (outgoing, empty) = sync_channel::<Vec<u8>>(WAITING + 2);
    let thread = std::thread::Builder::new().name("hash".to_string()).spawn(move || {
        let mut hashed = 0;
        for mut piece in incoming {
            hasher.update(&piece);
            hashed += piece.len() as u64;
            piece.clear();
            // Nobody needs the buffer when the writer is gone or has enough of them.
            let _ = outgoing.try_send(piece);
            if hashed.is_multiple_of(STRETCH) {
                begin_synchronising(&file);
            }
        }
        hasher
    })?;
    Ok(Hashing::Beside { pieces, empty, thread })
}

/// Asks the kernel to begin writing to disk what a file has so far, so that [`BlobWriter::commit`] has less to wait for. It promises
/// nothing.
fn begin_synchronising(file: &File) {
    // SAFETY: sync_file_range(2) on a file of our own; length 0 means to its end. It changes no memory, and a refusal
    // only means that the disk is waited for later.
    unsafe { libc::sync_file_range(file.as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE) };
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.piece.len() == PIECE {
            self.flush_piece()?;
        }
        let count = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        // The buffer is emptied when it is full, and at the end: a caller's flush must not make small pieces.
        Ok(())
    }
}

impl std::fmt::Debug for Hashing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Hashing::Here(_) => "Here",
            Hashing::Beside { .. } => "Beside",
        })
    }
}
