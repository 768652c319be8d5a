//! The whole: what there is, what it takes, and making room.

mod detail;
pub(in crate::cli) mod df;
pub(in crate::cli) mod events;
pub(in crate::cli) mod info;
pub(in crate::cli) mod prune;
mod room;
pub(in crate::cli) mod version;

use std::sync::Arc;

use clap::{Args, Subcommand};

use crate::cli::explaining::Explainable;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::world::World;

/// Look at everything at once.
#[derive(Debug, Args)]
pub(crate) struct System {
    #[command(subcommand)]
    command: SystemCommand,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum SystemCommand {
    /// Show how much room images, containers, volumes and the cache take
    Df(Explainable<df::Df>),
    /// Show what happens to containers, images and volumes
    Events(events::Events),
    /// Show what there is, and what this machine allows
    Info(info::Info),
    /// Remove what nothing uses
    Prune(Explainable<prune::Prune>),
}

impl System {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        match &self.command {
            SystemCommand::Df(command) => command.tell(ui, |command| command.run(world, ui)),
            SystemCommand::Events(command) => command.run(world, ui),
            SystemCommand::Info(command) => command.run(world, ui),
            SystemCommand::Prune(command) => command.tell(ui, |command| command.run(world, ui)),
        }
    }
}
