//! Commands about lessons and tutorials.

mod check;
mod clean;
mod files;
mod grade;
pub(in crate::cli) mod learn;
pub(in crate::cli) mod mdbook;
mod new;
mod packs;
mod proofs;
mod reading;
mod test;
pub(in crate::cli) mod verify;

use std::path::Path;

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
    /// Go through lessons as a learner would, and say where that fails
    Test(test::Test),
    /// Say which tasks of a lesson are done in a student's folder and home
    Grade(grade::Grade),
}

impl Lesson {
    pub(in crate::cli) fn run(&self, home: Option<&Path>, ui: &Ui) -> Result<(), Failure> {
        match &self.command {
            Command::New(command) => command.run(ui),
            Command::Check(command) => command.run(home, ui),
            Command::Test(command) => command.run(home, ui),
            Command::Grade(command) => command.run(home, ui),
        }
    }
}
