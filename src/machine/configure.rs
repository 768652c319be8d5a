//! The instructions that change the configuration and no file: ENV, ARG, LABEL, CMD, ENTRYPOINT, EXPOSE, VOLUME, USER, STOPSIGNAL,
//! SHELL, HEALTHCHECK, ONBUILD, MAINTAINER.
//!
//! Each is a pure function: state before → state after, and the line of history. Within one instruction every variable
//! keeps the value it had before it. What the history says is what BuildKit writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::state::State;
use super::{Error, ports};
use crate::dockerfile::{self, Arg, Command, Healthcheck, Instruction, Limit, Limits, Word};
use crate::oci::{HealthConfig, ImageConfig, is_signal};
use crate::source::SourceFile;

/// ARGs that speak to the builder and are no part of the environment.
const NOT_IN_ENVIRONMENT: [&str; 2] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

/// What an instruction may look at besides the state.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    pub escape: char,
    pub global_args: &'a BTreeMap<String, String>,
    pub build_args: &'a BTreeMap<String, String>,
    pub limits: &'a Limits,
}

impl Scope<'_> {
    /// One word, expanded, quotes removed.
    pub fn word(&self, word: &Word, state: &State) -> Result<String, Error> {
        Ok(crate::plan::expand(word, self.escape, state, self.limits)?)
    }

    /// One word that may become several.
    pub fn words(&self, word: &Word, state: &State) -> Result<Vec<String>, Error> {
        let most = self.limits.of(Limit::Expansion);
        let (words, _) = dockerfile::words::expand_within(&word.raw, self.escape, state, most)
            .map_err(|error| word.diagnostic(&error))?;
        Ok(words)
    }
}

/// What an instruction that touches no file does.
#[derive(Clone, Debug)]
pub struct Configured {
    pub state: State,
    /// The instruction after expansion, as the history tells it.
    pub text: String,
    pub history: Recorded,
}

/// Whether an instruction has a line in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    Yes,
    /// ONBUILD: what it says is done, and told, where the image is built upon.
    No,
}

