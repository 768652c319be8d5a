//! What is written down of a network: which there are, and which addresses are theirs.
//!
//! ```text
//! networks/<name>.json    a network that somebody made; or `bridge`, once its addresses are chosen
//! ```
//!
//! `bridge`, `host` and `none` are always there. Only `bridge` and those that somebody made are networks of this program.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::sixth::{Sixth, WantedSixth};
use super::subnet::{Subnet, pool};
use crate::document::{self, Links};
use crate::limits::Limit;
use crate::netlink::Netlink;
use crate::oci::Digest;
use crate::runtime::{Error, names};
use crate::store::{Home, Lock, LockMode, atomic_write, lock, lock_patiently, purpose};
use crate::world::World;

/// A network of this program: a bridge that containers have cables to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Network {
    schema: u32,
    /// 64 hexadecimal digits.
    pub(crate) id: String,
    pub(crate) name: String,
    /// RFC 3339.
    pub(crate) created: String,
    pub(crate) subnet: Subnet,
    /// The address of the bridge.
    pub(crate) gateway: Ipv4Addr,
    /// Its addresses of IPv6, where it was to have any.
    #[serde(default)]
    pub(crate) sixth: Option<Sixth>,
    pub(crate) reach: Reach,
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default)]
    origin: Origin,
}

/// Where the addresses of a network come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Origin {
    /// Somebody wanted them.
    #[default]
    Asked,
    /// They were free. When they are not any more, others are as good.
    Found,
}

/// Whether a network has a way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reach {
    /// Where there is one.
    Outside,
    /// None.
    Internal,
}

/// What somebody wants of a network.
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) subnet: Option<Subnet>,
    pub(crate) gateway: Option<Ipv4Addr>,
    /// `None`: no addresses of IPv6.
    pub(crate) sixth: Option<WantedSixth>,
    pub(crate) reach: Reach,
    pub(crate) labels: BTreeMap<String, String>,
}

/// The network that a container has when nobody says which.
pub(crate) const BRIDGE: &str = "bridge";

/// The names of those that are always there, and whose drivers have the same name.
pub(crate) const PREDEFINED: [&str; 3] = [BRIDGE, "host", "none"];

/// Names that mean something else where a network is asked for.
const RESERVED: [&str; 3] = ["default", "container", "private"];

const SCHEMA: u32 = 1;
/// Whoever writes something down has it.
const LOCK: &str = ".lock";
/// Whoever begins to use a network shares it, and whoever removes one has it alone. The keeper of the networks never takes it, and so may be asked
/// by those who have it.
const USE_LOCK: &str = ".use.lock";
const LIMIT: Limit = Limit::bytes("description of a network", "LAYERLAB_MAX_NETWORK", 1 << 20);

impl Network {
    /// Whether its containers find each other by name, as in Docker: on `bridge` they do not.
    pub(super) fn has_names(&self) -> bool {
        self.name != BRIDGE
    }

    /// The address that is asked for, or the first that is free.
    pub(super) fn free_address(&self, wanted: Option<Ipv4Addr>, taken: &BTreeSet<Ipv4Addr>) -> Result<Ipv4Addr, Error> {
        let is_free = |address: &Ipv4Addr| *address != self.gateway && !taken.contains(address);
        match wanted {
            Some(address) if !self.subnet.has(address) => {
                let message = format!("{address} is not an address of the network `{}`, {}", self.name, self.subnet);
                Err(Error::argument(message, "choose one of its addresses, or let one be chosen"))
            }
            Some(address) if !is_free(&address) => Err(Error::argument(
                format!("the address {address} is in use"),
                "choose another one, or let one be chosen",
            )),
            Some(address) => Ok(address),
            None => self.subnet.hosts().find(is_free).ok_or_else(|| {
                Error::argument(format!("no address is left on the network `{}`", self.name), "create a larger network")
            }),
        }
    }

    /// Whether it may have other addresses the next time that it is used.
    pub(super) fn is_movable(&self) -> bool {
        self.origin == Origin::Found || self.name == BRIDGE
    }

    pub(crate) fn is_predefined(&self) -> bool {
        PREDEFINED.contains(&self.name.as_str())
    }
}

