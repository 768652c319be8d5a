//! Containers.

pub(in crate::cli) mod attach;
pub(in crate::cli) mod bundle;
pub(in crate::cli) mod choice;
pub(in crate::cli) mod commit;
pub(in crate::cli) mod control;
pub(in crate::cli) mod copy;
pub(in crate::cli) mod create;
pub(in crate::cli) mod diff;
pub(in crate::cli) mod exec;
pub(in crate::cli) mod export;
pub(in crate::cli) mod inspect;
pub(in crate::cli) mod list;
pub(in crate::cli) mod logs;
pub(in crate::cli) mod monitor;
mod options;
mod outcome;
pub(in crate::cli) mod port;
pub(in crate::cli) mod prune;
pub(in crate::cli) mod remove;
pub(in crate::cli) mod rename;
pub(in crate::cli) mod row;
pub(in crate::cli) mod run;
pub(in crate::cli) mod serve_files;
pub(in crate::cli) mod size;
pub(in crate::cli) mod start;
pub(in crate::cli) mod stats;
pub(in crate::cli) mod top;
pub(in crate::cli) mod update;

use std::sync::Arc;

use clap::{Args, Subcommand};

use crate::cli::explaining::Explainable;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::world::World;

/// The commands for containers by their long names: `container ls` is `ps`.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum ContainerCommand {
    /// Run a command in a new container
    Run(run::Run),
    /// Create a container without starting it
    Create(Explainable<create::Create>),
    /// Start containers that are not running
    Start(Explainable<start::Start>),
    /// Stop running containers
    Stop(Explainable<control::Stop>),
    /// Stop containers, and start them again
    Restart(Explainable<start::Restart>),
    /// Kill running containers, or send them a signal
    Kill(Explainable<control::Kill>),
    /// Pause all processes of containers
    Pause(Explainable<control::Pause>),
    /// Resume paused containers
    Unpause(Explainable<control::Unpause>),
    /// Wait for containers to exit, and print their exit codes
    Wait(Explainable<control::Wait>),
    /// Connect this terminal to a running container: Ctrl-P Ctrl-Q leaves it
    Attach(Explainable<attach::Attach>),
    /// Run a command in a running container
    Exec(Explainable<exec::Exec>),
    /// Copy files between a container and this machine
    #[command(name = "cp")]
    Copy(Explainable<copy::Copy>),
    /// List the processes of a container, with their numbers on this machine
    Top(Explainable<top::Top>),
    /// Show what containers use: processors, memory, network, disks, processes
    Stats(Explainable<stats::Stats>),
    /// List what a container has added (A), changed (C) and deleted (D)
    Diff(Explainable<diff::Diff>),
    /// Create an image from a container and its changes
    Commit(Explainable<commit::Commit>),
    /// Write all files of a container to a tar archive
    Export(Explainable<export::Export>),
    /// Change the limits and the restart policy of containers
    Update(Explainable<update::Update>),
    /// List containers
    #[command(name = "ls", visible_aliases = ["list", "ps"])]
    List(Explainable<list::List>),
    /// Show containers as JSON, or what a template makes of that
    Inspect(Explainable<inspect::InspectContainers>),
    /// Show the output of a container
    Logs(Explainable<logs::Logs>),
    /// Show where the published ports of a container are reached
    Port(Explainable<port::Port>),
    /// Remove all containers that do not run
    Prune(Explainable<prune::Prune>),
    /// Rename a container
    Rename(Explainable<rename::Rename>),
    /// Remove containers, with their changes
    #[command(name = "rm", alias = "remove")]
    Remove(Explainable<remove::Remove>),
}

/// Manage containers.
#[derive(Debug, Args)]
pub(crate) struct Containers {
    #[command(subcommand)]
    command: ContainerCommand,
}

impl Containers {
    /// Whether its exit codes are those of a container.
    pub(in crate::cli) fn makes_one(&self) -> bool {
        matches!(self.command, ContainerCommand::Run(_) | ContainerCommand::Create(_))
    }

    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        match &self.command {
            ContainerCommand::Run(command) => command.run(world, ui),
            ContainerCommand::Create(command) => command.tell(ui, |command| command.run(world, ui)),
            ContainerCommand::Start(command) => command.tell(ui, |command| command.run(world, ui)),
            ContainerCommand::Stop(command) => command.tell(ui, |command| command.run(world, ui)),
            ContainerCommand::Restart(command) => command.tell(ui, |command| command.run(world, ui)),
            ContainerCommand::Kill(command) => command.tell(ui, |command| command.run(world, ui)),
            ContainerCommand::Pause(command) => command.tell(ui, |command| command.run(world, ui)),
            ContainerCommand::Unpause(command) => command.tell(ui, |command| command.run(world, ui)),
            ContainerCommand::Wait(command) => command.tell(ui, |command| command.run(world, ui)),
            ContainerCommand::Attach(command) => command.tell(ui, |command| command.run(world, ui)),
            ContainerCommand::Exec(command) => command.tell(ui, |command| command.run(world, ui)),
            ContainerCommand::Copy(command) => command.tell(ui, |command| command.run(world, ui)),
            ContainerCommand::Top(command) => command.tell(ui, |command| command.run(world, ui)),
            ContainerCommand::Stats(command) => command.tell(ui, |command| command.run(world, ui)),
            ContainerCommand::Diff(command) => command.tell(ui, |command| command.run(world, ui)),
            ContainerCommand::Commit(command) => command.tell(ui, |command| command.run(world, ui)),
            ContainerCommand::Export(command) => command.tell(ui, |command| command.run(world, ui)),
            ContainerCommand::Update(command) => command.tell(ui, |command| command.run(world, ui)),
            ContainerCommand::List(command) => command.tell(ui, |command| command.run(world, ui)),
            ContainerCommand::Inspect(command) => command.tell(ui, |command| command.run(world, ui)),
            ContainerCommand::Logs(command) => command.tell(ui, |command| command.run(world, ui)),
            ContainerCommand::Port(command) => command.tell(ui, |command| command.run(world, ui)),
            ContainerCommand::Prune(command) => command.tell(ui, |command| command.run(world, ui)),
            ContainerCommand::Rename(command) => command.tell(ui, |command| command.run(world)),
            ContainerCommand::Remove(command) => command.tell(ui, |command| command.run(world, ui)),
        }
    }
}
