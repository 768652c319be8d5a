//! Interfaces, addresses and routes: what the kernel is asked over rtnetlink(7).
//!
//! A socket works in the network namespace of the thread that opened it, whoever uses it later. So a process that was given one can set up
//! a network that it is not in, if it has the right to: the owner of a user namespace has every right over the networks that belong to it.
//!
//! ```text
//! bridge `ll-3f2a1b` ── veth ─┐ moved into the container's namespace ── `eth0`
//! ```
//!
//! Left out: rules of the firewall, which are another family of messages, and everything that is only watched.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, IntoRawFd as _, OwnedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;

/// A socket to the kernel's part for networks.
#[derive(Debug)]
pub(crate) struct Netlink(Socket);

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Assigned {
    pub(crate) interface: u32,
    pub(crate) address: IpAddr,
    pub(crate) prefix: u8,
}

/// An interface as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interface {
    pub(crate) index: u32,
    pub(crate) name: String,
    /// What somebody has written on it.
    pub(crate) alias: String,
}

/// An address of the second layer.
pub(crate) type Mac = [u8; 6];

/// Room for an answer: the kernel sends no larger ones.
const ANSWER: usize = 32 << 10;

impl Netlink {
    /// Opens a socket in the network of this thread.
    ///
    /// # Errors
    /// As socket(2).
    pub(crate) fn open() -> Result<Netlink, Errno> {
        let mut socket = Socket::new(NETLINK_ROUTE).map_err(|error| errno(&error))?;
        socket.bind_auto().map_err(|error| errno(&error))?;
        Ok(Netlink(socket))
    }

    /// A socket that was opened elsewhere.
    pub(crate) fn of(socket: OwnedFd) -> Netlink {
        // SAFETY: the descriptor is ours alone, and goes into the socket's hands.
        Netlink(unsafe { Socket::from_raw_fd(socket.into_raw_fd()) })
    }

    /// The socket, to be given to somebody else.
    pub(crate) fn into_descriptor(self) -> OwnedFd {
        // SAFETY: the socket gives its descriptor up.
        unsafe { OwnedFd::from_raw_fd(self.0.into_raw_fd()) }
    }

