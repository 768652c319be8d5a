//! Images in the store: listing, describing, naming and removing them, and bringing them in and out.

pub(in crate::cli) mod history;
pub(in crate::cli) mod import;
pub(in crate::cli) mod inspect;
pub(in crate::cli) mod list;
pub(in crate::cli) mod load;
pub(in crate::cli) mod manifest;
pub(in crate::cli) mod prune;
pub(in crate::cli) mod pull;
pub(in crate::cli) mod push;
pub(in crate::cli) mod remove;
pub(in crate::cli) mod save;
pub(in crate::cli) mod serve;
pub(in crate::cli) mod tag;

use std::sync::Arc;

use clap::{Args, Subcommand};

use super::build::build::Build;
use crate::cli::explaining::Explainable;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::world::World;

/// Manage images.
#[derive(Debug, Args)]
pub(crate) struct ImageCommands {
    #[command(subcommand)]
    command: ImageCommand,
}

/// The commands for images by their long names: `image ls` is `images`.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
enum ImageCommand {
    /// Build an image from a Dockerfile
    Build(Build),
    /// List images
    #[command(name = "ls", visible_alias = "list")]
    List(Explainable<list::Images>),
    /// Show the history of an image
    History(Explainable<history::History>),
    /// Show images as JSON, or what a template makes of that
    Inspect(Explainable<inspect::InspectImages>),
    /// Give an image another name
    Tag(Explainable<tag::Tag>),
    /// Remove image names, and the data that nothing else needs
    #[command(name = "rm", alias = "remove")]
    Remove(Explainable<remove::Rmi>),
    /// Remove images without a name, or all that no container uses
    Prune(Explainable<prune::Prune>),
    /// Pull an image from a registry
    Pull(Explainable<pull::Pull>),
    /// Push an image to a registry
    Push(Explainable<push::Push>),
    /// Load images from an archive written by `docker save`, Podman or skopeo
    Load(Explainable<load::Load>),
    /// Save images to an archive that Docker, Podman and skopeo can read
    Save(Explainable<save::Save>),
    /// Create an image from a root file system archive
    Import(Explainable<import::Import>),
}

impl ImageCommands {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        match &self.command {
            ImageCommand::Build(command) => command.run(world, ui),
            ImageCommand::List(command) => command.tell(ui, |command| command.run(world, ui)),
            ImageCommand::History(command) => command.tell(ui, |command| command.run(world, ui)),
            ImageCommand::Inspect(command) => command.tell(ui, |command| command.run(world, ui)),
            ImageCommand::Tag(command) => command.tell(ui, |command| command.run(world)),
            ImageCommand::Remove(command) => command.tell(ui, |command| command.run(world, ui)),
            ImageCommand::Prune(command) => command.tell(ui, |command| command.run(world, ui)),
            ImageCommand::Pull(command) => command.tell(ui, |command| command.run(world, ui)),
            ImageCommand::Push(command) => command.tell(ui, |command| command.run(world, ui)),
            ImageCommand::Load(command) => command.tell(ui, |command| command.run(world, ui)),
            ImageCommand::Save(command) => command.tell(ui, |command| command.run(world, ui)),
            ImageCommand::Import(command) => command.tell(ui, |command| command.run(world, ui)),
        }
    }
}
