//! What a stand-in lacks, and the image that it stands in for has: a package manager before all, which is the first thing that
//! people run, and other programs.
//!
//! Of package managers only the words are looked at that a shell would start: `RUN set -e; FOO=1 apt-get install curl`, but not `RUN echo apt-get`.

use crate::images::{STAND_IN_LABEL, stand_in_note};
use crate::machine::{DEFAULT_PATH, State};
use crate::tree::{Follow, Tree, TreePath};

/// The package managers of distributions.
const MANAGERS: &[&str] =
    &["apk", "apt", "apt-get", "dnf", "dpkg", "emerge", "microdnf", "pacman", "rpm", "tdnf", "yum", "zypper"];

/// The status of a shell that did not find a program.
pub(crate) const NOT_FOUND: i32 = 127;

/// Words after which a shell looks for another command.
const BEFORE_COMMANDS: &[&str] =
    &["!", "do", "else", "elif", "env", "eval", "exec", "if", "sudo", "then", "time", "until", "while", "xargs", "{"];

/// What to say about a command that failed with a status in a stand-in, for want of a program. `None`: that was not it.
pub(crate) fn advice(state: &State, tree: &Tree, command: &str, status: i32) -> Option<String> {
    let label = state.settings.labels.get(STAND_IN_LABEL)?;
    let path = state.variable("PATH").unwrap_or(DEFAULT_PATH);
    let is_there = |program: &str| {
        path.split(':').any(|folder| tree.resolve(&TreePath::new(folder).join(program), Follow::Last).is_ok())
    };
    let manager = started(command).find(|program| MANAGERS.contains(program) && !is_there(program));
    let what = match manager {
        Some(manager) => format!("there is no `{manager}` here"),
        None if status == NOT_FOUND => {
            format!("{NOT_FOUND} means that the shell did not find the program: check its spelling")
        }
        None => return None,
    };
    let joint = if manager.is_some() { ": " } else { "; or it is missing because " };
    Some(format!("{what}{joint}{}", stand_in_note(label)))
}

/// What to say where a program is missing in a state that is built on a stand-in.
pub(crate) fn note(state: &State) -> Option<String> {
    state.settings.labels.get(STAND_IN_LABEL).map(|label| stand_in_note(label))
}

/// The programs that a shell would start, by the last part of their path.
fn started(command: &str) -> impl Iterator<Item = &str> {
    let is_separator = |character| matches!(character, ';' | '&' | '|' | '(' | ')' | '`' | '\n');
    command.split(is_separator).filter_map(|part| {
        let mut words = part.split_whitespace().map(|word| word.trim_matches(['"', '\'', '$']));
        let program =
            words.find(|word| !BEFORE_COMMANDS.contains(word) && !word.contains('=') && !word.starts_with('-'))?;
        program.rsplit('/').next()
    })
}

#[cfg(test)]
mod tests {
    use super::started;

    #[test]
    fn only_what_is_started_counts() {
        let programs = |command: &'static str| started(command).collect::<Vec<_>>();
        assert_eq!(programs("apk add --no-cache git"), ["apk"]);
        assert_eq!(
            programs("set -eux; DEBIAN_FRONTEND=x /usr/bin/apt-get update && sudo -E yum x"),
            ["set", "apt-get", "yum"]
        );
        assert_eq!(
            programs("if ! apk add x; then exit 1; fi\necho apt | grep apt"),
            ["apk", "exit", "fi", "echo", "grep"]
        );
        assert_eq!(programs("x=$(dpkg -l)"), ["dpkg"]);
    }
}
