//! From an error to a message: every error that a command can end with says here what can be done about it.
//!
//! An error words itself (`Display`), with the kernel's answer by its name ([`crate::errno`]). What helps is the business of whoever knows
//! what the failed operation was about: an error that wraps another passes the question on. [`Explained::diagnostics`] makes the messages.

use super::{Diagnostic, Rule};

/// An error that people are told.
pub trait Explained: std::error::Error {
    /// What can be done about it.
    fn hint(&self) -> Option<String>;

    /// The kind of mistake, where it is one in a text.
    fn rule(&self) -> Option<&'static Rule> {
        None
    }

    /// The error as one message.
    fn diagnostic(&self) -> Diagnostic {
        let diagnostic = Diagnostic { hint: self.hint(), ..Diagnostic::error(self.to_string()) };
        match self.rule() {
            Some(rule) => diagnostic.rule(rule),
            None => diagnostic,
        }
    }

    /// All that is said of it: one message, unless the error is a list of them.
    fn diagnostics(&self) -> Vec<Diagnostic> {
        vec![self.diagnostic()]
    }
}
