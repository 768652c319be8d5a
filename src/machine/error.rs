//! Why a step, or a build, can't go on: one type for the whole machine, and what helps.

use std::io::ErrorKind;
use std::path::PathBuf;

use super::actions::copy::chmod::BadMode;
use super::actions::copy::obstacle::Obstacle;
use super::actions::copy::owner::{BadId, NoOwners, OwnerError};
use super::actions::copy::placement::CopyError;
use super::actions::copy::selection::SelectError;
use crate::cache::MissReason;
use crate::diagnostic::{Diagnostic, Rule};
use crate::dockerfile::rules;
use crate::errno;
use crate::images;
use crate::runtime;

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
        /// Whether only one id exists in the container, so that no file can be given away.
        single_id: bool,
        /// A script of the command whose `#!` line ends with a carriage return.
        carriage_return: Option<String>,
        /// What is to be said of a program that a stand-in does not have.
        lacking: Option<String>,
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
    Store(#[from] crate::store::Error),
    #[error(transparent)]
    Image(#[from] crate::images::Error),
    #[error(transparent)]
    Layer(#[from] crate::layer::Error),
    #[error(transparent)]
    Tree(#[from] crate::tree::Error),
    #[error(transparent)]
    Context(#[from] crate::context::Error),
    #[error(transparent)]
    Cache(#[from] crate::cache::Error),
    #[error(transparent)]
    Container(#[from] crate::container::Error),
}

impl From<OwnerError> for Error {
    fn from(error: OwnerError) -> Error {
        match error {
            OwnerError::NoOwners(error) => error.into(),
            OwnerError::BadId(error) => error.into(),
        }
    }
}

impl From<runtime::Error> for Error {
    fn from(error: runtime::Error) -> Error {
        match error {
            runtime::Error::Argument { message, hint } => Error::Argument { message, hint: hint.map(str::to_owned) },
            runtime::Error::Io { operation, path, source } => Error::Io { operation, path, source },
            bad @ runtime::Error::BadState { .. } => Error::Argument { message: bad.to_string(), hint: None },
            runtime::Error::Container(error) => error.into(),
            runtime::Error::Store(error) => error.into(),
            runtime::Error::Layer(error) => error.into(),
        }
    }
}

impl From<Diagnostic> for Error {
    fn from(diagnostic: Diagnostic) -> Error {
        Error::Diagnostics(vec![diagnostic])
    }
}

impl Error {
    /// The error as diagnostics. An error without a place of its own is laid on `span`, the instruction that it stopped.
    pub fn diagnostics(&self, span: Option<crate::source::Span>) -> Vec<Diagnostic> {
        let place = |diagnostic: Diagnostic| match span {
            Some(span) => diagnostic.at_if_none(span),
            None => diagnostic,
        };
        if let Error::Diagnostics(diagnostics) = self {
            return diagnostics.iter().cloned().map(place).collect();
        }
        let message = self.to_string();
        let mut diagnostic = place(match self.rule() {
            Some(rule) => Diagnostic::new(rule, message),
            None => Diagnostic::error(message),
        });
        if let Some(hint) = self.hint() {
            diagnostic = diagnostic.hint(hint);
        }
        vec![diagnostic]
    }

    /// The kind of mistake in the Dockerfile; `None` for what lies elsewhere.
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
            Error::Diagnostics(_)
            | Error::Argument { .. }
            | Error::Copy(CopyError::Layer(_) | CopyError::Spool { .. })
            | Error::Missed { .. }
            | Error::Interrupted
            | Error::Io { .. }
            | Error::NoStep { .. }
            | Error::Store(_)
            | Error::Image(_)
            | Error::Layer(_)
            | Error::Tree(_)
            | Error::Context(_)
            | Error::Cache(_)
            | Error::Container(_) => None,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Error::Argument { hint, .. } => hint.clone(),
            Error::Trigger { problem, .. } => problem.hint.clone(),
            Error::NoOwners(_) => Some(NoOwners::HINT.into()),
            Error::Container(error) => {
                error.hint().map(str::to_owned).or_else(|| error.answer().and_then(|answer| out_of_room(answer.kind())))
            }
            Error::BadId(_) => Some(BadId::HINT.into()),
            Error::Context(error) => error.hint(),
            Error::Image(error) if error.hint().is_some() => error.hint(),
            Error::Copy(error) if error.hint().is_some() => error.hint(),
            Error::Workdir(obstacle) => obstacle.hint(),
            Error::Layer(error) if error.hint().is_some() => error.hint(),
            Error::CommandFailed { single_id: true, command, .. } if command.contains("chown") || command.contains("chgrp") => {
                Some("you have only one id, so `chown` can't work: install newuidmap, and add yourself to /etc/subuid and /etc/subgid".into())
            }
            Error::CommandFailed { carriage_return: Some(script), .. } => {
                Some(format!("`{script}` is there, but {}", crate::container::CARRIAGE_RETURN_HINT))
            }
            Error::CommandFailed { lacking: Some(advice), .. } => Some(advice.clone()),
            Error::CommandFailed { status: 127, .. } => {
                Some("127 means that the shell did not find the program".into())
            }
            Error::CommandFailed { status: 126, .. } => Some("126 means that the file can't be executed".into()),
            Error::CommandFailed { status: 137, .. } => {
                Some("137 is 128 + 9: the process was killed, often because memory ran out".into())
            }
            Error::CommandFailed { status: 153, .. } => {
                Some("153 is 128 + 25: a file became larger than `ulimit -f` allows".into())
            }
            Error::Store(error) | Error::Layer(crate::layer::Error::Store(error)) if error.hint().is_some() => error.hint(),
            _ => match errno::cause(self)?.kind() {
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem if self.is_about_the_home() => {
                    Some("choose a folder that is yours with `--home` or LAYERLAB_HOME".into())
                }
                kind => out_of_room(kind),
            },
        }
    }

    /// Whether the files in question are the program's own: another home helps then, and nowhere else.
    fn is_about_the_home(&self) -> bool {
        matches!(
            self,
            Error::Store(_)
                | Error::Cache(_)
                | Error::Layer(crate::layer::Error::Store(_) | crate::layer::Error::Io { .. })
                | Error::Image(crate::images::Error::Store(_))
        )
    }
}

/// What helps where something could not be written to its end.
fn out_of_room(kind: ErrorKind) -> Option<String> {
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some(
            "free some space on that disk, or choose a folder on another one with `--home` or LAYERLAB_HOME".into(),
        ),
        ErrorKind::FileTooLarge => {
            Some("`ulimit -f` shows how large a file may become, and `ulimit -f unlimited` removes the limit".into())
        }
        _ => None,
    }
}
