//! Networks: how containers reach each other, and the world.
//!
//! ```text
//! Mode ──join──▶ Connection: what the plan needs, and a membership that lasts as long as its link is open
//!                    ▲
//!      the switch: one process, which keeps every network of a home that is in use
//! ```
//!
//! A network is a bridge; a container in it has a cable to that, an address, and somebody to ask for names. Root's bridges are on the machine,
//! an ordinary user's in a network namespace of that user: no right and no program is needed for it. Which way out there is is decided in one
//! place, [`way`]. Read [`document`] for what a network is, [`switch`] for who keeps them, [`segment`] for what they are to the kernel, and
//! [`names`] for how a name becomes an address.
//!
//! Left out: networks of IPv6 alone, networks that span machines, and drivers other than `bridge`.

mod document;
mod firewall;
mod guest;
mod joining;
mod lookup;
mod mark;
mod membership;
mod names;
mod places;
mod programs;
mod reach;
mod remembered;
mod segment;
mod settings;
mod sixth;
mod subnet;
mod switch;
mod talk;
mod way;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::os::fd::RawFd;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use self::membership::Membership;
use self::talk::Ask;
use super::Error;
use crate::container::{self, Local, Shared, Wire};
use crate::link::Link;
use crate::world::World;

pub(crate) use document::{BRIDGE, Network, PREDEFINED, Reach, Wanted, create, find, list, predefined_id};
pub(in crate::runtime) use document::{remove, removing, using};
pub(crate) use joining::join;
pub(in crate::runtime) use joining::{Joining, begin_to_join};
pub(in crate::runtime) use membership::Notices;
pub(crate) use sixth::{Subnet6, WantedSixth};
pub(crate) use subnet::Subnet;
pub(crate) use talk::{Attachment, Member};
pub(crate) use way::Way;

/// Which network a container is to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// The machine's own.
    Host,
    /// None but its loopback network.
    None,
    /// That of another container.
    Container(Neighbour),
    /// Networks of ours; of none of them, it has one of its own.
    Networks(Vec<Attachment>),
}

/// A container whose network another one has, too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Neighbour {
    /// Its id.
    pub(crate) id: String,
    /// What it was called when it was chosen.
    pub(crate) name: String,
    /// The id of the container whose files hosts, hostname and resolv.conf it has: its own, unless it is in another's network itself.
    pub(crate) files_of: String,
    /// Whether the network is the machine's.
    pub(crate) is_machines: bool,
}

impl Mode {
    /// What a container has when nobody says anything.
    pub(crate) fn default_network() -> Mode {
        Mode::Networks(vec![Attachment::to(BRIDGE)])
    }

    /// What it is called where one is asked for.
    pub(crate) fn name(&self) -> Cow<'_, str> {
        match self {
            Mode::Host => "host".into(),
            Mode::None => "none".into(),
            Mode::Container(neighbour) => format!("container:{}", neighbour.id).into(),
            Mode::Networks(attachments) => attachments.first().map_or("none", |first| &first.network).into(),
        }
    }

    /// The names of all that it is connected to.
    pub(crate) fn names(&self) -> Vec<&str> {
        match self {
            Mode::Networks(attachments) => attachments.iter().map(|one| one.network.as_str()).collect(),
            Mode::Host => vec!["host"],
            Mode::None => vec!["none"],
            Mode::Container(_) => Vec::new(),
        }
    }

    /// The same, with the names of networks in the place of ids.
    ///
    /// # Errors
    /// There is no such network, or one is wanted twice.
    pub(super) fn known(self, world: &World) -> Result<Mode, Error> {
        let Mode::Networks(mut attachments) = self else { return Ok(self) };
        let mut seen = BTreeSet::new();
        for attachment in &mut attachments {
            if attachment.network != BRIDGE {
                attachment.network = document::find(world, &attachment.network)?.name;
            }
            if !seen.insert(attachment.network.clone()) {
                let message = format!("the network `{}` is wanted twice", attachment.network);
                return Err(Error::argument(message, "name each network once"));
            }
        }
        Ok(Mode::Networks(attachments))
    }

    /// Whether its ports can be published: with the others there is nothing to be published.
    pub(crate) fn is_private(&self) -> bool {
        matches!(self, Mode::Networks(_))
    }

    /// Whether it is the machine's own.
    pub(crate) fn is_machines(&self) -> bool {
        match self {
            Mode::Host => true,
            Mode::Container(neighbour) => neighbour.is_machines,
            Mode::None | Mode::Networks(_) => false,
        }
    }
}

/// The network of a container: what its plan is told, and what keeps it there.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) network: container::Network,
    membership: Option<Membership>,
    /// The folder with the files of /etc that another container has written.
    pub(crate) files: Option<PathBuf>,
    /// The network of another container.
    shared: Option<Shared>,
    /// What could not be had.
    pub(crate) note: Option<String>,
}

impl Connection {
    fn without(network: container::Network) -> Connection {
        Connection { network, membership: None, files: None, shared: None, note: None }
    }

    /// To the network of another container, whose files lie in this folder.
    pub(super) fn shared(name: String, files: PathBuf, shared: Shared) -> Connection {
        let connection = Connection::without(container::Network::Shared(name));
        Connection { files: Some(files), shared: Some(shared), ..connection }
    }

    /// To the network of another container, which is the machine's.
    pub(super) fn in_machines(files: PathBuf) -> Connection {
        Connection { files: Some(files), ..Connection::without(container::Network::Host) }
    }

