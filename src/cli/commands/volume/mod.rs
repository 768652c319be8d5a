//! Volumes: making, listing, describing and removing them.

mod create;
pub(in crate::cli) mod inspect;
mod list;
pub(in crate::cli) mod prune;
mod remove;

use clap::{Args, Subcommand};

use crate::cli::explaining::Explainable;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::world::World;

/// Manage volumes.
#[derive(Debug, Args)]
pub(in crate::cli) struct Volumes {
    #[command(subcommand)]
    command: VolumeCommand,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum VolumeCommand {
    /// Create a volume
    Create(Explainable<create::Create>),
    /// List volumes
    #[command(name = "ls", visible_alias = "list")]
    List(Explainable<list::List>),
    /// Show volumes as JSON
    Inspect(Explainable<inspect::Inspect>),
    /// Remove volumes
    #[command(name = "rm", visible_alias = "remove")]
    Remove(Explainable<remove::Remove>),
    /// Remove volumes that no container uses
    Prune(Explainable<prune::Prune>),
}

impl Volumes {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        match &self.command {
            VolumeCommand::Create(command) => command.tell(ui, |command| command.run(world, ui)),
            VolumeCommand::List(command) => command.tell(ui, |command| command.run(world, ui)),
            VolumeCommand::Inspect(command) => command.tell(ui, |command| command.run(world, ui)),
            VolumeCommand::Remove(command) => command.tell(ui, |command| command.run(world, ui)),
            VolumeCommand::Prune(command) => command.tell(ui, |command| command.run(world, ui)),
        }
    }
}
