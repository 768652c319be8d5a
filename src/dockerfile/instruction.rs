//! From a statement to an instruction: does it exist, are its flags known, are its arguments right?
//!
//! What BuildKit's `instructions` package does. Each instruction has a function that takes the statement and
//! gives the part of the syntax tree, or everything that is wrong with it.

use super::ast::*;
use super::duration;
use super::flags::{Flags, Kind};
use super::heredoc;
use super::mount::{Device, Mount};
use super::statement::{Arguments, Statement, Token};
use crate::diagnostic::{Diagnostic, Severity};

/// The keywords of all instructions.
pub const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// What a statement turned out to be.
#[derive(Debug)]
pub(super) enum Understood {
    /// The beginning of a stage.
    From(From),
    /// Any other instruction.
    Instruction(Instruction),
}

type Result<T> = std::result::Result<T, Vec<Diagnostic>>;

/// Understands a statement. Adds what is suspicious about it to `warnings`.
pub(super) fn understand(
    statement: &Statement,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Understood> {
    let instruction = match statement.keyword.text.to_uppercase().as_str() {
        "FROM" => return from(statement).map(Understood::From),
        "ADD" => Instruction::Add(add(statement)?),
        "ARG" => {
            warn_of_flags(statement, warnings);
            Instruction::Arg(arg(statement)?)
        }
        "CMD" => {
            Flags::read(statement, &[])?;
            Instruction::Cmd(Cmd {
                command: command(statement),
            })
        }
        "COPY" => Instruction::Copy(copy(statement)?),
        "ENTRYPOINT" => {
            Flags::read(statement, &[])?;
            Instruction::Entrypoint(Entrypoint {
                command: command(statement),
            })
        }
        "ENV" => {
            let (pairs, separator) = pairs(statement)?;
            Instruction::Env(Env { pairs, separator })
        }
        "EXPOSE" => Instruction::Expose(Expose {
            ports: at_least_one(statement)?,
        }),
        "HEALTHCHECK" => Instruction::Healthcheck(healthcheck(statement, warnings)?),
        "LABEL" => {
            let (pairs, separator) = pairs(statement)?;
            Instruction::Label(Label { pairs, separator })
        }
        "MAINTAINER" => Instruction::Maintainer(Maintainer {
            name: exactly_one(statement)?.raw,
        }),
        "ONBUILD" => Instruction::Onbuild(onbuild(statement, warnings)?),
        "RUN" => Instruction::Run(run(statement, warnings)?),
        "SHELL" => Instruction::Shell(shell(statement)?),
        "STOPSIGNAL" => {
            warn_of_flags(statement, warnings);
            let signal = the_one_argument(statement)?;
            Instruction::Stopsignal(Stopsignal { signal })
        }
        "USER" => Instruction::User(User {
            user: exactly_one(statement)?,
        }),
        "VOLUME" => Instruction::Volume(volume(statement)?),
        "WORKDIR" => Instruction::Workdir(Workdir {
            path: exactly_one(statement)?,
        }),
        _ => return Err(vec![unknown(&statement.keyword)]),
    };
    Ok(Understood::Instruction(instruction))
}

fn unknown(keyword: &Token) -> Diagnostic {
    Diagnostic::error(format!("unknown instruction `{}`", keyword.text))
        .at(keyword.span)
        .suggest(&keyword.text, KEYWORDS)
}

fn from(statement: &Statement) -> Result<From> {
    let items = items(statement);
    let (image, name) = match items {
        [image] => (image, None),
        [image, keyword, name] if keyword.text.eq_ignore_ascii_case("as") => (image, Some(name)),
        [] => {
            return Err(vec![
                at_keyword(statement, "FROM needs an image").hint("write `FROM image`"),
            ]);
        }
        [_, second, ..] => {
            return Err(vec![
                Diagnostic::error("FROM takes an image, or an image and `AS` and a name")
                    .at(second.span)
                    .hint("write `FROM image` or `FROM image AS name`"),
            ]);
        }
    };
    let alias = name.map(stage_name).transpose()?;
    let flags = Flags::read(statement, &[("platform", Kind::Text)])?;
    Ok(From {
        image: word(image),
        alias,
        platform: flags.text("platform").filter(|word| !word.raw.is_empty()),
    })
}

/// A stage's name in lower case: a letter, then letters, digits, `-`, `_` and `.`.
fn stage_name(token: &Token) -> Result<String> {
    let name = token.text.to_lowercase();
    let valid = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if valid {
        return Ok(name);
    }
    Err(vec![
        Diagnostic::error(format!("`{}` cannot name a stage", token.text))
            .at(token.span)
            .hint("a name begins with a letter and goes on with letters, digits, `-`, `_` and `.`"),
    ])
}

fn add(statement: &Statement) -> Result<Add> {
    need_destination(statement)?;
    let known = [
        ("chown", Kind::Text),
        ("chmod", Kind::Text),
        ("link", Kind::Switch),
        ("keep-git-dir", Kind::Switch),
        ("checksum", Kind::Text),
        ("unpack", Kind::Switch),
        ("exclude", Kind::Texts),
    ];
    let flags = Flags::read(statement, &known)?;
    let (sources, destination) = sources_and_destination(statement)?;
    Ok(Add {
        sources,
        destination,
        chown: given(&flags, "chown"),
        chmod: given(&flags, "chmod"),
        link: flags.switch("link").unwrap_or(false),
        excludes: flags.texts("exclude"),
        checksum: given(&flags, "checksum"),
        keep_git_dir: flags.switch("keep-git-dir"),
        unpack: flags.switch("unpack"),
    })
}

fn copy(statement: &Statement) -> Result<Copy> {
    need_destination(statement)?;
    let known = [
        ("chown", Kind::Text),
        ("from", Kind::Text),
        ("chmod", Kind::Text),
        ("link", Kind::Switch),
        ("exclude", Kind::Texts),
        ("parents", Kind::Switch),
    ];
    let flags = Flags::read(statement, &known)?;
    let (sources, destination) = sources_and_destination(statement)?;
    Ok(Copy {
        sources,
        destination,
        from: given(&flags, "from"),
        chown: given(&flags, "chown"),
        chmod: given(&flags, "chmod"),
        link: flags.switch("link").unwrap_or(false),
        parents: flags.switch("parents").unwrap_or(false),
        excludes: flags.texts("exclude"),
    })
}

/// The value of a flag. An empty value is as good as none.
fn given(flags: &Flags, name: &str) -> Option<Word> {
    flags.text(name).filter(|word| !word.raw.is_empty())
}

fn need_destination(statement: &Statement) -> Result<()> {
    let keyword = statement.keyword.text.to_uppercase();
    match items(statement) {
        // A flag whose value stands apart eats the destination: then the flag is the mistake.
        [] | [_] => {
            let message = format!("{keyword} needs at least one source and a destination");
            let error = match items(statement) {
                [only] => Diagnostic::error(message)
                    .at(only.span)
                    .label("source or destination?"),
                _ => at_keyword(statement, message),
            };
            Err(vec![
                error.hint(format!("write `{keyword} source destination`")),
            ])
        }
        _ => Ok(()),
    }
}

fn sources_and_destination(statement: &Statement) -> Result<(Vec<Source>, Word)> {
    let Some((destination, sources)) = items(statement).split_last() else {
        return Err(vec![at_keyword(statement, "no destination")]);
    };
    if matches!(heredoc::parse(&destination.text), Ok(Some(_))) {
        let keyword = statement.keyword.text.to_uppercase();
        return Err(vec![
            Diagnostic::error(format!("{keyword} cannot write to a heredoc"))
                .at(destination.span)
                .label("the destination")
                .hint("put the heredoc before the destination"),
        ]);
    }
    let sources = sources
        .iter()
        .map(|source| match heredoc::parse(&source.text) {
            Ok(Some(mut found)) => {
                // Of two documents with one name the last one counts.
                let document = statement
                    .heredocs
                    .iter()
                    .rev()
                    .find(|document| document.name == found.name);
                found.content = document
                    .map(|document| document.content.clone())
                    .unwrap_or_default();
                Source::Heredoc(found)
            }
            _ => Source::Path(word(source)),
        })
        .collect();
    Ok((sources, word(destination)))
}

fn arg(statement: &Statement) -> Result<Arg> {
    let items = items(statement);
    if items.is_empty() {
        return Err(vec![
            at_keyword(statement, "ARG needs at least one argument")
                .hint("write `ARG name=default`"),
        ]);
    }
    let mut names = Vec::new();
    for item in items {
        match item.text.split_once('=') {
            Some(("", _)) => return Err(vec![blank_name("ARG", item)]),
            Some((name, default)) => {
                let value = Word {
                    raw: default.to_owned(),
                    span: Some(item.span),
                };
                names.push((name.to_owned(), Some(value)));
            }
            None => names.push((item.text.clone(), None)),
        }
    }
    Ok(Arg { names })
}

fn blank_name(keyword: &str, item: &Token) -> Diagnostic {
    Diagnostic::error(format!("{keyword} needs a name before the `=`")).at(item.span)
}

/// The names and values of ENV and LABEL.
fn pairs(statement: &Statement) -> Result<(Vec<(Word, Word)>, Separator)> {
    Flags::read(statement, &[])?;
    let keyword = statement.keyword.text.to_uppercase();
    let Arguments::Pairs(pairs, separator) = &statement.arguments else {
        return Err(vec![needs_an_argument(statement)]);
    };
    if pairs.is_empty() {
        return Err(vec![needs_an_argument(statement)]);
    }
    if let Some((name, value)) = pairs.iter().find(|(name, _)| name.text.is_empty()) {
        let whole = Token {
            text: String::new(),
            span: name.span.join(value.span),
        };
        return Err(vec![blank_name(&keyword, &whole)]);
    }
    Ok((
        pairs
            .iter()
            .map(|(name, value)| (word(name), word(value)))
            .collect(),
        *separator,
    ))
}

fn healthcheck(statement: &Statement, warnings: &mut Vec<Diagnostic>) -> Result<Healthcheck> {
    let Arguments::Check(kind, arguments) = &statement.arguments else {
        return Err(vec![
            needs_an_argument(statement)
                .hint("write `HEALTHCHECK CMD command` or `HEALTHCHECK NONE`"),
        ]);
    };
    if kind.text.eq_ignore_ascii_case("none") {
        if !arguments.is_empty() {
            return Err(vec![
                Diagnostic::error("HEALTHCHECK NONE takes no arguments").at(statement.span),
            ]);
        }
        warn_of_flags(statement, warnings);
        return Ok(Healthcheck::None);
    }
    let known = [
        ("interval", Kind::Text),
        ("timeout", Kind::Text),
        ("start-period", Kind::Text),
        ("start-interval", Kind::Text),
        ("retries", Kind::Text),
    ];
    let flags = Flags::read(statement, &known)?;
    if !kind.text.eq_ignore_ascii_case("cmd") {
        let error =
            Diagnostic::error(format!("HEALTHCHECK knows no `{}`", kind.text)).at(kind.span);
        return Err(vec![
            error.hint("write `HEALTHCHECK CMD command` or `HEALTHCHECK NONE`"),
        ]);
    }
    if arguments.is_empty() {
        return Err(vec![
            Diagnostic::error("HEALTHCHECK CMD needs a command").at(kind.span),
        ]);
    }
    let mut errors = Vec::new();
    let mut duration = |name| {
        given(&flags, name).and_then(|word| {
            interval(name, &word)
                .map_err(|error| errors.push(error))
                .ok()
                .flatten()
        })
    };
    let (interval, timeout) = (duration("interval"), duration("timeout"));
    let (start_period, start_interval) = (duration("start-period"), duration("start-interval"));
    let retries = given(&flags, "retries")
        .and_then(|word| retries(&word).map_err(|error| errors.push(error)).ok());
    if !errors.is_empty() {
        return Err(errors);
    }
    let command = command_of(arguments, &[]);
    Ok(Healthcheck::Check {
        command,
        interval,
        timeout,
        start_period,
        start_interval,
        retries,
    })
}

/// A duration of at least a millisecond; zero is as good as none.
fn interval(
    name: &str,
    word: &Word,
) -> std::result::Result<Option<std::time::Duration>, Diagnostic> {
    let error = |message: String| Diagnostic {
        span: word.span,
        ..Diagnostic::error(message)
    };
    let duration = duration::parse(&word.raw).map_err(|problem| {
        error(format!("`--{name}`: {problem}"))
            .hint("a duration is a number and a unit, as `30s` or `1m30s`")
    })?;
    if duration.is_zero() {
        return Ok(None);
    }
    if duration < std::time::Duration::from_millis(1) {
        return Err(error(format!("`--{name}` cannot be less than `1ms`")));
    }
    Ok(Some(duration))
}

fn retries(word: &Word) -> std::result::Result<u32, Diagnostic> {
    let digits = word.raw.strip_prefix('+').unwrap_or(&word.raw);
    let number = digits
        .parse::<i32>()
        .ok()
        .and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| Diagnostic {
        span: word.span,
        ..Diagnostic::error(format!(
            "`--retries`: `{}` is no number of retries",
            word.raw
        ))
    })
}

