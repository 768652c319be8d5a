//! A shared cache as a folder: an image layout with one manifest.
//!
//! ```text
//! oci-layout  index.json  blobs/sha256/<hex>    what every tool for image layouts reads
//! lock                                          who writes
//! ```
//!
//! The index is replaced last, so a reader finds the cache from before or the one from after. Then what only the one before had is removed: whoever is
//! still reading that misses a layer, and takes the step itself.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::PathBuf;

use super::document::Document;
use super::error::Error;
use crate::document::{self, Links};
use crate::layer::pack::pack;
use crate::limits::Bound;
use crate::oci::{Descriptor, Digest, DocumentKind, Index, Layout, Manifest, kind, media_type, to_json};
use crate::store::write::{Temporary, atomic_write, create_folder, is_temporary, remove_file};
use crate::store::{Lock, LockMode, Staging, Store, documents, lock_patiently};

/// What is in the folder of a cache.
const PARTS: [&str; 4] = ["oci-layout", "index.json", "blobs", "lock"];
/// How long the name of a blob is.
const HEX: usize = 64;

/// A folder with a cache, or for one.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Folder {
        Folder { path }
    }

    fn index_path(&self) -> PathBuf {
        self.path.join("index.json")
    }

    fn blobs(&self) -> PathBuf {
        self.path.join("blobs/sha256")
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    /// The bytes of its manifest.
    ///
    /// # Errors
    /// [`Error::Nothing`], [`Error::NotACache`], and what the kernel says.
    pub(super) fn manifest(&self, bound: Bound) -> Result<Vec<u8>, Error> {
        let bytes = match document::read(&self.index_path(), bound, Links::Refuse) {
            Err(error) if error.is_not_found() => return Err(Error::Nothing { path: self.path.clone() }),
            read => read?,
        };
        let index: Index =
            kind::parse(&bytes).map_err(|reason| Error::NotACache(format!("its `index.json`: {reason}")))?;
        match index.manifests.as_slice() {
            [one] if DocumentKind::of(&one.media_type) == Some(DocumentKind::Manifest) => self.document(one, bound),
            [_] => Err(Error::NotACache("it has no cache of Layerlab's, but an index".to_owned())),
            [] => Err(Error::Nothing { path: self.path.clone() }),
            [_, _, ..] => Err(Error::NotACache("it is an image layout, and no cache".to_owned())),
        }
    }

    /// Reads a small blob, which has the digest of its name.
    ///
    /// # Errors
    /// [`crate::store::Error::Content`] for another content, and what the kernel says.
    pub(super) fn document(&self, blob: &Descriptor, bound: Bound) -> Result<Vec<u8>, Error> {
        let bytes = document::read(&self.blob_path(&blob.digest), bound, Links::Refuse)?;
        let actual = blob.digest.algorithm().hash(&bytes);
        if actual != blob.digest {
            return Err(crate::store::Error::Content { digest: blob.digest.into(), actual: actual.into() }.into());
        }
        Ok(bytes)
    }

    /// Copies a blob into a staging folder, if it has the digest of its name.
    ///
    /// # Errors
    /// [`Error::NoBlob`], [`crate::store::Error::Size`] and [`crate::store::Error::Content`] for what is not the blob, and what the kernel says.
    pub(super) fn fetch(&self, staging: &Staging<'_>, blob: &Descriptor) -> Result<(), Error> {
        let digest = blob.digest;
        let (file, found) = match document::open(&self.blob_path(&digest), Links::Refuse) {
            Err(error) if error.is_not_found() => return Err(Error::NoBlob { path: self.path.clone(), digest }),
            opened => opened?,
        };
        if found.len() != blob.size {
            return Err(
                crate::store::Error::Size { digest: digest.into(), expected: blob.size, actual: found.len() }.into()
            );
        }
        let (actual, _) = staging.add(digest.algorithm(), file).map_err(|error| match error {
            crate::store::StageError::Read(source) => {
                Error::Io { operation: "read", path: self.blob_path(&digest), source }
            }
            crate::store::StageError::Store(error) => error.into(),
        })?;
        if actual != digest {
            return Err(crate::store::Error::Content { digest: digest.into(), actual: actual.into() }.into());
        }
        Ok(())
    }

    /// Begins to write: nobody else does meanwhile.
    ///
    /// # Errors
    /// [`Error::Occupied`] for a folder that has something else, in which nothing is touched then, and what the kernel says.
    pub(super) fn write(self, store: &Store) -> Result<Writing<'_>, Error> {
        self.refuse_something_else(store.home().bound(&documents::MANIFEST)).map_err(|error| match error {
            Error::NotACache(reason) => Error::Occupied { path: self.path.clone(), reason },
            error => error,
        })?;
        create_folder(&self.blobs())?;
        let lock = lock_patiently(&self.path.join("lock"), LockMode::Exclusive, store.meter())?;
        self.sweep();
        let bound = store.home().bound(&documents::MANIFEST);
        let before = match self.manifest(bound) {
            Ok(bytes) => self.read_before(store, &bytes)?,
            Err(Error::Nothing { .. }) => Before::default(),
            Err(error) => return Err(error),
        };
        Ok(Writing { folder: self, store, before, kept: BTreeSet::new(), _lock: lock })
    }

    /// Looks before anything is made: a folder that has files of somebody is no place for a cache.
    fn refuse_something_else(&self, bound: Bound) -> Result<(), Error> {
        // What is removed from here in the end is removed from this folder.
        for folder in [self.path.join("blobs"), self.blobs()] {
            if folder.symlink_metadata().is_ok_and(|found| !found.is_dir()) {
                return Err(Error::NotACache(format!("its `{}` is not a folder", folder.display())));
            }
        }
        match self.manifest(bound) {
            Err(Error::Nothing { .. }) => {}
            found => return cache(&found?).map(|_| ()),
        }
        for (depth, folder) in [self.path.clone(), self.path.join("blobs"), self.blobs()].into_iter().enumerate() {
            let names = match fs::read_dir(&folder) {
                Ok(entries) => entries.map(|entry| Ok(entry?.file_name())).collect(),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
                Err(error) => Err(error),
            };
            let names = names.map_err(|source| Error::Io { operation: "list", path: folder.clone(), source })?;
            if let Some(other) = names.iter().find(|name| !is_ours(depth, name)) {
                return Err(Error::NotACache(format!("it has `{}`", folder.join(other).display())));
            }
        }
        Ok(())
    }

    /// Removes what writers have left that were killed. There is no other writer.
    fn sweep(&self) {
        for folder in [self.path.clone(), self.blobs()] {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if is_temporary(&entry.file_name()) {
                    // What stays costs room, and the next one tries again.
                    let _ = remove_file(&entry.path());
                }
            }
        }
    }

    /// What the cache has that is there. One that can't be read is replaced; something else is not.
    fn read_before(&self, store: &Store, bytes: &[u8]) -> Result<Before, Error> {
        let manifest = cache(bytes)?;
        let bound = store.home().bound(&super::SHARED);
        let document =
            self.document(&manifest.config, bound).ok().and_then(|bytes| Document::parse(store.home(), &bytes).ok());
        let layers = document.into_iter().flat_map(|document| document.layers);
        let blobs = manifest.layers.iter().map(|blob| blob.digest).chain([manifest.config.digest, Digest::of(bytes)]);
        Ok(Before { layers: layers.map(|sent| (sent.diff_id.0, sent.blob)).collect(), blobs: blobs.collect() })
    }
}

