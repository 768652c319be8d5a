//! `layerlab store`: look after the store.

mod names;
mod path;
pub(in crate::cli) mod prune;
mod size;
mod verify;

use clap::{Args, Subcommand};

use crate::cli::explaining::Explainable;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::world::World;

/// Maintain the store.
#[derive(Debug, Args)]
pub(crate) struct StoreCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compute every digest again and check the chain from the index to every layer
    Verify(Explainable<verify::Verify>),
    /// Show what takes up space, what keeps it, and how much can be freed
    Size(Explainable<size::Size>),
    /// Print the store's folder
    Path,
}

impl StoreCommand {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        match &self.command {
            Command::Verify(command) => command.tell(ui, |command| command.run(world, ui)),
            Command::Size(command) => command.tell(ui, |command| command.run(world, ui)),
            Command::Path => path::run(world, ui),
        }
    }
}
