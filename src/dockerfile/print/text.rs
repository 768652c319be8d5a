//! A Dockerfile from its syntax tree.
//!
//! The text means the same and has the same comments, one instruction a line; [`parse`](super::super::parse()) gives the same tree for it,
//! except for places. Continuations are not restored.

use super::super::ast::{
    Add, Arg, Command, Copy, Dockerfile, From, Healthcheck, Heredoc, Instruction, Located, Network, Run, Security,
    Separator, Source,
};
use super::super::directive::Directives;
use super::super::duration;
use super::super::heredoc;
use super::super::word::Word;

/// Prints a whole Dockerfile.
pub fn dockerfile(dockerfile: &Dockerfile) -> String {
    let printer = Printer { escape: dockerfile.directives.escape };
    let mut out = directives(&dockerfile.directives);
    let mut statements: Vec<(&[String], String)> = Vec::new();
    for arg in &dockerfile.global_args {
        statements.push((&arg.comments, printer.arg(&arg.value)));
    }
    for stage in &dockerfile.stages {
        statements.push((&stage.from.comments, printer.from(&stage.from.value)));
        for Located { value, comments, .. } in &stage.instructions {
            statements.push((comments, printer.instruction(value)));
        }
    }
    // A blank line keeps a comment at the top from being read as a directive.
    if !out.is_empty() || statements.first().is_some_and(|(comments, _)| !comments.is_empty()) {
        out.push('\n');
    }
    for (index, (comments, text)) in statements.into_iter().enumerate() {
        if index > 0 && text.starts_with("FROM") {
            out.push('\n');
        }
        for comment in comments {
            out.push_str(&format!("# {comment}\n"));
        }
        out.push_str(&printer.not_continued(&text));
        out.push('\n');
    }
    out
}

fn directives(directives: &Directives) -> String {
    let mut out = String::new();
    if let Some(syntax) = &directives.syntax {
        out.push_str(&format!("# syntax={syntax}\n"));
    }
    if directives.escape != '\\' {
        out.push_str(&format!("# escape={}\n", directives.escape));
    }
    if let Some(check) = &directives.check {
        out.push_str(&format!("# check={check}\n"));
    }
    out
}

struct Printer {
    escape: char,
}

impl Printer {
    /// The text with a form feed after its first line if that ends with the escape character, which would join it
    /// with the next one. The form feed itself is trimmed when the line is read.
    fn not_continued(&self, text: &str) -> String {
        let (line, documents) = text.split_at(text.find('\n').unwrap_or(text.len()));
        let continued = line.strip_suffix(self.escape).is_some_and(|before| !before.ends_with(self.escape));
        let stop = if continued { "\u{c}" } else { "" };
        format!("{line}{stop}{documents}")
    }

    fn instruction(&self, instruction: &Instruction) -> String {
        match instruction {
            Instruction::Add(add) => self.add(add),
            Instruction::Arg(arg) => self.arg(arg),
            Instruction::Cmd(cmd) => format!("CMD{}", after_flags(&command(&cmd.command))),
            Instruction::Copy(copy) => self.copy(copy),
            Instruction::Entrypoint(entrypoint) => {
                format!("ENTRYPOINT{}", after_flags(&command(&entrypoint.command)))
            }
            Instruction::Env(env) => format!("ENV{}", pairs(&env.pairs, env.separator)),
            Instruction::Expose(expose) => {
                format!("EXPOSE{}", after_flags(&raws(&expose.ports).join(" ")))
            }
            Instruction::Healthcheck(healthcheck) => self.healthcheck(healthcheck),
            Instruction::Label(label) => format!("LABEL{}", pairs(&label.pairs, label.separator)),
            Instruction::Maintainer(maintainer) => {
                format!("MAINTAINER{}", after_flags(&maintainer.name))
            }
            Instruction::Onbuild(onbuild) => format!("ONBUILD {}", onbuild.text),
            Instruction::Run(run) => self.run(run),
            Instruction::Shell(shell) => format!("SHELL {}", json_array(&shell.command)),
            Instruction::Stopsignal(stopsignal) => {
                format!("STOPSIGNAL{}", after_flags(&stopsignal.signal.raw))
            }
            Instruction::User(user) => format!("USER{}", after_flags(&user.user.raw)),
            Instruction::Volume(volume) => format!("VOLUME{}", self.list(&raws(&volume.paths))),
            Instruction::Workdir(workdir) => format!("WORKDIR{}", after_flags(&workdir.path.raw)),
        }
    }

