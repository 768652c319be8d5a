//! A person at a terminal: line editing, history, completion, hints and colours.
//!
//! Ctrl-C forgets the line, Ctrl-D is the end; where a command goes on behind a prompt of its own, both give it up.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hinter, HistoryHinter};
use rustyline::history::{DefaultHistory, History as _};
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, ExternalPrinter as _, Helper};

use super::Next;
use crate::document::{self, Links};
use crate::limits::{Limit, Limits};
use crate::shown;
use crate::view::palette::{Palette, Role};

/// How many lines the history keeps.
const MOST_LINES: usize = 2000;
/// The history of prompts: room for long lines.
const HISTORY: Limit = Limit::bytes("history of prompts", "LAYERLAB_MAX_HISTORY", 16 << 20);

/// What a front end knows of a line while it is typed.
pub(crate) trait Assistant {
    /// Where the word begins that a line ends with, and what it can become.
    fn complete(&self, line: &str) -> (usize, Vec<Candidate>);

    /// The line in colours; `None`: as it is.
    fn highlighted(&self, _line: &str, _palette: Palette) -> Option<String> {
        None
    }
}

/// What a word can become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// What takes its place.
    pub(crate) text: String,
    /// What is shown where there are several.
    pub(crate) shown: String,
}

impl Candidate {
    /// A word that is shown as it is, without the space behind it.
    pub(crate) fn new(text: impl Into<String>) -> Candidate {
        let text = text.into();
        Candidate { shown: text.trim_end().to_owned(), text }
    }
}

/// Shows a text above the line that is being typed.
pub(crate) type Printer = Box<dyn FnMut(String) + Send>;

/// A terminal with a history.
pub(crate) struct Terminal<A: Assistant> {
    editor: Editor<Helping<A>, DefaultHistory>,
    /// `None` where something else has its name.
    history: Option<PathBuf>,
    /// What the next line begins with.
    begun: String,
}

impl<A: Assistant> Terminal<A> {
    /// Opens the terminal. The history is kept in a file between runs; prompts are painted as something of this role.
    ///
    /// # Errors
    /// The terminal can't be used.
    pub(crate) fn open(
        history: &Path,
        limits: &Limits,
        assistant: A,
        (palette, prompt): (Palette, Role),
    ) -> io::Result<Terminal<A>> {
        let config = Config::builder().max_history_size(MOST_LINES).map_err(to_io)?;
        let config = config.history_ignore_space(true).completion_type(CompletionType::List).build();
        let mut editor: Editor<Helping<A>, DefaultHistory> = Editor::with_config(config).map_err(to_io)?;
        editor.set_helper(Some(Helping { assistant, hinter: HistoryHinter::new(), palette, prompt }));
        let history = is_history(history, limits).then(|| history.to_owned());
        if let Some(history) = &history {
            // It is a convenience: one that can't be read is no reason to stop.
            let _ = editor.load_history(history);
        }
        Ok(Terminal { editor, history, begun: String::new() })
    }

    /// A line, which may have several in it where they were pasted.
    ///
    /// # Errors
    /// The terminal can't be read.
    pub(crate) fn read(&mut self, prompt: &str) -> io::Result<Next> {
        let begun = std::mem::take(&mut self.begun);
        match self.editor.readline_with_initial(prompt, (&begun, "")) {
            Ok(line) => Ok(Next::Line(line)),
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => Ok(Next::Interrupted),
            Err(ReadlineError::Eof) => Ok(Next::End),
            Err(error) => Err(to_io(error)),
        }
    }

