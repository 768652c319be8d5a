//! The live lines: what is under way, as text for a terminal of a size. It is pure; `live.rs` draws it.
//!
//! ```text
//!  => [stage-0 2/4] COPY . /app                          3.2 s
//!     writing 412.3 MB of 1.0 GB  129.4 MB/s
//!
//!  => [stage-0 3/4] RUN make                            12.4 s
//!     cc -c parse.c
//!     cc -c print.c
//! ```
//!
//! In `build` the line of the step is one of them, and the last lines that a command has printed stand below it, as with BuildKit: what
//! counts is the result, and a command that fails shows its last lines once more. At the debugger's prompt the step's own line and all
//! that its command prints stay on the screen, as with any debugger: whoever steps wants to read it, and may want to scroll back. There
//! the live line is one, below what was printed.

use std::collections::VecDeque;
use std::time::Duration;

use super::layers::Rows;
use super::palette::{Palette, Role};
use super::{table, units};
use crate::progress::{Sample, Unit, Work};
use crate::shown;

/// How many of the last lines of a command are shown.
pub(crate) const MOST_LINES: usize = 6;
/// Over how long a rate is measured: long enough to be read, short enough to show that something hangs.
const WINDOW: Duration = Duration::from_secs(2);
/// Where the text of a block begins at the prompt, and how wide its names are.
const MARGIN: usize = 6;
const NAME: usize = 10;

/// What is under way.
#[derive(Clone, Debug)]
pub(crate) enum Scene {
    /// A step of `build`, and the last lines that its command has printed.
    Step { title: String, tail: Vec<String> },
    /// Something at the prompt, below what was shown of it.
    Below,
    /// Layers that come from a registry or go there.
    Transfers(Rows),
}

/// What is known of it at a moment.
pub(crate) struct Moment {
    pub(crate) elapsed: Duration,
    /// What is counted, and how much of it a second.
    pub(crate) work: Option<(Sample, Option<u64>)>,
    /// Somebody wished that it should stop.
    pub(crate) is_stopping: bool,
}

/// The live lines, for a terminal of so many columns and rows. None is wider than the terminal, so each is one row of it.
pub(crate) fn frame(scene: &Scene, moment: &Moment, palette: Palette, columns: usize, rows: usize) -> Vec<String> {
    // A terminal that is full to its last column may be about to wrap.
    let columns = columns.saturating_sub(1);
    let clock = units::elapsed(moment.elapsed.as_millis() as u64);
    let work = moment.work.as_ref().map(|(sample, rate)| described(sample, *rate));
    let mut lines = match scene {
        Scene::Step { title, tail } => {
            let head = headed(&format!(" => {}", shown::cell(title)), &clock, columns);
            let mut lines = vec![head];
            lines.extend(work.map(|(word, numbers)| faint(&format!("    {word} {numbers}"), palette, columns)));
            lines.extend(tail.iter().map(|line| faint(&format!("    {}", shown::cell(line)), palette, columns)));
            lines
        }
        Scene::Transfers(rows) => {
            rows.lines(columns).iter().map(|line| table::fitting(line, columns).to_owned()).collect()
        }
        Scene::Below => {
            let (word, numbers) = work.unwrap_or(("running", String::new()));
            let gap = if numbers.is_empty() { "" } else { "  " };
            let text = format!("{:MARGIN$}{word:<NAME$}{numbers}{gap}{clock}", "");
            vec![faint(&text, palette, columns)]
        }
    };
    if moment.is_stopping {
        lines.truncate(1);
        lines.push(table::fitting("    stopping; another Ctrl-C or two end it at once", columns).to_owned());
    }
    // What does not fit could not be erased.
    lines.truncate(rows.saturating_sub(1).max(1));
    lines
}

/// A title with the clock at the right edge.
fn headed(title: &str, clock: &str, columns: usize) -> String {
    let room = columns.saturating_sub(clock.len() + 1);
    let title = table::shortened(title, room);
    let gap = columns.saturating_sub(table::visible_width(&title) + clock.len());
    table::fitting(&format!("{title}{:gap$}{clock}", ""), columns).to_owned()
}

fn faint(text: &str, palette: Palette, columns: usize) -> String {
    palette.paint(Role::Faint, table::fitting(text, columns))
}

