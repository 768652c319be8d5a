//! Whether a task is done: its checks are run, and what they print is compared with what they print when it is.

use std::io;

use super::digests::Known;
use super::fitting::align;
use super::session::Run;
use super::shell::{End, Outcome};

/// What the checks of a task say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Done,
    NotYet(Box<Gap>),
}

/// The first check that is not as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) command: String,
    pub(crate) expected: Vec<String>,
    pub(crate) seen: Vec<String>,
    /// With which exit code it is to end.
    pub(crate) status: i32,
    pub(crate) end: End,
}

// ANCHOR: verdict
/// Runs the checks of a task, up to the first that is not as it is to be.
///
/// # Errors
/// What prevents a command from being run. That it fails is no error.
pub(crate) fn verdict(
    checks: &[Run],
    known: &Known,
    mut run: impl FnMut(&str) -> io::Result<Outcome>,
) -> io::Result<Verdict> {
    for check in checks {
        let command = known.as_printed(&check.command);
        let outcome = run(&command)?;
        if !is_as_shown(check, &outcome) {
            let seen = outcome.output.lines().map(str::to_owned).collect();
            let (expected, status) = (check.output(), check.status.unwrap_or(0));
            return Ok(Verdict::NotYet(Box::new(Gap { command, expected, seen, status, end: outcome.end })));
        }
    }
    Ok(Verdict::Done)
}
// ANCHOR_END: verdict

/// Whether a command printed what is shown, and ended as it does where nothing is wrong.
pub(super) fn is_as_shown(run: &Run, outcome: &Outcome) -> bool {
    let printed: Vec<String> = outcome.output.lines().map(str::to_owned).collect();
    align(&run.output(), &printed).is_some() && outcome.end == End::Exit(run.status.unwrap_or(0))
}
