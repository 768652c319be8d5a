//! The Dockerfile, line by line; where a step begins, a link leads to it.

use std::collections::BTreeMap;

use super::page::section;
use super::{Report, Verdict};
use crate::view::html::Html;
use crate::view::table::shortened;
use crate::view::units::count;

/// The most cells of a line.
const LINE: usize = 400;

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
                for (index, line) in text.lines().take(self.room.lines).enumerate() {
                    let number = index + 1;
                    html.element("li", &[("id", &format!("line-{number}"))], |html| {
                        html.element("span", &[("class", "steps")], |html| {
                            for (step, verdict) in starts.get(&number).into_iter().flatten() {
                                link(html, *step, verdict);
                            }
                        });
                        html.leaf("code", &[], &shortened(line, LINE));
                    });
                }
            });
            let more = text.lines().count().saturating_sub(self.room.lines);
            if more > 0 {
                html.leaf("p", &[("class", "more")], &format!("and {}", count(more as u64, "more line")));
            }
        });
    }

    /// The steps that begin on a line.
    fn starts(&self) -> BTreeMap<usize, Vec<(usize, &Verdict)>> {
        let mut starts: BTreeMap<usize, Vec<(usize, &Verdict)>> = BTreeMap::new();
        for (index, step) in self.shown() {
            starts.entry(step.step.lines.0).or_default().push((step.step.number, &self.verdicts[index]));
        }
        starts
    }
}

fn link(html: &mut Html, step: usize, verdict: &Verdict) {
    let (place, class) = (format!("#step-{step}"), format!("badge {}", verdict.kind.class()));
    html.element("a", &[("href", &place), ("class", &class)], |html| {
        html.text(&format!("{} {step}", verdict.kind.symbol()));
        html.leaf("span", &[("class", "unseen")], &format!(" {}", verdict.kind.word()));
    });
}
