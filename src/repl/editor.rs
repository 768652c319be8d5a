//! A person at a terminal: line editing, history, completion, hints and colours. The only module that names rustyline.
//!
//! Ctrl-C clears the line, Ctrl-D ends the session. An instruction that is not complete goes on behind a prompt of its own, where both give
//! it up.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hinter, HistoryHinter};
use rustyline::history::{DefaultHistory, History as _};
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use unicode_width::UnicodeWidthStr as _;

use super::command;
use super::completion;
use super::lines::{Growing, Growth, Lines, Next, Surroundings};
use super::table;
use crate::document::{self, Links};
use crate::limits::{Limit, Limits};
use crate::shown;
use crate::view::palette::{Palette, Role};

/// How many lines the history keeps.
const HISTORY: usize = 2000;
/// Whoever has typed so many lines is not new any more.
const BEGINNING: usize = 3;
/// What stands before the further lines of an instruction.
const CONTINUATION: &str = "... ";

/// Lines from a terminal.
pub(crate) struct Terminal {
    editor: Editor<Assistant, DefaultHistory>,
    /// `None` where something else has its name.
    history: Option<PathBuf>,
}

/// The history of prompts: room for long lines.
const FILE: Limit = Limit::bytes("history of prompts", "LAYERLAB_MAX_HISTORY", 16 << 20);

/// Whether a file is one that the history can be read from and added to, or not there yet.
fn is_history(path: &Path, limits: &Limits) -> bool {
    match document::open(path, Links::Refuse) {
        Ok((_, metadata)) => document::check(path, metadata.len(), limits.bound(&FILE)).is_ok(),
        Err(error) => error.is_not_found(),
    }
}

impl Terminal {
    /// Opens the terminal; the history is kept in a file between runs.
    ///
    /// # Errors
    /// Where the terminal can't be used.
    pub(crate) fn open(history: &Path, limits: &Limits, palette: Palette) -> io::Result<Terminal> {
        let config = Config::builder()
            .max_history_size(HISTORY)
            .map_err(to_io)?
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            .build();
        let mut editor: Editor<Assistant, DefaultHistory> = Editor::with_config(config).map_err(to_io)?;
        editor.set_helper(Some(Assistant {
            surroundings: Surroundings::default(),
            hinter: HistoryHinter::new(),
            palette,
        }));
        let history = is_history(history, limits).then(|| history.to_owned());
        if let Some(history) = &history {
            // One that can't be read is no reason not to debug.
            let _ = editor.load_history(history);
        }
        Ok(Terminal { editor, history })
    }
}

impl Terminal {
    /// One line, or several that were pasted.
    fn read(&mut self, prompt: &str) -> io::Result<Next> {
        match self.editor.readline(prompt) {
            Ok(line) => Ok(Next::Line(line)),
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => Ok(Next::Interrupted),
            Err(ReadlineError::Eof) => Ok(Next::End),
            Err(error) => Err(to_io(error)),
        }
    }

    fn remember(&mut self, line: &str) {
        // What a terminal would act on is not kept: the history is shown again as it is.
        if !line.contains(shown::is_harmful) {
            let _ = self.editor.add_history_entry(line);
        }
        // Saved at once: a session that is killed has a history too. It is a convenience: failing is not told.
        if let Some(history) = &self.history {
            let _ = self.editor.append_history(history);
        }
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
        let mut line = match self.read(prompt)? {
            Next::Line(line) => line,
            other => return Ok(other),
        };
        let mut growing = Growing::default();
        let mut growth = push_all(&mut growing, &line);
        let continuation = format!("{CONTINUATION:>width$}", width = prompt.width());
        while growth == Growth::Open {
            match self.read(&continuation)? {
                Next::Line(more) => {
                    growth = push_all(&mut growing, &more);
                    line.push('\n');
                    line.push_str(&more);
                }
                Next::Interrupted | Next::End => return Ok(Next::Interrupted),
            }
        }
        self.remember(&line);
        Ok(Next::Line(line))
    }

    fn is_new(&self) -> bool {
        self.editor.history().len() < BEGINNING
    }

    fn is_interactive(&self) -> bool {
        true
    }

    fn surround(&mut self, surroundings: &mut dyn FnMut() -> Surroundings) {
        if let Some(assistant) = self.editor.helper_mut() {
            assistant.surroundings = surroundings();
        }
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
    surroundings: Surroundings,
    hinter: HistoryHinter,
    palette: Palette,
}

impl Helper for Assistant {}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, position: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, candidates) = completion::complete(&self.surroundings, &line[..position]);
        let pairs = candidates.into_iter().map(|one| Pair { display: one.shown, replacement: one.text });
        Ok((start, pairs.collect()))
    }
}

impl Hinter for Assistant {
    type Hint = String;

    fn hint(&self, line: &str, position: usize, context: &Context<'_>) -> Option<String> {
        self.hinter.hint(line, position, context).filter(|hint| shown::line(hint) == *hint)
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if !self.palette.is_enabled() {
            return Cow::Borrowed(line);
        }
        Cow::Owned(highlight(line, self.palette))
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        Cow::Owned(self.palette.paint(Role::Faint, prompt))
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(self.palette.paint(Role::Faint, hint))
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        self.palette.is_enabled()
    }
}

impl Validator for Assistant {}

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
