//! The instructions: one struct each, whose documentation opens with its syntax.
//!
//! Arguments are [`Word`]s, which still hold their quotes, escapes and variables; [`crate::dockerfile::words::expand`] turns them into
//! text when the values of the variables are known. The commands of RUN, CMD and ENTRYPOINT are plain text: nobody but the shell of the
//! container expands them.

use std::time::Duration;

use serde::Serialize;

use super::super::device::Device;
use super::super::mount::Mount;
use super::super::word::Word;
use super::located::Located;
use crate::source::Span;

/// Any instruction but FROM, which a [`super::Stage`] holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Instruction {
    Add(Add),
    Arg(Arg),
    Cmd(Cmd),
    Copy(Copy),
    Entrypoint(Entrypoint),
    Env(Env),
    Expose(Expose),
    Healthcheck(Healthcheck),
    Label(Label),
    Maintainer(Maintainer),
    Onbuild(Onbuild),
    Run(Run),
    Shell(Shell),
    Stopsignal(Stopsignal),
    User(User),
    Volume(Volume),
    Workdir(Workdir),
}

impl Instruction {
    /// The variables that ARG or ENV sets: the name, where it stands, and what it is given, which may be nothing for ARG.
    pub(crate) fn variables(&self) -> Vec<(&str, Option<Span>, Option<&Word>)> {
        match self {
            Instruction::Arg(arg) => {
                arg.names.iter().map(|(name, value)| (name.as_str(), None, value.as_ref())).collect()
            }
            Instruction::Env(env) => {
                env.pairs.iter().map(|(name, value)| (name.raw.as_str(), name.span, Some(value))).collect()
            }
            Instruction::Add(_)
            | Instruction::Cmd(_)
            | Instruction::Copy(_)
            | Instruction::Entrypoint(_)
            | Instruction::Expose(_)
            | Instruction::Healthcheck(_)
            | Instruction::Label(_)
            | Instruction::Maintainer(_)
            | Instruction::Onbuild(_)
            | Instruction::Run(_)
            | Instruction::Shell(_)
            | Instruction::Stopsignal(_)
            | Instruction::User(_)
            | Instruction::Volume(_)
            | Instruction::Workdir(_) => Vec::new(),
        }
    }

    /// The keyword in upper case.
    pub fn name(&self) -> &'static str {
        match self {
            Instruction::Add(_) => "ADD",
            Instruction::Arg(_) => "ARG",
            Instruction::Cmd(_) => "CMD",
            Instruction::Copy(_) => "COPY",
            Instruction::Entrypoint(_) => "ENTRYPOINT",
            Instruction::Env(_) => "ENV",
            Instruction::Expose(_) => "EXPOSE",
            Instruction::Healthcheck(_) => "HEALTHCHECK",
            Instruction::Label(_) => "LABEL",
            Instruction::Maintainer(_) => "MAINTAINER",
            Instruction::Onbuild(_) => "ONBUILD",
            Instruction::Run(_) => "RUN",
            Instruction::Shell(_) => "SHELL",
            Instruction::Stopsignal(_) => "STOPSIGNAL",
            Instruction::User(_) => "USER",
            Instruction::Volume(_) => "VOLUME",
            Instruction::Workdir(_) => "WORKDIR",
        }
    }

    /// The instruction, where it reads or writes files; `None` where it only changes the configuration.
    pub(crate) fn with_files(&self) -> Option<WithFiles<'_>> {
        match self {
            Instruction::Add(add) => Some(WithFiles::Add(add)),
            Instruction::Copy(copy) => Some(WithFiles::Copy(copy)),
            Instruction::Run(run) => Some(WithFiles::Run(run)),
            Instruction::Workdir(workdir) => Some(WithFiles::Workdir(workdir)),
            Instruction::Arg(_)
            | Instruction::Cmd(_)
            | Instruction::Entrypoint(_)
            | Instruction::Env(_)
            | Instruction::Expose(_)
            | Instruction::Healthcheck(_)
            | Instruction::Label(_)
            | Instruction::Maintainer(_)
            | Instruction::Onbuild(_)
            | Instruction::Shell(_)
            | Instruction::Stopsignal(_)
            | Instruction::User(_)
            | Instruction::Volume(_) => None,
        }
    }
}

