//! The commands as data: `help` and completion are made from this table, and the parser refuses what it does not list.

use crate::dockerfile::KEYWORDS;

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

/// What a command's arguments can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    /// A number, a name, or whatever else nobody can foresee.
    Free,
    /// This word.
    Word(&'static str),
    /// One of these words, and nothing else.
    OneOf(&'static [&'static str]),
    /// A step by its number, or by its line.
    Step,
    /// Where a breakpoint can be.
    Place,
    /// The number of a breakpoint.
    Breakpoint,
    /// A path in the state's file system.
    ImagePath,
    /// A file of the build context.
    ContextPath,
    /// A file of the build context, or a path in the state.
    AnyPath,
    /// A file of the user's machine.
    MachinePath,
    /// A line for the state's shell.
    Shell,
    /// An instruction's keyword, or a word that is explained.
    Keyword,
    /// Another command.
    Command,
}
use Argument::{
    AnyPath, Breakpoint, Command, ContextPath, Free, ImagePath, Keyword, MachinePath, OneOf, Place, Shell, Step, Word,
};

/// One command.
#[derive(Debug, PartialEq, Eq)]
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
    /// None: it takes none.
    pub(crate) arguments: &'static [Argument],
}

impl Entry {
    /// Its name and its arguments.
    pub(crate) fn synopsis(&self) -> String {
        format!("{} {}", self.name, self.usage).trim_end().to_owned()
    }
}

const fn entry(
    id: Name,
    name: &'static str,
    short: &'static [&'static str],
    usage: &'static str,
    summary: &'static str,
    details: &'static str,
    arguments: &'static [Argument],
) -> Entry {
    Entry { id, name, short, usage, summary, details, arguments }
}

