//! `layerlab inspect`: what the documents of images say.

use std::io::Write as _;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::images::{self, Policy};
use crate::oci::Reference;
use crate::view::json;
use crate::world::World;

/// Show the configuration of images as JSON.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The images
    #[arg(required = true)]
    images: Vec<String>,
}

impl Inspect {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let mut documents = Vec::new();
        for name in &self.images {
            let descriptor = images::by_text(&world.store, name, Policy::default())?.manifest;
            let (manifest, config) = world.store.load_image(&descriptor)?;
            let names: Vec<String> =
                world.store.names_of(&descriptor.digest)?.iter().map(Reference::familiar).collect();
            documents.push(serde_json::json!({
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
            }));
        }
        writeln!(ui.plain(), "{}", json::pretty(&documents)?)?;
        Ok(())
    }
}
