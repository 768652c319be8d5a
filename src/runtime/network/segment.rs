//! A network in the kernel: a bridge, and the cables of the containers that are in it.
//!
//! ```text
//! root   the machine's network:   bridge `ll-…` ── `lv-…` ═ `eth0` of a container
//! user   a network of its own:    bridge `ll-…` ── `lv-…` ═ `eth0` of a container
//! ```
//!
//! An ordinary user's bridge lies in a network namespace that belongs to a user namespace of the same user, and so do the networks of the
//! containers. Nobody enters any of them here: the owner of a user namespace, who is outside, has every right over what is in it. It all
//! vanishes with the last descriptor. Root's is on the machine, and is removed; or swept, when its keeper was killed.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::{IpAddr, UdpSocket};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

use super::document::{self, Network, Reach};
use super::firewall;
use super::mark;
use super::programs::Namespaces;
use super::settings;
use super::sixth::Sixth;
use super::way::{self, Opened, Way};
use crate::container::{Identity, NAME_SERVER, Wire, owner_of};
use crate::link::{Heard, Link};
use crate::netlink::{Assigned, Interface, Mac, Netlink};
use crate::runtime::Error;
use crate::store::{LockMode, lock};
use crate::world::World;

/// A network that is in use.
pub(super) struct Segment {
    pub(super) network: Network,
    pub(super) way: Way,
    /// Closed before the rest goes.
    opened: Option<Opened>,
    /// Whether it is known that the way out is open, or that there is none.
    is_settled: bool,
    netlink: Netlink,
    namespaces: Option<Namespaces>,
    /// What its bridge is called.
    pub(super) name: String,
    bridge: u32,
}

/// How long a connector has for its interface.
const PATIENCE: Duration = Duration::from_secs(10);

/// One looks which addresses are free on the machine and takes them, and then the next.
const MACHINE_LOCK: &str = "/run/layerlab-networks.lock";

impl Segment {
    /// Makes it, with a bridge of this name, in the place of one that a keeper has left that was killed. Its way out may yet be opening,
    /// see [`Segment::settle`].
    ///
    /// # Errors
    /// The kernel refuses it, or the addresses belong to somebody else.
    pub(super) fn make(
        world: &World,
        mut network: Network,
        name: String,
        left: Option<&str>,
    ) -> Result<Segment, Error> {
        let identity = &world.identity;
        let way = Way::of(&network, identity);
        let (netlink, namespaces) = if identity.in_user_namespace() {
            let (netlink, namespaces) = own_network()?;
            (netlink, Some(namespaces))
        } else {
            (Netlink::open().map_err(refused("socket(AF_NETLINK)"))?, None)
        };
        let _machine =
            if namespaces.is_none() { lock(Path::new(MACHINE_LOCK), LockMode::Exclusive).ok() } else { None };
        if namespaces.is_none() {
            sweep(&netlink, left).map_err(refused("netlink(RTM_GETLINK)"))?;
        }
        if namespaces.is_none() && is_taken(&netlink, &network)? {
            if !network.is_movable() {
                let message = format!(
                    "the subnet {} of the network `{}` is in use on this machine",
                    network.subnet, network.name
                );
                return Err(Error::argument(message, "remove the network, and create it with another subnet"));
            }
            document::renumber(world, &mut network)?;
        }
        if let (None, Some(sixth)) = (&namespaces, network.sixth)
            && is_sixth_taken(&netlink, sixth)?
        {
            let message =
                format!("the subnet {} of the network `{}` is in use on this machine", sixth.subnet, network.name);
            return Err(Error::argument(message, "remove the network, and create it with another subnet"));
        }
        let bridge = netlink.add_bridge(&name, mac(IpAddr::V4(network.gateway))).map_err(refused("netlink(bridge)"))?;
        let (opened, is_settled) = (None, false);
        let mut segment = Segment { network, way, opened, is_settled, netlink, namespaces, name, bridge };
        if segment.is_on_the_machine() {
            settings::quiet(&segment.name, segment.network.sixth.is_some())?;
        }
        segment.netlink.switch_on(bridge).map_err(refused("netlink(RTM_SETLINK)"))?;
        let address = IpAddr::V4(segment.network.gateway);
        let assigned = Assigned { interface: bridge, address, prefix: segment.network.subnet.prefix() };
        segment.netlink.add_address(assigned).map_err(refused("netlink(RTM_NEWADDR)"))?;
        if let Some(sixth) = segment.network.sixth {
            let assigned = Assigned { interface: bridge, address: sixth.gateway.into(), prefix: sixth.subnet.prefix() };
            segment.netlink.add_address(assigned).map_err(refused("netlink(RTM_NEWADDR)"))?;
        }
        match Opened::open(&segment.way, &segment.name, &segment.network, segment.namespaces.as_ref()) {
            Ok(opened) => segment.opened = Some(opened),
            Err(problem) if segment.network.reach == Reach::Internal => {
                let name = &segment.network.name;
                return Err(Error::Refused(format!("the network `{name}` can't be kept apart: {problem}")));
            }
            Err(problem) => segment.close(problem),
        }
        if segment.is_on_the_machine() {
            settings::pass_on(&segment.name, false)?;
        }
        Ok(segment)
    }

