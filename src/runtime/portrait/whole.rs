//! The whole of a portrait: what it consists of, and how it is taken.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::kernel::{Confined, Namespace, Reader, Seen};
use super::mounts::Mounted;
use super::network::{Interface, Port};
use super::{mounts, network};
use crate::container::{self, Enforced};
use crate::oci::ImageConfig;
use crate::runtime::care::Driver;
use crate::runtime::found::{find, list};
use crate::runtime::health::Health;
use crate::runtime::network::Mode;
use crate::runtime::record::{Record, Status};
use crate::runtime::session::Session;
use crate::runtime::stored::Stored;
use crate::runtime::{Error, folder_of, log, request};
use crate::world::World;

/// What there is to see of a container.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Portrait {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The image's name, as it was asked for.
    pub(super) image: String,
    /// The digest of its configuration.
    pub(super) image_id: String,
    /// `running`, `exited` …
    pub(super) state: &'static str,
    pub(super) ended: Option<Ended>,
    /// How often its monitor has started it again.
    pub(super) restarts: u32,
    pub(super) folder: PathBuf,
    /// How many bytes its log has; `None` where there is none.
    pub(super) log_size: Option<u64>,
    pub(super) log: PathBuf,
    pub(super) log_driver: &'static str,
    pub(super) restart_policy: String,
    pub(super) health: Option<String>,
    pub(super) command: Command,
    pub(super) environment: Vec<Variable>,
    pub(super) volumes: Vec<Mounted>,
    /// What the kernel says, while it runs.
    pub(super) live: Option<Live>,
}

/// How a container has ended.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Ended {
    /// As a shell gives it.
    pub(super) status: i32,
    pub(super) started: Option<String>,
    /// `None` where nobody was there to note it.
    pub(super) finished: Option<String>,
    pub(super) error: Option<String>,
    pub(super) out_of_memory: bool,
}

/// What runs, and who has said so.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Command {
    pub(super) entrypoint: Vec<String>,
    pub(super) entrypoint_from: &'static str,
    pub(super) arguments: Vec<String>,
    pub(super) arguments_from: &'static str,
    pub(super) directory: String,
    pub(super) user: String,
}

/// A variable of the environment, and who has set it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Variable {
    pub(super) entry: String,
    pub(super) set_by: By,
}

/// Who has set something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum By {
    Image,
    /// It was asked for.
    Request,
    /// Every container gets it.
    Layerlab,
}

/// A container that runs.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Live {
    /// The container's first process, then those of ours around it, from the inside out.
    pub(super) processes: Vec<Seen>,
    /// How many processes it has.
    pub(super) members: usize,
    pub(super) namespaces: Vec<Namespace>,
    /// Who it runs as, for this machine.
    pub(super) uid: Option<u32>,
    /// Which ids inside are which outside.
    pub(super) ids: String,
    pub(super) mounts: Vec<Mounted>,
    pub(super) interfaces: Vec<Interface>,
    pub(super) ports: Vec<Port>,
    /// Where it listens beside the published ports.
    pub(super) listens: Vec<String>,
    pub(super) confined: Confined,
    pub(super) groups: Vec<PathBuf>,
    pub(super) limits: Vec<Enforced>,
    /// What could not be read, and why.
    pub(super) unread: Vec<String>,
}

/// Looks at a container, by its name or id.
///
/// # Errors
/// There is none, or its image can't be read.
pub(crate) fn of(world: &Arc<World>, name: &str) -> Result<Portrait, Error> {
    let found = find(world, name)?;
    let session = if found.is_running() { Session::open(world, &found.record.id)? } else { None };
    let live = session.map(|session| Live::of(world, &found, &session)).transpose()?;
    Portrait::new(world, found, live)
}

impl Portrait {
    fn new(world: &World, found: Stored, live: Option<Live>) -> Result<Portrait, Error> {
        let Stored { record, status } = found;
        let (_, image) = world.store.load_image(&record.image.manifest)?;
        let folder = folder_of(world, &record.id);
        let log = log::path(&folder);
        let (ended, restarts) = match &status {
            Status::Created => (None, 0),
            Status::Running(run) | Status::Paused(run) => (None, run.restarts),
            Status::Restarting(end) | Status::Exited(end) => {
                let (started, finished) = (end.started.clone(), end.finished.clone());
                let (error, out_of_memory) = (end.error.clone(), end.out_of_memory);
                (Some(Ended { status: end.status, started, finished, error, out_of_memory }), end.restarts)
            }
        };
        Ok(Portrait {
            image: record.image.name.clone(),
            image_id: record.image.id.to_string(),
            state: status.name(),
            ended,
            restarts,
            log_size: std::fs::metadata(&log).ok().map(|found| found.len()),
            log,
            log_driver: record.care.log.driver.name(),
            restart_policy: match record.care.restart.most() {
                0 => record.care.restart.name().to_owned(),
                most => format!("{}:{most}", record.care.restart.name()),
            },
            health: Health::of(world.home(), &record).map(|health| health.status.name().to_owned()),
            command: Command::of(&record, &image),
            environment: environment(&record, &image),
            volumes: record.volumes.iter().map(|volume| Mounted::of_volume(volume, world.home())).collect(),
            folder,
            live,
            id: record.id,
            name: record.name,
        })
    }

