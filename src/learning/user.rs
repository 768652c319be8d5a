//! Who is at the terminal while a command runs, and what is awaited of the command.

use std::fs::File;
use std::io;
use std::time::Duration;

use crate::lesson::CTRL_C;
use crate::progress::Interrupt;

/// How a command has its streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Streams {
    /// All are the terminal.
    Terminal,
    /// It reads from the terminal, and writes into a pipe.
    Piped,
    /// It reads nothing, and writes into a pipe.
    Alone,
}

/// Who is at the terminal while a command runs.
pub(crate) struct User<'o> {
    /// The keyboard of a person.
    pub(crate) keyboard: Option<&'o File>,
    /// Is shown what is printed, when it is.
    pub(crate) show: &'o mut dyn FnMut(&[u8], Streams) -> io::Result<()>,
    pub(crate) interrupt: &'o Interrupt,
    /// How long a command may take, where nobody is there to end it.
    pub(crate) patience: Option<Duration>,
}

/// What is awaited of a command beside its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitFor {
    End,
    /// It comes to a prompt of its own.
    Prompt,
    /// It prints so many lines, and is ended by Ctrl-C then.
    Lines(usize),
}

impl WaitFor {
    /// What is awaited of a command that prints these lines.
    pub(crate) fn of(expected: &[String], is_session: bool) -> WaitFor {
        match expected.iter().position(|line| line == CTRL_C) {
            _ if is_session => WaitFor::Prompt,
            Some(lines) => WaitFor::Lines(lines),
            None => WaitFor::End,
        }
    }
}
