//! What is noticed while a step is resolved or executed: variables that were replaced, and what is suspicious.
//!
//! A step that fails is told of with what was noticed before it failed.

use std::cell::{Cell, RefCell};

use super::event::EventKind;
use crate::diagnostic::Diagnostic;

/// What is noticed of one step.
#[derive(Debug, Default)]
pub(super) struct Noted {
    warnings: RefCell<Vec<Diagnostic>>,
    has_variables: Cell<bool>,
    brought: RefCell<Vec<EventKind>>,
}

impl Noted {
    /// Something suspicious.
    pub(crate) fn warn(&self, warning: Diagnostic) {
        self.warnings.borrow_mut().push(warning);
    }

    /// An image was pulled, a file downloaded, or a repository fetched.
    pub(crate) fn brought(&self, event: EventKind) {
        self.brought.borrow_mut().push(event);
    }

    /// Something else that is to be told, once.
    pub(crate) fn told(&self, event: EventKind) {
        self.brought.borrow_mut().push(event);
    }

    /// All that was brought or is to be told, each once.
    pub(crate) fn take_brought(&self) -> Vec<EventKind> {
        self.brought.take()
    }

    /// A variable was replaced, or an ARG got its value from elsewhere.
    pub(crate) fn variable(&self) {
        self.has_variables.set(true);
    }

    /// The instruction as its expansion has it, where the text alone does not tell what is done.
    pub(crate) fn expanded(&self, text: &str) -> Option<String> {
        self.has_variables.get().then(|| text.to_owned())
    }

    /// All that was suspicious.
    pub(crate) fn into_warnings(self) -> Vec<Diagnostic> {
        self.warnings.into_inner()
    }
}
