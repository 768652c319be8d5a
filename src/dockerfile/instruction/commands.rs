//! RUN, SHELL and HEALTHCHECK, and the command that RUN, CMD and ENTRYPOINT share.

use std::time::Duration;

use super::super::ast::{Command, Healthcheck, Heredoc, Network, Run, Security, Shell};
use super::super::device::Device;
use super::super::duration;
use super::super::flags::{Flags, Kind};
use super::super::mount::Mount;
use super::super::nearly_json;
use super::super::rules;
use super::super::statement::{Arguments, Statement};
use super::super::word::Word;
use super::arguments::{Result, given, needs_an_argument, plain_arguments, texts};
use super::suspicious::warn_of_flags;
use crate::diagnostic::{Diagnostic, Severity};

/// Understands `RUN [flags] command`.
pub(super) fn run(statement: &Statement, warnings: &mut Vec<Diagnostic>) -> Result<Run> {
    let known = [("mount", Kind::Texts), ("network", Kind::Text), ("security", Kind::Text), ("device", Kind::Texts)];
    let flags = Flags::read(statement, &known)?;
    let mut errors = Vec::new();
    let mut mounts = Vec::new();
    for word in flags.texts("mount") {
        match Mount::parse(word.clone()) {
            Ok(mount) => {
                let foreseen = mount.foresee().map(|error| error.diagnostic(&word));
                warnings.extend(foreseen.map(|error| error.severity(Severity::Warning)));
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
    let networks = [("default", Network::Default), ("none", Network::None), ("host", Network::Host)];
    let network = choice("network", flags.text("network"), &networks, &mut errors);
    let securities = [("sandbox", Security::Sandbox), ("insecure", Security::Insecure)];
    let security = choice("security", flags.text("security"), &securities, &mut errors);
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(Run { command: command(statement), mounts, network, security, devices })
}

/// One of several words as the value of a flag.
fn choice<T: Copy>(
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
    let message = format!("`{}` is not a valid value for the flag `--{name}`", word.raw);
    let error = Diagnostic::new(&rules::INVALID_FLAG_VALUE, message).at(word.span);
    errors.push(error.hint(format!("it is one of `{}`", names.join("`, `"))));
    None
}

/// Understands `SHELL ["executable", …]`.
pub(super) fn shell(statement: &Statement) -> Result<Shell> {
    Flags::read(statement, &[])?;
    match &statement.arguments {
        arguments if arguments.is_empty() => Err(vec![needs_an_argument(statement)]),
        Arguments::Exec(strings) => Ok(Shell { command: texts(strings) }),
        arguments => {
            let error = Diagnostic::new(&rules::INVALID_JSON, "SHELL needs a JSON array").at(statement.span);
            let meant = plain_arguments(arguments).filter(|(text, _)| nearly_json::is_meant(text));
            Err(vec![match meant {
                Some((text, _)) => error.hint(nearly_json::advice(&text)),
                None => error.hint("write `SHELL [\"/bin/sh\", \"-c\"]`, with double quotes"),
            }])
        }
    }
}

/// Understands `HEALTHCHECK [flags] CMD command` and `HEALTHCHECK NONE`.
pub(super) fn healthcheck(statement: &Statement, warnings: &mut Vec<Diagnostic>) -> Result<Healthcheck> {
    let Arguments::Check(kind, arguments) = &statement.arguments else {
        return Err(vec![needs_an_argument(statement).hint("write `HEALTHCHECK CMD command` or `HEALTHCHECK NONE`")]);
    };
    if kind.text.eq_ignore_ascii_case("none") {
        if !arguments.is_empty() {
            return Err(vec![
                Diagnostic::new(&rules::WRONG_ARGUMENTS, "HEALTHCHECK NONE takes no arguments").at(statement.span),
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
            Diagnostic::new(&rules::WRONG_ARGUMENTS, format!("HEALTHCHECK has no form `{}`", kind.text)).at(kind.span);
        return Err(vec![error.hint("write `HEALTHCHECK CMD command` or `HEALTHCHECK NONE`")]);
    }
    if arguments.is_empty() {
        return Err(vec![Diagnostic::new(&rules::WRONG_ARGUMENTS, "HEALTHCHECK CMD needs a command").at(kind.span)]);
    }
    let mut errors = Vec::new();
    let mut duration = |name| {
        given(&flags, name).and_then(|word| interval(name, &word).map_err(|error| errors.push(error)).ok().flatten())
    };
    let (interval, timeout) = (duration("interval"), duration("timeout"));
    let (start_period, start_interval) = (duration("start-period"), duration("start-interval"));
    let retries = given(&flags, "retries").and_then(|word| retries(&word).map_err(|error| errors.push(error)).ok());
    if !errors.is_empty() {
        return Err(errors);
    }
    let command = command_of(arguments, &[]);
    Ok(Healthcheck::Check { command, interval, timeout, start_period, start_interval, retries })
}

/// A duration of at least a millisecond; zero is as good as none.
fn interval(name: &str, word: &Word) -> std::result::Result<Option<Duration>, Diagnostic> {
    let error = |message: String| Diagnostic::new(&rules::INVALID_FLAG_VALUE, message).at(word.span);
    let duration = duration::parse(&word.raw).map_err(|problem| {
        error(format!("`--{name}`: {problem}")).hint("a duration is a number and a unit, such as `30s` or `1m30s`")
    })?;
    if duration.is_zero() {
        return Ok(None);
    }
    if duration < Duration::from_millis(1) {
        return Err(error(format!("`--{name}` cannot be less than `1ms`")));
    }
    Ok(Some(duration))
}

fn retries(word: &Word) -> std::result::Result<u32, Diagnostic> {
    let digits = word.raw.strip_prefix('+').unwrap_or(&word.raw);
    let number = digits.parse::<i32>().ok().and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| {
        let message = format!("`--retries`: `{}` is not a number of retries", word.raw);
        Diagnostic::new(&rules::INVALID_FLAG_VALUE, message).at(word.span)
    })
}

/// The command of RUN, CMD and ENTRYPOINT.
pub(super) fn command(statement: &Statement) -> Command {
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
                Command::Heredocs { line, documents: heredocs.to_vec() }
            }
        }
        // No grammar rule of a command gives these.
        Arguments::Pairs(..) | Arguments::Check(..) | Arguments::Trigger(_) => Command::Shell(String::new()),
    }
}
