//! From a statement to an instruction: does it exist, are its flags known, are its arguments right?
//!
//! What BuildKit's `instructions` package does. Each instruction has a function that takes the statement and
//! gives the part of the syntax tree, or everything that is wrong with it. They stand in files of their own:
//! `stage` (FROM, ARG, ONBUILD), `files` (ADD, COPY), `commands` (RUN, SHELL, HEALTHCHECK, and the command itself),
//! `settings` (ENV, LABEL, VOLUME). This file dispatches and holds what they share.

mod commands;
mod files;
mod settings;
mod stage;
mod unknown;

use super::ast::{
    Cmd, Entrypoint, Env, Expose, From, Instruction, Label, Located, Maintainer, Stopsignal, User, Word, Workdir,
};
use super::flags::Flags;
use super::statement::{Arguments, Statement, Token};
use super::{nearly_json, warning};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

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

/// Understands a statement. `previous` is the one above it. Adds what is suspicious to `warnings`.
pub(super) fn understand(
    statement: &Statement,
    previous: Option<&Statement>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Understood> {
    warn_of_nearly_json(statement, warnings);
    warn_of_carriage_returns(statement, warnings);
    let mut understood = match understand_keyword(statement, warnings) {
        Ok(Some(understood)) => return Ok(understood),
        Ok(None) => vec![unknown::diagnose(&statement.keyword, previous)],
        Err(errors) => errors,
    };
    // A space that is none explains most of what can be wrong with a line.
    if let Some(character) = statement.text.chars().find(|character| unknown::is_unseen(*character)) {
        understood.iter_mut().for_each(|error| error.hint = Some(unknown::unseen(character)));
    }
    Err(understood)
}

/// `None` for a keyword that does not exist.
fn understand_keyword(statement: &Statement, warnings: &mut Vec<Diagnostic>) -> Result<Option<Understood>> {
    let instruction = match statement.keyword.text.to_uppercase().as_str() {
        "FROM" => return stage::from(statement).map(Understood::From).map(Some),
        "ADD" => Instruction::Add(files::add(statement, warnings)?),
        "ARG" => {
            warn_of_flags(statement, warnings);
            Instruction::Arg(stage::arg(statement)?)
        }
        "CMD" => {
            Flags::read(statement, &[])?;
            Instruction::Cmd(Cmd { command: commands::command(statement) })
        }
        "COPY" => Instruction::Copy(files::copy(statement, warnings)?),
        "ENTRYPOINT" => {
            Flags::read(statement, &[])?;
            Instruction::Entrypoint(Entrypoint { command: commands::command(statement) })
        }
        "ENV" => {
            let (pairs, separator) = settings::pairs(statement)?;
            Instruction::Env(Env { pairs, separator })
        }
        "EXPOSE" => Instruction::Expose(Expose { ports: at_least_one(statement)? }),
        "HEALTHCHECK" => Instruction::Healthcheck(commands::healthcheck(statement, warnings)?),
        "LABEL" => {
            let (pairs, separator) = settings::pairs(statement)?;
            Instruction::Label(Label { pairs, separator })
        }
        "MAINTAINER" => Instruction::Maintainer(Maintainer { name: exactly_one(statement)?.raw }),
        "ONBUILD" => Instruction::Onbuild(stage::onbuild(statement, warnings)?),
        "RUN" => Instruction::Run(commands::run(statement, warnings)?),
        "SHELL" => Instruction::Shell(commands::shell(statement)?),
        "STOPSIGNAL" => {
            warn_of_flags(statement, warnings);
            let signal = the_one_argument(statement)?;
            Instruction::Stopsignal(Stopsignal { signal })
        }
        "USER" => Instruction::User(User { user: exactly_one(statement)? }),
        "VOLUME" => Instruction::Volume(settings::volume(statement)?),
        "WORKDIR" => Instruction::Workdir(Workdir { path: exactly_one(statement)? }),
        _ => return Ok(None),
    };
    Ok(Some(Understood::Instruction(instruction)))
}

/// The text of arguments that stand for themselves, and its place.
fn plain_arguments(arguments: &Arguments) -> Option<(String, Span)> {
    match arguments {
        Arguments::Items(items) => {
            let (first, last) = (items.first()?, items.last()?);
            Some((texts(items).join(" "), first.span.join(last.span)))
        }
        Arguments::Check(_, command) => plain_arguments(command),
        Arguments::Exec(_) | Arguments::Pairs(..) | Arguments::Trigger(_) => None,
    }
}

/// Text that was meant as JSON, and goes to the shell or becomes words.
fn warn_of_nearly_json(statement: &Statement, warnings: &mut Vec<Diagnostic>) {
    let keyword = statement.keyword.text.to_uppercase();
    let becomes = match keyword.as_str() {
        "CMD" | "ENTRYPOINT" | "HEALTHCHECK" | "RUN" => "the shell gets it as written",
        "ADD" | "COPY" | "VOLUME" => "it is read as plain words",
        _ => return,
    };
    if let Some((text, span)) = plain_arguments(&statement.arguments)
        && nearly_json::is_meant(&text)
    {
        let warning = Diagnostic::warning(format!("this looks like a JSON array, but is not valid JSON: {becomes}"));
        warnings.push(warning.kind(warning::NEARLY_JSON).at(span).hint(nearly_json::advice(&text)));
    }
}

/// Documents whose lines end as on Windows. An instruction itself loses its carriage returns; a document keeps them.
fn warn_of_carriage_returns(statement: &Statement, warnings: &mut Vec<Diagnostic>) {
    if matches!(statement.arguments, Arguments::Trigger(_)) {
        return;
    }
    for document in statement.heredocs.iter().filter(|document| document.content.contains("\r\n")) {
        let warning = Diagnostic::warning(format!(
            "the lines of the heredoc `{}` end with a carriage return, as on Windows",
            document.name
        ));
        warnings.push(
            warning.kind(warning::CARRIAGE_RETURNS).at(statement.keyword.span).hint(
                "save the file with line feeds only; a shell takes the carriage return for a part of the last word",
            ),
        );
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
        _ => Err(vec![at_keyword(statement, format!("{keyword} needs exactly one argument"))]),
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

/// The value of a flag. An empty value is as good as none.
fn given(flags: &Flags, name: &str) -> Option<Word> {
    flags.text(name).filter(|word| !word.raw.is_empty())
}

/// Flags of an instruction that ignores them.
fn warn_of_flags(statement: &Statement, warnings: &mut Vec<Diagnostic>) {
    let keyword = statement.keyword.text.to_uppercase();
    for flag in &statement.flags {
        let message = format!("{keyword} has no flags: `{}` means nothing", flag.text);
        warnings.push(Diagnostic::warning(message).kind(warning::FLAG_WITHOUT_EFFECT).at(flag.span));
    }
}

fn needs_an_argument(statement: &Statement) -> Diagnostic {
    at_keyword(statement, format!("{} needs at least one argument", statement.keyword.text.to_uppercase()))
}

fn blank_name(keyword: &str, item: &Token) -> Diagnostic {
    Diagnostic::error(format!("{keyword} needs a name before the `=`")).at(item.span)
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
    Word { raw: token.text.clone(), span: Some(token.span) }
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
