//! The addresses by which others reach this machine, see getifaddrs(3), and its name, see gethostname(2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

/// Where a server can be reached that listens at this address: there, or where that is every address, at each of the machine's that other
/// machines may know. IPv4 comes first, since it is easier to type.
pub(crate) fn addresses(listening: SocketAddr) -> Vec<SocketAddr> {
    if !listening.ip().is_unspecified() {
        return vec![listening];
    }
    let mut found: Vec<IpAddr> = getifaddrs()
        .into_iter()
        .flatten()
        .filter(|interface| interface.flags.contains(InterfaceFlags::IFF_UP))
        .filter(|interface| !interface.flags.contains(InterfaceFlags::IFF_LOOPBACK))
        .filter_map(|interface| {
            let address = interface.address?;
            match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
                (Some(address), _) => Some(IpAddr::V4(address.ip())),
                (None, Some(address)) if listening.is_ipv6() => Some(IpAddr::V6(address.ip())),
                (None, _) => None,
            }
        })
        .filter(|address| match address {
            IpAddr::V4(address) => !address.is_link_local(),
            // Such an address needs the name of an interface of whoever uses it.
            IpAddr::V6(address) => !address.is_unicast_link_local(),
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    if found.is_empty() {
        let loopback = if listening.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        found.push(loopback);
    }
    found.into_iter().map(|address| SocketAddr::new(address, listening.port())).collect()
}

/// The name of this machine.
pub(super) fn own_name() -> Option<String> {
    nix::unistd::gethostname().ok()?.into_string().ok()
}
