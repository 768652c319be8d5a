//! The machine's driver: the list of steps, the list of states, and the phase that the step under way is in.
//!
//! Stepping back, jumping and comparing are indexing into [`Machine::taken`]. The list of steps grows only by ONBUILD
//! triggers, which are known when FROM has opened its image.

use std::cell::{Cell, OnceCell, RefCell};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::clock::Stopwatch;
use super::decide::{self, Lookup};
use super::event::{ConfigChange, Decision, Event, PathChange, StepLabel};
use super::files::{self, LoadedContext};
use super::resolve::{Action, Resolved};
use super::trees::Trees;
use super::{Clock, Error, Options, State, from, run, supported};
use crate::cache::{Build, BuildStep, Builds, CacheKey, Ingredients, Outcome, Record, Records, StepResult};
use crate::container::Identity;
use crate::dockerfile::{self, Instruction, Located};
use crate::layer::Layer;
use crate::oci::{Descriptor, Digest, History, Reference};
use crate::plan::{self, Plan};
use crate::source::{SourceFile, Span};
use crate::store::{Home, Store};
use crate::tree::Tree;

/// What the machine works in: the store, the clock, and who it is to the kernel.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    pub home: &'a Home,
    pub store: &'a Store,
    pub clock: &'a Clock,
    pub identity: &'a Identity,
}

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
    Instruction(Located<Instruction>),
}

