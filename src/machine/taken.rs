//! The steps that were taken, with the state after each; and by stage, which was the last.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use super::asked::{Asked, Before};
use super::event::{ConfigChange, StepLabel};
use super::state::State;
use crate::cache::{Decision, Ingredients, Roots};
use crate::oci::Layer;

// ANCHOR: taken
/// One step that was taken, with the state after it.
#[derive(Clone, Debug)]
pub struct Taken {
    pub label: StepLabel,
    pub(crate) stage: usize,
    pub state: Arc<State>,
    pub decision: Decision,
    pub(crate) ingredients: Option<Ingredients>,
    /// Where the files lay that the ingredients list.
    pub(crate) roots: Vec<Roots>,
    /// The layer that this step added.
    pub(crate) layer: Option<Layer>,
    pub(crate) config: Arc<[ConfigChange]>,
    pub(crate) milliseconds: u64,
}
// ANCHOR_END: taken

/// The list of them. It reads as a slice.
#[derive(Debug, Default)]
pub(crate) struct TakenSteps {
    steps: Vec<Taken>,
    /// For each stage its steps, by index.
    by_stage: HashMap<usize, Vec<usize>>,
}

impl Deref for TakenSteps {
    type Target = [Taken];

    fn deref(&self) -> &[Taken] {
        &self.steps
    }
}

impl TakenSteps {
    pub(crate) fn push(&mut self, taken: Taken) {
        self.by_stage.entry(taken.stage).or_default().push(self.steps.len());
        self.steps.push(taken);
    }

    /// Lets go of all but the first `count`.
    pub(crate) fn truncate(&mut self, count: usize) {
        for taken in self.steps.drain(count.min(self.steps.len())..) {
            if let Some(steps) = self.by_stage.get_mut(&taken.stage) {
                steps.pop();
            }
        }
    }

    /// The last step of a stage among the first `end` steps.
    pub(crate) fn last_of(&self, stage: usize, end: usize) -> Option<&Taken> {
        let steps = self.by_stage.get(&stage)?;
        let before = steps.partition_point(|index| *index < end);
        self.steps.get(steps[before.checked_sub(1)?])
    }

    /// The state after it.
    pub(crate) fn state_of(&self, stage: usize, end: usize) -> Option<Arc<State>> {
        Some(self.last_of(stage, end)?.state.clone())
    }
}

impl Before for TakenSteps {
    fn asked(&self, index: usize) -> Option<Asked<'_>> {
        let Taken { ingredients, roots, .. } = self.steps.get(index)?;
        Some(Asked { ingredients: ingredients.as_ref()?, roots, listings: &[] })
    }

    fn decision(&self, index: usize) -> Option<&Decision> {
        Some(&self.steps.get(index)?.decision)
    }
}
