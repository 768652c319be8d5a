//! What a container needs to know of its network: its interfaces, and the files of /etc.
//!
//! ```text
//! first process ── Plug: its network namespace, a socket for questions ──▶ whoever keeps the networks
//!               ◀── Plugged: there is `eth0` now, and whether there is a way out ──
//! ```
//!
//! A cable between two networks can be made only by somebody with rights over both, so another process is asked for it, over a link that
//! the container's first process was started with. Addresses and routes are then its own affair: it is still root of its network.

use std::fs::File;
use std::net::{IpAddr, UdpSocket};
use std::os::fd::{AsFd as _, AsRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use serde::{Deserialize, Serialize};

use super::channel::Ends;
use super::error::{Failure, errno};
use super::identity::Identity;
use super::networking::{NAME_SERVER, Networking};
use super::sandbox::{Local, Network, Sandbox};
use super::userns::{self, Mapper};
use crate::link::{Heard, Link};
use crate::netlink::{Assigned, Netlink};

/// What the container's first process says: with it come the namespace of its network and the socket at [`NAME_SERVER`].
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Plug;

/// What it hears.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Plugged {
    /// The interfaces are there, switched off and without addresses.
    Done,
    /// They are, but no way out has come about where there was to be one: there are no gateways.
    CutOff,
    Refused {
        call: String,
        errno: i32,
    },
}

