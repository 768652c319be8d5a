//! A person at the prompt of a lesson: completion of its words and of files. Line editing itself is in [`crate::prompt`].

use std::io;
use std::path::Path;

use super::lines::{Asked, Lines};
use super::words::WORDS;
use crate::lesson::{goes_on, is_unfinished};
use crate::limits::Limits;
use crate::prompt::{self, Assistant, Candidate, Next, Printer, Terminal};
use crate::view::palette::{Palette, Role};

/// What stands before the further lines of a command.
const CONTINUATION: &str = "> ";

/// Lines from a terminal.
pub(crate) struct Person(Terminal<Words>);

impl Person {
    /// Opens the terminal; the history is kept in a file between runs.
    ///
    /// # Errors
    /// Where the terminal can't be used.
    pub(crate) fn open(history: &Path, limits: &Limits, palette: Palette) -> io::Result<Person> {
        Terminal::open(history, limits, Words, (palette, Role::Label)).map(Person)
    }
}

impl Lines for Person {
    fn next(&mut self, prompt: &str, asked: Asked) -> io::Result<Next> {
        let goes_on = |whole: &str, _: &str| asked == Asked::Command && (goes_on(whole) || is_unfinished(whole));
        let next = self.0.read_whole(prompt, CONTINUATION, goes_on)?;
        if let (Next::Line(line), Asked::Command | Asked::Input) = (&next, asked) {
            self.0.remember(line);
        }
        Ok(next)
    }

    fn begin_with(&mut self, begun: String) {
        self.0.begin_with(begun);
    }

    fn is_interactive(&self) -> bool {
        true
    }

    fn printer(&mut self) -> Option<Printer> {
        self.0.printer()
    }
}

/// The words of the lesson, and files.
struct Words;

impl Assistant for Words {
    fn complete(&self, line: &str) -> (usize, Vec<Candidate>) {
        let (start, mut candidates) = prompt::files(line);
        if !line.contains(' ') && !line.is_empty() {
            let words = WORDS.iter().filter(|(name, ..)| name.starts_with(line));
            candidates.extend(words.map(|(name, ..)| Candidate::new(format!("{name} "))));
        }
        (start, candidates)
    }
}
