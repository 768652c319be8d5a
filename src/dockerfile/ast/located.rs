//! A part of the tree, with its place.

use serde::Serialize;

use crate::source::Span;

/// A part of the tree and where it stands in the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Located<T> {
    /// The part itself.
    pub value: T,
    /// The bytes of the source from the keyword to the end, heredoc bodies included.
    pub(crate) span: Span,
    /// First and last line, counted from 1, heredoc bodies included.
    pub lines: (usize, usize),
    /// The source text as one line: continued lines are joined, comments between them and heredoc bodies left out.
    pub text: String,
    /// The comments directly above, without `#`. A blank comment cuts them off.
    pub comments: Vec<String>,
}
