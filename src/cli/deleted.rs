//! What `prune` has removed, as Docker says it: the names under a title for each kind, and how much room that made.

use std::io::Write as _;

use super::failure::Failure;
use super::ui::Ui;
use crate::shown;
use crate::view::units;

/// Things of one kind that are gone.
#[derive(Debug)]
pub(super) struct Deleted {
    /// Such as `Deleted Containers`.
    pub(crate) title: &'static str,
    /// A line for each.
    pub(crate) lines: Vec<String>,
    pub(crate) bytes: u64,
}

/// Shows what is gone.
///
/// # Errors
/// What writing says.
pub(super) fn list(ui: &Ui, all: &[Deleted]) -> Result<(), Failure> {
    let mut out = ui.plain();
    for deleted in all.iter().filter(|deleted| !deleted.lines.is_empty()) {
        writeln!(out, "{}:", deleted.title)?;
        deleted.lines.iter().try_for_each(|line| writeln!(out, "{}", shown::line(line)))?;
        writeln!(out)?;
    }
    Ok(())
}

/// Shows what is gone, and the room that it made.
///
/// # Errors
/// What writing says.
pub(super) fn show(ui: &Ui, all: &[Deleted]) -> Result<(), Failure> {
    list(ui, all)?;
    let bytes = all.iter().map(|deleted| deleted.bytes).sum();
    Ok(writeln!(ui.plain(), "Total reclaimed space: {}", units::docker_size(bytes, 4))?)
}
