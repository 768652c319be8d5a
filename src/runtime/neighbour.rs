//! A container in the network of another one: `--network container:NAME`, as in Docker.
//!
//! ```text
//! create: choose ──▶ Mode::Container(Neighbour): written down, by id     start: meet ──▶ Connection: descriptors of its network
//! ```
//!
//! Both have the same interfaces, addresses, ports and loopback, the same files hosts, hostname and resolv.conf, and the same host name; all
//! else is each one's own. An ordinary user's network belongs to a user namespace, and only root of that may enter it and mount its /sys. So
//! the two share that as well: what one's root could do to the other by it, it could do to nobody it can't see.
//!
//! The network is that of the run which the other container is in now. When that ends, its cables go, and with it the one who answers for
//! names: what is left is a network with nothing but the loopback interface, until this container is started again, too.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use super::found::find;
use super::network::{self, Connection, Mode, Neighbour};
use super::record::{Record, Status};
use super::session::Session;
use super::stored::{self, Stored, folder_of};
use super::{Error, lent};
use crate::container::{self, Hostname, Shared};
use crate::world::World;

/// A container that was chosen, and what the one that is to have its network has of it, too.
pub(crate) struct Chosen {
    pub(crate) network: Mode,
    pub(crate) hostname: Hostname,
    pub(crate) domain: Option<String>,
}

/// Finds the container whose network is asked for.
///
/// # Errors
/// There is none, or several.
pub(crate) fn choose(world: &World, text: &str) -> Result<Chosen, Error> {
    let found = find(world, text)?.record;
    lent::check(&found)?;
    let Record { id, name, network, hostname, allowance, .. } = found;
    let (files_of, is_machines) = match network {
        // What that one has is another's as well, and it can't get any of its own.
        Mode::Container(other) => (other.files_of, other.is_machines),
        Mode::Host => (id.clone(), true),
        Mode::None | Mode::Networks(_) => (id.clone(), false),
    };
    let network = Mode::Container(Neighbour { id, name, files_of, is_machines });
    Ok(Chosen { network, hostname, domain: allowance.domain })
}

/// The way into the network of the container that this one is to be with; `None` for one that has its own.
///
/// # Errors
/// That container does not run, or its network can't be entered from here.
pub(super) fn meet(world: &Arc<World>, record: &Record) -> Result<Option<Connection>, Error> {
    let Mode::Container(neighbour) = &record.network else { return Ok(None) };
    let Some(other) = stored::read(world, &neighbour.id)? else {
        return Err(Error::NoContainer(neighbour.id.clone()));
    };
    lent::check(&other.record)?;
    let files = folder_of(world, &neighbour.files_of);
    let name = other.record.name.clone();
    if other.record.ownership != record.ownership {
        let message = format!("container {name} runs with other ids: its network belongs to other users than these");
        return Err(Error::argument(message, "start it again, or make it anew"));
    }
    if let (true, Mode::Networks(_)) = (other.is_running(), &other.record.network) {
        // Before it is entered. One that is in no network has no cables, and one that ends now is not found below.
        let _ = network::share(world, &neighbour.id);
    }
    let network = network_of(world, &other)?;
    if is_machines(&network)? {
        lent::check_in_machines_network(record)?;
        return Ok(Some(Connection::in_machines(files)));
    }
    let users = match world.identity.in_user_namespace() {
        true => {
            Some(container::owner_of(&network).map_err(|errno| Error::Call { call: "ioctl(NS_GET_USERNS)", errno })?)
        }
        false => None,
    };
    Ok(Some(Connection::shared(name, files, Shared { network, users })))
}

/// The network namespace of a container's first process.
fn network_of(world: &Arc<World>, other: &Stored) -> Result<OwnedFd, Error> {
    let id = &other.record.id;
    match other.status {
        Status::Running(_) | Status::Paused(_) => {}
        Status::Restarting(_) => {
            let message = format!("container {id} is restarting, wait until the container is running");
            return Err(Error::argument(message, "`layerlab ps` shows when it runs"));
        }
        Status::Created | Status::Exited(_) => return Err(not_running(id)),
    }
    let session = Session::open(world, id)?.ok_or_else(|| not_running(id))?;
    let first = session.first().map_err(|_| not_running(id))?;
    let number = container::number_of(&first).ok_or_else(|| not_running(id))?;
    let path = format!("/proc/{number}/ns/net");
    let network = File::open(&path).map_err(Error::io("open", &path))?;
    // Else the number may have been another's by then.
    if container::number_of(&first) == Some(number) { Ok(network.into()) } else { Err(not_running(id)) }
}

/// Docker's words.
fn not_running(id: &str) -> Error {
    Error::argument(format!("cannot join network of a non running container: {id}"), "start it first: `layerlab start`")
}

fn is_machines(network: &OwnedFd) -> Result<bool, Error> {
    let path = Path::new("/proc/thread-self/ns/net");
    let refused = || Error::io("look at", path);
    let ours = std::fs::metadata(path).map_err(refused())?;
    let theirs = network.try_clone().and_then(|network| File::from(network).metadata()).map_err(refused())?;
    Ok((ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino()))
}
