//! Published ports: what of a container can be reached from outside, and at which door of the machine.
//!
//! ```text
//! -p 8081:80 ──▶ Published ──open──▶ Door: a socket that listens ──▶ the monitor's forwarder
//! ```
//!
//! A door is opened before the container is started, so that a port that is in use is an error of whoever starts it.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::str::FromStr;

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn6, bind, getsockopt, listen, setsockopt, socket, sockopt,
};
use serde::{Deserialize, Serialize};

use super::Error;
use crate::oci::{PortSpecification, Protocol};

/// A port of a container that is to be reached from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Published {
    /// `None`: every address of the machine.
    pub(crate) address: Option<IpAddr>,
    /// One of these, the first that is free; `None`: any.
    pub(crate) host: Option<(u16, u16)>,
    pub(crate) container: u16,
    pub(crate) protocol: Protocol,
}

impl fmt::Display for Published {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address, self.host) {
            (Some(address), Some((first, _))) => write!(formatter, "{}", SocketAddr::new(address, first))?,
            (Some(address), None) => write!(formatter, "a free port of {address}")?,
            (None, Some((first, _))) => write!(formatter, "{first}")?,
            (None, None) => write!(formatter, "a free port")?,
        }
        if let Some((first, last)) = self.host.filter(|(first, last)| first != last) {
            write!(formatter, ", or the next free one up to {last} if {first} is taken,")?;
        }
        write!(formatter, " → {}/{}", self.container, self.protocol)
    }
}

impl Published {
    /// Reads `-p`'s texts: `8081:80`, `127.0.0.1:8081:80`, `80`, `8000-8010:8000-8010/udp`.
    ///
    /// # Errors
    /// [`Error::Argument`] for what is not such a text.
    pub(crate) fn parse_all(texts: &[String]) -> Result<Vec<Published>, Error> {
        let mut published = Vec::new();
        for text in texts {
            let bad = |problem: String| {
                Error::argument(
                    format!("invalid port `{text}`: {problem}"),
                    "a published port is written [IP:][MACHINE:]CONTAINER[/PROTOCOL], such as 8081:80",
                )
            };
            let read = PortSpecification::parse(text).map_err(bad)?;
            if read.container.0 == 0 {
                return Err(bad("port 0 is not a container's port".to_owned()));
            }
            if read.protocol == Protocol::Sctp {
                return Err(bad("only tcp and udp can be published".to_owned()));
            }
            published.extend(Published::of(read));
        }
        Ok(published)
    }

    /// Every port that an image exposes, at any free one of the machine.
    pub(crate) fn all_exposed<'e>(exposed: impl Iterator<Item = &'e String>) -> Vec<Published> {
        let read = exposed.filter_map(|text| PortSpecification::parse(text).ok());
        read.filter(|read| read.protocol != Protocol::Sctp).flat_map(Published::of).collect()
    }

    fn of(read: PortSpecification) -> impl Iterator<Item = Published> {
        let PortSpecification { address, host, container: (first, last), protocol } = read;
        (first..=last).map(move |container| Published {
            address,
            // A range for a range is one for one; a range for one port is a choice.
            host: host.map(|(from, to)| {
                if first == last { (from, to) } else { (from + (container - first), from + (container - first)) }
            }),
            container,
            protocol,
        })
    }
}

/// Where a published port can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bound {
    pub(crate) address: SocketAddr,
    pub(crate) container: u16,
    pub(crate) protocol: Protocol,
}

impl Bound {
    /// The container's side: `80/tcp`.
    pub(crate) fn inside(&self) -> String {
        format!("{}/{}", self.container, self.protocol)
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}->{}/{}", self.address, self.container, self.protocol)
    }
}

/// A socket of the machine at which a container is reached.
#[derive(Debug)]
pub(super) enum Door {
    Tcp(TcpListener, u16),
    Udp(UdpSocket, u16),
}

