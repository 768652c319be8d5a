//! Why a built-in image can't be made.

use std::path::PathBuf;

use crate::diagnostic::Explained;
use crate::errno;

/// Why a built-in image can't be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused an operation.
    #[error("{operation} `{}`: {}", path.display(), errno::describe(source))]
    Io {
        /// The system call.
        operation: &'static str,
        /// What it was asked for.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// No file of this name is where the loader would look.
    #[error("the library `{name}`, which `{}` needs, is not on this machine", needed_by.display())]
    Library {
        /// The name of the library.
        name: String,
        /// The program or library that names it.
        needed_by: PathBuf,
    },
    /// A program begins like an ELF file and is none.
    #[error("`{}` is not a proper ELF file: {reason}", path.display())]
    Elf {
        /// The file.
        path: PathBuf,
        /// The reader's words.
        reason: String,
    },
    /// The machine has no shell that could be taken.
    #[error("this machine has no `sh` that can go into an image")]
    NoShell,
    /// `LAYERLAB_BASE=busybox` without a busybox.
    #[error("`LAYERLAB_BASE` asks for busybox, but none is installed")]
    NoBusybox,
    /// `LAYERLAB_BASE` names a file that isn't there.
    #[error("`LAYERLAB_BASE` is neither `host` nor `busybox` nor a file: `{}`", path.display())]
    NoArchive {
        /// The value.
        path: PathBuf,
    },
    /// A program could not be started.
    #[error("run `{}`: {}", path.display(), errno::describe(source))]
    Run {
        /// The program.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// There is no built-in image of this name.
    #[error("`{name}` is not a built-in image (these are `layerlab/base` and `layerlab/web`)")]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// A file is not a regular one, or too large.
    #[error(transparent)]
    Document(#[from] crate::document::Error),
    /// The layer can't be written or read.
    #[error(transparent)]
    Layer(#[from] crate::layer::Error),
    /// The image can't be kept.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
}

impl Explained for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::Document(error) => error.hint(),
            Error::Layer(error) => error.hint(),
            Error::Store(error) => error.hint(),
            Error::Io { .. }
            | Error::Library { .. }
            | Error::Elf { .. }
            | Error::NoShell
            | Error::NoBusybox
            | Error::NoArchive { .. }
            | Error::Run { .. }
            | Error::Unknown { .. } => None,
        }
    }
}
