//! File trees on demand: the tree of a state is the fold of its layers, made once per chain.
//!
//! A build of nothing but cache hits asks for no tree and opens no layer. A tree is remembered by chain ID, and a longer
//! chain starts from the longest one that is known.

use std::cell::RefCell;
use std::collections::HashMap;

use super::Error;
use super::state::State;
use crate::layer;
use crate::oci::{ChainId, Layer};
use crate::store::Store;
use crate::tree::Tree;

/// The tree above the layers of an image, the lowest first.
///
/// # Errors
/// A layer is not there, or damaged.
pub(crate) fn tree_of(store: &Store, layers: &[Layer]) -> Result<Tree, Error> {
    Trees::default().of_layers(store, layers)
}

/// The trees made so far.
#[derive(Debug, Default)]
pub(crate) struct Trees(RefCell<HashMap<ChainId, Tree>>);

impl Trees {
    // ANCHOR: tree-of-a-state
    /// The tree of a state.
    ///
    /// # Errors
    /// A layer is not there, or damaged.
    pub(crate) fn of(&self, store: &Store, state: &State) -> Result<Tree, Error> {
        self.fold(store, state.stack().iter().map(|stacked| (&stacked.layer, stacked.chain)))
    }

    /// The tree above layers, the lowest first.
    ///
    /// # Errors
    /// A layer is not there, or damaged.
    pub(crate) fn of_layers(&self, store: &Store, layers: &[Layer]) -> Result<Tree, Error> {
        let mut chains: Vec<ChainId> = Vec::with_capacity(layers.len());
        for layer in layers {
            chains.push(ChainId::extend(chains.last().copied(), layer.diff_id));
        }
        self.fold(store, layers.iter().zip(chains.iter().copied()))
    }

    /// The tree above a stack, the lowest layer first; each layer with what lies up to it.
    fn fold<'l>(
        &self,
        store: &Store,
        stack: impl DoubleEndedIterator<Item = (&'l Layer, ChainId)>,
    ) -> Result<Tree, Error> {
        let known = self.0.borrow();
        let mut missing = Vec::new();
        let mut tree = Tree::empty();
        // From the top down to the first that is known.
        for (layer, chain) in stack.rev() {
            if let Some(below) = known.get(&chain) {
                tree = below.clone();
                break;
            }
            missing.push((layer, chain));
        }
        drop(known);
        for (layer, chain) in missing.into_iter().rev() {
            layer::apply(store, &layer.descriptor, layer.diff_id, &mut tree)?;
            self.0.borrow_mut().insert(chain, tree.clone());
        }
        Ok(tree)
    }
    // ANCHOR_END: tree-of-a-state
}
