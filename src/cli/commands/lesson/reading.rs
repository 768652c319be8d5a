//! The pages that a command is about.

use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;
use crate::diagnostic::Diagnostic;
use crate::{errno, lesson, shown};

/// The pages in a place: a file, a lesson, or a folder of lessons.
pub(super) fn pages(place: &Path) -> Result<Vec<PathBuf>, Failure> {
    place.symlink_metadata().map_err(|error| {
        let path = place.to_string_lossy();
        Diagnostic::error(format!("can't find `{}`: {}", shown::line(&path), errno::describe(&error)))
    })?;
    if place.is_dir() { Ok(lesson::pages_in(place)?) } else { Ok(vec![place.to_owned()]) }
}