    /// Waits until the way out is open, and says whether there is one. Nobody has a cable before: the same rules keep others out.
    pub(super) fn settle(&mut self) -> bool {
        if !std::mem::replace(&mut self.is_settled, true) {
            let finished = self.opened.as_mut().map_or(Ok(()), Opened::finish);
            match finished.and_then(|()| self.pass_on()) {
                Ok(()) => self.await_connector(),
                Err(problem) => self.close(problem),
            }
        }
        !matches!(self.way, Way::None(_))
    }

    /// Has the machine pass on what comes from it, now that the rules are there.
    fn pass_on(&self) -> Result<(), String> {
        match self.way {
            Way::Translation(_) => settings::pass_on(&self.name, true).map_err(|error| error.to_string()),
            Way::Program(_) | Way::None(_) => Ok(()),
        }
    }

    fn is_on_the_machine(&self) -> bool {
        self.namespaces.is_none()
    }

    fn close(&mut self, problem: String) {
        self.opened = None;
        self.way = Way::None(way::Why::Forbidden(problem));
    }

    /// Puts a cable of this name into a container. Its end there is switched off.
    ///
    /// # Errors
    /// The kernel refuses it; then nothing of it stays.
    pub(super) fn plug(&self, cable: &str, wire: &Wire, container: BorrowedFd<'_>) -> Result<(), Error> {
        let added = self.netlink.add_cable(cable, self.bridge, &wire.interface, wire.mac, container);
        added.map_err(refused("netlink(veth)"))?;
        // What comes there is for the bridge, of IPv6 as well.
        let quiet = if self.is_on_the_machine() { settings::quiet(cable, false) } else { Ok(()) };
        let plugged = quiet.and_then(|()| {
            let switched_on = self.netlink.index(cable).and_then(|index| self.netlink.switch_on(index));
            switched_on.map_err(refused("netlink(RTM_SETLINK)"))
        });
        if plugged.is_err() {
            let _ = self.unplug(cable);
        }
        plugged
    }

