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

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroI32;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, IntoRawFd as _, OwnedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
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
pub(crate) struct Netlink {
    socket: Socket,
    /// What the last question was marked with: its answers are, too.
    asked: Cell<u32>,
}

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
    /// The bridge that it is a port of.
    pub(crate) bridge: Option<u32>,
}

/// An address of the second layer.
pub(crate) type Mac = [u8; 6];

/// So often a list is asked for that changes all the time.
const TRIES: usize = 20;

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
        Ok(Netlink { socket, asked: Cell::new(0) })
    }

    /// A socket that was opened elsewhere.
    pub(crate) fn of(socket: OwnedFd) -> Netlink {
        // SAFETY: the descriptor is ours alone, and goes into the socket's hands.
        Netlink { socket: unsafe { Socket::from_raw_fd(socket.into_raw_fd()) }, asked: Cell::new(0) }
    }

    /// The socket, to be given to somebody else.
    pub(crate) fn into_descriptor(self) -> OwnedFd {
        // SAFETY: the socket gives its descriptor up.
        unsafe { OwnedFd::from_raw_fd(self.socket.into_raw_fd()) }
    }

    /// Makes a bridge. It is switched off.
    ///
    /// # Errors
    /// EEXIST, EPERM; EOPNOTSUPP where the kernel has no bridges.
    pub(crate) fn add_bridge(&self, name: &str, mac: Mac) -> Result<u32, Errno> {
        let mut link = LinkMessage::default();
        link.attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::Address(mac.to_vec()),
            LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]),
        ];
        self.change(RouteNetlinkMessage::NewLink(link), NLM_F_CREATE | NLM_F_EXCL)?;
        self.index(name)
    }

    /// Makes a cable: one end at a bridge, the other in another network. Both are switched off.
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
        let mut link = LinkMessage::default();
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
        let mut link = LinkMessage::default();
        link.header.index = interface;
        link.header.flags = LinkFlags::Up;
        link.header.change_mask = LinkFlags::Up;
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
        match to.address {
            IpAddr::V4(address) => {
                let hosts = u32::MAX.checked_shr(to.prefix.into()).unwrap_or(0);
                message.attributes.push(AddressAttribute::Broadcast(Ipv4Addr::from(u32::from(address) | hosts)));
            }
            // It was reserved: nobody has to be asked for a second whether it is somebody's.
            IpAddr::V6(_) => message.header.flags = AddressHeaderFlags::Nodad,
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
        let answers = self.ask(RouteNetlinkMessage::GetLink(link), NLM_F_ACK)?.messages;
        let index = |answer: &RouteNetlinkMessage| match answer {
            RouteNetlinkMessage::NewLink(link) => Some(link.header.index),
            _ => None,
        };
        answers.iter().find_map(index).ok_or(Errno::ENODEV)
    }

    /// All interfaces.
    ///
    /// # Errors
    /// As recvmsg(2).
    pub(crate) fn interfaces(&self) -> Result<Vec<Interface>, Errno> {
        let answers = self.list(&RouteNetlinkMessage::GetLink(LinkMessage::default()))?;
        let interface = |answer| {
            let RouteNetlinkMessage::NewLink(link) = answer else { return None };
            let mut interface = Interface { index: link.header.index, name: String::new(), bridge: None };
            for attribute in link.attributes {
                match attribute {
                    LinkAttribute::IfName(name) => interface.name = name,
                    LinkAttribute::Controller(bridge) => interface.bridge = Some(bridge),
                    // The kernel tells much more of it.
                    _ => {}
                }
            }
            Some(interface)
        };
        Ok(answers.into_iter().filter_map(interface).collect())
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
            for answer in self.list(&RouteNetlinkMessage::GetRoute(message))? {
                let RouteNetlinkMessage::NewRoute(route) = answer else { continue };
                if route.header.table != RouteHeader::RT_TABLE_MAIN {
                    continue;
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
            }
        }
        Ok(found)
    }

    fn change(&self, message: RouteNetlinkMessage, flags: u16) -> Result<(), Errno> {
        self.ask(message, flags | NLM_F_ACK).map(drop)
    }

    /// Asks for a list, again where it has changed while it was told.
    fn list(&self, question: &RouteNetlinkMessage) -> Result<Vec<RouteNetlinkMessage>, Errno> {
        for _ in 0..TRIES {
            let answers = self.ask(question.clone(), NLM_F_DUMP)?;
            if answers.are_of_one_moment {
                return Ok(answers.messages);
            }
        }
        Err(Errno::EAGAIN)
    }

    /// Sends a message, and hears the answers until the last one.
    fn ask(&self, message: RouteNetlinkMessage, flags: u16) -> Result<Answers, Errno> {
        self.asked.set(self.asked.get().wrapping_add(1));
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.asked.get();
        let mut request = NetlinkMessage::new(header, NetlinkPayload::from(message));
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        // With its address: then the kernel asks for the rights of the one who sends, and not for those of the one who has opened the socket.
        self.socket.send_to(&bytes, &SocketAddr::new(0, 0), 0).map_err(|error| errno(&error))?;
        let mut answers = Answers { messages: Vec::new(), are_of_one_moment: true };
        let mut packet = Vec::with_capacity(ANSWER);
        loop {
            packet.clear();
            match self.socket.recv(&mut packet, 0) {
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(errno(&error)),
            }
            if answers.take(&packet, self.asked.get())? {
                return Ok(answers);
            }
        }
    }
}

