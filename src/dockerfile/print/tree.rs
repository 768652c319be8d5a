//! The syntax tree for people.
//!
//! ```text
//! Dockerfile
//! └── stage 0: build
//!     ├── FROM (line 1)
//!     │   ├── image: alpine:3.20
//!     │   └── name: build
//!     └── RUN (lines 2-4)
//!         ├── mount: type=cache,target=/root/.cache
//!         └── shell: make
//! ```

use super::super::ast::{
    Arg, Command, Dockerfile, Healthcheck, Heredoc, Instruction, Located, Network, Security, Separator, Source, Stage,
};
use super::super::duration;
use super::super::word::Word;
use crate::shown;

/// Draws the tree, each line ended by a newline.
pub fn tree(dockerfile: &Dockerfile) -> String {
    let mut root = Node::new("Dockerfile");
    let directives = &dockerfile.directives;
    if let Some(syntax) = &directives.syntax {
        root.leaf("directive syntax", syntax);
    }
    if directives.escape != '\\' {
        root.leaf("directive escape", &directives.escape.to_string());
    }
    if let Some(check) = &directives.check {
        root.leaf("directive check", &check.to_string());
    }
    for arg in &dockerfile.global_args {
        root.children.push(located("ARG", arg, arg_parts(&arg.value)));
    }
    root.children.extend(dockerfile.stages.iter().enumerate().map(|(index, part)| stage(index, part)));
    let mut out = String::new();
    root.draw(&mut out, "", "");
    out
}

/// A line of the drawing and what hangs below it.
struct Node {
    text: String,
    children: Vec<Node>,
}

impl Node {
    fn new(text: impl Into<String>) -> Self {
        Node { text: text.into(), children: Vec::new() }
    }

    /// Hangs `name: value` below.
    fn leaf(&mut self, name: &str, value: &str) {
        self.children.push(Node::new(format!("{name}: {value}")));
    }

    fn word(&mut self, name: &str, word: &Option<Word>) {
        if let Some(word) = word {
            self.leaf(name, &word.raw);
        }
    }

    fn words(&mut self, name: &str, words: &[Word]) {
        words.iter().for_each(|word| self.leaf(name, &word.raw));
    }

    fn switch(&mut self, name: &str, value: Option<bool>) {
        if let Some(value) = value {
            self.leaf(name, if value { "yes" } else { "no" });
        }
    }

    /// Draws the node: `first` comes before its own line, `rest` before the lines below it.
    fn draw(&self, out: &mut String, first: &str, rest: &str) {
        out.push_str(&format!("{first}{}\n", shown::line(&self.text)));
        for (index, child) in self.children.iter().enumerate() {
            let (branch, below) =
                if index + 1 == self.children.len() { ("└── ", "    ") } else { ("├── ", "│   ") };
            child.draw(out, &format!("{rest}{branch}"), &format!("{rest}{below}"));
        }
    }
}

fn stage(index: usize, stage: &Stage) -> Node {
    let from = &stage.from.value;
    let name = from.alias.as_ref().map(|alias| format!(": {alias}")).unwrap_or_default();
    let mut node = Node::new(format!("stage {index}{name}"));
    let mut parts = Node::new("");
    parts.leaf("image", &from.image.raw);
    if let Some(alias) = &from.alias {
        parts.leaf("name", alias);
    }
    parts.word("platform", &from.platform);
    node.children.push(located("FROM", &stage.from, parts));
    for instruction in &stage.instructions {
        node.children.push(located(instruction.value.name(), instruction, parts_of(&instruction.value)));
    }
    node
}

/// The line of an instruction, with its parts below.
fn located<T>(name: &str, located: &Located<T>, mut parts: Node) -> Node {
    parts.text = match located.lines {
        (first, last) if first == last => format!("{name} (line {first})"),
        (first, last) => format!("{name} (lines {first}-{last})"),
    };
    parts
}

