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
//! Left out: addresses of IPv6 inside networks, networks that span machines, and drivers other than `bridge`.

mod document;
mod guest;
mod lookup;
mod names;
mod segment;
mod subnet;
mod switch;
mod talk;
mod way;

use std::fs::{self, File};
use std::net::IpAddr;
use std::os::fd::{AsFd as _, AsRawFd as _, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::{ForkResult, dup2_stderr, dup2_stdin, dup2_stdout, fork, setsid};
use serde::{Deserialize, Serialize};

use self::switch::Switch;
use self::talk::{Ask, LOCK, SOCKET, Tell};
use super::Error;
use crate::container::{self, Local, Wire};
use crate::link::{Heard, Link, Listener};
use crate::store::{Lock, try_claim};
use crate::world::World;

pub(crate) use document::{BRIDGE, Network, PREDEFINED, Reach, Wanted, create, find, list, predefined_id, remove};
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
    /// Networks of ours; of none of them, it has one of its own.
    Networks(Vec<Attachment>),
}

impl Mode {
    /// What a container has when nobody says anything.
    pub(crate) fn default_network() -> Mode {
        Mode::Networks(vec![Attachment::to(BRIDGE)])
    }

    /// What it is called where one is asked for.
    pub(crate) fn name(&self) -> &str {
        match self {
            Mode::Host => "host",
            Mode::None => "none",
            Mode::Networks(attachments) => attachments.first().map_or("none", |first| &first.network),
        }
    }

    /// The names of all that it is connected to.
    pub(crate) fn names(&self) -> Vec<&str> {
        match self {
            Mode::Networks(attachments) => attachments.iter().map(|one| one.network.as_str()).collect(),
            Mode::Host | Mode::None => vec![self.name()],
        }
    }

    /// The same, with the names of networks in the place of ids.
    ///
    /// # Errors
    /// There is no such network.
    pub(super) fn known(self, world: &World) -> Result<Mode, Error> {
        let Mode::Networks(mut attachments) = self else { return Ok(self) };
        for attachment in &mut attachments {
            if attachment.network != BRIDGE {
                attachment.network = document::find(world, &attachment.network)?.name;
            }
        }
        Ok(Mode::Networks(attachments))
    }

    /// Whether its ports can be published: with the others there is nothing to be published.
    pub(crate) fn is_private(&self) -> bool {
        matches!(self, Mode::Networks(_))
    }
}

/// The network of a container: what its plan is told, and what keeps it there.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) network: container::Network,
    membership: Option<Membership>,
    /// What could not be had.
    pub(crate) note: Option<String>,
}

/// A place in networks. When the last descriptor of its link is closed, it is given up.
#[derive(Debug)]
pub(crate) struct Membership {
    link: Link,
    /// Where the container's first process says that it is ready.
    plug: Link,
}

/// How long somebody who begins or ends has for it.
const PATIENCE: Duration = Duration::from_secs(20);

impl Connection {
    fn without(network: container::Network) -> Connection {
        Connection { network, membership: None, note: None }
    }

    /// What the container's first process is started with.
    ///
    /// # Errors
    /// As dup(2).
    pub(super) fn plug(&self) -> Result<Option<Link>, Error> {
        let duplicate = self.membership.as_ref().map(|membership| membership.plug.duplicate()).transpose();
        duplicate.map_err(|errno| Error::Call { call: "dup", errno })
    }

    /// What has to stay open for it to last.
    pub(super) fn descriptors(&self) -> Vec<RawFd> {
        let links = self.membership.iter().flat_map(|membership| [&membership.link, &membership.plug]);
        links.map(|link| link.as_fd().as_raw_fd()).collect()
    }

    /// What the keeper of the networks has had to say of it.
    pub(crate) fn notices_now(&self) -> Vec<String> {
        let mut all: Vec<String> = self.note.iter().cloned().collect();
        let link = self.membership.as_ref().map(|membership| &membership.link);
        while let Some(Heard::Message(tell, _)) = link.map(|link| link.hear_now::<Tell>()) {
            if let Tell::Notice(text) = tell {
                all.push(text);
            }
        }
        all
    }

    /// Another descriptor of its link, to hear what the keeper of the networks has to say.
    pub(super) fn listener(&self) -> Option<Notices> {
        self.membership.as_ref()?.link.duplicate().ok().map(Notices)
    }

    /// The container's address on its first network.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.wires().first()?.addresses.first().map(|local| local.address)
    }

    pub(crate) fn wires(&self) -> &[Wire] {
        match &self.network {
            container::Network::Wired(wires) => wires,
            container::Network::Host | container::Network::None => &[],
        }
    }
}