impl Door {
    pub(super) fn bound(&self) -> io::Result<Bound> {
        Ok(match self {
            Door::Tcp(listener, container) => {
                Bound { address: listener.local_addr()?, container: *container, protocol: Protocol::Tcp }
            }
            Door::Udp(socket, container) => {
                Bound { address: socket.local_addr()?, container: *container, protocol: Protocol::Udp }
            }
        })
    }

    pub(super) fn descriptor(&self) -> RawFd {
        self.kept().descriptor
    }

    /// What is told of it where it stays open.
    pub(super) fn kept(&self) -> Kept {
        match self {
            Door::Tcp(listener, container) => Kept { descriptor: listener.as_raw_fd(), container: *container },
            Door::Udp(socket, container) => Kept { descriptor: socket.as_raw_fd(), container: *container },
        }
    }
}

/// A door that stays open over execve(2), as our program is told of it then: `7:80`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(super) descriptor: RawFd,
    container: u16,
}

impl fmt::Display for Kept {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.descriptor, self.container)
    }
}

impl FromStr for Kept {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Kept, &'static str> {
        let read = |(descriptor, container): (&str, &str)| {
            Some(Kept { descriptor: descriptor.parse().ok()?, container: container.parse().ok()? })
        };
        text.split_once(':').and_then(read).ok_or("not a descriptor and a port")
    }
}

impl Kept {
    /// Takes the door again; `None` for what is not one.
    fn adopt(self) -> Option<Door> {
        // SAFETY: fcntl(2) on a number that may be none of a descriptor: then it says so.
        let is_open =
            self.descriptor > 2 && unsafe { libc::fcntl(self.descriptor, libc::F_SETFD, libc::FD_CLOEXEC) } == 0;
        // SAFETY: the descriptor is open, and it was opened by the program that we were before: nothing here owns it.
        let socket = is_open.then(|| unsafe { OwnedFd::from_raw_fd(self.descriptor) })?;
        match getsockopt(&socket, sockopt::SockType).ok()? {
            SockType::Stream => Some(Door::Tcp(socket.into(), self.container)),
            SockType::Datagram => Some(Door::Udp(socket.into(), self.container)),
            _ => None,
        }
    }
}

/// The doors of a container that starts again: those that were kept, or else new ones.
///
/// # Errors
/// As [`open`].
pub(super) fn open_again(kept: &[Kept], published: &[Published]) -> Result<Vec<Door>, Error> {
    let doors: Vec<Door> = kept.iter().filter_map(|kept| kept.adopt()).collect();
    if doors.len() == kept.len() && (published.is_empty() || !doors.is_empty()) { Ok(doors) } else { open(published) }
}

/// Opens the doors of all published ports.
///
/// # Errors
/// [`Error::Port`], or what bind(2) says otherwise.
pub(super) fn open(published: &[Published]) -> Result<Vec<Door>, Error> {
    let mut doors = Vec::new();
    for wanted in published {
        doors.extend(open_one(wanted)?);
    }
    Ok(doors)
}

/// Gives the ports back, whatever threads still wait at the doors: what they have from now on is no socket.
pub(super) fn close(doors: &[Kept]) {
    let Ok(null) = std::fs::File::open("/dev/null") else { return };
    for door in doors {
        // SAFETY: shutdown(2) and dup2(2) on descriptors that stay open as long as this process lives; dup2 keeps the number in use.
        unsafe {
            libc::shutdown(door.descriptor, libc::SHUT_RDWR);
            libc::dup2(null.as_raw_fd(), door.descriptor);
        }
    }
}

fn open_one(wanted: &Published) -> Result<Vec<Door>, Error> {
    let (first, last) = wanted.host.unwrap_or((0, 0));
    let mut refused = None;
    for port in first..=last {
        match open_at(wanted, port) {
            Ok(doors) => return Ok(doors),
            Err((address, error)) => refused = Some((address, error)),
        }
    }
    let (address, source) = refused.expect("a range has a port");
    Err(Error::Port { address, source })
}

