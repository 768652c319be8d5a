//! `layerlab tag`: another name for an image.

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::names::parse_name;
use crate::images::{self, Policy};
use crate::runtime::events::{self, Kind};
use crate::world::World;

/// Give an image another name.
#[derive(Debug, Args)]
pub(crate) struct Tag {
    /// The image
    #[arg(value_name = "IMAGE")]
    source: String,
    /// The new name
    target: String,
}

impl Tag {
    pub(in crate::cli) fn run(&self, world: &World) -> Result<(), Failure> {
        let name = parse_name(&self.target)?;
        let found = images::by_text(&world.store, &self.source, Policy::default())?;
        world.store.tag(&name, &found.manifest)?;
        let id = found.manifest.digest.to_string();
        events::of_named(world.home(), &world.clock, Kind::Image, "tag", &id, &name.familiar());
        Ok(())
    }
}
