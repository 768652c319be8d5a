//! The machine's driver: the list of steps, the list of states, and how far the current step has come.
//!
//! [`Machine::advance`] does one phase and can be called again and again; [`Machine::step`] does all of one step. Stepping back,
//! jumping and comparing all index into [`Machine::taken`]. What a phase does is elsewhere: in `resolve.rs`,
//! `decide.rs`, `phases.rs` and the actions. What can be asked of a machine is in `questions.rs`, its end in `finish.rs`.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;

use super::actions::from::Fetching;
use super::control::Control;
use super::decide::Decider;
use super::event::{Event, EventKind, Reporter, StepLabel, Warning};
use super::inputs::Inputs;
use super::noted::Noted;
use super::past::{Identity, Past, failed_step};
use super::phases::{Books, Decided, Progress, Site, StepContext};
use super::remote::RemoteContext;
use super::resolve::{Resolved, Resolver};
use super::steps::Steps;
use super::taken::{Taken, TakenSteps};
use super::warnings::Told;
use super::{AtMiss, Decision, Error, Options, Unsupported, supported};
use crate::cache::{BuildStep, Records};

use crate::runtime::Remover;
use crate::source::SourceFile;
use crate::world::{Stopwatch, World};
use crate::{dockerfile, plan};

/// What is built: a Dockerfile, and the folder it may copy from.
#[derive(Clone, Debug)]
pub struct Source {
    pub file: SourceFile,
    /// `None`: there is no context, and COPY from it is an error.
    pub context: Option<PathBuf>,
    /// Where the Dockerfile lies, for `NAME.dockerignore`.
    pub dockerfile: Option<PathBuf>,
}

/// The phase that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Resolve,
    Decide,
    Execute,
    Write,
    Commit,
}

/// A step that is begun, and how far it has come.
pub(super) struct UnderWay {
    label: Arc<StepLabel>,
    watch: Stopwatch,
    pub(crate) progress: Progress,
}

/// A build under way.
pub struct Machine {
    pub(super) world: Arc<World>,
    pub(super) options: Options,
    pub(super) source: Source,
    pub(super) steps: Steps,
    pub(super) inputs: Inputs,
    pub(super) records: Records,
    pub(super) past: Past,
    pub(super) control: Control,
    pub(super) taken: TakenSteps,
    /// How many of these belong to a build that was remembered before.
    pub(super) kept: usize,
    pub(super) under_way: Option<UnderWay>,
    pub(super) failed: Option<BuildStep>,
    pub(super) watch: Stopwatch,
    is_announced: bool,
    told: RefCell<Told>,
    /// What is to be told of how the context came.
    brought: RefCell<Vec<EventKind>>,
    /// What is left of RUNs.
    pub(super) remover: Remover,
}

impl Machine {
    /// Parses and plans; runs nothing.
    ///
    /// # Errors
    /// [`Error::Diagnostics`] for a Dockerfile that can't be built.
    pub fn new(world: &Arc<World>, source: Source, options: Options, control: Control) -> Result<Machine, Error> {
        let parsed = dockerfile::parse_checked(&source.file, &options.request.limits, options.request.check()?);
        let file = parsed.into_dockerfile().map_err(Error::Diagnostics)?;
        let plan = plan::plan(&file, &options.request).map_err(Error::Diagnostics)?;
        if options.unsupported == Unsupported::Refused {
            supported::check(&plan).map_err(Error::Diagnostics)?;
        }
        let identity = Identity::of(source.context.as_ref(), source.dockerfile.as_ref());
        let mut machine = Machine {
            steps: Steps::new(source.file.clone(), plan),
            inputs: Inputs::new(world, source.context.clone(), source.dockerfile.clone(), options.caches.clone()),
            records: Records::open(world.home()),
            past: Past::new(world, identity, options.caches.clone()),
            options,
            source,
            control,
            taken: TakenSteps::default(),
            kept: 0,
            under_way: None,
            failed: None,
            watch: world.clock.stopwatch(),
            is_announced: false,
            told: RefCell::default(),
            brought: RefCell::default(),
            remover: Remover::default(),
            world: world.clone(),
        };
        machine.insert_known_triggers();
        Ok(machine)
    }