    fn from(&self, from: &From) -> String {
        let mut out = "FROM".to_owned();
        self.flag(&mut out, "platform", &from.platform);
        out.push_str(&after_flags(&from.image.raw));
        if let Some(alias) = &from.alias {
            out.push_str(&format!(" AS {alias}"));
        }
        out
    }

    fn arg(&self, arg: &Arg) -> String {
        let words: Vec<String> = arg
            .names
            .iter()
            .map(|(name, default)| match default {
                Some(default) => format!("{name}={}", default.raw),
                None => name.clone(),
            })
            .collect();
        format!("ARG{}", after_flags(&words.join(" ")))
    }

    fn add(&self, add: &Add) -> String {
        let mut out = "ADD".to_owned();
        self.flag(&mut out, "chown", &add.chown);
        self.flag(&mut out, "chmod", &add.chmod);
        self.flag(&mut out, "checksum", &add.checksum);
        add.excludes.iter().for_each(|exclude| self.flag(&mut out, "exclude", &Some(exclude.clone())));
        switch(&mut out, "link", add.link.then_some(true));
        switch(&mut out, "keep-git-dir", add.keep_git_dir);
        switch(&mut out, "unpack", add.unpack);
        self.sources(out, &add.sources, &add.destination)
    }

    fn copy(&self, copy: &Copy) -> String {
        let mut out = "COPY".to_owned();
        self.flag(&mut out, "from", &copy.from);
        self.flag(&mut out, "chown", &copy.chown);
        self.flag(&mut out, "chmod", &copy.chmod);
        copy.excludes.iter().for_each(|exclude| self.flag(&mut out, "exclude", &Some(exclude.clone())));
        switch(&mut out, "link", copy.link.then_some(true));
        switch(&mut out, "parents", copy.parents.then_some(true));
        self.sources(out, &copy.sources, &copy.destination)
    }

    /// Adds sources, destination, and the documents among the sources.
    fn sources(&self, mut out: String, sources: &[Source], destination: &Word) -> String {
        let mut words = Vec::new();
        let mut documents = Vec::new();
        for source in sources {
            match source {
                Source::Path(word) => words.push(word.raw.clone()),
                Source::Heredoc(document) => {
                    words.push(heredoc_word(document));
                    documents.push(document);
                }
            }
        }
        words.push(destination.raw.clone());
        let list = self.list(&words);
        out.push_str(&list);
        // In JSON, and where quotes do not match, a `<<` opens nothing, and the document is empty.
        let opened = if list.starts_with(" [") { Vec::new() } else { heredoc::find(&out).unwrap_or_default() };
        for (_, found) in opened {
            let document = documents.iter().find(|document| document.name == found.name);
            let content = document.map_or("", |document| document.content.as_str());
            out.push_str(&format!("\n{content}{}", found.name));
        }
        out
    }

    fn run(&self, run: &Run) -> String {
        let mut out = "RUN".to_owned();
        run.mounts.iter().for_each(|mount| self.flag(&mut out, "mount", &Some(mount.text.clone())));
        run.devices.iter().for_each(|device| self.flag(&mut out, "device", &Some(device.text.clone())));
        let network = run.network.map(|network| match network {
            Network::Default => "default",
            Network::None => "none",
            Network::Host => "host",
        });
        self.flag(&mut out, "network", &network.map(Word::new));
        let security = run.security.map(|security| match security {
            Security::Sandbox => "sandbox",
            Security::Insecure => "insecure",
        });
        self.flag(&mut out, "security", &security.map(Word::new));
        out + &after_flags(&command(&run.command))
    }

