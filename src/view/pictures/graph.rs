//! The graph of a build: a box for each stage, a line for whatever one takes from another.
//!
//! ```text
//!                  ┌─ build ────────────────────┐
//!                  │             1 FROM base    │
//!                  │ ✗ miss      2 COPY src /   │
//! ╭────────────────┴────────────────────────────┘
//! │                ┌─ final (target) ───────────┐
//! │                │             3 FROM base    │
//! ╰─ COPY --from ─▶│ ? unknown   4 COPY --from… │
//!                  └────────────────────────────┘
//! ```

use std::collections::BTreeSet;

use super::lanes::{self, Lane, Row};
use super::{Layout, fitted, padded};
use crate::machine::{Decision, EdgeKind, Graph, Outcome, Reach};
use crate::view::debugger::reason;
use crate::view::palette::Role;
use crate::view::table::visible_width;
use crate::view::units;

/// The least cells between the edges of a box.
const NARROWEST: usize = 30;
/// How wide a mark with its word is.
const MARK: usize = 9;
/// From here on the lines have whole labels.
const ROOMY: usize = 80;

/// The graph, and how far what changed reaches.
pub(crate) fn graph(layout: &Layout, graph: &Graph) -> String {
    let rows = lanes::rows(graph);
    let labels = if layout.columns() < ROOMY { short_label } else { label };
    let widest = graph.edges.iter().map(|edge| labels(edge.kind).len() + "─  ─▶".chars().count()).max().unwrap_or(0);
    let most = layout.columns().saturating_sub(widest + NARROWEST + 2) / 2;
    let lanes = lanes::lanes(graph, &rows, most);
    let gutter = 2 * lanes::width(&lanes) + if lanes.is_empty() { 0 } else { widest };
    let room = layout.columns() - gutter - 2;
    let inside = rows.iter().map(|row| wanted(row, graph)).max().unwrap_or(0).clamp(NARROWEST, room.max(NARROWEST));
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let lines = Gutter { lanes: &lanes, row: number, width: gutter, labels };
        let left = lines.draw();
        let is_source = lanes.iter().any(|lane| lane.start == number);
        text.push_str(&format!("{left}{}\n", boxed(layout, row, graph, inside, is_source)));
    }
    text + &footer(layout, graph)
}

/// What a line is called.
pub(super) fn label(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::From => "FROM",
        EdgeKind::Copy => "COPY --from",
        EdgeKind::Mount => "RUN --mount",
    }
}

fn short_label(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::From => "FROM",
        EdgeKind::Copy => "COPY",
        EdgeKind::Mount => "RUN",
    }
}

/// The mark of a step, its word, and how that looks. FROM has none.
pub(super) fn mark(outcome: &Outcome) -> Option<(&'static str, &'static str, Role)> {
    match &outcome.decision {
        Some(Decision::NotCached { .. }) => None,
        _ if outcome.is_kept => Some(("=", "kept", Role::Faint)),
        Some(Decision::Hit { .. }) => Some(("✓", "hit", Role::Good)),
        Some(Decision::Miss { .. }) => Some(("✗", "miss", Role::Notice)),
        Some(Decision::Unknown { .. }) | None => Some(("?", "unknown", Role::Faint)),
    }
}

/// What the upper edge of a stage's box says.
pub(super) fn title(graph: &Graph, row: &Row<'_>) -> Option<String> {
    let Row::Top(node) = row else { return None };
    let is_target = graph.stages.last().is_some_and(|last| std::ptr::eq(last, *node));
    Some(format!("{}{}", fitted(&node.name, 60), if is_target { " (target)" } else { "" }))
}

/// How many cells a row would like between its edges.
fn wanted(row: &Row<'_>, graph: &Graph) -> usize {
    match row {
        Row::Top(_) => title(graph, row).map_or(0, |title| visible_width(&title) + 4),
        Row::Step(outcome) => MARK + 8 + visible_width(&fitted(&outcome.step.instruction, usize::MAX)),
        Row::Bottom(_) => 0,
    }
}

fn boxed(layout: &Layout, row: &Row<'_>, graph: &Graph, inside: usize, is_source: bool) -> String {
    match row {
        Row::Top(_) => {
            let title = fitted(&title(graph, row).unwrap_or_default(), inside - 4);
            let rest = "─".repeat(inside - 3 - visible_width(&title));
            format!("┌─ {} {rest}┐", layout.palette.paint(Role::Strong, &title))
        }
        Row::Step(outcome) => format!("│ {} │", padded(&step(layout, outcome, inside - 2), inside - 2)),
        Row::Bottom(_) => format!("{}{}┘", if is_source { '┴' } else { '└' }, "─".repeat(inside)),
    }
}

fn step(layout: &Layout, outcome: &Outcome, room: usize) -> String {
    let mark =
        mark(outcome).map_or(String::new(), |(mark, word, role)| layout.palette.paint(role, &format!("{mark} {word}")));
    let number = format!("{} {:>3} ", padded(&mark, MARK), outcome.step.number);
    let left = room.saturating_sub(visible_width(&number));
    number + &fitted(&outcome.step.instruction, left)
}

