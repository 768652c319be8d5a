//! The debugger's prompt: commands that step through a Dockerfile, look at its states, and go back.
//!
//! ```text
//! a line ──command──▶ Command ──session──▶ the machine's methods ──events──▶ view::debugger
//!          └─────────▶ an instruction ──scratch──▶ a longer Dockerfile
//! ```
//!
//! | file | what it does |
//! |---|---|
//! | `table` | the commands as data: names, usage, help |
//! | `command` | a line of text → a [`Command`], or what is wrong with it; pure |
//! | `lines`, `editor` | where lines come from: a script, or a person at a terminal |
//! | `session`, `position` | the loop: one line after another, what is kept between them, and the line with the ▶ |
//! | `stepping`, `breakpoint` | step, next, continue, back, goto, restart; where to stop |
//! | `scratch`, `reload` | instructions typed in; the Dockerfile or the context edited |
//! | `inspect`, `files`, `why`, `compare` | looking at states, decisions and differences |
//! | `enter` | a shell or a command in a state; the finished container |
//! | `teach` | what each instruction does, in a learner's words |
//!
//! Nothing here decides about the cache, makes a layer or parses a Dockerfile: it asks the machine. Only `editor` names rustyline.

mod breakpoint;
pub mod command;
mod compare;
mod editor;
mod enter;
mod files;
mod inspect;
pub mod lines;
mod output;
mod position;
mod reload;
mod scratch;
mod session;
mod stepping;
mod table;
mod teach;
mod why;

pub use command::Command;
pub use editor::Terminal;
pub use lines::{Lines, Next, Script};
pub use session::{Ending, Session, Setting};
pub use teach::explain;

use std::path::PathBuf;

use crate::diagnostic::Diagnostic;
use crate::document;
use crate::errno;
use crate::machine;
use crate::source::SourceFile;

/// Why a command did not do what it was to do. The session goes on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A mistake at the prompt.
    #[error("{}", .0.message)]
    Command(Diagnostic),
    /// Mistakes in the Dockerfile, or a step that failed, with their places.
    #[error("{}", .0.first().map_or("", |diagnostic| diagnostic.message.as_str()))]
    Dockerfile(Vec<Diagnostic>, SourceFile),
    /// What is wrong was told already.
    #[error("see above")]
    Said,
    #[error(transparent)]
    Build(#[from] machine::Error),
    /// A file that was to be shown is not one, or is too large.
    #[error(transparent)]
    Document(#[from] document::Error),
    #[error("can't {operation} `{}`: {}", path.display(), errno::describe(source))]
    Io { operation: &'static str, path: PathBuf, source: std::io::Error },
    /// Nobody says what to do next: the session ends.
    #[error("can't read the next command: {}", errno::describe(.0))]
    Input(std::io::Error),
    /// Nobody reads what is written: the session ends.
    #[error("can't write the output: {}", errno::describe(.0))]
    Output(#[from] std::io::Error),
}

impl Error {
    /// A mistake at the prompt, with advice.
    fn usage(message: impl Into<String>, hint: impl Into<String>) -> Error {
        Error::Command(Diagnostic::error(message).hint(hint))
    }

    /// The error as it is drawn.
    fn render(&self) -> String {
        match self {
            Error::Command(diagnostic) => diagnostic.render(None),
            Error::Dockerfile(diagnostics, source) => {
                diagnostics.iter().map(|diagnostic| diagnostic.render(Some(source))).collect()
            }
            Error::Build(error) => error.diagnostics(None).iter().map(|diagnostic| diagnostic.render(None)).collect(),
            Error::Document(error) => {
                Diagnostic { hint: error.hint(), ..Diagnostic::error(self.to_string()) }.render(None)
            }
            Error::Said => String::new(),
            Error::Io { .. } | Error::Input(_) | Error::Output(_) => Diagnostic::error(self.to_string()).render(None),
        }
    }
}

macro_rules! from_build {
    ($($module:ident),*) => {
        $(impl From<crate::$module::Error> for Error {
            fn from(error: crate::$module::Error) -> Error {
                Error::Build(error.into())
            }
        })*
    };
}
from_build!(store, layer, tree, cache, context, container, images);
