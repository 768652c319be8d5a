//! The five phases of a step, one after another.
//!
//! [`Machine::advance`] does one phase and can be called again and again; [`Machine::step`] does all of one step. What an
//! instruction is to do in a phase lies with its family (`from.rs`, `configure.rs`, `files.rs`, `run.rs`).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::changes::Changes;
use super::decide::{self, Asked, Lookup};
use super::driver::{Executed, Machine, Pending, Phase, Step, StepKind, steps_of};
use super::event::{ConfigChange, EventKind, Place, Reporter, StepLabel};
use super::resolve::{Action, Resolved};
use super::state::Addition;
use super::taken::Taken;
use super::{Decision, Error, Event, State, files, from};
use crate::cache::{BuildStep, CacheKey, Ingredients, Outcome, Record, Roots, StepResult};
use crate::dockerfile::{Instruction, Located};
use crate::errno;
use crate::layer::Layer;
use crate::plan::CopySource;

impl Machine {
    /// Does one phase of the step under way, or the first phase of the next one. Gives the step when it is committed.
    ///
    /// # Errors
    /// The step stays where it was: it can be tried again.
    pub fn advance(&mut self, sink: &mut dyn FnMut(&Event)) -> Result<Option<&Taken>, Error> {
        let index = self.taken.len();
        let resolved = self.pending.as_ref().map(|pending| &pending.resolved);
        let key = resolved.and_then(|resolved| resolved.ingredients.as_ref()).map(Ingredients::key);
        let roots = resolved.map(Resolved::roots).unwrap_or_default();
        let label =
            self.pending.as_ref().map(|pending| pending.label.clone()).or_else(|| self.label(index).map(Arc::new));
        let mut reporter = Reporter::of_build(self.watch, sink);
        let done = self.advance_inner(index, &mut reporter);
        if let Err(error) = &done {
            self.note_failure(index, key, roots, error);
            let failed = EventKind::StepFailed { message: errno::named(&error.to_string()) };
            match label {
                Some(label) => reporter.of_step(&label, self.place(index)).tell(failed),
                None => reporter.tell(failed),
            }
            self.pending = None;
        }
        done.map(|committed| if committed { self.taken.last() } else { None })
    }

    /// Takes the next step through all of its phases.
    pub fn step(&mut self, sink: &mut dyn FnMut(&Event)) -> Result<&Taken, Error> {
        let wanted = self.taken.len() + 1;
        while self.taken.len() < wanted {
            self.advance(sink)?;
        }
        Ok(&self.taken[wanted - 1])
    }

    fn advance_inner(&mut self, index: usize, reporter: &mut Reporter<'_>) -> Result<bool, Error> {
        if index >= self.steps.len() {
            return Err(Error::NoStep { number: index + 1, total: self.steps.len() });
        }
        if self.control.interrupt().is_requested() {
            return Err(Error::Interrupted);
        }
        // Taken out while it is worked on; a phase that fails leaves the step where it was, to be begun again.
        let Some(mut pending) = self.pending.take() else {
            self.announce(reporter)?;
            self.begin(index, reporter)?;
            return Ok(false);
        };
        let mut reporter = reporter.of_step(&pending.label, self.place(index));
        // ANCHOR: phases
        match pending.phase {
            Phase::Resolve => {}
            Phase::Decide => {
                let (decision, hit) = match self.decide(index, &pending.resolved)? {
                    Lookup::Hit(record, decision) => (decision, Some(record)),
                    Lookup::Miss(decision) => (decision, None),
                };
                reporter.tell(EventKind::Decided { decision: decision.clone() });
                (pending.decision, pending.hit) = (decision, hit);
            }
            Phase::Execute => {
                if pending.hit.is_none() {
                    pending.executed = self.execute(&pending.resolved, &mut reporter)?;
                }
            }
            Phase::Diff => {
                let executed = std::mem::replace(&mut pending.executed, Executed::Nothing);
                let (layer, changes) = match &pending.hit {
                    Some(record) => (record.result.layer.clone(), Changes::default()),
                    None => self.write_layer(executed)?,
                };
                (pending.layer, pending.changes) = (layer, changes);
            }
            Phase::Commit => {
                self.commit(index, pending, &mut reporter)?;
                return Ok(true);
            }
        }
        // ANCHOR_END: phases
        pending.phase = match pending.phase {
            Phase::Resolve => Phase::Decide,
            Phase::Decide => Phase::Execute,
            Phase::Execute => Phase::Diff,
            Phase::Diff | Phase::Commit => Phase::Commit,
        };
        self.pending = Some(pending);
        Ok(false)
    }

