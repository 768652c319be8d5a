//! The Dockerfile, line by line; where a step begins, a link leads to it.

use std::collections::BTreeMap;

use super::page::section;
use super::{Report, Verdict};
use crate::view::html::Html;
use crate::view::units::count;

/// How many lines are shown above and below a step that failed, where not all are.
const AROUND: usize = 4;

impl Report<'_> {
    pub(super) fn dockerfile(&self, html: &mut Html) {
        let text = self.review.dockerfile.text.trim_start_matches('\u{feff}');
        let starts = self.starts();
        section(html, "dockerfile", "Dockerfile", |html| {
            html.element("p", &[("class", "about")], |html| {
                html.leaf("code", &[], &self.review.dockerfile.name);
                html.text(": each number on the left leads to the step of that line.");
            });
            html.element("ol", &[("class", "source")], |html| {
                let mut left_out = 0;
                for (number, line) in (1..).zip(text.lines()) {
                    if !self.has_line(number) {
                        left_out += 1;
                        continue;
                    }
                    more_lines(html, std::mem::take(&mut left_out));
                    let value = number.to_string();
                    html.element("li", &[("id", &format!("line-{number}")), ("value", &value)], |html| {
                        html.element("span", &[("class", "steps")], |html| {
                            for (step, verdict) in starts.get(&number).into_iter().flatten() {
                                link(html, *step, verdict);
                            }
                        });
                        html.leaf_within("code", &[], line, self.room.line);
                    });
                }
                more_lines(html, left_out);
            });
        });
    }

    /// Whether a line is shown: one of the first, or where the build failed.
    pub(super) fn has_line(&self, number: usize) -> bool {
        let is_near = |(first, _): (usize, usize)| (first.saturating_sub(AROUND)..=first + AROUND).contains(&number);
        number <= self.room.lines || self.failed().is_some_and(|step| is_near(step.step.lines))
    }

    /// The steps that begin on a line.
    fn starts(&self) -> BTreeMap<usize, Vec<(usize, &Verdict)>> {
        let mut starts: BTreeMap<usize, Vec<(usize, &Verdict)>> = BTreeMap::new();
        for (step, verdict) in self.shown() {
            starts.entry(step.step.lines.0).or_default().push((step.step.number, verdict));
        }
        starts
    }
}

fn link(html: &mut Html, step: usize, verdict: &Verdict) {
    let look = verdict.kind.look();
    let (place, class) = (format!("#step-{step}"), format!("badge {}", look.class));
    html.element("a", &[("href", &place), ("class", &class)], |html| {
        html.text(&format!("{} {step}", look.symbol));
        html.leaf("span", &[("class", "unseen")], &format!(" {}", look.word));
    });
}

fn more_lines(html: &mut Html, left_out: usize) {
    if left_out > 0 {
        html.leaf("li", &[("class", "more")], &format!("{} left out", count(left_out as u64, "line")));
    }
}
