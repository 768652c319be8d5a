//! Which stages a build needs, and in which order.

use std::collections::BTreeSet;

use super::stage::{Base, Stage, StageNames};
use crate::diagnostic::{Diagnostic, closest};
use crate::dockerfile::rules;

/// The stage that is asked for by name, or the last one.
pub(super) fn find_target(stages: &[Stage], names: &StageNames, wanted: Option<&str>) -> Result<usize, Diagnostic> {
    let Some(wanted) = wanted else {
        return stages.len().checked_sub(1).ok_or_else(|| {
            Diagnostic::new(&rules::EMPTY_DOCKERFILE, "the Dockerfile has no stage").hint("it starts with `FROM image`")
        });
    };
    if let Some(&index) = names.get(&wanted.to_lowercase()) {
        return Ok(index);
    }
    let diagnostic = Diagnostic::new(&rules::UNKNOWN_STAGE, format!("target stage `{wanted}` could not be found"));
    Err(match closest(wanted, names.keys().map(String::as_str)) {
        Some(name) => diagnostic.hint(format!("did you mean `{name}`?")),
        None if names.is_empty() => diagnostic.hint("no stage has a name: `FROM image AS name` gives it one"),
        None => {
            let known: Vec<String> = names.keys().map(|name| format!("`{name}`")).collect();
            diagnostic.hint(format!("a stage is chosen by its name: {}", known.join(", ")))
        }
    })
}

// ANCHOR: order
/// The stages that the target needs, each after its own needs.
pub(super) fn order(stages: &[Stage], target: usize) -> Vec<usize> {
    let mut needed = BTreeSet::from([target]);
    let mut open = vec![target];
    while let Some(index) = open.pop() {
        let stage = &stages[index];
        let base = match stage.base {
            Base::Stage(base) => Some(base),
            Base::Scratch | Base::Image(_) | Base::Context(_) => None,
        };
        for need in stage.copies_from.iter().copied().chain(base) {
            if needed.insert(need) {
                open.push(need);
            }
        }
    }
    // A stage only ever needs earlier ones, so ascending order is an order of dependence.
    needed.into_iter().collect()
}
// ANCHOR_END: order
