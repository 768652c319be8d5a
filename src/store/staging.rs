//! Blobs that come before anybody knows which of them are needed: the files of an archive of images, what others push to a registry.
//!
//! They are hashed while they are written, into a folder of their own below `tmp/`, each under its digest. Those that turn out to
//! be needed are moved into the store; the rest go with the folder.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Error, Home, Store, proof, write};
use crate::document::{self, Links};
use crate::oci::{Algorithm, Digest, Hasher};
use crate::progress::{Counted, Work};

/// A folder of blobs that do not belong to the store yet. It is removed when it is dropped.
#[derive(Debug)]
pub struct Staging<'s> {
    store: &'s Store,
    folder: PathBuf,
}

/// A blob that comes in pieces. Dropped before [`Staging::finish`], it leaves nothing.
pub(crate) struct Arrival {
    temporary: write::Temporary,
    hasher: Hasher,
    size: u64,
}

impl Arrival {
    /// Adds the next piece.
    ///
    /// # Errors
    /// [`Error::Io`] for the disk's errors.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.temporary.write(bytes)?;
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// How much has come.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }
}

/// Why a stream could not be staged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StageError {
    /// The stream broke off; the error is its reader's.
    #[error(transparent)]
    Read(std::io::Error),
    /// The store could not be written.
    #[error(transparent)]
    Store(#[from] Error),
}

impl<'s> Staging<'s> {
    /// Makes an empty folder.
    ///
    /// # Errors
    /// [`Error::Io`] where the home can't be written to.
    pub fn new(store: &'s Store) -> Result<Staging<'s>, Error> {
        let folder = write::temporary_folder(&store.home().temporary())?;
        Ok(Staging { store, folder })
    }

    /// Writes a stream to its end; returns its digest by this algorithm and its size.
    ///
    /// # Errors
    /// What the stream says, and [`Error::Io`] for the disk's errors.
    pub(crate) fn add(&self, algorithm: Algorithm, stream: impl Read) -> Result<(Digest, u64), StageError> {
        let mut arrival = Arrival { hasher: Hasher::of(algorithm), ..self.begin()? };
        let task = self.store.meter().begin(Work::Reading, None);
        let mut stream = Counted { reader: stream, task: &task };
        let mut buffer = vec![0; 256 << 10];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => arrival.push(&buffer[..count])?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(StageError::Read(error)),
            }
        }
        Ok(self.finish(arrival)?)
    }

    /// Begins a blob that comes in pieces.
    ///
    /// # Errors
    /// [`Error::Io`] for the disk's errors.
    pub(crate) fn begin(&self) -> Result<Arrival, Error> {
        Ok(Arrival { temporary: write::Temporary::create(&self.folder)?, hasher: Hasher::new(), size: 0 })
    }

    /// All pieces have come: gives the digest and the size.
    ///
    /// # Errors
    /// [`Error::Io`] for the disk's errors.
    pub(crate) fn finish(&self, arrival: Arrival) -> Result<(Digest, u64), Error> {
        let Arrival { temporary, hasher, size } = arrival;
        self.give(temporary, hasher.finish(), size)
    }

    /// As [`Staging::finish`], by the algorithm that turned out to be wanted: by another than was counted on, all of it is read again.
    ///
    /// # Errors
    /// As [`Staging::finish`].
    pub(crate) fn finish_by(&self, algorithm: Algorithm, arrival: Arrival) -> Result<(Digest, u64), Error> {
        if algorithm == Algorithm::Sha256 {
            return self.finish(arrival);
        }
        let Arrival { temporary, size, .. } = arrival;
        let path = temporary.path();
        let again = File::open(path).map_err(Error::io("open", path))?;
        let (digest, _) = self.store.hash(algorithm, again, Some(size)).map_err(Error::io("read", path))?;
        self.give(temporary, digest, size)
    }

    fn give(&self, temporary: write::Temporary, digest: Digest, size: u64) -> Result<(Digest, u64), Error> {
        temporary.replace(&self.path(&digest))?;
        Ok((digest, size))
    }

    /// Removes what was added and is not in the store.
    pub(crate) fn forget(&self, digest: &Digest) {
        // What is left goes with the folder.
        let _ = write::remove_file(&self.path(digest));
    }

    /// Whether what was added is there, or in the store by now: another command may have removed it from there.
    pub(crate) fn has(&self, digest: &Digest) -> bool {
        let is_file = |path: PathBuf| path.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
        is_file(self.path(digest)) || is_file(self.store.blob_path(digest))
    }

    /// Opens what was added, also when it is in the store by now.
    ///
    /// # Errors
    /// [`Error::Missing`] for what was not added.
    pub(crate) fn open(&self, digest: &Digest) -> Result<File, Error> {
        match document::open(&self.path(digest), Links::Refuse) {
            Ok((file, _)) => Ok(file),
            Err(error) if error.is_not_found() => self.store.look_into_blob(digest),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves what was added into the store. Idempotent; a damaged blob of the same name is replaced.
    ///
    /// # Errors
    /// [`Error::Missing`] for what was not added, [`Error::Io`] for the disk's errors.
    pub(crate) fn keep(&self, digest: &Digest) -> Result<(), Error> {
        self.keep_in(self.store, digest)
    }

    /// As [`Staging::keep`], for a store of the same home that needs it only for a while.
    ///
    /// # Errors
    /// As [`Staging::keep`].
    pub(crate) fn keep_in(&self, store: &Store, digest: &Digest) -> Result<(), Error> {
        store.hold(digest);
        let (staged, blob) = (self.path(digest), store.blob_path(digest));
        let proof = store.home().proof(digest);
        if proof::is_proven(&blob, &proof) {
            return Ok(());
        }
        let file = match File::open(&staged) {
            Ok(file) => file,
            // It may have been kept before, and the proof could not be written.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return store.open_blob(digest).map(|_| ());
            }
            Err(error) => return Err(Error::io("open", &staged)(error)),
        };
        file.sync_all().map_err(Error::io("synchronise", &staged))?;
        write::rename(&staged, &store.home().place_for_blob(digest)?)?;
        if let Ok(metadata) = blob.symlink_metadata() {
            proof::remember(&proof, &metadata);
        }
        Ok(())
    }

    /// The home that it is in.
    pub(crate) fn home(&self) -> &Home {
        self.store.home()
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(digest.hex())
    }

    /// The folder, for messages.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        // What is left is swept with the other temporary files.
        let _ = write::remove_folder(&self.folder);
    }
}
