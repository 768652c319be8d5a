//! A build as a time line, beside the build before it: each step begins where the one above it ended.
//!
//! ```text
//! STEP                 █ BUILD 4: 3.1 s   ░ BUILD 3: 5.0 s
//!   2 COPY src /src    ██                       0.9 s  ran
//!                      ░░░                      1.2 s  ran
//!   3 RUN make           ████████               2.2 s  ran
//! ```

use super::{Layout, fitted, padded};
use crate::cache::Outcome;
use crate::machine::{Spent, Timed, Times};
use crate::view::units::time;

/// How wide a time with its word is.
const TIME: usize = 20;

/// The steps of a build, each with the time that it took now, and below it the time that it took before.
pub(crate) fn times(layout: &Layout, times: &Times) -> String {
    let now: u64 = times.steps.iter().map(|step| step.now.milliseconds).sum();
    let before: u64 = times.steps.iter().filter_map(|step| step.before).map(|spent| spent.milliseconds).sum();
    let step = (layout.columns() / 3).min(50);
    let line = Line { step, width: layout.columns() - step - TIME - 3, whole: now.max(before).max(1) };
    let mut header = format!("█ BUILD {}: {}", times.build, time(now));
    header.extend(times.before.map(|number| format!("   ░ BUILD {number}: {}", time(before))));
    let mut text = layout.hang(&padded("STEP", step + 1), &header);
    let mut starts = Starts::default();
    text.extend(times.steps.iter().map(|step| line.step(step, &mut starts)));
    text
}

/// When a step began in either build, in milliseconds since its beginning.
#[derive(Default)]
struct Starts {
    now: u64,
    before: u64,
}

/// Where bars stand.
struct Line {
    step: usize,
    width: usize,
    /// The milliseconds of the whole width.
    whole: u64,
}

impl Line {
    fn step(&self, timed: &Timed, starts: &mut Starts) -> String {
        let name = format!("{:>3} {}", timed.number, fitted(&timed.instruction, self.step - 4));
        let mut rows = self.row(&name, '█', starts.now, timed.now);
        starts.now += timed.now.milliseconds;
        if let Some(spent) = timed.before {
            rows.push_str(&self.row("", '░', starts.before, spent));
            starts.before += spent.milliseconds;
        }
        rows
    }

    fn row(&self, name: &str, mark: char, start: u64, spent: Spent) -> String {
        let from = self.cells(start).min(self.width - 1);
        let cells = (self.cells(start + spent.milliseconds) - self.cells(start)).max(1).min(self.width - from);
        let bar = format!("{}{}", " ".repeat(from), mark.to_string().repeat(cells));
        let word = match spent.outcome {
            Outcome::Ran => "ran",
            Outcome::Cached => "hit",
            Outcome::Failed => "failed",
        };
        format!("{} {} {:>12}  {word}\n", padded(name, self.step), padded(&bar, self.width), time(spent.milliseconds))
    }

    fn cells(&self, milliseconds: u64) -> usize {
        (u128::from(milliseconds) * self.width as u128 / u128::from(self.whole)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::{Layout, times};
    use crate::cache::Outcome;
    use crate::machine::{Spent, Timed, Times};
    use crate::view::palette::Palette;
    use crate::view::screen::Width;
    use crate::view::table::visible_width;
    use crate::world::Clock;

    fn timed(number: usize, instruction: &str, now: u64, before: Option<u64>) -> Timed {
        let spent = |milliseconds| Spent {
            milliseconds,
            outcome: if milliseconds < 5 { Outcome::Cached } else { Outcome::Ran },
        };
        Timed { number, instruction: instruction.into(), now: spent(now), before: before.map(spent) }
    }

    fn shown(columns: usize) -> String {
        let steps = vec![
            timed(1, "FROM base", 20, Some(30)),
            timed(2, "COPY 名前 /src", 2, Some(1200)),
            timed(3, "RUN make && make install && echo a\x1b[2J rather long line", 72_000, Some(30_000)),
            timed(4, "RUN new", 9_000, None),
        ];
        let layout = Layout::new(Palette::PLAIN, &Clock::stopped(0), Width::Terminal(columns));
        times(&layout, &Times { build: 4, before: Some(3), steps })
    }

    #[test]
    fn steps_follow_one_another_in_both_builds() {
        // The book shows that of 80 columns.
        for columns in [60, 80, 130] {
            insta::assert_snapshot!(format!("times_{columns}"), shown(columns));
        }
    }

    #[test]
    fn no_row_is_wider_than_the_terminal() {
        for columns in 60..=200 {
            let text = shown(columns);
            assert!(text.lines().all(|line| visible_width(line) <= columns), "{columns}\n{text}");
            assert!(!text.contains('\x1b'));
        }
    }
}
