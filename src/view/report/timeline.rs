//! The steps one after another: what became of each, when, how long it took and what it added; by stage.

use super::Report;
use super::bars::{bar, thousandths};
use super::page::{link_to_step, section};
use super::verdict::{Kind, Verdict};
use crate::debugger::Reviewed;
use crate::view::html::{Attributes, Html};
use crate::view::table::shortened;
use crate::view::units::{count, size, time};

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
            html.element("p", &[("class", "legend")], |html| {
                for kind in [Kind::Base, Kind::Hit, Kind::Miss] {
                    html.element("span", &[], |html| {
                        badge(html, kind);
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
            if self.unshown() > 0 {
                let text = format!("{} between them are left out.", count(self.unshown() as u64, "step"));
                html.leaf("p", &[("class", "more")], &text);
            }
        });
    }

    fn stages(&self, html: &mut Html) {
        let steps: Vec<(usize, &Reviewed)> = self.shown().collect();
        let whole = self.whole();
        let largest = steps.iter().filter_map(|(_, step)| bytes(step)).max().unwrap_or(0);
        for stage in steps.chunk_by(|(_, one), (_, next)| one.step.stage == next.step.stage) {
            html.element("tbody", &[("role", "rowgroup")], |html| {
                if let Some((_, first)) = stage.first() {
                    html.element("tr", &[("role", "row"), ("class", "stage")], |html| {
                        let attributes = [("role", "rowheader"), ("scope", "rowgroup"), ("colspan", "5")];
                        html.element("th", &attributes, |html| {
                            html.text("Stage ");
                            html.leaf("code", &[], &shortened(&first.step.stage, INSTRUCTION));
                        });
                    });
                }
                for (index, step) in stage {
                    html.element("tr", &[("role", "row")], |html| {
                        self.row(html, (step, &self.verdicts[*index]), whole, largest)
                    });
                }
            });
        }
    }

    fn row(&self, html: &mut Html, (step, verdict): (&Reviewed, &Verdict), whole: u64, largest: u64) {
        let number = step.step.number;
        let spent = self.spent(number);
        html.element("td", &[("class", "n"), ("role", "cell")], |html| link_to_step(html, number, &number.to_string()));
        html.element("td", &[("class", "i"), ("role", "cell")], |html| {
            html.leaf("code", &[], &one_line(&step.step.instruction, INSTRUCTION));
            let part = spent.map(|spent| {
                let (start, length) = (thousandths(spent.start, whole), thousandths(spent.milliseconds, whole));
                (verdict.kind.class(), start, length)
            });
            bar(html, part.as_slice());
        });
        html.element("td", &[("class", "v"), ("role", "cell")], |html| badge(html, verdict.kind));
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

/// What became of a step, in a symbol and a word.
pub(super) fn badge(html: &mut Html, kind: Kind) {
    let class = format!("badge {}", kind.class());
    html.leaf("b", &[("class", &class)], &format!("{} {}", kind.symbol(), kind.word()));
}

/// An instruction on one line.
pub(super) fn one_line(text: &str, most: usize) -> String {
    shortened(&text.split_whitespace().collect::<Vec<_>>().join(" "), most)
}

fn cell(html: &mut Html, name: &'static str, attributes: Attributes<'_>, text: &str) {
    html.leaf(name, attributes, text);
}
