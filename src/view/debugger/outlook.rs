//! What is foreseen: `plan`, and the step ahead after a change.

use std::collections::BTreeSet;

use super::Layout;
use super::decisions::{differences, is_one_file, verdict};
use super::reasons::{because_of, presence, reason, source};
use super::steps::left_out;
use crate::debugger::{Ahead, LeftOut, Tense};
use crate::machine::{Decision, MissReason, Prediction};
use crate::shown::line;
use crate::view::palette::Role;
use crate::view::table;

/// Between a step and what is foreseen for it.
const GAP: usize = 3;

/// What is foreseen for each step, and how many would hit. A step has one line where that has room.
pub(crate) fn plan(layout: &Layout, predictions: &[Prediction], stages: &[LeftOut]) -> String {
    let mut rows = Vec::new();
    let (mut hits, mut misses, mut unknown, mut looked_up) = (0, 0, 0, "");
    for Prediction { label, decision, .. } in predictions {
        let verdict = match decision {
            Decision::NotCached { .. } => String::new(),
            decision => foreseen(layout, decision),
        };
        match decision {
            Decision::Hit { .. } => hits += 1,
            Decision::Miss { .. } => misses += 1,
            Decision::Unknown { .. } => unknown += 1,
            Decision::NotCached { .. } => looked_up = "; FROM is looked up every time and is not counted",
        }
        let instruction = label.instruction.split_whitespace().collect::<Vec<_>>().join(" ");
        rows.push((format!("{:>2}/{} {}", label.number, label.total, line(&instruction)), verdict, decision));
    }
    let width = table::visible_width;
    let has_room = |column: usize, verdict: &str| column + GAP + width(verdict) <= layout.columns();
    let fitting = rows.iter().filter(|(step, verdict, _)| has_room(width(step), verdict));
    let widest = fitting.map(|(step, ..)| width(step)).max().unwrap_or(0);
    let mut text = String::new();
    for (step, verdict, decision) in rows {
        let own = width(&step);
        match [widest.max(own), own].into_iter().find(|&column| has_room(column, &verdict)) {
            Some(column) if !verdict.is_empty() => {
                text.push_str(&format!("{step}{:gap$}{verdict}\n", "", gap = column - own + GAP));
            }
            Some(_) | None => {
                let (label, instruction) = step.split_at(step.find(char::is_alphabetic).unwrap_or(0));
                text.push_str(&layout.hang(label, instruction));
                if !verdict.is_empty() {
                    text.push_str(&layout.painted_row("", &verdict));
                }
            }
        }
        if !is_one_file(decision) {
            text.push_str(&differences(layout, decision));
        }
    }
    let left_out = left_out(stages).map(|text| format!(". {text}")).unwrap_or_default();
    let sum = format!("{hits} would hit, {misses} would miss, {unknown} unknown{looked_up}{left_out}");
    text + &layout.hang("", &sum)
}

/// What would be decided about a step to come, in one line for a sentence.
pub(crate) fn ahead(ahead: &Ahead) -> String {
    let step = format!("{}/{} {}", ahead.step.number, ahead.step.total, ahead.step.keyword);
    match &ahead.decision {
        Decision::NotCached { .. } => format!("{step} comes next"),
        Decision::Hit { build, .. } => format!("{step} would hit: {}", source(build)),
        Decision::Miss { reason: why, .. } => format!("{step} would miss: {}", reason(why)),
        Decision::Unknown { because } => format!("{step} is unknown: {because}"),
    }
}

/// What is foreseen for a step among others, painted and harmless.
fn foreseen(layout: &Layout, decision: &Decision) -> String {
    let miss = layout.palette.paint(Role::Notice, "would miss");
    match decision {
        Decision::Hit { build, .. } => {
            format!("{}: {}", layout.palette.paint(Role::Good, "would hit"), source(build))
        }
        Decision::Miss { reason: MissReason::Follows { build, causes }, .. } => {
            format!("{miss}: {}", because_of(build, causes))
        }
        Decision::Miss { reason: other, .. } => {
            let attributes: BTreeSet<String> = match is_one_file(decision) && presence(other).is_none() {
                true => {
                    other.own_differences().flat_map(|one| &one.files).map(|file| file.attribute.to_string()).collect()
                }
                false => BTreeSet::new(),
            };
            let attributes = attributes.into_iter().collect::<Vec<_>>().join(", ");
            let which = if attributes.is_empty() { attributes } else { format!(" ({attributes})") };
            format!("{miss}: {}{which}", reason(other))
        }
        Decision::NotCached { .. } | Decision::Unknown { .. } => verdict(layout, decision, Tense::WouldBe),
    }
}