    /// Puts the triggers of stages, and of base images that are in the store, among the steps, so that these have their numbers from the
    /// start. What is wrong with an image or a trigger is said when its FROM is begun.
    fn insert_known_triggers(&mut self) {
        let mut index = 0;
        while index < self.steps.len() {
            if self.steps.is_stage_start(index) {
                let triggers = self.resolver(Fetching::Foreseen).known_triggers(index).unwrap_or_default();
                if !triggers.is_empty() {
                    let _ = self.steps.insert_triggers(index, &triggers);
                }
            }
            index += 1;
        }
    }

    /// Takes a context that is no folder.
    pub(crate) fn give_context(&mut self, context: RemoteContext) {
        self.inputs.give(context.snapshot);
        self.brought = RefCell::new(context.brought);
    }

    /// Reads the context now, before a step needs it, and tells of it.
    ///
    /// # Errors
    /// There is none, or it can't be read.
    pub(crate) fn load_context(&self, sink: &mut dyn FnMut(&Event)) -> Result<(), Error> {
        let loaded = self.inputs.context()?.event();
        let mut reporter = Reporter::of_build(self.watch, sink);
        self.brought.take().into_iter().for_each(|event| reporter.tell(event));
        reporter.tell(loaded);
        Ok(())
    }

    /// Lets go of the context as it was read: the next step that needs it reads it anew.
    pub(crate) fn forget_context(&mut self) {
        self.inputs.forget_context();
    }

    // ANCHOR: go-back
    /// Goes back to where `count` steps are taken, dropping what is under way. What was committed stays in the store
    /// and in the cache.
    pub(crate) fn go_back_to(&mut self, count: usize) {
        self.under_way = None;
        self.failed = None;
        self.taken.truncate(count);
        self.kept = self.kept.min(self.taken.len());
    }
    // ANCHOR_END: go-back

    /// Whether the step that was tried last failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Takes the next step through all of its phases.
    ///
    /// # Errors
    /// As [`Machine::advance`].
    pub fn step(&mut self, sink: &mut dyn FnMut(&Event)) -> Result<&Taken, Error> {
        let wanted = self.taken.len() + 1;
        while self.taken.len() < wanted {
            self.advance(sink)?;
        }
        Ok(&self.taken[wanted - 1])
    }

    /// Does one phase of the step under way, or the first phase of the next one. Gives the step when it is committed.
    ///
    /// # Errors
    /// The step is to be begun again; the steps taken stay as they were.
    pub(crate) fn advance(&mut self, sink: &mut dyn FnMut(&Event)) -> Result<Option<&Taken>, Error> {
        let index = self.taken.len();
        let begun = self.under_way.take();
        let label = begun.as_ref().map(|step| step.label.clone()).or_else(|| self.steps.label(index).map(Arc::new));
        let label = label.ok_or(Error::NoStep { number: index + 1, total: self.steps.len() })?;
        let mut reporter = Reporter::of_build(self.watch, sink);
        let intent = begun.as_ref().and_then(|step| step.progress.intent());
        let failed = failed_step(&label, self.steps.stage(index), intent);
        let done = match begun {
            _ if self.control.interrupt().is_requested() => Err(Error::Interrupted),
            None => self.begin(index, &label, &mut reporter).map(|()| false),
            Some(step) => self.go_on(index, step, &mut reporter.of_step(&label, self.steps.place(index))),
        };
        match done {
            Ok(is_taken) => Ok(self.taken.last().filter(|_| is_taken)),
            Err(error) => {
                // Whatever failed, it was wished.
                let error = if self.control.interrupt().is_requested() { Error::Interrupted } else { error };
                if let Error::Lost { layers } = &error {
                    self.go_back_for(layers, &mut reporter.of_step(&label, self.steps.place(index)));
                    return Ok(None);
                }
                // What was stopped on purpose was not tried.
                if !matches!(error, Error::Interrupted | Error::Missed { .. }) {
                    self.failed = Some(failed);
                }
                reporter.of_step(&label, self.steps.place(index)).tell(match &error {
                    Error::Interrupted => EventKind::StepStopped,
                    error => EventKind::StepFailed { message: error.to_string() },
                });
                Err(error)
            }
        }
    }

