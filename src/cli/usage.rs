//! Arguments that can't be understood: the exit code, and what is said of them.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::diagnostic::{Diagnostic, all_closest};
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

/// The error with the commands that a misspelt one is nearest to. Between short words clap counts what they begin with: it takes `rn` for
/// `rename`.
pub(super) fn with_nearest(mut error: clap::Error, command: &clap::Command, arguments: &[OsString]) -> clap::Error {
    let Some(ContextValue::String(written)) = error.get(ContextKind::InvalidSubcommand) else { return error };
    let words = arguments.iter().skip(1).filter_map(|word| word.to_str()).take_while(|word| word != written);
    let parent = words.fold(command, |parent, word| parent.find_subcommand(word).unwrap_or(parent));
    let commands = parent.get_subcommands().filter(|command| !command.is_hide_set()).map(clap::Command::get_name);
    let nearest: Vec<String> = all_closest(written, commands).into_iter().map(str::to_owned).collect();
    if !nearest.is_empty() {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(nearest));
    }
    error
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
