//! Pages, read from files.

use std::path::Path;

use crate::cli::failure::Failure;
use crate::diagnostic::Diagnostic;
use crate::document::{self, Links};
use crate::lesson;
use crate::limits::Limits;
use crate::source::SourceFile;

/// The text of a page.
pub(super) fn text(path: &Path, limits: &Limits) -> Result<SourceFile, Failure> {
    let text = document::read(path, limits.bound(&lesson::PAGE), Links::Follow)?;
    Ok(SourceFile::from_bytes(path.display().to_string(), &text).map_err(|error| {
        let hint = error.hint();
        Diagnostic::error(error.to_string()).hint(hint)
    })?)
}
