//! `layerlab bundle`: a container or an image for another engine.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::images::{self, Opened, Policy};
use crate::oci::Platform;
use crate::runtime;
use crate::runtime::handover::{self, Form};
use crate::world::World;

/// Write a container or an image as a bundle that `runc`, `crun` and `layerlab oci` run.
#[derive(Debug, Args)]
#[command(after_help = "Example: layerlab bundle web ./web && runc run --bundle ./web web")]
pub(crate) struct Bundle {
    /// Write it for an ordinary user without further ids: there is one, which is root inside
    #[arg(long)]
    rootless: bool,
    /// The container, or else the image
    #[arg(value_name = "CONTAINER|IMAGE")]
    name: String,
    /// The folder, which gets `config.json` and `rootfs`
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Bundle {
    pub(in crate::cli) fn run(&self, world: &Arc<World>) -> Result<(), Failure> {
        interrupts::catch(world.interrupt());
        let form = if self.rootless { Form::Rootless } else { Form::Own };
        match runtime::find(world, &self.name) {
            Ok(found) => Ok(handover::of_container(world, &found.record.id, &self.folder, form)?),
            Err(runtime::Error::NoContainer(_)) => {
                let found = images::by_text(&world.store, &self.name, Policy::default())?;
                let image = Opened::of(&world.store, &found, &Platform::host())?;
                Ok(handover::of_image(world, &image.config, &image.layers, &self.folder, form)?)
            }
            Err(error) => Err(error.into()),
        }
    }
}
