//! `layerlab lesson test`: whether lessons print what they show.

use std::num::NonZeroUsize;
use std::path::Path;

use clap::Args;

use super::packs::Places;
use super::verify::Verify;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;

/// Compare what lessons print with what they show, as `verify` does.
///
/// It takes folders and packs of lessons, as `lesson check` does, which proves more.
#[derive(Debug, Args)]
#[command(after_help = "The commands of a lesson are run as you, and can do what you can do.")]
pub(crate) struct Test {
    #[command(flatten)]
    places: Places,
    /// How long a command may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    /// How many lessons are run at the same time (default: one for each processor)
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

impl Test {
    pub(in crate::cli) fn run(&self, home: Option<&Path>, ui: &Ui) -> Result<(), Failure> {
        Verify::of(self.places.pages(home, ui)?, self.timeout, self.jobs).run(ui)
    }
}
