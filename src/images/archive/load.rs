//! From an archive to images in the store.

use std::fs::File;
use std::path::Path;

use super::contents::Contents;
use super::{Error, docker, layout, legacy};
use crate::layer;
use crate::oci::{Descriptor, Digest, DocumentKind, ImageConfig, Manifest, Reference, media_type};
use crate::store::Store;

/// Where the archive is.
#[derive(Debug)]
pub enum Input<'a> {
    /// A tar archive, or the folder of an OCI layout.
    Path(&'a Path),
    /// An open stream, and what messages call it.
    Stream(File, &'a str),
}

/// An image that is in the store now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The names that it has got.
    pub names: Vec<Reference>,
    /// The image id, or where an image for other machines has none here, the digest of its index.
    pub id: Digest,
    /// The manifest, or an index of manifests.
    pub manifest: Descriptor,
}

/// Loads every image of an archive and gives them their names. All of them are good, or nothing is named.
///
/// # Errors
/// [`Error::NotImages`] for what is something else; [`Error::Missing`], [`Error::Invalid`] and [`Error::Platform`] for an archive that
/// can't be used; [`Error::Document`] and [`Error::Layer`] for what goes beyond a limit; [`Error::Io`] and [`Error::Store`].
pub fn load(store: &Store, input: Input<'_>) -> Result<Vec<Loaded>, Error> {
    let contents = match input {
        Input::Path(path) if path.is_dir() => Contents::of_folder(store, path)?,
        Input::Path(path) => Contents::of_archive(store, path, File::open(path).map_err(Error::io("open", path))?)?,
        Input::Stream(file, name) => Contents::of_archive(store, Path::new(name), file)?,
    };
    let images = if contents.has("oci-layout") && contents.has("index.json") {
        layout::images(store, &contents)?
    } else if contents.has("manifest.json") {
        docker::images(store, &contents)?
    } else if contents.has("repositories") {
        legacy::images(store, &contents)?
    } else {
        let reason = "it has neither `oci-layout` with `index.json`, nor `manifest.json`, nor `repositories`";
        return Err(contents.not_images(reason.to_owned()));
    };
    for image in &images {
        for name in &image.names {
            store.tag(name, &image.manifest)?;
        }
        if image.names.is_empty() {
            store.list(&image.manifest)?;
        }
    }
    Ok(images)
}

/// Puts a manifest for a configuration and layers that are in the store beside them, and proves the image.
///
/// # Errors
/// What [`prove`] says, and [`Error::Store`] where it can't be written.
pub(super) fn put_manifest(store: &Store, config: Descriptor, layers: Vec<Descriptor>) -> Result<Descriptor, Error> {
    let manifest = Manifest::new(config, layers);
    let mut descriptor = store.put_document(media_type::MANIFEST, &crate::oci::to_json(&manifest))?;
    let config = prove(store, &manifest)?;
    descriptor.platform = Some(config.platform());
    Ok(descriptor)
}

/// Reads an image from its configuration to the last entry of its last layer: what is refused here would be found damaged when it is used.
///
/// # Errors
/// [`Error::Store`] for documents that do not fit, [`Error::Layer`] for a layer that can't be read, or is another than the
/// configuration lists.
pub(super) fn prove(store: &Store, manifest: &Manifest) -> Result<ImageConfig, Error> {
    let config: ImageConfig = store.read_document(&manifest.config)?;
    let (listed, there) = (config.rootfs.diff_ids.len(), manifest.layers.len());
    if listed != there {
        return Err(crate::store::Error::Invalid {
            name: manifest.config.digest.to_string(),
            kind: DocumentKind::Config.name(),
            reason: format!("it lists {listed} layers, and there are {there}"),
        }
        .into());
    }
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
        Ok(_) => {
            Err(contents.invalid(member, format!("`{text}` has a digest, and can't be given to an image as its name")))
        }
        Err(error) => Err(contents.invalid(member, format!("`{text}` is not an image name: {error}"))),
    }
}
