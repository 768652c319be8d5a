//! Resolve: from an instruction and a state to exactly what is to be done, and its ingredients.
//!
//! After this phase nothing depends on the Dockerfile any more: variables are expanded, files are found and listed, the
//! configuration after the step is known, except for its layer.

use std::sync::Arc;

use super::actions::configure::Applied;
use super::actions::{configure, copy, from, named, run, workdir};
use super::asked::{Asked, Before, Question};
use super::inputs::Inputs;
use super::intent::Intent;
use super::noted::Noted;
use super::scope::Scope;
use super::state::{Addition, FilesAfter, StageStates};
use super::steps::{StepKind, Steps};
use super::{Error, Options, State, supported};
use crate::cache::Roots;
use crate::dockerfile::{Instruction, Located, WithFiles};

use crate::plan::Base;

/// A step, resolved.
#[derive(Clone, Debug)]
pub(super) enum Resolved {
    /// FROM: a state is taken over, or made.
    Start(Box<from::Start>),
    Instruction(Box<Planned>),
}

/// An instruction, resolved.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(crate) intent: Intent,
    pub(crate) action: Action,
}

impl Planned {
    /// The question to the cache about step `index`, with what is known of the steps before it.
    pub(crate) fn question<'a>(&'a self, index: usize, roots: &'a [Roots], before: &'a dyn Before) -> Question<'a> {
        let Intent { ingredients, listings, .. } = &self.intent;
        Question { index, before, asked: Asked { ingredients, roots, listings } }
    }

    /// The state after the step, which was done at a time in RFC 3339.
    pub(crate) fn state_after(&self, files: FilesAfter<'_>, created: &str) -> State {
        let Intent { after, history, .. } = &self.intent;
        let files = if self.action.touches_files() { files } else { FilesAfter::Same };
        after.after(Addition { key: self.intent.key(), files, created_by: history.as_deref(), created })
    }
}

/// What is to be executed.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// Only the configuration changes.
    Configure,
    Copy(copy::CopyAction),
    MakeDirectory(workdir::Making),
    Run(run::Execution),
}

impl Action {
    /// Whether it has to do with files, so that the file system after it is another.
    pub(crate) fn touches_files(&self) -> bool {
        match self {
            Action::Configure => false,
            Action::Copy(_) | Action::MakeDirectory(_) | Action::Run(_) => true,
        }
    }
}

impl Resolved {
    /// What an instruction is about to do; `None` for FROM.
    pub(crate) fn intent(&self) -> Option<&Intent> {
        match self {
            Resolved::Start(_) => None,
            Resolved::Instruction(planned) => Some(&planned.intent),
        }
    }
}

/// What steps are resolved with.
#[derive(Clone, Copy)]
pub(super) struct Resolver<'m> {
    pub(crate) steps: &'m Steps,
    pub(crate) options: &'m Options,
    pub(crate) inputs: &'m Inputs,
    pub(crate) fetch: from::Fetching,
}

impl Resolver<'_> {
    /// Resolves step `index` from the last states of the stages. What is suspicious is noted.
    ///
    /// # Errors
    /// An image or a file that is not there, a bad variable, what is not supported.
    pub(crate) fn step(&self, index: usize, states: StageStates<'_>, noted: &Noted) -> Result<Resolved, Error> {
        let step = self.steps.get(index).ok_or(Error::NoStep { number: index + 1, total: self.steps.len() })?;
        match &step.kind {
            StepKind::From => {
                let (plan, search) = (&self.steps.plan, self.search(noted));
                let named = match &plan.stages[step.stage].base {
                    Base::Context(name) => Some(named::basis(name, search, self.inputs)?),
                    Base::Scratch | Base::Stage(_) | Base::Image(_) => None,
                };
                let start = from::resolve(step.stage, plan, search, states, named)?;
                Ok(Resolved::Start(Box::new(start)))
            }
            StepKind::Instruction(instruction) => {
                let problems = supported::check_instruction(instruction);
                if !problems.is_empty() {
                    return Err(Error::Diagnostics(problems));
                }
                let before = states(step.stage).expect("a stage begins with FROM");
                let planned = self.instruction(step.stage, &instruction.value, &before, states, noted);
                // The words of a trigger stand in another text.
                let planned = planned.map_err(|error| if step.trigger { error.nowhere() } else { error })?;
                Ok(Resolved::Instruction(Box::new(planned)))
            }
        }
    }

    /// The triggers of what the FROM of step `index` names, as far as they are known before anything is run: a stage has its own in the
    /// Dockerfile.
    ///
    /// # Errors
    /// A trigger can't be used, or there is no such image.
    pub(crate) fn known_triggers(&self, index: usize) -> Result<Vec<Located<Instruction>>, Error> {
        let plan = &self.steps.plan;
        match plan.stages[self.steps.stage(index)].base {
            Base::Scratch => Ok(Vec::new()),
            Base::Stage(base) => from::triggers(plan.stages[base].recorded_triggers(), self.options),
            Base::Image(_) | Base::Context(_) => match self.step(index, &|_| None, &Noted::default())? {
                Resolved::Start(start) => Ok(start.triggers),
                Resolved::Instruction(_) => Ok(Vec::new()),
            },
        }
    }

    fn instruction(
        &self,
        stage: usize,
        instruction: &Instruction,
        before: &Arc<State>,
        states: StageStates<'_>,
        noted: &Noted,
    ) -> Result<Planned, Error> {
        let scope = self.scope(noted);
        let Resolver { steps, inputs, .. } = *self;
        let surroundings = copy::Surroundings { scope, plan: &steps.plan, search: self.search(noted), inputs, states };
        let (intent, action) = match configure::apply(instruction, before, &scope)? {
            Applied::Configured(done) => (configure::resolve(*done, before, &scope)?, Action::Configure),
            Applied::Files(WithFiles::Copy(copy)) => {
                let (intent, action) = copy::resolve_copy(copy, stage, before, &surroundings)?;
                (intent, Action::Copy(action))
            }
            Applied::Files(WithFiles::Add(add)) => {
                let (intent, action) = copy::resolve_add(add, before, &surroundings)?;
                (intent, Action::Copy(action))
            }
            Applied::Files(WithFiles::Workdir(workdir)) => {
                let (intent, making) = workdir::resolve(workdir, before, &scope)?;
                (intent, making.map_or(Action::Configure, Action::MakeDirectory))
            }
            Applied::Files(WithFiles::Run(run)) => {
                let (intent, execution) = run::resolve(run, stage, before, &surroundings, self.options)?;
                (intent, Action::Run(execution))
            }
        };
        Ok(Planned { intent, action })
    }

    fn search<'n>(&'n self, noted: &'n Noted) -> from::Search<'n> {
        from::Search { store: &self.inputs.world().store, options: self.options, fetch: self.fetch, noted }
    }

    fn scope<'n>(&'n self, noted: &'n Noted) -> Scope<'n> {
        Scope {
            escape: self.steps.plan.escape,
            global_args: &self.steps.plan.global_args,
            build_args: &self.options.request.build_args,
            limits: &self.options.request.limits,
            noted,
        }
    }
}
