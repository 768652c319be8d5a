//! Why a command failed: what is said of it on standard error, and the exit code.

use crate::diagnostic::Diagnostic;
use crate::source::SourceFile;
use crate::{errno, images, machine, runtime, store, upkeep};

/// A failure, as it is shown.
#[derive(Debug, Default)]
pub(super) struct Failure {
    /// The exit code, where it is not the command's usual one.
    pub(crate) status: Option<u8>,
    /// What is said. Nothing, where everything was said already.
    pub diagnostics: Vec<Diagnostic>,
    /// The text that the diagnostics point into.
    pub source: Option<SourceFile>,
}

impl Failure {
    /// Everything was said already; only the exit code is left.
    pub(crate) fn status(status: u8) -> Failure {
        Failure { status: Some(status), ..Failure::default() }
    }

    /// Several messages.
    pub(crate) fn messages(diagnostics: Vec<Diagnostic>) -> Failure {
        Failure { diagnostics, ..Failure::default() }
    }

    /// The same failure, with the text that it points into.
    pub(crate) fn within(self, source: &SourceFile) -> Failure {
        Failure { source: Some(source.clone()), ..self }
    }
}

impl From<machine::Error> for Failure {
    fn from(error: machine::Error) -> Failure {
        Failure::messages(error.diagnostics(None))
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Failure {
        machine::Error::from(error).into()
    }
}

impl From<images::Error> for Failure {
    fn from(error: images::Error) -> Failure {
        machine::Error::from(error).into()
    }
}

impl From<runtime::Error> for Failure {
    fn from(error: runtime::Error) -> Failure {
        machine::Error::from(error).into()
    }
}

impl From<upkeep::Error> for Failure {
    fn from(error: upkeep::Error) -> Failure {
        match error {
            upkeep::Error::Store(error) => error.into(),
            upkeep::Error::Cache(error) => machine::Error::from(error).into(),
            upkeep::Error::Containers(error) => error.into(),
        }
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Failure {
        Failure::messages(vec![diagnostic])
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        // A closed pipe (`layerlab images | head -1`) is not a failure to speak of.
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Failure::status(0);
        }
        Diagnostic::error(format!("can't write the output: {}", errno::describe(&error))).into()
    }
}
