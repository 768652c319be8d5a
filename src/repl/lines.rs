//! Where lines come from: here a script or a pipe; [`super::Terminal`] is a person at a terminal.
//!
//! A line is a whole command or instruction: physical lines are joined as long as an instruction is not complete.

use std::io::{self, BufRead};
use std::path::Path;

use super::command;
use crate::document::Limit;

/// How long one command or instruction of a script may be. What a script comes from need not have an end.
pub(crate) const INSTRUCTION: Limit = Limit::new("instruction of a script", "LAYERLAB_MAX_SCRIPT_LINE", 16 << 20);

/// What came.
#[derive(Debug)]
pub(crate) enum Next {
    Line(String),
    /// Ctrl-C: what was typed is forgotten.
    Interrupted,
    End,
}

/// What completion and colours need to know of the session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    /// The paths of the state's file system: directories end with `/`.
    pub(crate) image_paths: Vec<String>,
    /// The build context's folder.
    pub(crate) context: Option<std::path::PathBuf>,
    pub(crate) stages: Vec<String>,
}

/// A source of lines.
pub(crate) trait Lines {
    /// The next line; `prompt` is shown where somebody sees it.
    fn next(&mut self, prompt: &str) -> io::Result<Next>;

    /// Whether a person is there, at a terminal: then the prompt and the line are on the screen already.
    fn is_interactive(&self) -> bool;

    /// Whether completion asks for [`Lines::surround`]; making them costs something.
    fn surround(&mut self, _surroundings: &mut dyn FnMut() -> Surroundings) {}
}

/// The lines of a script file or of a pipe.
pub(crate) struct Script<R> {
    reader: R,
}

impl<R: BufRead> Script<R> {
    pub(crate) fn new(reader: R) -> Script<R> {
        Script { reader }
    }

    /// One line with its end, behind `before` bytes of the same instruction. Unlike `read_until` it does not go on after a
    /// signal: Ctrl-C has to end the waiting.
    fn physical_line(&mut self, before: usize) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        loop {
            let buffer = self.reader.fill_buf()?;
            let end = buffer.iter().position(|byte| *byte == b'\n').map(|newline| newline + 1);
            let count = end.unwrap_or(buffer.len());
            line.extend_from_slice(&buffer[..count]);
            self.reader.consume(count);
            INSTRUCTION.check(Path::new("the script"), (before + line.len()) as u64).map_err(io::Error::other)?;
            if end.is_some() || count == 0 {
                return Ok(line);
            }
        }
    }
}

impl<R: BufRead> Lines for Script<R> {
    fn next(&mut self, _prompt: &str) -> io::Result<Next> {
        let mut text = String::new();
        loop {
            let bytes = match self.physical_line(text.len()) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(Next::Interrupted),
                Err(error) => return Err(error),
            };
            if bytes.is_empty() {
                // An instruction that the end cuts off is taken as it is: its parser says what is missing.
                return Ok(if text.is_empty() { Next::End } else { Next::Line(text) });
            }
            text.push_str(&String::from_utf8_lossy(&bytes));
            if command::is_complete(&text) {
                return Ok(Next::Line(text.trim_end_matches(['\n', '\r']).to_owned()));
            }
        }
    }

    fn is_interactive(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::{Lines, Next, Script};

    #[test]
    fn an_instruction_is_read_whole() {
        let mut script = Script::new("step\r\nRUN <<EOF\na\nEOF\n\nRUN a \\\n  b".as_bytes());
        let mut lines = Vec::new();
        while let Next::Line(line) = script.next("").unwrap() {
            lines.push(line);
        }
        assert_eq!(lines, ["step", "RUN <<EOF\na\nEOF", "", "RUN a \\\n  b"]);
    }
}
