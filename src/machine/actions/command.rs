//! The argument vector of CMD, ENTRYPOINT, HEALTHCHECK and RUN: the exec form as it is, the shell form behind the SHELL.

use crate::dockerfile::Command;
use crate::machine::State;

/// The words that are executed.
pub(crate) fn words(command: &Command, state: &State) -> Vec<String> {
    match command {
        Command::Exec(words) => words.clone(),
        Command::Shell(line) => state.shell().into_iter().chain([line.clone()]).collect(),
        Command::Heredocs { line, documents } => {
            let mut text = line.clone();
            for document in documents {
                text.push('\n');
                text.push_str(&document.content);
                text.push_str(&document.name);
            }
            state.shell().into_iter().chain([text]).collect()
        }
    }
}