/// Applies an instruction that touches no file; `None` for one that does touch files.
pub fn configure(instruction: &Instruction, state: &State, scope: &Scope<'_>) -> Result<Option<Configured>, Error> {
    let mut next = state.clone();
    let mut history = Recorded::Yes;
    let settings = &mut next.settings;
    let text = match instruction {
        Instruction::Add(_) | Instruction::Copy(_) | Instruction::Run(_) | Instruction::Workdir(_) => return Ok(None),
        Instruction::Env(env) => {
            let mut text = String::from("ENV");
            for (name, value) in &env.pairs {
                let (name, value) = (scope.word(name, state)?, scope.word(value, state)?);
                text.push_str(&format!(" {name}={value}"));
                settings.variables.set(&name, &value);
            }
            text
        }
        Instruction::Arg(arg) => declare(arg, &mut next, scope)?,
        Instruction::Label(label) => {
            let mut text = String::from("LABEL");
            for (name, value) in &label.pairs {
                let (name, value) = (scope.word(name, state)?, scope.word(value, state)?);
                text.push_str(&format!(" {name}={value}"));
                settings.labels.insert(name.into(), value.into());
            }
            text
        }
        Instruction::Maintainer(maintainer) => {
            next.author = Some(maintainer.name.as_str().into());
            format!("MAINTAINER {}", maintainer.name)
        }
        Instruction::Cmd(cmd) => {
            let words = command_words(&cmd.command, state);
            next.has_cmd = true;
            let text = format!("CMD {}", quoted_list(&words));
            settings.single_mut().cmd = (!words.is_empty()).then_some(words);
            text
        }
        Instruction::Entrypoint(entrypoint) => {
            let words = command_words(&entrypoint.command, state);
            let text = format!("ENTRYPOINT {}", quoted_list(&words));
            settings.single_mut().entrypoint = (!words.is_empty()).then_some(words);
            if !state.has_cmd {
                settings.single_mut().cmd = None;
            }
            text
        }
        Instruction::Expose(expose) => {
            let mut specifications = Vec::new();
            for word in &expose.ports {
                specifications.extend(scope.words(word, state)?);
            }
            let mut ports = Vec::new();
            for specification in &specifications {
                ports.extend(ports::exposed(specification).map_err(|problem| Error::Argument {
                    message: format!("invalid port `{specification}`: {problem}"),
                    hint: Some("a port is written like `80`, `80/tcp`, `53/udp` or `8000-8010`".into()),
                })?);
            }
            ports.sort();
            ports.dedup();
            settings.exposed_ports.extend(ports.iter().map(|port| Arc::from(port.as_str())));
            format!("EXPOSE [{}]", ports.join(" "))
        }
        Instruction::Volume(volume) => {
            let mut paths = Vec::new();
            for word in &volume.paths {
                let path = scope.word(word, state)?;
                if path.is_empty() {
                    return Err(Error::Argument { message: "a VOLUME can't be an empty string".into(), hint: None });
                }
                settings.volumes.insert(path.as_str().into());
                paths.push(path);
            }
            format!("VOLUME [{}]", paths.join(" "))
        }
        Instruction::User(user) => {
            let user = scope.word(&user.user, state)?;
            settings.single_mut().user.clone_from(&user);
            format!("USER {user}")
        }
        Instruction::Stopsignal(stop) => {
            let signal = scope.word(&stop.signal, state)?;
            if !is_signal(&signal) {
                return Err(Error::Argument {
                    message: format!("invalid signal `{signal}`"),
                    hint: Some("a signal is a name like `SIGTERM` or `QUIT`, or a number from 1 to 64".into()),
                });
            }
            settings.single_mut().stop_signal = Some(signal.clone());
            format!("STOPSIGNAL {signal}")
        }
        Instruction::Shell(shell) => {
            settings.single_mut().shell = Some(shell.command.clone());
            format!("SHELL [{}]", shell.command.join(" "))
        }
        Instruction::Healthcheck(check) => {
            let (config, text) = healthcheck(check, state);
            settings.single_mut().healthcheck = Some(config);
            text
        }
        Instruction::Onbuild(onbuild) => {
            settings.on_build.push_back(onbuild.text.as_str().into());
            history = Recorded::No;
            format!("ONBUILD {}", onbuild.text)
        }
    };
    Ok(Some(Configured { state: next, text, history }))
}

/// Applies instructions to the configuration of an image that no Dockerfile made: `import --change`.
///
/// # Errors
/// Diagnostics for a text that is not an instruction, and for an instruction that touches files.
pub fn change(image: ImageConfig, instructions: &[String]) -> Result<ImageConfig, Error> {
    let nothing = BTreeMap::new();
    let limits = Limits::default();
    let scope = Scope { escape: '\\', global_args: &nothing, build_args: &nothing, limits: &limits };
    let mut state = super::from::first_state(image.clone(), Vec::new(), String::new(), String::new(), None);
    for text in instructions {
        let source = SourceFile::new("--change", text);
        let instruction = dockerfile::parse_instruction(&source).into_instruction().map_err(Error::Diagnostics)?;
        let Some(next) = configure(&instruction.value, &state, &scope)? else {
            return Err(Error::Argument {
                message: format!(
                    "`{}` changes files, and only the configuration can be changed here",
                    instruction.value.name()
                ),
                hint: None,
            });
        };
        state = next.state;
    }
    let changed = state.image();
    Ok(ImageConfig { config: changed.config, author: changed.author, ..image })
}

