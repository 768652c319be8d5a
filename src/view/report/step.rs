//! A step and the state after it: what was decided and why, what it did to the files and to the configuration, what it printed.

use super::notes::StepNotes;
use super::page::{fact, link_to_step, more, section};
use super::tables::table;
use super::timeline::{badge, one_line};
use super::verdict::{Kind, Verdict};
use super::{Report, setup};
use crate::debugger::{Outcome, Reviewed};
use crate::machine::ConfigChange;
use crate::view::debugger::shorten;
use crate::view::html::Html;
use crate::view::table::shortened;
use crate::view::units::{count, size, time};

/// The most characters of an instruction as a heading, and of one that is shown whole.
const HEADING: usize = 300;
const INSTRUCTION: usize = 2000;

impl Report<'_> {
    pub(super) fn steps(&self, html: &mut Html) {
        section(html, "steps", "Steps and states", |html| {
            html.leaf(
                "p",
                &[("class", "about")],
                "A build is a list of states: each step takes one and gives the next. Here is what each step did, and the files after it.",
            );
            self.slider(html);
            let shown: Vec<(usize, &Reviewed)> = self.shown().collect();
            for (place, (index, step)) in shown.iter().enumerate() {
                if place > 0 && shown[place - 1].0 + 1 < *index {
                    let text = format!("{} are left out here", count(self.unshown() as u64, "step"));
                    html.leaf("p", &[("class", "more")], &text);
                }
                self.step(html, step, &self.verdicts[*index]);
            }
        });
    }

    /// What shows one state at a time; the script makes it appear.
    fn slider(&self, html: &mut Html) {
        html.element("div", &[("class", "slider"), ("id", "slider"), ("hidden", "")], |html| {
            let button = |html: &mut Html, id: &str, label: &str, text: &str| {
                html.element("button", &[("type", "button"), ("id", id), ("aria-label", label)], |html| {
                    html.text(text)
                });
            };
            button(html, "back", "Previous step", "←");
            html.element("label", &[("for", "at")], |html| {
                html.leaf("span", &[("class", "unseen")], "Step");
                html.element("output", &[("id", "where"), ("for", "at")], |_| {});
            });
            let last = self.shown().count().to_string();
            html.void("input", &[("type", "range"), ("id", "at"), ("min", "1"), ("max", &last), ("value", "1")]);
            button(html, "forward", "Next step", "→");
            html.element("button", &[("type", "button"), ("id", "all"), ("aria-pressed", "false")], |html| {
                html.text("Show all");
            });
        });
    }

    fn step(&self, html: &mut Html, step: &Reviewed, verdict: &Verdict) {
        let number = step.step.number;
        let (id, heading) = (format!("step-{number}"), format!("step-{number}-title"));
        let class = format!("step {}", verdict.kind.class());
        html.element("article", &[("id", &id), ("class", &class), ("aria-labelledby", &heading)], |html| {
            html.element("p", &[("class", "over")], |html| self.place(html, step));
            html.element("h3", &[("id", &heading)], |html| {
                html.leaf("code", &[], &one_line(&step.step.instruction, HEADING.min(2 * self.room.value)));
            });
            html.element("p", &[("class", "verdict")], |html| {
                badge(html, verdict.kind);
                html.text(&format!(" {}", verdict.reason));
            });
            self.whole_instruction(html, step);
            let noted = self.notes.of(&step.step);
            // What was noted of a step that is to be taken again is about another time.
            let noted = noted.filter(|_| verdict.kind != Kind::NotReached);
            if let Some(failure) = noted.and_then(|noted| noted.failure.as_ref()) {
                html.element("pre", &[("class", "message"), ("tabindex", "0"), ("aria-label", "Message")], |html| {
                    html.lines(&self.without_home(&failure.message));
                });
                if let Some(before) = self.step_before(step) {
                    html.element("p", &[("class", "more")], |html| {
                        html.text("Nothing of this step was kept. It began with the state after ");
                        link_to_step(html, before, &format!("step {before}"));
                        html.text(".");
                    });
                }
            }
            if let Some(taken) = &step.taken {
                html.element("dl", &[("class", "facts")], |html| self.facts_of(html, number, taken));
                self.files(html, taken);
                self.config(html, taken);
            }
            if let Some(noted) = noted {
                self.remarks_of(html, noted);
                self.printed(html, noted);
            }
            if verdict.kind == Kind::Hit && step.step.keyword == "RUN" {
                html.leaf("h4", &[], "Output");
                html.leaf(
                    "p",
                    &[("class", "more")],
                    "The result came from the cache: the command did not run this time.",
                );
            }
            self.inputs(html, step, noted);
            if let Some(container) = noted.and_then(|noted| noted.container.as_ref()) {
                setup::show(html, self, number, container);
            }
        });
    }

    /// Where a step stands.
    fn place(&self, html: &mut Html, step: &Reviewed) {
        let label = &step.step;
        html.text(&format!("Step {} of {} · stage ", label.number, self.review.steps.len()));
        html.leaf("code", &[], &shortened(&label.stage, self.room.value));
        html.text(" · ");
        let (first, last) = label.lines;
        let lines = if first == last { format!("line {first}") } else { format!("lines {first}–{last}") };
        if first <= self.room.lines {
            html.leaf("a", &[("href", &format!("#line-{first}"))], &lines);
        } else {
            html.text(&lines);
        }
        if label.trigger {
            html.text(", an ONBUILD of the base image");
        }
    }

    /// The instruction after expansion, and all of one that is long.
    fn whole_instruction(&self, html: &mut Html, step: &Reviewed) {
        let label = &step.step;
        if let Some(expanded) = label.expanded.as_ref().filter(|expanded| **expanded != label.instruction) {
            html.element("p", &[("class", "expanded")], |html| {
                html.text("with variables expanded: ");
                html.leaf("code", &[], &shortened(expanded, INSTRUCTION.min(self.room.output)));
            });
        } else if one_line(&label.instruction, HEADING).ends_with('…') {
            html.element("p", &[("class", "expanded")], |html| {
                html.leaf("code", &[], &shortened(&label.instruction, INSTRUCTION.min(self.room.output)));
            });
        }
    }

    fn config(&self, html: &mut Html, taken: &Outcome) {
        if taken.config.is_empty() {
            return;
        }
        html.leaf("h4", &[], "Configuration");
        table(html, "changes", "Changed settings", &["Setting", "Before", "After"], |html| {
            for ConfigChange { field, values } in taken.config.iter().take(self.room.rows) {
                let text = |value: Option<&_>| value.map(ToString::to_string);
                self.change(html, field, text(values.before()), text(values.after()));
            }
        });
        more(html, "p", taken.config.len().saturating_sub(self.room.rows), "changed setting");
    }

    /// A row of something that was and is.
    pub(super) fn change(&self, html: &mut Html, name: &str, before: Option<String>, after: Option<String>) {
        html.element("tr", &[], |html| {
            html.leaf("th", &[("scope", "row")], &shortened(name, self.room.value));
            for (element, value) in [("del", before), ("ins", after)] {
                html.element("td", &[], |html| match value {
                    Some(value) => html.leaf(element, &[], &shortened(&shorten(&value), self.room.value)),
                    None => html.leaf("span", &[("class", "none")], "none"),
                });
            }
        });
    }

    fn remarks_of(&self, html: &mut Html, noted: &StepNotes) {
        if !noted.remarks.is_empty() {
            html.element("ul", &[("class", "remarks")], |html| {
                noted.remarks.iter().for_each(|remark| html.leaf("li", &[], &shortened(remark, 2 * self.room.value)));
            });
        }
    }

    fn printed(&self, html: &mut Html, noted: &StepNotes) {
        let Some(status) = noted.status else { return };
        html.leaf("h4", &[], "Output");
        if noted.printed.is_empty() {
            html.leaf("p", &[("class", "more")], "The command printed nothing.");
        } else {
            let (head, tail) = noted.printed.parts(self.room.output);
            html.element("pre", &[("class", "printed"), ("tabindex", "0"), ("aria-label", "Output")], |html| {
                html.lines(head);
                if let Some((cut, tail)) = tail {
                    if cut > 0 {
                        let text = format!("\n… {} left out …\n", count(cut as u64, "byte"));
                        html.element("b", &[("class", "cut")], |html| html.lines(&text));
                    }
                    html.lines(tail);
                }
            });
        }
        if status > 0 {
            html.leaf("p", &[("class", "more")], &format!("It ended with status {status}."));
        }
    }

    fn facts_of(&self, html: &mut Html, number: usize, taken: &Outcome) {
        let before = self.before(number).filter(|(_, spent)| *spent != taken.milliseconds);
        let before = before.map(|(build, spent)| format!(" (build {build}: {})", time(spent)));
        let text = format!("{}{}", time(taken.milliseconds), before.unwrap_or_default());
        fact(html, "Time", |html| html.text(&text));
        let layer = taken.layer.as_ref();
        let text = layer.map_or_else(|| "none: no file changed".to_owned(), |layer| size(layer.descriptor.size));
        fact(html, "Layer", |html| html.text(&text));
        fact(html, "All layers", |html| html.text(&size(taken.bytes)));
        fact(html, "State", |html| html.leaf("code", &[], &taken.state.short()));
        if let Some(layer) = layer {
            fact(html, "Digest of the layer", |html| {
                html.leaf("code", &[("class", "digest")], &layer.diff_id.to_string())
            });
        }
    }
}
