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
//! | `page` | the whole page: its head, its parts, what is left out |
//! | `timeline`, `dockerfile`, `layers` | the parts about the build |
//! | `step`, `files`, `inputs`, `setup` | the part about one step |
//! | `bars`, `tables` | lengths, drawn; tables on a narrow page |
//! | `style.css`, `script.js` | how it looks; the slider |
//!
//! The page is written by [`crate::view::html`], so nothing of what others chose can become a part of it. It is whole without its script, which only
//! shows one state at a time. It has at most [`MOST_BYTES`]: where there is more to say, less is said of each step, and what is left out
//! is counted. The same build at the same time gives the same bytes.

mod bars;
mod dockerfile;
mod files;
mod inputs;
mod layers;
mod notes;
mod page;
mod printed;
mod setup;
mod step;
mod tables;
mod timeline;
mod verdict;

pub(crate) use self::notes::Notes;

use std::collections::HashMap;

use self::setup::SetUps;
use self::verdict::Verdict;
use crate::debugger::{Review, Reviewed};
use crate::machine::{Spent, Timed};

/// The most bytes of a page.
pub(crate) const MOST_BYTES: usize = 1_000_000;

/// A build to be shown.
struct Report<'r> {
    review: &'r Review,
    notes: &'r Notes,
    verdicts: Vec<Verdict>,
    set_ups: SetUps,
    times: HashMap<usize, &'r Timed>,
    room: Room,
}

/// How much of what is said at most.
#[derive(Clone, Copy, Debug)]
struct Room {
    /// Steps that have a part of their own.
    steps: usize,
    /// Lines of the Dockerfile.
    lines: usize,
    /// Entries of one state's files.
    entries: usize,
    /// Bytes of one step's output.
    output: usize,
    /// Rows of any other list.
    rows: usize,
    /// Characters of a value.
    value: usize,
}

impl Room {
    const WHOLE: Room = Room { steps: 400, lines: 2000, entries: 160, output: 16 << 10, rows: 60, value: 160 };

    /// Half of it.
    fn smaller(self) -> Room {
        Room {
            steps: (self.steps * 3 / 4).max(40),
            lines: (self.lines / 2).max(100),
            entries: self.entries / 2,
            output: self.output / 2,
            rows: (self.rows / 2).max(5),
            value: (self.value * 3 / 4).max(40),
        }
    }
}

/// The page of a build.
pub(crate) fn page(review: &Review, notes: &Notes) -> String {
    let verdict = |step: &Reviewed| Verdict::of(step, review, notes);
    let verdicts = review.steps.iter().map(verdict).collect();
    let set_ups = SetUps::of(review, notes);
    let timed = review.times.iter().flat_map(|times| &times.steps);
    let times = timed.map(|timed| (timed.number, timed)).collect();
    let mut report = Report { review, notes, verdicts, set_ups, times, room: Room::WHOLE };
    loop {
        let page = report.page();
        // With no entries and no output left, there is nothing left that could be long.
        if page.len() <= MOST_BYTES || report.room.output < 16 {
            return page;
        }
        report.room = report.room.smaller();
    }
}

impl Report<'_> {
    /// The steps that have a part of their own: the first ones, and the last.
    fn shown(&self) -> impl Iterator<Item = (usize, &Reviewed)> {
        let total = self.review.steps.len();
        let last = self.room.steps / 4;
        let first = if total > self.room.steps { self.room.steps - last } else { total };
        let is_shown = move |index: usize| index < first || index + last >= total;
        self.review.steps.iter().enumerate().filter(move |(index, _)| is_shown(*index))
    }

    /// How many steps have no part of their own.
    fn unshown(&self) -> usize {
        self.review.steps.len() - self.shown().count()
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

    /// The step that a step of the same stage comes after.
    fn step_before(&self, step: &Reviewed) -> Option<usize> {
        let earlier = self.review.steps[..step.step.number - 1].iter().rev();
        earlier.take_while(|one| one.step.stage == step.step.stage).map(|one| one.step.number).next()
    }
}
