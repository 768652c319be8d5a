//! The steps one after another: what became of each, when, how long it took and what it added; by stage.

use super::Report;
use super::badges::badge;
use super::bars::{bar, thousandths};
use super::page::section;
use super::verdict::{Kind, Verdict};
use crate::debugger::Reviewed;
use crate::view::html::{Attributes, Html};
use crate::view::units::{count, misses, size, time};

/// The most characters of an instruction in a row.
const INSTRUCTION: usize = 100;

impl Report<'_> {
    pub(super) fn timeline(&self, html: &mut Html) {
        section(html, "timeline", "Timeline", |html| {
            html.leaf(
                "p",
                &[("class", "about")],
                "Each step begins where the one above it ended. Its number leads to it.",
            );
            let (shown, all) = (self.shown().count(), self.review.steps.len());
            if shown < all {
                let failed = self.failed().map_or("", |_| "the one that failed, ");
                let text = format!(
                    "{shown} of {all} steps are shown: {failed}the first, the last, those with the largest layers, then what was carried out \
                     before what came from the cache."
                );
                html.leaf("p", &[("class", "about")], &text);
            }
            html.element("p", &[("class", "legend")], |html| {
                let is_there = |kind: &Kind| self.verdicts.iter().any(|verdict| verdict.kind == *kind);
                for kind in Kind::ALL.into_iter().filter(is_there) {
                    html.element("span", &[], |html| {
                        badge(html, kind.look());
                        html.text(&format!(" {}", kind.meaning()));
                    });
                }
            });
            // A narrow page shows rows as blocks, which would take the meaning of a table from them: so it is said again.
            html.element("table", &[("class", "timeline"), ("role", "table")], |html| {
                html.element("thead", &[("role", "rowgroup")], |html| {
                    html.element("tr", &[("role", "row")], |html| {
                        for (class, title) in
                            [("n", "Step"), ("i", "Instruction"), ("v", "Cache"), ("t", "Time"), ("z", "Layer")]
                        {
                            cell(html, "th", &[("class", class), ("role", "columnheader"), ("scope", "col")], title);
                        }
                    });
                });
                self.stages(html);
            });
        });
    }

    fn stages(&self, html: &mut Html) {
        let whole = self.whole();
        let largest = self.review.steps.iter().filter_map(bytes).max().unwrap_or(0);
        let shown: Vec<(&Reviewed, &Verdict)> = self.shown().collect();
        let belong_together = |(one, _): &(&Reviewed, &Verdict), (next, _): &(&Reviewed, &Verdict)| {
            one.step.stage == next.step.stage && one.step.number + 1 == next.step.number
        };
        let mut before = 0;
        for steps in shown.chunk_by(belong_together) {
            let [(first, _), ..] = steps else { continue };
            self.gap(html, before, first.step.number);
            html.element("tbody", &[("role", "rowgroup")], |html| {
                html.element("tr", &[("role", "row"), ("class", "stage")], |html| {
                    html.element("th", &[("role", "rowheader"), ("scope", "rowgroup"), ("colspan", "5")], |html| {
                        html.text("Stage ");
                        html.leaf_within("code", &[], &first.step.stage, INSTRUCTION.min(self.room.most.value));
                    });
                });
                for step in steps {
                    html.element("tr", &[("role", "row")], |html| self.row(html, *step, whole, largest));
                }
            });
            before = steps.last().map_or(before, |(last, _)| last.step.number);
        }
        self.gap(html, before, self.review.steps.len() + 1);
    }

    /// What is left out between two steps.
    fn gap(&self, html: &mut Html, before: usize, after: usize) {
        let Some(text) = self.left_out(before, after) else { return };
        html.element("tbody", &[("role", "rowgroup")], |html| {
            html.element("tr", &[("role", "row"), ("class", "gap")], |html| {
                cell(html, "td", &[("role", "cell"), ("colspan", "5")], &text);
            });
        });
    }

    /// `Steps 5–41 left out: 20 hits, 17 misses, 3.2 s, layers of 1.2 MB`; `None` where nothing is.
    pub(super) fn left_out(&self, before: usize, after: usize) -> Option<String> {
        let steps = match (before + 1, after - 1) {
            (first, last) if first > last => return None,
            (first, last) if first == last => format!("Step {first}"),
            (first, last) => format!("Steps {first}–{last}"),
        };
        let inside = before..after - 1;
        let of = |kind: Kind| self.verdicts[inside.clone()].iter().filter(|verdict| verdict.kind == kind).count();
        let spent = inside.clone().filter_map(|index| self.spent(index + 1)).map(|spent| spent.milliseconds).sum();
        let layers = self.review.steps[inside.clone()].iter().filter_map(bytes).sum();
        let facts = [
            (of(Kind::Base) as u64, format!("{} base", of(Kind::Base))),
            (of(Kind::Hit) as u64, count(of(Kind::Hit) as u64, "hit")),
            (of(Kind::Miss) as u64, misses(of(Kind::Miss))),
            (of(Kind::NotReached) as u64, format!("{} not reached", of(Kind::NotReached))),
            (spent, time(spent)),
            (layers, format!("layers of {}", size(layers))),
        ];
        let facts: Vec<String> = facts.into_iter().filter(|(number, _)| *number > 0).map(|(_, fact)| fact).collect();
        Some(format!("{steps} left out: {}", facts.join(", ")))
    }

    fn row(&self, html: &mut Html, (step, verdict): (&Reviewed, &Verdict), whole: u64, largest: u64) {
        let number = step.step.number;
        let spent = self.spent(number);
        html.element("td", &[("class", "n"), ("role", "cell")], |html| {
            self.link_to_step(html, number, &number.to_string())
        });
        html.element("td", &[("class", "i"), ("role", "cell")], |html| {
            html.leaf_within("code", &[], &one_line(&step.step.instruction), INSTRUCTION.min(self.room.most.value));
            let part = spent.map(|spent| {
                let (start, length) = (thousandths(spent.start, whole), thousandths(spent.milliseconds, whole));
                (verdict.kind.look().class, start, length)
            });
            bar(html, part.as_slice());
        });
        html.element("td", &[("class", "v"), ("role", "cell")], |html| badge(html, verdict.kind.look()));
        let spent = spent.map_or_else(|| "—".to_owned(), |spent| time(spent.milliseconds));
        cell(html, "td", &[("class", "t"), ("role", "cell")], &spent);
        html.element("td", &[("class", "z"), ("role", "cell")], |html| match bytes(step) {
            Some(bytes) => {
                html.text(&size(bytes));
                bar(html, &[("size", 0, thousandths(bytes, largest))]);
            }
            None => html.text("—"),
        });
    }
}

/// The bytes of a step's layer.
fn bytes(step: &Reviewed) -> Option<u64> {
    Some(step.taken.as_ref()?.layer.as_ref()?.descriptor.size)
}

/// An instruction on one line.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cell(html: &mut Html, name: &'static str, attributes: Attributes<'_>, text: &str) {
    html.leaf(name, attributes, text);
}
