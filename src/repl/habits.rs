//! What people type who know another debugger, Docker, git or a shell: what it does here, or how it is called here.
//!
//! A habit that is harmless stands for a command of ours; one that could mean two things, or would change something that its user does
//! not expect, is answered by one line. Our own commands and the instructions come first: a word of theirs is never a habit.
//!
//! Read next: `command`, which asks this table for a line that is neither.

use super::table;
use crate::diagnostic::{Diagnostic, closest};
use crate::dockerfile::KEYWORDS;

/// What a habit comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// The beginning of a line of ours; what follows the habit follows it, too.
    Is(&'static str),
    /// The same, but what follows it is dropped: it names something that does not exist here.
    Just(&'static str),
    /// One line that says how it is called here.
    Says(&'static str),
    /// A program that only looks: it runs in the state.
    Looks,
    /// A program that people run to change something, which `run` would throw away.
    Changes,
}
use Meaning::{Changes, Is, Just, Looks, Says};

/// What a line that begins with a habit is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    /// Another line, in our words.
    Line(String),
    /// What to say.
    Answer { typed: String, text: String },
}

/// Habits that have the same meaning. A habit is one to three words.
type Entry = (&'static [&'static str], Meaning);

const DEBUGGERS: &[Entry] = &[
    (
        &["r"],
        Says("`continue` runs to the next breakpoint, `reload` reads the files again, `restart` goes to the beginning"),
    ),
    (&["si", "stepi", "ni", "nexti", "step-in", "step-over", "stepin", "stepover"], Is("step")),
    (&["thread step-in", "thread step-over", "thread step-inst"], Just("step")),
    (&["fin", "out", "step-out", "return", "thread step-out"], Just("finish")),
    (&["undo", "reverse-step", "reverse-next", "reverse-stepi", "rs", "rn", "rsi", "prev", "previous"], Is("back")),
    (&["reverse-continue", "rc", "rewind"], Says("`back N` goes back N steps, `restart` to the beginning")),
    (&["start", "rerun"], Just("restart")),
    (&["process continue", "cont", "resume"], Just("continue")),
    (&["process launch"], Says("`continue` runs to the next breakpoint, `launch` runs the image")),
    (
        &["until", "unt", "advance", "jump", "j", "thread until"],
        Says("`goto N` goes to step N, `goto :LINE` to a line"),
    ),
    (&["kill", "stop"], Says("Ctrl-C stops a step that is running; `restart` goes back to the beginning")),
    (&["breakpoint set", "tbreak", "tb", "catch", "rbreak", "hbreak"], Says("`break` sets a breakpoint: `help break`")),
    (&["breakpoint list", "breakpoints", "info breakpoints", "info break", "info b", "i b"], Just("break")),
    (&["breakpoint delete", "br del"], Is("delete")),
    (&["breakpoint disable"], Is("disable")),
    (&["breakpoint enable"], Is("enable")),
    (&["condition", "ignore"], Says("a condition is given with the breakpoint: `break N if miss`")),
    (&["watch", "rwatch", "awatch", "watchpoint"], Says("`break miss` stops at a change, `break /TEXT/` at a text")),
    (&["bt", "backtrace", "thread backtrace", "info stack"], Just("history")),
    (&["where", "frame", "f", "info line", "info source", "info frame", "status"], Just("list")),
    (&["ll", "longlist", "source list", "disassemble", "disas", "layout", "tui"], Just("list all")),
    (&["up", "down"], Says("there are no frames: `back N` and `goto N` move between states, `diff A B` compares two")),
    (
        &["info", "i", "show"],
        Says("`break` lists breakpoints, `list` steps, `env` variables; `config`, `layers`, `history` show the state"),
    ),
    (&["info locals", "info args", "info variables", "frame variable", "args", "printenv", "vars"], Just("env")),
    (&["info registers", "info threads", "register read", "thread list", "threads"], Just("config")),
    (&["info files", "info sharedlibrary", "image list"], Just("layers")),
    (
        &["print", "pp", "po", "expr", "expression", "call", "inspect", "output", "ptype", "whatis"],
        Says("`env` lists the variables, `config` the configuration; `run echo \"$NAME\"` prints one variable"),
    ),
    (&["display", "undisplay"], Says("every step shows what it changed; `diff` shows the last one again")),
    (&["set", "setvar", "export", "unset"], Says("`ENV NAME=value` is an instruction: it is a step of its own")),
    (&["detach", "core", "signal", "handle", "target", "file", "symbol-file"], Says(STEPS)),
    (
        &["interact", "python", "script", "lua"],
        Says("`shell` opens a shell in the state, `run COMMAND` runs a command"),
    ),
    (&["apropos", "commands", "man", "info help", "--help", "-h"], Is("help")),
    (&["q!", ":q", ":q!", ":quit", "bye", "logout", "quit()", "exit()", "EOF"], Just("quit")),
];

