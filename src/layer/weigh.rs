//! What layers weigh: how many bytes of files each brings, and how many of these the layers above it overwrite or delete.
//!
//! Such bytes are shipped with the image and never seen. A file that is only given another mode or owner by a later layer is in that
//! layer again, so the earlier one counts as overwritten, too.

use std::collections::HashMap;

use super::{Error, delta};
use crate::oci::{Digest, Layer};
use crate::store::Store;
use crate::tree::{Content, Place, Tree};

/// What one layer weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Weight {
    /// The bytes of its files; those with several names count once.
    pub(crate) files: u64,
    /// How many of these no file has any more above all the layers.
    pub(crate) wasted: u64,
}

/// Weighs layers, the lowest first. Only headers are read.
///
/// # Errors
/// A layer is not there, or damaged.
pub(crate) fn weigh(store: &Store, layers: &[Layer]) -> Result<Vec<Weight>, Error> {
    let mut tree = Tree::empty();
    let mut brought = Vec::with_capacity(layers.len());
    for layer in layers {
        let delta = delta(store, &layer.descriptor, layer.diff_id, &tree)?;
        brought.push(bytes_by_layer(&delta.own).remove(&layer.diff_id.0).unwrap_or(0));
        tree = delta.after;
    }
    let left = bytes_by_layer(&tree);
    let weight = |(layer, files): (&Layer, u64)| {
        let left = left.get(&layer.diff_id.0).copied().unwrap_or(0);
        Weight { files, wasted: files.saturating_sub(left) }
    };
    Ok(layers.iter().zip(brought).map(weight).collect())
}

/// The bytes of a tree's files, by the archive that they lie in.
fn bytes_by_layer(tree: &Tree) -> HashMap<Digest, u64> {
    let mut sizes: HashMap<(Digest, u64), u64> = HashMap::new();
    for Content { size, place } in tree.nodes().filter_map(|node| node.content()) {
        if let Place::Blob { blob, offset } = place {
            sizes.insert((**blob, *offset), *size);
        }
    }
    let mut bytes = HashMap::new();
    for ((blob, _), size) in sizes {
        *bytes.entry(blob).or_insert(0) += size;
    }
    bytes
}
