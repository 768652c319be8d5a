//! Statements: instructions taken apart, but not yet understood.
//!
//! A [`Statement`] has a keyword, flags and arguments, whatever the keyword is. This is what BuildKit's parser
//! calls a node; `instruction/` turns it into an [`super::Instruction`] and finds out whether the
//! instruction exists and its arguments are right. The two are apart because a text can be taken apart, and
//! shown, that is not a valid Dockerfile.
//!
//! `file.rs` goes through a file, `line.rs` takes one instruction of it apart.

mod file;
mod line;
mod literal;

pub use file::parse;
pub(crate) use file::parse_within;

use super::ast::{Heredoc, Located, Separator, Unreadable};
use super::directive::Directives;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// A piece of text and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The text. It may differ from the source: a flag has lost its quotes, a JSON string its escapes.
    pub text: String,
    /// The place in the source.
    pub span: Span,
}

impl Token {
    /// The token from its byte `start` on. The place is exact unless quotes or continuations lie in the token; then
    /// it is that of the whole.
    pub(crate) fn part(&self, start: usize) -> Token {
        let text = self.text[start..].to_owned();
        let is_literal = self.span.end - self.span.start == self.text.len();
        let first = if is_literal { self.span.start + start } else { self.span.start };
        Token { text, span: Span::new(first, self.span.end) }
    }
}

/// One instruction, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The first word, as written.
    pub keyword: Token,
    /// The flags, each `--name` or `--name=value`, without quotes.
    pub flags: Vec<Token>,
    /// What comes after the flags.
    pub arguments: Arguments,
    /// The documents that the statement opens, with their bodies.
    pub heredocs: Vec<Heredoc>,
    /// The comments directly above.
    pub comments: Vec<String>,
    /// The statement on one line, heredoc bodies left out.
    pub text: String,
    /// The whole statement in the source, heredoc bodies included.
    pub span: Span,
    /// First and last line, counted from 1. The statement inside an ONBUILD has the lines of the whole.
    pub lines: (usize, usize),
}

/// The arguments of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arguments {
    /// Separate arguments, or the whole rest as one.
    Items(Vec<Token>),
    /// A JSON array of strings.
    Exec(Vec<Token>),
    /// Names and values of ENV and LABEL.
    Pairs(Vec<(Token, Token)>, Separator),
    /// The first word of HEALTHCHECK and the command after it.
    Check(Token, Box<Arguments>),
    /// The instruction after ONBUILD.
    Trigger(Box<Statement>),
}

impl Statement {
    /// Puts a part of the tree at the place of the statement.
    pub(super) fn locate<T>(&self, value: T) -> Located<T> {
        Located {
            value,
            span: self.span,
            lines: self.lines,
            text: self.text.trim().to_owned(),
            comments: self.comments.clone(),
        }
    }

    /// The statement as one that could not be read.
    pub(super) fn unreadable(&self) -> Located<Unreadable> {
        self.locate(Unreadable { keyword: self.keyword.text.to_uppercase() })
    }
}

impl Arguments {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Arguments::Items(items) | Arguments::Exec(items) => items.is_empty(),
            Arguments::Pairs(pairs, _) => pairs.is_empty(),
            Arguments::Check(..) | Arguments::Trigger(_) => false,
        }
    }
}

/// A file taken apart.
#[derive(Clone, Debug)]
pub struct Statements {
    /// What the comments at the top say.
    pub directives: Directives,
    /// What the instructions are, in order.
    pub(crate) pieces: Vec<Piece>,
    /// Why some could not be taken apart, and what is suspicious.
    pub diagnostics: Vec<Diagnostic>,
}

/// An instruction of a file.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    /// One that could be taken apart.
    Statement(Statement),
    /// One that could not be.
    Unreadable(Located<Unreadable>),
}

impl Statements {
    /// The statements that could be taken apart, in order.
    pub fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Statement(statement) => Some(statement),
            Piece::Unreadable(_) => None,
        })
    }
}