/// What is to the left of one row of the boxes.
struct Gutter<'l> {
    lanes: &'l [Lane],
    row: usize,
    width: usize,
    labels: fn(EdgeKind) -> &'static str,
}

impl Gutter<'_> {
    fn draw(&self) -> String {
        let columns = lanes::width(self.lanes);
        let mut cells = vec![' '; self.width];
        let place = |lane: &Lane| 2 * (columns - 1 - lane.column);
        for lane in self.lanes.iter().filter(|lane| lane.start < self.row && self.row < lane.end()) {
            cells[place(lane)] = '│';
        }
        for lane in self.lanes {
            let arrival = lane.arrival(self.row);
            let corner = match arrival {
                None if lane.start == self.row => '╭',
                None => continue,
                Some(_) if lane.end() == self.row => '╰',
                Some(_) => '├',
            };
            cells[place(lane)] = corner;
            for cell in &mut cells[place(lane) + 1..] {
                *cell = if *cell == '│' { '┼' } else { '─' };
            }
            if let Some(kind) = arrival {
                self.name(kind, &mut cells);
            }
        }
        cells.into_iter().collect()
    }

    /// ` COPY --from ─▶` at the end of a line.
    fn name(&self, kind: EdgeKind, cells: &mut [char]) {
        let end: Vec<char> = format!(" {} ─▶", (self.labels)(kind)).chars().collect();
        let start = cells.len() - end.len();
        cells[start..].copy_from_slice(&end);
    }
}

pub(super) fn footer(layout: &Layout, graph: &Graph) -> String {
    notes(graph).iter().map(|note| layout.hang("", note)).collect()
}

/// What stands below the boxes.
pub(super) fn notes(graph: &Graph) -> Vec<String> {
    let mut notes = vec![sum(graph)];
    notes.extend(reaches(graph));
    if !graph.left_out.is_empty() {
        let names: Vec<String> = graph.left_out.iter().map(|name| fitted(name, 60)).collect();
        notes.push(format!("not needed for the target: {}", names.join(", ")));
    }
    notes
}

/// How far what changed reaches: steps of one reason together.
fn reaches(graph: &Graph) -> Vec<String> {
    let mut groups: Vec<(String, Vec<&Reach>)> = Vec::new();
    for reach in &graph.reaches {
        let reason = reason(&reach.reason);
        match groups.iter_mut().find(|(other, _)| *other == reason) {
            Some((_, group)) => group.push(reach),
            None => groups.push((reason, vec![reach])),
        }
    }
    let group = |(reason, group): &(String, Vec<&Reach>)| {
        let own: Vec<usize> = group.iter().map(|reach| reach.step.number).collect();
        let all: BTreeSet<usize> = group.iter().flat_map(|reach| reach.reached.iter().copied()).collect();
        let others: Vec<usize> = all.into_iter().filter(|number| !own.contains(number)).collect();
        let (steps, reach) = if own.len() == 1 { ("step", "reaches") } else { ("steps", "reach") };
        let reached = reached(graph, &others, reach);
        format!("✗ {steps} {}: {reason}; {reached}", units::listed(&units::ranges(&own)))
    };
    groups.iter().map(group).collect()
}

/// `2 hits, 1 miss, 3 unknown`.
fn sum(graph: &Graph) -> String {
    let steps = || graph.stages.iter().flat_map(|stage| &stage.steps);
    let count = |wanted| steps().filter(|step| mark(step).is_some_and(|(_, word, _)| word == wanted)).count();
    let (hits, misses) = (count("hit"), count("miss"));
    format!("{}, {} unknown", units::hits_and_misses(hits, misses), count("unknown"))
}

/// `reaches steps 4 and 6; 7 may miss too`: what is only unknown may be a hit in the end.
fn reached(graph: &Graph, numbers: &[usize], reach: &str) -> String {
    let outcomes = || graph.stages.iter().flat_map(|stage| &stage.steps);
    let misses = |number: usize| {
        outcomes().any(|one| one.step.number == number && matches!(one.decision, Some(Decision::Miss { .. })))
    };
    let (missed, unknown): (Vec<usize>, Vec<usize>) = numbers.iter().partition(|&&number| misses(number));
    let steps = |numbers: &[usize]| format!("step{} {}", if numbers.len() == 1 { "" } else { "s" }, listed(numbers));
    match (missed.as_slice(), unknown.as_slice()) {
        ([], []) => format!("{reach} no other step"),
        (missed, []) => format!("{reach} {}", steps(missed)),
        ([], unknown) => format!("may reach {}", steps(unknown)),
        (missed, unknown) => format!("{reach} {}; {} may miss too", steps(missed), listed(unknown)),
    }
}

/// `4, 6 and 7`.
fn listed(numbers: &[usize]) -> String {
    units::listed(&numbers.iter().map(usize::to_string).collect::<Vec<_>>())
}
