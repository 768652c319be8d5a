//! The files of a state in outline: what a step did to them comes first, as far up in the tree as there is room; then what lies around.
//!
//! ```text
//! / ─┬─ app      added, and 10 412 changes below it
//!    ├─ etc ───── passwd   modified
//!    └─ 14 others, unchanged
//! ```
//!
//! An outline has a bounded number of entries, whatever the state has. It says of each folder how many changes are below it and how many
//! entries of it are not listed, so what is left out is counted and never silent.

use std::collections::BTreeMap;

use serde::Serialize;

use super::gone::{Gone, bytes_at};
use crate::machine::FileFacts;
use crate::tree::{Change, Node, Tree, TreePath};

/// How many entries of the root, and of another folder, are listed although nothing happened to them.
const MOST_QUIET_IN_ROOT: usize = 24;
const MOST_QUIET: usize = 8;
/// The same of an outline in which nothing happened at all.
const MOST_QUIET_IN_FIRST: usize = 16;
/// How many hidden paths are listed.
const MOST_HIDDEN: usize = 40;

/// What happened to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mark {
    Unchanged,
    Added,
    Modified,
    /// It is gone since this step; its bytes, of a folder those of all files in it, stay in a layer below.
    Removed {
        bytes: u64,
    },
    /// It was removed by an earlier step, and still is in a layer below.
    Hidden {
        /// The number of that step.
        by: usize,
        bytes: u64,
    },
}

/// An entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct TreeEntry {
    /// With escapes for what is not text.
    pub(crate) name: String,
    pub(crate) file: FileFacts,
    pub(crate) mark: Mark,
    pub(crate) children: Vec<TreeEntry>,
    /// How many entries below it have a mark, listed or not.
    pub(crate) changes: usize,
    /// How many entries are in it that nothing happened to and that are not listed.
    pub(crate) quiet: usize,
}

impl TreeEntry {
    /// Whether nothing is to be said of what is in it.
    pub(crate) fn is_leaf(&self) -> bool {
        self.children.is_empty() && self.quiet == 0 && self.changes == 0
    }
}

/// How many entries have which mark, listed or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) added: usize,
    pub(crate) modified: usize,
    pub(crate) removed: usize,
    pub(crate) hidden: usize,
    /// How many entries the state has; known for the first of a stage only.
    pub(crate) all: Option<usize>,
}

/// The files of a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Outline {
    pub(crate) root: TreeEntry,
    pub(crate) counts: Counts,
}

/// A path with a mark, or above one.
#[derive(Default)]
struct Marked {
    mark: Option<(Mark, FileFacts)>,
    changes: usize,
    children: BTreeMap<Vec<u8>, Marked>,
    /// Its place in an order in which each comes before all that is below it.
    order: usize,
}

impl Outline {
    /// What changes have made of a tree, in which some paths are hidden since earlier steps.
    pub(super) fn of((before, after): (&Tree, &Tree), changes: &[Change], hidden: &Gone, most: usize) -> Outline {
        let mut root = Marked::default();
        let mut counts = Counts::default();
        for change in changes {
            let (mark, node, count) = match change {
                Change::Added { node, .. } => (Mark::Added, node, &mut counts.added),
                Change::Modified { after, .. } => (Mark::Modified, after, &mut counts.modified),
                Change::Deleted { path, node } => {
                    (Mark::Removed { bytes: bytes_at(before, path) }, node, &mut counts.removed)
                }
            };
            *count += 1;
            root.mark(change.path(), mark, FileFacts::of(node));
        }
        root.hide(hidden, &mut counts);
        root.put_in_order(most);
        Outline { root: root.into_entry(after, &TreePath::root(), &mut Room::new(most)), counts }
    }

    /// The first state of a stage: all of it was there before.
    pub(super) fn of_first(tree: &Tree, hidden: &Gone, most: usize) -> Outline {
        let all = tree.nodes().count().saturating_sub(1);
        let mut counts = Counts { all: Some(all), ..Counts::default() };
        let mut root = Marked::default();
        root.hide(hidden, &mut counts);
        root.look_around(tree, most);
        root.put_in_order(most);
        Outline { root: root.into_entry(tree, &TreePath::root(), &mut Room::new(most)), counts }
    }
}

