//! The prompt: one line after another, until `quit` or the end of input.
//!
//! An error ends nothing: it is told, and the next line is read. With a script the session remembers that something failed, for the
//! exit code.

use super::command::{self, Command, Line};
use super::form::{LayersForm, PlanForm, WhyForm};
use super::lines::{Growing, Lines, Step, Surroundings};
use super::output::Paging;
use super::session::{Ending, Session};
use super::{Error, changing, entering, keeping, looking, moving, pipe};
use crate::debugger::{Debugger, Position};
use crate::prompt::Next;
use crate::shown;
use crate::view::debugger::{self as blocks, STAGE};
use crate::view::{table, units};

/// The prompt of a script, and of a session as it is saved.
const PROMPT: &str = "(layerlab) ";
/// What those who are new could do next.
const HINT: &str = "Enter takes the next step · why · ls / · help";
/// The most paths that completion knows.
const MOST_PATHS: usize = 50_000;

/// Whether the session goes on.
#[derive(PartialEq)]
enum Flow {
    On,
    Quit,
}

/// Takes lines to their end.
///
/// # Errors
/// Only where lines can't be read or nothing can be written any more.
pub(crate) fn run(session: &mut Session<'_>, lines: &mut dyn Lines) -> Result<Ending, Error> {
    session.interactive = lines.is_interactive();
    if session.interactive {
        session.out.paging = Paging::On;
    }
    header(session)?;
    moving::watch(session, moving::Heads::Hidden, |debugger, sink| {
        debugger.tell_warnings(sink);
        Ok(())
    })?;
    session.out.show(|_| "\n".into())?;
    let mut last = None;
    // Whether it was said already that leaving loses something.
    let mut is_warned = false;
    loop {
        session.out.measure();
        moving::tell_position(session)?;
        if lines.is_new() && session.debugger.position().next.is_some() {
            session.out.aside(HINT)?;
        }
        session.out.flush()?;
        lines.surround(&mut || surroundings(&session.debugger));
        let idle = session.debugger.control().interrupt().idle();
        let next = lines.next(&prompt(session));
        drop(idle);
        let text = match next.map_err(Error::Input)? {
            Next::Line(text) if text.trim().is_empty() => again(session, last.as_deref()),
            Next::Line(text) => text,
            Next::Interrupted if session.interactive => continue,
            Next::Interrupted => {
                session.ending = Ending::Interrupted;
                break;
            }
            Next::End => {
                // The cursor is still behind the prompt.
                if session.interactive {
                    session.out.show(|_| "\n".into())?;
                }
                if keeps(session, is_warned)? {
                    is_warned = true;
                    continue;
                }
                break;
            }
        };
        echo(session, &text)?;
        session.out.measure();
        match take(session, &text, &mut last) {
            Ok(Flow::On) => is_warned = false,
            Ok(Flow::Quit) if keeps(session, is_warned)? => is_warned = true,
            Ok(Flow::Quit) => break,
            Err(Error::Output(error)) => return Err(Error::Output(error)),
            // Whatever failed, it was wished.
            Err(_) if session.debugger.control().interrupt().is_requested() => session.row("stopped", "by Ctrl-C")?,
            Err(error) => session.show_error(&error.messages())?,
        }
        if session.debugger.control().interrupt().take() {
            session.note_interrupt();
        }
        if session.debugger.control().interrupt().is_for_good() {
            session.ending = Ending::Interrupted;
        }
        if session.ending == Ending::Interrupted {
            break;
        }
    }
    end(session)
}

/// The end of a session, however it came to it.
fn end(session: &mut Session<'_>) -> Result<Ending, Error> {
    if session.is_broken {
        session.row("warning", "the Dockerfile on disk still has the mistake: fix it before you build it")?;
    }
    session.debugger.record()?;
    session.out.flush()?;
    Ok(session.ending)
}

/// Whether the session goes on although it was to end: somebody's work would be lost, and nobody has said so yet.
fn keeps(session: &mut Session<'_>, is_warned: bool) -> Result<bool, Error> {
    if is_warned || !session.interactive || !session.is_unsaved() {
        return Ok(false);
    }
    session.row(
        "unsaved",
        match session.draft {
            Some(_) => "the Dockerfile with the mistake is not saved: `edit` opens it again, `quit` again drops it",
            None => "what you typed is not saved: `write` saves the Dockerfile with it, `quit` again drops it",
        },
    )?;
    Ok(true)
}

