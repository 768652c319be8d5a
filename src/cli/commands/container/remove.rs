//! `layerlab rm`: containers that are not needed any more.

use std::sync::Arc;

use clap::Args;

use super::control::kill;
use super::outcome::each;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::runtime::{self, Anonymous};
use crate::world::World;

/// Remove containers, with their changes.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Kill those that run
    #[arg(short, long)]
    force: bool,
    /// Remove the volumes without a name that were made for them, too
    #[arg(short, long)]
    volumes: bool,
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

/// How often a container is killed that somebody else starts again and again.
const RACES: u32 = 5;

impl Remove {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        let (missing, found): (Vec<_>, Vec<_>) =
            self.containers.iter().cloned().partition(|name| {
                self.force && matches!(runtime::find(world, name), Err(runtime::Error::NoContainer(_)))
            });
        for name in &missing {
            // As Docker: what is to be gone is gone, but a word is said.
            ui.note(&format!("note: {}", runtime::Error::NoContainer(name.clone())));
        }
        each(&found, ui, |name| self.remove(world, name, RACES))
    }

    fn remove(&self, world: &Arc<World>, name: &str, tries: u32) -> Result<(), Failure> {
        let stored = match runtime::find(world, name) {
            Err(runtime::Error::BadState { .. } | runtime::Error::Store(_)) if self.force => {
                return Ok(runtime::remove_damaged(world, name)?);
            }
            // It was there a moment ago, and was to be removed at its end.
            Err(runtime::Error::NoContainer(_)) if tries < RACES => return Ok(()),
            found => found?,
        };
        if stored.status.has_monitor() {
            if !self.force {
                return Err(Diagnostic::error(format!("container {name} is running"))
                    .hint("stop it first, or remove it with `--force`")
                    .into());
            }
            kill(world, &stored)?;
        }
        match runtime::claim(world, &stored.record.id) {
            Ok(claimed) => claimed.remove(world, if self.volumes { Anonymous::Removed } else { Anonymous::Kept })?,
            // It was to be removed at its end.
            Err(runtime::Error::NoContainer(_)) => {}
            // Somebody has started it again meanwhile.
            Err(runtime::Error::Running(_)) if self.force && tries > 1 => return self.remove(world, name, tries - 1),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
