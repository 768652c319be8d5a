//! The commands that look: at files, at the configuration, at the Dockerfile, at decisions and differences.
//!
//! Each asks the debugger and shows what it says.

use super::form::Topic;
use super::moving::at_the_end;
use super::operands::{Break, Extent, Target};
use super::session::Session;
use super::{Error, help};
use crate::debugger::{self, Breakpoint, Compare, Debugger};
use crate::machine;
use crate::view::debugger as blocks;
use crate::view::pictures::{self, Within};
use crate::view::{json, units};

/// The most files that `tree` prints.
const MOST_FILES: usize = 500;

pub(super) fn ls(session: &mut Session<'_>, path: Option<&str>) -> Result<(), Error> {
    let entries = session.debugger.files()?.list(path.unwrap_or("."))?;
    Ok(session.out.page(|layout| blocks::entries(layout, &entries))?)
}

pub(super) fn tree(session: &mut Session<'_>, path: Option<&str>) -> Result<(), Error> {
    let listing = session.debugger.files()?.walk(path.unwrap_or("."), MOST_FILES)?;
    let cut =
        if listing.is_cut { format!("only the first {MOST_FILES} are shown: name a folder\n") } else { "".into() };
    Ok(session.out.page(|layout| blocks::listing(layout, &listing) + &cut)?)
}

/// One file, whose path may have spaces, or several.
pub(super) fn cat(session: &mut Session<'_>, paths: &str) -> Result<(), Error> {
    let files = session.debugger.files()?;
    let read = |path: &str| files.cat(path).map(|bytes| (files.absolute(path).to_string(), bytes));
    let contents = match read(paths) {
        Err(_) if paths.contains(char::is_whitespace) => {
            paths.split_whitespace().map(read).collect::<Result<Vec<_>, _>>()?
        }
        only => vec![only?],
    };
    for (name, bytes) in &contents {
        if !session.out.keeps_bytes(bytes) {
            session.out.page(|layout| blocks::content(layout, name, bytes))?;
        }
    }
    Ok(())
}

pub(super) fn layers(session: &mut Session<'_>) -> Result<(), Error> {
    let state = session.debugger.state(None)?;
    let layers = debugger::layers(&state);
    Ok(session.out.page(|layout| blocks::layers(layout, &layers))?)
}

/// The layers as bars.
pub(super) fn bars(session: &mut Session<'_>) -> Result<(), Error> {
    let layers = session.debugger.weigh()?;
    let within = if session.debugger.is_in_last_stage() { Within::Image } else { Within::EarlierStage };
    Ok(session.out.page(|layout| pictures::layers(layout, &layers, within))?)
}

/// The layers on one another.
pub(super) fn stack(session: &mut Session<'_>) -> Result<(), Error> {
    let strata = session.debugger.strata()?;
    Ok(session.out.page(|layout| pictures::stack(layout, &strata))?)
}

pub(super) fn config(session: &mut Session<'_>) -> Result<(), Error> {
    let text = json::pretty(&session.debugger.state(None)?.image())?;
    Ok(session.out.page(|_| blocks::document(&text))?)
}

pub(super) fn env(session: &mut Session<'_>) -> Result<(), Error> {
    let state = session.debugger.state(None)?;
    let variables = debugger::env(&state);
    Ok(session.out.page(|layout| blocks::env(layout, &variables))?)
}

pub(super) fn history(session: &mut Session<'_>) -> Result<(), Error> {
    let state = session.debugger.state(None)?;
    let history = debugger::history(&state);
    Ok(session.out.page(|layout| blocks::history(layout, &history))?)
}

/// The Dockerfile with its lines, steps and stages, and what the cache has of each step.
pub(super) fn list(session: &mut Session<'_>, extent: Extent) -> Result<(), Error> {
    if session.debugger.source().text.is_empty() {
        return Err(debugger::Error::Empty.into());
    }
    let steps = session.debugger.steps_foreseen();
    let line_of = |number: usize| steps.iter().find(|row| row.step.number == number).map(|row| row.step.lines.0);
    let text = &session.debugger.source().text;
    let around = match extent {
        Extent::All => None,
        Extent::Here => {
            let last =
                || steps.iter().rfind(|row| row.status == debugger::StepStatus::Taken).map(|row| row.step.lines.1);
            session.debugger.position().next.map(|step| step.lines.0).or_else(last)
        }
        Extent::Around(Target::Line(line)) => Some(line),
        Extent::Around(Target::Step(number)) => {
            let total = steps.len();
            let line = line_of(number).ok_or(debugger::Error::Machine(machine::Error::NoStep { number, total }));
            Some(line.map_err(|error| Error::from(error).for_a_number())?)
        }
    };
    let window = blocks::Window::of(text, around);
    let left_out = session.debugger.left_out();
    Ok(session.out.page(|layout| blocks::dockerfile(layout, text, &steps, &left_out, &window))?)
}

pub(super) fn break_at(session: &mut Session<'_>, action: Break) -> Result<(), Error> {
    let Session { debugger, out, .. } = session;
    match action {
        Break::List if debugger.breakpoints().is_empty() => {
            session.row("break", "no breakpoints; `break N` sets one, `help break` says more; `back` goes back a step")
        }
        Break::List => {
            let steps = |set: &Breakpoint| debugger.steps_at(&set.place);
            let one = |layout: &blocks::Layout, set: &Breakpoint| blocks::breakpoint(layout, set, &steps(set));
            Ok(out.show(|layout| debugger.breakpoints().iter().map(|set| one(layout, set)).collect())?)
        }
        Break::At(place, condition) => {
            let steps = debugger.steps_at(&place);
            let is_nowhere = steps.is_empty() && matches!(place, debugger::Place::Text(_));
            let set = debugger.break_at(place, condition).map_err(|error| Error::from(error).for_a_number())?;
            out.show(|layout| blocks::breakpoint(layout, set, &steps))?;
            if is_nowhere { session.row("note", "no step has this text now") } else { Ok(()) }
        }
        Break::DeleteAll if debugger.breakpoints().is_empty() => session.row("break", "there are no breakpoints"),
        Break::DeleteAll => {
            let count = debugger.breakpoints().len() as u64;
            debugger.delete_breakpoints();
            session.row("deleted", &units::count(count, "breakpoint"))
        }
        Break::Delete(ids) => each(session, "deleted", &ids, Debugger::delete_breakpoint),
        Break::Enable(ids) => each(session, "enabled", &ids, Debugger::enable_breakpoint),
        Break::Disable(ids) => each(session, "disabled", &ids, Debugger::disable_breakpoint),
    }
}

