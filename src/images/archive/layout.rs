//! OCI layouts: `index.json` leads to manifests, perhaps by way of an index of platforms.
//!
//! An index of platforms is loaded as it is where all that it leads to is there. Otherwise the image for this machine is taken out of
//! it: Docker saves the index of the registry with the blobs of one platform.

use std::collections::{BTreeMap, BTreeSet};

use super::choice::Choice;
use super::contents::{Contents, path_of};
use super::loaded::{Loaded, name, prove};
use super::{Error, LIST, docker};
use crate::oci::manifest::{IMAGE_NAME, REF_NAME};
use crate::oci::{Descriptor, Digest, Document, DocumentKind, Index, Manifest, Platform, Reference, kind, validate};
use crate::store::{MOST_NESTED, Store, documents};

/// Brings the images of the layout into the store, or those that are chosen.
///
/// # Errors
/// As [`super::load()`].
pub(super) fn images(store: &Store, contents: &Contents<'_>, mut choice: Choice<'_>) -> Result<Vec<Loaded>, Error> {
    let text = contents.document("oci-layout", &documents::LAYOUT)?.unwrap_or_default();
    if let Some(reason) = validate::layout(&text).into_iter().next() {
        return Err(contents.invalid("oci-layout", reason));
    }
    let text = contents.document("index.json", &LIST)?.unwrap_or_default();
    let index: Index = parse(contents, "index.json", &text)?;
    let mut loaded = Images::default();
    for mut entry in index.manifests {
        let annotations = std::mem::take(&mut entry.annotations);
        let (full, tag) = (annotations.get(IMAGE_NAME), annotations.get(REF_NAME));
        let named = full.or(tag).map(|text| name(contents, "index.json", text));
        let names = named.as_ref().and_then(|named| named.as_ref().ok()).cloned();
        // A tag alone is the name of nothing but itself.
        if !choice.takes(tag.map(String::as_str), names.filter(|_| full.is_some()).as_slice()) {
            continue;
        }
        let named = named.transpose()?;
        let chosen = match DocumentKind::of(&entry.media_type) {
            Some(DocumentKind::Manifest) => entry,
            Some(DocumentKind::Index) => choose(contents, entry)?,
            // A signature, or something else that is not an image.
            Some(DocumentKind::Config) | None => continue,
        };
        if !loaded.has(&chosen) && !bring(store, contents, &chosen)? {
            continue;
        }
        loaded.add(store, chosen, named);
    }
    if loaded.0.is_empty() {
        if let Some(error) = choice.missing(contents) {
            return Err(error);
        }
        return Err(contents.not_images("`index.json` lists no image".to_owned()));
    }
    loaded.name_by(&docker::names(contents)?);
    Ok(loaded.0)
}

/// The images so far, each once.
#[derive(Default)]
struct Images(Vec<Loaded>);

impl Images {
    fn has(&self, manifest: &Descriptor) -> bool {
        self.0.iter().any(|image| image.manifest.digest == manifest.digest)
    }

    fn add(&mut self, store: &Store, manifest: Descriptor, name: Option<Reference>) {
        match self.0.iter_mut().find(|image| image.manifest.digest == manifest.digest) {
            // The name with and without its tag are one name.
            Some(image) => image.names.extend(name.filter(|name| !image.names.contains(name))),
            None => {
                let id = store.id_of(&manifest).unwrap_or(manifest.digest);
                self.0.push(Loaded { names: name.into_iter().collect(), id, manifest });
            }
        }
    }

    /// Gives images without a name those that `manifest.json` has for them.
    fn name_by(&mut self, names: &BTreeMap<Digest, Vec<Reference>>) {
        for image in self.0.iter_mut().filter(|image| image.names.is_empty()) {
            image.names.extend(names.get(&image.id).into_iter().flatten().cloned());
        }
    }
}

