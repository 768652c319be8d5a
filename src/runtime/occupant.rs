//! Who has a port that is in use: a container of ours, or a process of this machine, see proc_net(5) and proc_pid_fd(5).
//!
//! ```text
//! /proc/net/tcp: the port, and the number of the socket ──▶ /proc/PID/fd: whose link says `socket:[number]`
//! ```
//!
//! An ordinary user sees only what that user's own processes have open, so often the answer is that nobody knows.

use std::fs::{self, File};
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;

use serde::Serialize;

use super::Error;
use super::found::list;
use super::ports::Published;
use super::record::Status;
use super::stored::Stored;
use crate::container::orphan::begin_of;
use crate::oci::Protocol;
use crate::world::World;

/// A process that has a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Occupant {
    pub(crate) process: i32,
    /// What it is called, as the kernel shortens it.
    pub(crate) name: String,
}

/// So much is read at most of a list of sockets.
const MOST: u64 = 16 << 20;

/// The error of one of these ports that is in use, with the container of ours that has it, where one has, or else the process.
pub(crate) fn explained(world: &World, error: Error, published: &[Published]) -> Error {
    let Error::Port { address, source } = &error else { return error };
    let containers = match list(world) {
        Ok((containers, _)) if source.raw_os_error() == Some(libc::EADDRINUSE) => containers,
        Ok(_) | Err(_) => return error,
    };
    let has = |stored: &&Stored| match &stored.status {
        Status::Running(run) | Status::Paused(run) => {
            run.ports.iter().any(|bound| bound.address.port() == address.port())
        }
        Status::Created | Status::Restarting(_) | Status::Exited(_) => false,
    };
    match containers.iter().find(has) {
        Some(other) => Error::PortOfContainer { address: *address, container: other.record.name.clone() },
        None => {
            let is_it = |one: &&Published| one.host.is_some_and(|(a, b)| (a..=b).contains(&address.port()));
            let protocol = published.iter().find(is_it).map_or(Protocol::Tcp, |one| one.protocol);
            match of(*address, protocol) {
                Some(Occupant { process, name }) => Error::PortOfProcess { address: *address, process, name },
                None => error,
            }
        }
    }
}

/// Who is in the way of a socket at this address.
pub(super) fn of(wanted: SocketAddr, protocol: Protocol) -> Option<Occupant> {
    // The states: listening; and that of every socket for datagrams which is connected with nobody.
    let (files, state) = match protocol {
        Protocol::Udp => (["udp", "udp6"], "07"),
        Protocol::Tcp | Protocol::Sctp => (["tcp", "tcp6"], "0A"),
    };
    let sockets: Vec<String> = files
        .into_iter()
        .filter_map(|name| {
            let mut text = String::new();
            File::open(Path::new("/proc/net").join(name)).ok()?.take(MOST).read_to_string(&mut text).ok()?;
            Some(text)
        })
        .flat_map(|text| numbers(&text, wanted, state))
        .map(|number| format!("socket:[{number}]"))
        .collect();
    if sockets.is_empty() {
        return None;
    }
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let has = |process: &i32| {
        let descriptors = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        let mut links = descriptors.filter_map(|entry| fs::read_link(entry.path()).ok());
        links.any(|link| link.to_str().is_some_and(|link| sockets.iter().any(|socket| socket == link)))
    };
    // A server's workers have its socket, too: the one that began first is the server.
    let having = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()).filter(has);
    let (_, process) = having.filter_map(|process| Some((begin_of(process)?, process))).min()?;
    let name = fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    Some(Occupant { process, name: name.trim_end().chars().filter(|one| !one.is_control()).collect() })
}

/// The numbers of the sockets in this state that leave no room for another at the address.
fn numbers(text: &str, wanted: SocketAddr, state: &str) -> Vec<u64> {
    let address = hexadecimal(wanted);
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (local, found, number) = (words.get(1)?, words.get(3)?, words.get(9)?);
        let (at, port) = local.split_once(':')?;
        let is_everywhere = at.bytes().all(|digit| digit == b'0');
        // A socket of IPv6 for every address has those of IPv4 as well, and not the other way round.
        let meets = match (at.len(), address.len()) {
            (8, 8) | (32, 32) => is_everywhere || wanted.ip().is_unspecified() || at == address,
            (32, 8) => is_everywhere,
            _ => false,
        };
        let is_it = *found == state && u16::from_str_radix(port, 16) == Ok(wanted.port()) && meets;
        is_it.then(|| number.parse().ok()).flatten()
    };
    text.lines().filter_map(line).collect()
}

/// An address as these files have it: words of 32 bits, each in the order of bytes of the machine.
fn hexadecimal(address: SocketAddr) -> String {
    let octets = match address {
        SocketAddr::V4(address) => address.ip().octets().to_vec(),
        SocketAddr::V6(address) => address.ip().octets().to_vec(),
    };
    let words = octets.chunks_exact(4).map(|word| u32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
    words.map(|word| format!("{word:08X}")).collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn who_has_a_port() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
        let address = listener.local_addr().expect("it has an address");
        let everywhere = SocketAddr::new([0, 0, 0, 0].into(), address.port());
        for address in [address, everywhere] {
            let found = of(address, Protocol::Tcp).map(|occupant| occupant.process);
            assert_eq!(found, i32::try_from(std::process::id()).ok());
        }
        // One that has been given the socket as well is not the one who made it.
        let given = listener.try_clone().expect("a descriptor");
        let mut later =
            std::process::Command::new("sleep").arg("100").stdin(OwnedFd::from(given)).spawn().expect("sleep");
        assert_eq!(of(address, Protocol::Tcp).map(|occupant| occupant.process), i32::try_from(std::process::id()).ok());
        later.kill().and_then(|()| later.wait()).expect("it ends");
        assert_eq!(of(SocketAddr::new([127, 0, 0, 2].into(), address.port()), Protocol::Tcp), None, "another address");
    }
}
