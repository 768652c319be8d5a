//! Changing the Dockerfile or the context: the debugger goes on from the last step that is still right.
//!
//! A step is still right when its instruction is the same and its ingredients are the same now. Behind the last such step, steps that
//! are in the cache are taken again silently, up to where the debugger was.

use std::path::{Component, Path, PathBuf};

use super::error::{Error, Failure};
use super::work::{Memory, Sink, Work};
use crate::context::text;
use crate::dockerfile::{Instruction, WithFiles};
use crate::machine::{self, Decision, Event, Foresight, Machine, MissReason, Prediction, StepLabel};
use crate::source::SourceFile;

/// What became another.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Changed {
    Dockerfile,
    Context,
    /// A file of the context, as it was named.
    File(String),
}

/// What a change came to.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Refreshed {
    pub changed: Changed,
    /// How many steps it went back.
    pub back: usize,
    /// The steps that are others now and were taken again, since all of them are in the cache.
    pub retaken: Vec<StepLabel>,
    /// Whether instructions that were typed in are lost, since the Dockerfile changed on disk.
    pub lost_typed: bool,
    pub effect: Effect,
}

/// What a change means for the steps from here on.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The steps of which the own inputs are others now, and how many miss only because of them; the first step to come that is looked up
    /// and may have to do with the change.
    Misses { causes: Vec<StepLabel>, followers: usize, next: Option<Box<Ahead>> },
    /// A step can't be foreseen.
    Unforeseen(Failure),
}

/// A step to come, and what would be decided about it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Ahead {
    pub step: StepLabel,
    pub(crate) decision: Decision,
}

impl Refreshed {
    /// Whether no step notices, as far as that is known.
    pub fn is_without_effect(&self) -> bool {
        let Effect::Misses { causes, followers: 0, .. } = &self.effect else { return false };
        self.back == 0 && self.retaken.is_empty() && causes.is_empty()
    }
}

/// Where a text that somebody wants to edit is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Editable {
    /// The Dockerfile where it lies: then [`super::Debugger::reload`].
    OnDisk(PathBuf),
    /// The Dockerfile in memory, which no file has: then [`super::Debugger::edit`].
    InMemory,
    /// A file of the context: then [`super::Debugger::context_changed`].
    Context(PathBuf),
}

/// Where the Dockerfile is kept, or the file that a name means.
pub(super) fn editable(work: &Work, name: Option<&str>) -> Result<Editable, Error> {
    let dockerfile = match &work.path {
        Some(path) if !work.has_typed() => Editable::OnDisk(path.clone()),
        Some(_) | None => Editable::InMemory,
    };
    let Some(name) = name else { return Ok(dockerfile) };
    let wanted = work.folder.join(name);
    match &work.path {
        Some(path) if same_file(path, &wanted) => Ok(dockerfile),
        Some(_) | None if is_inside(&work.folder, &wanted) => Ok(Editable::Context(wanted)),
        Some(_) | None => Err(Error::OutsideContext(name.to_owned())),
    }
}

/// Whether a path leads to a file of a folder, or to one that can be made there.
fn is_inside(folder: &Path, path: &Path) -> bool {
    let Ok(folder) = folder.canonicalize() else { return false };
    if let Ok(real) = path.canonicalize() {
        return real.starts_with(folder);
    }
    // Nobody knows where a link that leads nowhere, or a `..` of a folder that is not there, will lead to.
    let is_plain = path.symlink_metadata().is_err() && !path.components().any(|part| part == Component::ParentDir);
    is_plain
        && path.ancestors().find_map(|parent| parent.canonicalize().ok()).is_some_and(|real| real.starts_with(folder))
}

/// Replaces the Dockerfile in memory.
pub(super) fn edit(work: &mut Work, text: String, sink: &mut Sink<'_>) -> Result<Refreshed, Error> {
    refresh(work, SourceFile::new(work.file.name.clone(), text), Changed::Dockerfile, sink)
}

/// A file of the context has been changed by somebody.
pub(super) fn context_changed(work: &mut Work, name: &str, sink: &mut Sink<'_>) -> Result<Refreshed, Error> {
    refresh(work, work.file.clone(), Changed::File(name.to_owned()), sink)
}

/// Reads the Dockerfile and the context as they are on disk now. What was typed in stays as long as the file did not change under
/// it.
pub(super) fn reload(work: &mut Work, sink: &mut Sink<'_>) -> Result<Refreshed, Error> {
    let mut file = work.file.clone();
    let mut lost_typed = false;
    if let Some(path) = &work.path {
        let bound = work.world.home().bound(&text::DOCKERFILE);
        let bytes = text::read(path, Some(&work.folder), bound).map_err(machine::Error::from)?;
        let on_disk = SourceFile::from_bytes(&work.file.name, &bytes)
            .map_err(|error| machine::Error::Diagnostics(vec![error.into()]))?;
        if on_disk.text != work.loaded {
            lost_typed = work.has_typed();
            file = on_disk;
        }
    }
    if file.text == work.file.text {
        return refresh(work, file, Changed::Context, sink);
    }
    let loaded = file.text.clone();
    let refreshed = refresh(work, file, Changed::Dockerfile, sink)?;
    work.loaded = loaded;
    Ok(Refreshed { lost_typed, ..refreshed })
}

