//! `layerlab image inspect`: what the documents of images say.

use std::io::Write as _;

use clap::Args;

use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::format::show_documents;
use crate::cli::ui::Ui;
use crate::images::{self, Policy};
use crate::oci::{ContainerConfig, Descriptor, DiffId, ImageConfig, Index, Platform, Reference};
use crate::view::pictures::{self, Branch};
use crate::view::units;
use crate::world::World;

/// Show images as JSON, or what a template makes of that.
#[derive(Debug, Args)]
pub(crate) struct InspectImages {
    /// What is shown of each: `json`, or a Go template such as '{{.RepoTags}}'
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
    /// Draw each image as a tree: the list of images, the manifest, the configuration, the layers, with the digest of each
    #[arg(long, conflicts_with = "format")]
    tree: bool,
    /// The images
    #[arg(required = true, value_name = "IMAGE")]
    names: Vec<String>,
}

impl InspectImages {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        if self.tree {
            return self.names.iter().try_for_each(|name| show_tree(world, ui, name));
        }
        show_documents(ui, self.format.as_deref(), &self.names, |name| document(world, name))
    }
}

/// An image as `inspect` shows it.
pub(in crate::cli) fn document(world: &World, name: &str) -> Result<Value, Failure> {
    let descriptor = images::by_text(&world.store, name, Policy::default())?.manifest;
    let (manifest, config) = world.store.load_image(&descriptor)?;
    let names: Vec<String> = world.store.names_of(&descriptor.digest)?.iter().map(Reference::familiar).collect();
    let catalogue = world.store.catalogue()?;
    let digests: Vec<String> = catalogue.in_registries.names(&descriptor.digest).map(Reference::familiar).collect();
    Ok(json!({
        "Id": manifest.config.digest,
        "RepoTags": names,
        "RepoDigests": digests,
        "Digest": descriptor.digest,
        "Parent": "",
        "Comment": config.history.last().and_then(|entry| entry.comment.clone()).unwrap_or_default(),
        "Created": config.created,
        "Author": config.author.clone().unwrap_or_default(),
        "Architecture": config.architecture,
        "Os": config.os,
        "Size": manifest.size(),
        "Config": whole(&config.config)?,
        "RootFS": { "Type": "layers", "Layers": config.rootfs.diff_ids },
    }))
}

/// A configuration with its empty fields, too: a template may ask for them.
fn whole(config: &ContainerConfig) -> Result<Value, Failure> {
    let mut document = json!({
        "User": "", "ExposedPorts": null, "Env": null, "Entrypoint": null, "Cmd": null, "Volumes": null, "WorkingDir": "",
        "Labels": null, "OnBuild": null,
    });
    let written = serde_json::to_value(config).map_err(std::io::Error::from)?;
    if let (Value::Object(document), Value::Object(written)) = (&mut document, written) {
        document.extend(written);
    }
    Ok(document)
}

pub(in crate::cli) fn show_tree(world: &World, ui: &Ui, name: &str) -> Result<(), Failure> {
    let found = images::by_text(&world.store, name, Policy::default())?;
    let manifest = world.store.manifest_for(&found.manifest, &Platform::host())?;
    let (document, config) = world.store.load_image(&manifest)?;
    let layers = layers(&document.layers, &config);
    let mut branches = vec![branch(&document.config, "config", config_facts(&config))];
    branches.extend(layers);
    let names: Vec<String> = world.store.names_of(&found.manifest.digest)?.iter().map(Reference::familiar).collect();
    let mut below = Branch { branches, ..branch(&manifest, "manifest", vec![COVERED.to_owned()]) };
    if manifest.digest != found.manifest.digest {
        below.facts.push(format!("for {}: this machine's", config.platform()));
        let mut platforms = vec![below];
        platforms.extend(of_other_platforms(&world.store.read_document(&found.manifest)?));
        below = Branch { branches: platforms, ..branch(&found.manifest, "index", vec![INDEXED.to_owned()]) };
    }
    below.facts.extend((!names.is_empty()).then(|| format!("named {}", names.join(", "))));
    let facts = vec![
        "each digest is the SHA-256 of a file in `blobs/sha256` in Layerlab's home; check it with `sha256sum`"
            .to_owned(),
    ];
    let root = Branch { name: "index.json".to_owned(), facts, branches: vec![below] };
    Ok(ui.out().write_all(pictures::tree(&ui.layout(&world.clock), &root).as_bytes())?)
}

/// What the digests of documents cover.
const COVERED: &str =
    "its digest covers the configuration and the layers below, by their digests: every byte of the image";
const INDEXED: &str = "its digest covers the images of all platforms";

/// The manifests of an index that are not for this machine. Their files need not be in the store.
fn of_other_platforms(index: &Index) -> impl Iterator<Item = Branch> {
    let others = index.manifests.iter().filter(|entry| !entry.is_for(&Platform::host()));
    others.map(|entry| {
        let platform = entry.platform.as_ref().map_or_else(String::new, Platform::to_string);
        branch(entry, "manifest", vec![format!("for {platform}")])
    })
}

/// A file of the store.
fn branch(descriptor: &Descriptor, what: &str, facts: Vec<String>) -> Branch {
    Branch {
        name: format!("{what} {}", descriptor.digest),
        facts: std::iter::once(format!("{}, {}", units::size(descriptor.size), descriptor.media_type))
            .chain(facts)
            .collect(),
        branches: Vec::new(),
    }
}

fn config_facts(config: &ImageConfig) -> Vec<String> {
    let mut facts = vec![
        "its digest is the image's id: it covers how the image runs, and the diff ids of its layers".to_owned(),
        format!("for {}", config.platform()),
    ];
    facts.extend(config.created.as_ref().map(|created| format!("created {created}")));
    facts
}

/// The layers, base first. A layer that lies uncompressed has the same digest as its content.
fn layers(layers: &[Descriptor], config: &ImageConfig) -> Vec<Branch> {
    let mut created_by = config.history.iter().filter(|entry| !entry.empty_layer);
    let layer = |(index, (descriptor, diff_id)): (usize, (&Descriptor, &DiffId))| {
        let mut facts: Vec<String> = created_by.next().and_then(|entry| entry.created_by.clone()).into_iter().collect();
        facts.push(match diff_id.0 == descriptor.digest {
            true => "diff id: the same, since it is not compressed".to_owned(),
            false => format!("diff id {diff_id}, the digest of its content without compression"),
        });
        branch(descriptor, &format!("layer {}", index + 1), facts)
    };
    layers.iter().zip(&config.rootfs.diff_ids).enumerate().map(layer).collect()
}
