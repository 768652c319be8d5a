//! What `run` and `create` are told to mount in a container.

use clap::Args;

use crate::cli::failure::Failure;
use crate::runtime::Volume;

/// The options of it.
#[derive(Debug, Args)]
pub(super) struct Volumes {
    /// What is mounted.
    #[arg(
        short,
        long,
        value_name = "VOLUME",
        help = "Mount a folder or file of this machine, or a named volume: SOURCE:TARGET[:ro]"
    )]
    volume: Vec<String>,
}

impl Volumes {
    /// What is to be mounted.
    ///
    /// # Errors
    /// A volume can't be understood.
    pub(super) fn volumes(&self) -> Result<Vec<Volume>, Failure> {
        Ok(Volume::parse_all(&self.volume)?)
    }
}
