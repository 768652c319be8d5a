//! `layerlab volume inspect`: what is known of volumes, in the form of Docker's answer.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::runtime::volume::kept::{self, Kept};
use crate::view::json;
use crate::world::World;

/// Show volumes as JSON.
#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// The volumes
    #[arg(required = true, value_name = "VOLUME")]
    volumes: Vec<String>,
}

impl Inspect {
    pub(super) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let (mut documents, mut problems) = (Vec::new(), Vec::new());
        for name in &self.volumes {
            match kept::find(world.home(), name) {
                Ok(volume) => documents.push(document(world, &volume)),
                Err(error) => problems.extend(Failure::from(error).diagnostics),
            }
        }
        writeln!(ui.plain(), "{}", json::pretty(&documents)?)?;
        if problems.is_empty() { Ok(()) } else { Err(Failure::messages(problems)) }
    }
}

fn document(world: &World, volume: &Kept) -> serde_json::Value {
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
