//! Why a lesson can't go on.

use std::io;

use crate::diagnostic::Explained;
use crate::{errno, learning};

/// Why a lesson can't go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Learning(#[from] learning::Error),
    #[error("can't read what is typed: {}", errno::describe(.0))]
    Input(io::Error),
    #[error("can't run commands: {}", errno::describe(.0))]
    Console(io::Error),
    #[error("can't write the output: {}", errno::describe(.0))]
    Output(#[from] io::Error),
}

impl Error {
    /// Whether a command has taken too long.
    pub(super) fn is_timeout(&self) -> bool {
        matches!(self, Error::Console(error) if error.kind() == io::ErrorKind::TimedOut)
    }

    /// Whether it only is that somebody wished to stop.
    pub(super) fn is_interrupt(&self) -> bool {
        let is_stopped = |error: &io::Error| error.kind() == io::ErrorKind::Interrupted;
        match self {
            Error::Learning(learning::Error::Io { source, .. }) => is_stopped(source),
            Error::Input(error) | Error::Console(error) | Error::Output(error) => is_stopped(error),
            Error::Learning(_) => false,
        }
    }
}

impl Explained for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::Learning(error) => error.hint(),
            Error::Input(error) | Error::Console(error) | Error::Output(error) => errno::hint(error),
        }
    }
}