    fn healthcheck(&self, healthcheck: &Healthcheck) -> String {
        let (test, durations, retries) = match healthcheck {
            Healthcheck::None => return "HEALTHCHECK NONE".to_owned(),
            Healthcheck::Check { command, interval, timeout, start_period, start_interval, retries } => {
                let durations = [
                    ("interval", interval),
                    ("timeout", timeout),
                    ("start-period", start_period),
                    ("start-interval", start_interval),
                ];
                (command, durations, retries)
            }
        };
        let mut out = "HEALTHCHECK".to_owned();
        for (name, value) in durations {
            self.flag(&mut out, name, &value.map(|value| Word::new(duration::format(value))));
        }
        self.flag(&mut out, "retries", &retries.map(|retries| Word::new(retries.to_string())));
        format!("{out} CMD {}", command(test))
    }

    /// Adds a flag if it has a value. A value with spaces is quoted, which also keeps a `<<` in it from opening a
    /// heredoc.
    fn flag(&self, out: &mut String, name: &str, value: &Option<Word>) {
        let Some(value) = value else { return };
        let quote = match value.raw.contains(char::is_whitespace) {
            true if value.raw.contains('"') => "'",
            true => "\"",
            false => "",
        };
        out.push_str(&format!(" --{name}={quote}"));
        for character in value.raw.chars() {
            if character == self.escape || matches!(character, '\'' | '"') {
                out.push(self.escape);
            }
            out.push(character);
        }
        out.push_str(quote);
    }

    /// Items of a list, as JSON when an item could not be written otherwise.
    fn list(&self, items: &[String]) -> String {
        let line = items.join(" ");
        let plain = items.iter().all(|item| !item.is_empty() && !item.contains(char::is_whitespace))
            && !line.starts_with(['[', '-'])
            && !line.ends_with(self.escape);
        if plain { format!(" {line}") } else { format!(" {}", json_array(items)) }
    }
}

/// A switch: `--name`, or `--name=false`.
fn switch(out: &mut String, name: &str, value: Option<bool>) {
    match value {
        None => {}
        Some(true) => out.push_str(&format!(" --{name}")),
        Some(false) => out.push_str(&format!(" --{name}=false")),
    }
}

/// Arguments after a space, and after `--` when they would be taken for flags.
fn after_flags(arguments: &str) -> String {
    match arguments {
        "" => String::new(),
        flag_like if flag_like.starts_with("--") => format!(" -- {flag_like}"),
        arguments => format!(" {arguments}"),
    }
}

fn command(command: &Command) -> String {
    match command {
        Command::Shell(line) => line.clone(),
        Command::Exec(arguments) => json_array(arguments),
        Command::Heredocs { line, documents } => {
            let mut out = line.clone();
            for document in documents {
                out.push_str(&format!("\n{}{}", document.content, document.name));
            }
            out
        }
    }
}

fn pairs(pairs: &[(Word, Word)], separator: Separator) -> String {
    let separator = match separator {
        Separator::Equals => '=',
        Separator::Space => ' ',
    };
    let words: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}{separator}{}", name.raw, value.raw)).collect();
    after_flags(&words.join(" "))
}

/// `<<NAME`, quoted if its variables stay.
fn heredoc_word(heredoc: &Heredoc) -> String {
    let descriptor = if heredoc.descriptor == 0 { String::new() } else { heredoc.descriptor.to_string() };
    let dash = if heredoc.chomp { "-" } else { "" };
    let mut name = String::new();
    for (index, character) in heredoc.name.chars().enumerate() {
        let escaped = if heredoc.expand {
            matches!(character, '\\' | '\'' | '"') || (index == 0 && character == '-' && !heredoc.chomp)
        } else {
            matches!(character, '\\' | '$' | '"')
        };
        if escaped {
            name.push('\\');
        }
        name.push(character);
    }
    let quote = if heredoc.expand { "" } else { "\"" };
    format!("{descriptor}<<{dash}{quote}{name}{quote}")
}

fn raws(words: &[Word]) -> Vec<String> {
    words.iter().map(|word| word.raw.clone()).collect()
}

/// `["a", "b"]`
fn json_array(strings: &[String]) -> String {
    let strings: Vec<String> =
        strings.iter().map(|string| serde_json::Value::from(string.as_str()).to_string()).collect();
    format!("[{}]", strings.join(", "))
}
