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
    /// With escapes for what can't be shown.
    pub path: String,
    /// The file that is there now; of a deleted path, the file that was there.
    pub(crate) file: FileFacts,
}

/// What is told of one file: what a tree knows of it, except for its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileFacts {
    pub(crate) kind: FileKind,
    /// Permission bits with set-user-id, set-group-id and sticky.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// The kind of a file, with what only this kind has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum FileKind {
    File {
        size: u64,
    },
    Directory,
    Symlink {
        /// As it is shown.
        target: String,
    },
    CharDevice,
    BlockDevice,
    Fifo,
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
    /// What a process left: its files are gone by now.
    Told(Vec<PathChange>),
    /// What a record has of them.
    Noted(Noted),
}

/// How many changes a record has at most: what a view shows of a step.
const MOST_NOTED: usize = 20;

/// The first changes, and how many there are.
#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    first: Vec<PathChange>,
    count: usize,
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

    /// The same, where the places of the files do not last: what is told of them is noted now.
    pub(super) fn told(changes: &[Change]) -> Changes {
        let told = || Arc::new(Source::Told(changes.iter().map(PathChange::of).collect()));
        Changes((!changes.is_empty()).then(told))
    }

    /// The beginning of them, for a record.
    pub(super) fn for_record(&self) -> Option<serde_json::Value> {
        let noted = || Noted { first: self.iter().take(MOST_NOTED).collect(), count: self.len() };
        (!self.is_empty()).then(|| serde_json::to_value(noted()).ok()).flatten()
    }

    /// What a record tells of them.
    pub(super) fn from_record(told: Option<serde_json::Value>) -> Changes {
        let noted = told.and_then(|told| serde_json::from_value(told).ok());
        Changes(noted.map(|noted| Arc::new(Source::Noted(noted))))
    }

    /// Whether [`Changes::iter`] gives all of them.
    pub(crate) fn is_whole(&self) -> bool {
        match self.0.as_deref() {
            Some(Source::Noted(noted)) => noted.count == noted.first.len(),
            Some(Source::Placed { .. } | Source::Listed(_) | Source::Told(_)) | None => true,
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self.0.as_deref() {
            None => 0,
            Some(Source::Placed { count, .. }) => *count,
            Some(Source::Listed(changes)) => changes.len(),
            Some(Source::Told(changes)) => changes.len(),
            Some(Source::Noted(noted)) => noted.count,
        }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each of them, or the first ones where there is no more than a record.
    pub fn iter(&self) -> Box<dyn Iterator<Item = PathChange> + '_> {
        match self.0.as_deref() {
            None => Box::new(std::iter::empty()),
            Some(Source::Placed { placed, before, .. }) => Box::new(placed.entries().map(|(path, node)| {
                let kind = if before.get(&path).is_some() { ChangeKind::Modified } else { ChangeKind::Added };
                PathChange::new(kind, &path, node)
            })),
            Some(Source::Listed(changes)) => Box::new(changes.iter().map(PathChange::of)),
            Some(Source::Told(changes)) => Box::new(changes.iter().cloned()),
            Some(Source::Noted(noted)) => Box::new(noted.first.iter().cloned()),
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

impl PathChange {
    pub(super) fn of(change: &Change) -> PathChange {
        match change {
            Change::Added { path, node } => PathChange::new(ChangeKind::Added, path, node),
            Change::Modified { path, after, .. } => PathChange::new(ChangeKind::Modified, path, after),
            Change::Deleted { path, node } => PathChange::new(ChangeKind::Deleted, path, node),
        }
    }

    fn new(kind: ChangeKind, path: &TreePath, node: &Node) -> PathChange {
        PathChange { kind, path: path.to_string(), file: FileFacts::of(node) }
    }
}

impl FileFacts {
    pub(crate) fn of(node: &Node) -> FileFacts {
        let Metadata { mode, uid, gid, .. } = node.metadata;
        let kind = match &node.kind {
            Kind::File(content) => FileKind::File { size: content.size },
            Kind::Directory => FileKind::Directory,
            Kind::Symlink(target) => FileKind::Symlink { target: String::from_utf8_lossy(target).into_owned() },
            Kind::CharDevice { .. } => FileKind::CharDevice,
            Kind::BlockDevice { .. } => FileKind::BlockDevice,
            Kind::Fifo => FileKind::Fifo,
        };
        FileFacts { kind, mode, uid, gid }
    }
}
