//! Prediction: what would hit if it ran now, without running anything.
//!
//! A step after one that would hit starts from a state that is known, and so does one after a step with inputs that no build had:
//! whatever that leaves, nothing was made from it yet. Three things stay unknown: what reads a result that does not exist yet
//! (COPY --from a stage that would run), what a server would have to be asked for (ADD of a URL), and what follows a step that
//! has a result but would run again, since it may leave the same files or others.

use std::collections::HashMap;
use std::sync::Arc;

use super::actions::from::Known;
use super::actions::run;
use super::asked::{Asked, Before};
use super::decide::{Decider, Found};
use super::event::StepLabel;
use super::intent::Intent;
use super::noted::Noted;
use super::resolve::{Action, Planned, Resolved, Resolver};
use super::state::FilesAfter;
use super::steps::{StepKind, Steps};
use super::taken::TakenSteps;
use super::{CacheUse, Error, State, supported};
use crate::cache::{Decision, Ingredients, Listing, MissReason, Roots, StepResult};
use crate::diagnostic::{Diagnostic, MOST_MESSAGES};
use crate::dockerfile::{Instruction, Located, WithFiles};
use crate::images;
use crate::plan::CopySource;

/// What is foreseen for one step.
#[derive(Clone, Debug)]
pub struct Prediction {
    pub(crate) label: StepLabel,
    pub(crate) decision: Decision,
    pub(crate) ingredients: Option<Ingredients>,
    /// Where the files lie that the ingredients list.
    pub(crate) roots: Vec<Roots>,
    /// The listings that the ingredients point at; they may not be stored yet.
    pub(crate) listings: Vec<Listing>,
    /// What is suspicious about it.
    pub(crate) warnings: Vec<Diagnostic>,
}

/// What is foreseen of a build, as far as it can be.
#[derive(Debug)]
pub(crate) struct Foresight {
    pub(crate) steps: Vec<Prediction>,
    /// Where it ends before its time.
    pub(crate) wrong: Option<Wrong>,
}

/// A step that would fail before anything is executed: a file or an image is missing, a variable is bad.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) index: usize,
    pub(crate) error: Error,
}

/// A state that may not exist yet.
#[derive(Clone)]
struct Foreseen {
    state: Arc<State>,
    files: Known,
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
            let state = self.taken.state_of(stage, self.first)?;
            Some(Foreseen { state, files: Known::Exist })
        };
        self.foreseen.get(&stage).cloned().or_else(taken)
    }

    fn state(&self, stage: usize) -> Option<Arc<State>> {
        Some(self.get(stage)?.state)
    }
}

/// What is known of a step whose inputs are not known.
enum Beforehand {
    /// Nothing, and why.
    Unknown(String),
    /// Whatever they are, no step had them: it starts from files that do not exist yet, or nothing was ever built here.
    New,
}

/// What is foreseen of one step, and of the state after it where it is known that far.
struct Outlook {
    prediction: Prediction,
    next: Option<Foreseen>,
}

/// A prediction under way, step after step.
pub(super) struct Predictor<'m> {
    steps: &'m Steps,
    cache: &'m CacheUse,
    resolver: Resolver<'m>,
    decider: Decider<'m>,
    stages: Stages<'m>,
    /// What is foreseen so far, in the order of the steps.
    seen: Vec<Prediction>,
}

