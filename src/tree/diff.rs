//! What differs between two trees.

use std::cmp::Ordering;
use std::sync::Arc;

use super::map::Entry;
use super::{Node, Tree, TreePath};

/// One difference between two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A file that was not there. A new directory is followed by everything in it.
    Added {
        /// Where.
        path: TreePath,
        /// What.
        node: Node,
    },
    /// A file that is another now. A directory that became something else loses what was in it without further mention.
    Modified {
        /// Where.
        path: TreePath,
        /// What it was.
        before: Node,
        /// What it is.
        after: Node,
    },
    /// A file that is gone; a directory that is gone is one change.
    Deleted {
        /// Where.
        path: TreePath,
        /// What it was.
        node: Node,
    },
}

impl Change {
    /// The path that changed.
    pub fn path(&self) -> &TreePath {
        match self {
            Change::Added { path, .. } | Change::Modified { path, .. } | Change::Deleted { path, .. } => path,
        }
    }

    /// Whether a directory changed in nothing but its modification time: the trace of a change inside it.
    pub fn is_directory_time(&self) -> bool {
        match self {
            Change::Modified { before, after, .. } if before.is_directory() && after.is_directory() => {
                let mut timeless = before.metadata.clone();
                timeless.mtime = after.metadata.mtime;
                timeless.mtime_nanos = after.metadata.mtime_nanos;
                timeless == after.metadata
            }
            _ => false,
        }
    }
}

/// Lists what differs, sorted by path. Directories that the two trees share are not entered, so the time depends on the
/// size of the difference (and of the directories in which it lies), not on that of the trees.
///
/// Files are compared by metadata and by the place of their bytes, see [`Node::same`]; nothing is read.
pub fn diff(before: &Tree, after: &Tree) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(&before.root, &after.root, &TreePath::root(), &mut changes);
    changes
}

// ANCHOR: compare
fn compare(before: &Arc<Entry>, after: &Arc<Entry>, path: &TreePath, changes: &mut Vec<Change>) {
    if Arc::ptr_eq(before, after) {
        return;
    }
    if !before.node.same(&after.node) {
        changes.push(Change::Modified { path: path.clone(), before: before.node.clone(), after: after.node.clone() });
    }
    if !after.node.is_directory() || (before.children.is_empty() && after.children.is_empty()) {
        return;
    }
    let mut old = before.children.iter().peekable();
    let mut new = after.children.iter().peekable();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((old_name, _)), Some((new_name, _))) => old_name.cmp(new_name),
        };
        let gone = if order.is_le() { old.next() } else { None };
        let come = if order.is_ge() { new.next() } else { None };
        match (gone, come) {
            (Some((_, gone)), Some((name, come))) => {
                if !Arc::ptr_eq(gone, come) {
                    compare(gone, come, &path.join(&**name), changes);
                }
            }
            (Some((name, gone)), None) => {
                changes.push(Change::Deleted { path: path.join(&**name), node: gone.node.clone() });
            }
            (None, Some((name, come))) => added(come, path.join(&**name), changes),
            (None, None) => return,
        }
    }
}
// ANCHOR_END: compare

fn added(entry: &Entry, path: TreePath, changes: &mut Vec<Change>) {
    changes.push(Change::Added { path: path.clone(), node: entry.node.clone() });
    for (name, child) in entry.children.iter() {
        added(child, path.join(&**name), changes);
    }
}
