//! Looking at a state: folders, files, layers, variables, history.

use super::Layout;
use crate::debugger::{Branch, Entry, Explained, LayerRow, Listing, Past, PastBuild, Variable, is_binary};
use crate::machine::FileKind;
use crate::shown::{self, line};
use crate::view::palette::Role;
use crate::view::{files, table, units};

/// How wide the column of owners is at least.
const OWNER: usize = 7;
/// The widest column of instructions.
const WIDEST_INSTRUCTION: usize = 60;

/// The entries of a folder, a line for each.
pub(crate) fn entries(layout: &Layout, entries: &[Entry]) -> String {
    if entries.is_empty() {
        return layout.row("ls", "the folder is empty");
    }
    let widest = entries.iter().map(|entry| files::owner(&entry.file).len()).max().unwrap_or(0).max(OWNER);
    let row = |entry: &Entry| {
        let size = files::size(&entry.file).map(units::size).unwrap_or_default();
        let (mode, owner) = (files::mode(&entry.file), files::owner(&entry.file));
        layout.line(&format!("{mode} {owner:<widest$} {size:>9}  "), &name(entry))
    };
    entries.iter().map(row).collect()
}

/// A folder with everything in it.
pub(crate) fn listing(layout: &Layout, listing: &Listing) -> String {
    let mut text = format!("{}\n", listing.path);
    branches(layout, &listing.branches, "", &mut text);
    text
}

/// A document of ours, such as JSON. Its lines stay whole: who copies it wants no line breaks in its strings.
pub(crate) fn document(text: &str) -> String {
    text.lines().map(|text| line(text).into_owned() + "\n").collect()
}

/// The content of a file, with a line break at its end.
pub(crate) fn content(layout: &Layout, path: &str, bytes: &[u8]) -> String {
    if is_binary(bytes) {
        return layout.row("cat", &format!("{path} is a binary file of {}", units::size(bytes.len() as u64)));
    }
    // Every character of it for the eye only: colours are shown, not obeyed.
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{}{end}", shown::text(&text))
}

/// The layers of a state, base first.
pub(crate) fn layers(layout: &Layout, layers: &[LayerRow]) -> String {
    if layers.is_empty() {
        return layout.row("layers", "no layers: the file system is empty");
    }
    let row = |(index, row): (usize, &LayerRow)| {
        vec![
            (index + 1).to_string(),
            row.layer.diff_id.0.short(),
            units::size(row.layer.descriptor.size),
            instruction(row.created_by.as_deref()),
        ]
    };
    layout.table(&["LAYER", "DIFF ID", "SIZE", "CREATED BY"], &layers.iter().enumerate().map(row).collect::<Vec<_>>())
}

/// The history of a state, newest first.
pub(crate) fn history(layout: &Layout, history: &[Past]) -> String {
    if history.is_empty() {
        return layout.row("history", "no history: FROM scratch has none");
    }
    let now = layout.clock.seconds();
    let row = |past: &Past| {
        let created = units::ago(now, past.created.as_deref());
        vec![created, instruction(past.created_by.as_deref()), units::size(past.size)]
    };
    layout.table(&["CREATED", "CREATED BY", "SIZE"], &history.iter().rev().map(row).collect::<Vec<_>>())
}

/// Past builds, newest first.
pub(crate) fn builds(layout: &Layout, builds: &[PastBuild]) -> String {
    if builds.is_empty() {
        return layout.row("why", "there are no earlier builds of this Dockerfile");
    }
    let now = layout.clock.seconds();
    let row = |build: &PastBuild| {
        let image = build.image.map_or_else(|| "(not finished)".to_owned(), |image| image.short());
        vec![build.number.to_string(), units::ago(now, Some(&build.started)), build.steps.to_string(), image]
    };
    layout.table(&["BUILD", "STARTED", "STEPS", "IMAGE"], &builds.iter().map(row).collect::<Vec<_>>())
}

/// The variables that a RUN would see.
pub(crate) fn env(layout: &Layout, variables: &[Variable]) -> String {
    let row = |variable: &Variable| {
        let note = if variable.is_in_image { "" } else { "   (ARG: not in the image)" };
        let assignment = format!("{}={}", variable.name, variable.value);
        layout.line("", &format!("{}{}", line(&assignment), layout.palette.paint(Role::Faint, note)))
    };
    variables.iter().map(row).collect()
}

/// What an instruction or a word means, and behind `try_it` what shows it at the debugger's prompt.
pub(crate) fn explained(layout: &Layout, explained: &Explained, try_it: &str) -> String {
    let Explained { syntax, text, example, notes, .. } = explained;
    let mut page = layout.fill(&format!("{syntax}\n\n{text}\n\n{try_it}:\n  {example}\n"));
    if !notes.is_empty() {
        page.push_str("\nIn this step:\n");
        page.extend(notes.iter().map(|note| layout.hang("  - ", &line(note))));
    }
    page
}

/// An instruction for a column of them.
fn instruction(text: Option<&str>) -> String {
    table::shortened(&shown::cell(text.unwrap_or_default()), WIDEST_INSTRUCTION)
}

/// `folder/`, `link -> target`.
fn name(entry: &Entry) -> String {
    let slash = if entry.file.kind == FileKind::Directory { "/" } else { "" };
    let target = files::target(&entry.file).map(|target| format!(" -> {target}")).unwrap_or_default();
    line(&format!("{}{slash}{target}", entry.name)).into_owned()
}

fn branches(layout: &Layout, of: &[Branch], indent: &str, text: &mut String) {
    for (index, branch) in of.iter().enumerate() {
        let (corner, below) = if index + 1 == of.len() { ("└── ", "    ") } else { ("├── ", "│   ") };
        text.push_str(&layout.line(&format!("{indent}{corner}"), &name(&branch.entry)));
        branches(layout, &branch.branches, &format!("{indent}{below}"), text);
    }
}
