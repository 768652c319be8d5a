//! The little a container needs to know of its network: the loopback interface and the files of
//! /etc.

use std::net::IpAddr;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::os::fd::AsRawFd;

use super::error::Failure;
use super::sandbox::{Hostname, Network};

/// The text of `/etc/hosts`, see hosts(5): loopback under our own name too, then `extra` (name,
/// address).
pub(super) fn hosts(hostname: &Hostname, extra: &[(Hostname, IpAddr)]) -> String {
    let mut text = format!("127.0.0.1\tlocalhost {hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    for (name, address) in extra {
        text.push_str(&format!("{address}\t{name}\n"));
    }
    text
}

/// The text of `/etc/resolv.conf`: the machine's own where its network is used. Without a network
/// there is nobody to ask.
pub(super) fn resolver(network: Network, machine: &str) -> String {
    match network {
        Network::Host => machine.to_owned(),
        Network::None | Network::Private => {
            machine.lines().filter(|line| nameserver(line).is_none()).map(|line| format!("{line}\n")).collect()
        }
    }
}

fn nameserver(line: &str) -> Option<IpAddr> {
    let mut words = line.split_whitespace();
    (words.next() == Some("nameserver")).then(|| words.next()?.parse().ok()).flatten()
}

/// Sets the UP flag of `lo` in the network namespace of this process, see netdevice(7).
pub(super) fn loopback_up() -> Result<(), Failure> {
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
