//! Paths of a learner's, chosen, compared and shown.

use std::io;
use std::path::{Path, PathBuf};

use crate::learning::{Error, quoted};
use crate::shown;

/// Where a lesson is learned, and whether it was not begun there: in the folder that is wished, where it was begun, or in the usual one.
///
/// # Errors
/// The folder has something in it; there is no usual one.
pub(super) fn chosen(
    wished: Option<PathBuf>,
    begun: Option<PathBuf>,
    usual: impl FnOnce() -> Result<PathBuf, Error>,
) -> Result<(PathBuf, bool), Error> {
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    let is_new = match (&wished, &begun) {
        (Some(wished), Some(begun)) => !is_same(wished, begun),
        (Some(_) | None, begun) => begun.is_none(),
    };
    if let Some(wished) = wished.as_ref().filter(|_| is_new) {
        is_free(wished)?;
    }
    match wished.map(absolute).or(begun) {
        Some(work) => Ok((work, is_new)),
        None => Ok((absolute(usual()?), is_new)),
    }
}

/// A folder of the learner's own choice is a new one, or an empty one.
fn is_free(folder: &Path) -> Result<(), Error> {
    match std::fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            Some(_) => Err(Error::NotEmpty(folder.to_owned())),
            None => Ok(()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(Error::NoFolder(folder.to_owned())),
        Err(source) => Err(Error::Io { operation: "list", path: folder.to_owned(), source }),
    }
}

/// A path as people write it: `~` is their home.
pub(crate) fn homely(path: &Path) -> String {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    let below = home.as_ref().and_then(|home| path.strip_prefix(home).ok());
    let text = below.map_or_else(|| path.display().to_string(), |below| format!("~/{}", below.display()));
    shown::line(&text).into_owned()
}

/// A path as it is typed in a shell. In quotes, `~` would be a name.
pub(super) fn typeable(path: &Path) -> String {
    let path = homely(path);
    match path.strip_prefix("~/") {
        Some(below) => format!("~/{}", quoted(below)),
        None => quoted(&path).into_owned(),
    }
}

/// A path that leaves room for what is typed behind it: the end of a long one.
pub(super) fn shortened(path: &str) -> String {
    const LONGEST: usize = 32;
    let begins = path.match_indices('/').map(|(at, _)| &path[at..]);
    let end = begins.skip(1).find(|end| end.chars().count() < LONGEST);
    match end {
        Some(end) if path.chars().count() > LONGEST => format!("…{end}"),
        Some(_) | None => path.to_owned(),
    }
}

/// Whether two paths are of one folder, if by different ways.
fn is_same(one: &Path, other: &Path) -> bool {
    let absolute = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path)).ok();
    absolute(one) == absolute(other)
}
