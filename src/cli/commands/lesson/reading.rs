//! The pages that a command is about.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;
use crate::diagnostic::Diagnostic;
use crate::{errno, lesson, shown};

/// Where the lessons of this program are to be had.
const WRITTEN: &str = "`layerlab learn files NUMBER` writes a lesson of this program into a folder";

/// The pages in a place: a file, a lesson, or a folder of lessons.
pub(super) fn pages(place: &Path) -> Result<Vec<PathBuf>, Failure> {
    find(place)?;
    if place.is_dir() { Ok(lesson::pages_in(place)?) } else { Ok(vec![place.to_owned()]) }
}

/// Whether anything is in a place.
pub(super) fn find(place: &Path) -> Result<(), Failure> {
    place.symlink_metadata().map_err(|error| {
        let path = place.to_string_lossy();
        let told = Diagnostic::error(format!("can't find `{}`: {}", shown::line(&path), errno::describe(&error)));
        // A lesson of this program is named by its number elsewhere, but here it has to be a file.
        if error.kind() == ErrorKind::NotFound { told.hint(WRITTEN) } else { told }
    })?;
    Ok(())
}
