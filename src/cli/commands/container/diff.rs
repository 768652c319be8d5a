//! `layerlab diff`: what a container has changed in its files.

use std::io::Write as _;
use std::sync::Arc;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::ui::Ui;
use crate::runtime::{Difference, Still};
use crate::shown;
use crate::world::World;

/// List what a container has added (A), changed (C) and deleted (D).
#[derive(Debug, Args)]
#[command(after_help = "Example: layerlab diff web")]
pub(crate) struct Diff {
    /// The container
    container: String,
}

impl Diff {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        interrupts::catch(world.interrupt());
        let differences = Still::of(world, &self.container)?.differences()?;
        let mut out = ui.plain();
        for (path, difference) in differences {
            let letter = match difference {
                Difference::Added => 'A',
                Difference::Changed => 'C',
                Difference::Deleted => 'D',
            };
            writeln!(out, "{letter} {}", shown::line(&path.to_string()))?;
        }
        Ok(())
    }
}
