//! Why the debugger did not do what it was asked for. It goes on as it was.
//!
//! Each error says what is the matter. What to do about it depends on how one asks, so whoever asked adds the advice.

use std::path::PathBuf;

use serde::{Serialize, Serializer};

use crate::diagnostic::Diagnostic;
use crate::document;
use crate::errno;
use crate::machine;
use crate::oci::ReferenceError;
use crate::source::SourceFile;

/// Messages with places in a Dockerfile, and its text as it was then.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub diagnostics: Vec<Diagnostic>,
    pub source: SourceFile,
}

impl Failure {
    /// The line of the first mistake.
    pub(crate) fn line(&self) -> Option<usize> {
        let start = self.diagnostics.first()?.span()?.start;
        Some(self.source.line_column(start).0)
    }
}

/// The messages, each with its places, in the form that `parse --json` has.
impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.diagnostics.iter().map(|diagnostic| diagnostic.to_json(Some(&self.source))))
    }
}

/// Why the debugger did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Mistakes in the Dockerfile, or what can't be foreseen of a step, with their places.
    #[error("{}", .0.diagnostics.first().map_or("", |diagnostic| diagnostic.message.as_str()))]
    Dockerfile(Failure),
    #[error("there is no step: the Dockerfile is empty")]
    Empty,
    #[error("the Dockerfile is empty")]
    NoText,
    #[error("there is no state yet")]
    NoState,
    /// `taken` steps are taken, so there are as many states.
    #[error("there is no state {number} yet")]
    NotTaken { number: usize, taken: usize },
    #[error("state 0 is empty: there is no shell in it")]
    NothingInside,
    #[error("no steps left")]
    NothingLeft,
    #[error("there is nothing to go back to")]
    AtBeginning,
    #[error("there is no stage `{name}`")]
    NoStage { name: String, stages: Vec<String> },
    #[error("there is no step on line {line} or below it")]
    NoStepBelow { line: usize },
    #[error("there is no breakpoint {0}")]
    NoBreakpoint(usize),
    #[error("there is no build {number}")]
    NoBuild { number: u64, known: Vec<u64> },
    /// What is edited belongs to what is debugged.
    #[error("`{0}` is outside the build context")]
    OutsideContext(String),
    #[error("`{0}` is neither an instruction nor a word that is explained")]
    NotExplained(String),
    #[error("there is no step to explain")]
    NothingToExplain,
    /// What is typed in comes behind the steps that the base image brings.
    #[error("the ONBUILD steps of the base image come first")]
    TriggersFirst,
    #[error("`{path}` is in neither of the states {before} and {after}")]
    InNeither { path: String, before: usize, after: usize },
    #[error("`{0}` is a directory")]
    Directory(String),
    #[error("`{0}` is not a regular file")]
    NotRegular(String),
    /// A file that is replaced would keep one of its names: see [`super::replacement`].
    #[error("`{path}` is one of {names} names of its file (hard links): it is left as it is")]
    SeveralNames { path: String, names: u64 },
    #[error("`{name}` is not an image name: {source}")]
    BadName { name: String, source: ReferenceError },
    #[error("`{0}` has a digest")]
    NameWithDigest(String),
    #[error(transparent)]
    Machine(#[from] machine::Error),
    /// A program is missing in an image that is built on a stand-in.
    #[error("{error}")]
    Lacking { error: Box<machine::Error>, advice: String },
    /// A file that was to be looked at is not one, or is too large.
    #[error(transparent)]
    Document(#[from] document::Error),
    #[error("can't {operation} `{}`: {}", path.display(), errno::describe(source))]
    Io { operation: &'static str, path: PathBuf, source: std::io::Error },
}

macro_rules! from_machine {
    ($($module:ident),*) => {
        $(impl From<crate::$module::Error> for Error {
            fn from(error: crate::$module::Error) -> Error {
                Error::Machine(error.into())
            }
        })*
    };
}
from_machine!(store, layer, tree, cache, context, runtime, images);
