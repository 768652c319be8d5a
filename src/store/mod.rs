//! Images on disk: an OCI image layout, with what else the program keeps beside it.
//!
//! Specification: OCI image specification, image-layout.md.
//!
//! ```text
//! oci-layout  index.json  blobs/sha256/<hex>   the image layout; every other tool can read it
//! expanded/<diff id>.tar                       uncompressed copies of compressed layers, made on demand
//! unpacked/<…>/                                unpacked layers, made on demand
//! proven/<hex>                                 which layers were found to be what their digests say
//! cache/  builds/  containers/  volumes/       kept by other modules
//! tmp/  *.lock                                 files being written, and locks
//! ```
//!
//! **Crashes.** A file appears under its name only when it is whole and on disk, see [`write`](mod@write). A process may be killed
//! anywhere; what it leaves are files in `tmp/` and hidden `*.tmp` files, which the next [`Store::open`] removes when
//! nobody else has the store open.
//!
//! **Leases.** A process that has a [`Store`] open writes down what it uses, see `lease`, and nothing of that is ever removed. A server
//! opens one for each build or container, and keeps no more than they need.
//!
//! **Locks.** `store.lock` is held shared while a line is added to a lease, and exclusively while things are removed. `index.lock` is held
//! exclusively while the index is read, changed and replaced. Blobs need no lock: their name is their content. When both are
//! needed, `store.lock` comes first.
//!
//! Left out: any knowledge of Dockerfiles, of the network, and of what is inside of a layer (see [`crate::layer`]; only
//! [`verify`](mod@verify) looks into both).

mod blob;
mod collect;
pub mod documents;
mod find;
mod home;
mod images;
mod index;
mod lease;
mod lock;
mod proof;
mod staging;
mod survey;
pub mod verify;
pub(crate) mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use blob::BlobWriter;
pub use collect::Collected;
pub(crate) use find::Catalogue;
pub use find::Image;
pub use home::Home;
pub(crate) use images::{MOST_NESTED, Summary};
pub(crate) use lock::{Lock, LockMode, lock, try_claim};
pub(crate) use staging::StageError;
pub use staging::Staging;
pub use survey::{Reason, Roots};
pub(crate) use survey::{Sort, Stored, Survey};
pub use verify::Severity;
pub use verify::{Finding, Report, verify};
pub(crate) use write::{atomic_replace, atomic_write};

use crate::layer::Limits;
use crate::oci::{Descriptor, Digest, DocumentKind};

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
    /// A folder of the home is a symbolic link.
    #[error("`{}` is a symbolic link, not a folder of the store itself", path.display())]
    LinkedFolder {
        /// The link.
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
    /// A file is not a regular one, or larger than a document of its kind may be.
    #[error(transparent)]
    Document(#[from] crate::document::Error),
    /// In the place of a blob is something else than a file.
    #[error("blob {digest} is a {kind}, not a regular file")]
    NotAFile {
        /// The blob.
        digest: Digest,
        /// What is there instead.
        kind: &'static str,
    },
    /// A descriptor is followed as one kind of document and names another.
    #[error("{digest} is listed as `{media_type}`, which is not an {wanted}")]
    Kind {
        /// The blob.
        digest: Digest,
        /// The kind that is needed.
        wanted: &'static str,
        /// What the descriptor says.
        media_type: String,
    },
    /// The content of a blob is not what its name says.
    #[error("blob {digest} is damaged: its content has the digest {actual}")]
    Content {
        /// The blob.
        digest: Digest,
        /// The digest of what is there.
        actual: Digest,
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
    /// Whether the reason is that files can't be written there, by anybody or by this user.
    pub(crate) fn is_read_only(&self) -> bool {
        use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        matches!(self, Error::Io { source, .. } if matches!(source.kind(), PermissionDenied | ReadOnlyFilesystem))
    }

    /// Whether the reason is that the disk, or the user's share of it, is full.
    pub(crate) fn is_full(&self) -> bool {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Error::Io { source, .. } if matches!(source.kind(), QuotaExceeded | StorageFull))
    }

    /// What can be done about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Error::NotAStore { .. } => Some("choose a new or empty folder with `--home` or LAYERLAB_HOME".to_owned()),
            Error::LinkedFolder { .. } => Some(
                "files of the store are removed without asking: move the whole store, or mount the folder there"
                    .to_owned(),
            ),
            Error::Document(error) => error.hint(),
            Error::NotAFile { .. }
            | Error::Missing { .. }
            | Error::Size { .. }
            | Error::Content { .. }
            | Error::Kind { .. } => {
                Some("`layerlab store verify` lists what is damaged; `layerlab rmi` removes an image".to_owned())
            }
            _ => None,
        }
    }

    /// Wraps an I/O error with what was tried on which file: `map_err(Error::io("open", path))`.
    pub(crate) fn io(operation: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Error {
        move |source| Error::Io { operation, path: path.as_ref().to_path_buf(), source }
    }
}

