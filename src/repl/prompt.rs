//! The prompt: one line after another, until `quit` or the end of input.
//!
//! An error ends nothing: it is told, and the next line is read. With a script the session remembers that something failed, for the
//! exit code.

use super::command::{self, Command, Line, PlanForm};
use super::lines::{Lines, Next, Surroundings};
use super::output::Paging;
use super::session::{Ending, Session};
use super::{Error, changing, entering, looking, moving};
use crate::debugger::Debugger;
use crate::shown;
use crate::view::units;

/// The prompt.
const PROMPT: &str = "(layerlab) ";
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
pub(crate) fn run(mut session: Session<'_>, lines: &mut dyn Lines) -> Result<Ending, Error> {
    session.interactive = lines.is_interactive();
    if session.interactive {
        session.out.paging = Paging::On;
    }
    header(&mut session)?;
    moving::watch(&mut session, moving::Heads::Hidden, |debugger, sink| {
        debugger.tell_warnings(sink);
        Ok(())
    })?;
    session.out.show(|_| "\n".into())?;
    let mut last = None;
    loop {
        session.out.measure();
        moving::tell_position(&mut session)?;
        session.out.flush()?;
        lines.surround(&mut || surroundings(&session.debugger));
        let idle = session.debugger.control().interrupt().idle();
        let next = lines.next(PROMPT);
        drop(idle);
        let text = match next.map_err(Error::Input)? {
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
                break;
            }
        };
        echo(&mut session, &text)?;
        session.out.measure();
        match take_line(&mut session, &text, &mut last) {
            Ok(Flow::On) => {}
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
    session.debugger.record()?;
    session.out.flush()?;
    Ok(session.ending)
}

fn take_line(session: &mut Session<'_>, text: &str, last: &mut Option<Command>) -> Result<Flow, Error> {
    let command = match command::parse(text)? {
        Line::Comment => return Ok(Flow::On),
        Line::Instruction(text) => return moving::type_in(session, &text).map(|()| Flow::On),
        Line::Empty => match last.clone() {
            Some(command) => command,
            None => return Ok(Flow::On),
        },
        Line::Command(command) => command,
    };
    if matches!(command, Command::Step { .. } | Command::Next | Command::Continue | Command::Back { .. }) {
        *last = Some(command.clone());
    }
    if is_look(&command) {
        session.out.begin();
    }
    let flow = dispatch(session, command);
    session.out.end()?;
    flow
}

/// Whether a command only looks, which takes long where a state is large. The others begin by themselves what can be seen.
fn is_look(command: &Command) -> bool {
    use Command::{Cat, Diff, Layers, Ls, Plan, Tree, Why};
    matches!(command, Why { .. } | Plan { .. } | Diff { .. } | Ls { .. } | Tree { .. } | Cat { .. } | Layers)
}

fn dispatch(session: &mut Session<'_>, command: Command) -> Result<Flow, Error> {
    match command {
        Command::Quit => return Ok(Flow::Quit),
        Command::Step { count } => moving::go(session, |debugger, sink| debugger.step(count, sink)).map(drop),
        Command::Next => moving::go(session, Debugger::next).map(drop),
        Command::Continue => moving::go_on(session),
        Command::Back { count } => moving::go(session, |debugger, _| debugger.back(count)).map(drop),
        Command::Goto { step } => moving::go(session, |debugger, sink| debugger.goto(step, sink)).map(drop),
        Command::Restart => moving::go(session, |debugger, _| debugger.restart()).map(drop),
        Command::Break(action) => looking::break_at(session, action),
        Command::List => looking::list(session),
        Command::Why { step, against } => looking::why(session, step, against),
        Command::Plan { form: PlanForm::List } => looking::plan(session),
        Command::Plan { form: PlanForm::Graph } => looking::graph(session),
        Command::Diff { states, path } => looking::diff(session, states, path),
        Command::Ls { path } => looking::ls(session, path.as_deref()),
        Command::Tree { path } => looking::tree(session, path.as_deref()),
        Command::Cat { path } => looking::cat(session, &path),
        Command::Layers => looking::layers(session),
        Command::Config => looking::config(session),
        Command::Env => looking::env(session),
        Command::History => looking::history(session),
        Command::Explain { instruction } => looking::explain(session, instruction.as_deref()),
        Command::Run { command } => entering::run(session, command),
        Command::Shell { state } => entering::shell(session, state),
        Command::Edit { file } => changing::edit(session, file.as_deref()),
        Command::Reload => changing::reload(session),
        Command::Tag { name } => changing::tag(session, &name),
        Command::Launch { arguments } => entering::launch(session, arguments),
        Command::Save { file } => changing::save(session, &file),
        Command::Write { file } => changing::write(session, &file),
        Command::Help { command } => looking::help(session, command),
    }?;
    Ok(Flow::On)
}

/// The lines at the beginning.
fn header(session: &mut Session<'_>) -> Result<(), Error> {
    if !session.debugger.is_begun() {
        let folder = shown::line(&session.debugger.folder().display().to_string()).into_owned();
        let text = format!(
            "An empty Dockerfile. Context: `{folder}`.\nType an instruction, such as `FROM alpine`, or `help`.\n"
        );
        return Ok(session.out.show(|layout| layout.fill(&text))?);
    }
    let steps = units::count(session.debugger.position().total as u64, "step");
    let stages = units::count(session.debugger.stages().len() as u64, "stage");
    let name = shown::line(&session.debugger.source().name).into_owned();
    let (context, error) = match session.debugger.context() {
        Ok(summary) => {
            let summary = summary.unwrap_or_default();
            let files = units::count(summary.files as u64, "file");
            (format!(" Context: {files}, {}.", units::spaced_size(summary.bytes)), None)
        }
        Err(error) => (String::new(), Some(Error::from(error))),
    };
    session.out.show(|layout| layout.fill(&format!("{name}: {steps} in {stages}.{context}\n")))?;
    error.map_or(Ok(()), |error| session.show_error(&error.messages()))
}

fn echo(session: &mut Session<'_>, text: &str) -> Result<(), Error> {
    let line = format!("{PROMPT}{}\n", shown::text(text));
    if session.interactive {
        session.out.note(&line)?;
    } else {
        session.out.show(|_| line.clone())?;
    }
    Ok(())
}

/// What completion needs to know.
fn surroundings(debugger: &Debugger) -> Surroundings {
    Surroundings {
        context: Some(debugger.folder().to_owned()),
        stages: debugger.stages().into_iter().map(|stage| stage.name).collect(),
        image_paths: debugger.files().map(|files| files.paths(MOST_PATHS)).unwrap_or_default(),
    }
}
