//! An image that was loaded: what it is, and how it is proven.

use super::Error;
use super::contents::Contents;
use crate::layer;
use crate::oci::{Descriptor, Digest, DocumentKind, ImageConfig, Manifest, Reference, media_type, to_json};
use crate::store::{self, Store};

/// An image that is in the store now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loaded {
    /// The names that it has got.
    pub(crate) names: Vec<Reference>,
    /// The image id, or where an image for other machines has none here, the digest of its index.
    pub(crate) id: Digest,
    /// The manifest, or an index of manifests.
    pub(crate) manifest: Descriptor,
}

/// Puts a manifest for a configuration and layers that are in the store beside them, and proves the image.
///
/// # Errors
/// What [`prove`] says, and [`Error::Store`] where it can't be written.
pub(super) fn put_manifest(store: &Store, config: Descriptor, layers: Vec<Descriptor>) -> Result<Descriptor, Error> {
    let manifest = Manifest::new(config, layers);
    let mut descriptor = store.put_document(media_type::MANIFEST, &to_json(&manifest))?;
    let config = prove(store, &manifest)?;
    descriptor.platform = Some(config.platform());
    Ok(descriptor)
}

/// Reads an image from its configuration to the last entry of its last layer: what is refused here would be found damaged when it is used.
///
/// # Errors
/// [`Error::Store`] for documents that do not fit, [`Error::Layer`] for a layer that can't be read, or is another than the
/// configuration lists.
pub(crate) fn prove(store: &Store, manifest: &Manifest) -> Result<ImageConfig, Error> {
    let config: ImageConfig = store.read_document(&manifest.config)?;
    let (listed, there) = (config.rootfs.diff_ids.len(), manifest.layers.len());
    if listed != there {
        return Err(store::Error::Invalid {
            name: manifest.config.digest.to_string(),
            kind: DocumentKind::Config.name(),
            reason: format!("its number of layers is {listed}, that of the manifest {there}"),
        }
        .into());
    }
    layer::check_count(store, &manifest.config.digest.to_string(), there)?;
    layer::tree_of(store, &store.layers(manifest, &config))?;
    Ok(config)
}

/// A name that an image of the archive has.
///
/// # Errors
/// [`Error::Invalid`] for a text that can't be the name of an image. `member` is where it stands.
pub(super) fn name(contents: &Contents<'_>, member: &str, text: &str) -> Result<Reference, Error> {
    match Reference::parse_normalized(text) {
        Ok(name) if !name.has_digest() => Ok(name.with_default_tag()),
        Ok(_) => Err(contents.invalid(member, format!("`{text}` has a digest and can't be used as an image name"))),
        Err(error) => Err(contents.invalid(member, format!("`{text}` is not an image name: {error}"))),
    }
}
