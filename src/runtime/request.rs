//! What a user asks of a container, and what comes of it with an image.
//!
//! The rules of what wins are Docker's: the user's command replaces CMD, `--entrypoint` replaces ENTRYPOINT and drops CMD, `-e` is
//! laid over ENV. Texts become values before anything is made on disk.

use std::sync::Arc;

use super::Error;
use super::care::Care;
use super::folder::Folder;
use super::hosts::HostEntry;
use super::network::{self, Connection, Member, Mode};
use super::ports::Published;
use super::prepare::{Prepared, Room, prepare};
use super::record::Record;
use super::unpacked;
use super::volume::Volume;
use super::volume::gather::gather;
use super::volume::wish::Wish;
use crate::container::{
    Access, Allowance, DEFAULT_PATH, Durability, Etc, Hostname, Init, Names, Paths, Process, ResourceLimit, Rights,
    Terminal,
};
use crate::oci::{ContainerConfig, Environment, ImageConfig, Layer, signal_number};
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
    pub(crate) network: Mode,
    pub(crate) names: Names,
    /// Further lines of `/etc/hosts`.
    pub(crate) hosts: Vec<HostEntry>,
    pub(crate) volumes: Vec<Wish>,
    /// The mounts of other containers that it is to have, too.
    pub(crate) volumes_from: Vec<Volume>,
    pub(crate) ports: Vec<Published>,
    /// Ports that it can be reached at beside those that the image exposes: `80/tcp`.
    pub(crate) expose: Vec<String>,
    /// Whether every port that the image exposes is published, too.
    pub(crate) publish_all: bool,
    pub(crate) root: Access,
    /// Further groups of the user.
    pub(crate) groups: Vec<String>,
    pub(crate) terminal: Terminal,
    pub(crate) init: Init,
    pub(crate) rights: Rights,
    pub(crate) limits: Vec<ResourceLimit>,
    pub(crate) paths: Paths,
    pub(crate) allowance: Allowance,
    /// `None`: what the image says.
    pub(crate) stop_signal: Option<i32>,
    /// How many seconds it has to end; `None`: Docker's.
    pub(crate) stop_timeout: Option<i64>,
    pub(crate) care: Care,
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
            network: Mode::default_network(),
            names: Names::default(),
            hosts: Vec::new(),
            volumes: Vec::new(),
            volumes_from: Vec::new(),
            ports: Vec::new(),
            expose: Vec::new(),
            publish_all: false,
            root: Access::ReadWrite,
            groups: Vec::new(),
            terminal: Terminal::No,
            init: Init::None,
            rights: Rights::docker(),
            limits: Vec::new(),
            paths: Paths::Protected,
            allowance: Allowance::docker(),
            stop_signal: None,
            stop_timeout: None,
            care: Care::default(),
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

impl Request {
    /// The ports that are published of a container of an image.
    pub(crate) fn published(&self, image: &ImageConfig) -> Vec<Published> {
        let mut ports = self.ports.clone();
        if self.publish_all {
            let all = Published::all_exposed(image.config.exposed_ports.keys().chain(&self.expose));
            let is_published = |port: &Published| {
                self.ports.iter().any(|other| (other.container, other.protocol) == (port.container, port.protocol))
            };
            ports.extend(all.into_iter().filter(|port| !is_published(port)));
        }
        ports
    }
}

/// What a container is to be, as it comes of a request and an image: everything but its id, its name and its folder.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) process: Process,
    pub(crate) hostname: Hostname,
    pub(crate) network: Mode,
    pub(crate) names: Names,
    pub(crate) hosts: Vec<HostEntry>,
    pub(crate) volumes: Vec<Volume>,
    pub(crate) ports: Vec<Published>,
    pub(crate) root: Access,
    pub(crate) paths: Paths,
    pub(crate) allowance: Allowance,
    /// The signal that asks it to end.
    pub(crate) stop_signal: i32,
}

impl Wanted {
    /// Puts a request and an image together, with these volumes. The beginning of `id` is the host name where none was asked for.
    ///
    /// # Errors
    /// [`Error::Argument`] for an image without a command, or with a stop signal that is none.
    pub(super) fn of(image: &ImageConfig, request: &Request, volumes: Vec<Volume>, id: &str) -> Result<Wanted, Error> {
        let args = command_line(image, request)?;
        let hostname = match &request.hostname {
            Some(hostname) => hostname.clone(),
            None => Hostname::parse(&id.chars().take(12).collect::<String>())?,
        };
        let process = Process {
            env: environment(image, request, hostname.as_str()),
            cwd: request.working_dir.clone().unwrap_or_else(|| image.config.working_dir.clone()),
            user: request.user.clone().unwrap_or_else(|| image.config.user.clone()),
            groups: request.groups.clone(),
            terminal: request.terminal,
            rights: request.rights.clone(),
            limits: request.limits.clone(),
            init: request.init,
            ..Process::new(args)
        };
        Ok(Wanted {
            process,
            hostname,
            network: request.network.clone(),
            names: request.names.clone(),
            hosts: request.hosts.clone(),
            volumes,
            ports: request.published(image),
            root: request.root,
            paths: request.paths,
            allowance: request.allowance.clone(),
            stop_signal: stop_signal(image, request)?,
        })
    }

