//! The commands that enter a state: run, shell, launch.

use super::Error;
use super::moving::go;
use super::session::Session;
use crate::debugger::{Debugger, Enter, Exit, Reason, Streams};

/// `run COMMAND`: as a RUN would, but nothing of it is kept.
pub(super) fn run(session: &mut Session<'_>, command: String) -> Result<(), Error> {
    captured(session, &Enter::Command(command))
}

/// `shell [N]`.
pub(super) fn shell(session: &mut Session<'_>, number: Option<usize>) -> Result<(), Error> {
    if !session.interactive {
        // A state that is not there is said first.
        session.debugger.state(number)?;
        return Err(Error::usage(
            "`shell` needs a terminal, and this session reads its lines from a file or a pipe",
            "`run COMMAND` runs one command in the state",
        ));
    }
    session.out.flush()?;
    // A shell ends with the status of its last command, which says nothing of the session.
    session.debugger.enter(&Enter::Shell(number), Streams::Terminal)?;
    Ok(())
}

/// `launch [ARGUMENTS]`.
pub(super) fn launch(session: &mut Session<'_>, arguments: Vec<String>) -> Result<(), Error> {
    if go(session, Debugger::go_on)?.reason != Reason::Done {
        return Ok(());
    }
    let what = Enter::Image(arguments);
    if !session.interactive {
        return captured(session, &what);
    }
    session.out.flush()?;
    let exit = session.debugger.enter(&what, Streams::Terminal)?;
    tell(session, exit)
}

/// Runs a container whose output becomes part of the session.
fn captured(session: &mut Session<'_>, what: &Enter) -> Result<(), Error> {
    let Session { debugger, out, .. } = session;
    let mut broken = Ok(());
    let exit = debugger.enter(
        what,
        Streams::Captured(&mut |stream, bytes| {
            if broken.is_ok() {
                broken = out.output(stream, bytes);
            }
        }),
    )?;
    broken?;
    out.end_of_output()?;
    tell(session, exit)
}

/// Tells of a status that is not 0, and what may help.
fn tell(session: &mut Session<'_>, exit: Exit) -> Result<(), Error> {
    match exit {
        Exit::Ended { status: 0, .. } => Ok(()),
        Exit::Ended { status, advice } => {
            session.row("exit", &status.to_string())?;
            if let Some(advice) = advice {
                session.row("hint", &advice)?;
            }
            Err(Error::Said)
        }
        Exit::Interrupted => {
            session.note_interrupt();
            session.row("stopped", "by Ctrl-C")
        }
    }
}