/// An instruction that reads or writes files: the state after it has another file system.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WithFiles<'i> {
    Add(&'i Add),
    Copy(&'i Copy),
    Run(&'i Run),
    Workdir(&'i Workdir),
}

/// `FROM [--platform=<platform>] <image> [AS <name>]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct From {
    /// An image, `scratch`, or the name of an earlier stage.
    pub image: Word,
    /// The name of the stage, in lower case.
    pub alias: Option<String>,
    /// Where the name stands.
    #[serde(skip)]
    pub(crate) alias_span: Option<Span>,
    /// The platform of the image.
    pub platform: Option<Word>,
}

/// The command of RUN, CMD, ENTRYPOINT or HEALTHCHECK.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Command {
    /// `command arguments…`: one text for the shell. Empty when nothing was written.
    Shell(String),
    /// `["executable", "argument", …]`: run without a shell.
    Exec(Vec<String>),
    /// `<<NAME …`: the line for the shell and the documents that it reads. RUN only.
    Heredocs {
        /// The line with `<<NAME` in it.
        line: String,
        /// The documents in the order of their `<<NAME`. There is at least one.
        documents: Vec<Heredoc>,
    },
}

/// A document inside the Dockerfile: `<<NAME`, its lines, and a line that is `NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Heredoc {
    /// The word that ends the document, without quotes.
    pub name: String,
    /// The lines as written, each with its line ending.
    pub content: String,
    /// Whether variables are replaced in it: no part of the name was quoted.
    pub expand: bool,
    /// `<<-`: the tabs at the beginning of lines are not part of the document.
    pub chomp: bool,
    /// The number before `<<`, or 0: the file descriptor that reads it.
    pub descriptor: u32,
}

impl Heredoc {
    /// The document: its content, without leading tabs when `<<-` opened it.
    pub fn document(&self) -> String {
        if !self.chomp {
            return self.content.clone();
        }
        self.content.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect()
    }
}

/// `ADD [--chown=<u:g>] [--chmod=<mode>] [--link] [--exclude=<pattern>]… [--checksum=<digest>] [--keep-git-dir]
/// [--unpack=<bool>] <source>… <destination>`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Add {
    /// What is copied; at least one.
    pub sources: Vec<Source>,
    /// Where to: a directory when it ends with `/` or there are several sources.
    pub destination: Word,
    /// The owner, `user[:group]`, names or numbers.
    pub chown: Option<Word>,
    /// The mode, octal or symbolic.
    pub chmod: Option<Word>,
    /// Whether the layer does not depend on the ones below it.
    pub link: bool,
    /// Patterns of what is left out.
    pub excludes: Vec<Word>,
    /// What the downloaded file must hash to.
    pub checksum: Option<Word>,
    /// Whether `.git` of a repository is kept.
    pub keep_git_dir: Option<bool>,
    /// Whether archives are unpacked. Where nothing is said, those of the context are, and downloads are not.
    pub unpack: Option<bool>,
}

/// `COPY [--from=<stage|image|context>] [--chown=<u:g>] [--chmod=<mode>] [--link] [--parents]
/// [--exclude=<pattern>]… <source>… <destination>`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Copy {
    /// What is copied; at least one.
    pub sources: Vec<Source>,
    /// Where to: a directory when it ends with `/` or there are several sources.
    pub destination: Word,
    /// A stage, image or named context in place of the build context.
    pub from: Option<Word>,
    /// The owner, `user[:group]`, names or numbers.
    pub chown: Option<Word>,
    /// The mode, octal or symbolic.
    pub chmod: Option<Word>,
    /// Whether the layer does not depend on the ones below it.
    pub link: bool,
    /// Whether the directories of a source are kept below the destination.
    pub parents: bool,
    /// Patterns of what is left out.
    pub excludes: Vec<Word>,
}

/// What COPY and ADD copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Source {
    /// A path or pattern in the context or stage; for ADD also a URL or a git repository.
    Path(Word),
    /// A document in the Dockerfile. The file is called like the document.
    Heredoc(Heredoc),
}

