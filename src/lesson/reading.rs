//! Pages on disk: which there are, and their texts.

use std::io;
use std::path::{Path, PathBuf};

use super::{LESSON, PAGE};
use crate::diagnostic::Explained;
use crate::document::{self, Links};
use crate::limits::Limits;
use crate::source::{NotUtf8, SourceFile};
use crate::{errno, shown};

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Document(#[from] document::Error),
    #[error(transparent)]
    NotText(#[from] NotUtf8),
    #[error("can't read `{}`: {}", shown::line(&path.to_string_lossy()), errno::describe(source))]
    Folder { path: PathBuf, source: io::Error },
    #[error("there is no lesson in `{}`", shown::line(&.0.to_string_lossy()))]
    NoLessons(PathBuf),
}

impl Explained for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::Document(error) => error.hint(),
            Error::NotText(error) => Some(error.hint().to_owned()),
            Error::Folder { source, .. } => errno::hint(source),
            Error::NoLessons(_) => {
                let text = "a lesson is a folder with a file `lesson.md` in it; `layerlab lesson new NAME` makes one";
                Some(text.to_owned())
            }
        }
    }
}

/// The text of a page.
///
/// # Errors
/// It can't be read, is too large, or is not UTF-8.
pub(crate) fn read_text(page: &Path, limits: &Limits) -> Result<SourceFile, Error> {
    let text = document::read(page, limits.bound(&PAGE), Links::Follow)?;
    Ok(SourceFile::from_bytes(page.display().to_string(), &text)?)
}

/// The page of the lesson that a folder is, or those of the lessons in it, in their order.
///
/// # Errors
/// The folder can't be read; there is no lesson.
pub(crate) fn pages_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let is_here = folder == Path::new(".");
    let own = if is_here { PathBuf::from(LESSON) } else { folder.join(LESSON) };
    if is_page(&own) {
        return Ok(vec![own]);
    }
    let failed = |source| Error::Folder { path: folder.to_owned(), source };
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let inner = if is_here { PathBuf::from(entry.file_name()) } else { entry.path() };
        // A name with a dot is somebody else's: of git, or of a lesson that is being written.
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        pages.extend(Some(inner.join(LESSON)).filter(|page| !is_hidden && is_page(page)));
    }
    pages.sort();
    if pages.is_empty() { Err(Error::NoLessons(folder.to_owned())) } else { Ok(pages) }
}

/// Whether a page is at a path. One that can't be read is one as well: whoever reads it tells why. In a folder that nobody may enter, such as
/// `lost+found`, is none.
fn is_page(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| !metadata.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_a_lesson_or_has_some() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        assert_eq!(
            pages_in(folder.path()).unwrap_err().to_string(),
            format!("there is no lesson in `{}`", folder.path().display())
        );
        for name in ["02-b", "01-a", ".03-c.tmp", "notes", "notes/lesson.md"] {
            std::fs::create_dir(path(name)).unwrap();
        }
        std::fs::write(path(".03-c.tmp/lesson.md"), "").unwrap();
        std::fs::write(path("02-b/lesson.md"), "").unwrap();
        std::fs::write(path("01-a/lesson.md"), "").unwrap();
        assert_eq!(pages_in(folder.path()).unwrap(), [path("01-a/lesson.md"), path("02-b/lesson.md")]);
        assert_eq!(pages_in(&path("01-a")).unwrap(), [path("01-a/lesson.md")]);
        // What leads nowhere can't be read, and is told of.
        std::os::unix::fs::symlink("nowhere", path("notes/lesson.md/lesson.md")).unwrap();
        assert_eq!(pages_in(&path("notes/lesson.md")).unwrap(), [path("notes/lesson.md/lesson.md")]);
    }
}
