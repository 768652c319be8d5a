//! The commands as data. The parser, the completion and `help` are made from this one table.

/// What a command does; one for each line of [`COMMANDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Step,
    Finish,
    Continue,
    Back,
    Goto,
    Restart,
    Break,
    Delete,
    Enable,
    Disable,
    List,
    Why,
    Plan,
    Diff,
    Ls,
    Tree,
    Cat,
    Layers,
    Config,
    Env,
    History,
    Explain,
    Run,
    Shell,
    Edit,
    Reload,
    Tag,
    Launch,
    Save,
    Write,
    Help,
    Quit,
}

/// What can be completed in a command's arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    Nothing,
    /// A path in the state's file system.
    ImagePath,
    /// A file of the build context, or a path in the state.
    AnyPath,
    /// A file of the build context.
    ContextPath,
    /// A stage or a kind of breakpoint.
    Place,
    /// The number of a breakpoint.
    Breakpoint,
    /// An instruction's keyword.
    Keyword,
    /// Another command.
    Command,
}

/// One command.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: Name,
    pub name: &'static str,
    /// Other names for it.
    pub(crate) short: &'static [&'static str],
    /// Its arguments.
    pub(crate) usage: &'static str,
    /// One line.
    pub(crate) summary: &'static str,
    /// The rest of what there is to know; lines of their own.
    pub(crate) details: &'static str,
    pub(crate) argument: Argument,
}

const fn entry(
    id: Name,
    name: &'static str,
    short: &'static [&'static str],
    usage: &'static str,
    summary: &'static str,
    details: &'static str,
    argument: Argument,
) -> Entry {
    Entry { id, name, short, usage, summary, details, argument }
}

