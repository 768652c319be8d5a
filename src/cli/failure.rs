//! Why a command failed: what is said of it on standard error, and the exit code.

use crate::container::standard_streams;
use crate::diagnostic::{Diagnostic, Explained};
use crate::source::SourceFile;
use crate::view::watched::is_deserted;
use crate::{debugger, errno, repl};

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

    /// Why an archive did not come out whole on standard output. One that has had enough of it has closed the pipe, and is told nothing.
    pub(crate) fn of_output(failure: impl Into<Failure>) -> Failure {
        if is_deserted(&standard_streams()[1]) { Failure::status(0) } else { failure.into() }
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

/// Every error that explains itself is a failure as it is: a command passes it on with `?`.
impl<E: Explained> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::messages(error.diagnostics())
    }
}

impl From<debugger::Error> for Failure {
    fn from(error: debugger::Error) -> Failure {
        match error {
            debugger::Error::Dockerfile(failure) => Failure::messages(failure.diagnostics).within(&failure.source),
            debugger::Error::Machine(error) => error.into(),
            debugger::Error::Document(error) => error.into(),
            debugger::Error::SeveralNames { ref path, .. } => {
                Diagnostic::error(error.to_string()).hint(debugger::own_file(path)).into()
            }
            error => Diagnostic::error(error.to_string()).into(),
        }
    }
}

impl From<repl::Error> for Failure {
    fn from(error: repl::Error) -> Failure {
        match error {
            repl::Error::Command(diagnostic) => (*diagnostic).into(),
            repl::Error::Refused { error, .. } => (*error).into(),
            repl::Error::Said => Failure::status(1),
            repl::Error::Io { .. } | repl::Error::Input(_) => Diagnostic::error(error.to_string()).into(),
            repl::Error::Output(error) => error.into(),
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
