//! `layerlab volume rm`: volumes that are not needed any more.

use std::io::Write as _;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::runtime;
use crate::runtime::volume::going;
use crate::runtime::volume::kept::{self, Removal};
use crate::shown;
use crate::world::World;

/// Remove volumes.
///
/// A volume that a container uses stays, whether that runs or not. Example: `layerlab volume rm pages`
#[derive(Debug, Args)]
#[command(long_about = None)]
pub(super) struct Remove {
    /// Say nothing of a volume that is not there
    #[arg(short, long)]
    force: bool,
    /// The volumes
    #[arg(required = true, value_name = "VOLUME")]
    volumes: Vec<String>,
}

impl Remove {
    pub(super) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let mut problems = Vec::new();
        for name in &self.volumes {
            match self.remove(world, name) {
                Ok(()) => writeln!(ui.plain(), "{}", shown::line(name))?,
                Err(failure) => problems.extend(failure.diagnostics),
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(Failure::messages(problems)) }
    }

    fn remove(&self, world: &World, name: &str) -> Result<(), Failure> {
        // A text that can't be a name is not looked for among the files of the home.
        let removed = match kept::check_name(name) {
            Ok(()) => going::remove(world, &[name])?.pop(),
            Err(_) => None,
        };
        match removed {
            Some(Removal::Removed) => Ok(()),
            Some(Removal::InUse) => {
                let users = going::users(world.home())?.remove(name).unwrap_or_default();
                let (list, containers) = (users.join(", "), users.join(" "));
                let word = if users.len() == 1 { "container" } else { "containers" };
                Err(Diagnostic::error(format!("the volume {name} is in use by the {word} {list}"))
                    .hint(format!("remove the {word} first: `layerlab rm {containers}`"))
                    .into())
            }
            Some(Removal::Missing) | None if self.force => Ok(()),
            Some(Removal::Missing) | None => Err(runtime::Error::NoVolume(name.to_owned()).into()),
        }
    }
}
