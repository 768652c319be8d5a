//! `layerlab explain`: what a part of Layerlab does here, and why.

use clap::{Args, Subcommand};

use crate::cli::failure::Failure;
use crate::cli::preferences;
use crate::cli::ui::Ui;
use crate::userland;

/// Explain a part of Layerlab.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Debug, Subcommand)]
enum Subject {
    /// List what the built-in base image is made of, and why each library is in it
    Base,
}

impl Explain {
    pub(in crate::cli) fn run(&self, ui: &Ui) -> Result<(), Failure> {
        match self.subject {
            Subject::Base => ui.lines(&userland::explain(&preferences()?)?),
        }
    }
}