/// What the keeper of the networks has to say of a container.
pub(crate) struct Notices(Link);

impl Notices {
    /// The next one; `None` when there will be none any more.
    pub(super) fn next(&self) -> Option<String> {
        loop {
            match self.0.hear::<Tell>() {
                Heard::Message(Tell::Notice(text), _) => return Some(text),
                Heard::Message(..) | Heard::Nothing => {}
                Heard::End => return None,
            }
        }
    }
}

/// Gives a container its network, until what is given here is dropped by everybody who has it.
///
/// # Errors
/// There is no such network, or it can't be made. Where that is so with the one that nobody asked for, the container has one of its own
/// without a way out, and is told why.
pub(crate) fn join(world: &Arc<World>, mode: &Mode, member: Member, servers: &[IpAddr]) -> Result<Connection, Error> {
    let attachments = match mode {
        Mode::Host => return Ok(Connection::without(container::Network::Host)),
        Mode::None => return Ok(Connection::without(container::Network::None)),
        Mode::Networks(attachments) if attachments.is_empty() => {
            return Ok(Connection::without(container::Network::Wired(Vec::new())));
        }
        Mode::Networks(attachments) => attachments,
    };
    match become_member(world, member, attachments, servers) {
        Err(error @ (Error::Call { .. } | Error::Refused(_) | Error::Container(_)))
            if attachments == &[Attachment::to(BRIDGE)] =>
        {
            let note = format!("the container has a network of its own without a way out: {error}");
            let network = container::Network::Wired(Vec::new());
            Ok(Connection { network, membership: None, note: Some(note) })
        }
        joined => joined,
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
        Mode::Networks(attachments) => attachments,
    };
    let mut wires: Vec<Wire> = Vec::new();
    for (number, attachment) in attachments.iter().enumerate() {
        let network = document::find(world, &attachment.network)?;
        let free = network.subnet.hosts().find(|address| *address != network.gateway);
        let address = IpAddr::from(attachment.address.or(free).unwrap_or(network.gateway));
        let way = Way::of(&network, &world.identity);
        let has_way = !matches!(way, Way::None(_)) && wires.iter().all(|wire| wire.gateways.is_empty());
        wires.push(Wire {
            network: network.name,
            interface: format!("eth{number}"),
            mac: segment::mac(address),
            addresses: vec![Local { address, prefix: network.subnet.prefix() }],
            gateways: if has_way { vec![network.gateway.into()] } else { Vec::new() },
        });
    }
    Ok(Connection::without(container::Network::Wired(wires)))
}

/// Who is on which network.
pub(crate) fn members(world: &World) -> Vec<(Member, Wire)> {
    match ask(world, &Ask::Members) {
        Ok(Some(Tell::Members(members))) => members,
        Ok(Some(_) | None) | Err(_) => Vec::new(),
    }
}

/// Puts one more cable into a container that runs.
///
/// # Errors
/// The container is in no network or in this one already, or the kernel refuses it.
pub(super) fn connect(world: &World, container: &str, attachment: &Attachment) -> Result<(), Error> {
    done(ask(world, &Ask::Connect { container: container.to_owned(), attachment: attachment.clone() })?)
}

/// Takes one away.
///
/// # Errors
/// As [`connect`].
pub(super) fn disconnect(world: &World, container: &str, network: &str) -> Result<(), Error> {
    done(ask(world, &Ask::Disconnect { container: container.to_owned(), network: network.to_owned() })?)
}

/// Lets the others on its networks know a container by another name.
///
/// # Errors
/// The container is in no network.
pub(super) fn rename(world: &World, container: &str, name: &str) -> Result<(), Error> {
    done(ask(world, &Ask::Rename { container: container.to_owned(), name: name.to_owned() })?)
}

/// Asks the keeper of the networks, if there is one.
fn ask(world: &World, question: &Ask) -> Result<Option<Tell>, Error> {
    let Ok(link) = Link::connect(&folder(world)?, SOCKET) else { return Ok(None) };
    link.say(question);
    match link.hear() {
        Heard::Message(answer, _) => Ok(Some(answer)),
        Heard::Nothing | Heard::End => Ok(None),
    }
}

fn done(answer: Option<Tell>) -> Result<(), Error> {
    match answer {
        Some(Tell::Done) => Ok(()),
        Some(Tell::Refused { message, hint }) => Err(Error::Network { message, hint }),
        Some(_) | None => Err(Error::Refused("the container is in no network".to_owned())),
    }
}