    fn begin(&mut self, index: usize, reporter: &mut Reporter<'_>) -> Result<(), Error> {
        let watch = self.world.clock.stopwatch();
        let label = Arc::new(self.label(index).expect("the step exists"));
        let mut reporter = reporter.of_step(&label, self.place(index));
        let context_was_loaded = self.inputs.loaded().is_some();
        reporter.tell(EventKind::StepStarted);
        let resolved = self.resolve(index)?;
        if let Some(instruction) = resolved.expanded.clone() {
            reporter.tell(EventKind::Expanded { instruction });
        }
        if let (false, Some(context)) = (context_was_loaded, self.inputs.loaded()) {
            reporter.tell(context.event());
        }
        if let Action::Start(start) = &resolved.action {
            reporter.tell(start.event());
            self.insert_triggers(index, &start.triggers)?;
        }
        self.pending = Some(Pending {
            label,
            resolved,
            watch,
            phase: Phase::Decide,
            decision: Decision::NotCached,
            hit: None,
            executed: Executed::Nothing,
            layer: None,
            changes: Changes::default(),
        });
        Ok(())
    }

    fn announce(&self, reporter: &mut Reporter<'_>) -> Result<(), Error> {
        if self.announced.replace(true) {
            return Ok(());
        }
        reporter.tell(EventKind::BuildStarted {
            build: self.build_number()?,
            dockerfile: self.source.file.name.clone(),
            context: self.source.context.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
            steps: self.steps.len(),
            stages: self.plan.order.len(),
        });
        self.tell_new_warnings(reporter);
        Ok(())
    }

    /// Puts the triggers of a base image behind the FROM that opened it; stages that they copy from and that are not built yet
    /// come before this stage goes on.
    fn insert_triggers(&mut self, index: usize, triggers: &[Located<Instruction>]) -> Result<(), Error> {
        let stage = self.steps[index].stage;
        if self.steps.get(index + 1).is_some_and(|next| next.trigger && next.stage == stage) {
            return Ok(());
        }
        let mut needed = BTreeSet::new();
        for trigger in triggers {
            if let Instruction::Copy(copy) = &trigger.value
                && let Some(CopySource::Stage(source)) = self.plan.copy_source(stage, copy)?
            {
                needed.extend(self.plan.needs(source));
            }
        }
        needed.retain(|stage| !self.steps.iter().any(|step| step.stage == *stage));
        let mut inserted: Vec<Step> = needed.into_iter().flat_map(|stage| steps_of(&self.plan, stage)).collect();
        for trigger in triggers {
            inserted.push(Step { stage, kind: StepKind::Instruction(Box::new(trigger.clone())), trigger: true });
        }
        self.steps.splice(index + 1..index + 1, inserted);
        self.counterparts.borrow_mut().clear();
        Ok(())
    }

    fn decide(&self, index: usize, resolved: &Resolved) -> Result<Lookup, Error> {
        let Some(ingredients) = &resolved.ingredients else { return Ok(Lookup::Miss(Decision::NotCached)) };
        let roots = resolved.roots();
        decide::look_up(self, index, Asked { ingredients, roots: &roots, listings: &resolved.listings })
    }

    fn execute(&self, resolved: &Resolved, reporter: &mut Reporter<'_>) -> Result<Executed, Error> {
        match &resolved.action {
            Action::Start(_) | Action::Configure => Ok(Executed::Nothing),
            Action::Copy(copy) => files::place(copy, &self.inputs, resolved.before.as_deref(), reporter),
            Action::MakeDirectory(workdir) => self.place_directory(workdir, &resolved.before, reporter),
            Action::Run(command) => self.run_command(command, &resolved.before, reporter),
        }
    }

    fn write_layer(&self, executed: Executed) -> Result<(Option<Layer>, Changes), Error> {
        let written = match executed {
            Executed::Nothing => Ok((None, Changes::default())),
            Executed::Placed(placement, before) => {
                let layer = placement.placed.write(&self.world, self.control.interrupt().flag())?;
                Ok((layer, Changes::placed(placement.placed, before)))
            }
            Executed::Ran(remains) => self.capture(remains),
        };
        // Whatever failed, it was wished.
        written.map_err(|error| if self.control.interrupt().is_requested() { Error::Interrupted } else { error })
    }