/// Whether a name is one that a cache has, or that a first write has left that was killed: in its folder, in `blobs`, and in the folder below that.
fn is_ours(depth: usize, name: &OsStr) -> bool {
    let is_blob = || name.len() == HEX && name.as_encoded_bytes().iter().all(u8::is_ascii_hexdigit);
    is_temporary(name)
        || match depth {
            0 => PARTS.iter().any(|part| name == *part),
            1 => name == "sha256",
            _ => is_blob(),
        }
}

/// Reads the manifest of a cache.
fn cache(bytes: &[u8]) -> Result<Manifest, Error> {
    let manifest: Option<Manifest> = kind::parse(bytes).ok();
    manifest.filter(Manifest::is_cache).ok_or_else(|| Error::NotACache("it has an image, and no cache".to_owned()))
}

/// What was there before.
#[derive(Debug, Default)]
struct Before {
    /// By the digests of their archives.
    layers: BTreeMap<Digest, Descriptor>,
    /// Everything that belongs to it.
    blobs: BTreeSet<Digest>,
}

/// A cache that is being written.
#[derive(Debug)]
pub(super) struct Writing<'s> {
    folder: Folder,
    store: &'s Store,
    before: Before,
    /// What the new one has.
    kept: BTreeSet<Digest>,
    _lock: Lock,
}

impl Writing<'_> {
    /// Sees to it that a layer is there, compressed.
    ///
    /// # Errors
    /// What the store and the kernel say.
    pub(super) fn layer(&mut self, layer: &Descriptor) -> Result<Descriptor, Error> {
        let known = self.before.layers.get(&layer.digest).filter(|blob| self.has(blob)).cloned();
        let blob = match known {
            Some(blob) => blob,
            None => {
                let mut temporary = Temporary::create(&self.folder.blobs())?;
                let path = temporary.path().to_owned();
                let blob = pack(self.store, layer, temporary.file(), &path, &|_| ())?;
                temporary.persist(&self.folder.blob_path(&blob.digest))?;
                blob
            }
        };
        self.kept.insert(blob.digest);
        Ok(blob)
    }

    /// Sees to it that a blob is there.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn blob(&mut self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, Error> {
        let blob = Descriptor::new(media_type, Digest::of(bytes), bytes.len() as u64);
        if !self.has(&blob) {
            atomic_write(&self.folder.blob_path(&blob.digest), bytes)?;
        }
        self.kept.insert(blob.digest);
        Ok(blob)
    }

    /// Puts the cache in the place of the one before.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn finish(mut self, manifest: &Manifest) -> Result<Descriptor, Error> {
        let descriptor = self.blob(media_type::MANIFEST, &to_json(manifest))?;
        atomic_write(&self.folder.path.join("oci-layout"), &to_json(&Layout::default()))?;
        atomic_write(&self.folder.index_path(), &to_json(&Index::new(vec![descriptor.clone()])))?;
        for digest in self.before.blobs.difference(&self.kept) {
            remove_file(&self.folder.blob_path(digest))?;
        }
        Ok(descriptor)
    }

    /// Whether there is a file of the name and the size of a blob, which whoever reads it will hash.
    fn has(&self, blob: &Descriptor) -> bool {
        let opened: Result<(File, _), _> = document::open(&self.folder.blob_path(&blob.digest), Links::Refuse);
        opened.is_ok_and(|(_, found)| found.len() == blob.size)
    }
}
