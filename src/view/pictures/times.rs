//! A build as a time line, beside the build before it: each step begins where the one above it ended.
//!
//! ```text
//! STEP                 █ BUILD 4's steps: 3.10 s   ░ BUILD 3's: 1.20 s
//!   2 COPY src /src    ███                     900 ms  done
//!                      ░░░░                    1.20 s  done
//!   3 RUN make            ███████              2.20 s  done
//! ```

use super::{Layout, fitted, padded};
use crate::cache::Outcome;
use crate::machine::{Spent, Sum, Timed, Times};
use crate::view::table::visible_width;
use crate::view::units::time;

/// How wide a time with its word is.
const TIME: usize = 20;

/// The steps of a build, each with the time that it took now, and below it the time that it took before.
pub(crate) fn times(layout: &Layout, times: &Times) -> String {
    let longest = times.build.milliseconds.max(times.before.map_or(0, |sum| sum.milliseconds));
    let step = (layout.columns() / 3).min(50);
    let line = Line { step, width: layout.columns() - step - TIME - 3, whole: longest.max(1) };
    // The whole build takes longer: it also reads the context and writes the image.
    let sum = |mark: char, Sum { build, milliseconds }: Sum, of: &str| {
        format!("{mark} BUILD {build}'s{of}: {}", time(milliseconds))
    };
    let now = sum('█', times.build, " steps");
    let header = match times.before.map(|before| sum('░', before, "")) {
        None => vec![now],
        Some(before) => match format!("{now}   {before}") {
            both if step + 1 + visible_width(&both) <= layout.columns() => vec![both],
            _ => vec![now, before],
        },
    };
    let labels = ["STEP", ""].map(|label| padded(label, step + 1));
    let mut text: String = labels.iter().zip(&header).map(|(label, part)| layout.hang(label, part)).collect();
    text.extend(times.steps.iter().map(|timed| line.step(timed)));
    text
}

/// Where bars stand.
struct Line {
    step: usize,
    width: usize,
    /// The milliseconds of the whole width.
    whole: u64,
}

impl Line {
    fn step(&self, timed: &Timed) -> String {
        let name = format!("{:>3} {}", timed.number, fitted(&timed.instruction, self.step - 4));
        let mut rows = self.row(&name, '█', timed.now);
        rows.extend(timed.before.map(|spent| self.row("", '░', spent)));
        rows
    }

    fn row(&self, name: &str, mark: char, spent: Spent) -> String {
        let start = self.cells(spent.start);
        let from = start.min(self.width - 1);
        let cells = (self.cells(spent.start + spent.milliseconds) - start).max(1).min(self.width - from);
        let bar = format!("{}{}", " ".repeat(from), mark.to_string().repeat(cells));
        let word = match spent.outcome {
            Some(Outcome::Ran) => "done",
            Some(Outcome::Cached) => "hit",
            Some(Outcome::Failed) => "failed",
            None => "—",
        };
        format!("{} {} {:>12}  {word}\n", padded(name, self.step), padded(&bar, self.width), time(spent.milliseconds))
    }

    fn cells(&self, milliseconds: u64) -> usize {
        (u128::from(milliseconds) * self.width as u128 / u128::from(self.whole)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::Layout;
    use crate::cache::Outcome;
    use crate::machine::{Spent, Sum, Timed, Times};
    use crate::view::palette::Palette;
    use crate::view::screen::Width;
    use crate::view::table::visible_width;
    use crate::world::Clock;

    fn spent(start: u64, milliseconds: u64, outcome: Option<Outcome>) -> Spent {
        Spent { start, milliseconds, outcome }
    }

    fn shown(columns: usize) -> String {
        let (ran, hit) = (Some(Outcome::Ran), Some(Outcome::Cached));
        let steps = [
            ("FROM base", spent(0, 20, None), Some(spent(0, 30, None))),
            ("COPY 名前 /src", spent(20, 2, hit), Some(spent(30, 1_200, ran))),
            // Between these two, the build before had a step that is there no more.
            (
                "RUN make && make install && echo a\x1b[2J rather long line",
                spent(22, 72_000, ran),
                Some(spent(5_230, 30_000, ran)),
            ),
            ("RUN new", spent(72_022, 9_000, ran), None),
        ];
        let steps = (1..).zip(steps).map(|(number, (instruction, now, before))| Timed {
            number,
            instruction: instruction.into(),
            now,
            before,
        });
        let times = Times {
            build: Sum { build: 4, milliseconds: 81_022 },
            before: Some(Sum { build: 3, milliseconds: 35_230 }),
            steps: steps.collect(),
        };
        super::times(&Layout::new(Palette::PLAIN, &Clock::stopped(0), Width::Terminal(columns)), &times)
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
