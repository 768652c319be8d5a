//! A person at a terminal: line editing, history, completion of words and files. The only module here that names rustyline.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hinter, HistoryHinter};
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, ExternalPrinter as _, Helper};

use super::lines::{Lines, Next, Printer};
use super::words::WORDS;
use crate::lesson::goes_on;
use crate::shown;
use crate::view::palette::{Palette, Role};

/// How many lines the history keeps.
const HISTORY: usize = 1000;
/// What stands before the further lines of a command.
const CONTINUATION: &str = "> ";

/// Lines from a terminal.
pub(crate) struct Person {
    editor: Editor<Assistant, DefaultHistory>,
    history: PathBuf,
}

impl Person {
    /// Opens the terminal; the history is kept in a file between runs.
    ///
    /// # Errors
    /// Where the terminal can't be used.
    pub(crate) fn open(history: &Path, palette: Palette) -> io::Result<Person> {
        let config = Config::builder().max_history_size(HISTORY).map_err(to_io)?;
        let config = config.history_ignore_space(true).completion_type(CompletionType::List).build();
        let mut editor: Editor<Assistant, DefaultHistory> = Editor::with_config(config).map_err(to_io)?;
        let (files, hinter) = (FilenameCompleter::new(), HistoryHinter::new());
        editor.set_helper(Some(Assistant { files, hinter, palette }));
        // One that can't be read is no reason not to learn.
        let _ = editor.load_history(history);
        Ok(Person { editor, history: history.to_owned() })
    }

    fn read(&mut self, prompt: &str) -> io::Result<Next> {
        match self.editor.readline(prompt) {
            Ok(line) => Ok(Next::Line(line)),
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => Ok(Next::Interrupted),
            Err(ReadlineError::Eof) => Ok(Next::End),
            Err(error) => Err(to_io(error)),
        }
    }
}

impl Lines for Person {
    fn next(&mut self, prompt: &str, may_go_on: bool) -> io::Result<Next> {
        let mut line = match self.read(prompt)? {
            Next::Line(line) => line,
            other => return Ok(other),
        };
        while may_go_on && goes_on(&line) {
            match self.read(CONTINUATION)? {
                Next::Line(more) => {
                    line.push('\n');
                    line.push_str(&more);
                }
                Next::Interrupted | Next::End => return Ok(Next::Interrupted),
            }
        }
        // A password is not kept, and neither is what a terminal would act on: the history is shown again as it is.
        let is_secret = prompt.to_lowercase().contains("password");
        if !is_secret && !line.trim().is_empty() && !line.contains(shown::is_harmful) {
            let _ = self.editor.add_history_entry(&line);
            let _ = self.editor.append_history(&self.history);
        }
        Ok(Next::Line(line))
    }

    fn is_interactive(&self) -> bool {
        true
    }

    fn printer(&mut self) -> Option<Printer> {
        let mut printer = self.editor.create_external_printer().ok()?;
        // Whoever can't be told sees it at the next line.
        Some(Box::new(move |text| drop(printer.print(text))))
    }
}

fn to_io(error: ReadlineError) -> io::Error {
    match error {
        ReadlineError::Io(error) => error,
        other => io::Error::other(other.to_string()),
    }
}

/// What helps with the line that is being typed.
struct Assistant {
    files: FilenameCompleter,
    hinter: HistoryHinter,
    palette: Palette,
}

impl Helper for Assistant {}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, position: usize, context: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, mut pairs) = self.files.complete(line, position, context)?;
        let begun = &line[..position];
        if !begun.contains(' ') && !begun.is_empty() {
            let words = WORDS.iter().filter(|(name, ..)| name.starts_with(begun));
            pairs.extend(words.map(|(name, ..)| Pair { display: (*name).to_owned(), replacement: format!("{name} ") }));
        }
        Ok((start, pairs))
    }
}

impl Hinter for Assistant {
    type Hint = String;

    fn hint(&self, line: &str, position: usize, context: &Context<'_>) -> Option<String> {
        self.hinter.hint(line, position, context).filter(|hint| shown::line(hint) == *hint)
    }
}

impl Highlighter for Assistant {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        Cow::Owned(self.palette.paint(Role::Label, prompt))
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(self.palette.paint(Role::Faint, hint))
    }
}

impl Validator for Assistant {}