impl<'m> Predictor<'m> {
    /// Begins with step `first`. Steps before it are taken as they were.
    pub(crate) fn new(
        resolver: Resolver<'m>,
        decider: Decider<'m>,
        taken: &'m TakenSteps,
        first: usize,
    ) -> Predictor<'m> {
        let stages = Stages { taken, first, foreseen: HashMap::new() };
        Predictor { steps: resolver.steps, cache: decider.cache, resolver, decider, stages, seen: Vec::new() }
    }

    /// Predicts the steps up to, but without, `end`, or up to the first that is wrong.
    pub(crate) fn until(mut self, end: usize) -> Foresight {
        for index in self.stages.first..end.min(self.steps.len()) {
            match self.step(index) {
                Ok(prediction) => self.seen.extend(prediction),
                Err(error) => return Foresight { steps: self.seen, wrong: Some(Wrong { index, error }) },
            }
        }
        Foresight { steps: self.seen, wrong: None }
    }

    /// Predicts the steps up to the first that is wrong, and finds all mistakes that can be found without running anything, each on
    /// its step: after a step that is wrong it goes on as if that step were not there.
    pub(crate) fn all(mut self) -> (Vec<Prediction>, Vec<Diagnostic>) {
        let mut problems = Vec::new();
        let mut before_problems = None;
        for index in self.stages.first..self.steps.len() {
            match self.step(index) {
                Ok(prediction) => self.seen.extend(prediction),
                Err(error) => {
                    before_problems.get_or_insert(self.seen.len());
                    problems.extend(error.diagnostics_at(self.steps.span(index)));
                }
            }
            if problems.len() >= MOST_MESSAGES {
                break;
            }
        }
        self.seen.truncate(before_problems.unwrap_or(self.seen.len()));
        (self.seen, problems)
    }

    /// Predicts one step; `None` where its stage could not be begun.
    fn step(&mut self, index: usize) -> Result<Option<Prediction>, Error> {
        let Some(step) = self.steps.get(index) else { return Ok(None) };
        let noted = Noted::default();
        let outlook = match &step.kind {
            StepKind::From => self.start(index, &noted)?,
            StepKind::Instruction(instruction) => self.instruction(index, step.stage, instruction, &noted)?,
        };
        let (errors, warnings) = self.steps.judge(index, noted);
        if !errors.is_empty() {
            return Err(Error::Diagnostics(errors));
        }
        let Some(Outlook { prediction, next }) = outlook else { return Ok(None) };
        let next = next.or_else(|| {
            let before = self.stages.get(step.stage)?;
            let number = prediction.label.number;
            let files = match before.files {
                open @ Known::Open(_) => open,
                Known::Exist | Known::New => Known::Open(format!("depends on step {number}, which is unknown")),
            };
            Some(Foreseen { files, ..before })
        });
        self.stages.foreseen.extend(next.map(|next| (step.stage, next)));
        Ok(Some(Prediction { warnings, ..prediction }))
    }

    fn prediction(&self, index: usize, decision: Decision) -> Option<Prediction> {
        let label = self.steps.label(index)?;
        Some(Prediction {
            label,
            decision,
            ingredients: None,
            roots: Vec::new(),
            listings: Vec::new(),
            warnings: Vec::new(),
        })
    }

    fn start(&self, index: usize, noted: &Noted) -> Result<Option<Outlook>, Error> {
        let below = match self.steps.below(index) {
            Some(base) => match self.stages.get(base) {
                Some(base) => Some(base.files),
                None => return Ok(None),
            },
            None => None,
        };
        let Resolved::Start(start) = self.resolver.step(index, &|stage| self.stages.state(stage), noted)? else {
            return Ok(None);
        };
        let decision = self.decider.started(index, start.base())?;
        let files = below.unwrap_or(start.files);
        let next = Some(Foreseen { state: Arc::new(start.state), files });
        Ok(self.prediction(index, decision).map(|prediction| Outlook { prediction, next }))
    }

    fn instruction(
        &mut self,
        index: usize,
        stage: usize,
        instruction: &Located<Instruction>,
        noted: &Noted,
    ) -> Result<Option<Outlook>, Error> {
        let Some(before) = self.stages.get(stage) else { return Ok(None) };
        match self.beforehand(stage, instruction, &before)? {
            Some(Beforehand::Unknown(because)) => return Ok(self.open(index, because)),
            Some(Beforehand::New) => return Ok(self.certain_miss(index, before)),
            None => {}
        }
        match self.resolver.step(index, &|stage| self.stages.state(stage), noted) {
            Ok(Resolved::Start(_)) => Ok(None),
            Ok(Resolved::Instruction(planned)) => self.foresee(index, *planned, &before, noted),
            // An image to copy from that is not made yet is not a mistake of the step.
            Err(Error::Image(error @ images::Error::NotMade { .. })) => Ok(self.open(index, error.to_string())),
            // Nor is a URL that nobody asks for a prediction.
            Err(Error::NotAsked { .. }) if self.is_new(stage, &instruction.value, &before)? => {
                Ok(self.certain_miss(index, before))
            }
            Err(Error::NotAsked { because }) => Ok(self.open(index, because)),
            // Nor is a layer that nobody fetches for one.
            Err(error @ Error::Awaited { .. }) => Ok(self.open(index, error.to_string())),
            Err(error) => Err(error),
        }
    }

    /// A step of which nothing is known, nor of what it leaves.
    fn open(&self, index: usize, because: String) -> Option<Outlook> {
        let prediction = self.prediction(index, Decision::Unknown { because })?;
        Some(Outlook { prediction, next: None })
    }

    /// A step that misses, whatever it will read. What it leaves does not exist yet either.
    fn certain_miss(&self, index: usize, before: Foreseen) -> Option<Outlook> {
        let prediction = self.prediction(index, Decision::Miss { key: None, reason: MissReason::FirstTime })?;
        Some(Outlook { prediction, next: Some(Foreseen { files: Known::New, ..before }) })
    }

    fn foresee(
        &mut self,
        index: usize,
        planned: Planned,
        before: &Foreseen,
        noted: &Noted,
    ) -> Result<Option<Outlook>, Error> {
        let roots = planned.intent.roots();
        let found = self.decider.look_up(planned.question(index, &roots, self))?;
        let (state, known) = match &found {
            Found::Hit(record) => {
                let StepResult { layer, created, .. } = &record.result;
                (planned.state_after(FilesAfter::With(layer.as_ref()), created), before.files.clone())
            }
            Found::Miss(reason) => {
                if let Action::Run(execution) = &planned.action {
                    run::note_emulation(execution, self.resolver.inputs.world(), noted);
                }
                let touches_files = planned.action.touches_files();
                let known = if touches_files { after_miss(reason, index + 1) } else { before.files.clone() };
                (planned.state_after(FilesAfter::Foreseen, ""), known)
            }
        };
        let decision = found.decision(planned.intent.key());
        let next = Some(Foreseen { state: Arc::new(state), files: known });
        let Some(prediction) = self.prediction(index, decision) else { return Ok(None) };
        let Intent { ingredients, listings, .. } = planned.intent;
        let ingredients = Some(ingredients);
        Ok(Some(Outlook { prediction: Prediction { ingredients, roots, listings, ..prediction }, next }))
    }

    // ANCHOR: unknown
    /// What is known of a step that can't be looked up: it reads files of a stage that would have to run first, or comes after such a
    /// step, or can't run at all.
    fn beforehand(
        &self,
        stage: usize,
        instruction: &Located<Instruction>,
        before: &Foreseen,
    ) -> Result<Option<Beforehand>, Error> {
        if let Some(problem) = supported::check_instruction(instruction).into_iter().next() {
            return Ok(Some(Beforehand::Unknown(problem.message)));
        }
        let instruction = &instruction.value;
        let plan = &self.steps.plan;
        let is_asked = self.cache.asks_for(&plan.stages[stage].label());
        if let Known::Open(because) = &before.files
            && instruction.with_files().is_some()
            && is_asked
        {
            return Ok(Some(Beforehand::Unknown(because.clone())));
        }
        let does = if matches!(instruction, Instruction::Run(_)) { "mounts files of" } else { "copies from" };
        let Ok(sources) = plan.sources(stage, instruction) else { return Ok(None) };
        let is_to_come =
            |source: &usize| !matches!(self.stages.get(*source), Some(Foreseen { files: Known::Exist, .. }));
        let stages = sources.into_iter().filter_map(|source| match source {
            CopySource::Stage(source) => Some(source),
            CopySource::Image(_) | CopySource::Scratch | CopySource::Context(_) => None,
        });
        let Some(source) = stages.into_iter().find(is_to_come) else { return Ok(None) };
        if self.is_new(stage, instruction, before)? {
            return Ok(Some(Beforehand::New));
        }
        let because = format!("it {does} stage `{}`, which would run first", plan.stages[source].label());
        Ok(Some(Beforehand::Unknown(because)))
    }
    // ANCHOR_END: unknown

    /// Whether no step can have had the inputs of this one: it starts from files that do not exist yet, or nothing was ever built here.
    fn is_new(&self, stage: usize, instruction: &Instruction, before: &Foreseen) -> Result<bool, Error> {
        let is_asked = self.cache.asks_for(&self.steps.plan.stages[stage].label());
        // With `--link` the files before it are not in its key.
        let is_linked = match instruction.with_files() {
            Some(WithFiles::Copy(copy)) => copy.link,
            Some(WithFiles::Add(add)) => add.link,
            Some(WithFiles::Run(_) | WithFiles::Workdir(_)) | None => false,
        };
        let is_new = is_asked && matches!(before.files, Known::New) && !is_linked;
        Ok(is_new || self.decider.past.is_first()?)
    }
}

