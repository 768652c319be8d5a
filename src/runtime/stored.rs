//! Containers that have a record: created, found, listed, started, removed.
//!
//! ```text
//! create ──▶ Claimed ──start──▶ its monitor has it       ps: Stored, of the files and the lock
//!              │  ▲                   │
//!              │  └────── claim ◀─────┘ when it has ended
//!              └──remove
//! ```
//!
//! [`Claimed`] is a container that nobody runs and that we have locked: only that can be started or removed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::care::Care;
use super::folder::Folder;
use super::network::{self, Connection, Joining, Member, Mode};
use super::prepare::{Prepared, detect, prepare_on};
use super::record::{self, End, ImageUsed, Input, Record, Run, Status, WhenEnded};
use super::request::{Wanted, entrypoint};
use super::volume::gather::{Gathered, gather};
use super::volume::{fill, going};
use super::{Error, Request, check_resources, events, health, lent, names, unpacked};
use crate::container::{self, ControlGroups, Durability};
use crate::layer;
use crate::oci::{ImageConfig, Layer};
use crate::store::purpose;
use crate::world::World;

/// How long a lock may be held by somebody who only looks.
const A_LOOK: Duration = Duration::from_secs(5);

/// What a container is made of.
pub(crate) struct Ingredients<'a> {
    pub(crate) image: ImageUsed,
    pub(crate) config: &'a ImageConfig,
    /// The lowest first.
    pub(crate) layers: &'a [Layer],
    pub(crate) request: &'a Request,
    /// `None`: one is made up.
    pub(crate) name: Option<&'a str>,
    pub(crate) input: Input,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) when_ended: WhenEnded,
}

/// A container as it is found on disk.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) record: Record,
    pub(crate) status: Status,
}

impl Stored {
    /// Whether it runs, or is paused.
    pub(crate) fn is_running(&self) -> bool {
        self.status.has_monitor()
    }
}

/// A container that nobody runs, locked.
pub(crate) struct Claimed {
    pub(super) folder: Folder,
    pub(crate) record: Record,
}

/// What becomes of the volumes that were made for a container that is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anonymous {
    Kept,
    Removed,
}

/// Makes a container. It runs when it is started.
///
/// # Errors
/// What was asked for does not fit, the name is taken, or a file can't be made.
pub(crate) fn create(world: &Arc<World>, ingredients: Ingredients<'_>) -> Result<Claimed, Error> {
    if let Some(name) = ingredients.name {
        names::check(name)?;
    }
    let request = ingredients.request;
    let resources = &request.allowance.resources;
    if !resources.is_empty() {
        check_resources(resources)?;
    }
    let (mut folder, id) = Folder::create_for_id(world)?;
    let mut gathered = gather(world, &request.volumes, &request.volumes_from, ingredients.config)?;
    let exposed = exposed(&ingredients);
    let Wanted {
        process,
        hostname,
        network,
        names: servers,
        hosts,
        volumes,
        ports,
        root,
        paths,
        allowance,
        stop_signal,
    } = Wanted::of(ingredients.config, request, gathered.volumes.clone(), &id)?;
    // Until it is written down.
    let _using = network::using(world)?;
    let network = network.known(world)?;
    let name = names::give(world.home(), ingredients.name, &id)?;
    let mut record = Record {
        schema: Record::SCHEMA,
        id,
        name,
        created: world.clock.rfc3339(),
        image: ingredients.image,
        layers: ingredients.layers.to_vec(),
        ownership: Some(unpacked::ownership(&world.identity)),
        process,
        entrypoint: entrypoint(ingredients.config, request).len(),
        hostname,
        network,
        names: servers,
        hosts,
        volumes,
        ports,
        exposed,
        root,
        paths,
        allowance,
        input: ingredients.input,
        stop_signal,
        stop_timeout: request.stop_timeout,
        care: care(request, ingredients.config),
        labels: ingredients.labels,
        when_ended: ingredients.when_ended,
    };
    if let Err(error) = furnish(world, &mut folder, &mut record, &mut gathered) {
        folder.discard();
        // What was made for it alone.
        let _ = going::remove_anonymous(world, &record);
        names::release(world.home(), &record.name, &record.id);
        return Err(error);
    }
    events::of_container(world.home(), &world.clock, record.subject(), "create", &[]);
    Ok(Claimed { folder, record })
}

