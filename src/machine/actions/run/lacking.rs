//! What a stand-in lacks, and the image that it stands in for has: a package manager before all, which is the first thing that
//! people run, and other programs.
//!
//! Of package managers only the words are looked at that a shell would start: `RUN set -e; FOO=1 apt-get install curl`, but not `RUN echo apt-get`.

use crate::images::{STAND_IN_LABEL, stand_in_note};
use crate::machine::{DEFAULT_PATH, State};
use crate::oci::{ContainerConfig, Reference};
use crate::tree::{Follow, Kind, Tree, TreePath};

/// The package managers of distributions.
const MANAGERS: &[&str] =
    &["apk", "apt", "apt-get", "dnf", "dpkg", "emerge", "microdnf", "pacman", "rpm", "tdnf", "yum", "zypper"];

/// Images that stand-ins stand for, with the package managers that they really have.
const REAL: &[(&str, &[&str])] = &[
    ("alpine", &["apk"]),
    ("busybox", &[]),
    ("debian", &["apt", "apt-get", "dpkg"]),
    ("nginx", &["apt", "apt-get", "dpkg"]),
    ("ubuntu", &["apt", "apt-get", "dpkg"]),
];

/// Images whose only shell is `sh`.
const WITHOUT_BASH: &[&str] = &["alpine", "busybox"];

/// The status of a shell that did not find a program.
pub(crate) const NOT_FOUND: i32 = 127;

/// The status of a shell that found a program, but may not execute it.
pub(crate) const NOT_EXECUTABLE: i32 = 126;

/// Where the programs of a distribution are.
const DISTRIBUTION: &[&str] = &["/bin/", "/sbin/", "/usr/", "/opt/", "/lib"];

/// Words after which a shell looks for another command.
const BEFORE_COMMANDS: &[&str] =
    &["!", "do", "else", "elif", "env", "eval", "exec", "if", "sudo", "then", "time", "until", "while", "xargs", "{"];

/// What to say about a command that failed with a status, for want of a program that a stand-in lacks, or that is not looked for.
/// `None`: that was not it.
pub(crate) fn advice(state: &State, tree: &Tree, command: &str, status: i32) -> Option<String> {
    let path = state.variable("PATH").unwrap_or(DEFAULT_PATH);
    let is_in = |folder: &str, program: &str| tree.resolve(&TreePath::new(folder).join(program), Follow::Last).is_ok();
    let is_there = |program: &str| path.split(':').any(|folder| is_in(folder, program));
    if let Some(file) = entered(command).find(|word| is_file(tree, state.working_dir(), word)) {
        return Some(format!(
            "`{file}` is a file, not a folder: a COPY or ADD of one file makes a folder of that name only with a `/` at its end, `{file}/`"
        ));
    }
    let is_beside = |word: &&str| !word.contains('/') && !is_there(word) && is_in(state.working_dir(), word);
    if status == NOT_FOUND
        && let Some(file) = started(command).find(is_beside)
    {
        return Some(beside(file, state.working_dir()));
    }
    let label = state.settings.labels.get(STAND_IN_LABEL)?;
    let missing: Vec<&str> = started(command).map(word_of_path).filter(|program| !is_there(program)).collect();
    match missing.iter().find(|program| MANAGERS.contains(program)) {
        Some(manager) => Some(match not_in_the_real_one(label, manager) {
            Some(text) => text,
            None => format!("there is no `{manager}` here: {}", stand_in_note(label)),
        }),
        // What was to be copied is in no other image either.
        None if status == NOT_FOUND && own_file(command).is_none() => {
            let text = missing.iter().find_map(|program| not_in_the_real_one(label, program));
            Some(text.unwrap_or_else(|| {
                let note = stand_in_note(label);
                format!(
                    "{NOT_FOUND} means that the shell did not find the program: check its spelling; or it is missing because {note}"
                )
            }))
        }
        None => None,
    }
}

/// The folders that a command goes to, as they are written.
fn entered(command: &str) -> impl Iterator<Item = &str> {
    let words = command.split([';', '&', '|', '(', ')', '\n']).map(|part| {
        let mut words = part.split_whitespace();
        (words.next(), words.next())
    });
    words.filter_map(
        |words| if let (Some("cd"), Some(folder)) = words { Some(folder.trim_matches(['"', '\''])) } else { None },
    )
}

fn is_file(tree: &Tree, folder: &str, path: &str) -> bool {
    // One that begins with a `/` takes its place.
    let path = if path.starts_with('/') { TreePath::new(path) } else { TreePath::new(folder).join(path) };
    let found = tree.resolve(&path, Follow::Last).ok();
    found.and_then(|path| tree.get(&path).map(|node| matches!(node.kind, Kind::File(_)))).unwrap_or(false)
}

/// What to say of a program that the image which a stand-in stands for does not have either.
fn not_in_the_real_one(label: &str, program: &str) -> Option<String> {
    let (stand_in, image) = label.split_once(" for ")?;
    let image = Reference::parse_normalized(image).ok()?.familiar_name();
    let (_, managers) = REAL.iter().find(|(name, _)| *name == image)?;
    if program == "bash" && WITHOUT_BASH.contains(&image.as_str()) {
        return Some(format!("{image} has no `bash`: its shell is `sh`"));
    }
    if !MANAGERS.contains(&program) || managers.contains(&program) {
        return None;
    }
    Some(match managers {
        [] => format!("{image} has no package manager"),
        [.., manager] => {
            let manager = if managers.contains(&"apt-get") { "apt-get" } else { manager };
            format!(
                "{image} has no `{program}`: its package manager is `{manager}`, which the stand-in {stand_in} lacks"
            )
        }
    })
}

