//! `layerlab inspect`: what the documents of images say, and what is known of containers.

use std::io::Write as _;

use clap::{Args, ValueEnum};

use crate::cli::commands::container;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::images::{self, Policy};
use crate::oci::{Descriptor, DiffId, ImageConfig, Index, Platform, Reference};
use crate::runtime;
use crate::view::pictures::{self, Branch};
use crate::view::{json, units};
use crate::world::World;

/// Show containers and images as JSON.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Draw each image as a tree: the list of images, the manifest, the configuration, the layers, with the digest of each
    #[arg(long)]
    tree: bool,
    /// Look only at containers, or only at images
    #[arg(long = "type", value_name = "KIND")]
    kind: Option<Kind>,
    /// The containers and images
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

impl Inspect {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        if self.tree {
            return self.names.iter().try_for_each(|name| show_tree(world, ui, name));
        }
        let documents = self.names.iter().map(|name| self.document(world, name)).collect::<Result<Vec<_>, _>>()?;
        writeln!(ui.plain(), "{}", json::pretty(&documents)?)?;
        Ok(())
    }

    /// A container, else an image, unless only one of the two is wanted.
    fn document(&self, world: &World, name: &str) -> Result<serde_json::Value, Failure> {
        match self.kind {
            Some(Kind::Container) => Ok(container::inspect::document(world, &runtime::find(world, name)?)),
            Some(Kind::Image) => document(world, name),
            None => match runtime::find(world, name) {
                Ok(stored) => Ok(container::inspect::document(world, &stored)),
                Err(runtime::Error::NoContainer(_)) => document(world, name),
                Err(error) => Err(error.into()),
            },
        }
    }
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Container,
    Image,
}

/// An image as `inspect` shows it.
fn document(world: &World, name: &str) -> Result<serde_json::Value, Failure> {
    let descriptor = images::by_text(&world.store, name, Policy::default())?.manifest;
    let (manifest, config) = world.store.load_image(&descriptor)?;
    let names: Vec<String> = world.store.names_of(&descriptor.digest)?.iter().map(Reference::familiar).collect();
    Ok(serde_json::json!({
        "Id": manifest.config.digest,
        "RepoTags": names,
        "Digest": descriptor.digest,
        "Created": config.created,
        "Author": config.author.clone().unwrap_or_default(),
        "Architecture": config.architecture,
        "Os": config.os,
        "Size": manifest.size(),
        "Config": config.config,
        "RootFS": { "Type": "layers", "Layers": config.rootfs.diff_ids },
    }))
}

fn show_tree(world: &World, ui: &Ui, name: &str) -> Result<(), Failure> {
    let found = images::by_text(&world.store, name, Policy::default())?;
    let manifest = world.store.manifest_for(&found.manifest, &Platform::host())?;
    let (document, config) = world.store.load_image(&manifest)?;
    let layers = layers(&document.layers, &config);
    let mut branches = vec![branch(&document.config, "config", config_facts(&config))];
    branches.extend(layers);
    let names: Vec<String> = world.store.names_of(&found.manifest.digest)?.iter().map(Reference::familiar).collect();
    let mut below = Branch { branches, ..branch(&manifest, "manifest", Vec::new()) };
    if manifest.digest != found.manifest.digest {
        below.facts.push(format!("for {}: this machine's", config.platform()));
        let mut platforms = vec![below];
        platforms.extend(of_other_platforms(&world.store.read_document(&found.manifest)?));
        below = Branch { branches: platforms, ..branch(&found.manifest, "index", Vec::new()) };
    }
    below.facts.extend((!names.is_empty()).then(|| format!("named {}", names.join(", "))));
    let facts = vec![
        "each digest is the SHA-256 of a file in `blobs/sha256` in Layerlab's home; check it with `sha256sum`"
            .to_owned(),
    ];
    let root = Branch { name: "index.json".to_owned(), facts, branches: vec![below] };
    Ok(ui.out().write_all(pictures::tree(&ui.layout(&world.clock), &root).as_bytes())?)
}

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
    let mut facts = vec![format!("its digest is the image's id; for {}", config.platform())];
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
