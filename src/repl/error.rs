//! Why a command did not do what it was to do, with the advice of the prompt: which command to type instead.

use std::path::PathBuf;

use crate::debugger::{self, Failure};
use crate::diagnostic::{Diagnostic, Explained as _};
use crate::errno;
use crate::machine;
use crate::source::SourceFile;

/// Why a command did not do what it was to do. The session goes on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A mistake at the prompt.
    #[error("{}", .0.message)]
    Command(Box<Diagnostic>),
    /// The debugger could not do it; what to do about it where that depends on the command.
    #[error("{error}")]
    Refused { error: Box<debugger::Error>, hint: Option<&'static str> },
    /// What is wrong was told already.
    #[error("see above")]
    Said,
    #[error("can't {operation} `{}`: {}", path.display(), errno::describe(source))]
    Io { operation: &'static str, path: PathBuf, source: std::io::Error },
    /// Nobody says what to do next: the session ends.
    #[error("can't read the next command: {}", errno::describe(.0))]
    Input(std::io::Error),
    /// Nobody reads what is written: the session ends.
    #[error("can't write the output: {}", errno::describe(.0))]
    Output(#[from] std::io::Error),
}

impl From<Diagnostic> for Error {
    fn from(diagnostic: Diagnostic) -> Error {
        Error::Command(Box::new(diagnostic))
    }
}

impl From<debugger::Error> for Error {
    fn from(error: debugger::Error) -> Error {
        Error::Refused { error: Box::new(error), hint: None }
    }
}

impl Error {
    /// A mistake at the prompt, with advice.
    pub(super) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Error {
        Diagnostic::error(message).hint(hint).into()
    }

    /// The same for a command that takes a number: a number that is not a step may have been meant as a line.
    pub(super) fn for_a_number(self) -> Error {
        match self {
            Error::Refused { error, .. }
                if matches!(*error, debugger::Error::Machine(machine::Error::NoStep { .. })) =>
            {
                Error::Refused {
                    error,
                    hint: Some("a number is a step, `:LINE` a line of the Dockerfile; `list` shows both"),
                }
            }
            error => error,
        }
    }

    /// What is wrong with a Dockerfile, where it is that.
    pub(super) fn failure(&self) -> Option<&Failure> {
        let Error::Refused { error, .. } = self else { return None };
        let debugger::Error::Dockerfile(failure) = error.as_ref() else { return None };
        Some(failure)
    }

    /// What is said of it.
    pub(super) fn messages(&self) -> Messages {
        let one = |diagnostic| Messages { diagnostics: vec![diagnostic], source: None };
        match self {
            Error::Command(diagnostic) => one((**diagnostic).clone()),
            Error::Refused { error, hint } => match error.as_ref() {
                debugger::Error::Dockerfile(failure) => failure.into(),
                debugger::Error::Machine(error) => {
                    let mut diagnostics = error.diagnostics();
                    if let (Some(first), Some(hint)) = (diagnostics.first_mut(), hint) {
                        first.hint.get_or_insert_with(|| (*hint).to_owned());
                    }
                    Messages { diagnostics, source: None }
                }
                error => {
                    let hint = hint.map(str::to_owned).or_else(|| advice(error));
                    one(Diagnostic { hint, ..Diagnostic::error(error.to_string()) })
                }
            },
            Error::Said => Messages { diagnostics: Vec::new(), source: None },
            Error::Io { .. } | Error::Input(_) | Error::Output(_) => one(Diagnostic::error(self.to_string())),
        }
    }
}

/// Messages, and the text that they point into.
#[derive(Debug)]
pub(super) struct Messages {
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) source: Option<SourceFile>,
}

impl From<&Failure> for Messages {
    fn from(Failure { diagnostics, source }: &Failure) -> Messages {
        Messages { diagnostics: diagnostics.clone(), source: Some(source.clone()) }
    }
}

/// What can be typed at the prompt instead.
fn advice(error: &debugger::Error) -> Option<String> {
    use debugger::Error;
    Some(match error {
        Error::Dockerfile(_) | Error::Machine(_) | Error::Io { .. } => return None,
        Error::Document(error) => return error.hint(),
        Error::Lacking { advice, .. } => advice.clone(),
        Error::Empty => "begin it with an instruction such as `FROM alpine`".into(),
        Error::NoText => "type an instruction first".into(),
        Error::NoState => "`step` takes the first step: FROM loads an image".into(),
        Error::NotTaken { taken: 0, .. } => "no step has been taken; `step` takes the first".into(),
        Error::NotTaken { taken, .. } => {
            format!("the states so far are 1 to {taken}; `step` makes the next, also after `back`")
        }
        Error::NothingInside => "`shell 1` is the state after the first step".into(),
        Error::NothingLeft => {
            "`continue` writes the image, `launch` runs it, `back` and `goto` go back; or type the next instruction"
                .into()
        }
        Error::AtBeginning => "no step has been taken yet".into(),
        Error::NoStage { stages, .. } => format!("the stages are {}", stages.join(", ")),
        Error::NoStepBelow { .. } => "`list` shows the lines".into(),
        Error::NoBreakpoint(_) => "`break` lists them; `edit` removes a step, from the Dockerfile".into(),
        Error::NoBuild { known, .. } if known.is_empty() => "there are no past builds".into(),
        Error::NoBuild { known, .. } => {
            let known: Vec<String> = known.iter().map(u64::to_string).collect();
            format!("there are {}", known.join(", "))
        }
        Error::OutsideContext(_) => {
            "`edit` opens the Dockerfile, `edit FILE` a file of the context; `cat PATH` shows a file of the image"
                .into()
        }
        Error::NotExplained(word) => debugger::near(word),
        Error::NothingToExplain => "`explain INSTRUCTION` explains any instruction, such as `explain COPY`".into(),
        Error::TriggersFirst => "`step` takes the next of them; then type the instruction".into(),
        Error::InNeither { .. } => {
            "`ls` lists the files; a path without a leading `/` is looked for in the build context, then below WORKDIR"
                .into()
        }
        Error::Directory(path) => format!("`ls {path}` lists it"),
        Error::NotRegular(_) => "only regular files have content".into(),
        Error::SeveralNames { path, .. } => debugger::own_file(path),
        Error::BadName { .. } => "an image is named like `first_image` or `team/app:1.0`".into(),
        Error::NameWithDigest(_) => "a name can't contain one".into(),
    })
}
