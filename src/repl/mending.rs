//! Who changes a file: the user's own editor, or a script that says what changes; and the Dockerfile that is mended before a session can
//! begin.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::modes::{self, Modes};
use super::{Error, hunks};
use crate::diagnostic::Diagnostic;
use crate::view::screen::Screen;

/// What is asked of a Dockerfile that is wrong from the start.
const MEND: &str = "-- Enter: edit it, q: leave --";

/// Whether a person at a terminal wants to edit a Dockerfile with a mistake in a line, and has done so.
///
/// # Errors
/// There is no terminal any more, or the editor fails.
pub(crate) fn mend(path: &Path, line: Option<usize>, out: &mut Screen<'_>) -> Result<bool, Error> {
    let key = modes::ask(MEND, out)?;
    out.erase_line()?;
    out.flush()?;
    let Some(editor) = Editor::of(true).filter(|_| wants(key)) else { return Ok(false) };
    editor.open(path, line)?;
    Ok(true)
}

/// Whether a key says yes.
pub(super) fn wants(key: Option<u8>) -> bool {
    matches!(key, Some(b'\r' | b'\n' | b' ' | b'e' | b'y'))
}

/// Who changes a file.
pub(super) enum Editor {
    /// The user's own.
    Program {
        /// $VISUAL, else $EDITOR, else vi. It may hold arguments, so a shell takes it apart.
        command: String,
        /// Without a terminal the editor has no input: it would take the lines of the session.
        input: fn() -> Stdio,
    },
    /// A script, by the hunks of a diff.
    Hunks(String),
}

/// The editors that open a file at a line by `+LINE`.
const AT_LINE: &[&str] =
    &["vi", "vim", "nvim", "view", "nano", "pico", "emacs", "emacsclient", "micro", "joe", "mg", "kak", "ne"];

impl Editor {
    /// `None`: there is no terminal, and the user has named no program.
    pub(super) fn of(is_interactive: bool) -> Option<Editor> {
        let value = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        let named = value("VISUAL").or_else(|| value("EDITOR"));
        match is_interactive {
            true => Some(Editor::Program { command: named.unwrap_or_else(|| "vi".into()), input: Stdio::inherit }),
            false => named.map(|command| Editor::Program { command, input: Stdio::null }),
        }
    }

    /// Lets it change a file: an editor at a line, where it knows how.
    pub(super) fn open(&self, path: &Path, line: Option<usize>) -> Result<(), Error> {
        let (command, input) = match self {
            Editor::Program { command, input } => (command, input),
            Editor::Hunks(hunks) => return change(path, hunks),
        };
        let program = command.split_whitespace().next().unwrap_or_default();
        let knows = |name: &&str| Path::new(program).file_name().is_some_and(|program| program == *name);
        let line = line.filter(|_| AT_LINE.iter().any(knows)).map_or(String::new(), |line| format!(" +{line}"));
        // An editor that dies may leave the terminal as it needed it.
        let _modes = Modes::keep();
        let status = Command::new("/bin/sh")
            .arg("-c")
            .arg(format!("{command}{line} \"$1\""))
            .arg("sh")
            .arg(path)
            .stdin(input())
            .status()
            .map_err(|source| Error::Io { operation: "start", path: PathBuf::from(command), source })?;
        if status.success() {
            return Ok(());
        }
        Err(Diagnostic::error(format!("the editor `{command}` failed: {status}"))
            .hint("set $VISUAL or $EDITOR to your editor")
            .into())
    }
}

/// Makes a change in a file, which need not exist yet.
fn change(path: &Path, hunks: &str) -> Result<(), Error> {
    let io = |operation| move |source| Error::Io { operation, path: path.to_owned(), source };
    let before = match std::fs::read_to_string(path) {
        Ok(before) => before,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(io("read")(error)),
    };
    let after = hunks::apply(hunks, &before)?;
    if after == before { Ok(()) } else { std::fs::write(path, after).map_err(io("write")) }
}