    fn commit(&mut self, index: usize, pending: Pending, reporter: &mut Reporter<'_>) -> Result<(), Error> {
        let Pending { resolved, watch, decision, hit, layer, changes, .. } = pending;
        let milliseconds = watch.milliseconds();
        let label = self.label(index).expect("the step exists");
        let created = match &hit {
            Some(record) => record.result.created.clone(),
            None => self.world.clock.rfc3339(),
        };
        let state = resolved.next_state(Files::Made(layer.as_ref()), &created);
        if hit.is_none()
            && let Some(ingredients) = &resolved.ingredients
        {
            for listing in &resolved.listings {
                self.records.put_listing(listing)?;
            }
            let result = StepResult { layer: layer.clone(), created, build: self.build_number()?, milliseconds };
            self.records.put(&Record::new(label.instruction.clone(), ingredients.clone(), result))?;
        }
        let config: Arc<[ConfigChange]> = from::config_changes(resolved.before.as_deref(), &state).into();
        if !matches!(resolved.action, Action::Start(_)) {
            reporter.tell(EventKind::Changed { changes: changes.clone(), config: config.clone() });
        }
        // The last state is the image: it is known by the id that the image has.
        let known_by = if index + 1 == self.steps.len() { state.id() } else { state.identity() };
        let outcome = if hit.is_some() { Outcome::Cached } else { Outcome::Ran };
        reporter.tell(EventKind::Committed { layer: layer.clone(), state: known_by, outcome, milliseconds });
        self.failed = None;
        self.taken.push(Taken {
            label: StepLabel { expanded: resolved.expanded, ..label },
            stage: self.steps[index].stage,
            state: Arc::new(state),
            decision,
            roots: resolved.listings.into_iter().map(|listing| listing.roots).collect(),
            ingredients: resolved.ingredients,
            layer,
            changes,
            config,
            milliseconds,
        });
        Ok(())
    }

    /// Where step `index` begins in the Dockerfile.
    fn place(&self, index: usize) -> Option<Place> {
        self.span(index).map(|span| Place::of(&self.source.file, span))
    }

    fn note_failure(&mut self, index: usize, key: Option<CacheKey>, roots: Vec<Roots>, error: &Error) {
        if matches!(error, Error::Interrupted | Error::NoStep { .. }) {
            return;
        }
        self.failed = self.label(index).map(|label| BuildStep {
            stage: label.stage,
            stage_index: self.steps[index].stage,
            number: label.number,
            instruction: label.instruction,
            key,
            roots,
            outcome: Outcome::Failed,
            milliseconds: 0,
        });
    }
}

/// What is known of the files after a step.
#[derive(Clone, Copy, Debug)]
pub(super) enum Files<'a> {
    /// They are the layers, with this one where there is one.
    Made(Option<&'a Layer>),
    /// The step would have to run first.
    Foreseen,
}

impl Resolved {
    pub(super) fn next_state(&self, files: Files<'_>, created: &str) -> State {
        let mut state = self.after.clone();
        let layer = match files {
            Files::Made(layer) => layer,
            Files::Foreseen => None,
        };
        let key = self.ingredients.as_ref().map(Ingredients::key);
        // FROM adds nothing to the state that it takes over.
        if key.is_some() {
            state.add(Addition { key, layer, created_by: self.history.as_deref(), created });
        }
        if self.touches_files()
            && let Some(key) = key
        {
            state.file_system = match files {
                Files::Made(layer) => state.file_system.after(key, layer.map(|layer| layer.diff_id)),
                Files::Foreseen => state.file_system.foreseen(key),
            };
        }
        state
    }

    /// Where the files lay that the ingredients list.
    pub(super) fn roots(&self) -> Vec<Roots> {
        self.listings.iter().map(|listing| listing.roots.clone()).collect()
    }

    /// Whether the step has to do with files, so that the file system after it is another.
    pub(super) fn touches_files(&self) -> bool {
        match &self.action {
            Action::Start(_) | Action::Configure => false,
            Action::Copy(_) | Action::MakeDirectory(_) | Action::Run(_) => true,
        }
    }
}
