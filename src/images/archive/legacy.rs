//! Docker archives from before 1.10: one folder for each layer, and each layer names its parent.
//!
//! ```text
//! repositories         {"busybox":{"latest":"ID"}}
//! ID/json              {"id":"ID","parent":"…","config":{…},"container_config":{"Cmd":[…]},"throwaway":true}
//! ID/layer.tar
//! ```
//!
//! Specification: Docker image specification v1. Such an image has no configuration of today's form, so one is made of the chain: the
//! settings are those of the top, the history has a line for each layer.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

use super::choice::Choice;
use super::contents::Contents;
use super::docker;
use super::loaded::{Loaded, name, put_manifest};
use super::{Error, LIST};
use crate::layer::check_count;
use crate::oci::{ContainerConfig, Descriptor, DiffId, Digest, History, ImageConfig, RootFs, media_type, to_json};
use crate::store::{Store, documents};

/// `ID/json`.
#[derive(Deserialize)]
struct Image {
    parent: Option<String>,
    created: Option<String>,
    author: Option<String>,
    architecture: Option<String>,
    os: Option<String>,
    config: Option<ContainerConfig>,
    container_config: Option<ContainerConfig>,
    /// Whether the layer has nothing in it.
    #[serde(default)]
    throwaway: bool,
}

/// Brings the images of the archive into the store, or those that are chosen.
///
/// # Errors
/// As [`super::load()`].
pub(super) fn images(store: &Store, contents: &Contents<'_>, mut choice: Choice<'_>) -> Result<Vec<Loaded>, Error> {
    let text = contents.document("repositories", &LIST)?.unwrap_or_default();
    let repositories: BTreeMap<String, BTreeMap<String, String>> =
        serde_json::from_slice(&text).map_err(|error| contents.invalid("repositories", error))?;
    let mut tops: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (repository, tags) in repositories {
        for (tag, top) in tags {
            tops.entry(top).or_default().push(name(contents, "repositories", &format!("{repository}:{tag}"))?);
        }
    }
    if tops.is_empty() {
        return Err(contents.not_images("`repositories` lists no image".to_owned()));
    }
    let mut images = Vec::new();
    tops.retain(|_, names| choice.takes(None, names));
    if tops.is_empty()
        && let Some(error) = choice.missing(contents)
    {
        return Err(error);
    }
    for (top, names) in tops {
        let (id, manifest) = image(store, contents, &top)?;
        images.push(Loaded { names, id, manifest });
    }
    Ok(images)
}

fn image(store: &Store, contents: &Contents<'_>, top: &str) -> Result<(Digest, Descriptor), Error> {
    let chain = chain(store, contents, top)?;
    let mut config = ImageConfig { rootfs: RootFs::default(), history: Vec::new(), ..configuration(&chain) };
    let mut layers = Vec::new();
    for (id, image) in &chain {
        if !image.throwaway {
            let member = format!("{id}/layer.tar");
            let file = contents.file(&member).ok_or_else(|| contents.missing(&member, "`repositories`"))?;
            let uncompressed = contents.uncompressed(file, store.limits())?;
            config.rootfs.diff_ids.push(DiffId(uncompressed.digest));
            layers.push(docker::layer(store, contents, file)?);
        }
        config.history.push(History {
            created: image.created.clone(),
            created_by: image.container_config.as_ref().and_then(|config| Some(config.cmd.as_ref()?.join(" "))),
            author: image.author.clone().filter(|author| !author.is_empty()),
            comment: None,
            empty_layer: image.throwaway,
        });
    }
    let descriptor = store.put_document(media_type::CONFIG, &to_json(&config))?;
    Ok((descriptor.digest, put_manifest(store, descriptor, layers)?))
}

/// From the lowest layer up to the top, each with its id.
fn chain(store: &Store, contents: &Contents<'_>, top: &str) -> Result<Vec<(String, Image)>, Error> {
    let mut chain = Vec::new();
    let mut seen = HashSet::new();
    let mut next = Some(top.to_owned());
    while let Some(id) = next {
        let member = format!("{id}/json");
        check_count(store, top, chain.len() + 1)?;
        if !seen.insert(id.clone()) {
            return Err(contents.invalid(member, "the chain of its parents has no end"));
        }
        let text = contents.document(&member, &documents::CONFIG)?;
        let text = text.ok_or_else(|| contents.missing(&member, "`repositories`"))?;
        let image: Image = serde_json::from_slice(&text).map_err(|error| contents.invalid(&member, error))?;
        next = image.parent.clone().filter(|parent| !parent.is_empty());
        chain.push((id, image));
    }
    chain.reverse();
    Ok(chain)
}

/// What the top of a chain says.
fn configuration(chain: &[(String, Image)]) -> ImageConfig {
    let top = chain.last().map(|(_, image)| image);
    let text = |field: fn(&Image) -> &Option<String>| top.and_then(|image| field(image).clone());
    ImageConfig {
        created: text(|image| &image.created),
        author: text(|image| &image.author).filter(|author| !author.is_empty()),
        architecture: text(|image| &image.architecture).unwrap_or_default(),
        os: text(|image| &image.os).unwrap_or_default(),
        variant: None,
        config: top.and_then(|image| image.config.clone()).unwrap_or_default(),
        rootfs: RootFs::default(),
        history: Vec::new(),
    }
}
