//! Which steps are why a step misses although its own inputs are the same.
//!
//! The files that a step starts from are made by the steps before it in its stage, and in the stage that FROM names. Of these the
//! causes are those that missed for a reason of their own and left other files. A hit whose key has the files before it says that
//! these are known again: what came before it is no cause for what comes after it.

use std::sync::Arc;

use crate::cache::{Decision, Ingredient, Ingredients, MOST_CAUSES};

/// The numbers of the causes before a step, in their order; of very many the nearest.
#[derive(Debug, Clone, Default)]
pub(crate) struct Causes(Arc<[usize]>);

impl Causes {
    /// Those before the step that comes after one of this number.
    pub(super) fn after(
        &self,
        number: usize,
        decision: &Decision,
        ingredients: Option<&Ingredients>,
        files: Files,
    ) -> Causes {
        let is_parent = |ingredient: &Ingredient| matches!(ingredient, Ingredient::Parent { .. });
        match decision {
            Decision::Hit { .. } if ingredients.is_some_and(|all| all.iter().any(is_parent)) => Causes::default(),
            Decision::Miss { reason, .. } if !reason.is_consequence() && files == Files::Others => self.and(number),
            Decision::Hit { .. } | Decision::Miss { .. } | Decision::NotCached | Decision::Unknown { .. } => {
                self.clone()
            }
        }
    }

    /// These and one more.
    pub(super) fn and(&self, number: usize) -> Causes {
        let forgotten = (self.0.len() + 1).saturating_sub(MOST_CAUSES);
        Causes(self.0.iter().skip(forgotten).copied().chain([number]).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The numbers.
    pub(super) fn numbers(&self) -> Vec<usize> {
        self.0.to_vec()
    }
}

/// What a step leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Files {
    /// It changes none.
    Same,
    Others,
}
