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

use std::fs::File;
use std::net::IpAddr;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

use super::document::{self, Network};
use super::way::{self, Namespaces, Opened, Way};
use crate::container::{Identity, Wire};
use crate::netlink::{Assigned, Mac, Netlink};
use crate::runtime::Error;
use crate::store::{Lock, LockMode, lock, try_claim};
use crate::world::World;

/// A network that is in use.
pub(super) struct Segment {
    pub(super) network: Network,
    pub(super) way: Way,
    /// Closed before the rest goes.
    opened: Option<Opened>,
    netlink: Netlink,
    namespaces: Option<Namespaces>,
    bridge: u32,
}

/// How long a connector has for its interface.
const PATIENCE: Duration = Duration::from_secs(10);

/// The beginnings of the names of our bridges and cables.
const BRIDGE: &str = "ll-";
const CABLE: &str = "lv-";

/// One looks which addresses are free on the machine and takes them, and then the next.
const MACHINE_LOCK: &str = "/run/layerlab-networks.lock";

impl Segment {
    /// Makes it: the `number`th of this process, whose lock is at `ours`.
    ///
    /// # Errors
    /// The kernel refuses it, or the addresses belong to somebody else.
    pub(super) fn make(world: &World, mut network: Network, number: usize, ours: &Path) -> Result<Segment, Error> {
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
        if namespaces.is_none() && is_taken(&netlink, &network)? {
            if network.name != document::BRIDGE {
                let message = format!(
                    "the subnet {} of the network `{}` is in use on this machine",
                    network.subnet, network.name
                );
                return Err(Error::argument(message, "remove the network, and create it with another subnet"));
            }
            document::renumber(world, &mut network)?;
        }
        let name = format!("{BRIDGE}{:x}-{number}", std::process::id());
        let alias = ours.to_str().filter(|path| path.len() < 256).unwrap_or_default();
        let bridge =
            netlink.add_bridge(&name, mac(IpAddr::V4(network.gateway)), alias).map_err(refused("netlink(bridge)"))?;
        let mut segment = Segment { network, way, opened: None, netlink, namespaces, bridge };
        let address = IpAddr::V4(segment.network.gateway);
        let assigned = Assigned { interface: bridge, address, prefix: segment.network.subnet.prefix() };
        segment.netlink.add_address(assigned).map_err(refused("netlink(RTM_NEWADDR)"))?;
        match Opened::open(&segment.way, &name, &segment.network, segment.namespaces.as_ref()) {
            Ok(opened) => segment.opened = Some(opened),
            Err(problem) => segment.way = Way::None(way::Why::Forbidden(problem)),
        }
        segment.await_connector();
        Ok(segment)
    }

    /// Puts a cable into a container. Its end there is switched off.
    pub(super) fn plug(&self, number: usize, wire: &Wire, container: BorrowedFd<'_>) -> Result<(), Errno> {
        let name = format!("{CABLE}{:x}-{:x}", std::process::id(), number & 0xf_ffff);
        self.netlink.add_cable(&name, self.bridge, &wire.interface, wire.mac, container)
    }

    /// Waits until the connector has made its interface: what is started at once can then use it.
    fn await_connector(&mut self) {
        if !matches!((&self.way, &self.opened), (Way::Program(_), Some(_))) {
            return;
        }
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if self.netlink.interfaces().is_ok_and(|interfaces| way::is_connected(&interfaces)) {
                return;
            }
            // The kernel tells of it only those who have joined a group; this is once for many containers.
            std::thread::sleep(Duration::from_millis(5));
        }
        self.opened = None;
        let problem = "the program that connects networks did not start within 10 seconds".to_owned();
        self.way = Way::None(way::Why::Forbidden(problem));
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

/// Takes a cable away.
///
/// # Errors
/// The kernel refuses it.
pub(super) fn unplug_inside(container: &OwnedFd, wire: &Wire, users: bool) -> Result<(), Error> {
    inside(container, users, |netlink| netlink.index(&wire.interface).and_then(|index| netlink.remove(index)))
}

/// Does something in a container's network, by a process that enters it: of an ordinary user's, first the user namespace that it belongs to.
fn inside(container: &OwnedFd, users: bool, work: impl FnOnce(&Netlink) -> Result<(), Errno>) -> Result<(), Error> {
    let work = || {
        if users {
            // SAFETY: ioctl(2), NS_GET_USERNS: it gives a new descriptor.
            let owner = Errno::result(unsafe { libc::ioctl(container.as_raw_fd(), NS_GET_USERNS) })?;
            // SAFETY: it is ours alone.
            setns(unsafe { OwnedFd::from_raw_fd(owner) }, CloneFlags::CLONE_NEWUSER)?;
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

/// ioctl_ns(2).
const NS_GET_USERNS: libc::Ioctl = 0xb701;

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

/// Removes from the machine what killed keepers of networks have left there: bridges with the name of a lock that nobody holds, or that we
/// hold now, at whose path `ours` is.
pub(super) fn sweep(identity: &Identity, ours: &Path) {
    if identity.in_user_namespace() {
        return;
    }
    let Ok(netlink) = Netlink::open() else { return };
    for interface in netlink.interfaces().unwrap_or_default() {
        let lock = Path::new(&interface.alias);
        if interface.name.starts_with(BRIDGE) && lock.is_absolute() && (lock == ours || is_free(lock)) {
            way::clear(&interface.name);
            let _ = netlink.remove(interface.index);
        }
    }
}

/// Whether nobody holds the lock of this name any more.
fn is_free(path: &Path) -> bool {
    let held: Result<Option<Lock>, _> = if path.exists() { try_claim(path) } else { return true };
    matches!(held, Ok(Some(_)))
}

/// Whether somebody else on this machine has addresses of a network.
fn is_taken(netlink: &Netlink, network: &Network) -> Result<bool, Error> {
    let known = netlink.destinations().map_err(refused("netlink(RTM_GETROUTE)"))?;
    Ok(known.iter().any(|(address, prefix)| network.subnet.overlaps(*address, *prefix)))
}

/// A network namespace in a user namespace, with nothing but the loopback interface, as descriptors.
fn own_network() -> Result<(Netlink, Namespaces), Error> {
    type Made = Result<(OwnedFd, OwnedFd, OwnedFd), (&'static str, Errno)>;
    let errno = |error: std::io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
    // One id is enough where no files are.
    let made: Made = Identity::Single.within(|| {
        unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| ("unshare(CLONE_NEWNET)", errno))?;
        let open =
            |path: &str| File::open(path).map(OwnedFd::from).map_err(|error| ("open /proc/self/ns", errno(error)));
        let netlink = Netlink::open().map_err(|errno| ("socket(AF_NETLINK)", errno))?;
        let loopback = netlink.index("lo").and_then(|index| netlink.switch_on(index));
        loopback.map_err(|errno| ("netlink(RTM_SETLINK)", errno))?;
        // Needed only where there is a way out, and then the machine has it as a default most of the time.
        let _ = std::fs::write("/proc/sys/net/ipv4/ip_forward", "1");
        Ok((netlink.into_descriptor(), open("/proc/self/ns/user")?, open("/proc/self/ns/net")?))
    })?;
    let (netlink, users, network) = made.map_err(|(call, errno)| Error::Call { call, errno })?;
    Ok((Netlink::of(netlink), Namespaces { users, network }))
}

fn refused(call: &'static str) -> impl FnOnce(Errno) -> Error {
    move |errno| Error::Call { call, errno }
}