/// The prompt, which tells where the session is: `(layerlab 7/25 build) `.
fn prompt(session: &Session<'_>) -> String {
    let debugger = &session.debugger;
    if !session.interactive || !debugger.is_begun() {
        return PROMPT.to_owned();
    }
    let Position { next, total, .. } = debugger.position();
    match next {
        None => format!("(layerlab {total}/{total} done) "),
        Some(step) if debugger.stages().len() > 1 => {
            let stage = table::shortened(&shown::line(&step.stage), STAGE);
            format!("(layerlab {}/{total} {stage}) ", step.number)
        }
        Some(step) => format!("(layerlab {}/{total}) ", step.number),
    }
}

/// What an empty line stands for: the last motion forwards, else one step.
fn again(session: &Session<'_>, last: Option<&str>) -> String {
    match last {
        Some(last) => last.to_owned(),
        None if session.debugger.is_begun() => "step".to_owned(),
        None => String::new(),
    }
}

/// Takes what was typed, or one after another what was pasted.
fn take(session: &mut Session<'_>, text: &str, last: &mut Option<String>) -> Result<Flow, Error> {
    if !session.interactive || !text.contains('\n') {
        return take_line(session, text, last);
    }
    for part in Growing::parts(text) {
        if take_line(session, &part, last)? == Flow::Quit {
            return Ok(Flow::Quit);
        }
    }
    Ok(Flow::On)
}

fn take_line(session: &mut Session<'_>, text: &str, last: &mut Option<String>) -> Result<Flow, Error> {
    let command = match command::parse(text)? {
        Line::Comment | Line::Empty => return Ok(Flow::On),
        Line::Instruction(text) => return moving::type_in(session, &text).map(|()| Flow::On),
        Line::Command(command) => command,
        Line::Piped(command, program) => return pipe::run(session, &program, |session| dispatch(session, command)),
    };
    if command.is_repeated() {
        *last = Some(text.to_owned());
    } else if command.is_turn() {
        *last = None;
    }
    if command.is_look() {
        session.out.begin();
    }
    let is_about_state = command.is_about_state();
    let flow = dispatch(session, command);
    session.out.end()?;
    if is_about_state {
        tell_stage(session)?;
    }
    flow
}

/// Says, once at each place, that a new stage comes next: what was shown is still the old one's.
fn tell_stage(session: &mut Session<'_>) -> Result<(), Error> {
    let Some(last) = session.debugger.end_of_stage() else { return Ok(()) };
    if session.told_stage.replace(last.number) == Some(last.number) {
        return Ok(());
    }
    let stage = table::shortened(&shown::line(&last.stage), STAGE);
    let (number, next) = (last.number, last.number + 1);
    session.row(
        "note",
        &format!("this is stage {stage} after step {number}; step {next} begins another, with other files"),
    )
}

