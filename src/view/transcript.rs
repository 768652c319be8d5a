//! A line of a transcript: on a terminal what has no room goes on below where it began, elsewhere it stays whole.

use std::io::{self, Write as _};

use super::screen::{Screen, Width};
use super::table;

/// Writes a line of ours behind a label. The screen is standard output.
///
/// # Errors
/// What writing says.
pub(super) fn put(out: &mut Screen<'_>, label: &str, text: &str) -> io::Result<()> {
    match Width::of_stdout() {
        Width::Anywhere | Width::Piped(_) => writeln!(out, "{label}{text}"),
        width @ Width::Terminal(_) => out.write_all(table::hang(label, text, width.columns()).as_bytes()),
    }
}