    /// Makes a bridge and switches it on. `alias` is a word of our own on it.
    ///
    /// # Errors
    /// EEXIST, EPERM; EOPNOTSUPP where the kernel has no bridges.
    pub(crate) fn add_bridge(&self, name: &str, mac: Mac, alias: &str) -> Result<u32, Errno> {
        let mut link = switched_on();
        link.attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::Address(mac.to_vec()),
            LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]),
        ];
        self.change(RouteNetlinkMessage::NewLink(link), NLM_F_CREATE | NLM_F_EXCL)?;
        let mut named = LinkMessage::default();
        named.header.index = self.index(name)?;
        named.attributes = vec![LinkAttribute::IfAlias(alias.to_owned())];
        let index = named.header.index;
        self.change(RouteNetlinkMessage::SetLink(named), 0).map(|()| index)
    }

    /// Makes a cable: one end at a bridge, the other in another network, where it is switched off.
    ///
    /// # Errors
    /// EEXIST where one of the names is taken, EPERM for somebody else's network.
    pub(crate) fn add_cable(
        &self,
        name: &str,
        bridge: u32,
        far: &str,
        mac: Mac,
        network: BorrowedFd<'_>,
    ) -> Result<(), Errno> {
        let mut peer = LinkMessage::default();
        peer.attributes = vec![
            LinkAttribute::IfName(far.to_owned()),
            LinkAttribute::Address(mac.to_vec()),
            LinkAttribute::NetNsFd(network.as_raw_fd()),
        ];
        let mut link = switched_on();
        link.attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::Controller(bridge),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::Veth),
                LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
            ]),
        ];
        self.change(RouteNetlinkMessage::NewLink(link), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Switches an interface on.
    ///
    /// # Errors
    /// ENODEV, EPERM.
    pub(crate) fn switch_on(&self, interface: u32) -> Result<(), Errno> {
        let mut link = switched_on();
        link.header.index = interface;
        self.change(RouteNetlinkMessage::SetLink(link), 0)
    }

    /// Gives an interface an address.
    ///
    /// # Errors
    /// EEXIST, ENODEV, EPERM.
    pub(crate) fn add_address(&self, to: Assigned) -> Result<(), Errno> {
        let mut message = AddressMessage::default();
        message.header.family = family(to.address);
        message.header.prefix_len = to.prefix;
        message.header.index = to.interface;
        message.attributes = vec![AddressAttribute::Local(to.address), AddressAttribute::Address(to.address)];
        if let IpAddr::V4(address) = to.address {
            let hosts = u32::MAX.checked_shr(to.prefix.into()).unwrap_or(0);
            message.attributes.push(AddressAttribute::Broadcast(Ipv4Addr::from(u32::from(address) | hosts)));
        }
        self.change(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Sends whatever is for nobody nearby to a gateway.
    ///
    /// # Errors
    /// EEXIST where there is such a route, ENETUNREACH where the gateway is not nearby.
    pub(crate) fn add_default_route(&self, gateway: IpAddr) -> Result<(), Errno> {
        let mut message = RouteMessage::default();
        message.header.address_family = family(gateway);
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        message.header.protocol = RouteProtocol::Static;
        message.header.scope = RouteScope::Universe;
        message.header.kind = RouteType::Unicast;
        message.attributes = vec![RouteAttribute::Gateway(RouteAddress::from(gateway))];
        self.change(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Removes an interface; of a cable, both ends.
    ///
    /// # Errors
    /// ENODEV, EPERM.
    pub(crate) fn remove(&self, interface: u32) -> Result<(), Errno> {
        let mut link = LinkMessage::default();
        link.header.index = interface;
        self.change(RouteNetlinkMessage::DelLink(link), 0)
    }

    /// The number of an interface.
    ///
    /// # Errors
    /// ENODEV where there is none.
    pub(crate) fn index(&self, name: &str) -> Result<u32, Errno> {
        let mut link = LinkMessage::default();
        link.attributes = vec![LinkAttribute::IfName(name.to_owned())];
        let mut found = Err(Errno::ENODEV);
        self.ask(RouteNetlinkMessage::GetLink(link), NLM_F_ACK, &mut |answer| {
            if let RouteNetlinkMessage::NewLink(link) = answer {
                found = Ok(link.header.index);
            }
        })?;
        found
    }

    /// All interfaces.
    ///
    /// # Errors
    /// As recvmsg(2).
    pub(crate) fn interfaces(&self) -> Result<Vec<Interface>, Errno> {
        let mut found = Vec::new();
        self.ask(RouteNetlinkMessage::GetLink(LinkMessage::default()), NLM_F_DUMP, &mut |answer| {
            let RouteNetlinkMessage::NewLink(link) = answer else { return };
            let mut interface = Interface { index: link.header.index, name: String::new(), alias: String::new() };
            for attribute in link.attributes {
                match attribute {
                    LinkAttribute::IfName(name) => interface.name = name,
                    LinkAttribute::IfAlias(alias) => interface.alias = alias,
                    _ => {}
                }
            }
            found.push(interface);
        })?;
        Ok(found)
    }

    /// Where this machine sends what is for nobody nearby; and every network that it knows a way to.
    ///
    /// # Errors
    /// As recvmsg(2).
    pub(crate) fn destinations(&self) -> Result<Vec<(IpAddr, u8)>, Errno> {
        let mut found = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut message = RouteMessage::default();
            message.header.address_family = family;
            self.ask(RouteNetlinkMessage::GetRoute(message), NLM_F_DUMP, &mut |answer| {
                let RouteNetlinkMessage::NewRoute(route) = answer else { return };
                if route.header.table != RouteHeader::RT_TABLE_MAIN {
                    return;
                }
                let unspecified = match family {
                    AddressFamily::Inet6 => IpAddr::from(Ipv6Addr::UNSPECIFIED),
                    _ => IpAddr::from(Ipv4Addr::UNSPECIFIED),
                };
                let address = route.attributes.iter().find_map(|attribute| match attribute {
                    RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(IpAddr::from(*address)),
                    RouteAttribute::Destination(RouteAddress::Inet6(address)) => Some(IpAddr::from(*address)),
                    _ => None,
                });
                found.push((address.unwrap_or(unspecified), route.header.destination_prefix_length));
            })?;
        }
        Ok(found)
    }

    fn change(&self, message: RouteNetlinkMessage, flags: u16) -> Result<(), Errno> {
        self.ask(message, flags | NLM_F_ACK, &mut |_| {})
    }

    /// Sends a message, and hears the answers until the last one.
    fn ask(
        &self,
        message: RouteNetlinkMessage,
        flags: u16,
        listen: &mut dyn FnMut(RouteNetlinkMessage),
    ) -> Result<(), Errno> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        let mut request = NetlinkMessage::new(header, NetlinkPayload::from(message));
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        // With its address: then the kernel asks for the rights of the one who sends, and not for those of the one who has opened the socket.
        self.0.send_to(&bytes, &SocketAddr::new(0, 0), 0).map_err(|error| errno(&error))?;
        let mut answers = Vec::with_capacity(ANSWER);
        loop {
            answers.clear();
            match self.0.recv(&mut answers, 0) {
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(errno(&error)),
            }
            let mut rest = answers.as_slice();
            while !rest.is_empty() {
                let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest).map_err(|_| Errno::EBADMSG)?;
                // Messages begin at multiples of four.
                let length = (answer.header.length as usize).next_multiple_of(4).max(16);
                rest = rest.get(length..).unwrap_or_default();
                match answer.payload {
                    NetlinkPayload::Done(_) => return Ok(()),
                    NetlinkPayload::Error(error) => {
                        return error.code.map_or(Ok(()), |code| Err(Errno::from_raw(-code.get())));
                    }
                    NetlinkPayload::InnerMessage(message) => listen(message),
                    _ => {}
                }
            }
        }
    }
}

fn switched_on() -> LinkMessage {
    let mut link = LinkMessage::default();
    link.header.flags = LinkFlags::Up;
    link.header.change_mask = LinkFlags::Up;
    link
}

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

fn errno(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_found() {
        let netlink = Netlink::open().expect("a socket");
        let index = netlink.index("lo").expect("it is there");
        let listed = netlink.interfaces().expect("they can be listed");
        assert!(listed.iter().any(|interface| interface.index == index && interface.name == "lo"));
        assert_eq!(netlink.index("no-such-one"), Err(Errno::ENODEV));
        netlink.destinations().expect("they can be listed");
    }
}
