//! `layerlab lesson test`: whether whoever does what a lesson says gets through it in `learn`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::packs::Places;
use super::proofs;
use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::preferences;
use crate::cli::ui::Ui;
use crate::learning::{self, Lesson};
use crate::lesson::{self, Proof};
use crate::tutor::{self, Conditions};

/// Go through lessons as a learner would, and say where that fails.
///
/// Each lesson is opened as `layerlab learn` opens it, in a fresh folder and a fresh store. Enter is typed at commands and files, the right answer
/// at questions; what its solution does is typed for each task, which must be undone before and notice by itself that it is done. What is
/// printed and proven has to be as shown, and nothing may be left. The exit code is 1 if something is not so.
#[derive(Debug, Args)]
#[command(
    after_help = "`lesson check` proves what a page claims; `verify` compares what any page shows.\n\nLessons that publish the same ports need --jobs 1.\n\nThe commands of a lesson are run as you, and can do what you can do: read a lesson that is not yours first."
)]
pub(crate) struct Test {
    #[command(flatten)]
    places: Places,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
    /// How long a command may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    /// How many lessons are run at the same time (default: one for each processor)
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

impl Test {
    pub(in crate::cli) fn run(&self, home: Option<&Path>, ui: &Ui) -> Result<(), Failure> {
        let pages = self.places.pages(home, ui)?;
        let interrupt = interrupts::caught()?;
        let limits = preferences()?.limits;
        let patience = Duration::from_secs(self.timeout);
        let conditions = Conditions { patience, limits: &limits, interrupt: &interrupt };
        let test = |page: &PathBuf| match Lesson::of_page(page, &limits) {
            Ok(lesson) => tutor::rehearse(&lesson, &conditions),
            Err(learning::Error::Page(mistake)) => Ok(Proof::of_mistake(&mistake)),
            Err(error) => Ok(Proof::of_error(&error)),
        };
        let proofs = lesson::on_each(&pages, self.jobs, test);
        let proofs = proofs.into_iter().collect::<Result<Vec<Proof>, _>>()?;
        let names = pages.iter().map(|page| page.display().to_string());
        proofs::tell(ui, "layerlab-test", self.json, &names.zip(proofs).collect::<Vec<_>>())
    }
}