/// The doors at one port. Without an address there are two, one for each version of IP; a machine without IPv6 has one.
fn open_at(wanted: &Published, port: u16) -> Result<Vec<Door>, (SocketAddr, io::Error)> {
    let door = |address: SocketAddr| open_door(address, wanted).map_err(|error| (address, error));
    if let Some(address) = wanted.address {
        return Ok(vec![door(SocketAddr::new(address, port))?]);
    }
    let first = door(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port))?;
    // Where any port will do, the second takes that of the first.
    let port = first.bound().map_or(port, |bound| bound.address.port());
    match door(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)) {
        Ok(second) => Ok(vec![first, second]),
        Err((_, error)) if matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)) => {
            Ok(vec![first])
        }
        Err(refused) => Err(refused),
    }
}

fn open_door(address: SocketAddr, wanted: &Published) -> io::Result<Door> {
    match (wanted.protocol, address) {
        (Protocol::Udp, SocketAddr::V4(_)) => Ok(Door::Udp(UdpSocket::bind(address)?, wanted.container)),
        (_, SocketAddr::V4(_)) => Ok(Door::Tcp(TcpListener::bind(address)?, wanted.container)),
        (protocol, SocketAddr::V6(address)) => {
            // One that takes IPv4 as well would be in the way of the other door.
            let kind = if protocol == Protocol::Udp { SockType::Datagram } else { SockType::Stream };
            let socket = socket(AddressFamily::Inet6, kind, SockFlag::SOCK_CLOEXEC, None)?;
            setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
            setsockopt(&socket, sockopt::ReuseAddr, &(protocol != Protocol::Udp))?;
            bind(socket.as_raw_fd(), &SockaddrIn6::from(address))?;
            if protocol == Protocol::Udp {
                return Ok(Door::Udp(socket.into(), wanted.container));
            }
            listen(&socket, Backlog::new(128)?)?;
            Ok(Door::Tcp(socket.into(), wanted.container))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published() {
        let read = |text: &str| Published::parse_all(&[text.to_owned()]).map_err(|error| error.to_string());
        let tcp = |host, container| Published { address: None, host, container, protocol: Protocol::Tcp };
        assert_eq!(read("8081:80"), Ok(vec![tcp(Some((8081, 8081)), 80)]));
        assert_eq!(read("80"), Ok(vec![tcp(None, 80)]));
        assert_eq!(read("8000-8001:80-81"), Ok(vec![tcp(Some((8000, 8000)), 80), tcp(Some((8001, 8001)), 81)]));
        assert_eq!(read("8000-8010:80"), Ok(vec![tcp(Some((8000, 8010)), 80)]));
        for bad in ["8081:0", "80:80/sctp", "x:80", ""] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_door_that_is_kept_is_the_same_one() {
        let wanted = Published::parse_all(&["127.0.0.1::80".to_owned(), "127.0.0.1::53/udp".to_owned()]).unwrap();
        let doors = open(&wanted).unwrap();
        let bound = |doors: &[Door]| doors.iter().map(|door| door.bound().unwrap()).collect::<Vec<_>>();
        let before = bound(&doors);
        let kept: Vec<Kept> = doors.iter().map(|door| door.kept().to_string().parse().unwrap()).collect();
        doors.into_iter().for_each(std::mem::forget);
        assert_eq!(bound(&open_again(&kept, &wanted).unwrap()), before);
        assert!("x:80".parse::<Kept>().is_err());
    }

    #[test]
    fn a_door_is_opened_once() {
        let wanted = Published::parse_all(&["127.0.0.1::80".to_owned()]).unwrap();
        let doors = open(&wanted).unwrap();
        let bound = doors[0].bound().unwrap();
        assert!(bound.address.port() > 0 && bound.container == 80, "{bound}");
        let again = Published { host: Some((bound.address.port(), bound.address.port())), ..wanted[0] };
        assert!(matches!(open(&[again]), Err(Error::Port { .. })));
    }
}