/// What is done, and how much of it.
fn described(sample: &Sample, rate: Option<u64>) -> (&'static str, String) {
    let word = match sample.work {
        Work::Listing => "listing",
        Work::Hashing => "hashing",
        Work::Verifying => "checking",
        Work::Reading => "reading",
        Work::Writing => "writing",
        Work::Expanding => "expanding",
        Work::Unpacking => "unpacking",
        Work::Comparing => "comparing",
        Work::Surveying => "looking through",
        Work::Downloading => "pulling",
        Work::Uploading => "pushing",
        Work::Removing => "removing",
        Work::Waiting => "waiting",
    };
    let numbers = match sample.work.unit() {
        Unit::Bytes => {
            let total = sample.total.map(|total| format!(" of {}", units::size(total))).unwrap_or_default();
            let rate = rate.map(|rate| format!("  {}/s", units::size(rate))).unwrap_or_default();
            format!("{}{total}{rate}", units::size(sample.done))
        }
        Unit::Files => units::count(sample.done, "file"),
        Unit::Nothing => "for another layerlab".to_owned(),
    };
    (word, numbers)
}

/// How fast something goes, from samples of it.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    work: Option<Work>,
    seen: VecDeque<(Duration, u64)>,
}

impl Rate {
    /// Takes a sample, and gives how much was done each second of late. `None`: it has only begun.
    pub(crate) fn observe(&mut self, now: Duration, sample: &Sample) -> Option<u64> {
        let is_another = self.seen.back().is_some_and(|(_, done)| *done > sample.done);
        if self.work != Some(sample.work) || is_another {
            self.work = Some(sample.work);
            self.seen.clear();
        }
        self.seen.push_back((now, sample.done));
        while self.seen.len() > 2 && now.saturating_sub(self.seen[1].0) >= WINDOW {
            self.seen.pop_front();
        }
        let (begun, before) = *self.seen.front()?;
        let seconds = now.saturating_sub(begun).as_secs_f64();
        (seconds > 0.3).then(|| ((sample.done - before) as f64 / seconds) as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Moment, Rate, Scene, frame};
    use crate::progress::{Sample, Work};
    use crate::view::palette::Palette;
    use crate::view::table::visible_width;

    fn moment(work: Option<(Sample, Option<u64>)>) -> Moment {
        Moment { elapsed: Duration::from_millis(3240), work, is_stopping: false }
    }

    #[test]
    fn a_step_with_what_is_counted() {
        let scene = Scene::Step { title: "[stage-0 2/4] COPY . /app".into(), tail: Vec::new() };
        let sample = Sample { work: Work::Writing, done: 412_300_000, total: Some(1_000_000_000) };
        let lines = frame(&scene, &moment(Some((sample, Some(129_400_000)))), Palette::PLAIN, 50, 24);
        assert_eq!(
            lines,
            [" => [stage-0 2/4] COPY . /app               3.2 s", "    writing 412.3 MB of 1.0 GB  129.4 MB/s"]
        );
        let lines = frame(&Scene::Below, &moment(None), Palette::PLAIN, 50, 24);
        assert_eq!(lines, ["      running   3.2 s"]);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let tail = vec!["日本語 ".repeat(40), "\x1b[31mx\ty\r".repeat(30), String::new()];
        let scene = Scene::Step { title: format!("[stage-0 2/4] RUN echo {}", "日本語".repeat(30)), tail };
        for columns in 1..120 {
            for rows in 0..6 {
                let lines = frame(&scene, &moment(None), Palette::PLAIN, columns, rows);
                assert!(lines.iter().all(|line| visible_width(line) < columns.max(2)), "{columns}: {lines:?}");
                assert!(lines.len() <= rows.saturating_sub(1).max(1));
                assert!(!lines.concat().contains(['\x1b', '\r', '\t']));
            }
        }
    }

    #[test]
    fn a_rate_is_that_of_the_last_seconds() {
        let mut rate = Rate::default();
        let mut rates = Vec::new();
        for tick in 0..60_u64 {
            // A thousand a second for three seconds, and then nothing.
            let sample = Sample { work: Work::Writing, done: tick.min(30) * 100, total: None };
            rates.push(rate.observe(Duration::from_millis(tick * 100), &sample));
        }
        assert_eq!((rates[0], rates[20], rates[59]), (None, Some(1000), Some(0)));
        let other = Sample { work: Work::Hashing, done: 5, total: None };
        assert_eq!(rate.observe(Duration::from_secs(6), &other), None);
    }
}
