//! Reading `.dockerignore`.
//!
//! ```text
//! # a comment: the `#` is the first character of the line
//! node_modules
//! **/*.log
//! !important.log
//! ```
//!
//! The rules are those of moby/patternmatcher's `ignorefile`: a byte order mark at the start is skipped, space around a
//! pattern and after its `!` is dropped, a path is cleaned, and one leading slash goes away, since every pattern is
//! relative to the context. What the patterns mean is the matter of [`super::patterns`].

use std::path::Path;

use super::clean::clean;
use super::error::Error;
use crate::document::{self, Links};
use crate::limits::{Limit, Limits};

/// How large an ignore file may be. The largest of real projects have some thousand lines; each line is compared with each path.
const LIMIT: Limit = Limit::bytes("ignore file", "LAYERLAB_MAX_IGNORE_FILE", 1 << 20);

/// Returns the text of an ignore file, `None` if there is none.
///
/// Lines of it are shown in messages. So it may be a link inside the context or beside itself, but not one to a file that whoever
/// made the context could not have read.
///
/// # Errors
/// [`Error::IgnoreFile`] for what is not a file of a bounded size, [`Error::IgnoreFileOutside`] for a link that leads out.
pub(super) fn read(file: &Path, root: &Path, limits: &Limits) -> Result<Option<Vec<u8>>, Error> {
    let real = match file.canonicalize() {
        Ok(real) => real,
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) => return Ok(None),
        Err(source) => return Err(Error::io("realpath", file, source)),
    };
    let folder = file.parent().map(|folder| if folder == Path::new("") { Path::new(".") } else { folder });
    let folder = folder.and_then(|folder| folder.canonicalize().ok());
    if !real.starts_with(root) && !folder.is_some_and(|folder| real.starts_with(folder)) {
        return Err(Error::IgnoreFileOutside { path: file.to_owned(), target: real });
    }
    match document::read(&real, limits.bound(&LIMIT), Links::Refuse) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(Error::IgnoreFile(error)),
    }
}

/// Returns the pattern lines of a `.dockerignore`, each with its line number, counted from 1.
///
/// Nothing is refused here: a lone `!` is a pattern that [`super::Patterns::numbered`] refuses.
pub fn parse(text: &str) -> Vec<(usize, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines().enumerate().filter_map(|(index, line)| Some((index + 1, pattern_of(line)?))).collect()
}

fn pattern_of(line: &str) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let trimmed = line.trim();
    if trimmed.is_empty() {
        return None;
    }
    let (mark, path) = match trimmed.strip_prefix('!') {
        Some(path) => ("!", path.trim()),
        None => ("", trimmed),
    };
    if path.is_empty() {
        return Some(mark.to_owned());
    }
    let cleaned = clean(path);
    let relative = match cleaned.strip_prefix('/') {
        Some(relative) if !relative.is_empty() => relative,
        _ => &cleaned,
    };
    Some(format!("{mark}{relative}"))
}
