//! `layerlab lesson check`: whether all that lessons claim is so.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use clap::Args;

use super::packs::Places;
use super::proofs;
use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::preferences;
use crate::cli::ui::Ui;
use crate::lesson::{self, OnPages, Page, Proof, Purpose};
use crate::limits::Limits;

/// Prove all that lessons claim.
///
/// Of each lesson: it is whole; the files that it shows are those of its folder, and no image has the lesson in it; each task is undone before its
/// solution and done after it; each prediction has one right answer, which a run gives; the commands print what is shown, without a
/// registry; nothing goes on when it ends. The exit code is 1 if something is not so.
#[derive(Debug, Args)]
#[command(
    after_help = "A folder without a lesson.md is a pack: all lessons in the folders within it.\n\nThe commands of a lesson are run as you, and can do what you can do: read a lesson that is not yours first."
)]
pub(crate) struct Check {
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

impl Check {
    pub(in crate::cli) fn run(&self, home: Option<&Path>, ui: &Ui) -> Result<(), Failure> {
        let pages = self.places.pages(home, ui)?;
        let interrupt = interrupts::caught()?;
        let limits = preferences()?.limits;
        let patience = Duration::from_secs(self.timeout);
        let options = lesson::Options { with: Vec::new(), patience, purpose: Purpose::Prove, interrupt };
        let on_pages = Mutex::new(OnPages::default());
        let prove = |path: &PathBuf| match read(path, &limits) {
            Ok(page) => lesson::prove(&page, &options, &on_pages, &limits),
            Err(unread) => Ok(unread),
        };
        let proofs = lesson::on_each(&pages, self.jobs, prove);
        let proofs = proofs.into_iter().collect::<Result<Vec<Proof>, lesson::Error>>()?;
        let names = pages.iter().map(|page| page.display().to_string());
        proofs::tell(ui, "layerlab-check", self.json, &names.zip(proofs).collect::<Vec<_>>())
    }
}

/// Reads the page of a lesson. What can't be read as one hides no other lesson.
fn read(path: &Path, limits: &Limits) -> Result<Page, Proof> {
    let source = lesson::read_text(path, limits).map_err(|error| Proof::of_error(&error))?;
    Page::parse(&source.name, &source.text).map_err(|mistake| Proof::of_mistake(&mistake))
}
