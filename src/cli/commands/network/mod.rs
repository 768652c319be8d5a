//! Networks.

mod connect;
mod create;
pub(in crate::cli) mod inspect;
mod list;
pub(in crate::cli) mod prune;
mod remove;

use std::sync::Arc;

use clap::{Args, Subcommand};

use crate::cli::explaining::Explainable;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::world::World;

/// The commands for networks.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum NetworkCommand {
    /// Create a network
    Create(Explainable<create::Create>),
    /// List networks
    #[command(name = "ls", visible_alias = "list")]
    List(Explainable<list::List>),
    /// Show networks as JSON, or what a template makes of that
    Inspect(Explainable<inspect::Inspect>),
    /// Connect a container to a network
    Connect(Explainable<connect::Connect>),
    /// Disconnect a container from a network
    Disconnect(Explainable<connect::Disconnect>),
    /// Remove networks
    #[command(name = "rm", visible_alias = "remove")]
    Remove(Explainable<remove::Remove>),
    /// Remove all networks that no container uses
    Prune(Explainable<prune::Prune>),
}

/// Manage networks.
#[derive(Debug, Args)]
pub(crate) struct Networks {
    #[command(subcommand)]
    command: NetworkCommand,
}

impl Networks {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        match &self.command {
            NetworkCommand::Create(command) => command.tell(ui, |command| command.run(world, ui)),
            NetworkCommand::List(command) => command.tell(ui, |command| command.run(world, ui)),
            NetworkCommand::Inspect(command) => command.tell(ui, |command| command.run(world, ui)),
            NetworkCommand::Connect(command) => command.tell(ui, |command| command.run(world)),
            NetworkCommand::Disconnect(command) => command.tell(ui, |command| command.run(world)),
            NetworkCommand::Remove(command) => command.tell(ui, |command| command.run(world, ui)),
            NetworkCommand::Prune(command) => command.tell(ui, |command| command.run(world, ui)),
        }
    }
}
