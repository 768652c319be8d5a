//! What is gone from a state and still in its layers: a file that a step deletes stays in the layer that brought it, hidden by a whiteout.
//!
//! A set for each state, made from that of the state before it. A stage that begins with another stage inherits what is hidden in that. What a
//! base image has hidden before the build is not looked for.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::machine::FileFacts;
use crate::oci::ChainId;
use crate::tree::{Change, Tree, TreePath};

/// The most paths that are remembered.
const MOST: usize = 2000;

/// A path that a later layer hides.
#[derive(Clone, Debug)]
pub(super) struct Former {
    /// The step that deleted it.
    pub(super) by: usize,
    pub(super) file: FileFacts,
    /// Its bytes, of a folder those of all files in it.
    pub(super) bytes: u64,
}

/// The paths that are hidden in a state. A folder stands for all that was in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Gone {
    pub(super) paths: Arc<BTreeMap<TreePath, Former>>,
    /// How many there are besides.
    pub(super) more: usize,
}

/// Those of the states so far, by their layers.
#[derive(Debug, Default)]
pub(super) struct Known(HashMap<ChainId, Gone>);

impl Known {
    pub(super) fn of(&self, chain: Option<ChainId>) -> Gone {
        chain.and_then(|chain| self.0.get(&chain)).cloned().unwrap_or_default()
    }

    pub(super) fn keep(&mut self, chain: Option<ChainId>, gone: Gone) {
        self.0.extend(chain.map(|chain| (chain, gone)));
    }
}

impl Gone {
    /// Without what these changes bring back.
    pub(super) fn without(&self, changes: &[Change]) -> Gone {
        let mut gone = self.clone();
        for change in changes {
            match change {
                Change::Added { path, .. } | Change::Modified { path, .. } if gone.paths.contains_key(path) => {
                    Arc::make_mut(&mut gone.paths).remove(path);
                }
                Change::Added { .. } | Change::Modified { .. } | Change::Deleted { .. } => {}
            }
        }
        gone
    }

    /// With what these changes, of step `by`, delete from a tree.
    pub(super) fn with(&self, by: usize, before: &Tree, changes: &[Change]) -> Gone {
        let mut gone = self.clone();
        for change in changes {
            let Change::Deleted { path, node } = change else { continue };
            if gone.paths.len() == MOST {
                gone.more += 1;
                continue;
            }
            let former = Former { by, file: FileFacts::of(node), bytes: bytes_at(before, path) };
            Arc::make_mut(&mut gone.paths).insert(path.clone(), former);
        }
        gone
    }
}

/// The bytes of a file, or of all files in a folder.
pub(super) fn bytes_at(tree: &Tree, path: &TreePath) -> u64 {
    tree.walk(path).filter_map(|(_, node)| node.content()).map(|content| content.size).sum()
}