const STEPS: &str = "what is debugged are the Dockerfile's steps; `help` lists the commands";

const DOCKER: &[Entry] = &[
    (&["ps", "container ls", "container list", "top", "stats", "port", "events", "container"], Says(CONTAINERS)),
    (&["exec", "container exec"], Says("`run COMMAND` runs a command in the state, `shell` opens a shell in it")),
    (&["logs", "attach"], Says("what a container prints is shown here while it runs, and `save` keeps it")),
    (&["start", "stop", "kill", "rm", "restart", "wait", "pause", "unpause", "create", "rename"], Says(CONTAINERS)),
    (
        &["pull", "image pull"],
        Says("there is no download yet: `layerlab load` takes an image that `docker save` wrote"),
    ),
    (
        &["push", "image push", "login", "logout", "search"],
        Says("there is no registry yet: `layerlab save` writes one file"),
    ),
    (&["images", "image ls", "image list"], Says("`layerlab images` in a shell lists the images")),
    (&["image", "rmi", "image rm", "load", "import", "save", "export"], Says(IN_A_SHELL)),
    (
        &["prune", "system prune", "image prune", "builder prune", "system df", "system"],
        Says("`layerlab store` in a shell maintains the store"),
    ),
    (
        &["build", "buildx", "buildx build", "builder", "compose build"],
        Says("`continue` takes all steps and writes the image, `tag NAME` names it"),
    ),
    (&["commit"], Says("every step is kept as a layer; `tag NAME` makes an image of this state")),
    (&["run"], Says("`run COMMAND` runs a command in this state, `launch` runs the image")),
    (&["inspect", "image inspect"], Just("config")),
    (&["history", "image history"], Just("history")),
    (&["diff"], Just("diff")),
    (&["cp"], Says("`COPY FILE /PATH` copies into the image; `cat /PATH | cat > FILE` copies out of it")),
    (&["tag"], Says("`tag NAME` names this state; it needs no source")),
    (&["version", "info", "--version", "-v"], Says("`layerlab --version` in a shell says the version")),
    (
        &["network", "volume", "compose", "swarm", "service", "stack", "secret", "context"],
        Says("there are none here yet: `launch` runs one container of the image"),
    ),
];

const CONTAINERS: &str =
    "containers run in the foreground and are gone when they end: `run`, `shell` and `launch` start one";
const IN_A_SHELL: &str = "images are managed from a shell: `layerlab --help` lists the commands";

const GIT: &[Entry] = &[
    (&["status", "branch"], Just("list")),
    (&["diff", "show"], Just("diff")),
    (&["log", "reflog"], Just("history")),
    (&["blame", "bisect"], Says("`why N` says what a step depends on, and what changed")),
    (
        &["commit", "add", "stash"],
        Says("every step is kept; `tag NAME` names this state, `write` saves the Dockerfile"),
    ),
    (
        &["checkout", "switch", "revert", "reset", "restore", "rebase"],
        Says("`back N` and `goto N` move between states; nothing is lost"),
    ),
    (
        &["pull", "push", "fetch", "clone", "merge", "init"],
        Says("git works in a shell; `reload` reads its changes here"),
    ),
    (&["tag"], Is("tag")),
];

