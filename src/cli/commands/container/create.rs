//! `layerlab create`: a container that does not run yet.

use std::io::Write as _;
use std::sync::Arc;

use clap::Args;

use super::options::Options;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::world::World;

/// Create a container without starting it.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Create {
    #[command(flatten)]
    options: Options,
}

impl Create {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        let made = self.options.create(world, true, ui)?;
        Ok(writeln!(ui.plain(), "{}", made.container.record.id)?)
    }
}
