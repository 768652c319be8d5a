//! `layerlab verify`: whether tutorials do what they show.

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::preferences;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::errno;
use crate::lesson::{self, OnPages, Page, Purpose, Replay};
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
        let pages = self.files.iter().map(|file| read(file, &limits)).collect::<Result<Vec<Page>, Failure>>()?;
        let patience = Duration::from_secs(self.timeout);
        let purpose = if self.update { Purpose::Rewrite } else { Purpose::Compare };
        let options = lesson::Options { with: self.with.clone(), patience, purpose, interrupt };
        let on_pages = Mutex::new(OnPages::default());
        let replays = lesson::on_each(&pages, self.jobs, |page| lesson::replay(page, &options, &on_pages));
        let mut is_right = true;
        for (page, replay) in pages.iter().zip(replays) {
            is_right &= self.show(page, &replay?, ui)?;
        }
        if is_right { Ok(()) } else { Err(Failure::status(1)) }
    }

    /// Shows what was found on a page, and rewrites it where that is asked for; says whether all is as it is shown.
    fn show(&self, page: &Page, replay: &Replay, ui: &Ui) -> Result<bool, Failure> {
        let mut out = ui.out();
        let path = Path::new(&page.name);
        let is_written = self.update && replay.updated != page.text;
        if is_written {
            // Beside it first: a page is never half written.
            let failed = |error| Diagnostic::error(format!("can't write {}: {}", page.name, errno::describe(&error)));
            let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
            let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
            file.write_all(replay.updated.as_bytes()).map_err(failed)?;
            let modes = path.metadata().map_err(failed)?.permissions();
            file.as_file().set_permissions(modes).map_err(failed)?;
            file.persist(path).map_err(|error| failed(error.error))?;
        }
        out.write_all(drift::report(ui.palette, page, replay, self.update).as_bytes())?;
        Ok(replay.troubles.is_empty() && (self.update || replay.found == page.text))
    }
}

/// Reads a page.
fn read(path: &Path, limits: &Limits) -> Result<Page, Failure> {
    let source = lesson::read_text(path, limits)?;
    Ok(Page::parse(&source.name, &source.text)?)
}