/// Settings that every network of a container's own has, as in Docker: each port is for everybody in it, and so is an echo request, for which
/// the groups of a user namespace are named.
fn settings(identity: &Identity) -> [(&'static str, String); 2] {
    let last = match identity {
        Identity::Root => i32::MAX.cast_unsigned(),
        Identity::Mapped { gid_ranges, .. } => {
            gid_ranges.iter().map(|range| range.inside + (range.length - 1)).max().unwrap_or(0)
        }
        Identity::Single => 0,
    };
    [("ipv4/ip_unprivileged_port_start", "0".to_owned()), ("ipv4/ping_group_range", format!("0 {last}"))]
}

/// [`settings`] as sysctl(8) names them, for a document; of those that this kernel has.
pub(crate) fn named_settings(identity: &Identity) -> Vec<(String, String)> {
    let known = settings(identity).into_iter().filter(|(setting, _)| Path::new("/proc/sys/net").join(setting).exists());
    known.map(|(setting, value)| (format!("net.{}", setting.replace('/', ".")), value)).collect()
}

/// What is done first in a new network namespace. Whoever keeps the networks then works beside us.
pub(super) fn begin(network: &Network, identity: &Identity) -> Vec<Networking> {
    let wires = match network {
        Network::Host | Network::Shared(_) => return Vec::new(),
        Network::None => &[][..],
        Network::Wired(wires) => wires,
    };
    let mut list = vec![Networking::LoopbackUp];
    list.extend(settings(identity).map(|(setting, value)| Networking::Tune { setting, value }));
    if !wires.is_empty() {
        list.push(Networking::PlugIn { networks: wires.iter().map(|wire| wire.network.clone()).collect() });
    }
    list
}

/// What is done there when the cables are in.
pub(super) fn finish(network: &Network) -> Vec<Networking> {
    let wires = match network {
        Network::Host | Network::None | Network::Shared(_) => return Vec::new(),
        Network::Wired(wires) => wires,
    };
    let mut list = Vec::new();
    if !wires.is_empty() {
        list.push(Networking::AwaitCables);
    }
    for wire in wires {
        let interface = &wire.interface;
        for local in &wire.addresses {
            list.push(Networking::AddAddress { interface: interface.clone(), local: *local });
        }
        list.push(Networking::InterfaceUp { interface: interface.clone() });
        list.extend(wire.gateways.iter().map(|gateway| Networking::AddDefaultRoute { gateway: *gateway }));
    }
    list
}

/// The text of `/etc/hosts`, see hosts(5): our own name at our own address, and what else was asked for.
pub(super) fn hosts(sandbox: &Sandbox) -> String {
    let hostname = &sandbox.hostname;
    let own: Vec<IpAddr> = match &sandbox.network {
        Network::Host | Network::None | Network::Shared(_) => Vec::new(),
        Network::Wired(wires) => wires.iter().flat_map(|wire| &wire.addresses).map(|local| local.address).collect(),
    };
    let loopback = if own.is_empty() { format!("localhost {hostname}") } else { "localhost".to_owned() };
    let mut text = format!("127.0.0.1\t{loopback}\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    for (name, address) in &sandbox.extra_hosts {
        text.push_str(&format!("{address}\t{name}\n"));
    }
    for address in own {
        text.push_str(&format!("{address}\t{hostname}\n"));
    }
    text
}

/// The text of `/etc/resolv.conf`: the machine's own where its network is used, the one who answers for the networks where there are cables,
/// and what was asked for in the place of either. Without a network there is nobody to ask.
pub(super) fn resolver(sandbox: &Sandbox, machine: &str) -> String {
    let names = &sandbox.names;
    let mut servers = names.servers.clone();
    if servers.is_empty() {
        match &sandbox.network {
            Network::Host if names.search.is_empty() && names.options.is_empty() => return machine.to_owned(),
            Network::Host => servers = machine.lines().filter_map(nameserver).collect(),
            Network::Wired(wires) if !wires.is_empty() => servers = vec![NAME_SERVER.into()],
            Network::None | Network::Wired(_) | Network::Shared(_) => {}
        }
    }
    let is_replaced = |line: &str| match line.split_whitespace().next() {
        Some("nameserver") => true,
        Some("search" | "domain") => !names.search.is_empty(),
        Some("options") => !names.options.is_empty(),
        _ => false,
    };
    let mut text: String = machine.lines().filter(|line| !is_replaced(line)).map(|line| format!("{line}\n")).collect();
    for server in servers {
        text.push_str(&format!("nameserver {server}\n"));
    }
    for (word, values) in [("search", &names.search), ("options", &names.options)] {
        // `.` is how one says that there is to be none.
        if !values.is_empty() && values.as_slice() != ["."] {
            text.push_str(&format!("{word} {}\n", values.join(" ")));
        }
    }
    text
}

fn nameserver(line: &str) -> Option<IpAddr> {
    let mut words = line.split_whitespace();
    (words.next() == Some("nameserver")).then(|| words.next()?.parse().ok()).flatten()
}

/// A network that is being set up: what one step leaves for the next.
#[derive(Default)]
pub(super) struct Connecting {
    netlink: Option<Netlink>,
    /// Whether there is no way out, against what was planned.
    is_cut_off: bool,
}

impl Connecting {
    /// Carries a step out.
    pub(super) fn perform(&mut self, step: &Networking, identity: &Identity, ends: &Ends) -> Result<(), Failure> {
        let plug = ends.plug.as_ref();
        let users = ends.shared.as_ref().and_then(|shared| shared.users.as_ref());
        match step {
            Networking::JoinUsers { .. } => {
                enter(users, CloneFlags::CLONE_NEWUSER)?;
                userns::become_root_of_joined(identity.id_map().map_or(Mapper::Itself, |map| map.mapper))
            }
            Networking::Join { .. } => {
                enter(ends.shared.as_ref().map(|shared| &shared.network), CloneFlags::CLONE_NEWNET)
            }
            Networking::LoopbackUp => loopback_up(),
            Networking::Tune { setting, value } => tune(setting, value),
            Networking::PlugIn { .. } => plug_in(known(plug)?),
            Networking::AwaitCables => await_cables(known(plug)?).map(|way| self.is_cut_off = way == WayOut::None),
            Networking::AddAddress { interface, local: Local { address, prefix } } => {
                self.change("netlink(RTM_NEWADDR)", |netlink| {
                    let interface = netlink.index(interface)?;
                    netlink.add_address(Assigned { interface, address: *address, prefix: *prefix })
                })
            }
            Networking::InterfaceUp { interface } => {
                self.change("netlink(RTM_SETLINK)", |netlink| netlink.switch_on(netlink.index(interface)?))
            }
            Networking::AddDefaultRoute { .. } if self.is_cut_off => Ok(()),
            Networking::AddDefaultRoute { gateway } => {
                self.change("netlink(RTM_NEWROUTE)", |netlink| netlink.add_default_route(*gateway))
            }
        }
    }

    fn change(&mut self, call: &str, change: impl FnOnce(&Netlink) -> Result<(), Errno>) -> Result<(), Failure> {
        let opened = match self.netlink.take() {
            Some(netlink) => Ok(netlink),
            None => Netlink::open(),
        };
        let netlink = opened.map_err(|errno| Failure::call("socket(AF_NETLINK)", errno))?;
        let changed = change(&netlink).map_err(|errno| Failure::call(call, errno));
        self.netlink = Some(netlink);
        changed
    }
}

fn known(plug: Option<&Link>) -> Result<&Link, Failure> {
    plug.ok_or_else(|| Failure::call("connecting to the networks", Errno::ENOTCONN))
}

fn enter(namespace: Option<&OwnedFd>, kind: CloneFlags) -> Result<(), Failure> {
    let entered = namespace.ok_or(Errno::ENOTCONN).and_then(|namespace| setns(namespace, kind));
    entered.map_err(|errno| Failure::call("setns", errno))
}

/// Sets the UP flag of `lo` in the network namespace of this process, see netdevice(7).
fn loopback_up() -> Result<(), Failure> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)
        .map_err(|errno| Failure::call("socket", errno))?;
    // SAFETY: ifreq is plain data for which all zeroes is a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads one ifreq, which lives until the call returns.
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request) };
    Errno::result(answer).map(drop).map_err(|errno| Failure::call("ioctl(SIOCSIFFLAGS) on `lo`", errno))
}