/// How it is cared for: as it was asked for, and its health as the image says it besides.
fn care(request: &Request, config: &ImageConfig) -> Care {
    let Care { health, .. } = &request.care;
    let health = health::effective(&health.clone().unwrap_or_default(), config.config.healthcheck.as_ref());
    Care { health, shell: config.config.shell.clone().unwrap_or_default(), ..request.care.clone() }
}

/// Writes down what a new container is, and makes its volumes. From the first moment on nobody removes those.
fn furnish(world: &World, folder: &mut Folder, record: &mut Record, gathered: &mut Gathered) -> Result<(), Error> {
    let _using = going::using(world, &gathered.volumes)?;
    record::write(folder.path(), record)?;
    if !gathered.volumes.is_empty() {
        fill::establish(world, gathered, || Ok(layer::tree_of(&world.store, &record.layers)?))?;
        record.volumes.clone_from(&gathered.volumes);
        record::write(folder.path(), record)?;
    }
    match record.when_ended {
        WhenEnded::Keep => folder.keep(),
        WhenEnded::Remove => Ok(()),
    }
}

/// The ports that the image says it can be reached at, and those of the request.
fn exposed(ingredients: &Ingredients<'_>) -> Vec<String> {
    let mut exposed: BTreeSet<&String> = ingredients.config.config.exposed_ports.keys().collect();
    exposed.extend(&ingredients.request.expose);
    exposed.into_iter().cloned().collect()
}

/// Locks a container that nobody runs.
///
/// # Errors
/// [`Error::Running`] while somebody runs it; there is no such container any more.
pub(crate) fn claim(world: &Arc<World>, id: &str) -> Result<Claimed, Error> {
    let begin = Instant::now();
    loop {
        if let Some(folder) = Folder::claim(world, id)? {
            let record = record::read(world.home(), folder.path())?.ok_or_else(|| Error::NoContainer(id.to_owned()))?;
            return Ok(Claimed { folder, record });
        }
        // Who only looks has it for a moment; a monitor for as long as the container runs.
        let folder = folder_of(world, id);
        if record::status(world.home(), &folder)?.has_monitor() || begin.elapsed() > A_LOOK {
            return Err(Error::Running(id.chars().take(12).collect()));
        }
        thread::sleep(Duration::from_millis(2));
    }
}

impl Claimed {
    /// Plans it on its layers, with this network or else the one that is written down.
    ///
    /// # Errors
    /// A layer can't be unpacked, a volume not be made; the machine does not allow containers.
    pub(super) fn prepare(self, world: &Arc<World>, entered: Option<Connection>) -> Result<(Prepared, Record), Error> {
        let mode = self.record.network.clone();
        let (mut prepared, record) = self.prepare_on(world, &mode, entered)?;
        // It may have got another name before it was there to be told.
        if let Ok(Some(now)) = record::read(world.home(), prepared.folder().path())
            && now.name != record.name
        {
            let _ = network::rename(world, &now.id, &now.name);
        }
        if record.when_ended == WhenEnded::Remove {
            prepared.leave_changes();
        }
        Ok((prepared, record))
    }

    /// As [`Claimed::prepare`], for somebody who only works with its files: nothing goes at the end, and it joins no network.
    ///
    /// # Errors
    /// As [`Claimed::prepare`].
    pub(super) fn prepare_to_look(self, world: &Arc<World>) -> Result<(Prepared, Record), Error> {
        self.prepare_on(world, &Mode::None, None)
    }

