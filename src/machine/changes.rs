//! The changed paths of a layer, as views show them.
//!
//! A layer may have hundreds of thousands of them, and most are never shown. So they are kept as the trees and nodes that they are anyway, and
//! each becomes a [`PathChange`] when somebody looks at it.

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::actions::copy::placed::Placed;
use crate::tree::{Change, Kind, Metadata, Node, Tree, TreePath};

/// What happened to one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    Added,
    Modified,
    Deleted,
}

/// One changed path of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathChange {
    pub kind: ChangeKind,
    pub path: String,
    /// Like `-rwxr-xr-x`; empty for a deleted path.
    pub(crate) mode: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) size: u64,
    /// A symbolic link's target.
    pub(crate) target: Option<String>,
}

/// The changed paths, in the order of a walk.
#[derive(Clone, Debug, Default)]
pub struct Changes(Option<Arc<Source>>);

#[derive(Debug)]
enum Source {
    /// The files that were placed over a tree.
    Placed { placed: Placed, before: Tree, count: usize },
    /// What two trees differ in.
    Listed(Vec<Change>),
    /// What a process left, as it is shown.
    Shown(Vec<PathChange>),
}

impl Changes {
    /// What placing files did to the tree before.
    pub(super) fn placed(placed: Placed, before: Tree) -> Changes {
        let count = placed.entries().count();
        Changes((count > 0).then(|| Arc::new(Source::Placed { placed, before, count })))
    }

    /// Changes that are known one by one.
    pub(crate) fn listed(changes: Vec<Change>) -> Changes {
        Changes((!changes.is_empty()).then(|| Arc::new(Source::Listed(changes))))
    }

    /// Changes that another process has seen.
    pub(super) fn shown(changes: Vec<PathChange>) -> Changes {
        Changes((!changes.is_empty()).then(|| Arc::new(Source::Shown(changes))))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self.0.as_deref() {
            None => 0,
            Some(Source::Placed { count, .. }) => *count,
            Some(Source::Listed(changes)) => changes.len(),
            Some(Source::Shown(changes)) => changes.len(),
        }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each of them.
    pub fn iter(&self) -> Box<dyn Iterator<Item = PathChange> + '_> {
        match self.0.as_deref() {
            None => Box::new(std::iter::empty()),
            Some(Source::Placed { placed, before, .. }) => Box::new(placed.entries().map(|(path, node)| {
                let kind = if before.get(&path).is_some() { ChangeKind::Modified } else { ChangeKind::Added };
                path_change(kind, &path, node)
            })),
            Some(Source::Listed(changes)) => Box::new(changes.iter().map(describe)),
            Some(Source::Shown(changes)) => Box::new(changes.iter().cloned()),
        }
    }
}

impl PartialEq for Changes {
    fn eq(&self, other: &Changes) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for Changes {}

impl Serialize for Changes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// A change as a view shows it.
pub(crate) fn describe(change: &Change) -> PathChange {
    match change {
        Change::Added { path, node } => path_change(ChangeKind::Added, path, node),
        Change::Modified { path, after, .. } => path_change(ChangeKind::Modified, path, after),
        Change::Deleted { path, node } => path_change(ChangeKind::Deleted, path, node),
    }
}

/// A node as a view shows it.
fn path_change(kind: ChangeKind, path: &TreePath, node: &Node) -> PathChange {
    let Metadata { mode, uid, gid, .. } = node.metadata;
    PathChange {
        kind,
        path: path.to_string(),
        mode: if kind == ChangeKind::Deleted { String::new() } else { mode_text(node, mode) },
        uid,
        gid,
        size: node.content().map_or(0, |content| content.size),
        target: match &node.kind {
            Kind::Symlink(target) => Some(String::from_utf8_lossy(target).into_owned()),
            _ => None,
        },
    }
}

/// Like `drwxr-xr-x`, as ls(1) prints it.
pub(crate) fn mode_text(node: &Node, mode: u32) -> String {
    let kind = match node.kind {
        Kind::Directory => 'd',
        Kind::File(_) => '-',
        Kind::Symlink(_) => 'l',
        Kind::CharDevice { .. } => 'c',
        Kind::BlockDevice { .. } => 'b',
        Kind::Fifo => 'p',
    };
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (bits & 1 != 0, mode & special != 0) {
            (true, false) => 'x',
            (false, false) => '-',
            (true, true) => letter,
            (false, true) => letter.to_ascii_uppercase(),
        });
    }
    text
}
