//! Where lines come from: here a pipe or a file; [`super::Person`] is somebody at a terminal.

use std::io::{self, BufRead};

use crate::lesson::goes_on;

/// How long a command may be, in bytes: what a script comes from need not have an end.
const LONGEST: u64 = 1 << 20;

/// What came.
#[derive(Debug)]
pub(crate) enum Next {
    Line(String),
    /// Ctrl-C: what was typed is forgotten.
    Interrupted,
    End,
}

/// Who can be shown something while a line is typed.
pub(crate) type Printer = Box<dyn FnMut(String) + Send>;

/// A source of lines.
pub(crate) trait Lines {
    /// The next line behind a prompt. One that is no whole command of a shell goes on in the next, where that is wished.
    fn next(&mut self, prompt: &str, may_go_on: bool) -> io::Result<Next>;

    /// Whether a person is there, at a terminal: then the prompt and the line are on the screen already.
    fn is_interactive(&self) -> bool;

    /// What shows something above the line that is being typed.
    fn printer(&mut self) -> Option<Printer> {
        None
    }
}

/// The lines of a script or a pipe.
pub(crate) struct Script<R>(R);

impl<R: BufRead> Script<R> {
    pub(crate) fn new(reader: R) -> Script<R> {
        Script(reader)
    }

    fn line(&mut self) -> io::Result<Option<String>> {
        let mut bytes = Vec::new();
        io::Read::take(&mut self.0, LONGEST).read_until(b'\n', &mut bytes)?;
        if bytes.len() as u64 >= LONGEST {
            return Err(io::Error::other("a line has more than 1 MiB"));
        }
        let text = String::from_utf8_lossy(&bytes);
        Ok((!bytes.is_empty()).then(|| text.trim_end_matches(['\n', '\r']).to_owned()))
    }
}

impl<R: BufRead> Lines for Script<R> {
    fn next(&mut self, _: &str, may_go_on: bool) -> io::Result<Next> {
        let Some(mut line) = self.line()? else { return Ok(Next::End) };
        while may_go_on && goes_on(&line) && (line.len() as u64) < LONGEST {
            let Some(more) = self.line()? else { break };
            line.push('\n');
            line.push_str(&more);
        }
        Ok(Next::Line(line))
    }

    fn is_interactive(&self) -> bool {
        false
    }
}
