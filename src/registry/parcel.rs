//! What of an image is pushed: its documents, as the store has them.
//!
//! | what the name means in the store | what is pushed |
//! |---|---|
//! | a manifest | it |
//! | an index, with a platform that was asked for | the manifest for that |
//! | an index of which all is here | all of it |
//! | an index of which some is here, as after a pull | the manifest for this machine; else the first that is here |

use std::collections::HashSet;

use super::Error;
use crate::oci::{Descriptor, Digest, DocumentKind, ImageConfig, Index, Manifest, Platform, kind, media_type};
use crate::store::{self, MOST_NESTED, Store, documents, images};

/// A document with all that it lists: every blob is in the store.
#[derive(Debug)]
pub(super) struct Document {
    /// As whoever lists it describes it.
    pub(super) descriptor: Descriptor,
    pub(super) bytes: Vec<u8>,
    pub(super) contents: Contents,
}

/// What a document lists.
#[derive(Debug)]
pub(super) enum Contents {
    /// An image for one platform, or what else has the form of one.
    Image(Manifest),
    Index(Index, Vec<Document>),
}

/// What is pushed.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) root: Document,
    /// The index that the name means, where not all of it is here.
    pub(super) part_of: Option<Digest>,
}

impl Parcel {
    /// Finds out what is to be pushed of what a name means.
    ///
    /// # Errors
    /// [`Error::Platform`] where it is not for the platform that was asked for; [`Error::Invalid`] for what can't be pushed; what the store says,
    /// of what is not there too.
    pub(super) fn of(
        store: &Store,
        name: &str,
        root: &Descriptor,
        platform: Option<&Platform>,
    ) -> Result<Parcel, Error> {
        let whole = |root| Parcel { root, part_of: None };
        if let Some(platform) = platform {
            let document = match read(store, &store.manifest_for(root, platform)?) {
                Err(error) if is_missing(&error) && is_index(root) => {
                    return Err(not_here(name, platform, &images_here(store, root)?));
                }
                read => read?,
            };
            return refuse_other(store, name, &document, platform).map(|()| whole(document));
        }
        match read(store, root) {
            Err(Error::Store(store::Error::Missing { digest })) if is_index(root) => {
                let mut here = images_here(store, root)?;
                let host = here.iter().position(|document| document.descriptor.is_for(&Platform::host()));
                if here.is_empty() {
                    return Err(store::Error::Missing { digest }.into());
                }
                Ok(Parcel { root: here.swap_remove(host.unwrap_or(0)), part_of: Some(root.digest) })
            }
            read => read.map(whole),
        }
    }
}

impl Document {
    /// All images in it, in their order.
    pub(super) fn images(&self) -> Vec<&Manifest> {
        match &self.contents {
            Contents::Image(manifest) => vec![manifest],
            Contents::Index(_, documents) => documents.iter().flat_map(Document::images).collect(),
        }
    }
}

/// How many documents an index may lead to: one that lists another many times, which lists another many times, leads to more than any disk has.
const MOST_DOCUMENTS: usize = 10_000;

/// Reads a document with all that it lists.
fn read(store: &Store, descriptor: &Descriptor) -> Result<Document, Error> {
    read_some(store, descriptor, 0, &mut 0)
}

/// Reads a document some levels deep, after so many others.
fn read_some(store: &Store, descriptor: &Descriptor, depth: usize, count: &mut usize) -> Result<Document, Error> {
    *count += 1;
    if *count > MOST_DOCUMENTS {
        let reason = format!("it leads to more than {MOST_DOCUMENTS} documents");
        return Err(Error::Invalid { name: descriptor.digest.to_string(), reason });
    }
    let bytes = store.read(descriptor, &documents::MANIFEST)?;
    let contents = if is_index(descriptor) {
        if depth > MOST_NESTED {
            return Err(images::too_deep(descriptor).into());
        }
        let index: Index = parse(descriptor, &bytes)?;
        let listed = index.manifests.iter().map(|entry| read_some(store, entry, depth + 1, count));
        let listed = listed.collect::<Result<_, Error>>()?;
        Contents::Index(index, listed)
    } else {
        let manifest: Manifest = parse(descriptor, &bytes)?;
        for blob in manifest.layers.iter().chain([&manifest.config]) {
            if media_type::is_foreign(&blob.media_type) {
                return Err(Error::Invalid {
                    name: descriptor.digest.to_string(),
                    reason: format!(
                        "its layer {} must not be distributed (as in images of Windows)",
                        blob.digest.short()
                    ),
                });
            }
            store.hold(&blob.digest);
            if !store.has(&blob.digest) {
                return Err(store::Error::Missing { digest: blob.digest }.into());
            }
        }
        Contents::Image(manifest)
    };
    Ok(Document { descriptor: descriptor.clone(), bytes, contents })
}

/// The images that an index lists and that are here.
fn images_here(store: &Store, root: &Descriptor) -> Result<Vec<Document>, Error> {
    let mut here = Vec::new();
    let mut indexes = vec![(root.clone(), 0)];
    let mut seen = HashSet::new();
    while let Some((descriptor, depth)) = indexes.pop() {
        if depth > MOST_NESTED {
            return Err(images::too_deep(root).into());
        }
        let index: Index = match store.read_document(&descriptor) {
            Err(store::Error::Missing { .. }) => continue,
            read => read?,
        };
        // What it lists twice it has once.
        for entry in index.manifests.into_iter().filter(|entry| seen.insert(entry.digest)) {
            if is_index(&entry) {
                indexes.push((entry, depth + 1));
                continue;
            }
            match read(store, &entry) {
                Ok(document) => here.push(document),
                Err(error) if is_missing(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(here)
}

fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Store(store::Error::Missing { .. }))
}

/// What is said of an image for a platform for which it was never pulled.
fn not_here(name: &str, platform: &Platform, here: &[Document]) -> Error {
    let platforms = here.iter().filter_map(|document| document.descriptor.platform.as_ref());
    let available = platforms.map(Platform::to_string).collect::<Vec<_>>().join(", ");
    Error::Platform {
        name: name.to_owned(),
        platform: Box::new(platform.clone()),
        available: crate::shown::line(&available).into_owned(),
    }
}

/// An image that nobody has asked for.
fn refuse_other(store: &Store, name: &str, document: &Document, wanted: &Platform) -> Result<(), Error> {
    for manifest in document.images() {
        let config: ImageConfig = store.read_document(&manifest.config)?;
        let mut own = manifest.config.clone();
        own.platform = Some(config.platform());
        if !own.is_for(wanted) {
            return Err(Error::Platform {
                name: name.to_owned(),
                platform: Box::new(wanted.clone()),
                available: crate::shown::line(&config.platform().to_string()).into_owned(),
            });
        }
    }
    Ok(())
}

fn is_index(descriptor: &Descriptor) -> bool {
    DocumentKind::of(&descriptor.media_type) == Some(DocumentKind::Index)
}

fn parse<T: crate::oci::Document>(descriptor: &Descriptor, bytes: &[u8]) -> Result<T, Error> {
    let kind = T::KIND.name();
    kind::parse(bytes)
        .map_err(|reason| store::Error::Invalid { name: descriptor.digest.to_string(), kind, reason }.into())
}