    /// Takes it away: by our end, as the container may have given its own another name.
    pub(super) fn unplug(&self, cable: &str) -> Result<(), Errno> {
        match self.netlink.index(cable).and_then(|index| self.netlink.remove(index)) {
            // The container has removed its end, and with that both.
            Ok(()) | Err(Errno::ENODEV) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// Waits until the connector has made its interface: what is started at once can then use it.
    fn await_connector(&mut self) {
        if !matches!((&self.way, &self.opened), (Way::Program(_), Some(_))) {
            return;
        }
        let begin = Instant::now();
        let problem = loop {
            if self.netlink.interfaces().is_ok_and(|interfaces| way::is_connected(&interfaces)) {
                return;
            }
            if let Some(problem) = self.opened.as_mut().and_then(Opened::failure) {
                break problem;
            }
            if begin.elapsed() >= PATIENCE {
                break "the program that connects networks did not start within 10 seconds".to_owned();
            }
            // The kernel tells of it only those who have joined a group; this is once for many containers.
            std::thread::sleep(Duration::from_millis(5));
        };
        self.close(problem);
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        self.opened = None;
        let _ = self.netlink.remove(self.bridge);
    }
}

/// Sets a container's end of a cable up while the container runs: its first process is the command by now.
///
/// # Errors
/// The kernel refuses it.
pub(super) fn set_up_inside(container: &OwnedFd, wire: &Wire, users: bool) -> Result<(), Error> {
    inside(container, users, |netlink| {
        let interface = netlink.index(&wire.interface)?;
        for local in &wire.addresses {
            netlink.add_address(Assigned { interface, address: local.address, prefix: local.prefix })?;
        }
        netlink.switch_on(interface)?;
        wire.gateways.iter().try_for_each(|gateway| netlink.add_default_route(*gateway))
    })
}

/// Takes an interface out of a container that is to have another one of this name, if it is still there.
///
/// # Errors
/// The kernel refuses it.
pub(super) fn pull_out_inside(container: &OwnedFd, interface: &str, users: bool) -> Result<(), Error> {
    inside(container, users, |netlink| match netlink.index(interface).and_then(|index| netlink.remove(index)) {
        // The kernel takes away what led to a network that is no more, when it has time for it.
        Ok(()) | Err(Errno::ENODEV) => Ok(()),
        Err(errno) => Err(errno),
    })
}

/// A socket where a container that runs asks for names.
///
/// # Errors
/// The kernel refuses it: EADDRINUSE where the container answers itself there by now.
pub(super) fn questions_inside(container: &OwnedFd, users: bool) -> Result<UdpSocket, Error> {
    let (ours, theirs) = Link::pair().map_err(refused("socketpair"))?;
    inside(container, users, |_| {
        let socket = UdpSocket::bind((NAME_SERVER, 53)).map_err(|error| errno_of(&error))?;
        theirs.say_with(&(), &socket);
        Ok(())
    })?;
    let socket = match ours.hear_now::<()>() {
        Heard::Message((), descriptors) => descriptors.into_iter().next().map(UdpSocket::from),
        Heard::Nothing | Heard::End => None,
    };
    let socket = socket.ok_or(Errno::EBADF).map_err(refused("bind 127.0.0.11:53"))?;
    socket.set_nonblocking(true).map_err(|error| refused("fcntl")(errno_of(&error)))?;
    Ok(socket)
}

/// Does something in a container's network, by a process that enters it: of an ordinary user's, first the user namespace that it belongs to.
fn inside(container: &OwnedFd, users: bool, work: impl FnOnce(&Netlink) -> Result<(), Errno>) -> Result<(), Error> {
    let work = || {
        if users {
            setns(owner_of(container)?, CloneFlags::CLONE_NEWUSER)?;
        }
        setns(container, CloneFlags::CLONE_NEWNET)?;
        Netlink::open().and_then(|netlink| work(&netlink))
    };
    // SAFETY: fork(2). The keeper of the networks has one thread; the child never returns from here.
    match unsafe { fork() }.map_err(refused("fork"))? {
        ForkResult::Child => {
            let answer = work().map_or_else(|errno| errno as i32, |()| 0);
            // SAFETY: _exit(2) ends this process without the exit handlers of the one it was forked from.
            unsafe { libc::_exit(answer) }
        }
        ForkResult::Parent { child } => match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, 0)) => Ok(()),
            Ok(WaitStatus::Exited(_, errno)) => Err(refused("netlink, in the container")(Errno::from_raw(errno))),
            Ok(_) | Err(_) => Err(refused("netlink, in the container")(Errno::ECHILD)),
        },
    }
}

