//! The commands that enter a state: run, shell, launch.

use std::io;

use super::moving::go;
use super::output::Output;
use super::session::Session;
use super::{Error, operands};
use crate::debugger::{Debugger, Enter, Exit, Reason, Said, Streams};
use crate::machine::Changes;
use crate::view::debugger as blocks;
use crate::view::units;

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
            "`shell` needs a terminal, but this session reads its lines from a file or a pipe",
            "`run COMMAND` runs one command in the state",
        ));
    }
    // A shell ends with the status of its last command, which says nothing of the session.
    let Left { changes, .. } = in_terminal(session, &Enter::Shell(number))?;
    session.out.forget_head();
    let Some(changes) = changes else { return session.row("shell", "closed; no changes were kept") };
    if changes.is_empty() {
        return session.row("shell", "closed; no files changed");
    }
    session.row("shell", "closed; no changes were kept (RUN, uppercase, keeps what a command changes)")?;
    Ok(session.out.page(|layout| blocks::thrown_away(layout, &changes))?)
}

/// `launch [ARGUMENTS]`.
pub(super) fn launch(session: &mut Session<'_>, mut arguments: Vec<String>) -> Result<(), Error> {
    match arguments.first() {
        Some(first) if first == "--" => drop(arguments.remove(0)),
        // An ENTRYPOINT has options of its own.
        Some(first) if first.starts_with('-') && !session.debugger.has_entrypoint() => {
            return Err(operands::no_option("launch", &arguments.join(" ")).into());
        }
        Some(_) | None => {}
    }
    if go(session, Debugger::go_on)?.reason != Reason::Done {
        return Ok(());
    }
    let what = Enter::Image(arguments);
    if !session.interactive {
        return captured(session, &what);
    }
    tell_ports(session)?;
    let Left { exit, is_told, .. } = in_terminal(session, &what)?;
    match exit {
        Exit::Ended { status, .. } if status == BY_INTERRUPT || is_told && status == KILLED => {
            session.row("stopped", &format!("by Ctrl-C (exit code {status})"))
        }
        exit => tell(session, exit),
    }
}

/// Says that nobody outside reaches the ports on which the program will probably listen.
fn tell_ports(session: &mut Session<'_>) -> Result<(), Error> {
    let exposed = session.debugger.state(None)?.image().config.exposed_ports;
    let Some(port) = exposed.keys().next() else { return Ok(()) };
    let port = port.trim_end_matches("/tcp");
    let name = session.debugger.names().first().map(|name| name.familiar());
    let tag = if name.is_none() { "`tag NAME`, and in a shell " } else { "" };
    let name = name.as_deref().unwrap_or("NAME");
    session.row(
        "note",
        &format!("port {port} is not published here; {tag}`layerlab run -p 8080:{port} {name}` does it. Ctrl-C ends the program"),
    )
}

/// The status of a program that Ctrl-C (SIGINT) has ended: 128 + 2.
const BY_INTERRUPT: i32 = 130;

/// The status of one that was killed (SIGKILL): 128 + 9.
const KILLED: i32 = 137;

/// What a container has left: how it ended, and, of a shell and a command, what it changed.
struct Left {
    exit: Exit,
    /// Whether it was told what the next Ctrl-C would do.
    is_told: bool,
    changes: Option<Changes>,
}

/// Runs a container that has the terminal.
fn in_terminal(session: &mut Session<'_>, what: &Enter) -> Result<Left, Error> {
    let Session { debugger, out, .. } = session;
    out.flush()?;
    enter(debugger, out, what, Streams::Terminal)
}

/// Runs a container whose output becomes part of the session.
fn captured(session: &mut Session<'_>, what: &Enter) -> Result<(), Error> {
    let Session { debugger, out, .. } = session;
    out.begin();
    let left = enter(debugger, out, what, Streams::Captured);
    out.end()?;
    out.end_of_output()?;
    let Left { exit, changes, .. } = left?;
    if let Some(changes) = changes.filter(|changes| !changes.is_empty()) {
        let count = units::count(changes.len() as u64, "change");
        session.row("note", &format!("{count} not kept (RUN, uppercase, keeps what a command changes)"))?;
    }
    tell(session, exit)
}

fn enter(debugger: &mut Debugger, out: &mut Output<'_>, what: &Enter, streams: Streams) -> Result<Left, Error> {
    let mut broken = Ok(());
    let mut is_told = false;
    let mut changes = None;
    let exit = debugger.enter(what, streams, &mut |said| {
        if broken.is_ok() {
            broken = match said {
                Said::Output(stream, bytes) => out.output(stream, bytes),
                // A shell shows what is typed, too: its screen is nobody's record.
                Said::Shown(bytes) if matches!(what, Enter::Image(_)) => out.shown(bytes),
                Said::Shown(_) => Ok(()),
                Said::Note(notice) => told(out, streams, "note", &notice.to_string()),
                Said::Changed(changed) => {
                    changes = Some(changed.clone());
                    Ok(())
                }
                Said::Untidy(failure) => told(out, streams, "warning", &failure.to_string()),
            };
            is_told |= streams == Streams::Terminal && matches!(said, Said::Note(_));
        }
    })?;
    broken?;
    out.end_of_shown()?;
    let is_interrupted = matches!(exit, Exit::Ended { status: BY_INTERRUPT, .. });
    if streams == Streams::Terminal && (is_told || is_interrupted) {
        // The keys of the last Ctrl-C are shown where the next row would begin.
        out.aside("")?;
    }
    Ok(Left { exit, is_told, changes })
}

/// Shows something that comes while the container runs.
fn told(out: &mut Output<'_>, streams: Streams, name: &str, text: &str) -> io::Result<()> {
    if streams == Streams::Terminal {
        // The program has left the cursor anywhere.
        out.aside("")?;
    }
    out.show(|layout| layout.row(name, text))?;
    out.flush()
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
