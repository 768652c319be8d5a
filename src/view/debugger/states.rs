//! Looking at a state: folders, files, layers, variables, history.

use unicode_width::UnicodeWidthStr as _;

use super::Layout;
use crate::debugger::{Branch, Entry, Explained, LayerRow, Listing, Past, Variable, is_binary};
use crate::shown::{self, line};
use crate::view::palette::Role;
use crate::view::{table, units};

/// The widest column of instructions.
const WIDEST_INSTRUCTION: usize = 60;
/// A column of instructions is not made narrower than this.
const NARROWEST_INSTRUCTION: usize = 20;
/// How far the columns of a table are apart.
const GAP: usize = 3;

/// The entries of a folder, a line for each.
pub(crate) fn entries(entries: &[Entry]) -> String {
    entries.iter().map(|entry| format!("{}\n", describe(entry))).collect()
}

/// A folder with everything in it.
pub(crate) fn listing(listing: &Listing) -> String {
    let mut text = format!("{}\n", listing.path);
    branches(&listing.branches, "", &mut text);
    text
}

/// The content of a file, with a line break at its end.
pub(crate) fn content(layout: &Layout, path: &str, bytes: &[u8]) -> String {
    if is_binary(bytes) {
        return layout.row("", &format!("{path} is a binary file of {}", units::spaced_size(bytes.len() as u64)));
    }
    // Every character of it for the eye only: colours are shown, not obeyed.
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{}{end}", shown::text(&text))
}

/// The layers of a state, base first.
pub(crate) fn layers(layout: &Layout, layers: &[LayerRow]) -> String {
    if layers.is_empty() {
        return layout.row("", "no layers: the file system is empty");
    }
    let row = |(index, row): (usize, &LayerRow)| {
        vec![
            (index + 1).to_string(),
            row.layer.diff_id.0.short(),
            units::spaced_size(row.layer.descriptor.size),
            row.created_by.clone().unwrap_or_default(),
        ]
    };
    table(layout, &["LAYER", "DIFF ID", "SIZE", "CREATED BY"], layers.iter().enumerate().map(row).collect(), 3)
}

/// The history of a state, newest first.
pub(crate) fn history(layout: &Layout, history: &[Past]) -> String {
    let now = layout.clock.seconds();
    let row = |past: &Past| {
        let created = units::ago(now, past.created.as_deref());
        vec![created, past.created_by.clone().unwrap_or_default(), units::size(past.size)]
    };
    table(layout, &["CREATED", "CREATED BY", "SIZE"], history.iter().rev().map(row).collect(), 1)
}

/// The variables that a RUN would see.
pub(crate) fn env(layout: &Layout, variables: &[Variable]) -> String {
    let row = |variable: &Variable| {
        let note = if variable.is_in_image { "" } else { "   (ARG: not in the image)" };
        let assignment = format!("{}={}", variable.name, variable.value);
        format!("{}{}\n", line(&assignment), layout.palette.paint(Role::Faint, note))
    };
    variables.iter().map(row).collect()
}

/// What an instruction does.
pub(crate) fn explained(layout: &Layout, explained: &Explained) -> String {
    let Explained { syntax, text, example, notes, .. } = explained;
    let mut page = layout.fill(&format!("{syntax}\n\n{text}\n\n  {example}\n"));
    if !notes.is_empty() {
        page.push_str("\nIn this step:\n");
        page.extend(notes.iter().map(|note| layout.hang("  - ", &line(note))));
    }
    page
}

/// A table with one column of instructions, which is as wide as the others leave room for.
fn table(layout: &Layout, header: &[&str], mut rows: Vec<Vec<String>>, instructions: usize) -> String {
    let widest =
        |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0).max(header[column].len());
    let others: usize =
        (0..header.len()).filter(|column| *column != instructions).map(|column| widest(column) + GAP).sum();
    let room = layout.columns.saturating_sub(others).max(NARROWEST_INSTRUCTION);
    let most = room.min(WIDEST_INSTRUCTION);
    for row in &mut rows {
        row[instructions] = table::shortened(&row[instructions], most);
    }
    table::render(header, &rows)
}

/// `-rwxr-xr-x 0:0      61 B  name -> target`.
fn describe(entry: &Entry) -> String {
    let size = entry.size.map(units::spaced_size).unwrap_or_default();
    let owner = format!("{}:{}", entry.uid, entry.gid);
    line(&format!("{} {owner:<7} {size:>9}  {}", entry.mode, name(entry))).into_owned()
}

/// `folder/`, `link -> target`.
fn name(entry: &Entry) -> String {
    let slash = if entry.is_directory { "/" } else { "" };
    let target = entry.target.as_deref().map(|target| format!(" -> {target}")).unwrap_or_default();
    format!("{}{slash}{target}", entry.name)
}

fn branches(of: &[Branch], indent: &str, text: &mut String) {
    for (index, branch) in of.iter().enumerate() {
        let (corner, below) = if index + 1 == of.len() { ("└── ", "    ") } else { ("├── ", "│   ") };
        text.push_str(&format!("{indent}{corner}{}\n", line(&name(&branch.entry))));
        branches(&branch.branches, &format!("{indent}{below}"), text);
    }
}