    /// What the container's first process is started with.
    ///
    /// # Errors
    /// As dup(2).
    pub(super) fn plug(&self) -> Result<Option<Link>, Error> {
        let duplicate = self.membership.as_ref().map(|membership| membership.plug().duplicate()).transpose();
        duplicate.map_err(|errno| Error::Call { call: "dup", errno })
    }

    /// The network that the container enters.
    ///
    /// # Errors
    /// As dup(2).
    pub(super) fn entered(&self) -> Result<Option<Shared>, Error> {
        let duplicate = self.shared.as_ref().map(Shared::duplicate).transpose();
        duplicate.map_err(|error| container::Error::descriptor(error).into())
    }

    /// What has to stay open for it to last.
    pub(super) fn descriptors(&self) -> Vec<RawFd> {
        let links = self.membership.iter().flat_map(Membership::descriptors);
        links.chain(self.shared.iter().flat_map(Shared::descriptors)).collect()
    }

    /// What the keeper of the networks has had to say of it.
    pub(crate) fn notices_now(&self) -> Vec<String> {
        let mut all: Vec<String> = self.note.iter().cloned().collect();
        all.extend(self.membership.iter().flat_map(Membership::notices_now));
        all
    }

    /// Gives the place in the networks up, whoever else has a descriptor of the link.
    pub(super) fn end(&self) {
        if let Some(membership) = &self.membership {
            membership.end();
        }
    }

    /// Another descriptor of its link, to hear what the keeper of the networks has to say.
    pub(super) fn listener(&self) -> Option<Notices> {
        self.membership.as_ref()?.listener()
    }

    /// The container's address on its first network.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.wires().first()?.addresses.first().map(|local| local.address)
    }

    pub(crate) fn wires(&self) -> &[Wire] {
        match &self.network {
            container::Network::Wired(wires) => wires,
            container::Network::Host | container::Network::None | container::Network::Shared(_) => &[],
        }
    }
}

/// What the network of a container would be, with nothing done for it.
///
/// # Errors
/// There is no such network.
pub(crate) fn foresee(world: &World, mode: &Mode) -> Result<Connection, Error> {
    let attachments = match mode {
        Mode::Host => return Ok(Connection::without(container::Network::Host)),
        Mode::None => return Ok(Connection::without(container::Network::None)),
        Mode::Container(Neighbour { name, files_of, is_machines, .. }) => {
            let network =
                if *is_machines { container::Network::Host } else { container::Network::Shared(name.clone()) };
            let files = Some(world.home().containers_dir().join(files_of));
            return Ok(Connection { files, ..Connection::without(network) });
        }
        Mode::Networks(attachments) => attachments,
    };
    let mut wires: Vec<Wire> = Vec::new();
    for (number, attachment) in attachments.iter().enumerate() {
        let network = document::find(world, &attachment.network)?;
        let free = network.subnet.hosts().find(|address| *address != network.gateway);
        let address = IpAddr::from(attachment.address.or(free).unwrap_or(network.gateway));
        let mut addresses = vec![Local { address, prefix: network.subnet.prefix() }];
        if let Some(sixth) = network.sixth {
            let free = sixth.subnet.hosts().find(|address| *address != sixth.gateway);
            let address = attachment.sixth.or(free).unwrap_or(sixth.gateway);
            addresses.push(Local { address: address.into(), prefix: sixth.subnet.prefix() });
        }
        let has_none = |gateway: &IpAddr| {
            !wires.iter().flat_map(|wire| &wire.gateways).any(|other| other.is_ipv4() == gateway.is_ipv4())
        };
        let gateways = Way::of(&network, &world.identity).gateways(&network).into_iter().filter(has_none).collect();
        wires.push(Wire {
            network: network.name,
            interface: format!("eth{number}"),
            mac: segment::mac(address),
            addresses,
            gateways,
        });
    }
    Ok(Connection::without(container::Network::Wired(wires)))
}

/// Who is on which network.
///
/// # Errors
/// The keeper of the networks does not answer.
pub(crate) fn members(world: &World) -> Result<Vec<(Member, Wire)>, Error> {
    let mut members = Vec::new();
    reach::ask(world, &Ask::Members, &mut |member, wire| members.push((member, wire)))?;
    Ok(members)
}

/// Puts one more cable into a container that runs.
///
/// # Errors
/// The container is in no network or in this one already, or the kernel refuses it.
pub(super) fn connect(world: &World, container: &str, attachment: &Attachment) -> Result<(), Error> {
    reach::change(world, &Ask::Connect { container: container.to_owned(), attachment: attachment.clone() })
}

/// Takes one away.
///
/// # Errors
/// As [`connect`].
pub(super) fn disconnect(world: &World, container: &str, network: &str) -> Result<(), Error> {
    reach::change(world, &Ask::Disconnect { container: container.to_owned(), network: network.to_owned() })
}

/// Has a container's cables taken out when it ends, because its network stays with others.
///
/// # Errors
/// As [`connect`].
pub(super) fn share(world: &World, container: &str) -> Result<(), Error> {
    reach::change(world, &Ask::Share { container: container.to_owned() })
}

/// Lets the others on its networks know a container by another name.
///
/// # Errors
/// The keeper of the networks does not answer.
pub(super) fn rename(world: &World, container: &str, name: &str) -> Result<(), Error> {
    let question = Ask::Rename { container: container.to_owned(), name: name.to_owned() };
    // It is in none, most likely.
    reach::ask(world, &question, &mut |_, _| {}).map(drop)
}
