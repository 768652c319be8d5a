//! What a step is about to do, as far as it is known before anything is done.
//!
//! Each action gives one when it is resolved. From then on nothing depends on the Dockerfile any more.

use std::sync::Arc;

use super::State;
use crate::cache::{CacheKey, Ingredients, Listing, Roots};

// ANCHOR: intent
/// What an instruction comes to in a state.
#[derive(Clone, Debug)]
pub(super) struct Intent {
    pub(crate) before: Arc<State>,
    /// The state after the step, except for its layer, its identity and its history.
    pub(crate) after: State,
    /// What the result depends on.
    pub(crate) ingredients: Ingredients,
    /// The listings that the ingredients point at.
    pub(crate) listings: Vec<Listing>,
    /// What the history says of it; `None` for ONBUILD, which is told where the image is built upon.
    pub(crate) history: Option<String>,
    /// The instruction after expansion, where that differs from the text.
    pub(crate) expanded: Option<String>,
}
// ANCHOR_END: intent

impl Intent {
    /// Something that depends on no listed files, and that no variable changes.
    pub(crate) fn new(before: &Arc<State>, after: State, ingredients: Ingredients, history: Option<String>) -> Intent {
        Intent { before: before.clone(), after, ingredients, listings: Vec::new(), history, expanded: None }
    }

    /// What the result is looked up by.
    pub(crate) fn key(&self) -> CacheKey {
        self.ingredients.key()
    }

    /// Where the files lay that the ingredients list.
    pub(super) fn roots(&self) -> Vec<Roots> {
        self.listings.iter().map(|listing| listing.roots.clone()).collect()
    }
}
