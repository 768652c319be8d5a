//! What a Dockerfile may ask for at most.
//!
//! A Dockerfile may come from anybody, and a few lines of it can ask for more than a machine has: variables that double each
//! other, a line without an end. So each dimension has a bound. [`Limit`] names them, says what they are by default, and is
//! the one place that words the message. [`Limits`] are the bounds in force: a variable of the environment raises one. Its
//! value comes from the command line's code, because nothing here reads the environment.
//!
//! The size of the file is bounded where it is read. Two bounds are fixed, because what they protect is the stack: `${…}` may
//! be nested 32 deep (`grammar/words.pest`), ONBUILD 16 deep ([`super::statement`]).

use std::fmt;

use super::rules;
use crate::diagnostic::Diagnostic;
use crate::size;

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

impl Limit {
    /// All of them.
    pub const ALL: [Limit; 6] =
        [Limit::Line, Limit::Instructions, Limit::Stages, Limit::Heredoc, Limit::Expansion, Limit::Configuration];

    /// The variable of the environment that changes it.
    pub fn variable(self) -> &'static str {
        match self {
            Limit::Line => "LAYERLAB_MAX_LINE",
            Limit::Instructions => "LAYERLAB_MAX_INSTRUCTIONS",
            Limit::Stages => "LAYERLAB_MAX_STAGES",
            Limit::Heredoc => "LAYERLAB_MAX_HEREDOC",
            Limit::Expansion => "LAYERLAB_MAX_EXPANSION",
            Limit::Configuration => "LAYERLAB_MAX_CONFIGURATION",
        }
    }

    /// The bound where nobody changed it.
    pub const fn default(self) -> usize {
        match self {
            Limit::Line => 65_535,
            Limit::Instructions => 100_000,
            Limit::Stages => 10_000,
            Limit::Heredoc => 8 << 20,
            Limit::Expansion => 128 << 10,
            Limit::Configuration => 16 << 20,
        }
    }

    /// The message that `what` goes beyond this bound: "line 3 is longer than 65535 bytes".
    pub(crate) fn exceeded(self, limits: &Limits, what: impl fmt::Display) -> Diagnostic {
        let bound = limits.of(self);
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
        let raise = format!("set {} to a larger number to allow it", self.variable());
        match self {
            Limit::Line => format!("BuildKit has this limit too; {raise}"),
            Limit::Heredoc | Limit::Instructions | Limit::Stages | Limit::Expansion | Limit::Configuration => raise,
        }
    }
}

/// The bounds in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits([usize; Limit::ALL.len()]);

impl Default for Limits {
    fn default() -> Limits {
        Limits(Limit::ALL.map(Limit::default))
    }
}

impl Limits {
    /// The bound.
    pub(crate) fn of(&self, limit: Limit) -> usize {
        self.0[limit as usize]
    }

    /// The usual bounds, except for those that `variable` has a value for.
    ///
    /// # Errors
    /// For a value that is not a number.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Limits, Diagnostic> {
        let mut limits = Limits::default();
        for limit in Limit::ALL {
            let name = limit.variable();
            if let Some(value) = variable(name).filter(|value| !value.is_empty()) {
                let size = size::parse(&value).and_then(|size| usize::try_from(size).ok());
                limits.0[limit as usize] = size.ok_or_else(|| {
                    Diagnostic::error(format!("{name} is `{value}`, not a number"))
                        .hint("write a number such as 100000, 512K, 8M or 1G")
                })?;
            }
        }
        Ok(limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_changes_a_limit() {
        let limits = Limits::from_environment(|name| (name == "LAYERLAB_MAX_LINE").then(|| "2M".to_owned()));
        let limits = limits.expect("valid");
        assert_eq!(limits.of(Limit::Line), 2 << 20);
        assert_eq!(limits.of(Limit::Stages), 10_000);
    }

    #[test]
    fn what_is_no_number_is_an_error() {
        for value in ["x", "-1", "1.5", "M", "99999999999G"] {
            let limits = Limits::from_environment(|_| Some(value.to_owned()));
            assert!(limits.is_err(), "{value}");
        }
    }

    #[test]
    fn every_limit_stands_at_its_place() {
        for (place, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(place, limit as usize);
        }
    }
}
