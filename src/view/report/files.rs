//! The files of a state as a tree of folders that can be opened; what happened to each is a symbol, a word and a colour.

use super::Report;
use super::page::more;
use crate::debugger::{Counts, Mark, Outcome, Twig};
use crate::machine::FileKind;
use crate::view::files;
use crate::view::html::Html;
use crate::view::table::shortened;
use crate::view::units::{count, size};

/// Where as many entries with a mark are listed, their folders are open from the beginning; else only the uppermost.
const MOST_OPEN: usize = 60;

impl Report<'_> {
    pub(super) fn files(&self, html: &mut Html, taken: &Outcome) {
        html.leaf("h4", &[], "Files after this step");
        let outline = match &taken.files {
            Some(Ok(outline)) => outline,
            Some(Err(because)) => {
                return html.leaf(
                    "p",
                    &[("class", "more")],
                    &format!("They can't be looked at: {}", self.without_home(because)),
                );
            }
            None => return html.leaf("p", &[("class", "more")], "Left out: the build has too many steps."),
        };
        if outline.root.below.is_empty() {
            return html.leaf("p", &[("class", "more")], "The file system is empty.");
        }
        counts(html, &outline.counts);
        let is_open = listed(&outline.root) <= MOST_OPEN;
        let mut tree = Tree { most: self.room.value / 2, left: self.room.entries * 2, is_open };
        html.element("div", &[("class", "tree")], |html| tree.below(html, &outline.root, 0));
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
        for (number, kind) in [(added, &ADDED), (modified, &MODIFIED), (removed, &REMOVED), (hidden, &HIDDEN)] {
            if number > 0 {
                let class = format!("badge {}", kind.class);
                html.leaf("b", &[("class", &class)], &format!("{} {number} {}", kind.symbol, kind.word));
                html.text(" ");
            }
        }
    });
}

/// How a mark is shown.
struct Look {
    symbol: &'static str,
    word: &'static str,
    class: &'static str,
}

const ADDED: Look = Look { symbol: "+", word: "added", class: "added" };
const MODIFIED: Look = Look { symbol: "~", word: "changed", class: "changed" };
const REMOVED: Look = Look { symbol: "−", word: "removed", class: "removed" };
const HIDDEN: Look = Look { symbol: "∅", word: "hidden in a lower layer", class: "hidden" };

fn look(mark: Mark) -> Option<&'static Look> {
    match mark {
        Mark::Unchanged => None,
        Mark::Added => Some(&ADDED),
        Mark::Modified => Some(&MODIFIED),
        Mark::Removed { .. } => Some(&REMOVED),
        Mark::Hidden { .. } => Some(&HIDDEN),
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
    fn below(&mut self, html: &mut Html, folder: &Twig, depth: usize) {
        html.element("ul", &[], |html| {
            // What happened comes first. Of the rest, what can't be opened stands in one line.
            let (marked, rest): (Vec<&Twig>, Vec<&Twig>) =
                folder.below.iter().partition(|twig| twig.mark != Mark::Unchanged || twig.changes > 0);
            let (folders, quiet): (Vec<&Twig>, Vec<&Twig>) = rest.into_iter().partition(|twig| !twig.is_leaf());
            let (mut unlisted, mut unlisted_quiet) = (folder.changes - listed(folder), folder.quiet);
            for twig in marked.into_iter().chain(folders) {
                if self.left == 0 {
                    unlisted += twig.changes + usize::from(twig.mark != Mark::Unchanged);
                    unlisted_quiet += usize::from(twig.mark == Mark::Unchanged);
                    continue;
                }
                self.left -= 1;
                self.entry(html, twig, depth);
            }
            let few = quiet.len().min(self.left);
            self.left -= few;
            unlisted_quiet += quiet.len() - few;
            if few > 0 {
                html.element("li", &[("class", "quiet")], |html| {
                    for twig in &quiet[..few] {
                        html.leaf("code", &[], &format!("{}{}", shortened(&twig.name, self.most), slash(twig)));
                        html.text(" ");
                    }
                });
            }
            // What is not listed of the folders in it, they say themselves.
            let of_folders: usize = folder.below.iter().map(|twig| twig.changes - listed(twig)).sum();
            more(html, "li", unlisted.saturating_sub(of_folders), "change");
            if unlisted_quiet > 0 {
                let entries = if unlisted_quiet == 1 { "entry" } else { "entries" };
                html.leaf("li", &[("class", "more")], &format!("and {unlisted_quiet} unchanged {entries}"));
            }
        });
    }

    fn entry(&mut self, html: &mut Html, twig: &Twig, depth: usize) {
        let class = look(twig.mark).map_or("", |look| look.class);
        html.element("li", &[("class", class)], |html| {
            if twig.is_leaf() {
                return self.name(html, twig);
            }
            let is_open = twig.changes > 0 && (self.is_open || depth == 0);
            let open: &[(&'static str, &str)] = if is_open { &[("open", "")] } else { &[] };
            html.element("details", open, |html| {
                html.element("summary", &[], |html| self.name(html, twig));
                self.below(html, twig, depth + 1);
            });
        });
    }

    fn name(&self, html: &mut Html, twig: &Twig) {
        let look = look(twig.mark);
        html.element("b", &[], |html| {
            html.text(look.map_or(" ", |look| look.symbol));
            if let Some(look) = look {
                html.leaf("span", &[("class", "unseen")], &format!(" {} ", look.word));
            }
        });
        html.leaf("code", &[], &format!("{}{}", shortened(&twig.name, self.most), slash(twig)));
        html.leaf("small", &[], &self.facts(twig));
    }

    /// What stands behind a name.
    fn facts(&self, twig: &Twig) -> String {
        let mut facts = Vec::new();
        facts.extend(files::target(&twig.file).map(|target| format!("→ {}", shortened(target, self.most))));
        match twig.mark {
            Mark::Unchanged => {}
            Mark::Removed { bytes: 0 } => {}
            Mark::Removed { bytes } => facts.push(format!("{} stay in a lower layer", size(bytes))),
            Mark::Added | Mark::Modified => {
                facts.push(format!("{} {}", files::mode(&twig.file), files::owner(&twig.file)));
            }
            Mark::Hidden { by, bytes: 0 } => facts.push(format!("removed by step {by}")),
            Mark::Hidden { by, bytes } => {
                facts.push(format!("removed by step {by} · {} stay in a lower layer", size(bytes)))
            }
        }
        if !matches!(twig.mark, Mark::Removed { .. } | Mark::Hidden { .. }) {
            facts.extend(files::size(&twig.file).map(size));
        }
        if twig.changes > 0 {
            facts.push(format!("{} below", count(twig.changes as u64, "change")));
        }
        facts.join(" · ")
    }
}

/// What a folder's name ends with.
fn slash(twig: &Twig) -> &'static str {
    if twig.file.kind == FileKind::Directory { "/" } else { "" }
}

/// How many entries with a mark are listed below one.
fn listed(twig: &Twig) -> usize {
    twig.below.iter().map(|twig| usize::from(twig.mark != Mark::Unchanged) + listed(twig)).sum()
}