/// What the exit code of a shell stands for that ran a command.
pub(crate) fn meaning(command: &str, status: i32) -> Option<String> {
    let meaning = match (status, own_file(command)) {
        (NOT_FOUND, Some(file)) => {
            return Some(format!(
                "{NOT_FOUND} means that the shell did not find `{file}`: check the name, the folder that the command runs in, and what was \
                 copied; a script also needs the program that its first line (`#!`) names"
            ));
        }
        (NOT_FOUND, None) => {
            "127 means that the shell did not find the program: check its spelling, and whether the image has it"
        }
        (NOT_EXECUTABLE, _) => {
            "126 means that the file is there, but is not executable: `RUN chmod +x FILE` makes it so, or COPY with `--chmod=755`"
        }
        (137, _) => "137 is 128 + 9: the process was killed, often because memory ran out",
        (153, _) => "153 is 128 + 25: a file became larger than `ulimit -f` allows",
        _ => return None,
    };
    Some(meaning.to_owned())
}

/// The first program of a command that is named by a path, and not one where the programs of a distribution are.
fn own_file(command: &str) -> Option<&str> {
    let is_of_a_distribution = |word: &str| DISTRIBUTION.iter().any(|folder| word.starts_with(folder));
    started(command).find(|word| word.contains('/') && !is_of_a_distribution(word))
}

/// The last part of a path.
fn word_of_path(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// Where the command of a container comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Words {
    /// The image has it.
    Image,
    /// Somebody typed it, in the place of the image's CMD.
    Typed,
}

/// What to say where a program could not be started, as it is not there. `None`: nothing more than that.
pub(crate) fn not_started(config: &ContainerConfig, tree: &Tree, program: &str, words: Words) -> Option<String> {
    let folder = if config.working_dir.is_empty() { "/" } else { &config.working_dir };
    if !program.contains('/') && tree.resolve(&TreePath::new(folder).join(program), Follow::Last).is_ok() {
        return Some(beside(program, folder));
    }
    let label = config.labels.get(STAND_IN_LABEL);
    if let Some(text) = label.and_then(|label| not_in_the_real_one(label, program)) {
        return Some(text);
    }
    let replaced = config.cmd.as_deref().filter(|command| words == Words::Typed && !command.is_empty());
    let replaced = replaced.map(|command| {
        format!("`{program}` takes the place of the image's CMD, `{}`, and must be a program itself", command.join(" "))
    });
    match (replaced, label.map(|label| stand_in_note(label))) {
        (Some(replaced), Some(note)) => Some(format!("{replaced}; if the image should have it: {note}")),
        (replaced, note) => replaced.or(note),
    }
}

/// What to say where a shell in an image ended as one that did not find a program.
pub(crate) fn of_a_shell(config: &ContainerConfig) -> Option<String> {
    config.labels.get(STAND_IN_LABEL).map(|label| stand_in_note(label))
}

/// What to say of a program that lies in the folder that a command runs in, and is not looked for there.
fn beside(program: &str, folder: &str) -> String {
    format!(
        "`{program}` is in `{folder}`, but a program without a `/` in its name is looked for only in the folders of PATH: `./{program}`"
    )
}

/// The programs that a shell would start, as they are written.
fn started(command: &str) -> impl Iterator<Item = &str> {
    let is_separator = |character| matches!(character, ';' | '&' | '|' | '(' | ')' | '`' | '\n');
    command.split(is_separator).filter_map(|part| {
        let mut words = part.split_whitespace().map(|word| word.trim_matches(['"', '\'', '$']));
        words.find(|word| !BEFORE_COMMANDS.contains(word) && !word.contains('=') && !word.starts_with('-'))
    })
}

#[cfg(test)]
mod tests {
    use super::{meaning, started};

    #[test]
    fn only_what_is_started_counts() {
        let programs = |command: &'static str| started(command).collect::<Vec<_>>();
        assert_eq!(programs("apk add --no-cache git"), ["apk"]);
        assert_eq!(
            programs("set -eux; DEBIAN_FRONTEND=x /usr/bin/apt-get update && sudo -E yum x"),
            ["set", "/usr/bin/apt-get", "yum"]
        );
        assert_eq!(
            programs("if ! apk add x; then exit 1; fi\necho apt | grep apt"),
            ["apk", "exit", "fi", "echo", "grep"]
        );
        assert_eq!(programs("x=$(dpkg -l)"), ["dpkg"]);
    }

    #[test]
    fn a_file_of_ones_own_is_not_looked_for_in_a_distribution() {
        let says = |command, status| meaning(command, status).unwrap_or_default();
        assert!(says("cd /app && ./hello.sh", 127).contains("did not find `./hello.sh`"));
        assert!(says("/usr/bin/python3 x", 127).contains("the program"));
        assert!(says("python3 ./x.py", 127).contains("the program"));
        assert!(says("./hello.sh", 126).contains("chmod +x"));
        assert_eq!(meaning("false", 1), None);
    }
}
