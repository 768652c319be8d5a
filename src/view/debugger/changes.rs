//! Paths and settings that changed, and the lines of a file that differ.

use similar::TextDiff;
use unicode_width::UnicodeWidthStr as _;

use super::Layout;
use crate::cache::Change;
use crate::debugger::{Compared, Version, is_binary};
use crate::machine::{ChangeKind, Changes, ConfigChange, PathChange, Value};
use crate::shown::line;
use crate::view::palette::Role;
use crate::view::{files, units};

/// How many changed paths of a step are shown; `diff` shows all.
const MOST_CHANGES: usize = 20;
/// The widest column of paths.
const WIDEST_PATH: usize = 40;
/// What stands right of a path at most: mode, owner and size.
const BESIDE_PATH: usize = 34;
/// The letter before a path, and the space between them.
const LETTER: usize = 2;

/// What came of a comparison.
pub(crate) fn compared(layout: &Layout, compared: &Compared) -> String {
    match compared {
        Compared::Step { paths: None, .. } => {
            layout.row("diff", "FROM starts a file system: `ls /` lists it, `diff 0 1` shows all of it")
        }
        Compared::Step { config, paths: Some(paths) } if paths.is_empty() && !config.is_empty() => {
            settings(layout, config)
        }
        Compared::Step { config, paths: Some(paths) } => {
            settings(layout, config) + &all_changes(layout, paths, "the last step changed nothing")
        }
        Compared::States { before, after, paths } => {
            all_changes(layout, paths, &format!("states {before} and {after} have the same files"))
        }
        Compared::File { before, after } => versions(layout, before, after),
        Compared::Forgotten { path, origin } => {
            layout.row("diff", &format!("the content of {path} in {origin} is not in the store any more"))
        }
        Compared::NeverCopied { path } => {
            layout.row("diff", &format!("no earlier step copied {path}: there is nothing to compare it with"))
        }
    }
}

/// The rows of changed settings.
pub(super) fn settings(layout: &Layout, changes: &[ConfigChange]) -> String {
    let mut text = String::new();
    for change in changes {
        let ConfigChange { field, values } = change;
        let row = match values {
            Change::Added(after) => format!("+ {field} = {}", quote(after)),
            Change::Became { before, after } => format!("~ {field} = {}   (was {})", quote(after), quote(before)),
            Change::Removed(before) => format!("- {field}   (was {})", quote(before)),
        };
        text.push_str(&layout.row(if text.is_empty() { "config" } else { "" }, &row));
    }
    text
}

/// The rows of what a step changed.
pub(super) fn of_step(layout: &Layout, changes: &Changes) -> String {
    paths(layout, changes, MOST_CHANGES, ": `diff` shows them all")
}

/// The rows of what is thrown away.
pub(crate) fn thrown_away(layout: &Layout, changes: &Changes) -> String {
    paths(layout, changes, MOST_CHANGES, "")
}

/// The rows of changed paths, at most `most`, and where the rest is.
fn paths(layout: &Layout, changes: &Changes, most: usize, rest: &str) -> String {
    let names: Vec<String> = changes.iter().take(most).map(|change| line(&change.path).into_owned()).collect();
    let widest = names.iter().map(|name| name.width()).max().unwrap_or(0);
    let beside = changes.iter().take(most).map(|change| beside(&change).width().min(BESIDE_PATH)).max().unwrap_or(0);
    let width = widest.min(WIDEST_PATH).min(layout.room().saturating_sub(LETTER + beside));
    let mut text = String::new();
    for (change, name) in changes.iter().zip(&names) {
        let margin = if text.is_empty() { "diff" } else { "" };
        text.push_str(&path_rows(layout, margin, &change, name, width));
    }
    if changes.len() > most {
        text.push_str(&layout.row("", &format!("and {} more{rest}", changes.len() - most)));
    }
    text
}

fn all_changes(layout: &Layout, changes: &Changes, none: &str) -> String {
    if changes.is_empty() { layout.row("diff", none) } else { paths(layout, changes, usize::MAX, "") }
}

/// One changed path: `A /path  -rwxr-xr-x 0:0  61 B`. A path that would leave no room for the rest has a row of its own.
fn path_rows(layout: &Layout, margin: &str, change: &PathChange, name: &str, width: usize) -> String {
    let (letter, role) = match change.kind {
        ChangeKind::Added => ("A", Role::Good),
        ChangeKind::Modified => ("C", Role::Notice),
        ChangeKind::Deleted => ("D", Role::Bad),
    };
    let letter = layout.palette.paint(role, letter);
    if change.kind == ChangeKind::Deleted {
        return layout.marked_row(margin, &letter, name);
    }
    let beside = beside(change);
    let padding = " ".repeat(width.saturating_sub(name.width()));
    if name.width() > width && name.width() + LETTER + beside.width() > layout.room() {
        let path = layout.marked_row(margin, &letter, name);
        return path + &layout.painted_row("", &format!("{}{beside}", " ".repeat(LETTER + width)));
    }
    layout.marked_row(margin, &letter, &format!("{name}{padding}{beside}"))
}

/// What stands right of a path: nothing of one that was deleted.
fn beside(change: &PathChange) -> String {
    if change.kind == ChangeKind::Deleted {
        return String::new();
    }
    let size = files::size(&change.file).map(units::size).unwrap_or_default();
    let owned = format!("   {} {}  ", files::mode(&change.file), files::owner(&change.file));
    match files::target(&change.file) {
        Some(target) => format!("{owned}-> {}", line(target)),
        None => format!("{owned}{size:>9}").trim_end().to_owned(),
    }
}

/// The lines by which two contents of a file differ.
fn versions(layout: &Layout, old: &Version, new: &Version) -> String {
    if old.bytes == new.bytes {
        return layout.row("diff", &format!("{} and {} are the same", old.name, new.name));
    }
    if [old, new].into_iter().any(|version| version.bytes.as_deref().is_some_and(is_binary)) {
        let size = |version: &Version| match &version.bytes {
            Some(bytes) => units::size(bytes.len() as u64),
            None => "not there".to_owned(),
        };
        let text = format!("binary files differ: {} {}, {} {}", old.name, size(old), new.name, size(new));
        return layout.row("diff", &text);
    }
    let name = |version: &Version| match version.bytes {
        Some(_) => line(&version.name).into_owned(),
        None => "/dev/null".to_owned(),
    };
    let texts = [old, new].map(|version| String::from_utf8_lossy(version.bytes.as_deref().unwrap_or_default()));
    let diff = TextDiff::from_lines(&*texts[0], &*texts[1]);
    let text = diff.unified_diff().header(&name(old), &name(new)).to_string();
    text.split_inclusive('\n').map(|line| diff_line(layout, line)).collect()
}

fn diff_line(layout: &Layout, text: &str) -> String {
    let role = match text.as_bytes().first() {
        Some(b'+') => Some(Role::Good),
        Some(b'-') => Some(Role::Bad),
        Some(b'@') => Some(Role::Label),
        _ => None,
    };
    let content = line(text.trim_end_matches(['\r', '\n']));
    // What goes on in the next line stands behind the sign.
    let (sign, rest) = content.split_at(content.len().min(1));
    let lines = layout.line(sign, rest);
    match role {
        Some(role) => lines.lines().map(|part| layout.palette.paint(role, part) + "\n").collect(),
        None => lines,
    }
}

/// A text in quotes; lists and numbers of the configuration as they are.
fn quote(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Json(json) => json.to_string(),
    }
}
