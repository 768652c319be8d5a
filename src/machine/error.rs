//! Why a step, or a build, can't go on: one type for the whole machine, and what helps.

use std::path::PathBuf;

use super::actions::copy::chmod::BadMode;
use super::actions::copy::obstacle::Obstacle;
use super::actions::copy::owner::{BadId, NoOwners, OwnerError};
use super::actions::copy::placement::CopyError;
use super::actions::copy::selection::SelectError;
use crate::cache::MissReason;
use crate::diagnostic::{Diagnostic, Explained, Rule};
use crate::dockerfile::rules;
use crate::errno;
use crate::git;
use crate::images;
use crate::oci::{DiffId, Layer};
use crate::registry::download;
use crate::runtime;
use crate::source::Span;

/// Why a step, or a build, can't go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Mistakes in the Dockerfile, with their places.
    #[error("{}", .0.first().map_or("", |diagnostic| diagnostic.message.as_str()))]
    Diagnostics(Vec<Diagnostic>),
    #[error("{message}")]
    Argument { message: String, hint: Option<String> },
    #[error(transparent)]
    NoOwners(#[from] NoOwners),
    #[error(transparent)]
    BadId(#[from] BadId),
    #[error(transparent)]
    Select(#[from] SelectError),
    #[error(transparent)]
    Copy(#[from] CopyError),
    #[error("the working directory {0}")]
    Workdir(Box<Obstacle>),
    #[error(transparent)]
    Mode(#[from] BadMode),
    #[error("the command `{command}` returned a non-zero code: {status}")]
    CommandFailed {
        command: String,
        status: i32,
        /// A script of the command whose `#!` line ends with a carriage return.
        carriage_return: Option<String>,
        /// What is to be said of a program that a stand-in does not have.
        lacking: Option<String>,
        /// What it wanted to reach from a network without a way out, and what would help.
        cut_off: Option<String>,
    },
    /// [`AtMiss::Fail`](super::AtMiss::Fail) was asked for.
    #[error("step {number}/{total} is not in the cache")]
    Missed { number: usize, total: usize, reason: Box<MissReason> },
    #[error("interrupted")]
    Interrupted,
    #[error("can't {operation} `{}`: {}", path.display(), errno::describe(source))]
    Io { operation: &'static str, path: PathBuf, source: std::io::Error },
    #[error("the ONBUILD trigger `{text}` of the base image can't be used: {}", problem.message)]
    Trigger { text: String, problem: Box<Diagnostic> },
    #[error("there is no step {number}: the steps are numbered from 1 to {total}")]
    NoStep { number: usize, total: usize },
    #[error(transparent)]
    Download(#[from] download::Error),
    #[error(transparent)]
    Repository(#[from] git::Error),
    /// A server that has a source was not asked, because the step was only to be foreseen.
    #[error("{because}")]
    NotAsked { because: String },
    /// Layers that only a shared cache has are needed. Whoever may fetches them.
    #[error("its files are in a shared cache, and not here yet")]
    Awaited { layers: Vec<Layer> },
    /// Layers of a shared cache that do not come, each with the reason.
    #[error("layers did not come from a cache: {}", layers.first().map_or("", |(_, because)| because.as_str()))]
    Lost { layers: Vec<(DiffId, String)> },
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    #[error(transparent)]
    Image(#[from] crate::images::Error),
    #[error(transparent)]
    Archive(Box<images::archive::Error>),
    #[error(transparent)]
    Layer(#[from] crate::layer::Error),
    #[error(transparent)]
    Tree(#[from] crate::tree::Error),
    #[error(transparent)]
    Context(#[from] crate::context::Error),
    #[error(transparent)]
    Cache(#[from] crate::cache::Error),
    #[error(transparent)]
    Runtime(#[from] runtime::Error),
}

impl From<OwnerError> for Error {
    fn from(error: OwnerError) -> Error {
        match error {
            OwnerError::NoOwners(error) => error.into(),
            OwnerError::BadId(error) => error.into(),
        }
    }
}

impl From<images::archive::Error> for Error {
    fn from(error: images::archive::Error) -> Error {
        Error::Archive(Box::new(error))
    }
}

impl From<crate::container::Error> for Error {
    fn from(error: crate::container::Error) -> Error {
        Error::Runtime(error.into())
    }
}

impl From<Diagnostic> for Error {
    fn from(diagnostic: Diagnostic) -> Error {
        Error::Diagnostics(vec![diagnostic])
    }
}

impl Error {
    /// The same error on the word of the Dockerfile that it is about, if there is one.
    pub(crate) fn on(self, span: Option<Span>) -> Error {
        match (self, span) {
            (
                error @ (Error::Diagnostics(_) | Error::Select(_) | Error::Download(_) | Error::Repository(_)),
                Some(_),
            ) => Error::Diagnostics(error.diagnostics_at(span)),
            (error, _) => error,
        }
    }

    /// The same error on no place of its own.
    pub(crate) fn nowhere(self) -> Error {
        match self {
            Error::Diagnostics(diagnostics) => {
                Error::Diagnostics(diagnostics.into_iter().map(Diagnostic::nowhere).collect())
            }
            error => error,
        }
    }

    /// The error as messages. One without a place of its own is laid on `span`, the instruction that it stopped.
    pub fn diagnostics_at(&self, span: Option<Span>) -> Vec<Diagnostic> {
        let place = |diagnostic: Diagnostic| match span {
            Some(span) => diagnostic.at_if_none(span),
            None => diagnostic,
        };
        self.diagnostics().into_iter().map(place).collect()
    }
}

impl Explained for Error {
    fn diagnostics(&self) -> Vec<Diagnostic> {
        match self {
            Error::Diagnostics(diagnostics) => diagnostics.clone(),
            error => vec![error.diagnostic()],
        }
    }

    fn rule(&self) -> Option<&'static Rule> {
        match self {
            Error::NoOwners(_) | Error::BadId(_) => Some(&rules::INVALID_OWNER),
            Error::Select(
                SelectError::NotFound { .. } | SelectError::LeftOut { .. } | SelectError::BehindLink { .. },
            )
            | Error::Copy(CopyError::NotFound { .. }) => Some(&rules::SOURCE_NOT_FOUND),
            Error::Select(SelectError::Wildcard { .. } | SelectError::Pattern(_)) => Some(&rules::INVALID_PATTERN),
            Error::Copy(CopyError::Obstacle { .. } | CopyError::FileOverDirectory { .. } | CopyError::Path { .. })
            | Error::Workdir(_) => Some(&rules::CANNOT_BE_PLACED),
            Error::Mode(_) => Some(&rules::INVALID_MODE),
            Error::CommandFailed { .. } => Some(&rules::COMMAND_FAILED),
            Error::Trigger { .. } => Some(&rules::TRIGGER_NOT_UNDERSTOOD),
            Error::Image(images::Error::NotFound { .. }) => Some(&rules::IMAGE_NOT_FOUND),
            Error::Download(download::Error::Invalid { .. }) => Some(&rules::INVALID_URL),
            Error::Download(download::Error::Checksum { .. }) => Some(&rules::CHECKSUM_MISMATCH),
            Error::Download(_) => Some(&rules::NOT_DOWNLOADED),
            Error::Repository(git::Error::Invalid { .. }) => Some(&rules::INVALID_URL),
            Error::Repository(git::Error::Checksum { .. }) => Some(&rules::CHECKSUM_MISMATCH),
            Error::Repository(_) => Some(&rules::NOT_DOWNLOADED),
            Error::Diagnostics(_)
            | Error::Argument { .. }
            | Error::Copy(CopyError::Layer(_) | CopyError::Spool { .. })
            | Error::Missed { .. }
            | Error::Interrupted
            | Error::Io { .. }
            | Error::NoStep { .. }
            | Error::NotAsked { .. }
            | Error::Awaited { .. }
            | Error::Lost { .. }
            | Error::Store(_)
            | Error::Image(_)
            | Error::Archive(_)
            | Error::Layer(_)
            | Error::Tree(_)
            | Error::Context(_)
            | Error::Cache(_)
            | Error::Runtime(_) => None,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Error::Argument { hint, .. } => hint.clone(),
            Error::NoOwners(_) => Some(NoOwners::HINT.into()),
            Error::BadId(_) => Some(BadId::HINT.into()),
            Error::Copy(error) => error.hint(),
            Error::Workdir(obstacle) => obstacle.hint(),
            Error::CommandFailed { carriage_return: Some(script), .. } => {
                Some(format!("`{script}` is there, but {}", crate::container::CARRIAGE_RETURN_HINT))
            }
            Error::CommandFailed { lacking: Some(advice), .. } | Error::CommandFailed { cut_off: Some(advice), .. } => {
                Some(advice.clone())
            }
            Error::CommandFailed { command, status, .. } => super::lacking::meaning(command, *status),
            Error::Io { source, .. } => errno::hint(source),
            Error::Trigger { problem, .. } => problem.hint.clone(),
            Error::Download(error) => error.hint(),
            Error::Repository(error) => error.hint(),
            Error::Store(error) => error.hint(),
            Error::Image(error) => error.hint(),
            Error::Archive(error) => error.hint(),
            Error::Layer(error) => error.hint(),
            Error::Context(error) => error.hint(),
            Error::Cache(error) => error.hint(),
            Error::Runtime(error) => error.hint(),
            Error::Diagnostics(_)
            | Error::Select(_)
            | Error::Mode(_)
            | Error::Missed { .. }
            | Error::Interrupted
            | Error::NoStep { .. }
            | Error::NotAsked { .. }
            | Error::Awaited { .. }
            | Error::Lost { .. }
            | Error::Tree(_) => None,
        }
    }
}
