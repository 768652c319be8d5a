//! Entering a state: a command, a shell, or the program of the finished image. Whatever they change is thrown away.

use std::sync::Arc;

use super::error::Error;
use super::work::Work;
use crate::container::{self, Heard, Io, Terminal};
use crate::machine::lacking::{self, Words};
use crate::machine::{self, Changes, State, Stream};
use crate::oci::ImageConfig;
use crate::runtime::{self, Request};

/// What is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enter {
    /// A command by the state's shell, as a RUN would.
    Command(String),
    /// A shell in the state after a step, or in the current one.
    Shell(Option<usize>),
    /// What the finished image runs, with these arguments in place of CMD.
    Image(Vec<String>),
}

/// Where the streams of the container go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streams {
    /// It has no input; its output is [heard](Said::Output). The wish to stop ends it.
    Captured,
    /// The terminal that this program has is the container's as long as it runs.
    Terminal,
}

/// What is heard of the container while it runs.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    Output(Stream, &'a [u8]),
    /// A piece of what it showed on the terminal.
    Shown(&'a [u8]),
    /// Something to be told at once, such as what the next Ctrl-C will do.
    Note(container::Notice),
    /// What a shell or a command has changed, when it has ended. It is thrown away.
    Changed(&'a Changes),
    /// What it has left behind.
    Untidy(&'a container::Failure),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// With a status, and what may help where that is not 0.
    Ended { status: i32, advice: Option<String> },
    /// Somebody wished it to stop.
    Interrupted,
}

/// What a container is made of.
struct Guest {
    state: Arc<State>,
    image: ImageConfig,
    request: Request,
}

/// Runs a container in a state, to its end.
pub(super) fn enter(
    work: &mut Work,
    what: &Enter,
    streams: Streams,
    listen: &mut dyn FnMut(Said<'_>),
) -> Result<Exit, Error> {
    let Guest { state, image, mut request } = guest(work, what)?;
    let command_line = command_line(&image, &request);
    request.terminal = match streams {
        Streams::Captured => Terminal::No,
        Streams::Terminal => Terminal::Yes,
    };
    let mut prepared = runtime::launch(&work.world, &image, &state.layers(), &request).map_err(machine::Error::from)?;
    if matches!(what, Enter::Image(_)) {
        prepared.remove_at_end();
    }
    let mut forward = |heard: Heard<'_>| {
        listen(match heard {
            Heard::Started => return,
            Heard::Output(stream, bytes) => Said::Output(stream.into(), bytes),
            Heard::Shown(bytes) => Said::Shown(bytes),
            Heard::Notice(notice) => Said::Note(notice),
            Heard::OutOfMemory => return,
            Heard::Untidy(failure) => Said::Untidy(failure),
        });
    };
    let exit = match streams {
        Streams::Captured => prepared.run(Io::Captured { input: None }, Some(work.control.interrupt()), &mut forward),
        Streams::Terminal => {
            let exit = prepared.run(Io::Inherited, None, &mut forward);
            // Ctrl-C was meant for what ran.
            work.control.interrupt().take();
            exit
        }
    };
    let exit = exit.map_err(|error| not_run(work, what, &state, &command_line, error))?;
    if work.control.interrupt().take() {
        return Ok(Exit::Interrupted);
    }
    if !matches!(what, Enter::Image(_)) {
        // What can't be listed is thrown away all the same; Ctrl-C stops the listing.
        if let Ok(changes) = prepared.into_changes().list(&work.machine()?.tree(&state)?) {
            listen(Said::Changed(&Changes::listed(changes)));
        }
        work.control.interrupt().take();
    }
    let status = exit.status();
    let command = match what {
        Enter::Command(command) if status != 0 => command.clone(),
        Enter::Image(_) if matches!(status, lacking::NOT_FOUND | lacking::NOT_EXECUTABLE) => command_line,
        Enter::Command(_) | Enter::Shell(_) | Enter::Image(_) => return Ok(Exit::Ended { status, advice: None }),
    };
    let advice = lacking::advice(&state, &work.machine()?.tree(&state)?, &command, status);
    Ok(Exit::Ended { status, advice: advice.or_else(|| lacking::meaning(&command, status)) })
}

/// What a container runs, as one line; without the shell around a command.
fn command_line(image: &ImageConfig, request: &Request) -> String {
    let entrypoint = request.entrypoint.as_ref().or(image.config.entrypoint.as_ref()).into_iter().flatten();
    let command =
        if request.command.is_empty() { image.config.cmd.as_deref().unwrap_or_default() } else { &request.command };
    let words: Vec<&str> = entrypoint.chain(command).map(String::as_str).collect();
    match words.as_slice() {
        [_, "-c", command] => (*command).to_owned(),
        words => words.join(" "),
    }
}

/// Why no program was run; it may not be there.
fn not_run(work: &Work, what: &Enter, state: &State, command_line: &str, error: runtime::Error) -> Error {
    let is_missing = matches!(&error, runtime::Error::Container(error) if error.status() == lacking::NOT_FOUND);
    let error = machine::Error::from(error);
    let program = command_line.split(' ').next().unwrap_or_default();
    let words = match what {
        Enter::Image(arguments) if !arguments.is_empty() => Words::Typed,
        Enter::Image(_) | Enter::Command(_) | Enter::Shell(_) => Words::Image,
    };
    let tree = work.machine().ok().filter(|_| is_missing).and_then(|machine| machine.tree(state).ok());
    match tree.and_then(|tree| lacking::not_started(&state.image().config, &tree, program, words)) {
        Some(advice) => Error::Lacking { error: Box::new(error), advice },
        None => Error::Machine(error),
    }
}

fn guest(work: &Work, what: &Enter) -> Result<Guest, Error> {
    match what {
        Enter::Command(command) => {
            let state = work.current()?;
            let command = state.shell().into_iter().chain([command.clone()]).collect();
            Ok(as_run_sees_it(state, command))
        }
        Enter::Shell(number) => {
            let state = match number {
                None => work.current()?,
                Some(number) => work.state_after(*number)?.ok_or(Error::NothingInside)?,
            };
            let shell = state.shell().into_iter().next().unwrap_or_else(|| "/bin/sh".into());
            let machine = work.machine()?;
            let after = number.unwrap_or_else(|| machine.position());
            let mut guest = as_run_sees_it(state, vec![shell]);
            // Shells of all kinds replace the variable.
            guest.image.config.env.push(format!("PS1=(after step {after}/{}) $PWD # ", machine.step_count()));
            Ok(guest)
        }
        Enter::Image(arguments) => {
            let state = work.current()?;
            let request = Request { command: arguments.clone(), ..Request::default() };
            Ok(Guest { image: state.image(), state, request })
        }
    }
}

/// A command with the environment of a RUN, which has the ARGs, and without ENTRYPOINT.
fn as_run_sees_it(state: Arc<State>, command: Vec<String>) -> Guest {
    let mut image = state.image();
    let variables = state.settings.variables.run_environment();
    image.config.env = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let request = Request { entrypoint: Some(Vec::new()), command, ..Request::default() };
    Guest { state, image, request }
}