/// An open store. Opening is cheap; as long as it is open, nothing that it has given or taken is removed by others.
#[derive(Debug)]
pub struct Store {
    home: Home,
    lease: Arc<lease::Lease>,
    proven: proof::Proven,
    limits: Limits,
}

impl Store {
    /// Opens the store in a home and begins a lease. Removes what killed processes have left.
    ///
    /// # Errors
    /// [`Error::Io`] where the lock can't be taken. That the home is read-only is not an error.
    pub fn open(home: &Home) -> Result<Store, Error> {
        let lease = lease::Lease::take(home)?;
        let others = lease::look(home, &lease);
        if others.had_dead || others.living.is_empty() {
            home.sweep(|| lease::look(home, &lease).living);
        }
        Ok(Store {
            home: home.clone(),
            lease: Arc::new(lease),
            proven: proof::Proven::default(),
            limits: Limits::default(),
        })
    }

    /// From now on, as long as this value lives, what has the digest stays, if it is there: a blob, or the expanded or unpacked copy of a
    /// layer. Reading and writing by this module holds by itself; this is for who looks for a copy by its name.
    pub(crate) fn hold(&self, digest: &Digest) {
        self.lease.hold(digest, None);
    }

    /// Sets how much the archives of layers may ask for.
    pub(crate) fn with_limits(mut self, limits: Limits) -> Store {
        self.limits = limits;
        self
    }

    /// How much the archives of layers may ask for.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The folder that the store is in.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Where a blob is or would be.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.home.blobs().join(digest.hex())
    }

    /// Whether a blob is there: a regular file. Its content is proven when it is read.
    pub fn has(&self, digest: &Digest) -> bool {
        self.blob_path(digest).symlink_metadata().is_ok_and(|metadata| metadata.is_file())
    }

    /// Stores a document that is in memory. Idempotent.
    ///
    /// # Errors
    /// [`Error::Document`] for a document that is larger than what would be read again, [`Error::Io`] for the disk's errors.
    pub(crate) fn put_document(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, Error> {
        let digest = Digest::of(bytes);
        if let Some(kind) = DocumentKind::of(media_type) {
            documents::limit(kind).check(&self.blob_path(&digest), bytes.len() as u64)?;
        }
        self.put_bytes(media_type, bytes)
    }

    /// Stores bytes that are in memory, in place of a damaged blob of the same name. Idempotent.
    ///
    /// # Errors
    /// [`Error::Io`] for the disk's errors.
    pub fn put_bytes(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, Error> {
        let descriptor = Descriptor::new(media_type, Digest::of(bytes), bytes.len() as u64);
        self.lease.hold(&descriptor.digest, DocumentKind::of(media_type));
        let is_there = self
            .open_sized(&descriptor)
            .is_ok_and(|file| proof::hash(file).is_ok_and(|(actual, _)| actual == descriptor.digest));
        if !is_there {
            let mut temporary = write::Temporary::create(&self.home.temporary())?;
            temporary.write(bytes)?;
            temporary.persist(&self.blob_path(&descriptor.digest))?;
        }
        Ok(descriptor)
    }

    /// Begins a blob whose digest is known only at its end.
    ///
    /// # Errors
    /// None for now: the file is made with the first bytes.
    pub fn blob_writer(&self) -> Result<BlobWriter, Error> {
        BlobWriter::create(self)
    }
}