/// The id of one of those that are always there and that nothing is written down of.
pub(crate) fn predefined_id(name: &str) -> String {
    Digest::of(format!("layerlab network {name}").as_bytes()).hex().to_owned()
}

/// Makes a network. It comes about in the kernel when it is used.
///
/// # Errors
/// The name is not a name or is taken; the addresses are those of another network.
pub(crate) fn create(world: &World, wanted: Wanted) -> Result<Network, Error> {
    names::check(&wanted.name)?;
    if PREDEFINED.contains(&wanted.name.as_str()) || RESERVED.contains(&wanted.name.as_str()) {
        return Err(Error::argument(format!("the network name `{}` is reserved", wanted.name), "choose another name"));
    }
    let _one_at_a_time = lock(&world.home().networks_dir().join(LOCK), LockMode::Exclusive)?;
    let others = list(world.home())?;
    if others.iter().any(|other| other.name == wanted.name) {
        return Err(Error::argument(
            format!("the network `{}` exists already", wanted.name),
            "`layerlab network ls` lists them",
        ));
    }
    let is_asked = wanted.subnet.is_some() || wanted.gateway.is_some();
    let subnet = match wanted.subnet {
        Some(subnet) => {
            let overlapped =
                others.iter().find(|other| other.subnet.overlaps(subnet.gateway().into(), subnet.prefix()));
            if let Some(other) = overlapped {
                let message =
                    format!("the subnet {subnet} overlaps with that of the network `{}`, {}", other.name, other.subnet);
                return Err(Error::argument(message, "choose another subnet, or none"));
            }
            subnet
        }
        None => free_subnet(&others)?,
    };
    let gateway = wanted.gateway.unwrap_or_else(|| subnet.gateway());
    if !subnet.has(gateway) {
        return Err(Error::argument(
            format!("the gateway {gateway} is not in the subnet {subnet}"),
            "choose one of its addresses",
        ));
    }
    let id = world.clock.new_id();
    let sixth = wanted.sixth.map(|sixth| Sixth::of(sixth, &id)).transpose()?;
    if let Some(sixth) = sixth {
        check_sixth(sixth, &others)?;
    }
    let network = Network {
        schema: SCHEMA,
        id,
        name: wanted.name,
        created: world.clock.rfc3339(),
        subnet,
        gateway,
        sixth,
        reach: wanted.reach,
        labels: wanted.labels,
        origin: if is_asked { Origin::Asked } else { Origin::Found },
    };
    write(world.home(), &network)?;
    Ok(network)
}

/// The network of a name, or of an id or the beginning of one. `bridge` is made where it was never used.
///
/// # Errors
/// There is none, or it can't be read.
pub(crate) fn find(world: &World, text: &str) -> Result<Network, Error> {
    let found = list(world.home())?;
    if let Some(network) = found.iter().find(|network| network.name == text) {
        return Ok(network.clone());
    }
    if text == BRIDGE {
        return default(world);
    }
    let mut matching = found.iter().filter(|network| text.len() > 1 && network.id.starts_with(text));
    match (matching.next(), matching.next()) {
        (Some(network), None) => Ok(network.clone()),
        _ => Err(Error::NoNetwork(text.to_owned())),
    }
}

/// The network `bridge`, with other addresses than before where those belong to somebody else on this machine now.
pub(super) fn default(world: &World) -> Result<Network, Error> {
    let _one_at_a_time = lock(&world.home().networks_dir().join(LOCK), LockMode::Exclusive)?;
    let others = list(world.home())?;
    if let Some(network) = others.iter().find(|network| network.name == BRIDGE) {
        return Ok(network.clone());
    }
    let subnet = free_subnet(&others)?;
    let network = Network {
        schema: SCHEMA,
        id: world.clock.new_id(),
        name: BRIDGE.to_owned(),
        created: world.clock.rfc3339(),
        subnet,
        gateway: subnet.gateway(),
        sixth: None,
        reach: Reach::Outside,
        labels: BTreeMap::new(),
        origin: Origin::Found,
    };
    write(world.home(), &network)?;
    Ok(network)
}