/// The index itself where it is complete, else the manifest for this machine.
fn choose(contents: &Contents<'_>, index: Descriptor) -> Result<Descriptor, Error> {
    if reach(contents, &index)?.missing.is_none() {
        return Ok(index);
    }
    let host = Platform::host();
    let mut current = index;
    for _ in 0..MOST_NESTED {
        let Index { manifests, .. } = document(contents, &current)?;
        let next = manifests.iter().find(|entry| entry.is_for(&host));
        let Some(next) = next.cloned() else {
            let platforms = manifests.iter().filter_map(|entry| entry.platform.as_ref());
            let available = platforms.map(Platform::to_string).collect::<Vec<_>>().join(", ");
            return Err(Error::Platform { archive: contents.name.clone(), platform: host, available });
        };
        if DocumentKind::of(&next.media_type) != Some(DocumentKind::Index) {
            return Ok(next);
        }
        current = next;
    }
    Err(too_deep(contents, &current))
}

/// Moves what an image needs into the store, and proves it. `false` for what leads to no image: an artifact has a manifest, too.
fn bring(store: &Store, contents: &Contents<'_>, image: &Descriptor) -> Result<bool, Error> {
    let reached = reach(contents, image)?;
    if let Some((blob, by)) = reached.missing {
        return Err(contents.missing(path_of(&blob), by));
    }
    if reached.images.is_empty() {
        return Ok(false);
    }
    for digest in &reached.blobs {
        contents.staging.keep(digest)?;
    }
    for manifest in &reached.images {
        prove(store, manifest)?;
    }
    Ok(true)
}

/// What a descriptor leads to.
#[derive(Default)]
struct Reached {
    /// All of it that is there: what leads to others after these.
    blobs: Vec<Digest>,
    /// The images among it.
    images: Vec<Manifest>,
    /// The first blob that is not there, and what needs it.
    missing: Option<(Digest, Digest)>,
}

/// Follows a descriptor to its last layer.
fn reach(contents: &Contents<'_>, root: &Descriptor) -> Result<Reached, Error> {
    let mut reached = Reached::default();
    let mut seen = BTreeSet::new();
    let mut waiting = vec![(root.clone(), root.digest, 0)];
    while let Some((descriptor, by, depth)) = waiting.pop() {
        let kind = DocumentKind::of(&descriptor.media_type);
        if !seen.insert((descriptor.digest, kind)) {
            continue;
        }
        if contents.blob(&descriptor)?.is_none() {
            reached.missing.get_or_insert((descriptor.digest, by));
            continue;
        }
        reached.blobs.push(descriptor.digest);
        match kind {
            Some(DocumentKind::Index) if depth == MOST_NESTED => return Err(too_deep(contents, &descriptor)),
            Some(DocumentKind::Index) => {
                let index: Index = document(contents, &descriptor)?;
                waiting.extend(index.manifests.into_iter().map(|entry| (entry, descriptor.digest, depth + 1)));
            }
            Some(DocumentKind::Manifest) => {
                let manifest: Manifest = document(contents, &descriptor)?;
                let parts = std::iter::once(&manifest.config).chain(&manifest.layers);
                waiting.extend(parts.map(|part| (part.clone(), descriptor.digest, depth + 1)));
                if manifest.is_image() {
                    reached.images.push(manifest);
                }
            }
            Some(DocumentKind::Config) | None => {}
        }
    }
    reached.blobs.reverse();
    Ok(reached)
}

/// Reads a document that is known to be there.
fn document<T: Document>(contents: &Contents<'_>, descriptor: &Descriptor) -> Result<T, Error> {
    let member = path_of(&descriptor.digest);
    let Some(staged) = contents.blob(descriptor)? else {
        return Err(contents.missing(member, "the index"));
    };
    let text = contents.bytes(&member, staged, documents::limit(T::KIND))?;
    parse(contents, &member, &text)
}

fn parse<T: Document>(contents: &Contents<'_>, member: &str, text: &[u8]) -> Result<T, Error> {
    kind::parse(text).map_err(|reason| contents.invalid(member, reason))
}

fn too_deep(contents: &Contents<'_>, descriptor: &Descriptor) -> Error {
    contents.invalid(path_of(&descriptor.digest), format!("more than {MOST_NESTED} indexes are nested"))
}