fn onbuild(statement: &Statement, warnings: &mut Vec<Diagnostic>) -> Result<Onbuild> {
    let Arguments::Trigger(trigger) = &statement.arguments else {
        return Err(vec![needs_an_argument(statement)]);
    };
    Flags::read(statement, &[])?;
    match trigger.keyword.text.to_uppercase().as_str() {
        "ONBUILD" => {
            let error = Diagnostic::error("ONBUILD cannot follow ONBUILD").at(trigger.keyword.span);
            return Err(vec![error.hint("remove one of them")]);
        }
        keyword @ ("FROM" | "MAINTAINER") => {
            return Err(vec![
                Diagnostic::error(format!("{keyword} cannot follow ONBUILD"))
                    .at(trigger.keyword.span),
            ]);
        }
        _ => {}
    }
    let keyword_length = statement.keyword.text.len();
    let mut text = statement.text.trim_start()[keyword_length..]
        .trim_start()
        .to_owned();
    for document in &statement.heredocs {
        text.push('\n');
        text.push_str(&document.content);
        text.push_str(&document.name);
    }
    let instruction = match understand(trigger, warnings) {
        Ok(Understood::Instruction(value)) => Some(Box::new(locate(value, trigger))),
        Ok(Understood::From(_)) => None,
        // The image may record it all the same; a build FROM it will fail.
        Err(errors) => {
            let as_warnings = errors.into_iter().map(|error| Diagnostic {
                severity: Severity::Warning,
                ..error
            });
            warnings.extend(as_warnings);
            None
        }
    };
    Ok(Onbuild { text, instruction })
}

