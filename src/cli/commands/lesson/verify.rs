//! `layerlab verify`: whether tutorials do what they show.

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use clap::Args;

use super::packs::check_own;
use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::preferences;
use crate::cli::ui::Ui;
use crate::debugger::{check_replaceable, replace};
use crate::diagnostic::Diagnostic;
use crate::lesson::{self, Mistake, OnPages, PAGE, Page, Purpose, Replay, read_text};
use crate::limits::Limits;
use crate::view::drift;

/// Run the commands of Markdown tutorials, and compare what they print with what the pages show.
///
/// Each page is run in a fresh folder with an empty store: block by block, commands after `$ ` as if you typed them, with `docker` and `layerlab`
/// standing for this program. Ids, dates, ages and large sizes may differ; `…` stands for anything.
#[derive(Debug, Args)]
#[command(
    after_help = "A page called lesson.md runs in a copy of its own folder; --with is ignored.\n\nThe commands of a page are run as you, and can do what you can do: read a page that is not yours first."
)]
pub(crate) struct Verify {
    /// The pages
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Rewrite the blocks with what was printed
    #[arg(long)]
    update: bool,
    /// Copy this file or folder into the folder where commands run (can be given several times)
    #[arg(long, value_name = "PATH")]
    with: Vec<PathBuf>,
    /// How long a command may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    /// How many pages are run at the same time (default: one for each processor)
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

impl Verify {
    pub(in crate::cli) fn run(&self, ui: &Ui) -> Result<(), Failure> {
        let interrupt = interrupts::caught()?;
        let limits = preferences()?.limits;
        // A page that is none, or can't be run, hides nothing of the others.
        let pages: Vec<Result<Page, Failure>> = self.files.iter().map(|file| self.read(file, &limits)).collect();
        let patience = Duration::from_secs(self.timeout);
        let purpose = if self.update { Purpose::Rewrite } else { Purpose::Compare };
        let options = lesson::Options { with: self.with.clone(), patience, purpose, interrupt: interrupt.clone() };
        let on_pages = Mutex::new(OnPages::default());
        let found = lesson::on_each(&pages, self.jobs, |page| {
            page.as_ref().ok().map(|page| lesson::replay(page, &options, &on_pages))
        });
        let mut is_right = true;
        for ((path, page), replay) in self.files.iter().zip(pages).zip(found) {
            let shown = page.and_then(|page| match replay {
                Some(replay) => self.show(path, &page, &replay?, &limits, ui),
                None => Ok(true),
            });
            match shown {
                Ok(is_as_shown) => is_right &= is_as_shown,
                // That is said once, for all pages.
                Err(_) if interrupt.is_requested() => is_right = false,
                // Nobody reads on.
                Err(failure) if failure.diagnostics.is_empty() => return Err(failure),
                Err(failure) => {
                    ui.report(&failure.diagnostics, failure.source.as_ref());
                    is_right = false;
                }
            }
        }
        if is_right { Ok(()) } else { Err(Failure::status(1)) }
    }

    /// Reads a page.
    fn read(&self, path: &Path, limits: &Limits) -> Result<Page, Failure> {
        check_own(path)?;
        let source = read_text(path, limits)?;
        if self.update {
            check_replaceable(path)?;
        }
        Ok(Page::parse(&source.name, &source.text)?)
    }

    /// Shows what was found on a page, and rewrites it where that is asked for; says whether all is as it is shown.
    fn show(&self, path: &Path, page: &Page, replay: &Replay, limits: &Limits, ui: &Ui) -> Result<bool, Failure> {
        let rewritten = if self.update { rewrite(path, page, replay, limits) } else { Ok(()) };
        let is_updated = self.update && rewritten.is_ok();
        ui.out().write_all(drift::report(ui.palette, page, replay, is_updated).as_bytes())?;
        rewritten?;
        Ok(replay.troubles.is_empty() && (self.update || replay.found == page.text))
    }
}

/// Puts what was printed into a page.
fn rewrite(path: &Path, page: &Page, replay: &Replay, limits: &Limits) -> Result<(), Failure> {
    let updated = replay.updated.as_ref().map_err(Mistake::clone)?;
    if *updated == page.text {
        return Ok(());
    }
    if u64::try_from(updated.len()).is_ok_and(|length| length > limits.most(&PAGE)) {
        let message = format!("with what its commands print, `{}` is too large: it is left unchanged", page.name);
        return Err(Diagnostic::error(message).hint("show a part of an output: `… | head`").into());
    }
    // Commands take their time, and somebody may write meanwhile.
    if read_text(path, limits)?.text != page.text {
        let message = format!("`{}` has changed while its commands ran: it is left as it is", page.name);
        return Err(Diagnostic::error(message).hint("rewrite it again").into());
    }
    Ok(replace(path, updated.as_bytes())?)
}
