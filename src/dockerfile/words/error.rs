//! Why a word cannot be expanded.

use std::ops::Range;

use super::super::glob::GlobError;

/// Why a word cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot expand `{}`: {kind}", shortened(.word))]
pub struct WordError {
    /// The whole word.
    pub(crate) word: String,
    /// The bytes of the word that are wrong.
    pub(crate) range: Range<usize>,
    /// What is wrong with them.
    pub kind: WordErrorKind,
}

/// What is wrong with a word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordErrorKind {
    #[error("the single quote is not closed")]
    SingleQuote,
    #[error("the double quote is not closed")]
    DoubleQuote,
    #[error("missing `}}`")]
    MissingBrace,
    #[error("missing the second `/`")]
    MissingSlash,
    #[error("bad substitution")]
    BadSubstitution,
    #[error("unsupported modifier `{0}`")]
    UnsupportedModifier(String),
    #[error("`${{…}}` is nested more than 32 deep")]
    TooDeep,
    #[error("its variables hold more than {0} bytes")]
    TooLong(usize),
    /// `${name:?message}` of a variable that has no value.
    #[error("{name}: {message}")]
    Required { name: String, message: String },
    #[error("invalid pattern `{pattern}`: {error}")]
    Pattern { pattern: String, error: GlobError },
}

/// The first characters of a word, for a message.
pub(super) fn shortened(word: &str) -> String {
    const LENGTH: usize = 80;
    if word.chars().count() <= LENGTH { word.to_owned() } else { word.chars().take(LENGTH).chain(['…']).collect() }
}
