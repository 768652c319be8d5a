//! A person at the debugger's prompt: what a line goes on with, and how it is painted. Line editing itself is in [`crate::prompt`].

use std::io;
use std::path::Path;

use unicode_width::UnicodeWidthStr as _;

use super::command;
use super::completion;
use super::lines::{Growing, Growth, Lines, Surroundings};
use super::table;
use crate::limits::Limits;
use crate::prompt::{self, Assistant, Candidate, Next};
use crate::view::palette::{Palette, Role};

/// Whoever has typed so many lines is not new any more.
const BEGINNING: usize = 3;
/// What stands before the further lines of an instruction.
const CONTINUATION: &str = "... ";

/// Lines from a terminal.
pub(crate) struct Terminal(prompt::Terminal<Surroundings>);

impl Terminal {
    /// Opens the terminal; the history is kept in a file between runs.
    ///
    /// # Errors
    /// Where the terminal can't be used.
    pub(crate) fn open(history: &Path, limits: &Limits, palette: Palette) -> io::Result<Terminal> {
        let colours = (palette, Role::Faint);
        prompt::Terminal::open(history, limits, Surroundings::default(), colours).map(Terminal)
    }
}

/// Whether more has to come behind these lines. What is complete before the last of them is another command or instruction.
fn push_all(growing: &mut Growing, lines: &str) -> Growth {
    let mut growth = Growth::Open;
    for line in lines.split('\n') {
        if growth == Growth::Complete {
            *growing = Growing::default();
        }
        growth = growing.push(&format!("{line}\n"));
    }
    growth
}

impl Lines for Terminal {
    fn next(&mut self, prompt: &str) -> io::Result<Next> {
        let continuation = format!("{CONTINUATION:>width$}", width = prompt.width());
        let mut growing = Growing::default();
        let goes_on = |_: &str, more: &str| push_all(&mut growing, more) == Growth::Open;
        let next = self.0.read_whole(prompt, &continuation, goes_on)?;
        if let Next::Line(line) = &next {
            self.0.remember(line);
        }
        Ok(next)
    }

    fn is_new(&self) -> bool {
        self.0.remembered() < BEGINNING
    }

    fn is_interactive(&self) -> bool {
        true
    }

    fn surround(&mut self, surroundings: &mut dyn FnMut() -> Surroundings) {
        if let Some(known) = self.0.assistant() {
            *known = surroundings();
        }
    }
}

impl Assistant for Surroundings {
    fn complete(&self, line: &str) -> (usize, Vec<Candidate>) {
        completion::complete(self, line)
    }

    fn highlighted(&self, line: &str, palette: Palette) -> Option<String> {
        Some(highlight(line, palette))
    }
}

/// Colours the first word: a command, or a keyword of the language with its flags and variables.
fn highlight(line: &str, palette: Palette) -> String {
    let Ok(command::Line::Instruction(_)) = command::parse(line) else {
        let (first, rest) = line.split_at(line.find(char::is_whitespace).unwrap_or(line.len()));
        return match table::find(first) {
            Some(_) => format!("{}{rest}", palette.paint(Role::Strong, first)),
            None => line.to_owned(),
        };
    };
    let mut painted = String::new();
    for (number, word) in line.split_inclusive(char::is_whitespace).enumerate() {
        let text = word.trim_end();
        let space = &word[text.len()..];
        let role = match text {
            _ if number == 0 => Some(Role::Keyword),
            text if text.starts_with("--") => Some(Role::Label),
            text if text.starts_with('$') || text.starts_with("<<") => Some(Role::Notice),
            text if text.eq_ignore_ascii_case("as") => Some(Role::Keyword),
            _ => None,
        };
        painted.push_str(&role.map_or(text.to_owned(), |role| palette.paint(role, text)));
        painted.push_str(space);
    }
    painted
}
