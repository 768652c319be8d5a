//! The instructions that change the configuration and no file: ENV, ARG, LABEL, CMD, ENTRYPOINT, EXPOSE, VOLUME, USER, STOPSIGNAL,
//! SHELL, HEALTHCHECK, ONBUILD, MAINTAINER.
//!
//! Each is a pure function: state before → state after, and the line of history. Within one instruction every variable
//! keeps the value it had before it. What the history says is what BuildKit writes.

use std::sync::Arc;

use super::command;
use crate::cache::{Ingredient, Ingredients, Setting};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{
    Arg, Cmd, Command, Entrypoint, Env, Expose, Healthcheck, Instruction, Label, Limit, Stopsignal, Volume, WithFiles,
    rules,
};
use crate::limits::Limits;
use crate::machine::go;
use crate::machine::intent::Intent;
use crate::machine::noted::Noted;
use crate::machine::scope::Scope;
use crate::machine::{Error, State};
use crate::oci::{HealthConfig, PortSpecification, is_signal};

/// ARGs that speak to the builder and are not part of the environment.
const NOT_IN_ENVIRONMENT: [&str; 2] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

/// What an instruction that touches no file does.
#[derive(Clone, Debug)]
pub(crate) struct Configured {
    pub(crate) state: State,
    /// The instruction after expansion, as the history tells it.
    pub(crate) text: String,
    pub(crate) history: Recorded,
}

/// Whether an instruction has a line in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recorded {
    Yes,
    /// ONBUILD: what it says is done, and told, where the image is built upon.
    No,
}

/// What [`apply`] makes of an instruction.
pub(crate) enum Applied<'i> {
    Configured(Box<Configured>),
    /// Nothing: it has to do with files.
    Files(WithFiles<'i>),
}

/// An instruction without files as a step.
///
/// # Errors
/// The stage has collected too much.
pub(crate) fn resolve(mut done: Configured, before: &Arc<State>, scope: &Scope<'_>) -> Result<Intent, Error> {
    done.state.collected = collected(before, &done.text, scope.limits)?;
    Ok(without_files(before, done, scope.noted))
}

/// A step without files. It depends on the base image and on its own text, and on nothing else: no such step makes a later
/// one miss.
pub(crate) fn without_files(before: &Arc<State>, done: Configured, noted: &Noted) -> Intent {
    let Configured { state: after, text, history } = done;
    let mut ingredients = Ingredients::default();
    ingredients.push(Ingredient::setting(Setting::BaseImage, &*before.base));
    ingredients.push(Ingredient::Instruction { text: text.clone() });
    let expanded = noted.expanded(&text);
    let history = (history == Recorded::Yes).then_some(text);
    Intent { expanded, ..Intent::new(before, after, ingredients, history) }
}

/// The bytes that a stage has collected with one more instruction, if that is not more than it may.
fn collected(before: &State, text: &str, limits: &Limits) -> Result<usize, Error> {
    let collected = before.collected.saturating_add(text.len());
    if collected > Limit::Configuration.of(limits) {
        let what = "the variables, labels and other settings of this stage";
        return Err(Limit::Configuration.exceeded(limits, what).into());
    }
    Ok(collected)
}

/// Applies an instruction, unless it has to do with files.
///
/// # Errors
/// A word can't be expanded, or a value is not valid.
pub(crate) fn apply<'i>(instruction: &'i Instruction, state: &State, scope: &Scope<'_>) -> Result<Applied<'i>, Error> {
    let mut next = state.clone();
    let mut history = Recorded::Yes;
    let text = match instruction {
        Instruction::Add(add) => return Ok(Applied::Files(WithFiles::Add(add))),
        Instruction::Copy(copy) => return Ok(Applied::Files(WithFiles::Copy(copy))),
        Instruction::Run(run) => return Ok(Applied::Files(WithFiles::Run(run))),
        Instruction::Workdir(workdir) => return Ok(Applied::Files(WithFiles::Workdir(workdir))),
        Instruction::Env(env) => set(env, state, &mut next, scope)?,
        Instruction::Arg(arg) => declare(arg, &mut next, scope)?,
        Instruction::Label(label) => mark(label, state, &mut next, scope)?,
        Instruction::Maintainer(maintainer) => {
            next.author = Some(maintainer.name.as_str().into());
            format!("MAINTAINER {}", maintainer.name)
        }
        Instruction::Cmd(cmd) => default_command(cmd, &mut next),
        Instruction::Entrypoint(entrypoint) => entry(entrypoint, &mut next),
        Instruction::Expose(expose) => expose_ports(expose, state, &mut next, scope)?,
        Instruction::Volume(volume) => declare_volumes(volume, state, &mut next, scope)?,
        Instruction::User(user) => {
            let user = scope.word(&user.user, state)?;
            next.settings.single_mut().user.clone_from(&user);
            format!("USER {user}")
        }
        Instruction::Stopsignal(stop) => stop_by(stop, state, &mut next, scope)?,
        Instruction::Shell(shell) => {
            next.settings.single_mut().shell = Some(shell.command.clone());
            format!("SHELL [{}]", shell.command.join(" "))
        }
        Instruction::Healthcheck(check) => {
            let config = health(check, state);
            let text = go::healthcheck(&config);
            next.settings.single_mut().healthcheck = Some(config);
            text
        }
        Instruction::Onbuild(onbuild) => {
            next.settings.on_build.push_back(onbuild.text.as_str().into());
            history = Recorded::No;
            format!("ONBUILD {}", onbuild.text)
        }
    };
    Ok(Applied::Configured(Box::new(Configured { state: next, text, history })))
}