    fn prepare_on(
        self,
        world: &Arc<World>,
        mode: &Mode,
        entered: Option<Connection>,
    ) -> Result<(Prepared, Record), Error> {
        let Claimed { folder, mut record } = self;
        lent::check(&record)?;
        if record.ownership.is_some_and(|made| made != unpacked::ownership(&world.identity)) {
            let message =
                format!("`{}` was made when this user had other ids: its files would get other owners", record.name);
            return Err(Error::argument(message, "`layerlab commit` makes an image of it, with the right owners"));
        }
        let using = going::using(world, &record.volumes)?;
        record.volumes.iter_mut().try_for_each(|volume| volume.establish(world))?;
        drop(using);
        let wanted = Wanted {
            process: record.process.clone(),
            hostname: record.hostname.clone(),
            network: record.network.clone(),
            names: record.names.clone(),
            hosts: record.hosts.clone(),
            volumes: record.volumes.clone(),
            ports: record.ports.clone(),
            root: record.root,
            paths: record.paths,
            allowance: record.allowance.clone(),
            stop_signal: record.stop_signal,
        };
        let durability = match record.when_ended {
            WhenEnded::Keep => Durability::Kept,
            WhenEnded::Remove => Durability::Scratch,
        };
        let member = Member { id: record.id.clone(), name: record.name.clone() };
        let lower = unpacked::chain_of_image(world, &record.layers)?;
        let joining = match entered {
            Some(entered) => Joining::Joined(Ok(entered)),
            None => network::begin_to_join(world, mode, member, &record.names.servers),
        };
        // Meanwhile.
        let host = detect(world, &folder)?;
        container::make_filter(&record.process.rights);
        let room = wanted.room(world, joining.finish()?, durability);
        let prepared = prepare_on(world, &host, folder, lower, room, &record.process)?;
        Ok((prepared, record))
    }

    /// Removes it, with its changes and, where that is asked for, the volumes that were made for it alone.
    ///
    /// # Errors
    /// Something in it can't be removed. It is no container any more, and what is left goes when the next one is made, if it can.
    pub(crate) fn remove(mut self, world: &World, anonymous: Anonymous) -> Result<(), Error> {
        // One that was paused when its monitor was killed lies frozen yet, and can't have ended.
        container::sweep_groups(&ControlGroups::detect()?);
        record::leave(self.folder.path())?;
        self.folder.discard();
        if anonymous == Anonymous::Removed || self.record.when_ended == WhenEnded::Remove {
            going::remove_anonymous(world, &self.record)?;
        }
        purpose::note("remove", self.folder.path());
        let removed = world.identity.remove_dir_all(self.folder.path());
        drop(self.folder);
        names::release(world.home(), &self.record.name, &self.record.id);
        events::of_container(world.home(), &world.clock, self.record.subject(), "destroy", &[]);
        Ok(removed?)
    }
}

/// The folder of a container.
pub(crate) fn folder_of(world: &World, id: &str) -> PathBuf {
    world.home().containers_dir().join(id)
}

/// Where what a container has written lies.
pub(crate) fn changes_of(world: &World, id: &str) -> PathBuf {
    folder_of(world, id).join("upper")
}

/// What is known of a container; `None` where there is none of this id.
pub(super) fn read(world: &World, id: &str) -> Result<Option<Stored>, Error> {
    let folder = folder_of(world, id);
    let Some(record) = record::read(world.home(), &folder)? else { return Ok(None) };
    let mut status = record::status(world.home(), &folder)?;
    let started = match &status {
        Status::Running(Run { started, .. }) | Status::Paused(Run { started, .. }) => Some(started.clone()),
        Status::Restarting(end) => end.started.clone(),
        Status::Created | Status::Exited(_) => None,
    };
    if status.has_monitor() && Folder::is_free(&folder) {
        // It may have ended just now, and its monitor have noted that.
        status = match record::status(world.home(), &folder)? {
            // It had ended before its monitor was killed.
            Status::Restarting(end) => Status::Exited(end),
            running if running.has_monitor() => Status::Exited(End::unknown(started)),
            ended => ended,
        };
        if record.when_ended == WhenEnded::Remove {
            // Whoever makes the next container removes what is left of it.
            return Ok(None);
        }
    }
    Ok(Some(Stored { record, status }))
}
