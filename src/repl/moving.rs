//! The commands that move: step, next, continue, back, goto, restart; an instruction that is typed in; the line with the ▶.

use super::Error;
use super::operands::Target;
use super::session::Session;
use crate::debugger::{self, Debugger, LeftOut, Place, Position, Reason, Sink, Stopped, Typed};
use crate::machine::EventKind;
use crate::shown;
use crate::view::debugger::{self as blocks, Stages};
use crate::view::{table, units};

/// What to do after a step that failed.
const TRY_AGAIN: &str = "Look around, `edit`, then `step` again";

/// What the session shows of steps under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heads {
    /// Each begins with its line with the ▶.
    Shown,
    /// What happens in them, and not which they are.
    Hidden,
}

/// Lets the debugger move, showing what happens, and tells why it stopped.
pub(super) fn go(
    session: &mut Session<'_>,
    motion: impl FnOnce(&mut Debugger, &mut Sink<'_>) -> Result<Stopped, debugger::Error>,
) -> Result<Stopped, Error> {
    session.is_edited = false;
    let stopped = watch(session, Heads::Shown, motion)?;
    tell_stop(session, &stopped, TRY_AGAIN)?;
    Ok(stopped)
}

/// `continue`.
pub(super) fn go_on(session: &mut Session<'_>) -> Result<(), Error> {
    match session.debugger.finished() {
        Some(finished) => {
            let text = format!("{}: written as build {}", finished.image.short(), finished.build);
            session.row("image", &text)
        }
        None => go(session, Debugger::go_on).map(drop),
    }
}

/// `back [N]`.
pub(super) fn back(session: &mut Session<'_>, count: usize) -> Result<(), Error> {
    let taken = session.debugger.position().taken;
    let is_edited = session.is_edited;
    let gone = go(session, |debugger, _| debugger.back(count));
    if is_edited {
        session.row("note", "the edit stays: `back` undoes steps, `edit` changes the file again")?;
    }
    gone?;
    match count > taken {
        true => session.row("back", &format!("{}, to the beginning", units::count(taken as u64, "step"))),
        false => Ok(()),
    }
}

/// `restart`. Its line with the ▶ is shown even where it is the beginning already.
pub(super) fn restart(session: &mut Session<'_>) -> Result<(), Error> {
    session.out.forget_head();
    go(session, |debugger, _| debugger.restart()).map(drop)
}

/// `goto N`, `goto :LINE`.
pub(super) fn goto(session: &mut Session<'_>, target: Target) -> Result<(), Error> {
    let number = match target {
        Target::Step(number) => number,
        Target::Line(line) => {
            let steps = session.debugger.steps_at(&Place::Line(line));
            steps.first().ok_or(debugger::Error::NoStepBelow { line })?.number
        }
    };
    go(session, |debugger, sink| debugger.goto(number, sink)).map(drop).map_err(Error::for_a_number)
}

/// Takes an instruction in the current state.
pub(super) fn type_in(session: &mut Session<'_>, text: &str) -> Result<(), Error> {
    let before = Before::of(&session.debugger);
    match watch(session, Heads::Hidden, |debugger, sink| debugger.type_in(text, sink))? {
        Typed::BeforeFrom => session.row("noted", "an ARG before FROM takes effect at the first FROM"),
        Typed::NotAStep => session.row("noted", "it is not a step of its own"),
        Typed::Took(stopped) => {
            tell_stop(session, &stopped, "Look around, then type it again, corrected")?;
            match stopped.reason {
                Reason::Interrupted => Ok(()),
                _ => tell_added(session, &before, &stopped.position),
            }
        }
    }
}

/// What there was before an instruction was typed.
struct Before {
    position: Position,
    left_out: Vec<LeftOut>,
    /// Whether another was typed before.
    has_typed: bool,
}

impl Before {
    fn of(debugger: &Debugger) -> Before {
        let (position, left_out) = (debugger.position(), debugger.left_out());
        Before { position, left_out, has_typed: debugger.has_typed() }
    }
}

/// Says where an instruction was added, where that is not the end of all, and what else has become a step.
fn tell_added(session: &mut Session<'_>, before: &Before, position: &Position) -> Result<(), Error> {
    let left_out = session.debugger.left_out();
    let built: Vec<LeftOut> = before.left_out.iter().filter(|stage| !left_out.contains(stage)).cloned().collect();
    let with_them: usize = built.iter().map(|stage| stage.steps).sum();
    let added = position.total.saturating_sub(before.position.total + with_them);
    if let (Some(next), true) = (&position.next, before.position.next.is_some()) {
        let taken =
            session.debugger.steps().into_iter().nth(position.taken.saturating_sub(1)).map(|row| row.step.stage);
        let stage = taken.filter(|stage| *stage != next.stage);
        let stage =
            stage.map(|stage| format!("to stage `{}`, ", table::shortened(&shown::line(&stage), blocks::STAGE)));
        let changes = if before.has_typed { "" } else { "; `edit` changes or removes what was typed" };
        let stage = stage.unwrap_or_default();
        if !stage.is_empty() || !changes.is_empty() {
            session.row("added", &format!("{stage}before step {}, which still follows{changes}", next.number))?;
        }
    }
    if let Some(text) = blocks::left_out(&built) {
        let text = text.replacen(" not needed", " not needed until now", 1);
        session.row("note", &format!("{text}: once a FROM is typed, all stages are built"))?;
    }
    match added {
        0 | 1 => Ok(()),
        added => session.row("added", &format!("{added} steps: only the first was taken; `step` takes the next")),
    }
}

/// The line with the ▶, when it is not the same as before.
pub(super) fn tell_position(session: &mut Session<'_>) -> Result<(), Error> {
    let debugger = &session.debugger;
    if !debugger.is_begun() {
        return Ok(());
    }
    let Position { next, total, is_missed, .. } = debugger.position();
    if let Some(label) = next {
        let stages = stages(debugger);
        return Ok(session.out.head(|layout| blocks::step(layout, &label, stages, is_missed))?);
    }
    let what = at_the_end(debugger);
    Ok(session.out.head(|layout| blocks::end(layout, total, &what))?)
}

/// What there is to do where no steps are left.
pub(super) fn at_the_end(debugger: &Debugger) -> String {
    match (debugger.finished(), debugger.path()) {
        (Some(_), _) => match debugger.names().first() {
            Some(name) => format!("the image is written as {}: `launch` runs it", name.familiar()),
            None => "the image is written, unnamed: `tag NAME` names it, `launch` runs it".to_owned(),
        },
        (None, Some(_)) => "no steps left: `continue` writes the image, `launch` runs it".to_owned(),
        (None, None) => "no steps left: type the next instruction, or `launch`".to_owned(),
    }
}

/// Lets the debugger do something and shows what happens on the way: its events, and the image where one is written.
pub(super) fn watch<T>(
    session: &mut Session<'_>,
    heads: Heads,
    what: impl FnOnce(&mut Debugger, &mut Sink<'_>) -> Result<T, debugger::Error>,
) -> Result<T, Error> {
    let Session { debugger, out, notes, .. } = session;
    let stages = stages(debugger);
    let written = debugger.finished().map(|finished| finished.build);
    let mut broken = Ok(());
    let done = what(debugger, &mut |event| {
        notes.event(event);
        if broken.is_ok() {
            if let (Heads::Shown, EventKind::StepStarted, Some(step)) = (heads, &event.kind, &event.step) {
                broken = out.head(|layout| blocks::step(layout, step, stages, false));
            }
            broken = std::mem::replace(&mut broken, Ok(())).and_then(|()| out.event(event));
        }
    });
    broken?;
    if let Some(finished) = debugger.finished().filter(|finished| written != Some(finished.build)) {
        let counts = units::hits_and_misses(finished.cached, finished.ran);
        let mut text = format!("{}, build {}: {counts}", finished.image.short(), finished.build);
        if finished.kept > 0 {
            text.push_str(&format!(", {} kept from before", finished.kept));
        }
        out.show(|layout| layout.row("image", &text))?;
    }
    Ok(done?)
}

fn stages(debugger: &Debugger) -> Stages {
    if debugger.stages().len() > 1 { Stages::Several } else { Stages::One }
}

/// Tells why a motion stopped, where that is not where it was to go.
fn tell_stop(session: &mut Session<'_>, stopped: &Stopped, after_failure: &str) -> Result<(), Error> {
    match &stopped.reason {
        Reason::Step | Reason::Done => Ok(()),
        Reason::Breakpoint(id) if stopped.position.is_missed => {
            session.row("stop", &format!("breakpoint {id}: this step misses the cache; it has not run yet"))
        }
        Reason::Breakpoint(id) => {
            let Session { debugger, out, .. } = session;
            let found = debugger.breakpoints().iter().find(|breakpoint| breakpoint.id == *id);
            Ok(found.map_or(Ok(()), |breakpoint| out.show(|layout| blocks::stopped_at(layout, breakpoint)))?)
        }
        Reason::Interrupted => {
            session.note_interrupt();
            session.out.forget_head();
            session.row("stopped", "by Ctrl-C: the state is the one before this step")
        }
        Reason::Failed(messages) => {
            session.out.forget_head();
            session.show_error(&messages.into())?;
            session.row("failed", &format!("nothing from this step was kept. {after_failure}"))?;
            Err(Error::Said)
        }
    }
}
