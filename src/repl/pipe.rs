//! `COMMAND | PROGRAM`: what a command shows becomes the input of a program of the user's machine.
//!
//! The program is run by a shell, as the user. At a terminal it has the terminal, so that it can be a pager; else what it prints is part
//! of the session.

use std::io::{self, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};

use super::Error;
use super::modes::Modes;
use super::session::Session;

/// Lets a command show something, and runs the program on it.
pub(super) fn run<T>(
    session: &mut Session<'_>,
    program: &str,
    look: impl FnOnce(&mut Session<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    session.out.divert();
    let looked = look(session);
    let text = session.out.diverted();
    let looked = looked?;
    session.out.flush()?;
    let status = if session.interactive { in_terminal(program, text) } else { captured(session, program, text) };
    let status = status.map_err(|source| Error::Io { operation: "run", path: program.into(), source })?;
    match status.code() {
        Some(0) => {}
        Some(code) => session.row("exit", &code.to_string())?,
        None => session.row("exit", &format!("{status}"))?,
    }
    Ok(looked)
}

fn in_terminal(program: &str, text: Vec<u8>) -> io::Result<ExitStatus> {
    // A program that dies may leave the terminal as it needed it.
    let _modes = Modes::keep();
    let mut child = shell(program).stdin(Stdio::piped()).spawn()?;
    feed(&mut child, text);
    child.wait()
}

fn captured(session: &mut Session<'_>, program: &str, text: Vec<u8>) -> io::Result<ExitStatus> {
    let mut child = shell(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    feed(&mut child, text);
    let output = child.wait_with_output()?;
    session.out.show(|_| crate::shown::text(&String::from_utf8_lossy(&output.stdout)).into_owned())?;
    Ok(output.status)
}

fn shell(program: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", program]);
    shell
}

/// Writes beside the program: it may print before it has read everything, or end without reading.
fn feed(child: &mut Child, text: Vec<u8>) {
    if let Some(mut input) = child.stdin.take() {
        std::thread::spawn(move || {
            // Whoever has read enough closes the pipe.
            let _ = input.write_all(&text);
        });
    }
}