    /// Resolves step `index`.
    fn begin(&mut self, index: usize, label: &Arc<StepLabel>, reporter: &mut Reporter<'_>) -> Result<(), Error> {
        self.announce(reporter)?;
        let watch = self.world.clock.stopwatch();
        let mut reporter = reporter.of_step(label, self.steps.place(index));
        let context_was_loaded = self.inputs.loaded().is_some();
        reporter.tell(EventKind::StepStarted);
        let (noted, resolved) = self.resolve(index, &mut reporter)?;
        noted.take_brought().into_iter().for_each(|event| reporter.tell(event));
        self.warn_of_step(index, noted, &mut reporter)?;
        let resolved = resolved?;
        if let Some(instruction) = resolved.intent().and_then(|intent| intent.expanded.clone()) {
            reporter.tell(EventKind::Expanded { instruction });
        }
        if let (false, Some(context)) = (context_was_loaded, self.inputs.loaded()) {
            reporter.tell(context.event());
        }
        if let Resolved::Start(start) = &resolved {
            reporter.tell(start.event());
            if self.steps.insert_triggers(index, &start.triggers)? {
                self.past.forget_counterparts();
            }
        }
        self.under_way = Some(UnderWay { label: label.clone(), watch, progress: Progress::Resolved(resolved) });
        Ok(())
    }

    /// Tells what was noticed of step `index`.
    fn warn_of_step(&self, index: usize, noted: Noted, reporter: &mut Reporter<'_>) -> Result<(), Error> {
        let (errors, warnings) = self.steps.judge(index, noted);
        for warning in &warnings {
            reporter.tell(EventKind::Warning(Warning::of(&self.source.file, warning)));
        }
        if errors.is_empty() { Ok(()) } else { Err(Error::Diagnostics(errors)) }
    }

    /// Does the next phase of a step that is begun. Says whether it is taken now.
    fn go_on(&mut self, index: usize, step: UnderWay, reporter: &mut Reporter<'_>) -> Result<bool, Error> {
        let UnderWay { label, watch, progress } = step;
        // ANCHOR: phases
        let progress = match progress {
            Progress::Resolved(resolved) => {
                let mut decided = Decided::of(resolved, index, &self.taken, &self.decider())?;
                if let Some(because) = self.fetch_at_once(decided.layer(), reporter)? {
                    decided = decided.without_layer(because);
                }
                let decision = decided.decision();
                let allowed = self.allow(&label, &decision);
                reporter.tell(EventKind::Decided { decision });
                allowed?;
                Progress::Decided(decided)
            }
            Progress::Decided(decided) => {
                if let Some(before) = decided.starts_from() {
                    self.fetch(&before.layers(), reporter)?;
                }
                let noted = Noted::default();
                let executed = decided.execute(&self.site(), &noted, reporter);
                self.warn_of_step(index, noted, reporter)?;
                Progress::Executed(executed?)
            }
            Progress::Executed(executed) => {
                let noted = Noted::default();
                let written = executed.write(&self.site(), &noted);
                self.warn_of_step(index, noted, reporter)?;
                Progress::Written(written?)
            }
            Progress::Written(written) => {
                let milliseconds = watch.milliseconds();
                let label = self.steps.label(index).expect("the step is under way");
                let context = StepContext { label, stage: self.steps.stage(index), milliseconds };
                self.taken.push(written.commit(context, &self.books(), reporter)?);
                self.failed = None;
                return Ok(true);
            }
        };
        // ANCHOR_END: phases
        self.under_way = Some(UnderWay { label, watch, progress });
        Ok(false)
    }