/// ARG: the value of `--build-arg`, else the default, else the global ARG of that name; without any it adds nothing to the environment.
fn declare(arg: &Arg, next: &mut State, scope: &Scope<'_>) -> Result<String, Error> {
    let mut text = String::from("ARG");
    for (name, default) in &arg.names {
        let value = if let Some(given) = scope.build_args.get(name) {
            Some(given.clone())
        } else if let Some(default) = default {
            // Unlike in ENV, the names of one ARG are declared one after another: a default sees those before it.
            Some(scope.word(default, next)?)
        } else {
            scope.global_args.get(name).cloned()
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

/// The argument vector of a CMD, ENTRYPOINT or RUN: the exec form as it is, the shell form behind the SHELL.
pub fn command_words(command: &Command, state: &State) -> Vec<String> {
    match command {
        Command::Exec(words) => words.clone(),
        Command::Shell(line) => state.shell().into_iter().chain([line.clone()]).collect(),
        Command::Heredocs { line, documents } => {
            let mut text = line.clone();
            for document in documents {
                text.push('\n');
                text.push_str(&document.content);
                text.push_str(&document.name);
            }
            state.shell().into_iter().chain([text]).collect()
        }
    }
}

fn healthcheck(check: &Healthcheck, state: &State) -> (HealthConfig, String) {
    match check {
        Healthcheck::None => {
            let config = HealthConfig { test: vec!["NONE".into()], ..HealthConfig::default() };
            let text = healthcheck_text(&config);
            (config, text)
        }
        Healthcheck::Check { command, interval, timeout, start_period, start_interval, retries } => {
            let test = match command {
                Command::Exec(words) => std::iter::once("CMD".to_owned()).chain(words.iter().cloned()).collect(),
                Command::Shell(line) => vec!["CMD-SHELL".to_owned(), line.clone()],
                Command::Heredocs { .. } => {
                    std::iter::once("CMD".to_owned()).chain(command_words(command, state)).collect()
                }
            };
            // Zero is left out of the configuration and means the runtime's default, as does a flag that is not given.
            let nanoseconds = |duration: &Option<std::time::Duration>| {
                duration.map_or(0, |duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
            };
            let config = HealthConfig {
                test,
                interval: nanoseconds(interval),
                timeout: nanoseconds(timeout),
                start_period: nanoseconds(start_period),
                start_interval: nanoseconds(start_interval),
                retries: i64::from(retries.unwrap_or(0)),
            };
            let text = healthcheck_text(&config);
            (config, text)
        }
    }
}

/// A check as Go's `%+v` prints the structure.
fn healthcheck_text(config: &HealthConfig) -> String {
    format!(
        "HEALTHCHECK {{Test:[{}] Interval:{} Timeout:{} StartPeriod:{} StartInterval:{} Retries:{}}}",
        config.test.join(" "),
        go_duration(config.interval),
        go_duration(config.timeout),
        go_duration(config.start_period),
        go_duration(config.start_interval),
        config.retries
    )
}

/// Nanoseconds as Go prints a duration: `0s`, `1.5s`, `1h0m30s`, `250ms`.
fn go_duration(nanoseconds: i64) -> String {
    let (unit, divisor) = match nanoseconds {
        0 => return "0s".into(),
        1..1_000 => ("ns", 1),
        1_000..1_000_000 => ("µs", 1_000),
        1_000_000..1_000_000_000 => ("ms", 1_000_000),
        _ => ("s", 1_000_000_000),
    };
    let decimal = |value: i64| {
        let fraction = format!("{:09}", (value % divisor) * (1_000_000_000 / divisor));
        let fraction = fraction.trim_end_matches('0');
        let whole = value / divisor;
        if fraction.is_empty() { format!("{whole}{unit}") } else { format!("{whole}.{fraction}{unit}") }
    };
    const MINUTE: i64 = 60_000_000_000;
    match nanoseconds / MINUTE {
        0 => decimal(nanoseconds),
        minutes if minutes < 60 => format!("{minutes}m{}", decimal(nanoseconds % MINUTE)),
        minutes => format!("{}h{}m{}", minutes / 60, minutes % 60, decimal(nanoseconds % MINUTE)),
    }
}

/// `["a" "b"]`, as Go's `%q` prints a list of strings.
pub fn quoted_list(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    format!("[{}]", quoted.join(" "))
}