fn set(env: &Env, state: &State, next: &mut State, scope: &Scope<'_>) -> Result<String, Error> {
    let mut text = String::from("ENV");
    for (name, value) in &env.pairs {
        let (name, value) = (scope.word(name, state)?, scope.word(value, state)?);
        text.push_str(&format!(" {name}={value}"));
        next.settings.variables.set(&name, &value);
    }
    Ok(text)
}

/// ARG: the value of `--build-arg`, else the default, else the global ARG of that name; without any it adds nothing to the environment.
fn declare(arg: &Arg, next: &mut State, scope: &Scope<'_>) -> Result<String, Error> {
    let mut text = String::from("ARG");
    for (name, default) in &arg.names {
        let value = match (scope.build_args.get(name), default) {
            // Unlike in ENV, the names of one ARG are declared one after another: a default sees those before it.
            (None, Some(default)) => Some(scope.word(default, next)?),
            (given, _) => {
                let given = given.or_else(|| scope.global_args.get(name)).cloned();
                if given.is_some() {
                    scope.noted.variable();
                }
                given
            }
        };
        text.push_str(&format!(" {name}"));
        if let Some(value) = &value {
            text.push_str(&format!("={value}"));
            if !NOT_IN_ENVIRONMENT.contains(&name.as_str()) {
                next.settings.variables.put_in_run(name, value);
            }
        }
        next.settings.variables.declare(name, value.as_deref());
    }
    Ok(text)
}

fn mark(label: &Label, state: &State, next: &mut State, scope: &Scope<'_>) -> Result<String, Error> {
    let mut text = String::from("LABEL");
    for (name, value) in &label.pairs {
        let (name, value) = (scope.word(name, state)?, scope.word(value, state)?);
        text.push_str(&format!(" {name}={value}"));
        next.settings.labels.insert(name.into(), value.into());
    }
    Ok(text)
}

fn default_command(cmd: &Cmd, next: &mut State) -> String {
    let words = command::words(&cmd.command, next);
    next.has_cmd = true;
    let text = format!("CMD {}", go::quoted_list(&words));
    next.settings.single_mut().cmd = (!words.is_empty()).then_some(words);
    text
}

/// ENTRYPOINT, which takes an inherited CMD away.
fn entry(entrypoint: &Entrypoint, next: &mut State) -> String {
    let words = command::words(&entrypoint.command, next);
    let text = format!("ENTRYPOINT {}", go::quoted_list(&words));
    next.settings.single_mut().entrypoint = (!words.is_empty()).then_some(words);
    if !next.has_cmd {
        next.settings.single_mut().cmd = None;
    }
    text
}

fn expose_ports(expose: &Expose, state: &State, next: &mut State, scope: &Scope<'_>) -> Result<String, Error> {
    let mut specifications = Vec::new();
    for word in &expose.ports {
        specifications.extend(scope.words(word, state)?);
    }
    let mut found = Vec::new();
    for specification in &specifications {
        let read = PortSpecification::parse(specification).map_err(|problem| {
            let message = format!("invalid port `{specification}`: {problem}");
            Diagnostic::new(&rules::INVALID_PORT, message)
                .hint("a port is written like `80`, `80/tcp`, `53/udp` or `8000-8010`")
        })?;
        found.extend(read.exposed());
    }
    found.sort();
    found.dedup();
    next.settings.exposed_ports.extend(found.iter().map(|port| Arc::from(port.as_str())));
    Ok(format!("EXPOSE [{}]", found.join(" ")))
}

fn declare_volumes(volume: &Volume, state: &State, next: &mut State, scope: &Scope<'_>) -> Result<String, Error> {
    let mut paths = Vec::new();
    for word in &volume.paths {
        let path = scope.word(word, state)?;
        if path.is_empty() {
            return Err(Diagnostic::new(&rules::EMPTY_VOLUME, "a VOLUME can't be an empty string").into());
        }
        next.settings.volumes.insert(path.as_str().into());
        paths.push(path);
    }
    Ok(format!("VOLUME [{}]", paths.join(" ")))
}

fn stop_by(stop: &Stopsignal, state: &State, next: &mut State, scope: &Scope<'_>) -> Result<String, Error> {
    let signal = scope.word(&stop.signal, state)?;
    if !is_signal(&signal) {
        let error = Diagnostic::new(&rules::INVALID_SIGNAL, format!("invalid signal `{signal}`"));
        return Err(error.hint("a signal is a name like `SIGTERM` or `QUIT`, or a number from 1 to 64").into());
    }
    next.settings.single_mut().stop_signal = Some(signal.clone());
    Ok(format!("STOPSIGNAL {signal}"))
}

fn health(check: &Healthcheck, state: &State) -> HealthConfig {
    let Healthcheck::Check { command, interval, timeout, start_period, start_interval, retries } = check else {
        return HealthConfig { test: vec!["NONE".into()], ..HealthConfig::default() };
    };
    let test = match command {
        Command::Exec(words) => std::iter::once("CMD".to_owned()).chain(words.iter().cloned()).collect(),
        Command::Shell(line) => vec!["CMD-SHELL".to_owned(), line.clone()],
        Command::Heredocs { .. } => std::iter::once("CMD".to_owned()).chain(command::words(command, state)).collect(),
    };
    // Zero is left out of the configuration and means the runtime's default, as does a flag that is not given.
    let nanoseconds = |duration: &Option<std::time::Duration>| {
        duration.map_or(0, |duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    };
    HealthConfig {
        test,
        interval: nanoseconds(interval),
        timeout: nanoseconds(timeout),
        start_period: nanoseconds(start_period),
        start_interval: nanoseconds(start_interval),
        retries: i64::from(retries.unwrap_or(0)),
    }
}
