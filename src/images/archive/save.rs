//! From images in the store to an archive that Docker, Podman and skopeo read.
//!
//! ```text
//! oci-layout  index.json          the OCI layout
//! manifest.json                   for readers of docker archives: the same blobs by their names; only in a docker archive
//! blobs/sha256/…                  each once, in the order of their digests
//! ```
//!
//! That is what Docker 25 and later write: one archive for both kinds of readers. The same images in the same order give the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::Error;
use super::contents::path_of;
use super::file::write_whole;
use super::tarball::{Bundle, begin_folder};
use crate::oci::manifest::{IMAGE_NAME, REF_NAME};
use crate::oci::{Algorithm, Descriptor, Digest, DocumentKind, Index, Layout, Manifest, Platform, Reference, to_json};
use crate::progress::Work;
use crate::store::{self, Store, write};

/// The form of an archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// A tar archive with `manifest.json`, which is an OCI layout as well.
    #[default]
    DockerArchive,
    /// An OCI layout as a tar archive.
    OciArchive,
    /// An OCI layout as a folder.
    OciDir,
}

/// An image to save.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// The name that it is to have in the archive.
    pub(crate) name: Option<Reference>,
    /// What it is called in a layout, where that is not its name: `TAG` of `oci:FOLDER:TAG`.
    pub(crate) tag: Option<String>,
    /// The manifest, or an index of manifests.
    pub(crate) manifest: Descriptor,
}

