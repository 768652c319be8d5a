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
    let parent = parent_of(written, command, arguments);
    let commands = parent.get_subcommands().filter(|command| !command.is_hide_set()).map(clap::Command::get_name);
    let nearest: Vec<String> = all_closest(written, commands).into_iter().map(str::to_owned).collect();
    if !nearest.is_empty() {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(nearest));
    }
    error
}

/// The command of which a misspelt one would be: that of the words before it which are no options, and no values of options.
fn parent_of<'c>(written: &str, command: &'c clap::Command, arguments: &[OsString]) -> &'c clap::Command {
    let mut parent = command;
    let mut words = arguments.iter().skip(1).map(|word| word.to_str().unwrap_or_default());
    while let Some(word) = words.next() {
        if takes_next(word, parent) || takes_next(word, command) {
            words.next();
        } else if word == written {
            break;
        } else if let Some(inner) = parent.find_subcommand(word) {
            parent = inner;
        }
    }
    parent
}

/// Whether a word is an option of a command whose value is the next word: `--home DIR`, `-f FILE`, `-tf FILE`.
fn takes_next(word: &str, command: &clap::Command) -> bool {
    let takes_value = |option: &&clap::Arg| option.get_action().takes_values();
    let find = |is_meant: &dyn Fn(&clap::Arg) -> bool| command.get_opts().find(|option| is_meant(option));
    match (word.strip_prefix("--"), word.strip_prefix('-')) {
        (Some(name), _) => {
            let is_meant = |option: &clap::Arg| {
                option.get_long() == Some(name) || option.get_all_aliases().is_some_and(|all| all.contains(&name))
            };
            find(&is_meant).as_ref().is_some_and(takes_value)
        }
        (None, Some(letters)) => {
            let with_value = letters.chars().position(|letter| {
                let is_meant = |option: &clap::Arg| {
                    option.get_short() == Some(letter)
                        || option.get_all_short_aliases().is_some_and(|all| all.contains(&letter))
                };
                find(&is_meant).as_ref().is_some_and(takes_value)
            });
            // What stands behind the letter in the same word is the value.
            with_value.is_some_and(|place| place + 1 == letters.chars().count())
        }
        (None, None) => false,
    }
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

#[cfg(test)]
mod tests {
    use clap::{Arg, ArgAction, Command};

    use super::*;

    #[test]
    fn the_value_of_an_option_is_no_command() {
        let home = Arg::new("home").long("home").alias("place").short('H').global(true);
        let loud = Arg::new("loud").short('l').action(ArgAction::SetTrue);
        let inner = Command::new("image").subcommand(Command::new("ls"));
        let command = Command::new("x").arg(home).arg(loud).subcommand(Command::new("run")).subcommand(inner);
        let parent = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            parent_of("rn", &command, &words).get_name().to_owned()
        };
        for line in
            ["x --home run rn", "x --home rn rn", "x --place run rn", "x -lH run rn", "x --home=a rn", "x -Ha rn"]
        {
            assert_eq!(parent(line), "x", "{line}");
        }
        for line in
            ["x image rn", "x --home run image rn", "x image --home run rn", "x -Hrun image rn", "x -l image rn"]
        {
            assert_eq!(parent(line), "image", "{line}");
        }
    }
}