fn run(statement: &Statement, warnings: &mut Vec<Diagnostic>) -> Result<Run> {
    let known = [
        ("mount", Kind::Texts),
        ("network", Kind::Text),
        ("security", Kind::Text),
        ("device", Kind::Texts),
    ];
    let flags = Flags::read(statement, &known)?;
    let mut errors = Vec::new();
    let mut mounts = Vec::new();
    for word in flags.texts("mount") {
        match Mount::parse(word.clone()) {
            Ok(mount) => {
                let foreseen = mount.foresee().map(|error| error.diagnostic(&word));
                warnings.extend(foreseen.map(|error| Diagnostic {
                    severity: Severity::Warning,
                    ..error
                }));
                mounts.push(mount);
            }
            Err(error) => errors.push(error.diagnostic(&word)),
        }
    }
    let mut devices = Vec::new();
    for word in flags.texts("device") {
        match Device::parse(word.clone()) {
            Ok(device) => devices.push(device),
            Err(error) => errors.push(error.diagnostic(&word)),
        }
    }
    let networks = [
        ("default", Network::Default),
        ("none", Network::None),
        ("host", Network::Host),
    ];
    let network = choice("network", flags.text("network"), &networks, &mut errors);
    let securities = [
        ("sandbox", Security::Sandbox),
        ("insecure", Security::Insecure),
    ];
    let security = choice("security", flags.text("security"), &securities, &mut errors);
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(Run {
        command: command(statement),
        mounts,
        network,
        security,
        devices,
    })
}

