//! Blobs that come before anybody knows which of them are needed: the files of an archive of images.
//!
//! They are hashed while they are written, into a folder of their own below `tmp/`, each under its digest. Those that turn out to
//! be needed are moved into the store; the rest go with the folder.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Error, Home, Store, proof, write};
use crate::document::{self, Links};
use crate::oci::{Digest, Hasher};
use crate::progress::{Counted, Work};

/// A folder of blobs that do not belong to the store yet. It is removed when it is dropped.
#[derive(Debug)]
pub struct Staging<'s> {
    store: &'s Store,
    folder: PathBuf,
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

    /// Writes a stream to its end; returns its digest and its size.
    ///
    /// # Errors
    /// What the stream says, and [`Error::Io`] for the disk's errors.
    pub(crate) fn add(&self, stream: impl Read) -> Result<(Digest, u64), StageError> {
        let mut temporary = write::Temporary::create(&self.folder)?;
        let task = self.store.meter().begin(Work::Reading, None);
        let mut stream = Counted { reader: stream, task: &task };
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; 256 << 10];
        let mut size = 0;
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    hasher.update(&buffer[..count]);
                    temporary.write(&buffer[..count])?;
                    size += count as u64;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(StageError::Read(error)),
            }
        }
        let digest = hasher.finish();
        temporary.replace(&self.path(&digest))?;
        Ok((digest, size))
    }

    /// Opens what was added, also when it is in the store by now.
    ///
    /// # Errors
    /// [`Error::Missing`] for what was not added.
    pub(crate) fn open(&self, digest: &Digest) -> Result<File, Error> {
        match document::open(&self.path(digest), Links::Refuse) {
            Ok((file, _)) => Ok(file),
            Err(error) if error.is_not_found() => self.store.open_blob(digest),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves what was added into the store. Idempotent; a damaged blob of the same name is replaced.
    ///
    /// # Errors
    /// [`Error::Missing`] for what was not added, [`Error::Io`] for the disk's errors.
    pub(crate) fn keep(&self, digest: &Digest) -> Result<(), Error> {
        self.store.hold(digest);
        let (staged, blob) = (self.path(digest), self.store.blob_path(digest));
        let proof = self.store.home().proof(digest);
        if proof::is_proven(&blob, &proof) {
            return Ok(());
        }
        let file = match File::open(&staged) {
            Ok(file) => file,
            // It may have been kept before, and the proof could not be written.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return self.store.open_blob(digest).map(|_| ());
            }
            Err(error) => return Err(Error::io("open", &staged)(error)),
        };
        file.sync_all().map_err(Error::io("synchronise", &staged))?;
        write::rename(&staged, &blob)?;
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
