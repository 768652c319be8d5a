//! The machine's driver: the list of steps, the list of states, and the phase that the step under way is in.
//!
//! Stepping back, jumping and comparing are indexing into [`Machine::taken`]. The list of steps grows only by ONBUILD
//! triggers, which are known when FROM has opened its image.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::changes::Changes;
use super::control::Control;
use super::event::{Event, Reporter, StepLabel};
use super::inputs::{Inputs, LoadedContext};
use super::resolve::Resolved;
use super::taken::{Taken, TakenSteps};
use super::warnings::Told;
use super::{Decision, Error, Options, State, Unsupported, run, supported};
use crate::cache::{Build, BuildStep, Builds, Counterparts, Record, Records, Reservation};
use crate::dockerfile::{self, Instruction, Located};
use crate::layer::Layer;
use crate::oci::{Descriptor, Digest};
use crate::plan::{self, Plan};
use crate::source::{SourceFile, Span};
use crate::tree::Tree;
use crate::world::{Stopwatch, World};

/// What is built: a Dockerfile, and the folder it may copy from.
#[derive(Clone, Debug)]
pub struct Source {
    pub file: SourceFile,
    /// `None`: there is no context, and COPY from it is an error.
    pub context: Option<PathBuf>,
    /// Where the Dockerfile lies, for `NAME.dockerignore`.
    pub dockerfile: Option<PathBuf>,
}

/// One step to take.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub stage: usize,
    pub kind: StepKind,
    /// Whether an ONBUILD put it here.
    pub trigger: bool,
}

#[derive(Clone, Debug)]
pub(super) enum StepKind {
    From,
    Instruction(Box<Located<Instruction>>),
}

/// The phase that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Resolve,
    Decide,
    Execute,
    Diff,
    Commit,
}

/// A step under way.
pub(super) struct Pending {
    pub label: Arc<StepLabel>,
    pub resolved: Resolved,
    pub watch: Stopwatch,
    pub phase: Phase,
    pub decision: Decision,
    pub hit: Option<Box<Record>>,
    pub executed: Executed,
    pub layer: Option<Layer>,
    pub changes: Changes,
}

/// What the execute phase leaves for the diff phase.
pub(super) enum Executed {
    /// Nothing was to be done, or the cache had it.
    Nothing,
    /// Files were placed in the tree, and are not written yet.
    Placed(super::copy::Placement, Tree),
    /// A process left its changes in a directory.
    Ran(run::Remains),
}

/// A build that is done.
#[derive(Clone, Debug)]
pub struct Finished {
    pub build: u64,
    pub image: Digest,
    pub manifest: Descriptor,
    pub cached: usize,
    pub ran: usize,
}

/// A build under way.
pub struct Machine {
    pub(super) world: Arc<World>,
    pub(super) options: Options,
    pub(super) source: Source,
    pub(super) plan: Plan,
    pub(super) steps: Vec<Step>,
    pub(super) records: Records,
    pub(super) builds: Builds,
    pub(super) inputs: Inputs,
    pub(super) control: Control,
    pub(super) taken: TakenSteps,
    pub(super) pending: Option<Pending>,
    pub(super) failed: Option<BuildStep>,
    /// This build's number, once something of it is to be remembered.
    pub(super) number: OnceCell<Reservation>,
    /// Past builds to compare with, newest first.
    pub(super) earlier: OnceCell<Vec<Build>>,
    /// Which of their steps correspond to those of this build, by their numbers.
    pub(super) counterparts: RefCell<HashMap<u64, Counterparts>>,
    pub(super) started: String,
    pub(super) watch: Stopwatch,
    pub(super) announced: Cell<bool>,
    pub(super) told: RefCell<Told>,
}

