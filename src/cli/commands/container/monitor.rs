//! `layerlab monitor`: what the monitor of a container executes to begin anew, when the container starts again.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use crate::cli::failure::Failure;
use crate::runtime::care::Again;
use crate::runtime::{self, Kept};
use crate::world::World;

/// Go on with a container that starts again.
#[derive(Debug, Args)]
pub(crate) struct Monitor {
    /// The id of the container
    id: String,
    /// The open lock of its folder
    lock: i32,
    /// How often it was started again, with this time
    restarts: u32,
    /// How many milliseconds were waited before this time
    pause: u64,
    /// The open doors to its published ports
    doors: Vec<Kept>,
}

impl Monitor {
    pub(in crate::cli) fn run(&self, world: &Arc<World>) -> Result<(), Failure> {
        let again = Again { restarts: self.restarts, pause: Some(Duration::from_millis(self.pause)) };
        Ok(runtime::resume(world, &self.id, self.lock, again, &self.doors)?)
    }
}
