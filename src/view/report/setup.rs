//! How the container of a RUN was set up: each operation with its reason. Containers of one build are set up nearly alike, so the first is
//! told in full, and of the others what differs from it.

use std::collections::{BTreeMap, BTreeSet};

use super::notes::Container;
use super::page::link_to_step;
use super::{Notes, Report};
use crate::container::Phase;
use crate::debugger::Review;
use crate::view::html::Html;
use crate::view::table::shortened;
use crate::view::units::count;

/// The most characters of an operation.
const OPERATION: usize = 300;

/// Which step's container the others are compared with.
#[derive(Debug, Default)]
pub(super) struct SetUps {
    first: Option<usize>,
}

impl SetUps {
    pub(super) fn of(review: &Review, notes: &Notes) -> SetUps {
        let ran =
            |step: &crate::debugger::Reviewed| notes.of(&step.step).is_some_and(|noted| noted.container.is_some());
        SetUps { first: review.steps.iter().find(|step| ran(step)).map(|step| step.step.number) }
    }
}

/// An operation in words, and why it is done.
type Told = (String, &'static str);

/// Shows the operations of a step's container.
pub(super) fn show(html: &mut Html, report: &Report<'_>, number: usize, container: &Container) {
    let operations = container.plan.operations.len() as u64;
    html.element("details", &[("class", "setup")], |html| {
        let title = format!("How its container was set up: {}", count(operations, "operation"));
        html.element("summary", &[], |html| html.text(&title));
        let first = report.set_ups.first.and_then(|first| {
            let step = report.review.steps.get(first - 1).filter(|_| first != number)?;
            Some((first, report.notes.of(&step.step)?.container.as_ref()?))
        });
        match first {
            Some((number, first)) => compared(html, report, container, number, first),
            None => whole(html, report, container),
        }
        for note in &container.plan.notes {
            html.leaf("p", &[("class", "more")], &report.without_home(note));
        }
    });
}

/// All operations, phase by phase.
fn whole(html: &mut Html, report: &Report<'_>, container: &Container) {
    let told = told(report, container);
    let mut start = 1;
    for phase in Phase::ALL {
        let Some(operations) = told.get(&phase) else { continue };
        html.leaf("h5", &[], &capitalised(&phase.to_string()));
        html.element("ol", &[("class", "operations"), ("start", &start.to_string())], |html| {
            operations.iter().for_each(|one| operation(html, one));
        });
        start += operations.len();
    }
}

/// What differs from the operations of another container.
fn compared(html: &mut Html, report: &Report<'_>, container: &Container, number: usize, first: &Container) {
    let all = |container: &Container| -> Vec<Told> { told(report, container).into_values().flatten().collect() };
    let (ours, theirs) = (all(container), all(first));
    let names = |list: &[Told]| list.iter().map(|(what, _)| what.clone()).collect::<BTreeSet<String>>();
    let (our_names, their_names) = (names(&ours), names(&theirs));
    html.element("p", &[], |html| {
        html.text("As in ");
        link_to_step(html, number, &format!("step {number}"));
        html.text(if our_names == their_names { "." } else { ", but for these:" });
    });
    let list = |html: &mut Html, title: &str, list: &[Told], known: &BTreeSet<String>| {
        let other: Vec<&Told> = list.iter().filter(|(what, _)| !known.contains(what)).collect();
        if !other.is_empty() {
            html.leaf("h5", &[], title);
            html.element("ul", &[("class", "operations")], |html| other.iter().for_each(|one| operation(html, one)));
        }
    };
    list(html, "Here", &ours, &their_names);
    list(html, "Not here", &theirs, &our_names);
}

/// The operations of a container in words, by phase.
fn told(report: &Report<'_>, container: &Container) -> BTreeMap<Phase, Vec<Told>> {
    let mut told: BTreeMap<Phase, Vec<Told>> = BTreeMap::new();
    for (phase, operation) in container.plan.in_order() {
        let what = report.without_home(&operation.to_string()).replace(&container.id, "$ID");
        told.entry(phase).or_default().push((shortened(&what, OPERATION), operation.why()));
    }
    told
}

fn operation(html: &mut Html, (what, why): &Told) {
    html.element("li", &[], |html| {
        html.leaf("code", &[], what);
        html.leaf("span", &[("class", "why")], why);
    });
}

fn capitalised(text: &str) -> String {
    text.chars().take(1).flat_map(char::to_uppercase).chain(text.chars().skip(1)).collect()
}