impl Machine {
    /// Parses and plans; runs nothing.
    ///
    /// # Errors
    /// [`Error::Diagnostics`] for a Dockerfile that can't be built.
    pub fn new(world: &Arc<World>, source: Source, options: Options, control: Control) -> Result<Machine, Error> {
        let file = dockerfile::parse_checked(&source.file, &options.request.limits, options.request.check()?);
        let file = file.into_dockerfile().map_err(Error::Diagnostics)?;
        let plan = plan::plan(&file, &options.request).map_err(Error::Diagnostics)?;
        if options.unsupported == Unsupported::Refused {
            supported::check(&plan).map_err(Error::Diagnostics)?;
        }
        let steps = plan.order.iter().flat_map(|&stage| steps_of(&plan, stage)).collect();
        let builds = Builds::open(world.home());
        Ok(Machine {
            inputs: Inputs::new(world, source.context.clone(), source.dockerfile.clone()),
            options,
            source,
            plan,
            steps,
            records: Records::open(world.home()),
            builds,
            control,
            taken: TakenSteps::default(),
            pending: None,
            failed: None,
            number: OnceCell::new(),
            earlier: OnceCell::new(),
            counterparts: RefCell::default(),
            started: world.clock.rfc3339(),
            watch: world.clock.stopwatch(),
            announced: Cell::new(false),
            told: RefCell::default(),
            world: world.clone(),
        })
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
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

    /// The number of this build among the past builds. The first call takes one.
    pub fn build_number(&self) -> Result<u64, Error> {
        if self.number.get().is_none() {
            // Nobody else can have set it meanwhile: the cell belongs to this thread.
            let _ = self.number.set(self.builds.reserve()?);
        }
        Ok(self.number.get().expect("it was just set").number)
    }

    /// The past builds of the same context and Dockerfile, newest first.
    pub fn earlier_builds(&self) -> Result<&[Build], Error> {
        if self.earlier.get().is_none() {
            let (context, dockerfile) = self.identity();
            let _ = self.earlier.set(self.builds.comparable(&context, &dockerfile)?);
        }
        Ok(self.earlier.get().expect("it was just set"))
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
        self.pending.as_ref().map_or(Phase::Resolve, |pending| pending.phase)
    }

    /// What step `index` is called. `None` beyond the last.
    pub fn label(&self, index: usize) -> Option<StepLabel> {
        let step = self.steps.get(index)?;
        let stage = &self.plan.stages[step.stage];
        let (instruction, lines) = match &step.kind {
            StepKind::From => (stage.source.from.text.clone(), stage.source.from.lines),
            StepKind::Instruction(instruction) => (instruction.text.clone(), instruction.lines),
        };
        Some(StepLabel {
            number: index + 1,
            total: self.steps.len(),
            stage: stage.label(),
            instruction,
            expanded: None,
            lines,
            trigger: step.trigger,
        })
    }

    /// The text of step `index`, continuations joined.
    pub fn instruction_text(&self, index: usize) -> Option<&str> {
        let step = self.steps.get(index)?;
        Some(match &step.kind {
            StepKind::From => &self.plan.stages[step.stage].source.from.text,
            StepKind::Instruction(instruction) => &instruction.text,
        })
    }

    /// What the stage of step `index` is called.
    pub fn stage_label(&self, index: usize) -> Option<String> {
        Some(self.plan.stages[self.steps.get(index)?.stage].label())
    }

    /// Where step `index` stands in the Dockerfile. A trigger stands where its FROM does.
    pub fn span(&self, index: usize) -> Option<Span> {
        let step = self.steps.get(index)?;
        Some(match &step.kind {
            StepKind::Instruction(instruction) if !step.trigger => instruction.span,
            _ => self.plan.stages[step.stage].source.from.span,
        })
    }

    /// The instruction of step `index`; `None` for FROM.
    pub fn instruction(&self, index: usize) -> Option<&Instruction> {
        match &self.steps.get(index)?.kind {
            StepKind::From => None,
            StepKind::Instruction(instruction) => Some(&instruction.value),
        }
    }

    /// The state that step `index` starts from: `None` for FROM, and for a step whose stage is not begun.
    pub fn state_before(&self, index: usize) -> Option<Arc<State>> {
        let step = self.steps.get(index)?;
        if matches!(step.kind, StepKind::From) {
            return None;
        }
        self.taken.last_of(step.stage, index).map(|taken| taken.state.clone())
    }

    /// The last state of a stage, once it is built.
    pub fn stage_state(&self, stage: usize) -> Option<Arc<State>> {
        self.taken.last_of(stage, usize::MAX).map(|taken| taken.state.clone())
    }

    /// The state after the last step that was taken.
    pub fn current(&self) -> Option<Arc<State>> {
        self.taken.last().map(|taken| taken.state.clone())
    }

    /// The file tree of a state.
    pub fn tree(&self, state: &State) -> Result<Tree, Error> {
        self.inputs.tree(state)
    }

    // ANCHOR: go-back
    /// The file tree that a step starts from; an empty one where nothing is below it.
    pub(super) fn tree_below(&self, before: &Option<Arc<State>>) -> Result<Tree, Error> {
        match before {
            Some(state) => self.tree(state),
            None => Ok(Tree::empty()),
        }
    }

    /// Goes back to where `count` steps are taken, dropping what is under way. What was committed stays in the store
    /// and in the cache.
    pub fn go_back_to(&mut self, count: usize) {
        self.pending = None;
        self.failed = None;
        self.taken.truncate(count);
    }
    // ANCHOR_END: go-back

    /// The build context; read when it is first asked for.
    pub fn context(&self) -> Result<&LoadedContext, Error> {
        self.inputs.context()
    }

    /// Reads the context now, before a step needs it, and tells of it.
    pub fn load_context(&self, sink: &mut dyn FnMut(&Event)) -> Result<(), Error> {
        let loaded = self.context()?.event();
        Reporter::of_build(self.watch, sink).tell(loaded);
        Ok(())
    }

    /// The nearest step before `index` that is a cause of misses in this build.
    pub(super) fn cause_before(&self, index: usize) -> Option<usize> {
        self.taken.cause_before(index)
    }
}

/// FROM and the instructions of one stage.
pub(super) fn steps_of(plan: &Plan, stage: usize) -> Vec<Step> {
    let instructions = plan.stages[stage].source.instructions.iter();
    let kinds = std::iter::once(StepKind::From).chain(instructions.cloned().map(Box::new).map(StepKind::Instruction));
    kinds.map(|kind| Step { stage, kind, trigger: false }).collect()
}

/// A machine may work in a thread of its own.
const _: fn() = || {
    fn is_sent<T: Send>() {}
    is_sent::<Machine>();
};
