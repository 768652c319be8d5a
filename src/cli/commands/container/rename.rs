//! `layerlab rename`: another name for a container.

use clap::Args;

use crate::cli::failure::Failure;
use crate::runtime;
use crate::world::World;

/// Rename a container.
#[derive(Debug, Args)]
pub(crate) struct Rename {
    /// The container
    container: String,
    /// Its new name
    #[arg(value_name = "NAME")]
    name: String,
}

impl Rename {
    pub(in crate::cli) fn run(&self, world: &World) -> Result<(), Failure> {
        let stored = runtime::find(world, &self.container)?;
        Ok(runtime::rename(world, &stored.record.id, &self.name)?)
    }
}
