//! A place in a text, as a message points at it.

use crate::source::Span;

/// A place, and what about it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// A few words drawn after the carets; often none.
    pub text: String,
}
