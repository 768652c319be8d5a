//! Those who are connected to the keeper of the networks, and what each may know of the others.

use std::collections::BTreeMap;
use std::net::{IpAddr, UdpSocket};
use std::os::fd::OwnedFd;

use serde::{Deserialize, Serialize};

use super::names::Directory;
use super::segment::Segment;
use super::talk::Member;
use crate::container::Wire;
use crate::link::Link;

/// One who is connected.
pub(super) struct Guest {
    pub(super) link: Link,
    /// What it is, once it has joined.
    pub(super) joined: Option<Joined>,
}

/// A container with cables.
pub(super) struct Joined {
    pub(super) member: Member,
    pub(super) ends: Vec<End>,
    /// Where the container's first process says that it is ready for them.
    pub(super) plug: Option<Link>,
    /// Its network, from then on.
    pub(super) namespace: Option<OwnedFd>,
    /// Where it asks for names.
    pub(super) questions: Option<UdpSocket>,
    pub(super) servers: Vec<IpAddr>,
    /// Whether it was told that there is no way out.
    pub(super) was_told: bool,
}

/// A container's end of a cable.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    pub(super) aliases: Vec<String>,
    pub(super) wire: Wire,
    /// What our end of it is called.
    pub(super) cable: String,
    /// Whether other containers may have the network that it is in: then it does not go with the container.
    #[serde(default)]
    pub(super) is_shared: bool,
}

/// What a container sees of the others: those that it shares a network with on which there are names.
pub(super) struct Seen<'a> {
    pub(super) segments: &'a BTreeMap<String, Segment>,
    pub(super) guests: &'a [Guest],
    pub(super) by: &'a Joined,
}

impl Seen<'_> {
    fn ends(&self) -> impl Iterator<Item = (&Joined, &End)> {
        let is_shared = |network: &str| {
            let segment = self.segments.get(network);
            segment.is_some_and(|segment| segment.network.has_names())
                && self.by.ends.iter().any(|end| end.wire.network == network)
        };
        let joined = self.guests.iter().filter_map(|guest| guest.joined.as_ref());
        let ends = joined.flat_map(|joined| joined.ends.iter().map(move |end| (joined, end)));
        ends.filter(move |(_, end)| is_shared(&end.wire.network))
    }
}

impl Directory for Seen<'_> {
    fn addresses(&self, name: &str) -> Vec<IpAddr> {
        let is_called = |joined: &Joined, end: &End| {
            joined.member.name.eq_ignore_ascii_case(name)
                || end.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
        };
        let has_id = |joined: &Joined, _: &End| joined.member.id.get(..12) == Some(name);
        let of = |is_it: &dyn Fn(&Joined, &End) -> bool| -> Vec<IpAddr> {
            let ends = self.ends().filter(|(joined, end)| is_it(joined, end));
            ends.flat_map(|(_, end)| &end.wire.addresses).map(|local| local.address).collect()
        };
        // Who is called so on purpose is meant, also where that is the beginning of another's id.
        let called = of(&is_called);
        if called.is_empty() { of(&has_id) } else { called }
    }

    fn name(&self, address: IpAddr) -> Option<String> {
        let mut ends = self.ends();
        let has = |end: &End| end.wire.addresses.iter().any(|local| local.address == address);
        ends.find(|(_, end)| has(end)).map(|(joined, end)| format!("{}.{}", joined.member.name, end.wire.network))
    }
}