const EDITORS_AND_SHELLS: &[Entry] = &[
    (&["vim", "vi", "nvim", "nano", "emacs", "code", "ed", "micro", ":e"], Is("edit")),
    (&[":w", ":w!"], Is("write")),
    (&[":wq", ":x", "ZZ"], Says("`write` saves the Dockerfile, then `quit` leaves")),
    (&["less", "more", "bat", "type", "view"], Is("cat")),
    (&["dir", "l", "la", "exa", "lsd"], Is("ls")),
    (&["pwd"], Says("`ls` lists the working directory; `config` names it as WorkingDir")),
    (
        &["cd", "pushd", "popd", "chdir"],
        Says("the prompt stays where WORKDIR is: name the whole path, such as `ls /etc`"),
    ),
    (&["bash", "zsh", "ash", "fish", "dash", "/bin/sh", "/bin/bash"], Is("shell")),
    (&["clear", "cls", "reset"], Says("Ctrl-L clears the screen; `delete N` removes a breakpoint")),
    (&["sudo", "su", "doas"], Says("`USER` says who runs a RUN; the base image's user is root")),
    (
        &["alias", "source", ".", "eval", "if", "for", "while", "test", "[", "cd.."],
        Says("`run COMMAND` takes a line for the state's own shell"),
    ),
    (
        &["jobs", "fg", "bg", "nohup"],
        Says("nothing runs in the background: a command ends before the prompt comes back"),
    ),
    (&["!!"], Says("Enter repeats the last move, arrow up shows earlier lines")),
    (&["git"], Says("git works in a shell; `reload` reads its changes here")),
    (
        &["docker", "podman", "nerdctl", "buildah", "kubectl", "layerlab"],
        Says("this is a prompt inside a build; `help` lists its commands"),
    ),
    (
        &[
            "echo",
            "grep",
            "egrep",
            "find",
            "head",
            "tail",
            "wc",
            "stat",
            "du",
            "which",
            "id",
            "whoami",
            "uname",
            "date",
            "sha256sum",
            "md5sum",
            "hostname",
            "readlink",
            "realpath",
            "strings",
            "od",
            "xxd",
            "sort",
            "df",
            "free",
            "groups",
        ],
        Looks,
    ),
    (
        &[
            "apt", "apt-get", "apk", "yum", "dnf", "pacman", "pip", "pip3", "npm", "npx", "yarn", "node", "python3",
            "ruby", "go", "cargo", "make", "cmake", "gcc", "java", "mvn", "gradle", "mkdir", "rmdir", "touch", "rm",
            "mv", "cp", "ln", "chmod", "chown", "sed", "awk", "tar", "unzip", "curl", "wget", "useradd", "adduser",
            "addgroup", "mount", "dd", "tee", "ssh", "ping",
        ],
        Changes,
    ),
];

/// The programs whose own words follow them.
const PREFIXES: &[(&[&str], &[Entry])] = &[(&["docker", "podman", "nerdctl", "layerlab"], DOCKER), (&["git"], GIT)];

/// The tables of habits that stand alone, the nearest first: this is a debugger.
const ALONE: &[&[Entry]] = &[DEBUGGERS, EDITORS_AND_SHELLS, DOCKER, GIT];

/// What a line means that begins with a habit.
pub(super) fn find(line: &str) -> Option<Habit> {
    let line = line.trim();
    let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    for (programs, table) in PREFIXES {
        if programs.contains(&first)
            && let Some((meaning, count)) = longest(rest, table)
        {
            return Some(habit(line, count + 1, meaning));
        }
    }
    ALONE.iter().find_map(|table| longest(line, table)).map(|(meaning, count)| habit(line, count, meaning))
}

/// The longest habit that a line begins with, and how many words it has.
fn longest(line: &str, table: &[Entry]) -> Option<(Meaning, usize)> {
    let words: Vec<&str> = line.split_whitespace().take(3).collect();
    (1..=words.len()).rev().find_map(|count| {
        let begins = |habit: &&str| habit.split(' ').eq(words[..count].iter().copied());
        let entry = table.iter().find(|(typed, _)| typed.iter().any(&begins))?;
        Some((entry.1, count))
    })
}