/// All networks that something is written down of, by name.
///
/// # Errors
/// The folder can't be listed, or one can't be read.
pub(crate) fn list(home: &Home) -> Result<Vec<Network>, Error> {
    let folder = home.networks_dir();
    let mut networks = Vec::new();
    for entry in fs::read_dir(&folder).map_err(Error::io("list", &folder))? {
        let path = entry.map_err(Error::io("list", &folder))?.path();
        if path.extension().is_some_and(|end| end == "json") {
            networks.extend(read(home, &path)?);
        }
    }
    networks.sort_by(|one: &Network, other| one.name.cmp(&other.name));
    Ok(networks)
}

/// Gives a network that [is movable](Network::is_movable) other addresses, because those that it had belong to somebody else on this machine now.
///
/// # Errors
/// There are none.
pub(super) fn renumber(world: &World, network: &mut Network) -> Result<(), Error> {
    let _one_at_a_time = lock(&world.home().networks_dir().join(LOCK), LockMode::Exclusive)?;
    let others: Vec<Network> = list(world.home())?.into_iter().filter(|other| other.name != network.name).collect();
    network.subnet = free_subnet(&others)?;
    network.gateway = network.subnet.gateway();
    write(world.home(), network)
}

/// While this is held, no network is removed.
///
/// # Errors
/// The lock can't be had.
pub(in crate::runtime) fn using(world: &World) -> Result<Lock, Error> {
    Ok(lock_patiently(&world.home().networks_dir().join(USE_LOCK), LockMode::Shared, world.meter())?)
}

/// While this is held, nobody begins to use a network.
///
/// # Errors
/// The lock can't be had.
pub(in crate::runtime) fn removing(world: &World) -> Result<Lock, Error> {
    Ok(lock_patiently(&world.home().networks_dir().join(USE_LOCK), LockMode::Exclusive, world.meter())?)
}

/// Removes what is written down of a network. Whoever does it [is removing](removing).
///
/// # Errors
/// It can't be removed.
pub(in crate::runtime) fn remove(home: &Home, network: &Network) -> Result<(), Error> {
    let path = path(home, &network.name);
    purpose::note("remove", &path);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn read(home: &Home, path: &std::path::Path) -> Result<Option<Network>, Error> {
    let text = match document::read(path, home.bound(&LIMIT), Links::Refuse) {
        Ok(text) => text,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(crate::store::Error::from(error).into()),
    };
    let network = serde_json::from_slice(&text);
    network.map(Some).map_err(|error| Error::BadState { path: path.to_path_buf(), reason: error.to_string() })
}

fn write(home: &Home, network: &Network) -> Result<(), Error> {
    let path = path(home, &network.name);
    let text = serde_json::to_vec(network).map_err(|error| Error::io("write", &path)(error.into()))?;
    Ok(atomic_write(&path, &text)?)
}

fn path(home: &Home, name: &str) -> PathBuf {
    home.networks_dir().join(format!("{name}.json"))
}

/// Looks whether nobody has these addresses of IPv6 yet.
fn check_sixth(sixth: Sixth, others: &[Network]) -> Result<(), Error> {
    let overlapped = |other: &&Network| {
        other.sixth.is_some_and(|theirs| sixth.subnet.overlaps(theirs.gateway.into(), theirs.subnet.prefix()))
    };
    match others.iter().find(overlapped) {
        Some(other) => {
            let message = format!("the subnet {} overlaps with that of the network `{}`", sixth.subnet, other.name);
            Err(Error::argument(message, "choose another subnet, or none"))
        }
        None => Ok(()),
    }
}

/// Addresses that no other network has, nor anybody whom this machine knows a way to.
fn free_subnet(others: &[Network]) -> Result<Subnet, Error> {
    let known = Netlink::open().and_then(|netlink| netlink.destinations());
    let known = known.map_err(|errno| Error::Call { call: "netlink(RTM_GETROUTE)", errno })?;
    let is_free = |subnet: &Subnet| {
        let ours = others.iter().map(|other| (other.subnet.gateway().into(), other.subnet.prefix()));
        !ours.chain(known.iter().copied()).any(|(address, prefix)| subnet.overlaps(address, prefix))
    };
    pool().find(is_free).ok_or_else(|| {
        Error::argument(
            "every subnet for networks is in use",
            "remove networks that are not needed, or choose a --subnet",
        )
    })
}
