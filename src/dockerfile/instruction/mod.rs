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

use super::ast::{
    Cmd, Entrypoint, Env, Expose, From, Instruction, Label, Located, Maintainer, Stopsignal, User, Word, Workdir,
};
use super::flags::Flags;
use super::statement::{Arguments, Statement, Token};
use crate::diagnostic::Diagnostic;

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
pub(super) fn understand(statement: &Statement, warnings: &mut Vec<Diagnostic>) -> Result<Understood> {
    let instruction = match statement.keyword.text.to_uppercase().as_str() {
        "FROM" => return stage::from(statement).map(Understood::From),
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
        _ => return Err(vec![unknown(&statement.keyword)]),
    };
    Ok(Understood::Instruction(instruction))
}

fn unknown(keyword: &Token) -> Diagnostic {
    Diagnostic::error(format!("unknown instruction `{}`", keyword.text))
        .at(keyword.span)
        .suggest(&keyword.text, KEYWORDS)
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
        warnings.push(Diagnostic::warning(message).at(flag.span));
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
