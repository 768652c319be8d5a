//! The cache as a chain: each step hangs on the files that the one before it leaves, and behind a step that misses the links are broken.
//!
//! ```text
//! ●             1 FROM layerlab/base
//! │
//! ● ✓ hit       2 COPY words.txt /app/
//! │
//! ╳ ✗ miss      3 COPY README /app/
//! ╎             the chain breaks here: README changed (content)
//! ○ ✗ miss      4 RUN make
//! ╎
//! ╎ ✓ hit       5 CMD run
//! ```

use super::graph::{footer, mark};
use super::{Layout, fitted, padded};
use crate::machine::{Decision, EdgeKind, Graph, MissReason, Node, Outcome};
use crate::view::debugger::reason;
use crate::view::palette::Role;

/// How wide a mark with its word is, and what stands before the instruction.
const MARK: usize = 9;
const BEFORE: usize = 2 + MARK + 5;

/// The chain of each stage, and how far what changed reaches.
pub(crate) fn chain(layout: &Layout, graph: &Graph) -> String {
    let mut text = String::new();
    // Of each stage, whether it ends behind a break.
    let mut broken: Vec<bool> = Vec::new();
    for node in &graph.stages {
        let first = node.steps.first().map(|outcome| outcome.step.number);
        let base = graph.edges.iter().find(|edge| edge.kind == EdgeKind::From && Some(edge.step) == first);
        let is_broken = base.is_some_and(|edge| broken.get(edge.from) == Some(&true));
        if graph.stages.len() > 1 {
            text.push_str(&layout.hang("", &layout.palette.paint(Role::Strong, &fitted(&node.name, 60))));
        }
        text.push_str(&stage(layout, node, is_broken));
        text.push('\n');
        broken.push(is_broken || node.steps.iter().any(|outcome| outcome.is_link && is_lost(outcome)));
    }
    let about = "● starts from the same files as before, ○ from others, ╳ is where that begins. What has no sign of its own hangs on no files.";
    text + &layout.hang("", about) + &footer(layout, graph)
}

/// The chain of a stage, which may begin behind a break of another.
fn stage(layout: &Layout, node: &Node, mut is_broken: bool) -> String {
    let mut text = String::new();
    let last_link = node.steps.iter().rposition(|outcome| outcome.is_link).unwrap_or(0);
    for (index, outcome) in node.steps.iter().enumerate() {
        let rail = |is_broken: bool| match index >= last_link {
            true => " ",
            false if is_broken => "╎",
            false => "│",
        };
        // Behind a break a step without a past says nothing new.
        let is_told = is_broken && is_first(outcome);
        let breaks = outcome.is_link && is_cause(outcome) && !is_told;
        let sign = match outcome.is_link {
            true if breaks => layout.palette.paint(Role::Notice, "╳"),
            true if is_broken => "○".to_owned(),
            true => "●".to_owned(),
            false => rail(is_broken).to_owned(),
        };
        text.push_str(&format!("{sign} {}\n", step(layout, outcome)));
        is_broken |= outcome.is_link && is_lost(outcome);
        let why = if is_told { String::new() } else { why(outcome, breaks) };
        if !why.is_empty() {
            text.push_str(&layout.hang(&format!("{} {:indent$}", rail(is_broken), "", indent = BEFORE - 2), &why));
        } else if outcome.is_link && index < last_link {
            text.push_str(&format!("{}\n", rail(is_broken)));
        }
    }
    text
}

/// Whether a step misses by itself.
fn is_cause(outcome: &Outcome) -> bool {
    let follows = |reason: &MissReason| matches!(reason, MissReason::Follows { .. });
    outcome.decision.as_ref().and_then(Decision::miss).is_some_and(|reason| !follows(reason))
}

/// Whether no earlier step can be compared with it.
fn is_first(outcome: &Outcome) -> bool {
    matches!(outcome.decision.as_ref().and_then(Decision::miss), Some(MissReason::FirstTime))
}

/// Whether what the step leaves is not known to be what it left before.
fn is_lost(outcome: &Outcome) -> bool {
    matches!(outcome.decision, None | Some(Decision::Miss { .. } | Decision::Unknown { .. }))
}

fn why(outcome: &Outcome, breaks: bool) -> String {
    match &outcome.decision {
        Some(Decision::Miss { reason: why, .. }) if breaks => format!("the chain breaks here: {}", reason(why)),
        Some(Decision::Miss { reason: why, .. }) if is_cause(outcome) => reason(why),
        Some(Decision::Unknown { because }) => because.clone(),
        Some(Decision::Miss { .. } | Decision::Hit { .. } | Decision::NotCached { .. }) | None => String::new(),
    }
}

fn step(layout: &Layout, outcome: &Outcome) -> String {
    let mark =
        mark(outcome).map_or(String::new(), |(mark, word, role)| layout.palette.paint(role, &format!("{mark} {word}")));
    let room = layout.columns().saturating_sub(BEFORE);
    format!("{} {:>3} {}", padded(&mark, MARK), outcome.step.number, fitted(&outcome.step.instruction, room))
}
