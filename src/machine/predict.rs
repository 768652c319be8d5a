//! Prediction: what would hit if it ran now, without running anything.
//!
//! A step after one that would hit starts from a state that is known, and so does one after a step with inputs that no build had:
//! whatever that leaves, nothing was made from it yet. Two things stay unknown: what reads a result that does not exist
//! (COPY --from a stage that would run), and what follows a step that has a result and would still run again, since it may
//! leave the same files or others.

use std::collections::HashMap;
use std::sync::Arc;

use super::advance::Files;
use super::decide::{self, Asked, Lookup};
use super::driver::{Machine, StepKind};
use super::event::StepLabel;
use super::resolve::Resolved;
use super::taken::TakenSteps;
use super::{Error, State, supported};
use crate::cache::{Decision, Ingredients, Listing, MissReason};
use crate::diagnostic::{Diagnostic, MOST_MESSAGES};
use crate::dockerfile::{Instruction, Located};
use crate::plan::{Base, CopySource};

/// What is foreseen for one step.
#[derive(Clone, Debug)]
pub struct Prediction {
    pub label: StepLabel,
    pub decision: Decision,
    pub ingredients: Option<Ingredients>,
    /// The listings that the ingredients point at; they may not be stored yet.
    pub listings: Vec<Listing>,
}

/// A state that may not exist yet.
#[derive(Clone)]
struct Foreseen {
    state: Arc<State>,
    files: Known,
}

/// What is known of the files of a state.
#[derive(Clone)]
enum Known {
    /// All: everything before it would hit.
    Exist,
    /// No build had them yet: what starts from them misses.
    New,
    /// Nothing, and why.
    Open(String),
}

/// The last state of each stage that is begun: foreseen, else of the steps that are taken.
struct Stages<'m> {
    taken: &'m TakenSteps,
    /// The step that the prediction begins with.
    first: usize,
    foreseen: HashMap<usize, Foreseen>,
}

impl Stages<'_> {
    fn get(&self, stage: usize) -> Option<Foreseen> {
        let taken = || {
            let taken = self.taken.last_of(stage, self.first)?;
            Some(Foreseen { state: taken.state.clone(), files: Known::Exist })
        };
        self.foreseen.get(&stage).cloned().or_else(taken)
    }
}

/// What is known on the way.
struct Foresight<'m> {
    stages: Stages<'m>,
    /// The number of the step that is the cause of the misses so far.
    cause: Option<usize>,
}

impl Machine {
    /// Predicts every step from `first` on. Steps before it are taken as they were.
    ///
    /// # Errors
    /// What resolving a step can say: a missing file or image, a bad variable.
    pub fn predict(&self, first: usize) -> Result<Vec<Prediction>, Error> {
        self.predict_until(first, self.steps.len())
    }

    /// Predicts the steps from `first` up to, but without, `end`.
    ///
    /// # Errors
    /// As [`Machine::predict`].
    pub fn predict_until(&self, first: usize, end: usize) -> Result<Vec<Prediction>, Error> {
        let mut foresight = self.foresight(first);
        let mut predictions = Vec::new();
        for index in first..end.min(self.steps.len()) {
            predictions.extend(self.predict_step(index, &mut foresight)?);
        }
        Ok(predictions)
    }

    /// Predicts the whole build.
    ///
    /// # Errors
    /// All mistakes that can be found without running anything, each on its step: after a step that is wrong it goes on as if that
    /// step were not there.
    pub fn predict_all(&self) -> Result<Vec<Prediction>, Vec<Diagnostic>> {
        let mut foresight = self.foresight(0);
        let mut predictions = Vec::new();
        let mut problems = Vec::new();
        for index in 0..self.steps.len() {
            match self.predict_step(index, &mut foresight) {
                Ok(prediction) => predictions.extend(prediction),
                Err(error) => problems.extend(error.diagnostics(self.span(index))),
            }
            if problems.len() >= MOST_MESSAGES {
                break;
            }
        }
        if problems.is_empty() { Ok(predictions) } else { Err(problems) }
    }

