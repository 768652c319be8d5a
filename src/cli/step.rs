//! `layerlab step`: the debugger.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use super::build::BuildOptions;
use crate::build::World;
use crate::view::palette::ColorChoice;

/// Step through a Dockerfile, or begin an empty one.
#[derive(Debug, Args)]
pub struct Step {
    #[command(flatten)]
    options: BuildOptions,
    /// Run the commands of a file instead of asking
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// The build context
    #[arg(value_name = "DIR")]
    context: Option<PathBuf>,
}

impl Step {
    pub(super) fn run(&self, _world: World<'_>, _color: ColorChoice) -> Result<(), Failure> {
        Ok(())
    }
}
