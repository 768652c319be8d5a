//! The layers of an image as they lie on one another, each with the tree of what it changes.
//!
//! ```text
//! ┌─ layer 3 ── RUN rm /big ────────────────┐
//! │ D big                                   │
//! ├─ layer 2 ── COPY . / ───────────────────┤
//! │ A big                 hidden by layer 3 │
//! │   etc/                                  │
//! │ C   motd                                │
//! └─────────────────────────────────────────┘
//! ```

use std::collections::BTreeSet;

use super::layers::instruction;
use super::{Layout, fitted, padded};
use crate::debugger::{Brought, Stratum};
use crate::machine::ChangeKind;
use crate::view::palette::Role;
use crate::view::table::visible_width;
use crate::view::units::count;

/// The widest picture, and the most lines of a layer.
const WIDEST: usize = 100;
const MOST_LINES: usize = 14;
/// A new folder with more in it than this is one line.
const MOST_IN_NEW_FOLDER: usize = 6;
/// What the two sides of a box take.
const SIDES: usize = 4;

/// The layers, the uppermost first, as one looks through them.
pub(crate) fn stack(layout: &Layout, strata: &[Stratum]) -> String {
    if strata.is_empty() {
        return layout.row("", "no layers: the file system is empty");
    }
    let columns = layout.columns().min(WIDEST);
    let mut text = String::new();
    for (index, stratum) in strata.iter().enumerate().rev() {
        let (left, right) = if index + 1 == strata.len() { ('┌', '┐') } else { ('├', '┤') };
        let name = format!("layer {}", index + 1);
        let created_by = instruction(stratum.row.created_by.as_deref().unwrap_or_default());
        let room = columns.saturating_sub(name.len() + 10);
        let by = fitted(&created_by, room);
        let by = if by.is_empty() { String::new() } else { format!("── {by} ") };
        let used = 3 + name.len() + 1 + visible_width(&by);
        let strong = layout.palette.paint(Role::Strong, &name);
        text.push_str(&format!("{left}─ {strong} {by}{}{right}\n", "─".repeat(columns.saturating_sub(used + 1))));
        for line in lines(layout, &stratum.brought, columns - SIDES) {
            text.push_str(&format!("│ {} │\n", padded(&line, columns - SIDES)));
        }
    }
    text.push_str(&format!("└{}┘\n", "─".repeat(columns - 2)));
    let about = "Who looks from above sees the first that has a path: A is added, C changed, D deleted there. A layer below keeps what is hidden.";
    text + &layout.hang("", about)
}

/// The tree of what a layer changes, within so many cells.
fn lines(layout: &Layout, brought: &[Brought], cells: usize) -> Vec<String> {
    let drawn = Drawn { layout, cells };
    let mut lines = Vec::new();
    // Folders that have a line.
    let mut folders: BTreeSet<&[String]> = BTreeSet::new();
    let mut rest = brought;
    let mut left = 0;
    while let Some((one, after)) = rest.split_first() {
        rest = after;
        if lines.len() >= MOST_LINES {
            left += 1;
            continue;
        }
        for depth in 1..one.names.len() {
            let folder = &one.names[..depth];
            if folders.insert(folder) {
                lines.push(drawn.line(" ", Role::Faint, folder, true, ""));
            }
        }
        folders.insert(&one.names);
        let is_new = one.is_folder && one.kind == ChangeKind::Added;
        let is_hidden = one.hidden_by.is_some();
        let inside = rest.iter().take_while(|next| next.is_in(&one.names)).count();
        if !is_new || inside <= MOST_IN_NEW_FOLDER && !is_hidden {
            lines.push(drawn.change(one, 0));
            continue;
        }
        // Of a large folder that is new only what is hidden is worth a line; with a folder all in it is.
        let (all, behind) = rest.split_at(inside);
        rest = behind;
        let mut hidden: Vec<&Brought> = Vec::new();
        for one in all.iter().filter(|one| one.hidden_by.is_some() && !is_hidden) {
            if !hidden.iter().any(|above| one.is_in(&above.names)) {
                hidden.push(one);
            }
        }
        hidden.truncate(MOST_LINES / 2);
        lines.push(drawn.change(one, inside - hidden.len()));
        lines.extend(hidden.into_iter().map(|one| drawn.change(one, 0)));
    }
    if left > 0 {
        lines.push(format!("  … and {}", count(left as u64, "more path")));
    }
    if lines.is_empty() {
        lines.push("  no files".to_owned());
    }
    lines
}

struct Drawn<'l> {
    layout: &'l Layout,
    cells: usize,
}

impl Drawn<'_> {
    /// A change; so many in it are not shown.
    fn change(&self, one: &Brought, below: usize) -> String {
        let (letter, role) = match one.kind {
            ChangeKind::Added => ("A", Role::Good),
            ChangeKind::Modified => ("C", Role::Notice),
            ChangeKind::Deleted => ("D", Role::Bad),
        };
        let note = match one.hidden_by {
            Some(number) => format!("hidden by layer {number}"),
            None if below > 0 => format!("{} in it", count(below as u64, "path")),
            None => String::new(),
        };
        self.line(letter, role, &one.names, one.is_folder, &note)
    }

    /// The last of some names, behind as many steps as it is deep, with a note at the end of the line.
    fn line(&self, letter: &str, role: Role, names: &[String], is_folder: bool, note: &str) -> String {
        let indent = "  ".repeat(names.len().saturating_sub(1).min(self.cells / 6));
        let room = self.cells.saturating_sub(2 + indent.len() + note.len() + 3);
        let name = fitted(names.last().map_or("", String::as_str), room) + if is_folder { "/" } else { "" };
        let gap = self.cells.saturating_sub(2 + indent.len() + visible_width(&name) + note.len());
        let gap = if note.is_empty() { String::new() } else { " ".repeat(gap) };
        let palette = self.layout.palette;
        format!("{} {indent}{name}{gap}{}", palette.paint(role, letter), palette.paint(Role::Faint, note))
    }
}
