//! `layerlab serve-files`: the program in the built-in web image.

use std::path::PathBuf;

use clap::Args;

use crate::cli::failure::Failure;
use crate::userland;

/// The file server of the built-in web image.
#[derive(Debug, Args)]
pub(crate) struct ServeFiles {
    /// The folder to serve
    #[arg(default_value = "/usr/share/nginx/html")]
    root: PathBuf,
    /// The port to listen on
    #[arg(default_value_t = 80)]
    port: u16,
}

impl ServeFiles {
    pub(in crate::cli) fn run(&self) -> Result<(), Failure> {
        Ok(userland::serve(&self.root, self.port)?)
    }
}
