//! Why a page has no place to run in.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::copying::{Excess, Refusal};
use crate::diagnostic::Explained;
use crate::errno;

/// Why there is no room for a page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Something of the room could not be made.
    #[error("{what} `{}`: {}", path.display(), errno::describe(source))]
    Io {
        /// What was tried: `can't copy`.
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// Two of the files and folders that a page needs would be in one place.
    #[error("can't copy `{}`: something else that is copied is called `{}`, too", path.display(), name.display())]
    SameName { path: PathBuf, name: OsString },
    /// The files that a page needs are too large.
    #[error("`{}` holds {excess}: too much to be copied for a page", path.display())]
    TooLarge { path: PathBuf, excess: Excess },
    /// The same of the folder of a lesson.
    #[error("`{}` holds {excess}: too much for a lesson", path.display())]
    LessonTooLarge { path: PathBuf, excess: Excess },
    /// The copy would lie in what is copied, or around it.
    #[error("can't copy `{}` into itself, to `{}`", from.display(), to.display())]
    Itself { from: PathBuf, to: PathBuf },
}

impl Error {
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
        let path = path.to_owned();
        move |source| Error::Io { what, path, source }
    }

    pub(super) fn refused(
        refusal: Refusal,
        from: &Path,
        to: &Path,
        too_large: impl FnOnce(PathBuf, Excess) -> Error,
    ) -> Error {
        match refusal {
            Refusal::Io(file, source) => Error::io("can't copy", &file)(source),
            Refusal::TooLarge(excess) => too_large(from.to_owned(), excess),
            Refusal::Itself => Error::Itself { from: from.to_owned(), to: to.to_owned() },
        }
    }
}

impl Explained for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::Io { source, .. } => errno::hint(source),
            Error::SameName { .. } => Some("give one of them another name, or copy a folder that has both".to_owned()),
            Error::TooLarge { .. } => Some("`--with PATH` copies only what the page needs".to_owned()),
            Error::LessonTooLarge { .. } => Some("let the lesson's commands make what is large".to_owned()),
            Error::Itself { .. } => {
                Some("pages are replayed below the folder that TMPDIR names: let it be elsewhere".to_owned())
            }
        }
    }
}