fn become_member(
    world: &Arc<World>,
    container: Member,
    attachments: &[Attachment],
    servers: &[IpAddr],
) -> Result<Connection, Error> {
    let ask = Ask::Join { container, attachments: attachments.to_vec(), servers: servers.to_vec() };
    let begin = Instant::now();
    loop {
        let link = reach(world, begin)?;
        let (plug, theirs) = Link::pair().map_err(|errno| Error::Call { call: "socketpair", errno })?;
        link.say_with(&ask, &theirs);
        drop(theirs);
        match link.hear() {
            Heard::Message(Tell::Joined { wires }, _) => {
                let membership = Some(Membership { link, plug });
                return Ok(Connection { network: container::Network::Wired(wires), membership, note: None });
            }
            Heard::Message(Tell::Refused { message, hint }, _) => return Err(Error::Network { message, hint }),
            // It was just about to end.
            Heard::End if begin.elapsed() < PATIENCE => {}
            Heard::Message(..) | Heard::Nothing | Heard::End => {
                return Err(Error::Refused("the keeper of the networks ended".to_owned()));
            }
        }
    }
}

/// Connects to the keeper of the networks, which is started where there is none.
fn reach(world: &Arc<World>, begin: Instant) -> Result<Link, Error> {
    let folder = folder(world)?;
    loop {
        match Link::connect(&folder, SOCKET) {
            Ok(link) => return Ok(link),
            Err(_) if begin.elapsed() < PATIENCE => {}
            Err(errno) => return Err(Error::Call { call: "connect to the keeper of the networks", errno }),
        }
        match try_claim(&world.home().networks_dir().join(LOCK))? {
            Some(lock) => start(world, &folder, lock)?,
            // It begins or ends just now.
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

fn folder(world: &World) -> Result<File, Error> {
    let folder = world.home().networks_dir();
    File::open(&folder).map_err(Error::io("open", &folder))
}

/// Starts the keeper of the networks. Its socket is there when this returns.
fn start(world: &Arc<World>, folder: &File, lock: Lock) -> Result<(), Error> {
    let path = world.home().networks_dir();
    // One that was killed.
    let _ = fs::remove_file(path.join(SOCKET));
    let listener =
        Listener::bind(folder, SOCKET).map_err(|errno| Error::io("bind", path.join(SOCKET))(errno.into()))?;
    let refused = |errno| Error::Call { call: "fork", errno };
    // SAFETY: fork(2). Of us only this thread goes on in the child; that makes system calls, allocates and starts programs, takes no lock
    // that another thread may have held, and never returns to what it is a copy of.
    match unsafe { fork() }.map_err(refused)? {
        ForkResult::Child => {
            // Twice, so that it is nobody's child.
            // SAFETY: as above.
            if let Ok(ForkResult::Child) = unsafe { fork() } {
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| keep(world, listener, lock)));
            }
            // SAFETY: _exit(2) ends this process without the exit handlers of the one it was forked from.
            unsafe { libc::_exit(0) }
        }
        ForkResult::Parent { child } => {
            let _ = nix::sys::wait::waitpid(child, None);
            Ok(())
        }
    }
}

/// Is the keeper of the networks.
fn keep(world: &Arc<World>, listener: Listener, lock: Lock) {
    if stand_alone(&[listener.as_fd().as_raw_fd(), lock.as_fd().as_raw_fd()]).is_err() {
        return;
    }
    let folder = world.home().networks_dir();
    Switch::new(world.clone(), listener, folder.join(LOCK)).keep();
    // Whoever connects from now on gets no answer and tries again: with the lock.
    let _ = fs::remove_file(folder.join(SOCKET));
    let _ = lock.remove();
}

/// Leaves the session, the terminal, the folder and the signals of whoever needed it first, and closes all descriptors but these.
fn stand_alone(kept: &[RawFd]) -> nix::Result<()> {
    setsid()?;
    for number in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP, Signal::SIGTERM, Signal::SIGTSTP] {
        // SAFETY: signal(2) with an action that runs no code.
        unsafe { signal(number, SigHandler::SigDfl) }?;
    }
    let null = File::options().read(true).write(true).open("/dev/null").map_err(|_| nix::errno::Errno::ENOENT)?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    container::close_all_but(kept.iter().copied().chain([null.as_raw_fd()]).collect())?;
    std::env::set_current_dir("/").map_err(|_| nix::errno::Errno::ENOENT)
}
