//! Why somebody can't learn, and what helps.

use std::io;
use std::path::{Path, PathBuf};

use crate::diagnostic::Explained;
use crate::lesson::{Mistake, ReadError, RoomError};
use crate::{document, errno, layer, shown, store};

/// Why somebody can't learn.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("can't {operation} `{}`: {}", path.display(), errno::describe(source))]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error(transparent)]
    Page(#[from] Mistake),
    #[error(transparent)]
    Reading(#[from] ReadError),
    #[error(transparent)]
    Room(#[from] RoomError),
    #[error(transparent)]
    Document(#[from] document::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Layer(#[from] layer::Error),
    #[error("commit {commit} has a file `{}`: its name can't be shown", shown::line(path))]
    NoName { commit: String, path: String },
    #[error("the lesson `{}` can't be read: {why}", shown::line(name))]
    Unread { name: String, why: String },
    #[error("there is no lesson `{wanted}`")]
    NoSuchLesson { wanted: String, meant: Option<String> },
    #[error("`{}` is damaged: {source}", path.display())]
    Damaged { path: PathBuf, source: serde_json::Error, hint: &'static str },
    #[error("`{}` is not empty", .0.display())]
    NotEmpty(PathBuf),
    #[error("`{}` is no folder", .0.display())]
    NoFolder(PathBuf),
    #[error("can't work in `{}`: the lesson's own folder is `{}`, and nothing in it may change", folder.display(), own.display())]
    Source { folder: PathBuf, own: PathBuf },
    #[error("`{}` is a symbolic link, and may lead out of the lesson's folder", .0.display())]
    Link(PathBuf),
    #[error("the lesson `{0}` is open in another terminal")]
    Busy(String),
}

impl Error {
    pub(super) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
        let path = path.to_owned();
        move |source| Error::Io { operation, path, source }
    }
}

impl Explained for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::Io { source, .. } => errno::hint(source),
            Error::Page(mistake) => mistake.hint(),
            Error::Reading(error) => error.hint(),
            Error::Room(error) => error.hint(),
            Error::Document(error) => error.hint(),
            Error::Store(error) => error.hint(),
            Error::Layer(error) => error.hint(),
            Error::NoName { .. } => Some("the pack needs names without control characters, in UTF-8".to_owned()),
            Error::NotEmpty(_) | Error::NoFolder(_) => {
                Some("name a new folder, or an empty one: the lesson's files go there".to_owned())
            }
            Error::Unread { .. } => None,
            Error::NoSuchLesson { meant: Some(meant), .. } => Some(format!("did you mean `{meant}`?")),
            Error::NoSuchLesson { meant: None, .. } => Some("without a lesson, `learn` lists them".to_owned()),
            Error::Damaged { hint, .. } => Some((*hint).to_owned()),
            Error::Source { .. } => {
                Some("name a folder elsewhere: `learn LESSON --folder DIR`, or `learn files LESSON DIR`".to_owned())
            }
            Error::Link(_) => Some("make it a folder".to_owned()),
            Error::Busy(_) => Some("go on there, or `quit` it first".to_owned()),
        }
    }
}
