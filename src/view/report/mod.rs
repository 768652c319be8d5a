//! A build as one HTML page, for whoever was not there: its steps in time, the files of each state, why each step was in the cache or not,
//! what each printed, how its container was set up, and what the layers weigh.
//!
//! ```text
//! events ──▶ Notes ─┐
//!                   ├──▶ Report ──page──▶ one file, which loads nothing
//! machine ─▶ Review ┘
//! ```
//!
//! | file | what it is |
//! |---|---|
//! | `notes`, `printed` | what only the events tell, kept while the build goes on |
//! | `verdict` | what became of a step, in a symbol, a word and a sentence |
//! | `room` | how much is said: what is left out first |
//! | `page` | the whole page: its head, its parts, what is left out |
//! | `timeline`, `dockerfile`, `layers` | the parts about the build |
//! | `step`, `files`, `inputs`, `setup` | the part about one step |
//! | `badges`, `bars`, `tables` | what happened, in a word and a colour; lengths, drawn; tables on a narrow page |
//! | `style.css`, `script.js` | how it looks; the slider |
//!
//! The page is written by [`crate::view::html`], so nothing of what others chose can become a part of it, and what is masked is in none of its texts. It
//! is whole without its script, which only shows one state at a time. It has at most [`MOST_BYTES`]: where there is more to say, less is said,
//! and what is left out is counted. The same build at the same time gives the same bytes.

mod badges;
mod bars;
mod dockerfile;
mod files;
mod inputs;
mod layers;
mod notes;
mod page;
mod printed;
mod room;
mod setup;
mod step;
mod tables;
mod timeline;
mod verdict;

pub(crate) use self::notes::Notes;

use std::collections::HashMap;

use self::room::Room;
use self::verdict::{Kind, Verdict};
use crate::debugger::{Review, Reviewed};
use crate::hidden::Mask;
use crate::machine::{Spent, Timed};
use crate::view::html::Html;

/// The most bytes of a page.
pub(crate) const MOST_BYTES: usize = 1_000_000;

/// A build to be shown.
struct Report<'r> {
    review: &'r Review,
    notes: &'r Notes,
    verdicts: Vec<Verdict>,
    times: HashMap<usize, &'r Timed>,
    /// What is in no text of the page.
    mask: Mask,
    room: Room,
}

/// The page of a build: as much as there is room for.
pub(crate) fn page(review: &Review, notes: &Notes) -> String {
    let verdict = |step: &Reviewed| Verdict::of(step, review, notes);
    let verdicts = review.steps.iter().map(verdict).collect();
    let timed = review.times.iter().flat_map(|times| &times.steps);
    let times = timed.map(|timed| (timed.number, timed)).collect();
    let mask = Mask::of(review.credentials.iter().chain(notes.hidden()));
    let mut report = Report { review, notes, verdicts, times, mask, room: Room::WHOLE };
    loop {
        let page = report.page();
        match report.room.smaller() {
            Some(smaller) if page.len() > MOST_BYTES => report.room = smaller,
            Some(_) | None => return page,
        }
    }
}

impl Report<'_> {
    /// Whether a step has a part of its own.
    fn is_shown(&self, number: usize) -> bool {
        self.review.steps.get(number.wrapping_sub(1)).is_some_and(|step| step.rank < self.room.steps)
    }

    /// The steps that have a part of their own.
    fn shown(&self) -> impl Iterator<Item = (&Reviewed, &Verdict)> {
        self.review.steps.iter().zip(&self.verdicts).filter(|(step, _)| step.rank < self.room.steps)
    }

    /// The step that failed.
    fn failed(&self) -> Option<&Reviewed> {
        let failed = self.verdicts.iter().position(|verdict| verdict.kind == Kind::Failed)?;
        self.review.steps.get(failed)
    }

    /// A link to a step, where it is shown.
    fn link_to_step(&self, html: &mut Html, number: usize, text: &str) {
        if self.is_shown(number) {
            html.leaf("a", &[("href", &format!("#step-{number}"))], text);
        } else {
            html.text(text);
        }
    }

    /// When a step began, how long it took.
    fn spent(&self, number: usize) -> Option<Spent> {
        let spent = self.times.get(&number)?.now;
        let failure = self.review.steps.get(number - 1).and_then(|step| self.notes.of(&step.step)?.failure.as_ref());
        Some(failure.map_or(spent, |failure| Spent { milliseconds: failure.milliseconds, ..spent }))
    }

    /// How long a step took in the build before, and which build that is.
    fn before(&self, number: usize) -> Option<(u64, u64)> {
        let build = self.review.times.as_ref()?.before?.build;
        Some((build, self.times.get(&number)?.before?.milliseconds))
    }

    /// How long all steps took.
    fn whole(&self) -> u64 {
        let ends = self.review.steps.iter().filter_map(|step| self.spent(step.step.number));
        ends.map(|spent| spent.start + spent.milliseconds).max().unwrap_or(0)
    }

    /// A text without the folder of the home: only this machine has it.
    fn without_home(&self, text: &str) -> String {
        text.replace(self.review.home.as_str(), "$LAYERLAB_HOME")
    }
}
