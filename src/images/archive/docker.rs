//! Docker archives: `manifest.json` names the configuration and the layers of each image by their files.
//!
//! ```json
//! [{"Config":"4f06….json","RepoTags":["alpine:3.20"],"Layers":["9e60….tar"]}]
//! ```
//!
//! The configuration is kept byte for byte, so the image has the id that it had where it was saved. A manifest is made for it, because
//! the archive has none. A layer that is compressed in a way that no image may have is stored uncompressed.

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;

use serde::Deserialize;

use super::choice::Choice;
use super::contents::{Contents, Staged};
use super::loaded::{Loaded, name, put_manifest};
use super::{Error, LIST};
use crate::layer::check_count;
use crate::layer::decompress::{Compression, sniff};
use crate::oci::{Descriptor, Digest, ImageConfig, Reference, kind, media_type};
use crate::store::{self, Store, documents};

/// The list of the archive's images.
const LIST_NAME: &str = "manifest.json";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

/// Brings the images of the archive into the store, or those that are chosen.
///
/// # Errors
/// As [`super::load()`].
pub(super) fn images(store: &Store, contents: &Contents<'_>, mut choice: Choice<'_>) -> Result<Vec<Loaded>, Error> {
    let mut images: Vec<Loaded> = Vec::new();
    let mut brought = HashMap::new();
    for Entry { config, repo_tags, layers } in list(contents)? {
        let names = names_of(contents, repo_tags)?;
        if !choice.takes(None, &names) {
            continue;
        }
        let parts = (config, layers.unwrap_or_default());
        // The same image may be listed once for each of its names.
        let (id, manifest) = match brought.get(&parts) {
            Some(image) => Clone::clone(image),
            None => {
                let image = image(store, contents, &parts.0, &parts.1)?;
                brought.insert(parts, image.clone());
                image
            }
        };
        images.push(Loaded { names, id, manifest });
    }
    if images.is_empty() {
        if let Some(error) = choice.missing(contents) {
            return Err(error);
        }
        return Err(contents.not_images(format!("`{LIST_NAME}` lists no image")));
    }
    Ok(images)
}

/// The names in `manifest.json`, by image id; none where there is no such file. An OCI layout has it beside its index for older readers.
///
/// # Errors
/// [`Error::Invalid`] for a list that can't be understood.
pub(super) fn names(contents: &Contents<'_>) -> Result<BTreeMap<Digest, Vec<Reference>>, Error> {
    let mut names = BTreeMap::new();
    if contents.has(LIST_NAME) {
        for entry in list(contents)? {
            if let Some(config) = contents.digest(&entry.config) {
                names.insert(config, names_of(contents, entry.repo_tags)?);
            }
        }
    }
    Ok(names)
}

fn list(contents: &Contents<'_>) -> Result<Vec<Entry>, Error> {
    let text = contents.document(LIST_NAME, &LIST)?.unwrap_or_default();
    serde_json::from_slice(&text).map_err(|error| contents.invalid(LIST_NAME, error))
}

fn names_of(contents: &Contents<'_>, tags: Option<Vec<String>>) -> Result<Vec<Reference>, Error> {
    tags.iter().flatten().map(|text| name(contents, LIST_NAME, text)).collect()
}

/// Brings one image into the store, from the names of its configuration and its layers.
fn image(
    store: &Store,
    contents: &Contents<'_>,
    config_name: &str,
    layer_names: &[String],
) -> Result<(Digest, Descriptor), Error> {
    check_count(store, config_name, layer_names.len())?;
    let find = |name: &str| contents.file(name).ok_or_else(|| contents.missing(name, format!("`{LIST_NAME}`")));
    let config = find(config_name)?;
    let text = contents.bytes(config_name, config, &documents::CONFIG)?;
    // What is listed as layers is looked at only after the configuration is known to be one.
    kind::parse::<ImageConfig>(&text).map_err(|reason| contents.invalid(config_name, reason))?;
    let mut layers = Vec::new();
    for name in layer_names {
        layers.push(layer(store, contents, find(name)?)?);
    }
    contents.staging.keep(&config.digest)?;
    let descriptor = Descriptor::new(media_type::CONFIG, config.digest, config.size);
    Ok((config.digest, put_manifest(store, descriptor, layers)?))
}

/// Moves a layer into the store.
///
/// # Errors
/// [`Error::Layer`] for one that can't be decompressed, [`Error::Store`] for the disk's errors.
pub(super) fn layer(store: &Store, contents: &Contents<'_>, file: Staged) -> Result<Descriptor, Error> {
    let mut beginning = Vec::new();
    let opened = contents.staging.open(&file.digest)?;
    opened.take(6).read_to_end(&mut beginning).map_err(store::Error::io("read", contents.staging.folder()))?;
    let (media_type, file) = match sniff(&beginning) {
        Compression::None => (media_type::LAYER, file),
        Compression::Gzip => (media_type::LAYER_GZIP, file),
        Compression::Zstd => (media_type::LAYER_ZSTD, file),
        Compression::Bzip2 | Compression::Xz => (media_type::LAYER, contents.uncompressed(file, store.limits())?),
    };
    contents.staging.keep(&file.digest)?;
    Ok(Descriptor::new(media_type, file.digest, file.size))
}
