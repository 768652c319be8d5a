//! Images on disk: an OCI image layout, with what else the program keeps beside it.
//!
//! Specification: OCI image specification, image-layout.md.
//!
//! ```text
//! oci-layout  index.json  blobs/sha256/<hex>   the image layout; every other tool can read it
//! expanded/<diff id>.tar                       uncompressed copies of compressed layers, made on demand
//! unpacked/<…>/                                unpacked layers, made on demand
//! cache/  builds/  containers/  volumes/       kept by other modules
//! tmp/  *.lock                                 files being written, and locks
//! ```
//!
//! **Crashes.** A file appears under its name only when it is whole and on disk, see [`write`](mod@write). A process may be killed
//! anywhere; what it leaves are files in `tmp/` and hidden `*.tmp` files, which the next [`Store::open`] removes when
//! nobody else has the store open.
//!
//! **Locks.** `store.lock` is held shared as long as a [`Store`] is open and exclusively while garbage is collected or
//! left-overs are swept; so nothing that a running process may still refer to is ever removed. `index.lock` is held
//! exclusively while the index is read, changed and replaced. Blobs need no lock: their name is their content.
//! When both are needed, `store.lock` comes first.
//!
//! Left out: any knowledge of Dockerfiles, of the network, and of what is inside of a layer (see [`crate::layer`]; only
//! [`verify`](mod@verify) looks into both).

mod blob;
mod garbage;
mod home;
mod images;
pub mod verify;
pub mod write;

use std::path::{Path, PathBuf};

pub use blob::BlobWriter;
pub use garbage::Collected;
pub use home::Home;
pub use images::Image;
pub use verify::{Finding, Report, Severity, verify};
pub use write::{Lock, LockMode, atomic_replace, atomic_write, lock, try_lock};

use crate::oci::{Descriptor, Digest};

/// Why the store can't do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused an operation on a file.
    #[error("can't {operation} `{}`: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// The folder has files in it that are not a store's.
    #[error("`{}` is not empty and not a layerlab store", path.display())]
    NotAStore {
        /// The folder.
        path: PathBuf,
    },
    /// Neither of the variables that say where the store is has a value.
    #[error("no home for the store: none of `LAYERLAB_HOME`, `XDG_DATA_HOME`, `HOME` is set")]
    NoHome,
    /// A blob that a document refers to is not there.
    #[error("blob {digest} is missing from the store")]
    Missing {
        /// The blob.
        digest: Digest,
    },
    /// A document in the store can't be understood.
    #[error("`{name}` is not a valid {kind}: {reason}")]
    Invalid {
        /// The digest or file name.
        name: String,
        /// What it should be.
        kind: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A descriptor gives another size than the blob has.
    #[error("blob {digest} has {actual} bytes, but its descriptor says {expected}")]
    Size {
        /// The blob.
        digest: Digest,
        /// The size in the descriptor.
        expected: u64,
        /// The size of the file.
        actual: u64,
    },
    /// No image has the name, the id or the beginning of an id.
    #[error("no image `{name}` in the store")]
    NoImage {
        /// What was asked for.
        name: String,
    },
    /// More than one image id begins like this.
    #[error("`{prefix}` is the beginning of {count} image ids")]
    Ambiguous {
        /// What was asked for.
        prefix: String,
        /// How many.
        count: usize,
    },
    /// An index lists no image for this machine.
    #[error("{digest} has no image for {platform} (it has {available})")]
    Platform {
        /// The index.
        digest: Digest,
        /// The platform that was wanted.
        platform: String,
        /// The platforms that there are.
        available: String,
    },
    /// Something can't be removed while others may use it.
    #[error("the store is in use by another process")]
    Busy,
}

impl Error {
    /// Wraps an I/O error with what was tried on which file: `map_err(Error::io("open", path))`.
    pub fn io(operation: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Error {
        move |source| Error::Io { operation, path: path.as_ref().to_path_buf(), source }
    }
}

/// An open store. Opening is cheap; while it is open, nothing is removed from the store by other processes.
#[derive(Debug)]
pub struct Store {
    home: Home,
    lease: Lock,
}

impl Store {
    /// Opens the store in a home and takes its lease. Removes what killed processes have left when no other process has
    /// the store open.
    pub fn open(home: &Home) -> Result<Store, Error> {
        let lock_path = home.lock_path();
        if let Some(alone) = try_lock(&lock_path, LockMode::Exclusive)? {
            home.sweep();
            drop(alone);
        }
        Ok(Store { home: home.clone(), lease: lock(&lock_path, LockMode::Shared)? })
    }

    /// The folder that the store is in.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Where a blob is or would be.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.home.blobs().join(digest.hex())
    }

    /// Whether a blob is there. What is there is whole.
    pub fn has(&self, digest: &Digest) -> bool {
        self.blob_path(digest).is_file()
    }

    /// Opens a blob for reading. Its content is not checked against the digest, see [`verify()`].
    pub fn open_blob(&self, digest: &Digest) -> Result<std::fs::File, Error> {
        let path = self.blob_path(digest);
        std::fs::File::open(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::Missing { digest: *digest },
            _ => Error::Io { operation: "open", path, source },
        })
    }

    /// Reads a whole blob, and checks its size and its digest.
    pub fn read(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        let digest = descriptor.digest;
        let path = self.blob_path(&digest);
        let bytes = std::fs::read(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::Missing { digest },
            _ => Error::Io { operation: "read", path, source },
        })?;
        if bytes.len() as u64 != descriptor.size {
            return Err(Error::Size { digest, expected: descriptor.size, actual: bytes.len() as u64 });
        }
        if Digest::of(&bytes) != digest {
            return Err(Error::Invalid {
                name: digest.to_string(),
                kind: "blob",
                reason: "its content has another digest".to_string(),
            });
        }
        Ok(bytes)
    }

    /// Reads a JSON document, and checks its size and its digest.
    pub fn read_json<T: serde::de::DeserializeOwned>(&self, descriptor: &Descriptor) -> Result<T, Error> {
        serde_json::from_slice(&self.read(descriptor)?).map_err(|error| Error::Invalid {
            name: descriptor.digest.to_string(),
            kind: "JSON document",
            reason: error.to_string(),
        })
    }

    /// Stores bytes that are in memory. Idempotent.
    pub fn put_bytes(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, Error> {
        let digest = Digest::of(bytes);
        if !self.has(&digest) {
            let mut temporary = write::Temporary::create(&self.home.temporary())?;
            temporary.write(bytes)?;
            temporary.persist(&self.blob_path(&digest))?;
        }
        Ok(Descriptor::new(media_type, digest, bytes.len() as u64))
    }

    /// Begins a blob whose digest is known only at its end.
    pub fn blob_writer(&self) -> Result<BlobWriter, Error> {
        BlobWriter::create(self)
    }
}
