//! Where lines come from: here a pipe or a file; [`super::Person`] is somebody at a terminal.

use std::io::{self, BufRead};

use crate::lesson::{goes_on, is_unfinished};
use crate::limits::Limits;
use crate::prompt::{self, Next, Printer};

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A command of a shell; one that is not whole goes on in the next line.
    Command,
    /// A line for a program that waits at its prompt.
    Input,
    /// An answer, which no history keeps.
    Answer,
}

/// A source of lines.
pub(crate) trait Lines {
    /// The next line behind a prompt.
    fn next(&mut self, prompt: &str, asked: Asked) -> io::Result<Next>;

    /// What the next line begins with, as if it had been typed.
    fn begin_with(&mut self, _begun: String) {}

    /// Whether a person is there, at a terminal: then the prompt and the line are on the screen already.
    fn is_interactive(&self) -> bool;

    /// What shows something above the line that is being typed.
    fn printer(&mut self) -> Option<Printer> {
        None
    }
}

/// The lines of a script or a pipe.
pub(crate) struct Script<R>(prompt::Script<R>);

impl<R: BufRead> Script<R> {
    pub(crate) fn new(reader: R, limits: &Limits) -> Script<R> {
        Script(prompt::Script::new(reader, limits))
    }

    /// One line without its end, behind `before` bytes of the same command.
    fn line(&mut self, before: usize) -> io::Result<Option<String>> {
        let bytes = self.0.line(before)?;
        let text = String::from_utf8_lossy(&bytes);
        Ok((!bytes.is_empty()).then(|| text.trim_end_matches(['\n', '\r']).to_owned()))
    }

    fn whole(&mut self, asked: Asked) -> io::Result<Next> {
        let Some(mut line) = self.line(0)? else { return Ok(Next::End) };
        while asked == Asked::Command && (goes_on(&line) || is_unfinished(&line)) {
            let Some(more) = self.line(line.len())? else { break };
            line.push('\n');
            line.push_str(&more);
        }
        Ok(Next::Line(line))
    }
}

impl<R: BufRead> Lines for Script<R> {
    fn next(&mut self, _: &str, asked: Asked) -> io::Result<Next> {
        match self.whole(asked) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Next::Interrupted),
            next => next,
        }
    }

    fn is_interactive(&self) -> bool {
        false
    }
}
