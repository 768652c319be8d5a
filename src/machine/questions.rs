//! What a machine can be asked between two phases: where it stands, what its steps are, what was taken, what would come.

use std::sync::Arc;

use super::control::Control;
use super::decide::{Asked, Question};
use super::driver::{Machine, Phase, Source};
use super::event::StepLabel;
use super::inputs::LoadedContext;
use super::phases::Progress;
use super::predict::{Prediction, Predictor};
use super::taken::Taken;
use super::{Decision, Error, MissReason, Options, State};
use crate::cache::{Build, BuildStep};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::Instruction;
use crate::plan::Plan;
use crate::source::Span;
use crate::tree::Tree;
use crate::world::World;

impl Machine {
    pub fn plan(&self) -> &Plan {
        &self.steps.plan
    }

    pub fn source(&self) -> &Source {
        &self.source
    }

    pub fn options(&self) -> &Options {
        &self.options
    }

    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// What acts on this machine from outside.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// The steps taken, with the state after each.
    pub fn taken(&self) -> &[Taken] {
        &self.taken
    }

    pub fn step_count(&self) -> usize {
        self.steps.len()
    }

    /// The index of the step that comes next, or that is under way.
    pub fn position(&self) -> usize {
        self.taken.len()
    }

    pub fn is_done(&self) -> bool {
        self.taken.len() == self.steps.len()
    }

    /// The phase that [`Machine::advance`] would do next.
    pub fn phase(&self) -> Phase {
        match self.under_way.as_ref().map(|step| &step.progress) {
            None => Phase::Resolve,
            Some(Progress::Resolved(_)) => Phase::Decide,
            Some(Progress::Decided(_)) => Phase::Execute,
            Some(Progress::Executed(_)) => Phase::Diff,
            Some(Progress::Written(_)) => Phase::Commit,
        }
    }

    /// What was decided for the step under way, once it was.
    pub fn decided(&self) -> Option<&Decision> {
        self.under_way.as_ref()?.progress.decision()
    }

    /// What step `index` is called. `None` beyond the last.
    pub fn label(&self, index: usize) -> Option<StepLabel> {
        self.steps.label(index)
    }

    /// The text of step `index`, continuations joined.
    pub fn instruction_text(&self, index: usize) -> Option<&str> {
        self.steps.text(index)
    }

    /// What the stage of step `index` is called.
    pub fn stage_label(&self, index: usize) -> Option<String> {
        self.steps.stage_label(index)
    }

    /// Where step `index` stands in the Dockerfile. A trigger stands where its FROM does.
    pub fn span(&self, index: usize) -> Option<Span> {
        self.steps.span(index)
    }

    /// The instruction of step `index`; `None` for FROM.
    pub fn instruction(&self, index: usize) -> Option<&Instruction> {
        self.steps.instruction(index)
    }

    /// Whether step `index` is a FROM.
    pub fn is_stage_start(&self, index: usize) -> bool {
        self.steps.is_stage_start(index)
    }

    /// The state that step `index` starts from: `None` for FROM, and for a step whose stage is not begun.
    pub fn state_before(&self, index: usize) -> Option<Arc<State>> {
        let step = self.steps.get(index).filter(|_| !self.steps.is_stage_start(index))?;
        self.taken.state_of(step.stage, index)
    }

    /// The last state of a stage, once it is begun.
    pub fn stage_state(&self, stage: usize) -> Option<Arc<State>> {
        self.taken.state_of(stage, usize::MAX)
    }

    /// The state after the last step that was taken.
    pub fn current(&self) -> Option<Arc<State>> {
        self.taken.last().map(|taken| taken.state.clone())
    }

    /// The file tree of a state.
    ///
    /// # Errors
    /// A layer of it is not there, or damaged.
    pub fn tree(&self, state: &State) -> Result<Tree, Error> {
        self.inputs.tree(state)
    }

    /// The build context; read when it is first asked for.
    ///
    /// # Errors
    /// There is none, or it can't be read.
    pub fn context(&self) -> Result<&LoadedContext, Error> {
        self.inputs.context()
    }

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
        Predictor::new(self.resolver(), self.decider(), &self.taken, first).until(end)
    }

    /// Predicts the whole build.
    ///
    /// # Errors
    /// All mistakes that can be found without running anything, each on its step.
    pub fn predict_all(&self) -> Result<Vec<Prediction>, Vec<Diagnostic>> {
        Predictor::new(self.resolver(), self.decider(), &self.taken, 0).all()
    }

    /// The number of this build among the past builds. The first call takes one.
    ///
    /// # Errors
    /// The folder of the past builds can't be read or written to.
    pub fn build_number(&self) -> Result<u64, Error> {
        self.past.number()
    }

    /// The past builds of the same context and Dockerfile, newest first.
    ///
    /// # Errors
    /// Their folder can't be read.
    pub fn earlier_builds(&self) -> Result<&[Build], Error> {
        self.past.earlier()
    }

    /// The step of a past build that a step of this one is compared with.
    pub fn counterpart<'b>(&self, build: &'b Build, index: usize) -> Option<&'b BuildStep> {
        self.past.counterpart(build, &self.steps, index)
    }

    /// Compares a step with its counterpart in one past build.
    ///
    /// # Errors
    /// A record can't be read.
    pub fn against(&self, index: usize, asked: Asked<'_>, build: &Build) -> Result<MissReason, Error> {
        let question = Question { index, cause: self.taken.cause_before(index), asked };
        self.decider().against(question, build)
    }

    /// What is suspicious about the Dockerfile, in its order.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.steps.plan.warnings
    }
}