/// One step that was taken, with the state after it.
#[derive(Clone, Debug)]
pub struct Taken {
    pub label: StepLabel,
    pub stage: usize,
    pub state: Arc<State>,
    pub decision: Decision,
    pub ingredients: Option<Ingredients>,
    /// The layer that this step added.
    pub layer: Option<Layer>,
    pub changes: Vec<PathChange>,
    pub config: Vec<ConfigChange>,
    pub milliseconds: u64,
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
struct Pending {
    resolved: Resolved,
    watch: Stopwatch,
    phase: Phase,
    decision: Decision,
    hit: Option<Record>,
    executed: Executed,
    layer: Option<Layer>,
    changes: Vec<PathChange>,
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
pub struct Machine<'a> {
    pub(super) world: World<'a>,
    pub(super) options: Options,
    pub(super) source: Source,
    pub(super) plan: Plan,
    pub(super) steps: Vec<Step>,
    pub(super) records: Records,
    pub(super) builds: Builds,
    pub(super) trees: Trees,
    pub(super) context: OnceCell<LoadedContext>,
    pub(super) digests: RefCell<files::Digests>,
    pub(super) interrupted: &'a AtomicBool,
    taken: Vec<Taken>,
    pending: Option<Pending>,
    failed: Option<BuildStep>,
    number: u64,
    started: String,
    watch: Stopwatch,
    announced: Cell<bool>,
}

impl<'a> Machine<'a> {
    /// Parses and plans; runs nothing.
    ///
    /// # Errors
    /// [`Error::Diagnostics`] for a Dockerfile that can't be built.
    pub fn new(
        world: World<'a>,
        source: Source,
        options: Options,
        interrupted: &'a AtomicBool,
    ) -> Result<Machine<'a>, Error> {
        let file = dockerfile::parse(&source.file).map_err(Error::Diagnostics)?;
        let plan = plan::plan(&file, &options.request).map_err(Error::Diagnostics)?;
        supported::check(&plan).map_err(Error::Diagnostics)?;
        let steps = plan.order.iter().flat_map(|&stage| steps_of(&plan, stage)).collect();
        let builds = Builds::open(world.home);
        let number = builds.next_number()?;
        Ok(Machine {
            options,
            source,
            plan,
            steps,
            records: Records::open(world.home),
            builds,
            trees: Trees::default(),
            context: OnceCell::new(),
            digests: RefCell::default(),
            interrupted,
            taken: Vec::new(),
            pending: None,
            failed: None,
            number,
            started: world.clock.rfc3339(),
            watch: world.clock.stopwatch(),
            announced: Cell::new(false),
            world,
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

    pub fn world(&self) -> World<'a> {
        self.world
    }

    /// The number that this build will have among the past builds.
    pub fn build_number(&self) -> u64 {
        self.number
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
        self.taken.iter().take(index).rev().find(|taken| taken.stage == step.stage).map(|taken| taken.state.clone())
    }

    /// The last state of a stage, once it is built.
    pub fn stage_state(&self, stage: usize) -> Option<Arc<State>> {
        self.taken.iter().rev().find(|taken| taken.stage == stage).map(|taken| taken.state.clone())
    }

    /// The state after the last step that was taken.
    pub fn current(&self) -> Option<Arc<State>> {
        self.taken.last().map(|taken| taken.state.clone())
    }

    /// The file tree of a state.
    pub fn tree(&self, state: &State) -> Result<Tree, Error> {
        self.trees.of(self.world.store, state)
    }

    /// Goes back to where `count` steps are taken, dropping what is under way. What was committed stays in the store
    /// and in the cache.
    pub fn go_back_to(&mut self, count: usize) {
        self.pending = None;
        self.failed = None;
        self.taken.truncate(count);
    }

    /// Does one phase of the step under way, or the first phase of the next one. Gives the step when it is committed.
    ///
    /// # Errors
    /// The step stays where it was: it can be tried again.
    pub fn advance(&mut self, sink: &mut dyn FnMut(&Event)) -> Result<Option<&Taken>, Error> {
        let index = self.taken.len();
        let done = self.advance_inner(index, sink);
        if let Err(error) = &done {
            self.note_failure(index, error);
            let message = error.to_string();
            sink(&Event::StepFailed { message });
            self.pending = None;
        }
        done.map(|committed| if committed { self.taken.last() } else { None })
    }

    /// Reads the context now, before a step needs it, and tells of it.
    pub fn load_context(&self, sink: &mut dyn FnMut(&Event)) -> Result<(), Error> {
        sink(&self.context()?.event());
        Ok(())
    }

    /// The `--build-arg`s that no ARG asked for and that have no meaning of their own.
    pub fn unused_build_args(&self) -> Vec<String> {
        let declared = |name: &str| {
            self.plan.global_args.contains_key(name)
                || self.taken.iter().any(|taken| taken.state.arguments.iter().any(|(other, _)| other == name))
        };
        let known = |name: &str| {
            plan::PROXY_ARGS.contains(&name) || name.starts_with("BUILDKIT_") || name == "SOURCE_DATE_EPOCH" || declared(name)
        };
        self.options.request.build_args.keys().filter(|name| !known(name)).cloned().collect()
    }

    /// Takes the next step through all of its phases.
    pub fn step(&mut self, sink: &mut dyn FnMut(&Event)) -> Result<&Taken, Error> {
        let wanted = self.taken.len() + 1;
        while self.taken.len() < wanted {
            self.advance(sink)?;
        }
        Ok(&self.taken[wanted - 1])
    }

    fn advance_inner(&mut self, index: usize, sink: &mut dyn FnMut(&Event)) -> Result<bool, Error> {
        if index >= self.steps.len() {
            return Err(Error::NoStep { number: index + 1, total: self.steps.len() });
        }
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        let Some(mut pending) = self.pending.take() else {
            self.announce(sink);
            self.begin(index, sink)?;
            return Ok(false);
        };
        match pending.phase {
            Phase::Resolve => {}
            Phase::Decide => {
                let (decision, hit) = match self.decide(index, &pending.resolved)? {
                    Lookup::Hit(record, decision) => (decision, Some(record)),
                    Lookup::Miss(decision) => (decision, None),
                };
                sink(&Event::Decided { decision: decision.clone() });
                (pending.decision, pending.hit) = (decision, hit);
            }
            Phase::Execute => {
                if pending.hit.is_none() {
                    pending.executed = self.execute(&pending.resolved, sink)?;
                }
            }
            Phase::Diff => {
                let executed = std::mem::replace(&mut pending.executed, Executed::Nothing);
                let (layer, changes) = match &pending.hit {
                    Some(record) => (record.result.layer.clone(), Vec::new()),
                    None => self.write_layer(executed)?,
                };
                (pending.layer, pending.changes) = (layer, changes);
            }
            Phase::Commit => {
                self.commit(index, pending, sink)?;
                return Ok(true);
            }
        }
        pending.phase = match pending.phase {
            Phase::Resolve => Phase::Decide,
            Phase::Decide => Phase::Execute,
            Phase::Execute => Phase::Diff,
            Phase::Diff | Phase::Commit => Phase::Commit,
        };
        self.pending = Some(pending);
        Ok(false)
    }

    fn begin(&mut self, index: usize, sink: &mut dyn FnMut(&Event)) -> Result<(), Error> {
        let watch = self.world.clock.stopwatch();
        let label = self.label(index).expect("the step exists");
        let context_was_loaded = self.context.get().is_some();
        sink(&Event::StepStarted { step: label });
        let resolved = self.resolve(index)?;
        if let (false, Some(context)) = (context_was_loaded, self.context.get()) {
            sink(&context.event());
        }
        if let Action::Start(start) = &resolved.action {
            sink(&start.event());
            self.insert_triggers(index, &start.triggers)?;
        }
        self.pending = Some(Pending {
            resolved,
            watch,
            phase: Phase::Decide,
            decision: Decision::NotCached,
            hit: None,
            executed: Executed::Nothing,
            layer: None,
            changes: Vec::new(),
        });
        Ok(())
    }

    fn announce(&self, sink: &mut dyn FnMut(&Event)) {
        if self.announced.replace(true) {
            return;
        }
        sink(&Event::BuildStarted {
            build: self.number,
            dockerfile: self.source.file.name.clone(),
            context: self.source.context.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
            steps: self.steps.len(),
            stages: self.plan.order.len(),
        });
    }

    /// Puts the triggers of a base image behind the FROM that opened it; stages that they copy from and that are not built yet
    /// come before this stage goes on.
    fn insert_triggers(&mut self, index: usize, triggers: &[Located<Instruction>]) -> Result<(), Error> {
        let stage = self.steps[index].stage;
        if self.steps.get(index + 1).is_some_and(|next| next.trigger && next.stage == stage) {
            return Ok(());
        }
        let mut inserted = Vec::new();
        for trigger in triggers {
            if let Instruction::Copy(copy) = &trigger.value
                && let Some(plan::CopySource::Stage(needed)) = self.plan.copy_source(stage, copy)?
                && !self.steps.iter().any(|step| step.stage == needed)
            {
                inserted.extend(steps_of(&self.plan, needed));
            }
        }
        for trigger in triggers {
            inserted.push(Step { stage, kind: StepKind::Instruction(trigger.clone()), trigger: true });
        }
        self.steps.splice(index + 1..index + 1, inserted);
        Ok(())
    }

    fn execute(&self, resolved: &Resolved, sink: &mut dyn FnMut(&Event)) -> Result<Executed, Error> {
        match &resolved.action {
            Action::Start(_) | Action::Configure(_) => Ok(Executed::Nothing),
            Action::Copy(copy) => self.place_files(copy, &resolved.before),
            Action::MakeDirectory(workdir) => self.place_directory(workdir, &resolved.before),
            Action::Run(command) => self.run_command(command, &resolved.before, sink),
        }
    }

    fn write_layer(&self, executed: Executed) -> Result<(Option<Layer>, Vec<PathChange>), Error> {
        match executed {
            Executed::Nothing => Ok((None, Vec::new())),
            Executed::Placed(placement, before) => self.write_placement(&placement, &before),
            Executed::Ran(remains) => self.capture(remains),
        }
    }

    fn commit(&mut self, index: usize, pending: Pending, sink: &mut dyn FnMut(&Event)) -> Result<(), Error> {
        let Pending { resolved, watch, decision, hit, layer, changes, .. } = pending;
        let milliseconds = watch.milliseconds();
        let label = self.label(index).expect("the step exists");
        let created = match &hit {
            Some(record) => record.result.created.clone(),
            None => self.world.clock.rfc3339(),
        };
        let state = resolved.next_state(layer.as_ref(), &created);
        if hit.is_none()
            && let Some(ingredients) = &resolved.ingredients
        {
            for listing in &resolved.listings {
                self.records.put_listing(listing)?;
            }
            self.records.put(&Record {
                schema: Record::SCHEMA,
                key: ingredients.key(),
                instruction: label.instruction.clone(),
                ingredients: ingredients.clone(),
                result: StepResult { layer: layer.clone(), created, build: self.number, milliseconds },
            })?;
        }
        let config = from::config_changes(resolved.before.as_deref(), &state);
        // Lent to the event and taken back: a layer may have many thousands of changes.
        let changed = Event::Changed { changes, config };
        if !matches!(resolved.action, Action::Start(_)) {
            sink(&changed);
        }
        let Event::Changed { changes, config } = changed else { unreachable!("it was made three lines above") };
        sink(&Event::Committed { layer: layer.clone(), state: state.id(), milliseconds });
        self.failed = None;
        self.taken.push(Taken {
            label: StepLabel { expanded: resolved.expanded, ..label },
            stage: self.steps[index].stage,
            state: Arc::new(state),
            decision,
            ingredients: resolved.ingredients,
            layer,
            changes,
            config,
            milliseconds,
        });
        Ok(())
    }

    fn note_failure(&mut self, index: usize, error: &Error) {
        if matches!(error, Error::Interrupted | Error::NoStep { .. }) {
            return;
        }
        let key = self.pending.as_ref().and_then(|pending| pending.resolved.ingredients.as_ref()).map(Ingredients::key);
        self.failed = self.label(index).map(|label| BuildStep {
            stage: label.stage,
            number: label.number,
            instruction: label.instruction,
            key,
            outcome: Outcome::Failed,
            state: None,
            milliseconds: 0,
        });
    }

    /// Remembers this build among the past builds: also one that failed, as far as it came.
    pub fn remember(&self, image: Option<Digest>) -> Result<(), Error> {
        let steps = self.taken.iter().map(|taken| BuildStep {
            stage: taken.label.stage.clone(),
            number: taken.label.number,
            instruction: taken.label.instruction.clone(),
            key: taken.ingredients.as_ref().map(Ingredients::key),
            outcome: if matches!(taken.decision, Decision::Hit { .. }) { Outcome::Cached } else { Outcome::Ran },
            state: Some(taken.state.id()),
            milliseconds: taken.milliseconds,
        });
        let (context, dockerfile) = self.identity();
        self.builds.put(&Build {
            schema: Build::SCHEMA,
            number: self.number,
            context,
            dockerfile,
            started: self.started.clone(),
            steps: steps.chain(self.failed.clone()).collect(),
            image,
        })?;
        if let Some(context) = self.context.get() {
            context.save_digests()?;
        }
        Ok(())
    }

    /// What makes two builds comparable: the context's folder and the Dockerfile's path.
    pub(super) fn identity(&self) -> (String, String) {
        let text = |path: &Option<PathBuf>| {
            let path = path.as_ref().map(|path| path.canonicalize().unwrap_or_else(|_| path.clone()));
            path.map(|path| path.display().to_string()).unwrap_or_default()
        };
        (text(&self.source.context), text(&self.source.dockerfile))
    }

    /// Writes the image of the last state, gives it its names, and remembers the build.
    pub fn finish(&self, tags: &[Reference], sink: &mut dyn FnMut(&Event)) -> Result<Finished, Error> {
        let last = self.taken.last().ok_or(Error::NoStep { number: 1, total: self.steps.len() })?;
        let mut image = last.state.image.clone();
        image.config.labels.extend(self.options.labels.clone());
        let manifest = self.world.store.put_image(&image, &last.state.layers)?;
        let (image, _) = (Digest::of(&serde_json::to_vec(&image).expect("a configuration is plain data")), ());
        let cached = self.taken.iter().filter(|taken| matches!(taken.decision, Decision::Hit { .. })).count();
        let ran = self.taken.iter().filter(|taken| matches!(taken.decision, Decision::Miss { .. })).count();
        self.remember(Some(image))?;
        let milliseconds = self.watch.milliseconds();
        sink(&Event::BuildFinished { image, manifest: manifest.digest, cached, ran, milliseconds });
        for tag in tags {
            self.world.store.tag(tag, &manifest)?;
            sink(&Event::Tagged { reference: tag.familiar() });
        }
        Ok(Finished { build: self.number, image, manifest, cached, ran })
    }

    fn decide(&self, index: usize, resolved: &Resolved) -> Result<Lookup, Error> {
        let Some(ingredients) = &resolved.ingredients else { return Ok(Lookup::Miss(Decision::NotCached)) };
        decide::look_up(self, index, ingredients, &resolved.listings)
    }

    /// The nearest step before `index` that is a cause of misses in this build.
    pub(super) fn cause_before(&self, index: usize) -> Option<usize> {
        self.taken.iter().take(index).rev().find_map(|taken| match &taken.decision {
            Decision::Miss { reason, .. } if !matches!(reason, super::MissReason::Follows { .. }) && taken.layer.is_some() => {
                Some(taken.label.number)
            }
            _ => None,
        })
    }
}

fn steps_of(plan: &Plan, stage: usize) -> Vec<Step> {
    let instructions = plan.stages[stage].source.instructions.iter();
    let kinds = std::iter::once(StepKind::From).chain(instructions.cloned().map(StepKind::Instruction));
    kinds.map(|kind| Step { stage, kind, trigger: false }).collect()
}

/// The key as the next step's parent names it, and the history entry, are made in one place.
impl Resolved {
    pub(super) fn next_state(&self, layer: Option<&Layer>, created: &str) -> State {
        let mut state = self.after.clone();
        if let Some(layer) = layer {
            state.image.rootfs.diff_ids.push(layer.diff_id);
            state.layers.push(layer.clone());
        }
        if let Some(key) = self.file_system_key() {
            state.key = key;
        }
        if let Some(created_by) = &self.history {
            // Times are RFC 3339 in UTC: they sort as text.
            if state.created.as_str() < created {
                state.created = created.to_owned();
            }
            state.image.created = Some(state.created.clone());
            state.image.history.push(History {
                created: Some(created.to_owned()),
                created_by: Some(created_by.clone()),
                author: None,
                comment: None,
                empty_layer: layer.is_none(),
            });
        }
        state
    }

    fn file_system_key(&self) -> Option<CacheKey> {
        match &self.action {
            Action::Start(_) | Action::Configure(_) => None,
            Action::Copy(_) | Action::MakeDirectory(_) | Action::Run(_) => self.ingredients.as_ref().map(Ingredients::key),
        }
    }
}
