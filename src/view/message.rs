//! Messages as they are shown: what is said is broken between words, an excerpt is cut around the place that it points at.

use super::palette::{Palette, Role};
use super::table;
use crate::diagnostic::{Diagnostic, Severity};
use crate::source::SourceFile;

/// A message within so many columns. `source` is the text that it points into.
pub(crate) fn message(
    diagnostic: &Diagnostic,
    source: Option<&SourceFile>,
    palette: Palette,
    columns: usize,
) -> String {
    let role = match diagnostic.severity {
        Severity::Error => Role::Bad,
        Severity::Warning | Severity::Note => Role::Notice,
    };
    let said =
        |role: Role, word: &str, text: &str| table::hang(&format!("{}: ", palette.paint(role, word)), text, columns);
    let mut drawn = said(role, diagnostic.severity.word(), &diagnostic.headline());
    drawn.push_str(&diagnostic.excerpt(source, columns));
    if let Some(hint) = diagnostic.advice() {
        drawn.push_str(&said(Role::Good, "hint", &hint));
    }
    drawn
}
