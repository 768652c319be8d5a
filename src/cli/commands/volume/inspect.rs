//! `layerlab volume inspect`: what is known of volumes, in the form of Docker's answer.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::format::show_documents;
use crate::cli::ui::Ui;
use crate::runtime::volume::kept::{self, Kept};
use crate::world::World;

/// Show volumes as JSON, or what a template makes of that.
#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// What is shown of each: `json`, or a Go template such as '{{.Mountpoint}}'
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
    /// The volumes
    #[arg(required = true, value_name = "VOLUME")]
    volumes: Vec<String>,
}

impl Inspect {
    pub(super) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        show_documents(ui, self.format.as_deref(), &self.volumes, |name| {
            Ok(document(world, &kept::find(world.home(), name)?))
        })
    }
}

/// A volume as `inspect` shows it.
pub(in crate::cli) fn document(world: &World, volume: &Kept) -> serde_json::Value {
    json!({
        "CreatedAt": volume.record.created,
        "Driver": "local",
        "Labels": volume.record.labels,
        "Mountpoint": mountpoint(world, volume),
        "Name": volume.name,
        "Options": null,
        "Scope": "local",
    })
}

/// Where the files of a volume are on this machine.
pub(super) fn mountpoint(world: &World, volume: &Kept) -> PathBuf {
    kept::data(world.home(), &volume.name)
}
