//! `layerlab volume create`: a volume before a container needs it.

use std::io::Write as _;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::names::labels;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::runtime::volume::kept;
use crate::world::World;

/// Create a volume.
///
/// A container mounts it with `-v NAME:/PATH`; it is filled with what the image has at that path when it is first used. Example:
/// `layerlab volume create --label kind=data pages`
#[derive(Debug, Args)]
#[command(long_about = None)]
pub(super) struct Create {
    /// Label the volume
    #[arg(long, value_name = "NAME[=VALUE]")]
    label: Vec<String>,
    /// What keeps the volume; `local` is a folder in the home
    #[arg(short, long, value_name = "DRIVER", default_value = "local")]
    driver: String,
    /// Accepted for the message that volumes have no options
    #[arg(short, long, value_name = "OPTION", hide = true)]
    opt: Vec<String>,
    /// Its name (default: one of 64 digits)
    #[arg(value_name = "VOLUME")]
    name: Option<String>,
}

impl Create {
    pub(super) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        if self.driver != "local" || !self.opt.is_empty() {
            return Err(Diagnostic::error("volumes have no drivers and no options of drivers")
                .hint("a volume is a folder in Layerlab's home: leave `--driver` and `--opt` out")
                .into());
        }
        let kept = kept::create(world, self.name.as_deref(), &labels(&self.label))?;
        Ok(writeln!(ui.plain(), "{}", kept.name)?)
    }
}