/// `ARG <name>[=<default>] …`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Arg {
    /// Names and defaults. A name without default has the value given on the command line, or none.
    pub names: Vec<(String, Option<Word>)>,
}

/// `CMD <command>` or `CMD ["<executable>", "<argument>", …]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cmd {
    /// The command, for the shell or without it.
    pub command: Command,
}

/// `ENTRYPOINT <command>` or `ENTRYPOINT ["<executable>", "<argument>", …]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entrypoint {
    /// The command, for the shell or without it.
    pub command: Command,
}

/// How ENV and LABEL separate a name from its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Separator {
    /// `name=value`, any number of them.
    Equals,
    /// `name value`, one only: the old form.
    Space,
}

/// `ENV <name>=<value> …` or `ENV <name> <value>`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Env {
    /// Names and values; at least one, and no name is empty.
    pub pairs: Vec<(Word, Word)>,
    /// How they are written.
    pub separator: Separator,
}

/// `LABEL <name>=<value> …` or `LABEL <name> <value>`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Label {
    /// Names and values; at least one, and no name is empty.
    pub pairs: Vec<(Word, Word)>,
    /// How they are written.
    pub separator: Separator,
}

/// `EXPOSE <port>[-<port>][/<protocol>] …`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Expose {
    /// Ports, ranges and protocols, as written; at least one.
    pub ports: Vec<Word>,
}

/// `HEALTHCHECK [--interval=<d>] [--timeout=<d>] [--start-period=<d>] [--start-interval=<d>] [--retries=<n>]
/// CMD <command>` or `HEALTHCHECK NONE`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Healthcheck {
    /// The check of the base image is switched off.
    None,
    Check {
        /// What checks it: exit code 0 says that it is well.
        command: Command,
        /// From the end of a check to the next one. A duration that is not given, or zero, leaves the default to the runtime.
        interval: Option<Duration>,
        /// How long a check may take.
        timeout: Option<Duration>,
        /// How long the program has to begin: failures do not count meanwhile.
        start_period: Option<Duration>,
        /// The interval in that time.
        start_interval: Option<Duration>,
        /// How many failures in a row make it unhealthy.
        retries: Option<u32>,
    },
}

/// `MAINTAINER <name>` (deprecated: a LABEL says the same)
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Maintainer {
    /// Whoever maintains the image.
    pub name: String,
}

/// `ONBUILD <instruction>`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Onbuild {
    /// The instruction as the image records it: one line, then the bodies of its heredocs.
    pub text: String,
    /// The instruction. `None` when it is not a valid one: an image may record any text, and only the build
    /// that is FROM the image has to understand it.
    pub(crate) instruction: Option<Box<Located<Instruction>>>,
}

/// `RUN [--mount=<mount>]… [--network=<mode>] [--security=<mode>] [--device=<device>]… <command>` or
/// `RUN ["<executable>", "<argument>", …]` or `RUN <<NAME`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Run {
    /// The command, for the shell or without it.
    pub command: Command,
    /// What is mounted while the command runs.
    pub mounts: Vec<Mount>,
    /// The network of the command.
    pub network: Option<Network>,
    /// How far the command is confined.
    pub security: Option<Security>,
    /// The devices that the command may use.
    pub devices: Vec<Device>,
}

/// `RUN --network=…`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Network {
    #[default]
    Default,
    None,
    Host,
}

/// `RUN --security=…`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Security {
    Sandbox,
    Insecure,
}

/// `SHELL ["<executable>", "<argument>", …]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shell {
    /// The command line before the command; not empty.
    pub command: Vec<String>,
}

/// `STOPSIGNAL <signal>`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stopsignal {
    /// The signal that stops the container: a name or a number.
    pub signal: Word,
}

/// `USER <user>[:<group>]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    /// Who runs what follows.
    pub user: Word,
}

/// `VOLUME <path> …` or `VOLUME ["<path>", …]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Volume {
    /// The mount points; at least one.
    pub paths: Vec<Word>,
}

/// `WORKDIR <path>`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Workdir {
    /// The directory, relative to the one before.
    pub path: Word,
}
