//! What each layer of a stack changes, and which layer above hides that again.

use std::collections::HashMap;

use super::{Error, delta};
use crate::oci::Layer;
use crate::store::Store;
use crate::tree::{Change, Tree, TreePath, diff};

/// A path that a layer changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Brought {
    pub(crate) change: Change,
    /// The place of the next layer above that has another file there, or none any more.
    pub(crate) hidden_by: Option<usize>,
}

/// What each of these layers changes, the lowest first. Only headers are read.
///
/// # Errors
/// A layer is not there, or damaged.
pub(crate) fn strata(store: &Store, layers: &[Layer]) -> Result<Vec<Vec<Brought>>, Error> {
    let mut tree = Tree::empty();
    let mut strata = Vec::with_capacity(layers.len());
    for layer in layers {
        let after = delta(store, &layer.descriptor, layer.diff_id, &tree)?.after;
        let brought = diff(&tree, &after).into_iter().map(|change| Brought { change, hidden_by: None });
        strata.push(brought.collect::<Vec<_>>());
        tree = after;
    }
    // From above, with what is hidden so far: by which layer, and whether all below it is hidden, too.
    let mut hidden: HashMap<TreePath, (usize, bool)> = HashMap::new();
    for (number, stratum) in strata.iter_mut().enumerate().rev() {
        for brought in stratum.iter_mut() {
            brought.hidden_by = hidden_by(&brought.change, &hidden);
        }
        for brought in stratum.iter() {
            match &brought.change {
                Change::Added { .. } => {}
                // A folder that stays one hides nothing.
                Change::Modified { before, after, .. } if before.is_directory() && after.is_directory() => {}
                Change::Modified { path, after, .. } => {
                    hidden.insert(path.clone(), (number, !after.is_directory()));
                }
                Change::Deleted { path, .. } => drop(hidden.insert(path.clone(), (number, true))),
            }
        }
    }
    Ok(strata)
}

fn hidden_by(change: &Change, hidden: &HashMap<TreePath, (usize, bool)>) -> Option<usize> {
    let path = match change {
        Change::Added { path, .. } | Change::Modified { path, .. } => path,
        // Nothing is there that could be hidden.
        Change::Deleted { .. } => return None,
    };
    let itself = hidden.get(path).map(|(number, _)| *number);
    let above = path.ancestors().into_iter().filter(|above| above != path);
    let with_folder =
        above.filter_map(|above| hidden.get(&above).filter(|(_, below)| *below).map(|(number, _)| *number));
    itself.into_iter().chain(with_folder).min()
}
