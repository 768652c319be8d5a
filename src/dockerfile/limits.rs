//! What a Dockerfile may ask for at most.
//!
//! A Dockerfile may be untrusted, and a few lines of it can ask for more than a machine has: variables that double each
//! other, a line without an end. So each dimension has a bound. [`Limit`] names them, says what they are by default, and is
//! the one place that words the message. Which bounds are in force ([`Limits`]) comes from above: nothing here reads the environment.
//!
//! The size of the file is bounded where it is read. Two bounds are fixed, because what they protect is the stack: `${…}` may
//! be nested 32 deep (`grammar/words.pest`), ONBUILD 16 deep ([`super::statement`]).

use std::fmt;

use super::rules;
use crate::diagnostic::Diagnostic;
use crate::limits::{self, Limits};

/// One of the bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Bytes of a line without its line ending: BuildKit's bound.
    Line,
    /// Instructions of the whole file, FROM left out.
    Instructions,
    /// FROM instructions.
    Stages,
    /// Bytes of one heredoc, and bytes that variables may add to it.
    Heredoc,
    /// Bytes that variables may add to one argument. The kernel takes no longer string in an environment.
    Expansion,
    /// Bytes of variables, labels and other settings that one stage may collect, each instruction counted after expansion.
    Configuration,
}

const LINE: limits::Limit = limits::Limit::bytes("line", "LAYERLAB_MAX_LINE", 65_535);
const INSTRUCTIONS: limits::Limit = limits::Limit::number("instructions", "LAYERLAB_MAX_INSTRUCTIONS", 100_000);
const STAGES: limits::Limit = limits::Limit::number("stages", "LAYERLAB_MAX_STAGES", 10_000);
const HEREDOC: limits::Limit = limits::Limit::bytes("heredoc", "LAYERLAB_MAX_HEREDOC", 8 << 20);
const EXPANSION: limits::Limit = limits::Limit::bytes("expanded argument", "LAYERLAB_MAX_EXPANSION", 128 << 10);
const CONFIGURATION: limits::Limit = limits::Limit::bytes("settings", "LAYERLAB_MAX_CONFIGURATION", 16 << 20);

impl Limit {
    /// The variable that changes it, and the usual bound.
    pub fn limit(self) -> &'static limits::Limit {
        match self {
            Limit::Line => &LINE,
            Limit::Instructions => &INSTRUCTIONS,
            Limit::Stages => &STAGES,
            Limit::Heredoc => &HEREDOC,
            Limit::Expansion => &EXPANSION,
            Limit::Configuration => &CONFIGURATION,
        }
    }

    /// Where it is.
    pub(crate) fn of(self, limits: &Limits) -> usize {
        usize::try_from(limits.most(self.limit())).unwrap_or(usize::MAX)
    }

    /// The message that `what` goes beyond this bound: "line 3 is longer than 65535 bytes".
    pub(crate) fn exceeded(self, limits: &Limits, what: impl fmt::Display) -> Diagnostic {
        let bound = self.of(limits);
        let message = match self {
            Limit::Line | Limit::Heredoc => format!("{what} is longer than {bound} bytes"),
            Limit::Instructions => format!("{what} has more than {bound} instructions"),
            Limit::Stages => format!("{what} has more than {bound} stages"),
            Limit::Expansion => format!("{what} hold more than {bound} bytes"),
            Limit::Configuration => format!("{what} need more than {bound} bytes"),
        };
        Diagnostic::new(&rules::LIMIT_EXCEEDED, message).hint(self.hint())
    }

    /// How to raise it.
    pub(crate) fn hint(self) -> String {
        let raise = format!("set {} to a larger number to allow it", self.limit().variable);
        match self {
            Limit::Line => format!("BuildKit has this limit too; {raise}"),
            Limit::Heredoc | Limit::Instructions | Limit::Stages | Limit::Expansion | Limit::Configuration => raise,
        }
    }
}
