//! What a command did otherwise than a page shows, as far as all views say it alike.

use super::units;
use crate::lesson::Cause;

/// The most that is kept of an output in a report: a student, or the author of a pack, chooses it.
const MOST_LINES: usize = 40;
const MOST_LETTERS: usize = 200;

/// What was not as it is shown, where the outputs do not say it.
pub(super) fn cause(cause: Cause) -> Option<String> {
    match cause {
        Cause::Output => None,
        Cause::ExitCode { expected, seen } => Some(format!("exit code {seen}, where {expected} is expected")),
        Cause::TimedOut(patience) => Some(format!("it did not end within {} s", patience.as_secs())),
        Cause::TooMuch => Some("it printed too much".to_owned()),
    }
}

/// The first lines, and of each the beginning, with a mark where something is cut.
pub(super) fn bounded<'l>(lines: impl IntoIterator<Item = &'l str>) -> Vec<String> {
    let cut = |line: &str| match line.char_indices().nth(MOST_LETTERS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    };
    let mut lines = lines.into_iter();
    let mut bounded: Vec<String> = lines.by_ref().take(MOST_LINES).map(cut).collect();
    let left = lines.count() as u64;
    if left > 0 {
        bounded.push(format!("({} more)", units::count(left, "line")));
    }
    bounded
}
