//! One argument of an instruction, before its variables are replaced.

use serde::Serialize;

use super::limits::Limit;
use super::rules;
use super::words::{WordError, WordErrorKind};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// One argument as it was written: not yet text, because quotes, escapes and variables are still in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Word {
    /// The argument. In the value of a flag one level of quotes and escapes is already removed.
    pub raw: String,
    /// Where it stands, if it stands in a source at all.
    pub(crate) span: Option<Span>,
}

impl Word {
    /// Makes a word that stands in no source.
    pub(crate) fn new(raw: impl Into<String>) -> Self {
        Word { raw: raw.into(), span: None }
    }

    /// The message about an expansion of this word that failed, pointing at the part that is wrong.
    pub fn diagnostic(&self, error: &WordError) -> Diagnostic {
        let place = self.span.map(|span| {
            // A word that lost quotes, or is continued, has another length than its source.
            let is_literal = span.end - span.start == self.raw.len() && error.word == self.raw;
            if is_literal { Span::new(span.start + error.range.start, span.start + error.range.end) } else { span }
        });
        match error.kind {
            WordErrorKind::TooLong(_) => {
                Diagnostic::new(&rules::LIMIT_EXCEEDED, error.to_string()).hint(Limit::Expansion.hint()).at(place)
            }
            _ => Diagnostic::new(&rules::INVALID_WORD, error.to_string()).at(place),
        }
    }
}
