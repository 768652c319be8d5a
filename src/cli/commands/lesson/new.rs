//! `layerlab lesson new`: a lesson to begin with.

use std::path::PathBuf;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::{lesson, shown};

/// Make a lesson to begin with, in a folder of its own.
///
/// It has a Dockerfile, a file, a page with all that a lesson has, and `layerlab lesson check` passes. The folder must not be there yet.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// The folder, such as `15-my-lesson`
    #[arg(value_name = "NAME")]
    folder: PathBuf,
}

impl New {
    pub(in crate::cli) fn run(&self, ui: &Ui) -> Result<(), Failure> {
        let page = lesson::write_sample(&self.folder)?;
        let folder = shown::line(&self.folder.to_string_lossy()).into_owned();
        let page = shown::line(&page.to_string_lossy()).into_owned();
        ui.lines(&format!("{page} is a lesson: edit it, and prove it with `layerlab lesson check {folder}`.\n"))
    }
}
