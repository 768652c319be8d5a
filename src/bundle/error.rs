//! Why a bundle is not run, in words that managers look for: some of them tell causes apart by the text.

use std::path::{Path, PathBuf};

use crate::container;
use crate::diagnostic::Explained;
use crate::{document, errno};

/// An error of this room.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Document(#[from] document::Error),
    /// A document does not have the form that it should.
    #[error("{}: {place}: {message}", path.display())]
    Form {
        path: PathBuf,
        /// Where in it, such as `linux.namespaces[2].type`.
        place: String,
        message: String,
    },
    /// A value that we would have to ignore, or to understand in another way than it was meant.
    #[error("config.json: {place}: {message}")]
    Unsupported { place: String, message: String, hint: &'static str },
    /// A field has no meaning.
    #[error("config.json: {place}: {message}")]
    Wrong { place: String, message: String },
    #[error("`{}` is not an id for a container", .0.escape_debug())]
    Id(String),
    #[error("container with id `{0}` already exists")]
    Exists(String),
    #[error("container `{0}` does not exist")]
    Missing(String),
    /// What is asked for needs a container in another state.
    #[error("container not running: `{0}` is {1}")]
    NotRunning(String, &'static str),
    #[error("cannot start container `{0}`: it is {1}")]
    NotCreated(String, &'static str),
    #[error("cannot delete container `{0}` that is not stopped: it is {1}")]
    NotStopped(String, &'static str),
    /// Somebody else holds it.
    #[error("container `{0}` is busy: another command has worked on it for {1:?}")]
    Busy(String, std::time::Duration),
    /// A folder that others may have filled.
    #[error("`{}` {what}", path.display())]
    Strange { path: PathBuf, what: &'static str },
    #[error("`{0}` is not a signal")]
    Signal(String),
    #[error("can't {operation} `{}`: {}", path.display(), errno::describe(source))]
    Io { operation: &'static str, path: PathBuf, source: std::io::Error },
    /// A program of the manager's.
    #[error("hook `{}` {message}", path.display())]
    Hook { path: PathBuf, message: String },
    #[error("{0}")]
    Option(String),
    #[error(transparent)]
    Container(#[from] container::Error),
}

impl Error {
    pub(super) fn io(operation: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
        move |source| Error::Io { operation, path: path.to_owned(), source }
    }

    pub(super) fn call(operation: &'static str, path: &Path) -> impl FnOnce(nix::errno::Errno) -> Error {
        move |errno| Error::Io { operation, path: path.to_owned(), source: errno.into() }
    }

    pub(crate) fn unsupported(place: impl Into<String>, message: impl Into<String>, hint: &'static str) -> Error {
        Error::Unsupported { place: place.into(), message: message.into(), hint }
    }

    pub(crate) fn wrong(place: impl Into<String>, message: impl Into<String>) -> Error {
        Error::Wrong { place: place.into(), message: message.into() }
    }

    /// The exit status.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Error::Container(error) => u8::try_from(error.status()).unwrap_or(1),
            _ => 1,
        }
    }
}

impl Explained for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::Document(error) => error.hint(),
            Error::Unsupported { hint, .. } => Some((*hint).to_owned()),
            Error::Id(_) => Some("letters, digits, `_`, `+`, `-` and `.`, up to 255 of them".to_owned()),
            Error::Missing(_) => Some("`--root` has to be the one that it was created with".to_owned()),
            Error::Strange { .. } => Some(
                "what is known of containers has to lie in a folder of our own: `--root` names another one".to_owned(),
            ),
            Error::Busy(..) => {
                Some("a hook of the container may wait for something; `delete --force` ends its processes".to_owned())
            }
            Error::Container(error) => error.hint().map(str::to_owned),
            Error::Form { .. }
            | Error::Wrong { .. }
            | Error::Exists(_)
            | Error::NotRunning(..)
            | Error::NotCreated(..)
            | Error::NotStopped(..)
            | Error::Signal(_)
            | Error::Io { .. }
            | Error::Hook { .. }
            | Error::Option(_) => None,
        }
    }
}