    /// A command, which goes on behind `continuation` as long as `goes_on` says so of all of it and of its last line.
    ///
    /// # Errors
    /// As [`Terminal::read`].
    pub(crate) fn read_whole(
        &mut self,
        prompt: &str,
        continuation: &str,
        mut goes_on: impl FnMut(&str, &str) -> bool,
    ) -> io::Result<Next> {
        let mut whole = match self.read(prompt)? {
            Next::Line(line) => line,
            other @ (Next::Interrupted | Next::End) => return Ok(other),
        };
        let mut last = 0;
        while goes_on(&whole, &whole[last..]) {
            match self.read(continuation)? {
                Next::Line(more) => {
                    last = whole.len() + 1;
                    whole = format!("{whole}\n{more}");
                }
                Next::Interrupted | Next::End => return Ok(Next::Interrupted),
            }
        }
        Ok(Next::Line(whole))
    }

    /// The next line begins with this, as if it had been typed.
    pub(crate) fn begin_with(&mut self, begun: String) {
        self.begun = begun;
    }

    /// Adds a line to the history, and saves it at once: a session that is killed has a history, too.
    pub(crate) fn remember(&mut self, line: &str) {
        // What a terminal would act on is not kept: the history is shown again as it is.
        if !line.contains(shown::is_harmful) {
            let _ = self.editor.add_history_entry(line);
        }
        if let Some(history) = &self.history {
            let _ = self.editor.append_history(history);
        }
    }

    /// How many lines the history has.
    pub(crate) fn remembered(&self) -> usize {
        self.editor.history().len()
    }

    /// What the front end knows of lines.
    pub(crate) fn assistant(&mut self) -> Option<&mut A> {
        self.editor.helper_mut().map(|helping| &mut helping.assistant)
    }

    /// What shows something above the line that is being typed.
    pub(crate) fn printer(&mut self) -> Option<Printer> {
        let mut printer = self.editor.create_external_printer().ok()?;
        // Whoever can't be told sees it at the next line.
        Some(Box::new(move |text| drop(printer.print(text))))
    }
}

/// Whether a file is one that the history can be read from and added to, or not there yet.
fn is_history(path: &Path, limits: &Limits) -> bool {
    match document::open(path, Links::Refuse) {
        Ok((_, metadata)) => document::check(path, metadata.len(), limits.bound(&HISTORY)).is_ok(),
        Err(error) => error.is_not_found(),
    }
}

/// The files that the last word of a line can become.
pub(crate) fn files(line: &str) -> (usize, Vec<Candidate>) {
    let found = FilenameCompleter::new().complete_path(line, line.len());
    let (start, pairs) = found.unwrap_or((line.len(), Vec::new()));
    let candidate = |pair: Pair| Candidate { text: pair.replacement, shown: pair.display };
    (start, pairs.into_iter().map(candidate).collect())
}

fn to_io(error: ReadlineError) -> io::Error {
    match error {
        ReadlineError::Io(error) => error,
        other => io::Error::other(other.to_string()),
    }
}

/// An assistant as rustyline has it.
struct Helping<A> {
    assistant: A,
    hinter: HistoryHinter,
    palette: Palette,
    prompt: Role,
}

impl<A: Assistant> Helper for Helping<A> {}

impl<A: Assistant> Completer for Helping<A> {
    type Candidate = Pair;

    fn complete(&self, line: &str, position: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, candidates) = self.assistant.complete(&line[..position]);
        let pairs = candidates.into_iter().map(|one| Pair { display: one.shown, replacement: one.text });
        Ok((start, pairs.collect()))
    }
}

impl<A> Hinter for Helping<A> {
    type Hint = String;

    fn hint(&self, line: &str, position: usize, context: &Context<'_>) -> Option<String> {
        self.hinter.hint(line, position, context).filter(|hint| shown::line(hint) == *hint)
    }
}

impl<A: Assistant> Highlighter for Helping<A> {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        let painted = self.palette.is_enabled().then(|| self.assistant.highlighted(line, self.palette)).flatten();
        painted.map_or(Cow::Borrowed(line), Cow::Owned)
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        Cow::Owned(self.palette.paint(self.prompt, prompt))
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(self.palette.paint(Role::Faint, hint))
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        self.palette.is_enabled()
    }
}

impl<A> Validator for Helping<A> {}
