//! Interfaces, addresses, and who listens at both ends of a published port, see proc_net(5).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Serialize;

use super::kernel::Reader;
use crate::oci::Protocol;
use crate::runtime::listening::listening;
use crate::runtime::network;
use crate::runtime::occupant::{self, Occupant};
use crate::runtime::ports::Bound;
use crate::world::World;

/// An interface of the container's network.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Interface {
    pub(super) name: String,
    pub(super) addresses: Vec<IpAddr>,
    /// The network of ours at the other end of its cable.
    pub(super) network: Option<String>,
    pub(super) gateway: Option<IpAddr>,
}

/// A published port.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Port {
    /// The address on this machine.
    pub(super) outside: String,
    /// The port in the container: `80/tcp`.
    pub(super) inside: String,
    /// Who listens outside; `None` where that can't be seen.
    pub(super) forwarder: Option<Occupant>,
    /// Where a program listens inside; `None` where that can't be seen.
    pub(super) listening: Option<Vec<IpAddr>>,
}

impl Port {
    /// Looks at both ends; `process` is the container's first.
    pub(super) fn of(bound: &Bound, process: i32) -> Port {
        let at_port = |found: Vec<std::net::SocketAddr>| {
            found.into_iter().filter(|address| address.port() == bound.container).map(|address| address.ip()).collect()
        };
        Port {
            outside: bound.address.to_string(),
            inside: bound.inside(),
            forwarder: occupant::of(bound.address, bound.protocol),
            listening: listening(process, bound.protocol).map(at_port),
        }
    }
}

/// Where a container listens, without these ports.
pub(super) fn listens(process: i32, published: &BTreeSet<u16>) -> Vec<String> {
    let of = |protocol: Protocol| {
        let found = listening(process, protocol).unwrap_or_default();
        let found = found.into_iter().filter(|address| !published.contains(&address.port()));
        found.map(move |address| format!("{address}/{protocol}")).collect::<Vec<_>>()
    };
    [of(Protocol::Tcp), of(Protocol::Udp)].concat()
}

/// The interfaces that the kernel shows, with the networks that their addresses belong to.
pub(super) fn interfaces(world: &World, reader: &mut Reader, id: &str) -> Vec<Interface> {
    let devices = reader.text("net/dev");
    let (routes, trie, sixth) = (reader.text("net/route"), reader.text("net/fib_trie"), reader.text("net/if_inet6"));
    let (addresses, routes) = (local_addresses(&trie), routes.lines().filter_map(Route::parse).collect::<Vec<_>>());
    // Where nobody keeps the networks, it is in none.
    let members = network::members(world).unwrap_or_default();
    let names = devices.lines().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned()));
    let interface = |name: String| {
        let is_here = |address: &&Ipv4Addr| match name.as_str() {
            "lo" => address.is_loopback(),
            name => routes.iter().any(|route| route.interface == name && route.has(**address)),
        };
        let mut own: Vec<IpAddr> = addresses.iter().filter(is_here).map(|address| IpAddr::from(*address)).collect();
        own.extend(sixth.lines().filter_map(|line| sixth_address(line, &name)).map(IpAddr::from));
        let wire = members.iter().find(|(member, wire)| member.id == id && wire.interface == name);
        let default = routes.iter().find(|route| route.interface == name && route.mask == 0);
        Interface {
            network: wire.map(|(_, wire)| wire.network.clone()),
            gateway: default.map(|route| Ipv4Addr::from(route.gateway).into()),
            addresses: own,
            name,
        }
    };
    names.map(interface).collect()
}

/// A line of /proc/net/route.
struct Route {
    interface: String,
    destination: u32,
    gateway: u32,
    mask: u32,
}

impl Route {
    fn parse(line: &str) -> Option<Route> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| u32::from_str_radix(words.get(at)?, 16).ok().map(u32::from_be);
        let (destination, gateway, mask) = (number(1)?, number(2)?, number(7)?);
        Some(Route { interface: (*words.first()?).to_owned(), destination, gateway, mask })
    }

    /// Whether an address is in the network that this one leads to without a gateway.
    fn has(&self, address: Ipv4Addr) -> bool {
        self.mask != 0 && u32::from(address) & self.mask == self.destination
    }
}

/// The addresses of a network itself, in the text of /proc/net/fib_trie.
fn local_addresses(text: &str) -> BTreeSet<Ipv4Addr> {
    let mut found = BTreeSet::new();
    let mut last: Option<Ipv4Addr> = None;
    for line in text.lines().map(str::trim) {
        match line.strip_prefix("|-- ") {
            Some(address) => last = address.parse().ok(),
            None if line == "/32 host LOCAL" => found.extend(last),
            None => {}
        }
    }
    found
}

/// The address of an interface, in a line of /proc/net/if_inet6.
fn sixth_address(line: &str, interface: &str) -> Option<Ipv6Addr> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_it = words.get(5) == Some(&interface);
    is_it.then(|| u128::from_str_radix(words.first()?, 16).ok().map(Ipv6Addr::from)).flatten()
}

#[cfg(test)]
mod tests {
    use super::{Route, local_addresses};

    #[test]
    fn addresses_and_routes() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     |-- 172.17.0.2\n        /32 host LOCAL\n     |-- 172.17.255.255\n        /32 link BROADCAST\n";
        let found: Vec<String> = local_addresses(trie).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["172.17.0.2"]);
        if cfg!(target_endian = "little") {
            let route = Route::parse("eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0").expect("a route");
            assert!(route.has([172, 17, 0, 2].into()) && !route.has([172, 18, 0, 2].into()));
            assert!(Route::parse("Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask").is_none());
        }
    }
}
