//! The parser of words, and how its tree is evaluated.

use super::super::limits::Limit;
use crate::limits::Limits;

/// The parser that pest makes from the grammar.
#[derive(pest_derive::Parser)]
#[grammar = "../grammar/words.pest"]
pub(super) struct WordParser;

/// What becomes of escape characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escapes {
    /// They are left as they were written.
    Kept,
    /// What they escape takes their place.
    Resolved,
}

/// What the evaluation leaves as it was written, which the Dockerfile parser needs to find heredocs, and its bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lexing {
    /// Keep quotes.
    pub(crate) raw_quotes: bool,
    pub(crate) escapes: Escapes,
    /// Keep `$name` when the variable is not set.
    pub(crate) keep_unset: bool,
    /// The most bytes that variables may add.
    pub(crate) most: usize,
}

impl Default for Lexing {
    fn default() -> Self {
        Lexing {
            raw_quotes: false,
            escapes: Escapes::Resolved,
            keep_unset: false,
            most: Limit::Expansion.of(&Limits::default()),
        }
    }
}
