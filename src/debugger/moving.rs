//! Moving: step, next, continue, back, go to, restart. Each says where it stopped, and why.
//!
//! Going back returns to a state that was kept. What was committed stays in the cache.

use super::error::{Error, Failure};
use super::work::{Memory, Sink, Work};
use crate::machine::{self, Decision, Phase, StepLabel};

/// Where the debugger is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Position {
    /// How many steps are taken: the number of the current state.
    pub taken: usize,
    /// How many steps there are. FROM adds the ONBUILD steps of its image.
    pub(crate) total: usize,
    /// The step that comes next or is under way; `None` at the end.
    pub next: Option<StepLabel>,
    /// Whether the cache was asked for that step already, in vain: it will be executed.
    pub is_missed: bool,
}

/// Why a motion stopped.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It is where it was to go.
    Step,
    /// The breakpoint of this id.
    Breakpoint(usize),
    /// The step can't be taken, or can't be read. The state is the one before it.
    Failed(Failure),
    /// Somebody wished it. The state is the one before the step that was under way.
    Interrupted,
    /// No steps are left.
    Done,
}

/// A motion came to its end.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Stopped {
    pub reason: Reason,
    pub position: Position,
}

/// How far a motion goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// So many steps, whatever breakpoints say.
    Steps(usize),
    /// To the end of the stage.
    Stage,
    End,
}

/// What to do when the cache was asked in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnMiss {
    GoOn,
    /// Stop for the breakpoint of this id.
    Stop(usize),
}

/// Where it is. At the beginning where there is no FROM yet.
pub(super) fn position(work: &Work) -> Position {
    match &work.machine {
        None => Position { taken: 0, total: 0, next: None, is_missed: false },
        Some(machine) => Position {
            taken: machine.position(),
            total: machine.step_count(),
            next: machine.label(machine.position()),
            is_missed: machine.phase() == Phase::Execute && matches!(machine.decided(), Some(Decision::Miss { .. })),
        },
    }
}

/// The last step taken, where the next one is the FROM of another stage.
pub(super) fn end_of_stage(work: &Work) -> Option<StepLabel> {
    let machine = work.machine.as_ref()?;
    let next = machine.label(machine.position())?;
    if next.keyword == "FROM" { machine.label(machine.position().checked_sub(1)?) } else { None }
}

/// Whether the last step taken is one of the last stage, which the others are for.
pub(super) fn is_in_last_stage(work: &Work) -> bool {
    let Some(machine) = &work.machine else { return true };
    let stage_of = |count: usize| machine.label(count.checked_sub(1)?).map(|step| step.stage);
    stage_of(machine.position()) == stage_of(machine.step_count())
}

/// Takes all steps up to a breakpoint or the end; at the end, writes the image.
pub(super) fn go_on(work: &mut Work, sink: &mut Sink<'_>) -> Result<Stopped, Error> {
    work.machine()?;
    let stopped = match work.is_done() {
        true => Stopped { reason: Reason::Done, position: position(work) },
        false => go(work, Goal::End, sink)?,
    };
    if stopped.reason == Reason::Done {
        work.finish(sink)?;
    }
    Ok(stopped)
}

/// Goes back so many steps, at most to the beginning.
pub(super) fn back(work: &mut Work, count: usize) -> Result<Stopped, Error> {
    let position = work.machine()?.position();
    if position == 0 {
        return Err(Error::AtBeginning);
    }
    go_back_to(work, position.saturating_sub(count))
}

/// Goes to where a step comes next, forwards or back.
pub(super) fn goto(work: &mut Work, number: usize, sink: &mut Sink<'_>) -> Result<Stopped, Error> {
    let machine = work.machine()?;
    let (total, position) = (machine.step_count(), machine.position());
    match number.checked_sub(1) {
        Some(index) if number <= total && index < position => go_back_to(work, index),
        Some(index) if number <= total => go(work, Goal::Steps(index - position), sink),
        Some(_) | None => Err(machine::Error::NoStep { number, total }.into()),
    }
}

/// Goes back to where so many steps are taken.
pub(super) fn go_back_to(work: &mut Work, count: usize) -> Result<Stopped, Error> {
    work.record()?;
    (work.finished, work.failed) = (None, None);
    work.machine_mut()?.go_back_to(count);
    Ok(Stopped { reason: Reason::Step, position: position(work) })
}

// ANCHOR: go
pub(super) fn go(work: &mut Work, goal: Goal, sink: &mut Sink<'_>) -> Result<Stopped, Error> {
    work.look_again();
    work.machine()?;
    if work.is_done() && goal != Goal::Steps(0) {
        return Err(Error::NothingLeft);
    }
    let begin = work.machine()?.position();
    let reason = loop {
        if let Some(reason) = arrived(work, goal, begin)? {
            break reason;
        }
        let at_miss = match goal {
            Goal::Steps(_) => OnMiss::GoOn,
            Goal::Stage | Goal::End => work.breakpoints.at_miss(work.machine()?).map_or(OnMiss::GoOn, OnMiss::Stop),
        };
        if let Some(reason) = take(work, at_miss, sink)? {
            break reason;
        }
    };
    Ok(Stopped { reason, position: position(work) })
}
// ANCHOR_END: go

// ANCHOR: arrived
/// Whether a motion that began at a position has come to its end. No breakpoint stops where it began.
fn arrived(work: &Work, goal: Goal, begin: usize) -> Result<Option<Reason>, Error> {
    let machine = work.machine()?;
    let position = machine.position();
    if machine.is_done() {
        return Ok(Some(work.mistake.clone().map_or(Reason::Done, Reason::Failed)));
    }
    match goal {
        Goal::Steps(count) => Ok((position - begin >= count).then_some(Reason::Step)),
        Goal::Stage | Goal::End if position == begin => Ok(None),
        Goal::Stage if machine.is_stage_start(position) => Ok(Some(Reason::Step)),
        Goal::Stage | Goal::End => Ok(work.breakpoints.before_next(machine)?.map(Reason::Breakpoint)),
    }
}
// ANCHOR_END: arrived

/// Takes the step under way to its end. Gives why it did not come there.
pub(super) fn take(work: &mut Work, at_miss: OnMiss, sink: &mut Sink<'_>) -> Result<Option<Reason>, Error> {
    (work.finished, work.failed) = (None, None);
    work.begin_record()?;
    let Some(machine) = &mut work.machine else { return Err(Error::Empty) };
    let index = machine.position();
    loop {
        match machine.advance(sink) {
            Ok(Some(_)) => {
                work.memory = Memory::Unwritten;
                return Ok(None);
            }
            Ok(None) => {}
            Err(machine::Error::Interrupted) => {
                // The wish is fulfilled.
                work.control.interrupt().take();
                return Ok(Some(Reason::Interrupted));
            }
            Err(error) => {
                let diagnostics = error.diagnostics_at(machine.span(index));
                (work.memory, work.failed) = (Memory::Unwritten, Some(index));
                return Ok(Some(Reason::Failed(Failure { diagnostics, source: work.file.clone() })));
            }
        }
        let is_miss = matches!(machine.decided(), Some(Decision::Miss { .. }));
        if let OnMiss::Stop(id) = at_miss
            && machine.phase() == Phase::Execute
            && is_miss
        {
            return Ok(Some(Reason::Breakpoint(id)));
        }
    }
}
