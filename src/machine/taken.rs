//! The steps that were taken, with the state after each; and by stage, which was the last.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use super::causes::{Causes, Files};
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
    /// For each step which steps may be why the next one of its stage misses.
    causes: Vec<Causes>,
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
    /// Adds a step; of a FROM that begins with another stage, which one that is.
    pub(crate) fn push(&mut self, taken: Taken, below: Option<usize>) {
        let Taken { label, stage, decision, ingredients, .. } = &taken;
        let end = self.steps.len();
        let before = self.causes_of(below.unwrap_or(*stage), end);
        let files = if taken.layer.is_some() { Files::Others } else { Files::Same };
        self.causes.push(before.after(label.number, decision, ingredients.as_ref(), files));
        self.by_stage.entry(*stage).or_default().push(end);
        self.steps.push(taken);
    }

    /// Lets go of all but the first `count`.
    pub(crate) fn truncate(&mut self, count: usize) {
        for taken in self.steps.drain(count.min(self.steps.len())..) {
            if let Some(steps) = self.by_stage.get_mut(&taken.stage) {
                steps.pop();
            }
        }
        self.causes.truncate(count);
    }

    /// The last step of a stage among the first `end` steps.
    pub(crate) fn last_of(&self, stage: usize, end: usize) -> Option<&Taken> {
        self.steps.get(self.last_index_of(stage, end)?)
    }

    fn last_index_of(&self, stage: usize, end: usize) -> Option<usize> {
        let steps = self.by_stage.get(&stage)?;
        let before = steps.partition_point(|index| *index < end);
        steps.get(before.checked_sub(1)?).copied()
    }

    /// The state after it.
    pub(crate) fn state_of(&self, stage: usize, end: usize) -> Option<Arc<State>> {
        Some(self.last_of(stage, end)?.state.clone())
    }

    /// The steps, among the first `end` ones, that may be why the next step of a stage misses.
    pub(crate) fn causes_of(&self, stage: usize, end: usize) -> Causes {
        self.last_index_of(stage, end).map(|index| self.causes[index].clone()).unwrap_or_default()
    }
}