    /// What is known where step `first` begins.
    fn foresight(&self, first: usize) -> Foresight<'_> {
        let stages = Stages { taken: &self.taken, first, foreseen: HashMap::new() };
        Foresight { stages, cause: self.cause_before(first) }
    }

    /// Predicts one step; `None` where its stage could not be begun.
    fn predict_step(&self, index: usize, foresight: &mut Foresight<'_>) -> Result<Option<Prediction>, Error> {
        let label = self.label(index).expect("the index is in range");
        let stage = self.steps[index].stage;
        let stages = &foresight.stages;
        let mut listings = Vec::new();
        let (decision, ingredients, next) = match &self.steps[index].kind {
            StepKind::From => {
                let files = match self.plan.stages[stage].base {
                    Base::Stage(base) => match stages.get(base) {
                        Some(base) => base.files,
                        None => return Ok(None),
                    },
                    Base::Scratch | Base::Image(_) => Known::Exist,
                };
                let resolved = self.resolve_from(stage, |stage| stages.get(stage).map(|one| one.state))?;
                (Decision::NotCached, None, Some(Foreseen { state: Arc::new(resolved.after), files }))
            }
            StepKind::Instruction(instruction) => {
                let Some(before) = stages.get(stage) else { return Ok(None) };
                match self.unknown(stage, instruction, &before, stages) {
                    Some(because) => (Decision::Unknown { because }, None, None),
                    None => {
                        let resolved =
                            self.resolve_foreseen(stage, &instruction.value, &instruction.text, &before, stages)?;
                        let foreseen = self.foresee(index, &resolved, &before, &mut foresight.cause)?;
                        listings = resolved.listings;
                        foreseen
                    }
                }
            }
        };
        match next {
            Some(next) => {
                foresight.stages.foreseen.insert(stage, next);
            }
            None => {
                if let Some(before) = foresight.stages.get(stage) {
                    let files = Known::Open("a step before it is not known yet".into());
                    foresight.stages.foreseen.insert(stage, Foreseen { files, ..before });
                }
            }
        }
        Ok(Some(Prediction { label, decision, ingredients, listings }))
    }

    fn foresee(
        &self,
        index: usize,
        resolved: &Resolved,
        before: &Foreseen,
        cause: &mut Option<usize>,
    ) -> Result<(Decision, Option<Ingredients>, Option<Foreseen>), Error> {
        let ingredients = resolved.ingredients.clone().unwrap_or_default();
        let (mut decision, record) = match decide::look_up(
            self,
            index,
            Asked { ingredients: &ingredients, roots: &resolved.roots(), listings: &resolved.listings },
        )? {
            Lookup::Hit(record, decision) => (decision, Some(record)),
            Lookup::Miss(decision) => (decision, None),
        };
        let touches_files = resolved.touches_files();
        if let Decision::Miss { reason, .. } = &mut decision {
            match reason {
                MissReason::Follows { step, .. } => *step = *cause,
                MissReason::FirstTime
                | MissReason::Cause { .. }
                | MissReason::NoCache
                | MissReason::LayerGone
                | MissReason::NeverFinished { .. } => {
                    if touches_files {
                        *cause = Some(index + 1);
                    }
                }
            }
        }
        let created = record.as_ref().map_or_else(String::new, |record| record.result.created.clone());
        let files = match (&record, touches_files) {
            (Some(record), true) => Files::Made(record.result.layer.as_ref()),
            (None, true) => Files::Foreseen,
            (_, false) => Files::Made(None),
        };
        let known = match &decision {
            Decision::Miss { reason, .. } if touches_files => after_miss(reason, index + 1),
            _ => before.files.clone(),
        };
        let next = Foreseen { state: Arc::new(resolved.next_state(files, &created)), files: known };
        Ok((decision, Some(ingredients), Some(next)))
    }

    fn resolve_foreseen(
        &self,
        stage: usize,
        instruction: &Instruction,
        text: &str,
        before: &Foreseen,
        stages: &Stages<'_>,
    ) -> Result<Resolved, Error> {
        if let Instruction::Copy(copy) = instruction
            && let Some(CopySource::Stage(source)) = self.plan.copy_source(stage, copy)?
            && let Some(foreseen) = stages.get(source)
        {
            return self.resolve_copy(stage, copy, before.state.clone(), |_| Some(foreseen.state.clone()));
        }
        self.resolve_instruction(stage, instruction, text, before.state.clone())
    }

    // ANCHOR: unknown
    /// Why a step can't be foreseen: it reads files of a stage that would have to run first, or comes after such a step, or
    /// can't run at all.
    fn unknown(
        &self,
        stage: usize,
        instruction: &Located<Instruction>,
        before: &Foreseen,
        stages: &Stages<'_>,
    ) -> Option<String> {
        if let Some(problem) = supported::check_instruction(instruction).into_iter().next() {
            return Some(problem.message);
        }
        let instruction = &instruction.value;
        let touches_files = matches!(
            instruction,
            Instruction::Add(_) | Instruction::Copy(_) | Instruction::Run(_) | Instruction::Workdir(_)
        );
        let is_asked = self.options.cache.asks_for(&self.plan.stages[stage].label());
        if let Known::Open(because) = &before.files
            && touches_files
            && is_asked
        {
            return Some(because.clone());
        }
        let Instruction::Copy(copy) = instruction else { return None };
        let Ok(Some(CopySource::Stage(source))) = self.plan.copy_source(stage, copy) else { return None };
        match stages.get(source) {
            Some(Foreseen { files: Known::Exist, .. }) => None,
            _ => Some(format!("it copies from stage `{}`, which would run first", self.plan.stages[source].label())),
        }
    }
    // ANCHOR_END: unknown
}

/// What is known of the files that step `number` leaves, when it would miss.
fn after_miss(reason: &MissReason, number: usize) -> Known {
    match reason {
        MissReason::NoCache | MissReason::LayerGone => {
            Known::Open(format!("step {number} would have to run again first"))
        }
        MissReason::FirstTime
        | MissReason::Cause { .. }
        | MissReason::Follows { .. }
        | MissReason::NeverFinished { .. } => Known::New,
    }
}
