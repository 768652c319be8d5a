//! What is asked of the cache: the inputs of a step, and what is known of the steps before it.

use crate::cache::{Decision, Ingredients, Listing, Roots, StepInputs};

/// What a step depends on, and what is known of its files. `listings` are those of this step, which may not be stored yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) ingredients: &'a Ingredients,
    pub(crate) roots: &'a [Roots],
    pub(crate) listings: &'a [Listing],
}

impl<'a> Asked<'a> {
    pub(super) fn inputs(self) -> StepInputs<'a> {
        StepInputs { ingredients: self.ingredients, roots: self.roots }
    }
}

/// What is known of the steps before one.
pub(super) trait Before {
    /// The inputs of step `index`; `None` where they are not known.
    fn asked(&self, index: usize) -> Option<Asked<'_>>;

    /// What was decided about it, or is foreseen.
    fn decision(&self, index: usize) -> Option<&Decision>;
}

/// What is asked, and for which step.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    /// The step's place in the build.
    pub(crate) index: usize,
    /// The steps before it.
    pub(crate) before: &'a dyn Before,
    pub(crate) asked: Asked<'a>,
}