/// One of several words as the value of a flag.
fn choice<T: std::marker::Copy>(
    name: &str,
    value: Option<Word>,
    choices: &[(&'static str, T)],
    errors: &mut Vec<Diagnostic>,
) -> Option<T> {
    let word = value?;
    if let Some((_, choice)) = choices.iter().find(|(choice, _)| *choice == word.raw) {
        return Some(*choice);
    }
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    let mut error = Diagnostic::error(format!("`{}` is no value of the flag `--{name}`", word.raw))
        .hint(format!("it is one of `{}`", names.join("`, `")));
    error.span = word.span;
    errors.push(error);
    None
}

fn shell(statement: &Statement) -> Result<Shell> {
    Flags::read(statement, &[])?;
    match &statement.arguments {
        arguments if arguments.is_empty() => Err(vec![needs_an_argument(statement)]),
        Arguments::Exec(strings) => Ok(Shell {
            command: texts(strings),
        }),
        _ => Err(vec![
            Diagnostic::error("SHELL needs a JSON array")
                .at(statement.span)
                .hint("write `SHELL [\"/bin/sh\", \"-c\"]`, with double quotes"),
        ]),
    }
}

fn volume(statement: &Statement) -> Result<Volume> {
    let mut paths = at_least_one(statement)?;
    for path in &mut paths {
        path.raw = path.raw.trim().to_owned();
        if path.raw.is_empty() {
            let mut error = Diagnostic::error("VOLUME cannot have an empty path");
            error.span = path.span;
            return Err(vec![error]);
        }
    }
    Ok(Volume { paths })
}

/// The command of RUN, CMD and ENTRYPOINT.
fn command(statement: &Statement) -> Command {
    command_of(&statement.arguments, &statement.heredocs)
}

fn command_of(arguments: &Arguments, heredocs: &[Heredoc]) -> Command {
    match arguments {
        Arguments::Exec(strings) => Command::Exec(texts(strings)),
        Arguments::Items(items) => {
            let line = texts(items).join(" ");
            if heredocs.is_empty() {
                Command::Shell(line)
            } else {
                Command::Heredocs {
                    line,
                    documents: heredocs.to_vec(),
                }
            }
        }
        // No grammar rule of a command gives these.
        Arguments::Pairs(..) | Arguments::Check(..) | Arguments::Trigger(_) => {
            Command::Shell(String::new())
        }
    }
}

/// Checks that there are no flags and exactly one argument.
fn exactly_one(statement: &Statement) -> Result<Word> {
    let argument = the_one_argument(statement)?;
    Flags::read(statement, &[])?;
    Ok(argument)
}

fn the_one_argument(statement: &Statement) -> Result<Word> {
    let keyword = statement.keyword.text.to_uppercase();
    match items(statement) {
        [argument] => Ok(word(argument)),
        _ => Err(vec![at_keyword(
            statement,
            format!("{keyword} needs exactly one argument"),
        )]),
    }
}

/// Checks that there are no flags and at least one argument.
fn at_least_one(statement: &Statement) -> Result<Vec<Word>> {
    let items = items(statement);
    if items.is_empty() {
        return Err(vec![needs_an_argument(statement)]);
    }
    Flags::read(statement, &[])?;
    Ok(items.iter().map(word).collect())
}

/// Flags of an instruction that ignores them.
fn warn_of_flags(statement: &Statement, warnings: &mut Vec<Diagnostic>) {
    let keyword = statement.keyword.text.to_uppercase();
    for flag in &statement.flags {
        let message = format!("{keyword} has no flags: `{}` means nothing", flag.text);
        warnings.push(Diagnostic::warning(message).at(flag.span));
    }
}

fn needs_an_argument(statement: &Statement) -> Diagnostic {
    at_keyword(
        statement,
        format!(
            "{} needs at least one argument",
            statement.keyword.text.to_uppercase()
        ),
    )
}

fn at_keyword(statement: &Statement, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(message).at(statement.keyword.span)
}

/// The separate arguments, JSON or not.
fn items(statement: &Statement) -> &[Token] {
    match &statement.arguments {
        Arguments::Items(items) | Arguments::Exec(items) => items,
        Arguments::Pairs(..) | Arguments::Check(..) | Arguments::Trigger(_) => &[],
    }
}

fn texts(tokens: &[Token]) -> Vec<String> {
    tokens.iter().map(|token| token.text.clone()).collect()
}

fn word(token: &Token) -> Word {
    Word {
        raw: token.text.clone(),
        span: Some(token.span),
    }
}

/// Puts a part of the tree at the place of its statement.
pub(super) fn locate<T>(value: T, statement: &Statement) -> Located<T> {
    Located {
        value,
        span: statement.span,
        lines: statement.lines,
        text: statement.text.trim().to_owned(),
        comments: statement.comments.clone(),
    }
}
