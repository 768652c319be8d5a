//! Whether commands do what a page shows of them: the checks of a task, the proof of a prediction, and what is run on the way.

use std::io;
use std::time::Duration;

use super::digests::DigestMap;
use super::fitting::align;
use super::session::Run;
use super::shell::{CommandResult, End};

/// A command that did something else than is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// Of the page, from 1.
    pub(crate) line: usize,
    /// What the command was to prove, in Markdown.
    pub(crate) says: Option<String>,
    pub(crate) command: String,
    pub(crate) expected: Vec<String>,
    /// What it printed; nothing where that was too much.
    pub(crate) seen: Vec<String>,
    pub(crate) cause: Cause,
}

/// What was not as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It printed something else.
    Output,
    /// It ended with another exit code than it should.
    ExitCode { expected: i32, seen: i32 },
    /// It had to be ended, after so long.
    TimedOut(Duration),
    /// It printed more than is looked at.
    TooMuch,
}

// ANCHOR: first_mismatch
/// Runs commands, up to the first that does something else than is shown.
///
/// # Errors
/// What prevents a command from being run. That it fails is no error.
pub(crate) fn first_mismatch(
    checks: &[Run],
    digests: &DigestMap,
    mut run: impl FnMut(&str) -> io::Result<CommandResult>,
) -> io::Result<Option<Mismatch>> {
    for check in checks {
        let command = digests.as_printed(&check.command);
        let result = run(&command)?;
        let expected = check.output().iter().map(|line| digests.as_printed(line)).collect();
        if let Some(mismatch) = mismatch(check, command, expected, &result) {
            return Ok(Some(mismatch));
        }
    }
    Ok(None)
}
// ANCHOR_END: first_mismatch

/// What a command did otherwise than is shown. Where a line `? 3` does not say so, it is to end with exit code 0.
fn mismatch(shown: &Run, command: String, expected: Vec<String>, result: &CommandResult) -> Option<Mismatch> {
    let status = shown.status.unwrap_or(0);
    let mut seen: Vec<String> = result.output.lines().map(str::to_owned).collect();
    let cause = match result.end {
        _ if result.is_cut => {
            seen.clear();
            Cause::TooMuch
        }
        End::TimedOut(patience) => Cause::TimedOut(patience),
        End::Exit(_) if align(&expected, &seen, shown.comparison).is_none() => Cause::Output,
        End::Exit(code) if code != status => Cause::ExitCode { expected: status, seen: code },
        End::Exit(_) => return None,
    };
    let says = shown.says.clone();
    Some(Mismatch { line: shown.line, says, command, expected, seen, cause })
}