impl Marked {
    fn mark(&mut self, path: &TreePath, mark: Mark, file: FileFacts) {
        let mut entry = self;
        for name in path.components() {
            entry.changes += 1;
            entry = entry.children.entry(name.to_vec()).or_default();
        }
        entry.mark = Some((mark, file));
    }

    fn hide(&mut self, hidden: &Gone, counts: &mut Counts) {
        counts.hidden = hidden.paths.len() + hidden.more;
        for (path, former) in hidden.paths.iter().take(MOST_HIDDEN) {
            self.mark(path, Mark::Hidden { by: former.by, bytes: former.bytes }, former.file.clone());
        }
    }

    /// Adds entries of a tree, level by level, a few of each folder.
    fn look_around(&mut self, tree: &Tree, most: usize) {
        let mut left = most;
        let mut level = vec![(TreePath::root(), self)];
        while !level.is_empty() && left > 0 {
            let mut next = Vec::new();
            for (path, entry) in level {
                let most = if path.is_root() { MOST_QUIET_IN_ROOT } else { MOST_QUIET_IN_FIRST };
                for (name, node) in tree.children(&path).take(most.min(left)) {
                    left -= 1;
                    let child = entry.children.entry(name.to_vec()).or_default();
                    child.mark.get_or_insert_with(|| (Mark::Unchanged, FileFacts::of(node)));
                }
                let children = entry.children.iter_mut().map(|(name, child)| (path.join(name), child));
                next.extend(children);
            }
            level = next;
        }
    }

    /// Numbers the first entries, level by level.
    fn put_in_order(&mut self, most: usize) {
        let mut number = 0;
        let mut level = vec![self];
        while !level.is_empty() {
            let mut next = Vec::new();
            for Marked { order, children, .. } in level {
                *order = number;
                number += 1;
                // Behind the last that is listed, none below is.
                if number <= most {
                    next.extend(children.values_mut());
                } else {
                    children.values_mut().for_each(|child| child.order = usize::MAX);
                }
            }
            level = next;
        }
    }

    /// The entry at a path of a tree, with what is listed below it.
    fn into_entry(self, tree: &Tree, path: &TreePath, room: &mut Room) -> TreeEntry {
        let others = tree.children(path).filter(|(name, _)| !self.children.contains_key(*name));
        let (around, mut quiet) = room.for_quiet(path, others);
        let mut children: BTreeMap<Vec<u8>, TreeEntry> = around.into_iter().collect();
        for (name, child) in self.children {
            if child.order <= room.listed {
                let entry = child.into_entry(tree, &path.join(&name), room);
                children.insert(name, entry);
            } else if matches!(child.mark, Some((Mark::Unchanged, _))) {
                quiet += 1;
            }
        }
        let there = || Some((Mark::Unchanged, FileFacts::of(tree.get(path)?)));
        // Above what is hidden there may be nothing any more.
        let nothing = || (Mark::Unchanged, FileFacts::of(&Node::directory(0o755)));
        let (mark, file) = self.mark.or_else(there).unwrap_or_else(nothing);
        TreeEntry {
            name: name(path),
            file,
            mark,
            children: children.into_values().collect(),
            changes: self.changes,
            quiet,
        }
    }
}

/// How much may be listed.
struct Room {
    /// The last place in the order that is.
    listed: usize,
    /// How many more of those that nothing happened to.
    quiet: usize,
}

impl Room {
    fn new(most: usize) -> Room {
        Room { listed: most, quiet: most / 2 }
    }

    /// The entries of a folder that nothing happened to, where they are few, and how many are not listed.
    fn for_quiet<'t>(
        &mut self,
        folder: &TreePath,
        others: impl Iterator<Item = (&'t [u8], &'t Node)>,
    ) -> (Vec<(Vec<u8>, TreeEntry)>, usize) {
        let most = if folder.is_root() { MOST_QUIET_IN_ROOT } else { MOST_QUIET }.min(self.quiet);
        let mut others = others.peekable();
        let mut first: Vec<(&[u8], &Node)> = others.by_ref().take(most).collect();
        let more = others.count();
        // Few of many would say nothing.
        let unlisted = if more > 0 { more + first.drain(..).len() } else { 0 };
        self.quiet -= first.len();
        let entry = |(entry, node): (&[u8], &Node)| {
            let (name, file, children) = (name(&folder.join(entry)), FileFacts::of(node), Vec::new());
            (entry.to_vec(), TreeEntry { name, file, mark: Mark::Unchanged, children, changes: 0, quiet: 0 })
        };
        (first.into_iter().map(entry).collect(), unlisted)
    }
}

