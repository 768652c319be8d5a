//! Pages: which there are, and their texts.

use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;
use crate::diagnostic::Diagnostic;
use crate::document::{self, Links};
use crate::errno;
use crate::lesson::{self, LESSON};
use crate::limits::Limits;
use crate::shown;
use crate::source::SourceFile;

/// The text of a page.
pub(super) fn text(path: &Path, limits: &Limits) -> Result<SourceFile, Failure> {
    let text = document::read(path, limits.bound(&lesson::PAGE), Links::Follow)?;
    Ok(SourceFile::from_bytes(path.display().to_string(), &text).map_err(|error| {
        let hint = error.hint();
        Diagnostic::error(error.to_string()).hint(hint)
    })?)
}

/// The pages of lessons in these places.
pub(super) fn pages(places: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let here = [PathBuf::from(".")];
    let places = if places.is_empty() { here.as_slice() } else { places };
    let mut pages = Vec::new();
    for place in places {
        if place.is_dir() { pages.extend(lessons_in(place)?) } else { pages.push(place.clone()) }
    }
    Ok(pages)
}

/// The lesson that a folder is, or those of the folders in it.
fn lessons_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let own = |folder: &Path| if folder == Path::new(".") { PathBuf::from(LESSON) } else { folder.join(LESSON) };
    if own(folder).is_file() {
        return Ok(vec![own(folder)]);
    }
    let name = shown::line(&folder.to_string_lossy()).into_owned();
    let entries = std::fs::read_dir(folder)
        .map_err(|error| Diagnostic::error(format!("can't read `{name}`: {}", errno::describe(&error))))?;
    let is_here = folder == Path::new(".");
    let entries = entries.flatten().map(|entry| if is_here { entry.file_name().into() } else { entry.path() });
    let mut pages: Vec<PathBuf> = entries.map(|entry| own(&entry)).filter(|page| page.is_file()).collect();
    pages.sort();
    if pages.is_empty() {
        let hint = "`layerlab lesson new NAME` makes one";
        return Err(Diagnostic::error(format!("there is no lesson in `{name}`")).hint(hint).into());
    }
    Ok(pages)
}
