//! What a page shows that does not happen: the lines that would have to change, as a unified diff, and what went wrong beside them.

use std::fmt::Write as _;
use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use super::palette::{Palette, Role};
use super::units;
use crate::lesson::{Page, Replay};
use crate::shown;

/// The most lines of an output that are shown with a trouble: its last ones.
const MOST_OUTPUT: usize = 40;

/// How long the shortest difference is sought; what is left then is told as other lines.
const MOST_TIME: Duration = Duration::from_secs(5);

/// What was found on a page.
pub(crate) fn report(palette: Palette, page: &Page, replay: &Replay, is_updated: bool) -> String {
    let mut text = String::new();
    let name = shown::line(&page.name);
    for trouble in &replay.troubles {
        let place = palette.paint(Role::Label, &format!("{name}:{}", trouble.line));
        // A command of several lines can't look like a verdict.
        let message = shown::text(&trouble.message).replace('\n', "\n    ");
        let _ = writeln!(text, "{place}: {message}");
        let lines: Vec<&str> = trouble.output.lines().collect();
        let first = lines.len().saturating_sub(MOST_OUTPUT);
        if first > 0 {
            let _ = writeln!(text, "    ({} before this)", units::count(first as u64, "line"));
        }
        for line in &lines[first..] {
            let _ = writeln!(text, "    {}", shown::line(line));
        }
    }
    if replay.found != page.text && !is_updated {
        text += &difference(palette, &name, &page.text, &replay.found);
    }
    let commands = units::count(replay.commands as u64, "command");
    let verdict = match (replay.found == page.text, is_updated, replay.troubles.is_empty()) {
        (true, _, true) => palette.paint(Role::Good, "all as shown"),
        (false, true, true) => palette.paint(Role::Notice, "rewritten"),
        _ => palette.paint(Role::Bad, "not as shown"),
    };
    let _ = writeln!(text, "{name}: {commands}, {verdict}");
    text
}

/// The difference of two texts: lines with `-` are shown, and those with `+` were printed.
fn difference(palette: Palette, name: &str, before: &str, after: &str) -> String {
    let mut text = format!("--- {name}: shown\n+++ {name}: printed\n");
    let diff = TextDiff::configure().timeout(MOST_TIME).diff_lines(before, after);
    for hunk in diff.unified_diff().iter_hunks() {
        let _ = writeln!(text, "{}", palette.paint(Role::Label, &hunk.header().to_string()));
        for change in hunk.iter_changes() {
            let line = format!("{}{}", change.tag(), shown::line(change.value().trim_end_matches('\n')));
            let line = match change.tag() {
                ChangeTag::Delete => palette.paint(Role::Bad, &line),
                ChangeTag::Insert => palette.paint(Role::Good, &line),
                ChangeTag::Equal => line,
            };
            let _ = writeln!(text, "{line}");
        }
    }
    text
}