fn dispatch(session: &mut Session<'_>, command: Command) -> Result<Flow, Error> {
    match command {
        Command::Quit => return Ok(Flow::Quit),
        Command::Step { count } => moving::go(session, |debugger, sink| debugger.step(count, sink)).map(drop),
        Command::Finish => moving::go(session, Debugger::next).map(drop),
        Command::Continue => moving::go_on(session),
        Command::Back { count } => moving::back(session, count),
        Command::Goto(target) => moving::goto(session, target),
        Command::Restart => moving::restart(session),
        Command::Break(action) => looking::break_at(session, action),
        Command::List(extent) => looking::list(session, extent),
        Command::Why { step, against, form: WhyForm::Reason } => looking::why(session, step, against),
        Command::Why { step, against, form: WhyForm::Full } => looking::sides(session, step, against),
        Command::Why { form: WhyForm::Builds, .. } => looking::builds(session),
        Command::Plan { form: PlanForm::List } => looking::plan(session),
        Command::Plan { form: PlanForm::Graph } => looking::graph(session),
        Command::Plan { form: PlanForm::Chain } => looking::chain(session),
        Command::Diff { states, path } => looking::diff(session, states, path),
        Command::Ls { path } => looking::ls(session, path.as_deref()),
        Command::Tree { path } => looking::tree(session, path.as_deref()),
        Command::Cat { paths } => looking::cat(session, &paths),
        Command::Layers { form: LayersForm::Table } => looking::layers(session),
        Command::Layers { form: LayersForm::Bars } => looking::bars(session),
        Command::Layers { form: LayersForm::Stack } => looking::stack(session),
        Command::Config => looking::config(session),
        Command::Env => looking::env(session),
        Command::History => looking::history(session),
        Command::Explain { instruction } => looking::explain(session, instruction.as_deref()),
        Command::Run { command } => entering::run(session, command),
        Command::Shell { state } => entering::shell(session, state),
        Command::Edit { file, change } => changing::edit(session, file.as_deref(), change),
        Command::Reload => changing::reload(session),
        Command::Tag { name } => keeping::tag(session, &name),
        Command::Launch { arguments } => entering::launch(session, arguments),
        Command::Save { what, existing } => keeping::save(session, &what, existing),
        Command::Write { file, existing } => keeping::write(session, file.as_deref(), existing),
        Command::Help(topic) => looking::help(session, topic),
    }?;
    Ok(Flow::On)
}

/// The lines at the beginning.
fn header(session: &mut Session<'_>) -> Result<(), Error> {
    if !session.debugger.is_begun() {
        let folder = shown::line(&session.debugger.folder().display().to_string()).into_owned();
        let text = format!(
            "There is no Dockerfile here, so this is an empty one. Context: `{folder}`.\nType an instruction, such as `FROM alpine`, or `help`.\n"
        );
        return Ok(session.out.show(|layout| layout.fill(&text))?);
    }
    let steps = session.debugger.position().total as u64;
    let left_out = session.debugger.left_out();
    let left: u64 = left_out.iter().map(|stage| stage.steps as u64).sum();
    let steps = match left {
        0 => units::count(steps, "step"),
        left => format!("{steps} of {} steps", steps + left),
    };
    let stages = units::count(session.debugger.stages().len() as u64, "stage");
    let name = shown::line(&session.debugger.source().name).into_owned();
    let (context, error) = match session.debugger.context() {
        Ok(summary) => {
            let summary = summary.unwrap_or_default();
            let files = units::count(summary.files as u64, "file");
            (format!(" Context: {files}, {}.", units::size(summary.bytes)), None)
        }
        Err(error) => (String::new(), Some(Error::from(error))),
    };
    let unneeded = blocks::left_out(&left_out).map(|text| format!(" {text}.")).unwrap_or_default();
    session.out.show(|layout| layout.fill(&format!("{name}: {steps} in {stages}.{unneeded}{context}\n")))?;
    error.map_or(Ok(()), |error| session.show_error(&error.messages()))
}

fn echo(session: &mut Session<'_>, text: &str) -> Result<(), Error> {
    let shown = |line: &str| format!("{PROMPT}{}\n", shown::text(line.trim_end_matches('\n')));
    if !session.interactive {
        session.out.show(|_| shown(text))?;
    } else if !text.contains('\n') {
        session.out.note(&shown(text))?;
    } else {
        // What was pasted is noted as if it had been typed: a saved session then says which lines are one instruction.
        for line in Growing::lines(text) {
            session.out.note(&shown(line.trim_end_matches(['\n', '\r'])))?;
        }
    }
    Ok(())
}

/// What completion needs to know.
fn surroundings(debugger: &Debugger) -> Surroundings {
    let steps = debugger.steps().into_iter().map(|row| Step {
        number: row.step.number,
        line: row.step.lines.0,
        instruction: row.step.instruction,
    });
    Surroundings {
        steps: steps.collect(),
        workdir: debugger.files().map(|files| files.absolute(".").to_string()).unwrap_or_else(|_| "/".into()),
        context: Some(debugger.folder().to_owned()),
        stages: debugger.stages().into_iter().map(|stage| stage.name).collect(),
        breakpoints: debugger.breakpoints().iter().map(|breakpoint| breakpoint.id.to_string()).collect(),
        image_paths: debugger.files().map(|files| files.paths(MOST_PATHS)).unwrap_or_default(),
    }
}
