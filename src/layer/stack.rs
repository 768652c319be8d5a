//! The layers of one image, each over those below, and what all of them may ask for together.
//!
//! Each layer has its own bounds, but an image may have as many layers as its manifest has room for: a few kilobytes could fill any disk, one
//! harmless layer after the other, or have the same one read for hours. So what the layers hold is summed up.

use super::Error;
use super::limits::{Bound, Exceeded, FREE_OF_RATIO, Limits};
use super::merge::delta;
use crate::oci::Layer;
use crate::store::Store;
use crate::tree::Tree;

/// A tree that grows layer by layer.
pub(crate) struct Stack<'s> {
    store: &'s Store,
    limits: Limits,
    tree: Tree,
    /// The entries of all archives so far.
    entries: u64,
    /// Their bytes, uncompressed.
    expanded: u64,
    /// Their bytes as they are stored.
    stored: u64,
}

impl<'s> Stack<'s> {
    /// Nothing yet.
    pub(crate) fn new(store: &'s Store) -> Stack<'s> {
        let limits = Limits::of(store.limits());
        Stack { store, limits, tree: Tree::empty(), entries: 0, expanded: 0, stored: 0 }
    }

    /// Puts a layer on top.
    ///
    /// # Errors
    /// What [`delta`] says, and [`Error::Limit`] where it is too much together with those below.
    pub(crate) fn push(&mut self, layer: &Layer) -> Result<(), Error> {
        let delta = delta(self.store, &layer.descriptor, layer.diff_id, &self.tree)?;
        self.tree = delta.after;
        self.entries = self.entries.saturating_add(delta.entries);
        self.expanded = self.expanded.saturating_add(delta.bytes);
        self.stored = self.stored.saturating_add(layer.descriptor.size);
        self.check().map_err(|exceeded| Error::Limit { name: layer.diff_id.to_string(), exceeded })
    }

    fn check(&self) -> Result<(), Exceeded> {
        let Limits { ratio, image_size, image_entries, .. } = self.limits;
        let is_inflated = self.expanded > FREE_OF_RATIO && self.expanded / ratio.max(1) > self.stored;
        match () {
            () if self.entries > image_entries => Err(Exceeded { bound: Bound::ImageEntries, limit: image_entries }),
            () if self.expanded > image_size => Err(Exceeded { bound: Bound::ImageSize, limit: image_size }),
            () if is_inflated => Err(Exceeded { bound: Bound::ImageRatio, limit: ratio }),
            () => Ok(()),
        }
    }
}

/// Refuses an image that comes from elsewhere and has more layers than one may have. `name` is for the message.
///
/// # Errors
/// [`Error::Limit`].
pub(crate) fn check_count(store: &Store, name: &str, count: usize) -> Result<(), Error> {
    let limit = Limits::of(store.limits()).image_layers;
    if count as u64 <= limit {
        return Ok(());
    }
    Err(Error::Limit { name: name.to_owned(), exceeded: Exceeded { bound: Bound::ImageLayers, limit } })
}

/// The tree above all of the layers, lowest first.
///
/// # Errors
/// As [`Stack::push`].
pub fn tree_of(store: &Store, layers: &[Layer]) -> Result<Tree, Error> {
    let mut stack = Stack::new(store);
    for layer in layers {
        stack.push(layer)?;
    }
    Ok(stack.tree)
}
