//! A step and the state after it: what was decided and why, what it did to the files and to the configuration, what it printed.

use unicode_width::UnicodeWidthStr as _;

use super::Report;
use super::badges::badge;
use super::notes::StepNotes;
use super::page::{fact, more, section};
use super::room::{Detail, IMPORTANT};
use super::tables::table;
use super::timeline::one_line;
use super::verdict::{Kind, Verdict};
use crate::debugger::{Outcome, Reviewed};
use crate::machine::ConfigChange;
use crate::view::debugger::shorten;
use crate::view::html::Html;
use crate::view::units::{count, size, time};

/// The most cells of an instruction as a heading.
const HEADING: usize = 300;

/// The part of the page about one step.
pub(super) struct StepPart<'r> {
    pub(super) report: &'r Report<'r>,
    pub(super) step: &'r Reviewed,
    verdict: &'r Verdict,
    /// What was noted of it, this time.
    pub(super) noted: Option<&'r StepNotes>,
    pub(super) detail: Detail,
}

impl Report<'_> {
    pub(super) fn steps(&self, html: &mut Html) {
        section(html, "steps", "Steps and states", |html| {
            html.leaf(
                "p",
                &[("class", "about")],
                "A build is a list of states: each step takes one and gives the next. Here is what each step did, and the files after it.",
            );
            self.slider(html);
            let mut before = 0;
            for (step, verdict) in self.shown() {
                let number = step.step.number;
                self.gap_of_states(html, before, number);
                // What was noted of a step that is to be taken again is about another time.
                let noted = self.notes.of(&step.step).filter(|_| verdict.kind != Kind::NotReached);
                let detail = if step.rank < IMPORTANT { self.room.most } else { self.room.usual };
                StepPart { report: self, step, verdict, noted, detail }.show(html);
                before = number;
            }
            self.gap_of_states(html, before, self.review.steps.len() + 1);
        });
    }

    fn gap_of_states(&self, html: &mut Html, before: usize, after: usize) {
        if let Some(text) = self.left_out(before, after) {
            html.leaf("p", &[("class", "more gap")], &text);
        }
    }

    /// What shows one state at a time; the script makes it appear.
    fn slider(&self, html: &mut Html) {
        let total = self.review.steps.len().to_string();
        let attributes = [("class", "slider"), ("id", "slider"), ("data-total", total.as_str()), ("hidden", "")];
        html.element("div", &attributes, |html| {
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
}

impl StepPart<'_> {
    fn show(&self, html: &mut Html) {
        let StepPart { report, step, verdict, noted, detail } = *self;
        let number = step.step.number;
        let (id, heading) = (format!("step-{number}"), format!("step-{number}-title"));
        let class = format!("step {}", verdict.kind.look().class);
        html.element("article", &[("id", &id), ("class", &class), ("aria-labelledby", &heading)], |html| {
            html.element("p", &[("class", "over")], |html| self.place(html));
            html.element("h3", &[("id", &heading)], |html| {
                html.leaf_within("code", &[], &one_line(&step.step.instruction), self.heading());
            });
            html.element("p", &[("class", "verdict")], |html| {
                badge(html, verdict.kind.look());
                html.text(" ");
                html.text_within(&verdict.reason, detail.sentence);
            });
            self.whole_instruction(html);
            if let Some(failure) = noted.and_then(|noted| noted.failure.as_ref()) {
                html.element("pre", &[("class", "message"), ("tabindex", "0"), ("aria-label", "Message")], |html| {
                    html.lines_within(&report.without_home(&failure.message), detail.output);
                });
                if let Some(before) = self.step_before() {
                    html.element("p", &[("class", "more")], |html| {
                        html.text("Nothing of this step was kept. It began with the state after ");
                        report.link_to_step(html, before, &format!("step {before}"));
                        html.text(".");
                    });
                }
            }
            if let Some(taken) = &step.taken {
                html.element("dl", &[("class", "facts")], |html| self.facts(html, taken));
                self.files(html, taken);
                self.config(html, taken);
            }
            if let Some(noted) = noted {
                self.remarks(html, noted);
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
            self.inputs(html);
            if let Some(container) = noted.and_then(|noted| noted.container.as_ref()) {
                self.setup(html, container);
            }
        });
    }

    /// The most cells of the heading.
    fn heading(&self) -> usize {
        HEADING.min(2 * self.detail.value)
    }

    /// The step that this one comes after in its stage.
    fn step_before(&self) -> Option<usize> {
        let label = &self.step.step;
        let earlier = self.report.review.steps[..label.number - 1].iter().rev();
        earlier.take_while(|one| one.step.stage == label.stage).map(|one| one.step.number).next()
    }

    /// Where the step stands.
    fn place(&self, html: &mut Html) {
        let label = &self.step.step;
        html.text(&format!("Step {} of {} · stage ", label.number, self.report.review.steps.len()));
        html.leaf_within("code", &[], &label.stage, self.detail.value);
        html.text(" · ");
        let (first, last) = label.lines;
        let lines = if first == last { format!("line {first}") } else { format!("lines {first}–{last}") };
        if self.report.has_line(first) {
            html.leaf("a", &[("href", &format!("#line-{first}"))], &lines);
        } else {
            html.text(&lines);
        }
        if label.trigger {
            html.text(", an ONBUILD of the base image");
        }
    }

    /// The instruction after expansion, and all of one that is long.
    fn whole_instruction(&self, html: &mut Html) {
        let label = &self.step.step;
        if let Some(expanded) = label.expanded.as_ref().filter(|expanded| **expanded != label.instruction) {
            html.element("p", &[("class", "expanded")], |html| {
                html.text("with variables expanded: ");
                html.leaf_within("code", &[], expanded, self.detail.sentence);
            });
        } else if one_line(&label.instruction).width() > self.heading() {
            html.element("p", &[("class", "expanded")], |html| {
                html.leaf_within("code", &[], &label.instruction, self.detail.sentence);
            });
        }
    }

    fn config(&self, html: &mut Html, taken: &Outcome) {
        if taken.config.is_empty() {
            return;
        }
        html.leaf("h4", &[], "Configuration");
        table(html, "changes", "Changed settings", &["Setting", "Before", "After"], |html| {
            for ConfigChange { field, values } in taken.config.iter().take(self.detail.rows) {
                let text = |value: Option<&_>| value.map(ToString::to_string);
                self.change(html, field, text(values.before()), text(values.after()));
            }
        });
        more(html, "p", taken.config.len().saturating_sub(self.detail.rows), "changed setting");
    }

    /// A row of something that was and is.
    pub(super) fn change(&self, html: &mut Html, name: &str, before: Option<String>, after: Option<String>) {
        html.element("tr", &[], |html| {
            html.leaf_within("th", &[("scope", "row")], name, self.detail.value);
            for (element, value) in [("del", before), ("ins", after)] {
                html.element("td", &[], |html| match value {
                    Some(value) => html.leaf_within(element, &[], &shorten(&value), self.detail.value),
                    None => html.leaf("span", &[("class", "none")], "none"),
                });
            }
        });
    }

    fn remarks(&self, html: &mut Html, noted: &StepNotes) {
        if !noted.remarks.is_empty() {
            html.element("ul", &[("class", "remarks")], |html| {
                noted.remarks.iter().for_each(|remark| html.leaf_within("li", &[], remark, 2 * self.detail.value));
            });
        }
    }

    fn printed(&self, html: &mut Html, noted: &StepNotes) {
        let Some(status) = noted.status else { return };
        html.leaf("h4", &[], "Output");
        if noted.printed.is_empty() {
            html.leaf("p", &[("class", "more")], "The command printed nothing.");
        } else {
            let (head, tail) = noted.printed.parts(self.detail.output, &self.report.mask);
            html.element("pre", &[("class", "printed"), ("tabindex", "0"), ("aria-label", "Output")], |html| {
                html.lines(&head);
                if let Some((cut, tail)) = tail {
                    if cut > 0 {
                        let text = format!("\n… {} left out …\n", count(cut as u64, "byte"));
                        html.element("b", &[("class", "cut")], |html| html.lines(&text));
                    }
                    html.lines(&tail);
                }
            });
        }
        if status > 0 {
            html.leaf("p", &[("class", "more")], &format!("It ended with status {status}."));
        }
    }

    fn facts(&self, html: &mut Html, taken: &Outcome) {
        let before = self.report.before(self.step.step.number).filter(|(_, spent)| *spent != taken.milliseconds);
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