/// All commands, in the order in which `help` lists them.
pub(crate) const COMMANDS: &[Entry] = &[
    entry(
        Name::Step,
        "step",
        &["s", "n", "next"],
        "[N]",
        "take the next step, or the next N",
        "Press Enter to repeat. `finish` takes the steps up to the end of the stage.",
        &[Free],
    ),
    entry(Name::Finish, "finish", &[], "", "take the steps up to the end of the stage", "Breakpoints stop it.", &[]),
    entry(
        Name::Continue,
        "continue",
        &["c"],
        "",
        "take all steps up to a breakpoint or the end; at the end, write the image",
        "",
        &[],
    ),
    entry(
        Name::Back,
        "back",
        &[],
        "[N]",
        "go back one step, or N",
        "States are kept, so going back costs nothing. What was committed stays in the cache: taking the step again is a hit.",
        &[Free],
    ),
    entry(
        Name::Goto,
        "goto",
        &["g"],
        "N | :LINE",
        "move to just before step N, forwards or back",
        "N is a step; `:LINE` is a line of the Dockerfile. `list` shows both.",
        &[Step],
    ),
    entry(Name::Restart, "restart", &[], "", "go back to the beginning", "", &[]),
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
        &[Place],
    ),
    entry(
        Name::Delete,
        "delete",
        &[],
        "ID | all",
        "remove a breakpoint, or all of them",
        "",
        &[Breakpoint, Word("all")],
    ),
    entry(Name::Enable, "enable", &[], "ID", "let a breakpoint stop again", "", &[Breakpoint]),
    entry(Name::Disable, "disable", &[], "ID", "keep a breakpoint, but do not stop at it", "", &[Breakpoint]),
    entry(
        Name::List,
        "list",
        &["l"],
        "[all | N | :LINE]",
        "show the Dockerfile around the next step: lines, steps, stages, hits and misses",
        "N is a step, `:LINE` a line of the Dockerfile.",
        &[Step, Word("all")],
    ),
    entry(
        Name::Why,
        "why",
        &["w"],
        "[N] [full] [--against [BUILD]]",
        "say why a step hit or missed the cache, or would",
        "Without N, the step that comes next. With --against, compare only with that build; `why --against` lists the builds.\n\
         `why full` lists everything that the key is made from, in the build that `why` names and now.",
        &[Step, Word("full"), Word("--against"), Free],
    ),
    entry(
        Name::Plan,
        "plan",
        &["p"],
        "[graph|chain]",
        "predict which of the next steps would hit the cache",
        "It runs nothing. `plan graph` draws the stages: what each takes from which, and what a change reaches.\n\
         `plan chain` draws how the steps hang on one another in the cache, and where that breaks.",
        &[OneOf(&["graph", "chain"])],
    ),
    entry(
        Name::Diff,
        "diff",
        &["d"],
        "[A B] [PATH]",
        "show what changed",
        "diff            the paths that the last step changed\n\
         diff A B        the paths that differ between the states after steps A and B; state 0 is the empty\n\
         \x20               file system before step 1\n\
         diff /PATH      the content of a file of the image, before and after the last step\n\
         diff A B /PATH  the same, between two states\n\
         diff PATH       a file of the build context: as the build had it that `why` names, and now",
        &[AnyPath, Free],
    ),
    entry(Name::Ls, "ls", &[], "[PATH]", "list a folder of the state's file system", "", &[ImagePath]),
    entry(Name::Tree, "tree", &[], "[PATH]", "list a folder and everything below it", "", &[ImagePath]),
    entry(Name::Cat, "cat", &[], "PATH", "print a file of the state's file system", "", &[ImagePath]),
    entry(
        Name::Layers,
        "layers",
        &[],
        "[bars|stack]",
        "list the state's layers",
        "`layers bars` draws how large they are, and how much of each later layers overwrite or delete.\n\
         `layers stack` draws them on one another, with the files that each changes and what is hidden.",
        &[OneOf(&["bars", "stack"])],
    ),
    entry(Name::Config, "config", &[], "", "print the state's image configuration as JSON", "", &[]),
    entry(
        Name::Env,
        "env",
        &[],
        "",
        "list the variables that RUN would see now",
        "ENV and ARG; ARGs are not in the image.",
        &[],
    ),
    entry(Name::History, "history", &[], "", "print the state's history, newest first", "", &[]),
    entry(
        Name::Explain,
        "explain",
        &["x"],
        "[INSTRUCTION | WORD]",
        "explain what an instruction does, or what a word means",
        "Without an argument, the instruction of the step that comes next. The words are\n\
         base (image), cache, container, context, digest, image, key, layer, manifest, stage, state and whiteout.",
        &[Keyword],
    ),
    entry(
        Name::Run,
        "run",
        &["!"],
        "COMMAND",
        "run a shell command in the state; its changes are thrown away",
        "The instruction is uppercase: `RUN COMMAND` is a step.",
        &[Shell],
    ),
    entry(
        Name::Shell,
        "shell",
        &["sh"],
        "[N]",
        "open a shell in the state, or in the state after step N; its changes are thrown away",
        "The instruction is uppercase: `SHELL [\"…\"]` is a step.",
        &[Step],
    ),
    entry(
        Name::Edit,
        "edit",
        &["e"],
        "[FILE]",
        "edit the Dockerfile or a file of the context with $VISUAL or $EDITOR, then reload",
        "The editor changes the file itself, at once. While the Dockerfile has instructions that you typed and have not saved, it changes the text of this session, and `write` saves all of it.",
        &[ContextPath],
    ),
    entry(
        Name::Reload,
        "reload",
        &[],
        "",
        "read the Dockerfile and the context again, and keep the steps that are still valid",
        "",
        &[],
    ),
    entry(
        Name::Tag,
        "tag",
        &[],
        "NAME[:TAG]",
        "give the state a name: it becomes an image",
        "Any state can be named, not only the last.",
        &[Free],
    ),
    entry(
        Name::Launch,
        "launch",
        &[],
        "[ARGUMENTS]",
        "take the remaining steps, write the image, and run a container from it",
        "ARGUMENTS replace CMD. `launch -- -x` gives an option to the program of the image.",
        &[Free],
    ),
    entry(
        Name::Save,
        "save",
        &[],
        "[--force] FILE | report [FILE]",
        "save the session so far as text, or a report of the build as a page",
        "`layerlab step --script FILE` takes the commands of a saved session again.\n\
         `save report` writes a page about the build so far: its steps, the files after each, the cache, the layers.\n\
         It is one HTML file, `report.html` without FILE. A session in a file called report is `save ./report`.\n\
         --force replaces a file that this session has not written.",
        &[MachinePath, Word("--force"), Word("report")],
    ),
    entry(
        Name::Write,
        "write",
        &[],
        "[--force] [FILE]",
        "save the Dockerfile with what you typed",
        "Without FILE, to the Dockerfile of this session.\n--force replaces a file that this session has not written.",
        &[MachinePath, Word("--force")],
    ),
    entry(
        Name::Help,
        "help",
        &["h", "?"],
        "[COMMAND | all]",
        "list the commands, or explain one",
        "",
        &[Command, Word("all")],
    ),
    entry(Name::Quit, "quit", &["q", "exit"], "", "end the session (so does Ctrl-D)", "", &[]),
];

/// The entry of a command.
pub(crate) fn find(name: &str) -> Option<&'static Entry> {
    COMMANDS.iter().find(|entry| entry.name == name || entry.short.contains(&name))
}

/// The commands that begin with a text.
pub(crate) fn beginning(text: &str) -> Vec<&'static Entry> {
    COMMANDS.iter().filter(|entry| entry.name.starts_with(text)).collect()
}

/// Whether a word is the keyword of an instruction, in any case.
pub(crate) fn is_keyword(word: &str) -> bool {
    KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(word))
}