impl Before for Predictor<'_> {
    fn asked(&self, index: usize) -> Option<Asked<'_>> {
        match self.foreseen(index) {
            Some(Prediction { ingredients, roots, listings, .. }) => {
                Some(Asked { ingredients: ingredients.as_ref()?, roots, listings })
            }
            None => self.stages.taken.asked(index),
        }
    }

    fn decision(&self, index: usize) -> Option<&Decision> {
        self.foreseen(index).map(|prediction| &prediction.decision).or_else(|| self.stages.taken.decision(index))
    }
}

impl Predictor<'_> {
    /// What is foreseen of step `index`, if it was come to.
    fn foreseen(&self, index: usize) -> Option<&Prediction> {
        let place = self.seen.binary_search_by_key(&(index + 1), |prediction| prediction.label.number).ok()?;
        Some(&self.seen[place])
    }
}

/// What is known of the files that step `number` leaves, when it would miss.
fn after_miss(reason: &MissReason, number: usize) -> Known {
    match reason {
        MissReason::NoCache | MissReason::LayerGone | MissReason::NotImported { .. } => {
            Known::Open(format!("step {number} would have to run again first"))
        }
        MissReason::FirstTime
        | MissReason::Cause { .. }
        | MissReason::Follows { .. }
        | MissReason::NeverFinished { .. } => Known::New,
    }
}
