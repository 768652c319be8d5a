//! What a machine can be asked between two phases: where it stands, what its steps are, what was taken, what would come.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::actions::from::Fetching;
use super::asked::{Asked, Question};
use super::driver::{Machine, Phase};
use super::event::StepLabel;
use super::inputs::LoadedContext;
use super::phases::Progress;
use super::predict::{Foresight, Prediction, Predictor};
use super::taken::Taken;
use super::{Decision, Error, MissReason, Options, State};
use crate::cache::{Build, BuildStep, CacheKey, Entry, Record, Side};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::Instruction;

use crate::oci::Digest;
use crate::plan::Plan;
use crate::source::{SourceFile, Span};
use crate::tree::Tree;

impl Machine {
    pub fn plan(&self) -> &Plan {
        &self.steps.plan
    }

    /// The text of the Dockerfile.
    pub(crate) fn source(&self) -> &SourceFile {
        &self.source.file
    }

    /// The folder that is built from, and where the Dockerfile lies.
    pub(crate) fn places(&self) -> (Option<&Path>, Option<&Path>) {
        (self.source.context.as_deref(), self.source.dockerfile.as_deref())
    }

    /// The stages that have steps, each after what it needs.
    pub(crate) fn built_stages(&self) -> Vec<usize> {
        self.steps.stages()
    }

    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The steps taken, with the state after each.
    pub(crate) fn taken(&self) -> &[Taken] {
        &self.taken
    }

    pub(crate) fn step_count(&self) -> usize {
        self.steps.len()
    }

    /// The index of the step that comes next, or that is under way.
    pub(crate) fn position(&self) -> usize {
        self.taken.len()
    }

    /// How many steps were taken before the last change, and kept.
    pub(crate) fn kept(&self) -> usize {
        self.kept
    }

    pub fn is_done(&self) -> bool {
        self.taken.len() == self.steps.len()
    }

    /// The phase that [`Machine::advance`] would do next.
    pub(crate) fn phase(&self) -> Phase {
        match self.under_way.as_ref().map(|step| &step.progress) {
            None => Phase::Resolve,
            Some(Progress::Resolved(_)) => Phase::Decide,
            Some(Progress::Decided(_)) => Phase::Execute,
            Some(Progress::Executed(_)) => Phase::Write,
            Some(Progress::Written(_)) => Phase::Commit,
        }
    }

    /// What was decided for the step under way, once it was.
    pub(crate) fn decided(&self) -> Option<Decision> {
        self.under_way.as_ref()?.progress.decision()
    }

    /// What step `index` is called. `None` beyond the last.
    pub(crate) fn label(&self, index: usize) -> Option<StepLabel> {
        self.steps.label(index)
    }

    /// Where step `index` stands in the Dockerfile. A trigger stands where its FROM does.
    pub(crate) fn span(&self, index: usize) -> Option<Span> {
        self.steps.span(index)
    }

    /// The instruction of step `index`; `None` for FROM.
    pub(crate) fn instruction(&self, index: usize) -> Option<&Instruction> {
        self.steps.instruction(index)
    }

    /// Whether step `index` is a FROM.
    pub(crate) fn is_stage_start(&self, index: usize) -> bool {
        self.steps.is_stage_start(index)
    }

    /// The state that step `index` starts from: `None` for FROM, and for a step whose stage is not begun.
    pub(crate) fn state_before(&self, index: usize) -> Option<Arc<State>> {
        let step = self.steps.get(index).filter(|_| !self.steps.is_stage_start(index))?;
        self.taken.state_of(step.stage, index)
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
    pub(crate) fn context(&self) -> Result<&LoadedContext, Error> {
        self.inputs.context()
    }

    /// Foresees a range of steps, up to the first that is wrong. Steps before it are taken as they were. Nothing is executed, and no
    /// image is made.
    pub(crate) fn foresee(&self, steps: Range<usize>) -> Foresight {
        self.predictor(steps.start).until(steps.end)
    }

    /// Predicts the build up to the first step that is wrong, and gives all mistakes that can be found without running anything,
    /// each on its step.
    pub(crate) fn foresee_all(&self) -> (Vec<Prediction>, Vec<Diagnostic>) {
        self.predictor(0).all()
    }

    fn predictor(&self, first: usize) -> Predictor<'_> {
        Predictor::new(self.resolver(Fetching::Foreseen), self.decider(), &self.taken, first)
    }

    /// The number of this build among the past builds. The first call takes one.
    ///
    /// # Errors
    /// The folder of the past builds can't be read or written to.
    pub(crate) fn build_number(&self) -> Result<u64, Error> {
        Ok(self.past.number()?)
    }

    /// The record of a key, of this home or of a shared cache.
    ///
    /// # Errors
    /// It is there and can't be read.
    pub(crate) fn record(&self, key: CacheKey) -> Result<Option<Record>, Error> {
        self.decider().record(key)
    }

    /// The entries of a listing, of this home or of a shared cache.
    pub(crate) fn listing(&self, digest: Digest) -> Option<Vec<Entry>> {
        self.decider().stored_listing(digest)
    }

    /// The past builds of the same context and Dockerfile, newest first; then those that came with shared caches.
    ///
    /// # Errors
    /// Their folder can't be read.
    pub(crate) fn earlier_builds(&self) -> Result<&[Build], Error> {
        self.past.earlier()
    }

    /// The step of a past build that a step of this one is compared with.
    pub(crate) fn counterpart<'b>(&self, build: &'b Build, index: usize) -> Option<&'b BuildStep> {
        self.past.counterpart(build, &self.steps, index)
    }

    /// Compares a step with its counterpart in one past build.
    ///
    /// # Errors
    /// A record can't be read.
    pub(crate) fn against(&self, index: usize, asked: Asked<'_>, build: &Build) -> Result<MissReason, Error> {
        let question = Question { index, before: &self.taken, asked };
        self.decider().against(question, build)
    }

    /// All ingredients of a step beside those of its counterpart in one past build; `None` where that is not known any more.
    ///
    /// # Errors
    /// A record can't be read.
    pub(crate) fn side_by_side(
        &self,
        index: usize,
        asked: Asked<'_>,
        build: &Build,
    ) -> Result<Option<Vec<Side>>, Error> {
        self.decider().side_by_side(index, asked, build)
    }

    /// What is suspicious about the Dockerfile, in its order.
    pub(crate) fn warnings(&self) -> &[Diagnostic] {
        &self.steps.plan.warnings
    }
}
