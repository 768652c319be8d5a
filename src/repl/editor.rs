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
use super::lines::{Growing, Growth, Lines, Next, Surroundings};
use super::table::{self, Argument};
use crate::dockerfile::KEYWORDS;
use crate::document::{self, Limit, Links};
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
const FILE: Limit = Limit::new("history of prompts", "LAYERLAB_MAX_HISTORY", 16 << 20);

/// Whether a file is one that the history can be read from and added to, or not there yet.
fn is_history(path: &Path) -> bool {
    match document::open(path, Links::Refuse) {
        Ok((_, metadata)) => FILE.check(path, metadata.len()).is_ok(),
        Err(error) => error.is_not_found(),
    }
}

impl Terminal {
    /// Opens the terminal; the history is kept in a file between runs.
    ///
    /// # Errors
    /// Where the terminal can't be used.
    pub(crate) fn open(history: &Path, palette: Palette) -> io::Result<Terminal> {
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
        let history = is_history(history).then(|| history.to_owned());
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
        let (start, words) = complete(&self.surroundings, &line[..position]);
        // A name that a terminal would act on is not offered: it would be sent to it with the line.
        let words = words.into_iter().filter(|word| shown::line(word) == *word);
        let pairs = words.map(|word| Pair { display: word.trim_end().to_owned(), replacement: word });
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

/// Where the word before the cursor begins, and what it can become.
fn complete(surroundings: &Surroundings, line: &str) -> (usize, Vec<String>) {
    let start = line.rfind(char::is_whitespace).map_or(0, |space| space + 1);
    let word = &line[start..];
    let first = line.split_whitespace().next().unwrap_or_default();
    if start == line.len() - line.trim_start().len() {
        let commands = table::COMMANDS.iter().map(|entry| entry.name);
        let is_capital = word.starts_with(char::is_uppercase);
        let matching =
            |name: &str| if is_capital { name.starts_with(&word.to_uppercase()) } else { name.starts_with(word) };
        let keywords = KEYWORDS.iter().copied().filter(|_| is_capital || word.is_empty());
        return (
            start,
            commands.chain(keywords).filter(|name| matching(name)).map(|name| format!("{name} ")).collect(),
        );
    }
    let argument = match table::find(first) {
        Some(entry) => entry.argument,
        None if first.eq_ignore_ascii_case("COPY") || first.eq_ignore_ascii_case("ADD") => Argument::ContextPath,
        None => Argument::Nothing,
    };
    let words = match argument {
        Argument::Nothing => Vec::new(),
        Argument::ImagePath => image_paths(surroundings, word),
        Argument::ContextPath => stages_from(surroundings, word).unwrap_or_else(|| context_paths(surroundings, word)),
        Argument::AnyPath if word.starts_with('/') => image_paths(surroundings, word),
        Argument::AnyPath => context_paths(surroundings, word),
        Argument::Place if line.split_whitespace().nth(1) == Some("stage") => {
            surroundings.stages.iter().filter(|name| name.starts_with(word)).cloned().collect()
        }
        Argument::Place => ["stage ", "miss", "failure", "if "]
            .iter()
            .filter(|name| name.starts_with(word))
            .map(|&name| name.into())
            .collect(),
        Argument::Breakpoint => {
            surroundings.breakpoints.iter().filter(|id| id.starts_with(word)).map(|id| format!("{id} ")).collect()
        }
        Argument::Keyword => {
            KEYWORDS.iter().filter(|name| name.starts_with(&word.to_uppercase())).map(|&name| name.into()).collect()
        }
        Argument::Command => {
            table::COMMANDS.iter().filter(|entry| entry.name.starts_with(word)).map(|entry| entry.name.into()).collect()
        }
    };
    (start, words)
}

/// `--from=` is followed by a stage.
fn stages_from(surroundings: &Surroundings, word: &str) -> Option<Vec<String>> {
    let name = word.strip_prefix("--from=")?;
    let stages = surroundings.stages.iter().filter(|stage| stage.starts_with(name));
    Some(stages.map(|stage| format!("--from={stage} ")).collect())
}

/// The paths of the state that go on from a text by one name.
fn image_paths(surroundings: &Surroundings, word: &str) -> Vec<String> {
    let (prefix, slash) = if word.starts_with('/') { (word.to_owned(), "") } else { (format!("/{word}"), "/") };
    let paths = surroundings.image_paths.iter().filter(|path| path.starts_with(&prefix) && **path != prefix);
    // Only the next name: what is below a folder comes when the folder is typed.
    let direct = paths.filter(|path| !path[prefix.len()..].trim_end_matches('/').contains('/'));
    direct.map(|path| path.strip_prefix(slash).unwrap_or(path).to_owned()).collect()
}

/// The files of the context that go on from a text by one name.
fn context_paths(surroundings: &Surroundings, word: &str) -> Vec<String> {
    let Some(root) = &surroundings.context else { return Vec::new() };
    let (folder, name) = word.rsplit_once('/').map_or(("", word), |(folder, name)| (folder, name));
    let Ok(entries) = std::fs::read_dir(root.join(folder)) else { return Vec::new() };
    let mut paths = Vec::new();
    for entry in entries.flatten() {
        let Ok(found) = entry.file_name().into_string() else { continue };
        if found.starts_with(name) {
            let slash = if entry.path().is_dir() { "/" } else { "" };
            let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
            paths.push(format!("{folder}{found}{slash}"));
        }
    }
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::{Surroundings, complete};

    fn words(line: &str) -> Vec<String> {
        let surroundings = Surroundings {
            image_paths: ["/bin/", "/bin/sh", "/etc/", "/etc/passwd"].map(String::from).into(),
            context: None,
            stages: vec!["build".into(), "stage-1".into()],
            breakpoints: vec!["1".into(), "2".into()],
        };
        complete(&surroundings, line).1
    }

    #[test]
    fn what_can_be_typed_is_completed() {
        assert_eq!(words("ste"), ["step "]);
        assert_eq!(words("WO"), ["WORKDIR "]);
        assert_eq!(words("ls /"), ["/bin/", "/etc/"]);
        assert_eq!(words("cat /etc/p"), ["/etc/passwd"]);
        assert_eq!(words("cat etc/"), ["etc/passwd"]);
        assert_eq!(words("break stage b"), ["build"]);
        assert_eq!(words("break m"), ["miss"]);
        assert_eq!(words("delete "), ["1 ", "2 "]);
        assert_eq!(words("COPY --from=b"), ["--from=build "]);
        assert_eq!(words("explain wo"), ["WORKDIR"]);
        assert_eq!(words("help sa"), ["save"]);
        assert!(words("step ").is_empty() && words("x y").is_empty());
    }
}
