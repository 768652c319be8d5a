//! How the container of a RUN was set up: each operation with its reason. Containers of one build are set up nearly alike, so the first is
//! told in full, and of the others what differs from it.

use std::collections::{BTreeMap, BTreeSet};

use super::notes::Container;
use super::page::more;
use super::step::StepPart;
use crate::container::Phase;
use crate::view::html::Html;
use crate::view::units::count;

/// The most cells of an operation.
const OPERATION: usize = 300;

/// An operation in words, and why it is done.
type Told = (String, &'static str);

impl StepPart<'_> {
    /// Shows the operations of the step's container.
    pub(super) fn setup(&self, html: &mut Html, container: &Container) {
        let operations = container.plan.operations.len() as u64;
        html.element("details", &[("class", "setup")], |html| {
            let title = format!("How its container was set up: {}", count(operations, "operation"));
            html.element("summary", &[], |html| html.text(&title));
            match self.first_container() {
                Some((number, first)) if number != self.step.step.number => {
                    self.compared(html, container, number, first)
                }
                Some(_) | None => self.whole_setup(html, container),
            }
            for note in container.plan.notes.iter().take(self.detail.rows) {
                let note = self.report.without_home(note);
                html.leaf_within("p", &[("class", "more")], &note, self.detail.sentence);
            }
        });
    }

    /// The first step on the page with a container, and that.
    fn first_container(&self) -> Option<(usize, &Container)> {
        self.report
            .shown()
            .find_map(|(step, _)| Some((step.step.number, self.report.notes.of(&step.step)?.container.as_ref()?)))
    }

    /// All operations, phase by phase.
    fn whole_setup(&self, html: &mut Html, container: &Container) {
        let told = self.told(container);
        let (mut start, mut left) = (1, self.detail.entries);
        for phase in Phase::ALL {
            let Some(operations) = told.get(&phase).filter(|_| left > 0) else { continue };
            html.leaf("h5", &[], &capitalised(&phase.to_string()));
            html.element("ol", &[("class", "operations"), ("start", &start.to_string())], |html| {
                operations.iter().take(left).for_each(|one| self.operation(html, one));
            });
            start += operations.len();
            left = left.saturating_sub(operations.len());
        }
        more(html, "p", container.plan.operations.len().saturating_sub(self.detail.entries), "operation");
    }

    /// What differs from the operations of another container.
    fn compared(&self, html: &mut Html, container: &Container, number: usize, first: &Container) {
        let all = |container: &Container| -> Vec<Told> { self.told(container).into_values().flatten().collect() };
        let (ours, theirs) = (all(container), all(first));
        let names = |list: &[Told]| list.iter().map(|(what, _)| what.clone()).collect::<BTreeSet<String>>();
        let (our_names, their_names) = (names(&ours), names(&theirs));
        html.element("p", &[], |html| {
            html.text("As in ");
            self.report.link_to_step(html, number, &format!("step {number}"));
            html.text(if our_names == their_names { "." } else { ", but for these:" });
        });
        let list = |html: &mut Html, title: &str, list: &[Told], known: &BTreeSet<String>| {
            let other: Vec<&Told> = list.iter().filter(|(what, _)| !known.contains(what)).collect();
            if !other.is_empty() {
                html.leaf("h5", &[], title);
                html.element("ul", &[("class", "operations")], |html| {
                    other.iter().take(self.detail.entries).for_each(|one| self.operation(html, one));
                    more(html, "li", other.len().saturating_sub(self.detail.entries), "operation");
                });
            }
        };
        list(html, "Here", &ours, &their_names);
        list(html, "Not here", &theirs, &our_names);
    }

    /// The operations of a container in words, by phase.
    fn told(&self, container: &Container) -> BTreeMap<Phase, Vec<Told>> {
        let mut told: BTreeMap<Phase, Vec<Told>> = BTreeMap::new();
        for (phase, operation) in container.plan.in_order() {
            let what = self.report.without_home(&operation.to_string()).replace(&container.id, "$ID");
            told.entry(phase).or_default().push((what, operation.why()));
        }
        told
    }

    fn operation(&self, html: &mut Html, (what, why): &Told) {
        html.element("li", &[], |html| {
            html.leaf_within("code", &[], what, OPERATION.min(2 * self.detail.value));
            html.leaf("span", &[("class", "why")], why);
        });
    }
}

fn capitalised(text: &str) -> String {
    text.chars().take(1).flat_map(char::to_uppercase).chain(text.chars().skip(1)).collect()
}