/// Does something with several breakpoints, up to the first that does not exist.
fn each(
    session: &mut Session<'_>,
    done: &str,
    ids: &[usize],
    what: impl Fn(&mut Debugger, usize) -> Result<(), debugger::Error>,
) -> Result<(), Error> {
    for id in ids {
        what(&mut session.debugger, *id)?;
        session.row(done, &format!("breakpoint {id}"))?;
    }
    Ok(())
}

pub(super) fn plan(session: &mut Session<'_>) -> Result<(), Error> {
    let (predictions, wrong) = session.debugger.plan_so_far()?;
    if !predictions.is_empty() {
        let left_out = session.debugger.left_out();
        session.out.page(|layout| blocks::plan(layout, &predictions, &left_out))?;
    } else if wrong.is_none() {
        let what = at_the_end(&session.debugger);
        session.row("plan", &format!("{what}; `restart`, then `plan` predicts all steps"))?;
    }
    wrong.map_or(Ok(()), |error| Err(error.into()))
}

/// The stages, and what each takes from which.
pub(super) fn graph(session: &mut Session<'_>) -> Result<(), Error> {
    let graph = session.debugger.graph()?;
    Ok(session.out.page(|layout| pictures::graph(layout, &graph))?)
}

/// How steps hang on one another in the cache, and where that breaks.
pub(super) fn chain(session: &mut Session<'_>) -> Result<(), Error> {
    let graph = session.debugger.graph()?;
    Ok(session.out.page(|layout| pictures::chain(layout, &graph))?)
}

pub(super) fn why(session: &mut Session<'_>, step: Option<usize>, against: Option<u64>) -> Result<(), Error> {
    let step = asked_about(session, step)?;
    let Session { debugger, out, .. } = session;
    let is_told = match against {
        None => match debugger.why(step).map_err(advised)? {
            Some(why) => out.page(|layout| blocks::why(layout, &why)).map(|()| true),
            None => Ok(false),
        },
        Some(build) => match debugger.why_against(step, build).map_err(advised)? {
            Some(against) => out.page(|layout| blocks::against(layout, build, &against)).map(|()| true),
            None => Ok(false),
        },
    }?;
    match is_told {
        true => Ok(()),
        false => session.row("cache", "unknown: a step before it has to run first"),
    }
}

/// The step that a question without a number is about: where none is left, the last, and that is said.
fn asked_about(session: &mut Session<'_>, step: Option<usize>) -> Result<Option<usize>, Error> {
    let debugger::Position { next, taken, .. } = session.debugger.position();
    if step.is_some() || next.is_some() || taken == 0 {
        return Ok(step);
    }
    session.row("step", &format!("no steps left: this is about step {taken}, the last"))?;
    Ok(Some(taken))
}

/// Everything that the key of a step is made from, then and now.
pub(super) fn sides(session: &mut Session<'_>, step: Option<usize>, against: Option<u64>) -> Result<(), Error> {
    let step = asked_about(session, step)?;
    match session.debugger.sides(step, against).map_err(advised)? {
        Some(sides) => Ok(session.out.page(|layout| pictures::ingredients(layout, &sides))?),
        None => session.row("cache", "unknown: a step before it has to run first"),
    }
}

/// The past builds that a step can be compared with.
pub(super) fn builds(session: &mut Session<'_>) -> Result<(), Error> {
    let builds = session.debugger.builds()?;
    Ok(session.out.page(|layout| blocks::builds(layout, &builds))?)
}

fn advised(error: debugger::Error) -> Error {
    match error {
        error @ debugger::Error::NothingLeft => {
            Error::Refused { error: Box::new(error), hint: Some("`why N` asks about step N") }
        }
        error => error.into(),
    }
}

pub(super) fn diff(
    session: &mut Session<'_>,
    states: Option<(usize, usize)>,
    path: Option<String>,
) -> Result<(), Error> {
    let what = match (states, path) {
        (None, None) => Compare::LastStep,
        (Some((before, after)), None) => Compare::States(before, after),
        (states, Some(path)) => Compare::File { path, states },
    };
    let compared = session.debugger.compare(&what)?;
    Ok(session.out.page(|layout| blocks::compared(layout, &compared))?)
}

pub(super) fn explain(session: &mut Session<'_>, instruction: Option<&str>) -> Result<(), Error> {
    let keyword = instruction.map(|text| text.split_whitespace().next().unwrap_or_default());
    let explained = session.debugger.explain(keyword)?;
    Ok(session.out.page(|layout| blocks::explained(layout, &explained, "Try"))?)
}

pub(super) fn help(session: &mut Session<'_>, topic: Topic) -> Result<(), Error> {
    let text = match topic {
        Topic::Overview => help::overview(),
        Topic::All => help::all(),
        Topic::Command(entry) => help::of(entry),
        Topic::Concept(name) => return explain(session, Some(name)),
    };
    Ok(session.out.page(|layout| layout.fill(&text))?)
}
