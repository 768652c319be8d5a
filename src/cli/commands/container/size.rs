//! How much room containers take.

use crate::cli::failure::Failure;
use crate::runtime::{self, Stored};
use crate::upkeep::size_of;
use crate::world::World;

/// How many bytes a container has written, and with its image's.
pub(in crate::cli) fn sizes(world: &World, stored: &Stored) -> Result<(u64, u64), Failure> {
    let upper = runtime::changes_of(world, &stored.record.id);
    let written = world.identity.within(|| size_of(&upper))?;
    let image: u64 = stored.record.layers.iter().map(|layer| layer.descriptor.size).sum();
    Ok((written, written + image))
}
