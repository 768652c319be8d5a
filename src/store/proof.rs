//! Layers are proven once: their bytes are hashed when they are first used, and that is remembered.
//!
//! A blob may have been put here by another program, or damaged since. Hashing every layer for each container would cost
//! more than all the rest of its start, so a proof holds as long as the file looks the same to stat(2): the same device,
//! inode, size, and times of change. Writing to a file changes these, and restoring them takes more than an accident.
//! What this program writes itself it hashes while writing, and proves with that.
//!
//! On disk: `proven/<hex>`, one short line. It can be made again, so it is not synchronised, a damaged one counts as none,
//! and where the home can't be written to, the proof lasts as long as the process.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::{Error, Store, atomic_replace};
use crate::document::{self, Limit, Links};
use crate::oci::{Descriptor, DiffId, Digest, Hasher, Layer};
use crate::progress::{Counted, Work};
use crate::tree::FileIdentity;

/// Seven numbers and the spaces between them are not longer.
const LONGEST_PROOF: usize = 256;

/// A layer, which has to be read to its end before it is used.
pub(crate) const LAYER: Limit = Limit::new("layer", "LAYERLAB_MAX_LAYER", 64 << 30);

/// What this process has seen proven.
#[derive(Debug, Default)]
pub(super) struct Proven(Mutex<HashMap<Digest, FileIdentity>>);

/// A proof's line: the numbers of a file's identity.
fn line_of(identity: &FileIdentity) -> String {
    identity.numbers().map(|number| number.to_string()).join(" ")
}

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
        LAYER.check(path, before.len())?;
        let task = self.meter().begin(Work::Verifying, Some(before.len()));
        let read = hash(Counted { reader: again, task: &task });
        self.meter().check()?;
        let actual = read.map_err(Error::io("read", path))?.0;
        if actual != *digest {
            return Err(Error::Content { digest: *digest, actual });
        }
        if FileIdentity::of(&before) == FileIdentity::of(&metadata) {
            self.remember(digest, &metadata);
        }
        Ok(())
    }
}

impl Proven {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, FileIdentity>> {
        // The map is whole even where another thread has panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Remembers on disk that a file has the content that a proof is named after. That the home can't be written to is no
/// error: the next process will read the layer once more.
pub(super) fn remember(proof: &Path, metadata: &Metadata) {
    let _ = atomic_replace(proof, line_of(&FileIdentity::of(metadata)).as_bytes());
}

/// Whether a file was proven before and has not changed since.
pub(super) fn is_proven(path: &Path, proof: &Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|metadata| metadata.is_file() && is_remembered(proof, FileIdentity::of(&metadata)))
}

/// Whether a proof says exactly this. It is asked for each layer of each build, so it is three system calls and not seven; whatever lies
/// there instead of a file has other bytes, or none at once.
fn is_remembered(proof: &Path, identity: FileIdentity) -> bool {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let Ok(mut file) = File::options().read(true).custom_flags(flags).open(proof) else { return false };
    let expected = line_of(&identity);
    let mut line = [0; LONGEST_PROOF];
    file.read(&mut line).is_ok_and(|length| &line[..length] == expected.as_bytes())
}

/// The digest and the size of what a reader gives.
pub(crate) fn hash(mut reader: impl Read) -> io::Result<(Digest, u64)> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 256 << 10];
    let mut size = 0;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok((hasher.finish(), size)),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                size += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