fn parts_of(instruction: &Instruction) -> Node {
    let mut node = Node::new("");
    match instruction {
        Instruction::Add(add) => {
            sources(&mut node, &add.sources, &add.destination);
            node.word("chown", &add.chown);
            node.word("chmod", &add.chmod);
            node.words("exclude", &add.excludes);
            node.word("checksum", &add.checksum);
            node.switch("link", add.link.then_some(true));
            node.switch("keep-git-dir", add.keep_git_dir);
            node.switch("unpack", add.unpack);
        }
        Instruction::Arg(arg) => return arg_parts(arg),
        Instruction::Cmd(cmd) => command(&mut node, &cmd.command),
        Instruction::Copy(copy) => {
            node.word("from", &copy.from);
            sources(&mut node, &copy.sources, &copy.destination);
            node.word("chown", &copy.chown);
            node.word("chmod", &copy.chmod);
            node.words("exclude", &copy.excludes);
            node.switch("link", copy.link.then_some(true));
            node.switch("parents", copy.parents.then_some(true));
        }
        Instruction::Entrypoint(entrypoint) => command(&mut node, &entrypoint.command),
        Instruction::Env(env) => pairs(&mut node, &env.pairs, env.separator),
        Instruction::Expose(expose) => node.words("port", &expose.ports),
        Instruction::Healthcheck(Healthcheck::None) => node.children.push(Node::new("none")),
        Instruction::Healthcheck(Healthcheck::Check {
            command: test,
            interval,
            timeout,
            start_period,
            start_interval,
            retries,
        }) => {
            command(&mut node, test);
            let durations = [
                ("interval", interval),
                ("timeout", timeout),
                ("start-period", start_period),
                ("start-interval", start_interval),
            ];
            for (name, value) in durations {
                if let Some(value) = value {
                    node.leaf(name, &duration::format(*value));
                }
            }
            if let Some(retries) = retries {
                node.leaf("retries", &retries.to_string());
            }
        }
        Instruction::Label(label) => pairs(&mut node, &label.pairs, label.separator),
        Instruction::Maintainer(maintainer) => node.leaf("name", &maintainer.name),
        Instruction::Onbuild(onbuild) => match &onbuild.instruction {
            Some(trigger) => node.children.push(located(trigger.value.name(), trigger, parts_of(&trigger.value))),
            None => node.leaf("text", &onbuild.text),
        },
        Instruction::Run(run) => {
            run.mounts.iter().for_each(|mount| node.leaf("mount", &mount.text.raw));
            run.devices.iter().for_each(|device| node.leaf("device", &device.text.raw));
            if let Some(network) = run.network {
                let name = match network {
                    Network::Default => "default",
                    Network::None => "none",
                    Network::Host => "host",
                };
                node.leaf("network", name);
            }
            if let Some(security) = run.security {
                let name = match security {
                    Security::Sandbox => "sandbox",
                    Security::Insecure => "insecure",
                };
                node.leaf("security", name);
            }
            command(&mut node, &run.command);
        }
        Instruction::Shell(shell) => exec(&mut node, &shell.command),
        Instruction::Stopsignal(stopsignal) => node.leaf("signal", &stopsignal.signal.raw),
        Instruction::User(user) => node.leaf("user", &user.user.raw),
        Instruction::Volume(volume) => node.words("path", &volume.paths),
        Instruction::Workdir(workdir) => node.leaf("path", &workdir.path.raw),
    }
    node
}

fn arg_parts(arg: &Arg) -> Node {
    let mut node = Node::new("");
    for (name, default) in &arg.names {
        match default {
            Some(default) => node.leaf(name, &default.raw),
            None => node.children.push(Node::new(name.clone())),
        }
    }
    node
}

fn pairs(node: &mut Node, pairs: &[(Word, Word)], separator: Separator) {
    pairs.iter().for_each(|(name, value)| node.leaf(&name.raw, &value.raw));
    if separator == Separator::Space {
        node.leaf("form", "`name value`");
    }
}

fn sources(node: &mut Node, sources: &[Source], destination: &Word) {
    for source in sources {
        match source {
            Source::Path(word) => node.leaf("source", &word.raw),
            Source::Heredoc(document) => heredoc(node, document),
        }
    }
    node.leaf("destination", &destination.raw);
}

fn command(node: &mut Node, command: &Command) {
    match command {
        Command::Shell(line) => node.leaf("shell", line),
        Command::Exec(arguments) => exec(node, arguments),
        Command::Heredocs { line, documents } => {
            node.leaf("shell", line);
            documents.iter().for_each(|document| heredoc(node, document));
        }
    }
}

fn exec(node: &mut Node, arguments: &[String]) {
    let quoted: Vec<String> = arguments.iter().map(|argument| format!("{argument:?}")).collect();
    node.leaf("exec", &quoted.join(" "));
}

fn heredoc(node: &mut Node, heredoc: &Heredoc) {
    let expand = if heredoc.expand { "" } else { ", variables kept" };
    let mut document = Node::new(format!("document {}{expand}", heredoc.name));
    let text = heredoc.document();
    document.children.extend(text.lines().map(|line| Node::new(format!("| {line}"))));
    node.children.push(document);
}