/// All commands, in the order in which `help` lists them.
pub(crate) const COMMANDS: &[Entry] = &[
    entry(
        Name::Step,
        "step",
        &["s", "n", "next"],
        "[N]",
        "take the next step, or the next N",
        "An empty line does it again. `finish` takes the steps up to the end of the stage.",
        Argument::Nothing,
    ),
    entry(
        Name::Finish,
        "finish",
        &[],
        "",
        "take the steps up to the end of the stage",
        "Breakpoints stop it.",
        Argument::Nothing,
    ),
    entry(
        Name::Continue,
        "continue",
        &["c"],
        "",
        "take all steps up to a breakpoint or the end; at the end, write the image",
        "",
        Argument::Nothing,
    ),
    entry(
        Name::Back,
        "back",
        &[],
        "[N]",
        "go back one step, or N",
        "States are kept, so going back costs nothing. What was committed stays in the cache:\ntaking the step again is a hit.",
        Argument::Nothing,
    ),
    entry(
        Name::Goto,
        "goto",
        &["g"],
        "N | :LINE",
        "go to where step N comes next, forwards or back",
        "N is a step; `:LINE` is a line of the Dockerfile. `list` shows both.",
        Argument::Nothing,
    ),
    entry(Name::Restart, "restart", &[], "", "go back to the beginning", "", Argument::Nothing),
    entry(
        Name::Break,
        "break",
        &["b", "br"],
        "[N | :LINE | stage NAME | /TEXT/ | miss | failure] [if miss | if failure]",
        "stop `continue` and `finish` at a place; without arguments, list the breakpoints",
        "N             before step N\n\
         :LINE         before the step on a line of the Dockerfile, or the next one below it\n\
         stage NAME    before the first step of a stage\n\
         /TEXT/        before a step whose instruction has TEXT in it, in any case\n\
         miss          when a step misses the cache, before it runs\n\
         failure       before a step that failed in an earlier build\n\
         … if miss     only where the step is not in the cache\n\
         … if failure  only where it failed in an earlier build",
        Argument::Place,
    ),
    entry(Name::Delete, "delete", &[], "ID | all", "remove a breakpoint, or all of them", "", Argument::Breakpoint),
    entry(Name::Enable, "enable", &[], "ID", "let a breakpoint stop again", "", Argument::Breakpoint),
    entry(Name::Disable, "disable", &[], "ID", "keep a breakpoint, but do not stop at it", "", Argument::Breakpoint),
    entry(
        Name::List,
        "list",
        &["l"],
        "[all | N | :LINE]",
        "show the Dockerfile around the next step: lines, steps, stages, hits and misses",
        "N is a step, `:LINE` a line of the Dockerfile.",
        Argument::Nothing,
    ),
    entry(
        Name::Why,
        "why",
        &["w"],
        "[N] [full] [--against BUILD]",
        "say why a step hit or missed the cache, or would",
        "Without N, the step that comes next. With --against, compare only with that build.\n\
         `why full` lists everything that the key is made from, then and now.",
        Argument::Nothing,
    ),
    entry(
        Name::Plan,
        "plan",
        &["p"],
        "[graph]",
        "predict which of the next steps would hit the cache",
        "It runs nothing. `plan graph` draws the stages: what each takes from which, and what a change reaches.",
        Argument::Nothing,
    ),
    entry(
        Name::Diff,
        "diff",
        &["d"],
        "[A B] [PATH]",
        "show what changed",
        "diff            the paths that the last step changed\n\
         diff A B        the paths that differ between the states after steps A and B; state 0 is empty\n\
         diff /PATH      the content of a file of the image, before and after the last step\n\
         diff A B /PATH  the same, between two states\n\
         diff PATH       a file of the build context: the last build's content and now",
        Argument::AnyPath,
    ),
    entry(Name::Ls, "ls", &[], "[PATH]", "list a folder of the state's file system", "", Argument::ImagePath),
    entry(Name::Tree, "tree", &[], "[PATH]", "list a folder and everything below it", "", Argument::ImagePath),
    entry(Name::Cat, "cat", &[], "PATH", "print a file of the state's file system", "", Argument::ImagePath),
    entry(
        Name::Layers,
        "layers",
        &[],
        "[bars]",
        "list the state's layers",
        "`layers bars` draws how large they are, and how much of each later layers overwrite or delete.",
        Argument::Nothing,
    ),
    entry(Name::Config, "config", &[], "", "print the state's image configuration as JSON", "", Argument::Nothing),
    entry(
        Name::Env,
        "env",
        &[],
        "",
        "list the variables that RUN would see now",
        "ENV and ARG; ARGs are not in the image.",
        Argument::Nothing,
    ),
    entry(Name::History, "history", &[], "", "print the state's history, newest first", "", Argument::Nothing),
    entry(
        Name::Explain,
        "explain",
        &["x"],
        "[INSTRUCTION]",
        "explain what an instruction does",
        "Without an argument, the instruction of the step that comes next.",
        Argument::Keyword,
    ),
    entry(
        Name::Run,
        "run",
        &["!"],
        "COMMAND",
        "run a shell command in the state; its changes are thrown away",
        "The instruction is written in capitals: `RUN COMMAND` is a step.",
        Argument::Nothing,
    ),
    entry(
        Name::Shell,
        "shell",
        &["sh"],
        "[N]",
        "open a shell in the state, or in the state after step N; its changes are thrown away",
        "The instruction is written in capitals: `SHELL [\"…\"]` is a step.",
        Argument::Nothing,
    ),
    entry(
        Name::Edit,
        "edit",
        &["e"],
        "[FILE]",
        "edit the Dockerfile or a file of the context with $VISUAL or $EDITOR, then reload",
        "",
        Argument::ContextPath,
    ),
    entry(
        Name::Reload,
        "reload",
        &[],
        "",
        "read the Dockerfile and the context again, and keep the steps that are still valid",
        "",
        Argument::Nothing,
    ),
    entry(
        Name::Tag,
        "tag",
        &[],
        "NAME[:TAG]",
        "give the state a name: it becomes an image",
        "Any state can be named, not only the last.",
        Argument::Nothing,
    ),
    entry(
        Name::Launch,
        "launch",
        &[],
        "[ARGUMENTS]",
        "take the remaining steps, write the image, and run a container from it",
        "ARGUMENTS replace CMD.",
        Argument::Nothing,
    ),
    entry(
        Name::Save,
        "save",
        &[],
        "[--force] FILE",
        "save the session so far as text",
        "--force replaces a file that exists.",
        Argument::Nothing,
    ),
    entry(
        Name::Write,
        "write",
        &[],
        "[--force] [FILE]",
        "save the Dockerfile with the instructions that were typed in",
        "Without FILE, to the Dockerfile of this session.\n--force replaces a file that this session has not written.",
        Argument::Nothing,
    ),
    entry(
        Name::Help,
        "help",
        &["h", "?"],
        "[COMMAND | all]",
        "list the commands, or explain one",
        "",
        Argument::Command,
    ),
    entry(Name::Quit, "quit", &["q", "exit"], "", "end the session (so does Ctrl-D)", "", Argument::Nothing),
];

