//! The pages that a command is about.

use std::path::PathBuf;

use crate::cli::failure::Failure;
use crate::lesson;

/// The pages in these places: files, lessons, and folders of lessons.
pub(super) fn pages(places: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let here = [PathBuf::from(".")];
    let places = if places.is_empty() { here.as_slice() } else { places };
    let mut pages = Vec::new();
    for place in places {
        if place.is_dir() { pages.extend(lesson::pages_in(place)?) } else { pages.push(place.clone()) }
    }
    Ok(pages)
}
