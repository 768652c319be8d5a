//! Commands about lessons and tutorials.

mod check;
pub(in crate::cli) mod mdbook;
mod new;
mod reading;
pub(in crate::cli) mod verify;

use clap::{Args, Subcommand};

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;

/// Write lessons, and prove that they are right
#[derive(Debug, Args)]
pub(crate) struct Lesson {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a lesson to begin with, in a folder of its own
    New(new::New),
    /// Prove all that lessons claim: their tasks, predictions, files and what they print
    Check(check::Check),
}

impl Lesson {
    pub(in crate::cli) fn run(&self, ui: &Ui) -> Result<(), Failure> {
        match &self.command {
            Command::New(command) => command.run(ui),
            Command::Check(command) => command.run(ui),
        }
    }
}