/// Where the archive goes.
pub(crate) enum Output<'o> {
    /// A file, or the folder of [`Format::OciDir`].
    Path(&'o Path),
    /// A stream.
    Stream(Box<dyn Write + 'o>),
}

/// One image in `manifest.json`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// Writes images into an archive. A file appears under its name only when it is whole.
///
/// # Errors
/// [`Error::Store`] for an image that is damaged; [`Error::Exists`] for a folder that is there; [`Error::Io`] for what can't be written.
pub(crate) fn save(store: &Store, images: &[Named], format: Format, output: Output<'_>) -> Result<(), Error> {
    let selected = Selected::of(store, images, format)?;
    match output {
        Output::Stream(out) => selected.write(store, format, Bundle::Tar { out, name: "standard output".into() }),
        Output::Path(path) if format == Format::OciDir => {
            let folder = begin_folder(path)?;
            let written = selected.write(store, format, Bundle::Folder { root: folder.clone(), name: path.to_owned() });
            let publish = || write::publish_folder(&folder, path).map_err(Error::outside(path));
            let published = written.and_then(|()| publish());
            match published {
                Ok(true) => Ok(()),
                Ok(false) | Err(_) => {
                    write::remove_folder(&folder).map_err(Error::outside(path))?;
                    published.and(Err(Error::Exists { path: path.to_owned() }))
                }
            }
        }
        Output::Path(path) => {
            write_whole(path, |out| selected.write(store, format, Bundle::Tar { out, name: path.to_owned() }))
        }
    }
}

/// What goes into the archive.
#[derive(Default)]
pub(super) struct Selected {
    /// Those of `index.json`.
    pub(crate) entries: Vec<Descriptor>,
    images: Vec<Entry>,
    /// Everything that they lead to.
    pub(crate) blobs: BTreeMap<Digest, Descriptor>,
}

impl Selected {
    /// Finds out what belongs to images.
    ///
    /// # Errors
    /// [`Error::Store`] for one that is damaged.
    pub(crate) fn of(store: &Store, images: &[Named], format: Format) -> Result<Selected, Error> {
        let mut selected = Selected::default();
        for image in images {
            let descriptor = match selected.follow(store, &image.manifest) {
                // Of an index with the blobs of some platforms only, this machine's image.
                Err(Error::Store(store::Error::Missing { .. })) if is_index(&image.manifest) => {
                    let manifest = store.manifest_for(&image.manifest, &Platform::host())?;
                    selected.follow(store, &manifest)?;
                    manifest
                }
                followed => followed.map(|()| image.manifest.clone())?,
            };
            selected.list(descriptor.clone(), image);
            if format == Format::DockerArchive {
                selected.list_for_docker(store, &descriptor, image.name.as_ref())?;
            }
        }
        Ok(selected)
    }

    /// Selects what a descriptor leads to, all of it or nothing.
    fn follow(&mut self, store: &Store, root: &Descriptor) -> Result<(), Error> {
        let mut found = BTreeMap::new();
        let mut waiting = vec![root.clone()];
        while let Some(descriptor) = waiting.pop() {
            if self.blobs.contains_key(&descriptor.digest) || found.contains_key(&descriptor.digest) {
                continue;
            }
            match DocumentKind::of(&descriptor.media_type) {
                Some(DocumentKind::Index) => waiting.extend(store.read_document::<Index>(&descriptor)?.manifests),
                Some(DocumentKind::Manifest) => {
                    let manifest: Manifest = store.read_document(&descriptor)?;
                    waiting.push(manifest.config);
                    waiting.extend(manifest.layers);
                }
                Some(DocumentKind::Config) | None if !store.has(&descriptor.digest) => {
                    return Err(store::Error::Missing { digest: descriptor.digest }.into());
                }
                Some(DocumentKind::Config) | None => {}
            }
            found.insert(descriptor.digest, descriptor);
        }
        self.blobs.extend(found);
        Ok(())
    }

    /// Adds an entry to `index.json`.
    fn list(&mut self, mut descriptor: Descriptor, image: &Named) {
        descriptor.annotations.clear();
        let (name, tag) = (image.name.as_ref(), image.tag.clone());
        let texts = [(REF_NAME, tag.or(name.map(Reference::familiar))), (IMAGE_NAME, name.map(Reference::to_string))];
        for (key, text) in texts {
            descriptor.annotations.extend(text.map(|text| (key.to_owned(), text)));
        }
        if !self.entries.contains(&descriptor) {
            self.entries.push(descriptor);
        }
    }

    /// Adds a name to `manifest.json`, and the image, where it is not there yet.
    fn list_for_docker(&mut self, store: &Store, image: &Descriptor, name: Option<&Reference>) -> Result<(), Error> {
        let (manifest, _) = store.load_image(image)?;
        let blob = |part: &Descriptor| path_of(&part.digest);
        let config = blob(&manifest.config);
        let entry = match self.images.iter().position(|entry| entry.config == config) {
            Some(position) => &mut self.images[position],
            None => {
                let layers = manifest.layers.iter().map(blob).collect();
                self.images.push(Entry { config, repo_tags: None, layers });
                let last = self.images.len() - 1;
                &mut self.images[last]
            }
        };
        if let Some(name) = name.map(Reference::familiar) {
            let tags = entry.repo_tags.get_or_insert_default();
            if !tags.contains(&name) {
                tags.push(name);
            }
        }
        Ok(())
    }

    /// Where its blobs are in a layout.
    pub(crate) fn folders(&self) -> BTreeSet<String> {
        let used = self.blobs.keys().map(|digest| folder_of(digest.algorithm()));
        used.chain([folder_of(Algorithm::Sha256)]).collect()
    }

    fn write(&self, store: &Store, format: Format, mut bundle: Bundle<'_>) -> Result<(), Error> {
        bundle.bytes("oci-layout", &to_json(&Layout::default()))?;
        bundle.bytes("index.json", &to_json(&Index::new(self.entries.clone())))?;
        if format == Format::DockerArchive {
            bundle.bytes("manifest.json", &to_json(&self.images))?;
        }
        bundle.folder("blobs")?;
        for folder in self.folders() {
            bundle.folder(&folder)?;
        }
        let bytes = self.blobs.values().map(|blob| blob.size).sum();
        let task = store.meter().begin(Work::Writing, Some(bytes));
        for blob in self.blobs.values() {
            bundle.file(&path_of(&blob.digest), &store.open_blob(&blob.digest)?, blob.size, &task)?;
        }
        bundle.finish()
    }
}

fn is_index(descriptor: &Descriptor) -> bool {
    DocumentKind::of(&descriptor.media_type) == Some(DocumentKind::Index)
}

/// Where blobs by an algorithm are in a layout.
fn folder_of(algorithm: Algorithm) -> String {
    format!("blobs/{}", algorithm.name())
}
