//! The files of a state as a tree of folders that can be opened; what happened to each is a symbol, a word and a colour.

use super::badges::{Look, counted};
use super::page::more;
use super::step::StepPart;
use crate::debugger::{Counts, Mark, Outcome, TreeEntry};
use crate::machine::FileKind;
use crate::view::files;
use crate::view::html::Html;
use crate::view::units::{count, size};

/// Where as many entries with a mark are listed, their folders are open from the beginning; else only the uppermost.
const MOST_OPEN: usize = 60;

impl StepPart<'_> {
    pub(super) fn files(&self, html: &mut Html, taken: &Outcome) {
        html.leaf("h4", &[], "Files after this step");
        let outline = match &taken.files {
            Some(Ok(outline)) => outline,
            Some(Err(because)) => {
                let text = format!("They can't be looked at: {}", self.report.without_home(because));
                return html.leaf_within("p", &[("class", "more")], &text, self.detail.sentence);
            }
            None => return html.leaf("p", &[("class", "more")], "Left out: the build has too many steps."),
        };
        if outline.root.children.is_empty() {
            return html.leaf("p", &[("class", "more")], "The file system is empty.");
        }
        counts(html, &outline.counts);
        let is_open = listed(&outline.root) <= MOST_OPEN;
        let mut tree = Tree { most: self.detail.value / 2, left: self.detail.entries, is_open };
        html.element("div", &[("class", "tree")], |html| tree.children(html, &outline.root, 0));
    }
}

/// What happened in numbers, which is the legend as well.
fn counts(html: &mut Html, counts: &Counts) {
    let Counts { added, modified, removed, hidden, all } = *counts;
    html.element("p", &[("class", "counts")], |html| {
        if let Some(all) = all {
            let entry = if all == 1 { "entry" } else { "entries" };
            html.text(&format!("{all} {entry}, all from where the stage begins "));
        } else if added + modified + removed == 0 {
            html.text("Nothing changed ");
        }
        for (number, look) in [(added, ADDED), (modified, MODIFIED), (removed, REMOVED), (hidden, HIDDEN)] {
            if number > 0 {
                counted(html, look, number);
                html.text(" ");
            }
        }
    });
}

const ADDED: Look = Look { symbol: "+", word: "added", class: "added" };
const MODIFIED: Look = Look { symbol: "~", word: "changed", class: "changed" };
const REMOVED: Look = Look { symbol: "−", word: "removed", class: "removed" };
const HIDDEN: Look = Look { symbol: "∅", word: "hidden in a lower layer", class: "hidden" };

/// How a mark is shown.
fn look(mark: Mark) -> Option<Look> {
    match mark {
        Mark::Unchanged => None,
        Mark::Added => Some(ADDED),
        Mark::Modified => Some(MODIFIED),
        Mark::Removed { .. } => Some(REMOVED),
        Mark::Hidden { .. } => Some(HIDDEN),
    }
}

/// A tree that is written.
struct Tree {
    /// The most cells of a name.
    most: usize,
    /// How many more entries.
    left: usize,
    is_open: bool,
}

impl Tree {
    fn children(&mut self, html: &mut Html, folder: &TreeEntry, depth: usize) {
        html.element("ul", &[], |html| {
            // What happened comes first. Of the rest, what can't be opened stands in one line.
            let (marked, rest): (Vec<&TreeEntry>, Vec<&TreeEntry>) =
                folder.children.iter().partition(|entry| entry.mark != Mark::Unchanged || entry.changes > 0);
            let (folders, quiet): (Vec<&TreeEntry>, Vec<&TreeEntry>) =
                rest.into_iter().partition(|entry| !entry.is_leaf());
            let (mut unlisted, mut unlisted_quiet) = (folder.changes - listed(folder), folder.quiet);
            for entry in marked.into_iter().chain(folders) {
                if self.left == 0 {
                    unlisted += entry.changes + usize::from(entry.mark != Mark::Unchanged);
                    unlisted_quiet += usize::from(entry.mark == Mark::Unchanged);
                    continue;
                }
                self.left -= 1;
                self.entry(html, entry, depth);
            }
            let few = quiet.len().min(self.left);
            self.left -= few;
            unlisted_quiet += quiet.len() - few;
            if few > 0 {
                html.element("li", &[("class", "quiet")], |html| {
                    for entry in &quiet[..few] {
                        self.bare_name(html, entry);
                        html.text(" ");
                    }
                });
            }
            // What is not listed of the folders in it, they say themselves.
            let of_folders: usize = folder.children.iter().map(|entry| entry.changes - listed(entry)).sum();
            more(html, "li", unlisted.saturating_sub(of_folders), "change");
            if unlisted_quiet > 0 {
                let entries = if unlisted_quiet == 1 { "entry" } else { "entries" };
                html.leaf("li", &[("class", "more")], &format!("and {unlisted_quiet} unchanged {entries}"));
            }
        });
    }

    fn entry(&mut self, html: &mut Html, entry: &TreeEntry, depth: usize) {
        let class = look(entry.mark).map_or("", |look| look.class);
        html.element("li", &[("class", class)], |html| {
            if entry.is_leaf() {
                return self.name(html, entry);
            }
            let is_open = entry.changes > 0 && (self.is_open || depth == 0);
            let open: &[(&'static str, &str)] = if is_open { &[("open", "")] } else { &[] };
            html.element("details", open, |html| {
                html.element("summary", &[], |html| self.name(html, entry));
                self.children(html, entry, depth + 1);
            });
        });
    }

    fn name(&self, html: &mut Html, entry: &TreeEntry) {
        let look = look(entry.mark);
        html.element("b", &[], |html| {
            html.text(look.map_or(" ", |look| look.symbol));
            if let Some(look) = look {
                html.leaf("span", &[("class", "unseen")], &format!(" {} ", look.word));
            }
        });
        self.bare_name(html, entry);
        let facts = facts(entry);
        html.element("small", &[], |html| {
            if let Some(target) = files::target(&entry.file) {
                html.text_within(&format!("→ {target}"), self.most);
                html.text(if facts.is_empty() { "" } else { " · " });
            }
            html.text(&facts);
        });
    }

    fn bare_name(&self, html: &mut Html, entry: &TreeEntry) {
        html.element("code", &[], |html| {
            html.text_within(&entry.name, self.most);
            if entry.file.kind == FileKind::Directory {
                html.text("/");
            }
        });
    }
}

/// What stands behind a name.
fn facts(entry: &TreeEntry) -> String {
    let mut facts = Vec::new();
    match entry.mark {
        Mark::Unchanged => {}
        Mark::Removed { bytes: 0 } => {}
        Mark::Removed { bytes } => facts.push(format!("{} stay in a lower layer", size(bytes))),
        Mark::Added | Mark::Modified => {
            facts.push(format!("{} {}", files::mode(&entry.file), files::owner(&entry.file)));
        }
        Mark::Hidden { by, bytes: 0 } => facts.push(format!("removed by step {by}")),
        Mark::Hidden { by, bytes } => {
            facts.push(format!("removed by step {by} · {} stay in a lower layer", size(bytes)))
        }
    }
    if !matches!(entry.mark, Mark::Removed { .. } | Mark::Hidden { .. }) {
        facts.extend(files::size(&entry.file).map(size));
    }
    if entry.changes > 0 {
        facts.push(format!("{} below", count(entry.changes as u64, "change")));
    }
    facts.join(" · ")
}

/// How many entries with a mark are listed below one.
fn listed(entry: &TreeEntry) -> usize {
    entry.children.iter().map(|entry| usize::from(entry.mark != Mark::Unchanged) + listed(entry)).sum()
}