/// What a line is whose first words are a habit.
fn habit(line: &str, count: usize, meaning: Meaning) -> Habit {
    let rest = after(line, count);
    let typed = line[..line.len() - rest.len()].trim().to_owned();
    let ours = |beginning: &str, rest: &str| Habit::Line(format!("{beginning} {rest}").trim_end().to_owned());
    match meaning {
        Is(beginning) => ours(beginning, rest),
        Just(beginning) => ours(beginning, ""),
        Says(text) => Habit::Answer { typed, text: text.to_owned() },
        Looks if line.contains('>') => Habit::Answer { text: changes(line), typed },
        Looks => ours("run", line),
        Changes => Habit::Answer { text: changes(line), typed },
    }
}

/// What to say to a command that would change the state.
fn changes(line: &str) -> String {
    let line: String = line.chars().take(60).collect();
    format!("`RUN {line}` makes it a step; `run {line}` tries it and throws the changes away")
}

/// What follows the first words of a line.
fn after(line: &str, words: usize) -> &str {
    (0..words).fold(line.trim_start(), |rest, _| {
        rest.split_once(char::is_whitespace).map_or("", |(_, after)| after.trim_start())
    })
}

/// A word that is nothing. What is suggested is near it and of its kind: small letters are commands and capitals instructions, and an
/// instruction in small letters begins with the letter that was typed.
pub(super) fn suggest(word: &str) -> Diagnostic {
    let shown: String = word.chars().take(40).collect();
    let diagnostic = Diagnostic::error(format!("`{shown}` is neither a command nor an instruction"));
    if let Some(entry) = table::find(&word.to_lowercase()) {
        return diagnostic.hint(format!("commands are written in small letters: `{}`", entry.name));
    }
    let first = word.chars().next().map(|letter| letter.to_ascii_uppercase());
    let alike = KEYWORDS.iter().copied().filter(|keyword| keyword.chars().next() == first);
    let found = if word.chars().any(char::is_uppercase) {
        closest(word, KEYWORDS.iter().copied())
    } else {
        closest(word, table::COMMANDS.iter().map(|entry| entry.name)).or_else(|| closest(word, alike))
    };
    match found {
        Some(candidate) => diagnostic.hint(format!("did you mean `{candidate}`?")),
        None => diagnostic.hint("`help` lists the commands"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::{ALONE, Entry, Habit, Meaning, find};
    use std::collections::BTreeSet;

    fn entries() -> impl Iterator<Item = &'static Entry> {
        ALONE.iter().copied().flatten()
    }

    #[test]
    fn a_habit_stands_for_a_command_that_exists() {
        for (typed, meaning) in entries() {
            if let Meaning::Is(line) | Meaning::Just(line) = meaning {
                let first = line.split(' ').next().unwrap();
                assert!(table::COMMANDS.iter().any(|entry| entry.name == first), "{typed:?}: {line}");
            }
        }
    }

    #[test]
    fn no_habit_is_named_twice_in_a_table() {
        for table in ALONE {
            let mut seen = BTreeSet::new();
            for habit in table.iter().flat_map(|(typed, _)| *typed) {
                assert!(seen.insert(habit), "{habit}");
            }
        }
    }

    #[test]
    fn the_longest_habit_counts_and_what_follows_it_is_kept() {
        assert_eq!(find("vim  a b"), Some(Habit::Line("edit a b".into())));
        assert_eq!(find("info breakpoints 1"), Some(Habit::Line("break".into())));
        assert_eq!(find("git   tag  x"), Some(Habit::Line("tag x".into())));
        assert!(matches!(find("docker ps -a"), Some(Habit::Answer { typed, .. }) if typed == "docker ps"));
        assert!(matches!(find("echo a > /b"), Some(Habit::Answer { .. })));
        assert_eq!(find("xyzzy"), None);
    }
}
