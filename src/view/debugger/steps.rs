//! Where the debugger is, the Dockerfile with its marks, and the breakpoints.

use std::collections::BTreeMap;

use super::Layout;
use crate::debugger::{Breakpoint, Place, Standing, StepRow};
use crate::machine::StepLabel;
use crate::shown::line;
use crate::view::palette::Role;
use crate::view::table;

/// How much of a stage's name is shown where it is said by the way.
pub(crate) const STAGE: usize = 20;
/// The most characters of an instruction that the line with the ▶ shows.
const INSTRUCTION_WIDTH: usize = 100;

/// Whether it is worth saying which stage a step is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stages {
    One,
    Several,
}

/// ` 2/4 ▶ LABEL …`, with what is to be said of the step behind it.
pub(crate) fn step(layout: &Layout, step: &StepLabel, stages: Stages, is_missed: bool) -> String {
    let mut notes = Vec::new();
    if stages == Stages::Several {
        notes.push((Role::Faint, format!("   (stage {})", table::shortened(&line(&step.stage), STAGE))));
    }
    if step.trigger {
        notes.push((Role::Faint, "   (ONBUILD of the base image)".to_owned()));
    }
    if is_missed {
        notes.push((Role::Notice, "   (a miss, not run yet)".to_owned()));
    }
    let number = format!("{:>2}/{} ", step.number, step.total);
    let beside: usize = notes.iter().map(|(_, note)| table::visible_width(note)).sum();
    let room = layout.columns().saturating_sub(number.len() + 2 + beside).clamp(10, INSTRUCTION_WIDTH);
    let instruction = step.instruction.split_whitespace().collect::<Vec<_>>().join(" ");
    let instruction = table::shortened(&line(&instruction), room);
    let notes: String = notes.iter().map(|(role, note)| layout.palette.paint(*role, note)).collect();
    format!("{number}{} {instruction}{notes}\n", layout.palette.paint(Role::Strong, "▶"))
}

/// ` 4/4 ■ …`: what comes when no steps are left.
pub(crate) fn end(layout: &Layout, total: usize, what: &str) -> String {
    layout.hang(&format!("{total:>2}/{total} ■ "), what)
}

/// The Dockerfile with its line numbers, and marks at the first line of each step.
pub(crate) fn dockerfile(layout: &Layout, text: &str, steps: &[StepRow]) -> String {
    let mut marks = BTreeMap::new();
    for row in steps {
        // A trigger stands where its FROM does: the mark that matters more stays.
        let entry = marks.entry(row.step.lines.0).or_insert((row.standing, false));
        if row.standing == Standing::Next {
            entry.0 = row.standing;
        }
        entry.1 |= !row.breakpoints.is_empty();
    }
    let mut list = String::new();
    for (index, source) in text.lines().enumerate() {
        let (standing, is_stop) = marks.get(&(index + 1)).copied().unwrap_or((Standing::ToCome, false));
        let stop = if is_stop { "●" } else { " " };
        let mark = match standing {
            Standing::Next => layout.palette.paint(Role::Strong, "▶"),
            Standing::Taken => layout.palette.paint(Role::Good, "✓"),
            Standing::ToCome => " ".to_owned(),
        };
        list.push_str(&layout.line(&format!("{:>4} {stop}{mark} ", index + 1), &line(source)));
    }
    list
}

/// The breakpoints, a line for each.
pub(crate) fn breakpoints(layout: &Layout, breakpoints: &[Breakpoint]) -> String {
    breakpoints.iter().map(|one| layout.hang(&format!("{:>4}  ", one.id), &line(&place(&one.place)))).collect()
}

/// The row that says that a breakpoint stopped.
pub(crate) fn stopped_at(layout: &Layout, breakpoint: &Breakpoint) -> String {
    layout.row("stop", &format!("breakpoint {}: {}", breakpoint.id, place(&breakpoint.place)))
}

/// Where a breakpoint stops.
fn place(place: &Place) -> String {
    match place {
        Place::Step(number) => format!("before step {number}"),
        Place::Line(line) => format!("before line {line}"),
        Place::Stage(name) => format!("before stage `{name}`"),
        Place::Text(text) => format!("before an instruction with `{text}`"),
        Place::Miss => "at a miss".to_owned(),
        Place::Failure => "before a step that failed in an earlier build".to_owned(),
    }
}
