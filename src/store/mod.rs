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
//! Left out: any knowledge of Dockerfiles, of the network, and of what is inside a layer (see [`crate::layer`]).

mod blob;
mod collect;
pub mod documents;
mod error;
mod find;
mod home;
pub(crate) mod images;
pub(crate) mod index;
mod lease;
mod linked;
mod lock;
pub(crate) mod proof;
mod proving;
pub(crate) mod purpose;
mod reading;
mod repository_digests;
mod staging;
mod survey;
pub(crate) mod write;

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use blob::BlobWriter;
pub use collect::Collected;
pub use error::Error;
pub(crate) use find::Catalogue;
use home::Extent;
pub use home::{Home, Preferences};
pub(crate) use images::{MOST_NESTED, Summary};
pub use index::Image;
pub(crate) use linked::linked_place;
pub(crate) use lock::{Lock, LockMode, is_claimed, lock, lock_folder, lock_patiently, try_claim};
pub(crate) use proof::LAYER;
pub(crate) use repository_digests::RepositoryDigests;
pub use staging::Staging;
pub(crate) use staging::{Arrival, StageError};
pub use survey::{Reason, Roots};
pub(crate) use survey::{Sort, Stored, Survey};
pub(crate) use write::{atomic_replace, atomic_write, create_private_folder};

use crate::document;
use crate::limits::Limits;
use crate::oci::{Algorithm, Descriptor, Digest, DocumentKind};
use crate::progress::Meter;

/// An open store. Opening is cheap; as long as it is open, nothing that it has given or taken is removed by others.
#[derive(Debug)]
pub struct Store {
    home: Home,
    lease: Arc<lease::Lease>,
    proven: proof::Proven,
    meter: Meter,
}

impl Store {
    /// Opens the store in a home and begins a lease. Removes what killed processes have left.
    ///
    /// # Errors
    /// [`Error::Io`] where the lock can't be taken. That the home is read-only is not an error.
    pub fn open(home: &Home) -> Result<Store, Error> {
        let meter = Meter::new().map_err(Error::io("make an eventfd for", home.root()))?;
        let lease = lease::Lease::take(home, &meter)?;
        let others = lease::look(home, &lease);
        // A killed process has left its lease; only one that could write none has left files without.
        if others.had_dead {
            home.sweep(Extent::All, || lease::look(home, &lease).living);
        } else if others.living.is_empty() {
            home.sweep(Extent::Short, || lease::look(home, &lease).living);
        }
        Ok(Store { home: home.clone(), lease: Arc::new(lease), proven: proof::Proven::default(), meter })
    }

    /// From now on, as long as this value lives, what has the digest stays, if it is there: a blob, or the expanded or unpacked copy of a
    /// layer. Reading and writing by this module holds by itself; this is for who looks for a copy by its name.
    pub(crate) fn hold(&self, digest: &Digest) {
        self.lease.hold(digest, None);
    }

    /// Ends the lease, for a program that ends without dropping this. A lease that stays is that of a killed process: the next to come would
    /// look for what it has left, and remove its list, for which a disk may take milliseconds.
    pub(crate) fn end_lease(&self) {
        self.lease.end();
    }

    /// How much may be asked for by what is read.
    pub(crate) fn limits(&self) -> &Limits {
        &self.home.preferences().limits
    }

    /// Where long work on the store is counted, and what stops it.
    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The folder that the store is in.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Where a blob is or would be.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.home.blob(digest)
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
        self.put_document_by(Algorithm::Sha256, media_type, bytes)
    }

    /// As [`Store::put_document`], under a digest of this algorithm.
    ///
    /// # Errors
    /// As [`Store::put_document`].
    pub(crate) fn put_document_by(
        &self,
        algorithm: Algorithm,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Descriptor, Error> {
        let digest = algorithm.hash(bytes);
        if let Some(kind) = DocumentKind::of(media_type) {
            document::check(&self.blob_path(&digest), bytes.len() as u64, self.home.bound(documents::limit(kind)))?;
        }
        self.put(Descriptor::new(media_type, digest, bytes.len() as u64), bytes)
    }

    /// Stores bytes that are in memory, in place of a damaged blob of the same name. Idempotent.
    ///
    /// # Errors
    /// [`Error::Io`] for the disk's errors.
    pub fn put_bytes(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, Error> {
        self.put(Descriptor::new(media_type, Digest::of(bytes), bytes.len() as u64), bytes)
    }

    /// Stores bytes that have a digest.
    fn put(&self, descriptor: Descriptor, bytes: &[u8]) -> Result<Descriptor, Error> {
        self.lease.hold(&descriptor.digest, DocumentKind::of(&descriptor.media_type));
        let is_there = self.open_sized(&descriptor).is_ok_and(|mut file| {
            let mut found = Vec::with_capacity(bytes.len() + 1);
            file.read_to_end(&mut found).is_ok() && found == bytes
        });
        if !is_there {
            let mut temporary = write::Temporary::create(&self.home.temporary())?;
            temporary.write(bytes)?;
            temporary.persist(&self.home.place_for_blob(&descriptor.digest)?)?;
        }
        Ok(descriptor)
    }

    /// Begins a blob whose digest is known only at its end.
    ///
    /// # Errors
    /// None for now: the file is made with the first bytes.
    pub fn blob_writer(&self) -> Result<BlobWriter, Error> {
        self.blob_writer_by(Algorithm::Sha256)
    }

    /// As [`Store::blob_writer`], for a digest of this algorithm.
    ///
    /// # Errors
    /// As [`Store::blob_writer`].
    pub(crate) fn blob_writer_by(&self, algorithm: Algorithm) -> Result<BlobWriter, Error> {
        BlobWriter::create(self, algorithm)
    }
}
