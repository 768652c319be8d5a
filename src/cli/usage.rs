//! Arguments that can't be understood: the exit code, and what is said of them.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::diagnostic::Diagnostic;
use crate::shown;

/// The exit code for arguments that can't be understood, as Docker's: 125 for an option, 1 for a command or a number of arguments.
pub(super) fn status(error: &clap::Error) -> ExitCode {
    let is_option = |text: &str| text.starts_with('-');
    let status = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::MissingRequiredArgument | ErrorKind::InvalidSubcommand | ErrorKind::MissingSubcommand, _) => 1,
        (ErrorKind::UnknownArgument, Some(ContextValue::String(argument))) if !is_option(argument) => 1,
        (ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand, _) => 0,
        _ => 125,
    };
    ExitCode::from(status)
}

/// What to say where the folder of a build is missing: most often it is the one where the user is, and only the dot was forgotten.
pub(super) fn without_folder(error: &clap::Error) -> Option<Diagnostic> {
    let Some(ContextValue::Strings(missing)) = error.get(ContextKind::InvalidArg) else { return None };
    let is_folder = |name: &String| name.starts_with("<DIR");
    (error.kind() == ErrorKind::MissingRequiredArgument && missing.iter().any(is_folder)).then(|| {
        Diagnostic::error("the folder to build is missing")
            .hint("did you forget the `.` at the end? It is the folder where you are: `layerlab build -t NAME .`")
    })
}

/// The error with the arguments that it quotes made harmless: a script may have passed on what others wrote.
pub(super) fn harmless(mut error: clap::Error) -> clap::Error {
    // It advises to pass an unknown option as a value, which would be the name of an image or of a folder here.
    error.remove(ContextKind::Suggested);
    let quoted: Vec<(ContextKind, ContextValue)> = error
        .context()
        .filter_map(|(kind, value)| {
            let line = |text: &String| shown::line(text).into_owned();
            match value {
                ContextValue::String(text) => Some((kind, ContextValue::String(line(text)))),
                ContextValue::Strings(texts) => Some((kind, ContextValue::Strings(texts.iter().map(line).collect()))),
                _ => None,
            }
        })
        .collect();
    for (kind, value) in quoted {
        error.insert(kind, value);
    }
    error
}
