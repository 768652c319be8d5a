//! `layerlab learn clean`: what is kept of lessons that were begun, and its removal.

use std::sync::Arc;

use clap::Args;

use super::packs::PackOptions;
use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::pruning::is_confirmed;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::learning::{Kept, LessonLock, Records};
use crate::shown;
use crate::tutor::homely;
use crate::upkeep::size_of;
use crate::view::screen::Width;
use crate::view::table::{self, TooWide};
use crate::view::units;
use crate::world::World;

/// List what is kept of lessons that were begun, or remove it.
///
/// With lessons, ends what runs in the store of each, and removes the store: its images, containers and volumes. What you have finished stays
/// finished; other lessons begin anew. Your files stay, unless `--files` says otherwise.
#[derive(Debug, Args)]
pub(super) struct Clean {
    /// The lessons whose stores are removed (default: none, and all that is kept is listed)
    #[arg(value_name = "LESSON")]
    lessons: Vec<String>,
    /// Remove the stores of all lessons
    #[arg(short, long, conflicts_with = "lessons")]
    all: bool,
    /// Remove their folders below ~/layerlab-lessons, too, with your own files in them
    #[arg(long)]
    files: bool,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

impl Clean {
    pub(super) fn run(&self, pack: &PackOptions, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        let pack = pack.find(world, ui)?;
        let records = Records::open(world.home().root(), pack.as_ref(), world.store.limits())?;
        let kept = Kept::all(&records)?;
        if self.lessons.is_empty() && !self.all {
            if self.files {
                let error = Diagnostic::error("`--files` goes with the lessons whose files are removed");
                return Err(error.hint("such as `layerlab learn clean 4 --files`, or `--all`").into());
            }
            return list(&kept, &records, ui);
        }
        let chosen = self.chosen(&kept)?;
        if chosen.is_empty() {
            return ui.lines("Nothing is kept.\n");
        }
        // None is removed where somebody is at one of them.
        let locks = chosen.iter().map(|kept| kept.lock()).collect::<Result<Vec<LessonLock>, _>>()?;
        if !self.force && !is_confirmed(ui, &self.question(&chosen))? {
            return Ok(());
        }
        interrupts::catch(world.interrupt());
        let mut freed = 0;
        for (kept, lock) in chosen.iter().zip(&locks) {
            if world.interrupt().is_requested() {
                return Err(Failure::default());
            }
            freed += self.remove(kept, lock, ui)?;
        }
        match chosen.len() {
            1 => Ok(()),
            _ => ui.lines(&format!("Freed: {}\n", units::size(freed))),
        }
    }

    /// The lessons that are meant.
    fn chosen<'k>(&self, kept: &'k [Kept]) -> Result<Vec<&'k Kept>, Failure> {
        for wanted in &self.lessons {
            if !kept.iter().any(|kept| kept.is_meant(wanted)) {
                let error = Diagnostic::error(format!("nothing is kept of a lesson `{}`", shown::line(wanted)));
                return Err(error.hint("`layerlab learn clean` lists what is kept").into());
            }
        }
        Ok(kept.iter().filter(|kept| self.all || self.lessons.iter().any(|wanted| kept.is_meant(wanted))).collect())
    }

    fn question(&self, chosen: &[&Kept]) -> String {
        let names: Vec<String> = chosen.iter().map(|kept| shown::line(&kept.name).into_owned()).collect();
        let mut text = format!(
            "This ends what runs in these lessons, and removes their images, containers and volumes:\n  {}\n",
            names.join("\n  ")
        );
        let folders = chosen.iter().filter(|kept| !kept.is_chosen).filter_map(|kept| kept.work.as_deref());
        let folders: Vec<String> = folders.filter(|_| self.files).map(homely).collect();
        if !folders.is_empty() {
            text += &format!("And these folders, with your own files in them:\n  {}\n", folders.join("\n  "));
        }
        text + "Go on? [y/N] "
    }

    /// Removes what is kept of a lesson, and says how much room that made.
    fn remove(&self, kept: &Kept, lock: &LessonLock, ui: &Ui) -> Result<u64, Failure> {
        let before = size_of(kept.folder());
        kept.remove_store(lock)?;
        let mut freed = before.saturating_sub(size_of(kept.folder()));
        let mut stays = kept.work.as_deref();
        if self.files && !kept.is_chosen {
            freed += stays.map_or(0, size_of);
            kept.remove_files(lock)?;
            stays = None;
        }
        let stays = stays.map_or_else(String::new, |work| format!("; your files stay in {}", homely(work)));
        ui.lines(&format!("{}: {} freed{stays}\n", shown::line(&kept.name), units::size(freed)))?;
        Ok(freed)
    }
}

/// What is kept, and how it goes.
fn list(kept: &[Kept], records: &Records, ui: &Ui) -> Result<(), Failure> {
    if kept.is_empty() {
        return ui.lines("Nothing is kept.\n");
    }
    let mut total = (0, 0);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for kept in kept {
        let (store, files) = (size_of(kept.folder()), kept.work.as_deref().map_or(0, size_of));
        total = (total.0 + store, total.1 + files);
        let folder = kept.work.as_deref().map(homely).unwrap_or_default();
        rows.push(vec![shown::line(&kept.name).into_owned(), units::size(store), units::size(files), folder]);
    }
    rows.push(vec!["total".to_owned(), units::size(total.0), units::size(total.1), String::new()]);
    ui.table(&["LESSON", "STORE", "FILES", "FOLDER"], &rows, TooWide::Cut)?;
    let (one, all) = (records.command("clean LESSON"), records.command("clean --all"));
    let how = format!("`{one}` removes the store of a lesson, `{all}` those of all. Your files stay.\n");
    ui.lines(&format!("\n{}", table::fill(&how, Width::of_stdout().of_pages())))
}