/// Goes on with a new text and a new context, as far as the steps taken are still right. A text that is wrong changes nothing.
fn refresh(work: &mut Work, file: SourceFile, changed: Changed, sink: &mut Sink<'_>) -> Result<Refreshed, Error> {
    work.record()?;
    work.failed = None;
    if file.text.trim().is_empty() && work.path.is_none() {
        (work.machine, work.mistake, work.file) = (None, None, file);
        let effect = Effect::Misses { causes: Vec::new(), followers: 0, next: None };
        return Ok(Refreshed { changed, back: 0, retaken: Vec::new(), lost_typed: false, effect });
    }
    let (mut machine, mistake) = work.machine_of(&file, &work.options)?;
    let wanted = work.machine.as_ref().map_or(0, Machine::position);
    if let Some(old) = &mut work.machine {
        machine.adopt(old, wanted)?;
    }
    // A step that can't even be looked at any more (its file is gone) is not right.
    if let Some(stale) = first_stale(&machine) {
        machine.go_back_to(stale);
    }
    take_what_is_cached(&mut machine, wanted)?;
    let retaken = work.machine.as_ref().map_or_else(Vec::new, |old| others(&machine, old));
    let position = machine.position();
    let identity = |machine: &Machine| machine.current().map(|state| state.identity());
    let is_same = file.text == work.file.text && work.machine.as_ref().map(identity) == Some(identity(&machine));
    if let Some(old) = &work.machine {
        work.breakpoints.follow((old, &work.file), (&machine, &file));
    }
    (work.machine, work.mistake) = (Some(machine), mistake);
    work.file = file;
    // An image that is written stays written where nothing of it changed.
    if !is_same || work.finished.is_none() {
        work.finished = None;
        work.memory = Memory::Fresh;
    }
    work.tell_warnings(sink);
    let back = wanted.saturating_sub(position);
    let effect = effect(work, &changed)?;
    Ok(Refreshed { changed, back, retaken, lost_typed: false, effect })
}

/// The steps taken that are not what an earlier machine took in their places.
fn others(machine: &Machine, old: &Machine) -> Vec<StepLabel> {
    let pairs = machine.taken().iter().zip(old.taken());
    let differ =
        pairs.filter(|(new, old)| new.label.instruction != old.label.instruction || new.ingredients != old.ingredients);
    differ.map(|(new, _)| new.label.clone()).collect()
}

fn effect(work: &mut Work, changed: &Changed) -> Result<Effect, Error> {
    let predictions = match plan(work)? {
        (predictions, None) => predictions,
        (_, Some(Error::Dockerfile(failure))) => return Ok(Effect::Unforeseen(failure)),
        (_, Some(error)) => return Err(error),
    };
    let (mut causes, mut followers, mut next) = (Vec::new(), 0, None);
    for Prediction { label, decision, .. } in predictions {
        if next.is_none() && !matches!(decision, Decision::NotCached { .. }) && may_notice(work, &label, changed) {
            next = Some(Box::new(Ahead { step: label.clone(), decision: decision.clone() }));
        }
        let Decision::Miss { reason, .. } = decision else { continue };
        match reason {
            MissReason::Cause { .. } => causes.push(label),
            MissReason::Follows { .. } => followers += 1,
            // These were not in the cache before either.
            MissReason::FirstTime
            | MissReason::NoCache
            | MissReason::LayerGone
            | MissReason::NotImported { .. }
            | MissReason::NeverFinished { .. } => {}
        }
    }
    Ok(Effect::Misses { causes, followers, next })
}

/// Whether a step may have to do with a change: a file of the context concerns only those that copy from there.
fn may_notice(work: &Work, step: &StepLabel, changed: &Changed) -> bool {
    let instruction = || work.machine.as_ref().and_then(|machine| machine.instruction(step.number - 1));
    match (changed, instruction().and_then(Instruction::with_files)) {
        (Changed::Dockerfile, _) => true,
        (Changed::Context | Changed::File(_), Some(WithFiles::Copy(copy))) => copy.from.is_none(),
        (Changed::Context | Changed::File(_), Some(WithFiles::Add(_))) => true,
        (Changed::Context | Changed::File(_), Some(WithFiles::Run(_) | WithFiles::Workdir(_)) | None) => false,
    }
}

/// What is foreseen from the next step on, and what is wrong with the step where it ends before its time; nothing is run.
pub(super) fn plan(work: &mut Work) -> Result<(Vec<Prediction>, Option<Error>), Error> {
    work.look_again();
    let machine = work.machine()?;
    let Foresight { steps, wrong } = machine.foresee(machine.position()..machine.step_count());
    Ok((steps, wrong.map(|wrong| work.wrong(machine, &wrong))))
}

/// Takes steps up to a position as long as they are in the cache.
fn take_what_is_cached(machine: &mut Machine, wanted: usize) -> Result<(), Error> {
    while machine.position() < wanted.min(machine.step_count()) {
        let position = machine.position();
        let foresight = machine.foresee(position..position + 1);
        match foresight.steps.first().map(|prediction| &prediction.decision) {
            Some(Decision::Hit { .. } | Decision::NotCached { .. }) => {
                machine.step(&mut |_: &Event| {})?;
            }
            _ => break,
        }
    }
    Ok(())
}

/// The first step taken whose inputs are others now.
fn first_stale(machine: &Machine) -> Option<usize> {
    (0..machine.position()).find(|&index| {
        let Some(before) = &machine.taken()[index].ingredients else { return false };
        let now = machine.foresee(index..index + 1);
        now.steps.first().and_then(|prediction| prediction.ingredients.as_ref()) != Some(before)
    })
}

fn same_file(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}