/// Changes a setting of our own network, while the machine's /proc is seen. In a container whose /proc/sys is read-only, or of a kernel
/// without the setting, it stays as it is.
fn tune(setting: &str, value: &str) -> Result<(), Failure> {
    let path = Path::new("/proc/sys/net").join(setting);
    match std::fs::write(&path, value).map_err(|error| errno(&error)) {
        Ok(()) | Err(Errno::EROFS | Errno::ENOENT | Errno::EACCES | Errno::EPERM) => Ok(()),
        Err(errno) => Err(Failure::refused("write", &path, errno)),
    }
}

/// Hands our network over.
fn plug_in(plug: &Link) -> Result<(), Failure> {
    let path = Path::new("/proc/thread-self/ns/net");
    let namespace = File::open(path).map_err(|error| Failure::io("open", path, &error))?;
    let questions =
        UdpSocket::bind((NAME_SERVER, 53)).map_err(|error| Failure::call("bind 127.0.0.11:53", errno(&error)))?;
    plug.say_with_all(&Plug, &[namespace.as_fd(), questions.as_fd()]);
    Ok(())
}

/// Whether there is a way out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WayOut {
    /// As planned, which may be none.
    Planned,
    None,
}

/// Waits until the cables are in.
fn await_cables(plug: &Link) -> Result<WayOut, Failure> {
    match plug.hear() {
        Heard::Message(Plugged::Done, _) => Ok(WayOut::Planned),
        Heard::Message(Plugged::CutOff, _) => Ok(WayOut::None),
        Heard::Message(Plugged::Refused { call, errno }, _) => Err(Failure::call(&call, Errno::from_raw(errno))),
        Heard::Nothing | Heard::End => Err(Failure::call("waiting for the cable", Errno::EPIPE)),
    }
}
