//! File trees on demand: the tree of a state is the fold of its layers, made once per chain.
//!
//! A build of nothing but cache hits asks for no tree and opens no layer. A tree is remembered by chain ID, and a longer
//! chain starts from the longest one that is known.

use std::cell::RefCell;
use std::collections::HashMap;

use super::Error;
use super::state::State;
use crate::layer::{self, Layer};
use crate::oci::ChainId;
use crate::store::Store;
use crate::tree::Tree;

/// The trees made so far.
#[derive(Debug, Default)]
pub struct Trees(RefCell<HashMap<ChainId, Tree>>);

impl Trees {
    // ANCHOR: tree-of-a-state
    /// The tree of a state.
    pub fn of(&self, store: &Store, state: &State) -> Result<Tree, Error> {
        self.of_layers(store, &state.layers)
    }

    /// The tree above layers, the lowest first.
    pub fn of_layers(&self, store: &Store, layers: &[Layer]) -> Result<Tree, Error> {
        let mut chains: Vec<ChainId> = Vec::with_capacity(layers.len());
        for layer in layers {
            chains.push(ChainId::extend(chains.last().copied(), layer.diff_id));
        }
        let known = self.0.borrow();
        let start = chains.iter().rposition(|chain| known.contains_key(chain));
        let (mut tree, first) = match start {
            Some(index) => (known[&chains[index]].clone(), index + 1),
            None => (Tree::empty(), 0),
        };
        drop(known);
        for (layer, chain) in layers[first..].iter().zip(&chains[first..]) {
            layer::apply(store, &layer.descriptor, layer.diff_id, &mut tree)?;
            self.0.borrow_mut().insert(*chain, tree.clone());
        }
        Ok(tree)
    }
    // ANCHOR_END: tree-of-a-state
}