/// The address of the second layer that belongs to one of the third, as in Docker.
pub(super) fn mac(address: IpAddr) -> Mac {
    let octets = match address {
        IpAddr::V4(address) => address.octets(),
        IpAddr::V6(address) => {
            let octets = address.octets();
            [octets[12], octets[13], octets[14], octets[15]]
        }
    };
    [0x02, 0x42, octets[0], octets[1], octets[2], octets[3]]
}

/// Removes the bridge of this name, which a killed keeper has left.
pub(super) fn remove_left(identity: &Identity, bridge: &str) {
    if !identity.in_user_namespace()
        && let Ok(netlink) = Netlink::open()
    {
        // The next one tries as well.
        let _ = sweep(&netlink, Some(bridge));
    }
}

/// Removes from the machine what killed keepers of networks have left there: the bridge of this name, and all to which no container has a cable.
/// Others go with the last of those, or when the next keeper of their home has come.
///
/// # Errors
/// The interfaces can't be listed.
fn sweep(netlink: &Netlink, left: Option<&str>) -> Result<(), Errno> {
    let interfaces = netlink.interfaces()?;
    let ports: BTreeSet<u32> = interfaces.iter().filter_map(|interface| interface.bridge).collect();
    for Interface { index, name, .. } in &interfaces {
        if left == Some(name) && name.starts_with(firewall::BRIDGE)
            || !ports.contains(index) && mark::is_left_behind(name)
        {
            firewall::clear(name);
            let _ = netlink.remove(*index);
        }
    }
    Ok(())
}

/// Whether somebody else on this machine has addresses of a network.
fn is_taken(netlink: &Netlink, network: &Network) -> Result<bool, Error> {
    let known = netlink.destinations().map_err(refused("netlink(RTM_GETROUTE)"))?;
    Ok(known.iter().any(|(address, prefix)| network.subnet.overlaps(*address, *prefix)))
}

/// The same, of IPv6.
fn is_sixth_taken(netlink: &Netlink, sixth: Sixth) -> Result<bool, Error> {
    let known = netlink.destinations().map_err(refused("netlink(RTM_GETROUTE)"))?;
    Ok(known.iter().any(|(address, prefix)| sixth.subnet.overlaps(*address, *prefix)))
}

/// A network namespace in a user namespace, with nothing but the loopback interface, as descriptors.
fn own_network() -> Result<(Netlink, Namespaces), Error> {
    type Made = Result<(OwnedFd, OwnedFd, OwnedFd), (&'static str, Errno)>;
    // One id is enough where no files are.
    let made: Made = Identity::Single.within(|| {
        unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| ("unshare(CLONE_NEWNET)", errno))?;
        let open =
            |path: &str| File::open(path).map(OwnedFd::from).map_err(|error| ("open /proc/self/ns", errno_of(&error)));
        let netlink = Netlink::open().map_err(|errno| ("socket(AF_NETLINK)", errno))?;
        let loopback = netlink.index("lo").and_then(|index| netlink.switch_on(index));
        loopback.map_err(|errno| ("netlink(RTM_SETLINK)", errno))?;
        // Nobody in it is a router. Nothing of the machine's depends on it.
        let _ = settings::quiet_all();
        // Needed only where there is a way out, and then the machine has it as a default most of the time.
        let _ = std::fs::write("/proc/sys/net/ipv4/ip_forward", "1");
        Ok((netlink.into_descriptor(), open("/proc/self/ns/user")?, open("/proc/self/ns/net")?))
    })?;
    let (netlink, users, network) = made.map_err(|(call, errno)| Error::Call { call, errno })?;
    Ok((Netlink::of(netlink), Namespaces { users, network }))
}

fn errno_of(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}

fn refused(call: &'static str) -> impl FnOnce(Errno) -> Error {
    move |errno| Error::Call { call, errno }
}
