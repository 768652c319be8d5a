//! From a statement to an instruction: does it exist, are its flags known, are its arguments right?
//!
//! What BuildKit's `instructions` package does. Each instruction has a function that takes the statement and
//! gives the part of the syntax tree, or everything that is wrong with it. They stand in files of their own:
//! `stage` (FROM, ARG), `files` (ADD, COPY), `commands` (RUN, SHELL, HEALTHCHECK, and the command itself),
//! `settings` (ENV, LABEL, VOLUME). This file dispatches, and has ONBUILD, which holds another instruction;
//! `arguments` is what they share.

mod arguments;
mod commands;
mod files;
mod settings;
mod stage;
mod suspicious;
mod unknown;

use super::ast::{Cmd, Entrypoint, Env, From, Instruction, Label, Onbuild, Stopsignal, User, Workdir};
use super::flags::Flags;
use super::rules;
use super::statement::{Arguments, Statement};
use crate::diagnostic::Diagnostic;
use arguments::{Result, exactly_one, needs_an_argument, the_one_argument};
use suspicious::{warn_of_carriage_returns, warn_of_flags, warn_of_nearly_json};

/// What a statement turned out to be.
#[derive(Debug)]
pub(super) enum Understood {
    /// The beginning of a stage.
    From(From),
    /// Any other instruction.
    Instruction(Instruction),
}

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
        "FROM" => return stage::from(statement, warnings).map(Understood::From).map(Some),
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
            let (pairs, separator) = settings::pairs(statement, warnings)?;
            Instruction::Env(Env { pairs, separator })
        }
        "EXPOSE" => Instruction::Expose(settings::expose(statement, warnings)?),
        "HEALTHCHECK" => Instruction::Healthcheck(commands::healthcheck(statement, warnings)?),
        "LABEL" => {
            let (pairs, separator) = settings::pairs(statement, warnings)?;
            Instruction::Label(Label { pairs, separator })
        }
        "MAINTAINER" => Instruction::Maintainer(settings::maintainer(statement, warnings)?),
        "ONBUILD" => Instruction::Onbuild(onbuild(statement, warnings)?),
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

/// Understands `ONBUILD instruction`. An instruction that is wrong is only a warning, and an error of the build that
/// is FROM the image.
fn onbuild(statement: &Statement, warnings: &mut Vec<Diagnostic>) -> Result<Onbuild> {
    let Arguments::Trigger(trigger) = &statement.arguments else {
        return Err(vec![needs_an_argument(statement)]);
    };
    Flags::read(statement, &[])?;
    match trigger.keyword.text.to_uppercase().as_str() {
        "ONBUILD" => {
            let error =
                Diagnostic::new(&rules::INVALID_TRIGGER, "ONBUILD cannot follow ONBUILD").at(trigger.keyword.span);
            return Err(vec![error.hint("remove one of them")]);
        }
        keyword @ ("FROM" | "MAINTAINER") => {
            let message = format!("{keyword} cannot follow ONBUILD");
            return Err(vec![Diagnostic::new(&rules::INVALID_TRIGGER, message).at(trigger.keyword.span)]);
        }
        _ => {}
    }
    let keyword_length = statement.keyword.text.len();
    let mut text = statement.text.trim_start()[keyword_length..].trim_start().to_owned();
    for document in &statement.heredocs {
        text.push('\n');
        text.push_str(&document.content);
        text.push_str(&document.name);
    }
    let instruction = match understand(trigger, None, warnings) {
        Ok(Understood::Instruction(value)) => Some(Box::new(trigger.locate(value))),
        Ok(Understood::From(_)) => None,
        // The image may record it all the same; a build FROM it will fail.
        Err(errors) => {
            warnings.extend(errors.into_iter().map(|error| error.rule(&rules::INVALID_ONBUILD_TRIGGER)));
            None
        }
    };
    Ok(Onbuild { text, instruction })
}
