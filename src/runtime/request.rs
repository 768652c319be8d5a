//! What a user asks of a container, and what comes of it with an image.
//!
//! The rules of what wins are Docker's: the user's command replaces CMD, `--entrypoint` replaces ENTRYPOINT and drops CMD, `-e` is
//! laid over ENV. Texts become values before anything is made on disk.

use std::sync::Arc;

use super::Error;
use super::prepare::{Prepared, Room, prepare};
use super::unpacked;
use super::volume::Volume;
use crate::container::{
    Access, DEFAULT_PATH, Etc, Hostname, Network, NewPrivileges, Process, Rights, Seccomp, Terminal,
};
use crate::oci::{Environment, ImageConfig, Layer, is_signal};
use crate::world::World;

/// What is asked of a container.
#[derive(Clone, Debug)]
pub struct Request {
    /// Replaces CMD, unless it is empty.
    pub(crate) command: Vec<String>,
    /// Replaces ENTRYPOINT, and CMD with it; an empty list takes both away.
    pub(crate) entrypoint: Option<Vec<String>>,
    /// Laid over ENV, in order.
    pub(crate) env: Vec<Variable>,
    pub(crate) working_dir: Option<String>,
    pub(crate) user: Option<String>,
    /// `None`: the beginning of its id.
    pub(crate) hostname: Option<Hostname>,
    pub(crate) network: Network,
    pub(crate) volumes: Vec<Volume>,
    pub(crate) root: Access,
    pub(crate) terminal: Terminal,
    pub(crate) rights: Rights,
}

impl Request {
    /// What the image says, with Docker's rights.
    pub(crate) fn new() -> Request {
        Request {
            command: Vec::new(),
            entrypoint: None,
            env: Vec::new(),
            working_dir: None,
            user: None,
            hostname: None,
            network: Network::Host,
            volumes: Vec::new(),
            root: Access::ReadWrite,
            terminal: Terminal::No,
            rights: Rights::docker(),
        }
    }
}

impl Default for Request {
    fn default() -> Request {
        Request::new()
    }
}

/// A variable of the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub name: String,
    pub(crate) value: String,
}

impl Variable {
    /// Reads `NAME=value`, or `NAME` for what `ours` has under it: `None` where that is nothing.
    pub(crate) fn parse(text: &str, ours: impl FnOnce(&str) -> Option<String>) -> Option<Variable> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => (text, ours(text)?),
        };
        Some(Variable { name: name.to_owned(), value })
    }
}

/// Docker's rights, changed by options: `no-new-privileges[:true|false]`, `seccomp=unconfined`.
///
/// # Errors
/// [`Error::Argument`] for any other.
pub(crate) fn parse_rights(options: &[String]) -> Result<Rights, Error> {
    let mut rights = Rights::docker();
    for option in options {
        match option.replace(':', "=").as_str() {
            "no-new-privileges" | "no-new-privileges=true" => rights.new_privileges = NewPrivileges::Forbidden,
            "no-new-privileges=false" => rights.new_privileges = NewPrivileges::Allowed,
            "seccomp=unconfined" => rights.seccomp = Seccomp::Unconfined,
            _ => {
                return Err(Error::argument(
                    format!("invalid --security-opt `{option}`"),
                    "use `no-new-privileges` or `seccomp=unconfined`",
                ));
            }
        }
    }
    Ok(rights)
}

/// Prepares a container of an image. Its folder is removed when what is given here is dropped, if not before.
///
/// # Errors
/// [`Error::Argument`] for an image without a command; and what can't be made.
pub(crate) fn launch(
    world: &Arc<World>,
    image: &ImageConfig,
    layers: &[Layer],
    request: &Request,
) -> Result<Prepared, Error> {
    let args = command_line(image, request)?;
    check_stop_signal(image)?;
    let id = world.clock.new_id();
    let hostname = match &request.hostname {
        Some(hostname) => hostname.clone(),
        None => Hostname::parse(&id.chars().take(12).collect::<String>())?,
    };
    let process = Process {
        args,
        env: environment(image, request, hostname.as_str()),
        cwd: request.working_dir.clone().unwrap_or_else(|| image.config.working_dir.clone()),
        user: request.user.clone().unwrap_or_else(|| image.config.user.clone()),
        terminal: request.terminal,
        rights: request.rights,
    };
    let mounts = request.volumes.iter().map(|volume| volume.mount(world.home()));
    let room = Room {
        hostname,
        network: request.network,
        etc: Etc::Launch,
        mounts: mounts.collect::<Result<_, _>>()?,
        root: request.root,
        script: None,
    };
    let lower = unpacked::chain_of_image(world, layers)?;
    prepare(world, &id, lower, room, &process)
}

fn command_line(image: &ImageConfig, request: &Request) -> Result<Vec<String>, Error> {
    let (mut args, default) = match &request.entrypoint {
        Some(entrypoint) => (entrypoint.clone(), &None),
        None => (image.config.entrypoint.clone().unwrap_or_default(), &image.config.cmd),
    };
    if request.command.is_empty() {
        args.extend(default.iter().flatten().cloned());
    } else {
        args.extend(request.command.iter().cloned());
    }
    if args.is_empty() {
        return Err(Error::argument(
            "no command specified",
            "the image has neither CMD nor ENTRYPOINT: write a command after the image",
        ));
    }
    Ok(args)
}

fn environment(image: &ImageConfig, request: &Request, hostname: &str) -> Vec<String> {
    let mut environment = Environment::default();
    if !image.config.env.iter().any(|variable| variable.starts_with("PATH=")) {
        environment.set("PATH", DEFAULT_PATH);
    }
    for entry in &image.config.env {
        environment.put_in_place(entry);
    }
    environment.set("HOSTNAME", hostname);
    match request.terminal {
        Terminal::No => {}
        Terminal::Yes => environment.set("TERM", "xterm"),
    }
    for Variable { name, value } in &request.env {
        environment.set(name, value);
    }
    environment.entries()
}

/// An image may have been made by anybody, so what BuildKit checks when it writes a configuration is checked here once more.
fn check_stop_signal(image: &ImageConfig) -> Result<(), Error> {
    match &image.config.stop_signal {
        Some(signal) if !signal.is_empty() && !is_signal(signal) => Err(Error::argument(
            format!("the image's stop signal `{}` is not a signal", signal.escape_debug()),
            "a signal is a name such as SIGTERM or a number from 1 to 64",
        )),
        Some(_) | None => Ok(()),
    }
}
