//! Resolve: from an instruction and a state to exactly what is to be done, and from which ingredients.
//!
//! After this phase nothing depends on the Dockerfile any more: variables are expanded, files are found and listed, the
//! configuration after the step is known but for its layer.

use std::sync::Arc;

use super::configure::{self, Configured, Recorded, Scope};
use super::driver::{Machine, StepKind};
use super::files::CopyAction;
use super::from::Start;
use super::run::RunAction;
use super::workdir::WorkdirAction;
use super::{Error, State, supported};
use crate::cache::{Ingredient, Ingredients, Listing, Setting};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{Instruction, Limit, Limits};

/// What a step boils down to.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// FROM: a state is taken over, or made.
    Start(Box<Start>),
    /// Only the configuration changes.
    Configure,
    Copy(Box<CopyAction>),
    MakeDirectory(WorkdirAction),
    Run(Box<RunAction>),
}

/// A step, resolved.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    pub before: Option<Arc<State>>,
    /// The state after the step, but for its layer, its identity and its history.
    pub after: State,
    pub action: Action,
    /// `None` for FROM, which is looked up anew each time.
    pub ingredients: Option<Ingredients>,
    /// The listings that the ingredients point at.
    pub listings: Vec<Listing>,
    /// What the history says of it; `None` for FROM and ONBUILD.
    pub history: Option<String>,
    /// The instruction after expansion, where that differs from the text.
    pub expanded: Option<String>,
}

impl Machine {
    pub(super) fn scope(&self) -> Scope<'_> {
        Scope {
            escape: self.plan.escape,
            global_args: &self.plan.global_args,
            build_args: &self.options.request.build_args,
            limits: &self.options.request.limits,
        }
    }

    /// Resolves step `index` from the state before it.
    pub(super) fn resolve(&self, index: usize) -> Result<Resolved, Error> {
        match &self.steps[index].kind {
            StepKind::From => self.resolve_from(self.steps[index].stage, |stage| self.stage_state(stage)),
            StepKind::Instruction(instruction) => {
                let problems = supported::check_instruction(instruction);
                if !problems.is_empty() {
                    return Err(Error::Diagnostics(problems));
                }
                let before = self.state_before(index).expect("a stage begins with FROM");
                self.resolve_instruction(self.steps[index].stage, &instruction.value, &instruction.text, before)
            }
        }
    }

    /// Resolves an instruction of stage `stage` in any state.
    pub(super) fn resolve_instruction(
        &self,
        stage: usize,
        instruction: &Instruction,
        text: &str,
        before: Arc<State>,
    ) -> Result<Resolved, Error> {
        match instruction {
            Instruction::Copy(copy) => self.resolve_copy(stage, copy, before, |stage| self.stage_state(stage)),
            Instruction::Add(add) => self.resolve_add(add, before),
            Instruction::Workdir(workdir) => self.resolve_workdir(workdir, before),
            Instruction::Run(run) => self.resolve_run(run, before),
            _ => {
                let mut done = configure::configure(instruction, &before, &self.scope())?
                    .expect("every other instruction only configures");
                done.state.collected = bounded(&before, &done.text, &self.options.request.limits)?;
                Ok(configured(before, done, text))
            }
        }
    }
}

/// The bytes that a stage has collected with one more instruction, if that is not more than it may.
fn bounded(before: &State, text: &str, limits: &Limits) -> Result<usize, Diagnostic> {
    let collected = before.collected.saturating_add(text.len());
    if collected > limits.of(Limit::Configuration) {
        return Err(Limit::Configuration.exceeded(limits, "the variables, labels and other settings of this stage"));
    }
    Ok(collected)
}

/// A step without files. It depends on the base image and on its own text, and on nothing else: no such step makes a later
/// one miss.
pub(super) fn configured(before: Arc<State>, done: Configured, written: &str) -> Resolved {
    let Configured { state: after, text, history } = done;
    let mut ingredients = Ingredients::default();
    ingredients.push(Ingredient::setting(Setting::BaseImage, &*before.base));
    ingredients.push(Ingredient::Instruction { text: text.clone() });
    Resolved {
        before: Some(before),
        after,
        action: Action::Configure,
        ingredients: Some(ingredients),
        listings: Vec::new(),
        expanded: (text != written).then(|| text.clone()),
        history: (history == Recorded::Yes).then_some(text),
    }
}
