//! Proving layers: before one is used, its bytes are known to have its digest.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use super::proof::{LAYER, hash, is_remembered, remember};
use super::{Error, Store};
use crate::document::{self, Links};
use crate::oci::{Algorithm, Descriptor, DiffId, Digest, Layer};
use crate::progress::{Counted, Work};
use crate::tree::FileIdentity;

impl Store {
    /// Checks that the layers of an image are here, have the sizes that the manifest says, and the content that their
    /// digests say. Cheap for layers that were proven before.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Size`] or [`Error::Content`] for the first that is not what it should be.
    pub(crate) fn prove_layers(&self, layers: &[Layer]) -> Result<(), Error> {
        layers.iter().try_for_each(|layer| self.prove_descriptor(&layer.descriptor))
    }

    /// Whether a layer is there, with the size and the content that its descriptor says. One that was proven before is not opened for
    /// it.
    pub fn is_whole(&self, descriptor: &Descriptor) -> bool {
        self.hold(&descriptor.digest);
        let Ok(metadata) = self.blob_path(&descriptor.digest).symlink_metadata() else { return false };
        let looks_right = metadata.is_file() && metadata.len() == descriptor.size;
        looks_right && (self.is_known(&metadata, &descriptor.digest) || self.prove_descriptor(descriptor).is_ok())
    }

    fn prove_descriptor(&self, descriptor: &Descriptor) -> Result<(), Error> {
        self.hold(&descriptor.digest);
        let file = self.open_sized(descriptor)?;
        self.prove(&file, &descriptor.digest, &self.blob_path(&descriptor.digest))
    }

    /// Opens a blob for reading whose content has its digest.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::NotAFile`] and [`Error::Content`] for what is not the blob.
    pub(crate) fn open_blob(&self, digest: &Digest) -> Result<File, Error> {
        self.hold(digest);
        self.look_into_blob(digest)
    }

    /// Whether a blob is known to have the content of its digest, without reading it.
    pub(crate) fn is_proven(&self, digest: &Digest) -> bool {
        self.blob_path(digest).symlink_metadata().is_ok_and(|metadata| self.is_known(&metadata, digest))
    }

    /// As [`Store::open_blob`], for who reads it once and needs it no more: what is open is read to its end, also where somebody removes
    /// its name meanwhile.
    ///
    /// # Errors
    /// As [`Store::open_blob`].
    pub(crate) fn look_into_blob(&self, digest: &Digest) -> Result<File, Error> {
        let (file, _) = self.open_unproven(digest)?;
        self.prove(&file, digest, &self.blob_path(digest))?;
        Ok(file)
    }

    /// Opens the uncompressed copy of a layer, if there is a whole one: a damaged copy counts as none, and is made again.
    ///
    /// # Errors
    /// [`Error::Document`] for what is not a file, [`Error::Io`] for what can't be read.
    pub(crate) fn open_expanded(&self, diff_id: &DiffId) -> Result<Option<File>, Error> {
        self.hold(&diff_id.0);
        let path = self.home().expanded(diff_id);
        let file = match document::open(&path, Links::Refuse) {
            Ok((file, _)) => file,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match self.prove(&file, &diff_id.0, &path) {
            Ok(()) => Ok(Some(file)),
            Err(Error::Content { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Remembers that the uncompressed copy of a layer was hashed while it was written.
    pub(crate) fn remember_expanded(&self, diff_id: &DiffId) {
        if let Ok(metadata) = self.home().expanded(diff_id).symlink_metadata() {
            self.remember(&diff_id.0, &metadata);
        }
    }

    /// Whether a blob was found to be the archive of a diff id, compressed.
    pub(crate) fn is_known_to_expand(&self, blob: &Digest, diff_id: &DiffId) -> bool {
        let metadata = self.blob_path(blob).symlink_metadata();
        metadata.is_ok_and(|metadata| self.is_known(&metadata, &expansion(blob, diff_id)))
    }

    /// Remembers that a blob was found to be the archive of a diff id, compressed.
    pub(crate) fn remember_to_expand(&self, blob: &Digest, diff_id: &DiffId) {
        if let Ok(metadata) = self.blob_path(blob).symlink_metadata() {
            self.remember(&expansion(blob, diff_id), &metadata);
        }
    }

    /// The digest by an algorithm, and the size, of what a reader gives. It is counted, and can be stopped.
    ///
    /// # Errors
    /// What the reader says.
    pub(crate) fn hash(&self, algorithm: Algorithm, reader: impl Read, size: Option<u64>) -> io::Result<(Digest, u64)> {
        let task = self.meter().begin(Work::Verifying, size);
        hash(algorithm, Counted { reader, task: &task })
    }

    /// Whether a file is known to have the content of a digest, without reading it.
    fn is_known(&self, metadata: &Metadata, digest: &Digest) -> bool {
        let identity = FileIdentity::of(metadata);
        if self.proven.lock().get(digest) == Some(&identity) {
            return true;
        }
        let known = is_remembered(&self.home().proof(digest), identity);
        if known {
            self.proven.lock().insert(*digest, identity);
        }
        known
    }

    /// Remembers that a file was found to have the content of a digest.
    pub(crate) fn remember(&self, digest: &Digest, metadata: &Metadata) {
        if !self.is_known(metadata, digest) {
            self.proven.lock().insert(*digest, FileIdentity::of(metadata));
            remember(&self.home().proof(digest), metadata);
        }
    }

    fn prove(&self, file: &File, digest: &Digest, path: &Path) -> Result<(), Error> {
        let metadata = file.metadata().map_err(Error::io("stat", path))?;
        if self.is_known(&metadata, digest) {
            return Ok(());
        }
        // Through a handle of its own, so that the caller's still stands at the beginning.
        let (again, before) = document::open(path, Links::Refuse)?;
        document::check(path, before.len(), self.home().bound(&LAYER))?;
        let read = self.hash(digest.algorithm(), again, Some(before.len()));
        self.meter().check()?;
        let actual = read.map_err(Error::io("read", path))?.0;
        if actual != *digest {
            return Err(Error::Content { digest: (*digest).into(), actual: actual.into() });
        }
        if FileIdentity::of(&before) == FileIdentity::of(&metadata) {
            self.remember(digest, &metadata);
        }
        Ok(())
    }
}

/// By which name it is remembered that a blob expands to an archive.
fn expansion(blob: &Digest, diff_id: &DiffId) -> Digest {
    Digest::of(format!("{blob} expands to {diff_id}").as_bytes())
}