    /// Its resolv.conf: servers that were asked for are asked by the one who answers for a network, where there is one.
    fn names_in(&self, connection: &Connection) -> Names {
        let servers = if connection.wires().is_empty() { self.names.servers.clone() } else { Vec::new() };
        Names { servers, ..self.names.clone() }
    }

    /// The room for it.
    pub(super) fn room(&self, world: &World, connection: Connection, durability: Durability) -> Room {
        Room {
            hostname: self.hostname.clone(),
            hosts: self.hosts.iter().filter_map(|entry| entry.resolved(&connection)).collect(),
            names: self.names_in(&connection),
            connection,
            etc: Etc::Launch,
            mounts: self.volumes.iter().map(|volume| volume.mount(world)).collect(),
            root: self.root,
            paths: self.paths,
            allowance: self.allowance.clone(),
            durability,
            script: None,
        }
    }
}

/// Prepares a container of an image that ends with us. Its folder is removed when what is given here is dropped, if not before. So are its
/// changes, and with them what it writes where the image declares a VOLUME: no volume is made.
///
/// # Errors
/// As [`Wanted::of`]; and what can't be made.
pub(crate) fn launch(
    world: &Arc<World>,
    image: &ImageConfig,
    layers: &[Layer],
    request: &Request,
) -> Result<Prepared, Error> {
    let id = world.clock.new_id();
    let member = Member { id: id.clone(), name: id.chars().take(12).collect() };
    let connection = network::join(world, &request.network, member, &request.names.servers)?;
    let wanted = Wanted::of(image, request, Vec::new(), &id)?;
    prepare_scratch(world, layers, &wanted, &id, connection)
}

/// Plans a container as it would be made, for a look. Its volumes are not made, and it gets no place in a network.
///
/// # Errors
/// As [`launch`].
pub(crate) fn foresee(
    world: &Arc<World>,
    image: &ImageConfig,
    layers: &[Layer],
    request: &Request,
) -> Result<Prepared, Error> {
    let id = world.clock.new_id();
    let gathered = gather(world, &request.volumes, &request.volumes_from, image)?;
    let wanted = Wanted::of(image, request, gathered.volumes, &id)?;
    prepare_scratch(world, layers, &wanted, &id, network::foresee(world, &request.network)?)
}

fn prepare_scratch(
    world: &Arc<World>,
    layers: &[Layer],
    wanted: &Wanted,
    id: &str,
    connection: Connection,
) -> Result<Prepared, Error> {
    let room = wanted.room(world, connection, Durability::Scratch);
    let lower = unpacked::chain_of_image(world, layers)?;
    prepare(world, Folder::create(world, id)?, lower, room, &wanted.process)
}

/// Lays what was asked for in a container over the configuration of its image: the way back from [`Wanted::of`].
pub(crate) fn configure(config: &mut ContainerConfig, container: &Record) {
    let Process { args, env, cwd, user, terminal, .. } = &container.process;
    let entrypoint = config.entrypoint.clone().unwrap_or_default();
    match args.strip_prefix(entrypoint.as_slice()) {
        Some(command) => config.cmd = Some(command.to_vec()).filter(|command| !command.is_empty()),
        // It was another entrypoint: all of it becomes the command of the image.
        None => (config.entrypoint, config.cmd) = (None, Some(args.clone())),
    }
    let of_this_container =
        [format!("HOSTNAME={}", container.hostname), format!("PATH={DEFAULT_PATH}"), TERM.to_owned()];
    let is_own = |entry: &&String| match entry.as_str() {
        TERM => *terminal == Terminal::Yes,
        entry => of_this_container.iter().any(|own| own == entry),
    };
    let mut environment = Environment::default();
    for entry in config.env.iter().chain(env.iter().filter(|entry| !is_own(entry))) {
        environment.put_in_place(entry);
    }
    config.env = environment.entries();
    config.working_dir.clone_from(cwd);
    config.user.clone_from(user);
    config.labels.extend(container.labels.clone());
    for port in &container.exposed {
        config.exposed_ports.entry(port.clone()).or_default();
    }
}

/// What Docker says of a terminal.
pub(super) const TERM: &str = "TERM=xterm";

/// The words that stand before the command.
pub(super) fn entrypoint<'r>(image: &'r ImageConfig, request: &'r Request) -> &'r [String] {
    request.entrypoint.as_ref().or(image.config.entrypoint.as_ref()).map_or(&[], Vec::as_slice)
}

fn command_line(image: &ImageConfig, request: &Request) -> Result<Vec<String>, Error> {
    let mut args = entrypoint(image, request).to_vec();
    // An entrypoint that was asked for leaves the image's CMD without meaning.
    let default = if request.entrypoint.is_some() { &None } else { &image.config.cmd };
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

/// The signal that asks the container to end: the request's, else the image's, else SIGTERM. An image may have been made by anybody, so
/// what BuildKit checks when it writes a configuration is checked here once more.
fn stop_signal(image: &ImageConfig, request: &Request) -> Result<i32, Error> {
    if let Some(number) = request.stop_signal {
        return Ok(number);
    }
    match image.config.stop_signal.as_deref() {
        None | Some("") => Ok(libc::SIGTERM),
        Some(signal) => signal_number(signal).ok_or_else(|| {
            Error::argument(
                format!("the image's stop signal `{}` is not a signal", signal.escape_debug()),
                "a signal is a name such as SIGTERM or a number from 1 to 64",
            )
        }),
    }
}
