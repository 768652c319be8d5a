//! `layerlab lesson test`: whether lessons print what they show.

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use clap::Args;

use super::packs::Places;
use super::reading;
use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::preferences;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::errno;
use crate::lesson::{self, OnPages, Page, Purpose};
use crate::progress::Interrupt;
use crate::view::drift;

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
        let places = self.places.pages(home, ui)?;
        let interrupt = Interrupt::new()
            .map_err(|error| Diagnostic::error(format!("can't wait for Ctrl-C: {}", errno::describe(&error))))?;
        interrupts::catch(&interrupt);
        let limits = preferences()?.limits;
        let mut pages = Vec::new();
        for path in places {
            let source = reading::text(&path, &limits)?;
            pages.push(Page::parse(&source.name, &source.text)?);
        }
        let patience = Duration::from_secs(self.timeout);
        let options = lesson::Options { with: Vec::new(), patience, purpose: Purpose::Compare, interrupt };
        let on_pages = Mutex::new(OnPages::default());
        let replays = lesson::on_each(&pages, self.jobs, |page| lesson::replay(page, &options, &on_pages));
        let mut is_right = true;
        for (page, replay) in pages.iter().zip(replays) {
            let replay = replay?;
            ui.out().write_all(drift::report(ui.palette, page, &replay, false).as_bytes())?;
            is_right &= replay.troubles.is_empty() && replay.found == page.text;
        }
        if is_right { Ok(()) } else { Err(Failure::status(1)) }
    }
}
