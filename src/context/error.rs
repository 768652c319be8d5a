//! What can go wrong with a build context.

use std::io;
use std::path::{Path, PathBuf};

use super::patterns::PatternError;
use crate::diagnostic::Explained;
use crate::errno;
use crate::seen;

/// Why a context can't be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing at the context's path.
    #[error("the build context `{}` does not exist", path.display())]
    Missing {
        /// The path as given.
        path: PathBuf,
    },
    /// The context's path leads to something that is not a folder.
    #[error("the build context `{}` is not a directory", path.display())]
    NotADirectory {
        /// The path as given.
        path: PathBuf,
    },
    /// The kernel refused an operation.
    #[error("{operation} `{}`: {}", path.display(), errno::describe(source))]
    Io {
        /// The system call.
        operation: &'static str,
        /// What it was asked for.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Somebody wished that it should stop.
    #[error(transparent)]
    Stopped(#[from] crate::progress::Stopped),
    /// The Dockerfile can't be read as a text.
    #[error(transparent)]
    Dockerfile(crate::document::Error),
    /// The Dockerfile is a link out of the context.
    #[error("`{}` is a link that leads out of the build context", path.display())]
    LeadsOut {
        /// The link.
        path: PathBuf,
    },
    /// A pattern file holds a pattern that can't be used.
    #[error("{}: {source}", file.display())]
    Pattern {
        /// The `.dockerignore`.
        file: PathBuf,
        /// Which line, and why.
        source: PatternError,
    },
    /// The ignore file is not a regular file, or too large.
    #[error(transparent)]
    IgnoreFile(#[from] crate::document::Error),
    /// The ignore file is a link to somewhere else on the machine.
    #[error("`{}` is a symbolic link to `{}`, outside the build context", path.display(), target.display())]
    IgnoreFileOutside {
        /// The ignore file.
        path: PathBuf,
        /// What it leads to.
        target: PathBuf,
    },
    /// A file can't be read, or did not stay the same from the walk to the end of its reading.
    #[error(transparent)]
    Seen(#[from] seen::Error),
}

impl Error {
    /// Makes an I/O error out of the system call, its path and the kernel's answer.
    pub(crate) fn io(operation: &'static str, path: impl AsRef<Path>, source: io::Error) -> Error {
        Error::Io { operation, path: path.as_ref().to_owned(), source }
    }
}

/// Whether a context is meant that is no folder of this machine: an address, or standard input.
fn is_elsewhere(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text == "-" || text.contains(":/") || text.starts_with("git@") || text.starts_with("github.com/")
}

impl Explained for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::Missing { path } if is_elsewhere(path) => Some(
                "only `build` takes a context that is no folder: clone or unpack it, and name the folder".to_owned(),
            ),
            Error::Missing { .. } => {
                Some("the context is the folder that COPY reads from; name one that exists".to_owned())
            }
            Error::NotADirectory { path } => {
                Some(format!("name the folder; a Dockerfile is given with `-f {}`", path.display()))
            }
            Error::Io { path, source, .. } | Error::Seen(seen::Error::Io { path, source, .. })
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                Some(format!(
                    "make it readable (`chmod u+rX {0}`), or keep it out of the context with a line in `.dockerignore`",
                    path.display()
                ))
            }
            Error::Io { .. } | Error::Seen(seen::Error::Io { .. }) | Error::Stopped(_) => None,
            Error::IgnoreFile(error) => error.hint(),
            Error::IgnoreFileOutside { .. } => Some("put a copy of the file into the build context".to_owned()),
            Error::Dockerfile(error) if error.is_not_found() => {
                Some("name the Dockerfile with `-f FILE`, or the folder that holds it".to_owned())
            }
            Error::Dockerfile(crate::document::Error::NotRegular { kind: "directory", .. }) => {
                Some("name the file in it".to_owned())
            }
            Error::Dockerfile(error) => error.hint(),
            Error::LeadsOut { .. } => {
                Some("put the file itself into the context, or name it outside with `-f FILE`".to_owned())
            }
            Error::Pattern { .. } => Some(
                "the wildcards are `*`, `?`, `[a-z]` and `**`; `\\` before one of them takes it literally".to_owned(),
            ),
            Error::Seen(seen::Error::Changed { .. }) => {
                Some("let the program that writes it finish, then build again".to_owned())
            }
        }
    }
}