/// The rule by which a line is a command or an instruction, as `help` prints it.
pub(crate) const RULE: &str = "\
A line is a command if its first word is one of these in small letters; an unambiguous beginning is enough.
Every other line that begins with a Dockerfile keyword is an instruction: it is taken at once and added
to the Dockerfile that `write` saves. So `run`, `env`, `shell` are commands, and `RUN`, `ENV`, `SHELL` instructions;
`from`, `copy`, `label` are instructions in any case. A line goes on after `\\` and until the end of a heredoc.
An empty line repeats the last step, finish, continue or back. Ctrl-C stops a step, Ctrl-D ends the session.
";

/// The entry of a command.
pub(crate) fn find(name: &str) -> Option<&'static Entry> {
    COMMANDS.iter().find(|entry| entry.name == name || entry.short.contains(&name))
}

/// The commands that begin with a text.
pub(crate) fn beginning(text: &str) -> Vec<&'static Entry> {
    COMMANDS.iter().filter(|entry| entry.name.starts_with(text)).collect()
}

/// The commands by what they are for, as `help` shows them.
const GROUPS: &[(&str, &[Name])] = &[
    ("move", &[Name::Step, Name::Finish, Name::Continue, Name::Back, Name::Goto, Name::Restart]),
    ("stop", &[Name::Break, Name::Delete, Name::Enable, Name::Disable]),
    ("ask", &[Name::List, Name::Why, Name::Plan, Name::Diff, Name::Explain]),
    ("look", &[Name::Ls, Name::Tree, Name::Cat, Name::Env, Name::Config, Name::Layers, Name::History]),
    ("try", &[Name::Run, Name::Shell, Name::Launch]),
    ("change", &[Name::Edit, Name::Reload]),
    ("keep", &[Name::Write, Name::Tag, Name::Save]),
    ("leave", &[Name::Quit, Name::Help]),
];

/// What `help` shows: it fits a small screen.
pub(crate) fn overview() -> String {
    let mut text = String::new();
    for (title, names) in GROUPS {
        let name = |entry: &Entry| match entry.short.first() {
            Some(short) => format!("{} ({short})", entry.name),
            None => entry.name.to_owned(),
        };
        let names: Vec<String> = COMMANDS.iter().filter(|entry| names.contains(&entry.id)).map(name).collect();
        text.push_str(&format!("  {title:<8}  {}\n", names.join(", ")));
    }
    text + "\n\
        Commands are written in small letters, instructions in capitals: `RUN make` is a step, taken at once and added to the\n\
        Dockerfile. Enter repeats the last move. Ctrl-C stops a step, Ctrl-D leaves.\n\n\
        `help COMMAND` explains one command, `help all` lists them all.\n"
}

/// What `help all` shows.
pub(crate) fn all() -> String {
    let mut text = String::new();
    for entry in COMMANDS {
        let short = entry.short.first().map_or(String::new(), |short| format!("{short}, "));
        text.push_str(&format!("{:>4}{:<9}  {}\n", short, entry.name, entry.summary));
    }
    format!("{text}\n{RULE}")
}

/// What `help COMMAND` shows.
pub(crate) fn help(of: Name) -> String {
    let mut text = String::new();
    for entry in COMMANDS.iter().filter(|entry| entry.id == of) {
        text.push_str(format!("{} {}", entry.name, entry.usage).trim_end());
        text.push_str(&format!("\n  {}\n", entry.summary));
        for line in entry.details.lines() {
            text.push_str(&format!("  {line}\n"));
        }
        if !entry.short.is_empty() {
            text.push_str(&format!("  short: {}\n", entry.short.join(", ")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{COMMANDS, GROUPS, overview};

    #[test]
    fn every_command_is_in_one_group() {
        for entry in COMMANDS {
            assert_eq!(GROUPS.iter().filter(|(_, names)| names.contains(&entry.id)).count(), 1, "{}", entry.name);
        }
        assert!(crate::view::table::fill(&overview(), 80).lines().count() <= 22);
    }
}