/// What came of a question.
struct Answers {
    messages: Vec<RouteNetlinkMessage>,
    /// Whether nothing has changed while a list was told: else something in it may be missing.
    are_of_one_moment: bool,
}

impl Answers {
    /// Takes what a packet has of them. Says whether it was the last.
    fn take(&mut self, packet: &[u8], asked: u32) -> Result<bool, Errno> {
        let failed = |code: i32| if code == 0 { Ok(true) } else { Err(Errno::from_raw(code.saturating_neg())) };
        let mut rest = packet;
        while !rest.is_empty() {
            let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest).map_err(|_| Errno::EBADMSG)?;
            // Messages begin at multiples of four.
            let length = (answer.header.length as usize).next_multiple_of(4).max(16);
            rest = rest.get(length..).unwrap_or_default();
            // To a question before, which nobody waited for.
            if answer.header.sequence_number != asked {
                continue;
            }
            self.are_of_one_moment &= answer.header.flags & NLM_F_DUMP_INTR == 0;
            match answer.payload {
                NetlinkPayload::Done(done) => return failed(done.code),
                NetlinkPayload::Error(error) => return failed(error.code.map_or(0, NonZeroI32::get)),
                NetlinkPayload::InnerMessage(message) => self.messages.push(message),
                NetlinkPayload::Overrun(_) => return Err(Errno::ENOBUFS),
                NetlinkPayload::Noop => {}
                _ => return Err(Errno::EBADMSG),
            }
        }
        Ok(false)
    }
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
    use netlink_packet_core::DoneMessage;

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

    /// The packet of an answer with no message but the last.
    fn last(flags: u16, asked: u32, code: i32) -> Vec<u8> {
        let mut header = NetlinkHeader::default();
        (header.flags, header.sequence_number) = (flags, asked);
        let mut done = DoneMessage::default();
        done.code = code;
        let mut message = NetlinkMessage::<RouteNetlinkMessage>::new(header, NetlinkPayload::Done(done));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        bytes
    }

    #[test]
    fn a_list_that_failed_or_changed_is_not_taken_for_a_whole_one() {
        let answers = || Answers { messages: Vec::new(), are_of_one_moment: true };
        assert_eq!(answers().take(&last(0, 7, 0), 7), Ok(true));
        assert_eq!(answers().take(&last(0, 7, -libc::ENOMEM), 7), Err(Errno::ENOMEM));
        assert_eq!(answers().take(&last(0, 6, -libc::ENOMEM), 7), Ok(false), "it belongs to another question");
        let mut changed = answers();
        assert_eq!(changed.take(&last(NLM_F_DUMP_INTR, 7, 0), 7), Ok(true));
        assert!(!changed.are_of_one_moment);
    }
}
