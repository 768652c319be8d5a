//! What a registry has that is no image: a manifest, and the blobs that it lists. What they mean is said by who has asked for it.

use std::fmt;
use std::io::Read as _;

use super::blob::{self, Body};
use super::repository::Fetched;
use super::session::Session;
use super::{Error, known};
use crate::limits::Bound;
use crate::oci::{Descriptor, Digest, DocumentKind};
use crate::progress::{Counted, Work};
use crate::store::{StageError, Staging, Store};

/// A manifest of a repository, whose blobs can be fetched as long as this value lives.
pub(crate) struct Artifact {
    session: Session,
    fetched: Fetched,
}

impl Artifact {
    pub(super) fn new(session: Session, fetched: Fetched) -> Artifact {
        Artifact { session, fetched }
    }

    /// The manifest, or the index: what it is, and its bytes.
    pub(crate) fn manifest(&self) -> (DocumentKind, &[u8]) {
        (self.fetched.kind, &self.fetched.bytes)
    }

    /// Fetches a blob that is small, whole and with the right digest.
    ///
    /// # Errors
    /// [`Error::Document`] for one that is too large, [`Error::Content`] and [`Error::Size`] for another one, [`Error::NoBlob`].
    pub(crate) fn document(&self, store: &Store, descriptor: &Descriptor, bound: Bound) -> Result<Vec<u8>, Error> {
        let name = std::path::Path::new(&self.session.repository);
        store
            .meter()
            .interrupt()
            .during(|| self.session.end(), || blob::document(&self.session, store.meter(), name, descriptor, bound))
    }

    /// Fetches a blob of any size into a staging folder, whole and with the right digest.
    ///
    /// # Errors
    /// [`Error::Content`] and [`Error::Size`] for another one, [`Error::NoBlob`], and what the disk says.
    pub(crate) fn fetch(&self, store: &Store, staging: &Staging<'_>, descriptor: &Descriptor) -> Result<(), Error> {
        let mut body = Body::new(&self.session, descriptor);
        let staged = store.meter().interrupt().during(
            || self.session.end(),
            || {
                let task = store.meter().begin(Work::Downloading, Some(descriptor.size));
                let reader = (&mut body).take(descriptor.size.saturating_add(1));
                staging.add(descriptor.digest.algorithm(), Counted { reader, task: &task })
            },
        );
        self.session.check()?;
        let (digest, size) = match (staged, body.into_failure()) {
            (_, Some(error)) => return Err(error),
            (Err(StageError::Store(error)), None) => return Err(error.into()),
            (Err(StageError::Read(error)), None) => return Err(blob::broken(&self.session, &error)),
            (Ok(staged), None) => staged,
        };
        blob::compare(&self.session, descriptor, digest, size)
    }

    /// Remembers where a layer was found, and as what: who pushes it need not compress and send it.
    pub(crate) fn note(&self, store: &Store, layer: &Digest, blob: &Descriptor) {
        if blob.digest != *layer {
            known::note_compressed(store, layer, blob);
        }
        known::note(store, &self.session.registry, &self.session.repository, [blob.digest]);
    }
}

impl fmt::Debug for Artifact {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Artifact").field("fetched", &self.fetched).finish_non_exhaustive()
    }
}