    /// Whether what it writes is kept.
    pub(super) fn has_log(&self) -> bool {
        self.log_driver != Driver::None.name()
    }
}

impl Command {
    fn of(record: &Record, image: &ImageConfig) -> Command {
        let process = &record.process;
        let (entrypoint, arguments) = process.args.split_at(record.entrypoint.min(process.args.len()));
        let from_image =
            |words: &[String], of_image: &Option<Vec<String>>| of_image.as_deref().unwrap_or_default() == words;
        let is_images = from_image(entrypoint, &image.config.entrypoint);
        Command {
            entrypoint: entrypoint.to_vec(),
            entrypoint_from: if is_images { "ENTRYPOINT of the image" } else { "--entrypoint" },
            arguments: arguments.to_vec(),
            // An entrypoint that was asked for takes the image's CMD away.
            arguments_from: match is_images && from_image(arguments, &image.config.cmd) {
                true => "CMD of the image",
                false => "the command line",
            },
            directory: process.cwd.clone(),
            user: process.user.clone(),
        }
    }
}

/// The variables, each with who has set it.
fn environment(record: &Record, image: &ImageConfig) -> Vec<Variable> {
    let ours = [
        format!("HOSTNAME={}", record.hostname),
        format!("PATH={}", container::DEFAULT_PATH),
        request::TERM.to_owned(),
    ];
    let variable = |entry: &String| {
        let set_by = match (image.config.env.contains(entry), ours.contains(entry)) {
            (true, _) => By::Image,
            (false, true) => By::Layerlab,
            (false, false) => By::Request,
        };
        Variable { entry: entry.clone(), set_by }
    };
    record.process.env.iter().map(variable).collect()
}

impl Live {
    fn of(world: &Arc<World>, found: &Stored, session: &Session) -> Result<Live, Error> {
        let record = &found.record;
        let ended = || Error::Refused(format!("container {} has ended meanwhile", record.name));
        let first = session.first()?;
        let number = container::number_of(&first).ok_or_else(ended)?;
        let mut reader = Reader::of(number);
        let others = others(world, &record.id)?;
        let namespaces = reader.namespaces(&others);
        let has_own_network = namespaces.iter().all(|one| one.kind != "net" || !one.is_machines());
        let bound = match &found.status {
            Status::Running(run) | Status::Paused(run) => run.ports.as_slice(),
            Status::Created | Status::Restarting(_) | Status::Exited(_) => &[],
        };
        let ports: Vec<Port> = bound.iter().map(|bound| Port::of(bound, number)).collect();
        let published: BTreeSet<u16> = bound.iter().map(|bound| bound.container).collect();
        let cabled = match &record.network {
            Mode::Container(neighbour) => &neighbour.files_of,
            Mode::Host | Mode::None | Mode::Networks(_) => &record.id,
        };
        let live = Live {
            processes: reader.processes(),
            members: container::members(&first)?.len(),
            uid: reader.uid(),
            ids: reader.ids(),
            mounts: mounts::mounts(&mut reader, record, world.home()),
            interfaces: if has_own_network { network::interfaces(world, &mut reader, cabled) } else { Vec::new() },
            listens: if has_own_network { network::listens(number, &published) } else { Vec::new() },
            ports,
            confined: reader.confined(),
            groups: container::groups_of(number),
            limits: container::enforced(number, &record.allowance.resources),
            namespaces,
            unread: reader.unread,
        };
        // As long as it has not ended, its number has been nobody else's.
        container::number_of(&first).map(|_| live).ok_or_else(ended)
    }
}

/// The names of the other containers that run, and their first processes.
fn others(world: &World, id: &str) -> Result<Vec<(String, i32)>, Error> {
    let running = list(world)?.0.into_iter().filter(|stored| stored.record.id != id);
    let running = running.filter_map(|stored| match stored.status {
        Status::Running(run) | Status::Paused(run) => Some((stored.record.name, run.process)),
        Status::Created | Status::Restarting(_) | Status::Exited(_) => None,
    });
    Ok(running.collect())
}
