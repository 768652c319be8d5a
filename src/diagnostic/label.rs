//! A place in a text, as a message points at it.

use crate::source::Span;

/// A place, and what about it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    /// Where.
    pub(crate) span: Span,
    /// A few words drawn after the carets; often none.
    pub(crate) text: String,
}