    /// Refuses a miss where that was asked for.
    fn allow(&self, label: &StepLabel, decision: &Decision) -> Result<(), Error> {
        match (self.options.at_miss, decision.miss()) {
            (AtMiss::Fail, Some(reason)) => {
                Err(Error::Missed { number: label.number, total: label.total, reason: Box::new(reason.clone()) })
            }
            (AtMiss::Execute, _) | (AtMiss::Fail, None) => Ok(()),
        }
    }

    /// Tells that the build starts, once.
    fn announce(&mut self, reporter: &mut Reporter<'_>) -> Result<(), Error> {
        if std::mem::replace(&mut self.is_announced, true) {
            return Ok(());
        }
        reporter.tell(EventKind::BuildStarted {
            build: self.past.number()?,
            dockerfile: self.source.file.name.clone(),
            context: self.source.context.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
            steps: self.steps.len(),
            stages: self.steps.stages().len(),
        });
        self.brought.take().into_iter().for_each(|event| reporter.tell(event));
        self.tell_caches(reporter);
        self.told.borrow_mut().tell_new(&self.source.file, &self.steps.plan.warnings, reporter);
        Ok(())
    }

    pub(super) fn resolver(&self, fetch: Fetching) -> Resolver<'_> {
        Resolver { steps: &self.steps, options: &self.options, inputs: &self.inputs, fetch }
    }

    pub(super) fn decider(&self) -> Decider<'_> {
        let (store, cache, caches) = (&self.world.store, &self.options.cache, &self.options.caches);
        Decider { store, records: &self.records, caches, past: &self.past, steps: &self.steps, cache }
    }

    fn site(&self) -> Site<'_> {
        Site { world: &self.world, inputs: &self.inputs, control: &self.control, remover: &self.remover }
    }

    fn books(&self) -> Books<'_> {
        Books { records: &self.records, past: &self.past, clock: &self.world.clock, labels: &self.options.labels }
    }

    /// Tells the Dockerfile's warnings that were not told yet; a build that starts does so on its own.
    pub(crate) fn tell_warnings(&self, sink: &mut dyn FnMut(&Event)) {
        let mut reporter = Reporter::of_build(self.watch, sink);
        self.told.borrow_mut().tell_new(&self.source.file, &self.steps.plan.warnings, &mut reporter);
    }

    /// Takes the next number among the past builds: for a build that goes on after it was remembered once.
    pub(crate) fn begin_anew(&mut self) {
        self.past = self.past.anew(&self.world);
        self.kept = self.taken.len();
        self.watch = self.world.clock.stopwatch();
    }

    /// Takes over the first steps of an earlier machine, at most `count`, as long as both have the same steps. Says how many.
    ///
    /// FROM is resolved again, which runs nothing; every other step keeps its state, its decision and its changes. Whether
    /// its inputs are still the same is not asked: [`Machine::foresee`] tells what they are now.
    ///
    /// # Errors
    /// What resolving FROM can say.
    pub(crate) fn adopt(&mut self, earlier: &mut Machine, count: usize) -> Result<usize, Error> {
        // The build goes on under its number; it does not start.
        self.is_announced = true;
        self.told.replace(earlier.told.borrow().clone());
        let goes_on = self.past.take_number(&mut earlier.past);
        while self.taken.len() < count {
            let index = self.taken.len();
            let (Some(old), Some(label)) = (earlier.taken.get(index), self.steps.label(index)) else { break };
            if !old.label.is_same(&label) {
                break;
            }
            if self.steps.is_stage_start(index) {
                self.step(&mut |_| {})?;
                if self.taken[index].state.identity() != old.state.identity() {
                    break;
                }
            } else {
                let label = StepLabel { expanded: old.label.expanded.clone(), ..label };
                self.taken.push(Taken { label, stage: self.steps.stage(index), ..old.clone() });
            }
        }
        self.kept = if goes_on { earlier.kept.min(self.taken.len()) } else { self.taken.len() };
        Ok(self.taken.len())
    }
}

/// A machine may work in a thread of its own.
const _: fn() = || {
    fn is_sent<T: Send>() {}
    is_sent::<Machine>();
};