/// The last name of a path, as a path is shown, without the slash at its front.
fn name(path: &TreePath) -> String {
    match path.file_name() {
        Some(name) => TreePath::new(name).to_string().split_off(1),
        None => "/".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::gone::Gone;
    use super::{Mark, Outline, TreeEntry};
    use crate::tree::{self, Node, Tree, TreePath};

    fn tree(paths: &[&str]) -> Tree {
        let mut tree = Tree::empty();
        for path in paths {
            let node = if path.ends_with('/') { Node::directory(0o755) } else { Node::file(0o644, path.as_bytes()) };
            tree.insert(&TreePath::new(path), node);
        }
        tree
    }

    fn drawn(entry: &TreeEntry, depth: usize, text: &mut String) {
        let mark = match entry.mark {
            Mark::Unchanged => ' ',
            Mark::Added => '+',
            Mark::Modified => '~',
            Mark::Removed { .. } => '-',
            Mark::Hidden { .. } => 'h',
        };
        let more = match (entry.changes, entry.quiet) {
            (0, 0) => String::new(),
            (changes, quiet) => format!("  {changes} changes, {quiet} quiet"),
        };
        text.push_str(&format!("{mark} {}{}{more}\n", "  ".repeat(depth), entry.name));
        entry.children.iter().for_each(|entry| drawn(entry, depth + 1, text));
    }

    #[test]
    fn changes_come_first_and_what_was_removed_stays_hidden() {
        let before = tree(&["a/", "a/old", "a/kept", "etc/", "etc/passwd", "gone/", "gone/x"]);
        let mut after = before.clone();
        after.remove(&TreePath::new("a/old"));
        after.remove(&TreePath::new("gone"));
        after.insert(&TreePath::new("etc/passwd"), Node::file(0o600, &b"other"[..]));
        after.insert(&TreePath::new("a/new"), Node::file(0o600, &b"new"[..]));
        let changes = tree::diff(&before, &after);
        let mut text = String::new();
        drawn(&Outline::of((&before, &after), &changes, &Gone::default(), 100).root, 0, &mut text);
        let gone = Gone::default().with(3, &before, &changes);
        let back = tree::diff(&after, &before);
        drawn(&Outline::of((&after, &after), &[], &gone, 100).root, 0, &mut text);
        assert!(gone.without(&back).paths.is_empty());
        insta::assert_snapshot!(text, @"
          /  4 changes, 0 quiet
            a  2 changes, 0 quiet
              kept
        +     new
        -     old
            etc  1 changes, 0 quiet
        ~     passwd
        -   gone
          /  2 changes, 0 quiet
            a  1 changes, 0 quiet
              kept
              new
        h     old
            etc
        h   gone
        ");
    }

    #[test]
    fn an_outline_is_bounded_and_counts_what_it_leaves_out() {
        let names: Vec<String> = (0..1000).map(|number| format!("many/{number:04}/file")).collect();
        let mut paths = vec!["many/"];
        let folders: Vec<String> = (0..1000).map(|number| format!("many/{number:04}/")).collect();
        paths.extend(folders.iter().map(String::as_str));
        paths.extend(names.iter().map(String::as_str));
        let after = tree(&paths);
        let changes = tree::diff(&Tree::empty(), &after);
        let outline = Outline::of((&Tree::empty(), &after), &changes, &Gone::default(), 4);
        assert_eq!((outline.counts.added, outline.root.changes), (2001, 2001));
        let mut text = String::new();
        drawn(&outline.root, 0, &mut text);
        drawn(&Outline::of_first(&after, &Gone::default(), 6).root, 0, &mut text);
        insta::assert_snapshot!(text, @"
          /  2001 changes, 0 quiet
        +   many  2000 changes, 0 quiet
        +     0000  1 changes, 0 quiet
        +     0001  1 changes, 0 quiet
        +     0002  1 changes, 0 quiet
          /
            many  0 changes, 995 quiet
              0000
                file
              0001
                file
              0002
                file
              0003  0 changes, 1 quiet
              0004  0 changes, 1 quiet
        ");
    }
}
