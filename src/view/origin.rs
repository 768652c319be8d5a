//! What is told of where things come from, harmless: the part that all views have in common.

use super::units;
use crate::shown::line;

/// The first digits of a commit's id, as many as a digest is shown with.
const SHORT: usize = 12;

/// A built-in image takes the place of another.
pub(super) fn stood_in(name: &str, image: &str) -> String {
    format!("{} is not in the store: the built-in {} is used instead", line(name), line(image))
}

/// A name stands for something.
pub(super) fn named(name: &str, stands_for: &str) -> String {
    format!("`{}` stands for {}", line(name), line(stands_for))
}

/// `https://host/app.git#main at 4f06b2d1aa31, 7.1 kB`.
pub(super) fn repository(repository: &str, commit: &str, bytes: u64) -> String {
    let commit = commit.get(..SHORT).unwrap_or(commit);
    format!("{} at {}, {}", line(repository), line(commit), units::size(bytes))
}
