//! Reading the documents that are blobs.
//!
//! A blob is only read as what its descriptor says it is, after its size was compared with the descriptor's and with the
//! limit of its kind; and what was read has the digest by which it was asked for. So a document that is damaged, swapped
//! or far too large is an error of this one document, found before it is understood.

use std::io::Read as _;

use super::documents::limit;
use super::{Error, Store};
use crate::document::{self, Links};
use crate::limits::Limit;
use crate::oci::{Descriptor, Digest, Document, DocumentKind, kind};

impl Store {
    /// Reads a document, as the kind that both its type and its descriptor name. It stays, with all that it leads to, as long as the store
    /// is open.
    ///
    /// # Errors
    /// [`Error::Kind`] where the descriptor names another kind, [`Error::Invalid`] for what can't be understood, and what
    /// [`Store::read`] says.
    pub(crate) fn read_document<T: Document>(&self, descriptor: &Descriptor) -> Result<T, Error> {
        if DocumentKind::of(&descriptor.media_type) == Some(T::KIND) {
            self.lease.hold(&descriptor.digest, Some(T::KIND));
        }
        self.look_at_document(descriptor)
    }

    /// As [`Store::read_document`], for who only looks and does not use it.
    ///
    /// # Errors
    /// As [`Store::read_document`].
    pub(crate) fn look_at_document<T: Document>(&self, descriptor: &Descriptor) -> Result<T, Error> {
        if DocumentKind::of(&descriptor.media_type) != Some(T::KIND) {
            return Err(Error::Kind {
                digest: descriptor.digest.into(),
                wanted: T::KIND.name(),
                media_type: descriptor.media_type.clone(),
            });
        }
        kind::parse(&self.look_at(descriptor, limit(T::KIND))?).map_err(|reason| Error::Invalid {
            name: descriptor.digest.to_string(),
            kind: T::KIND.name(),
            reason,
        })
    }

    /// Reads a whole blob, and checks its size and its digest.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Size`] and [`Error::Content`] for a blob that is not the one that the descriptor means,
    /// [`Error::NotAFile`] for what is not a file, [`Error::Document`] for one that is too large.
    pub fn read(&self, descriptor: &Descriptor, limit: &Limit) -> Result<Vec<u8>, Error> {
        self.hold(&descriptor.digest);
        self.look_at(descriptor, limit)
    }

    /// As [`Store::read`], for who only looks and does not use it.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) fn look_at(&self, descriptor: &Descriptor, limit: &Limit) -> Result<Vec<u8>, Error> {
        let path = self.blob_path(&descriptor.digest);
        document::check(&path, descriptor.size, self.home().bound(limit))?;
        let file = self.open_sized(descriptor)?;
        let mut bytes = Vec::with_capacity(usize::try_from(descriptor.size).unwrap_or(0));
        file.take(descriptor.size.saturating_add(1)).read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
        let actual = descriptor.digest.algorithm().hash(&bytes);
        if actual != descriptor.digest {
            return Err(Error::Content { digest: descriptor.digest.into(), actual: actual.into() });
        }
        Ok(bytes)
    }

    /// Opens a blob that has the size that its descriptor says.
    pub(super) fn open_sized(&self, descriptor: &Descriptor) -> Result<std::fs::File, Error> {
        let (digest, expected) = (descriptor.digest, descriptor.size);
        let (file, metadata) = self.open_unproven(&digest)?;
        if metadata.len() != expected {
            return Err(Error::Size { digest: digest.into(), expected, actual: metadata.len() });
        }
        Ok(file)
    }

    /// Opens a blob whose content nobody has looked at.
    pub(super) fn open_unproven(&self, digest: &Digest) -> Result<(std::fs::File, std::fs::Metadata), Error> {
        document::open(&self.blob_path(digest), Links::Refuse).map_err(|error| match error {
            error if error.is_not_found() => Error::Missing { digest: *digest },
            document::Error::NotRegular { kind, .. } => Error::NotAFile { digest: (*digest).into(), kind },
            error => error.into(),
        })
    }
}
