//! Who has which place in the networks that are in use: addresses, and the cables at which they are.
//!
//! ```text
//! Join ──▶ an address on each network, which comes about where it is not in use ──▶ Plug: the cables are put in
//! Connect, Disconnect ──▶ one cable more or less
//! Rejoin ──▶ the addresses that it had with the keeper before, at new cables
//! ```
//!
//! Every change is written down before it is answered, see [`remembered`]: when this process is killed, the next one knows it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use super::document;
use super::guest::{End, Guest, Joined, Seen};
use super::mark::Mark;
use super::remembered::{self, Leaving, Left, Place, PlaceOf};
use super::segment::{self, Segment};
use super::talk::{Attachment, Member, Tell};
use crate::container::{Local, Plug, Plugged, Wire};
use crate::link::{Heard, Link};
use crate::runtime::Error;
use crate::world::World;

/// All places.
pub(super) struct Places {
    world: Arc<World>,
    mark: Mark,
    /// The bridges of the keeper before that are still there, by network.
    left: BTreeMap<String, String>,
    pub(super) segments: BTreeMap<String, Segment>,
    pub(super) guests: Vec<Guest>,
    /// Those that the keeper before has left, and that have not come again yet.
    expected: Vec<Place>,
    /// How many bridges and cables there were.
    made: usize,
}

impl Places {
    /// None is taken, but by those that the keeper before has left.
    pub(super) fn new(world: Arc<World>, mark: Mark) -> Places {
        let Left { bridges: left, places: expected } = remembered::read(world.home());
        Places { world, mark, left, segments: BTreeMap::new(), guests: Vec::new(), expected, made: 0 }
    }

    pub(super) fn join(
        &mut self,
        index: usize,
        member: Member,
        attachments: &[Attachment],
        servers: Vec<IpAddr>,
        plug: Option<Link>,
    ) -> Result<Tell, Error> {
        // It has ended and begins anew.
        self.expected.retain(|place| place.member.id != member.id);
        let mut ends = Vec::new();
        for (number, attachment) in attachments.iter().enumerate() {
            match self.reserve(attachment, format!("eth{number}"), &ends) {
                Ok(end) => ends.push(end),
                Err(error) => {
                    self.close_unused();
                    return Err(error);
                }
            }
        }
        let wires = ends.iter().map(|end| end.wire.clone()).collect();
        self.guests[index].joined =
            Some(Joined { member, ends, plug, namespace: None, questions: None, servers, was_told: false });
        self.write_down();
        Ok(Tell::Joined { wires })
    }

    /// One that the keeper before has left: it runs, and has this network.
    pub(super) fn rejoin(
        &mut self,
        index: usize,
        container: &str,
        servers: Vec<IpAddr>,
        namespace: Option<OwnedFd>,
    ) -> Result<Tell, Error> {
        let at = self.expected.iter().position(|place| place.member.id == container);
        let Place { member, ends: before } = self.expected.remove(at.ok_or_else(not_joined)?);
        let namespace = namespace.ok_or_else(not_joined)?;
        let mut ends = Vec::new();
        let replugged = before.into_iter().try_for_each(|end| {
            let end = self.replug(end, &namespace, &ends)?;
            ends.push(end);
            Ok(())
        });
        let questions =
            replugged.and_then(|()| segment::questions_inside(&namespace, self.world.identity.in_user_namespace()));
        let questions = match questions {
            Ok(questions) => questions,
            Err(error) => {
                ends.iter().for_each(|end| self.pull_out(end));
                self.close_unused();
                return Err(error);
            }
        };
        self.guests[index].joined = Some(Joined {
            member,
            ends,
            plug: None,
            namespace: Some(namespace),
            questions: Some(questions),
            servers,
            was_told: false,
        });
        self.write_down();
        Ok(Tell::Done)
    }

    /// The same place as before, at a new cable.
    fn replug(&mut self, before: End, namespace: &OwnedFd, others: &[End]) -> Result<End, Error> {
        let (address, sixth) = addresses_of(&before);
        let attachment = Attachment { network: before.wire.network, aliases: before.aliases, address, sixth };
        let end = self.reserve(&attachment, before.wire.interface, others)?;
        let mut end = End { is_shared: before.is_shared, ..end };
        segment::pull_out_inside(namespace, &end.wire.interface, self.world.identity.in_user_namespace())?;
        self.plug_in(namespace, &mut end).map(|()| end)
    }

    /// An address on a network, which comes about where it is not in use.
    fn reserve(&mut self, attachment: &Attachment, interface: String, others: &[End]) -> Result<End, Error> {
        let network = document::find(&self.world, &attachment.network)?;
        let name = network.name.clone();
        if !self.segments.contains_key(&name) {
            self.made += 1;
            let left = self.left.get(&name).map(String::as_str);
            let segment = Segment::make(&self.world, network, self.mark.bridge(self.made), left)?;
            self.left.remove(&name);
            self.segments.insert(name.clone(), segment);
        }
        self.expected.retain(|place| remembered::is_expected(self.world.home(), place));
        let taken: BTreeSet<Ipv4Addr> = self.addresses(&name).filter_map(|(address, _)| address).collect();
        let taken_sixth: BTreeSet<Ipv6Addr> = self.addresses(&name).filter_map(|(_, sixth)| sixth).collect();
        let segment = &self.segments[&name];
        let address = segment.network.free_address(attachment.address, &taken)?;
        let mut addresses = vec![Local { address: address.into(), prefix: segment.network.subnet.prefix() }];
        match (&segment.network.sixth, attachment.sixth) {
            (Some(sixth), wanted) => {
                let address = sixth.free_address(&name, wanted, &taken_sixth)?;
                addresses.push(Local { address: address.into(), prefix: sixth.subnet.prefix() });
            }
            (None, Some(address)) => {
                let message = format!("{address} is an address of IPv6, and the network `{name}` has none of them");
                return Err(Error::argument(message, "`layerlab network create --ipv6` makes one that has"));
            }
            (None, None) => {}
        }
        // The way everywhere else is by the first network that has one.
        let has_none = |gateway: &IpAddr| {
            let all = others.iter().flat_map(|other| &other.wire.gateways);
            !all.into_iter().any(|other| other.is_ipv4() == gateway.is_ipv4())
        };
        let gateways = segment.way.gateways(&segment.network).into_iter().filter(has_none).collect();
        let wire = Wire { network: name, interface, mac: segment::mac(address.into()), addresses, gateways };
        self.made += 1;
        let is_shared = others.iter().any(|other| other.is_shared);
        Ok(End { aliases: attachment.aliases.clone(), wire, cable: self.mark.cable(self.made), is_shared })
    }

    /// One more cable, for a container that runs.
    pub(super) fn connect(&mut self, container: &str, attachment: &Attachment) -> Result<Tell, Error> {
        let Some(index) = self.index(container)? else { return Ok(Tell::NotYet) };
        let Some(joined) = &mut self.guests[index].joined else { return Err(not_joined()) };
        if joined.ends.iter().any(|end| end.wire.network == attachment.network) {
            let message = format!("the container is in the network `{}` already", attachment.network);
            return Err(Error::Refused(message));
        }
        let used: BTreeSet<String> = joined.ends.iter().map(|end| end.wire.interface.clone()).collect();
        let free = (0..).map(|number| format!("eth{number}")).find(|name| !used.contains(name)).unwrap_or_default();
        let ends = std::mem::take(&mut joined.ends);
        let reserved = self.reserve(attachment, free, &ends);
        let Some(joined) = &mut self.guests[index].joined else { return Err(not_joined()) };
        joined.ends = ends;
        let namespace = joined.namespace.as_ref();
        let namespace = namespace.and_then(|namespace| namespace.try_clone().ok()).ok_or_else(not_joined);
        let plugged = reserved.and_then(|mut end| self.plug_in(&namespace?, &mut end).map(|()| end));
        match (plugged, &mut self.guests[index].joined) {
            (Ok(end), Some(joined)) => {
                joined.ends.push(end);
                self.write_down();
                Ok(Tell::Done)
            }
            (plugged, _) => {
                self.close_unused();
                plugged.and_then(|_| Err(not_joined()))
            }
        }
    }

    /// Puts a cable into a container that runs; or nothing of it stays.
    fn plug_in(&mut self, namespace: &OwnedFd, end: &mut End) -> Result<(), Error> {
        cut_off(&mut self.segments, end);
        let segment = &self.segments[&end.wire.network];
        segment.plug(&end.cable, &end.wire, namespace.as_fd())?;
        let set_up = segment::set_up_inside(namespace, &end.wire, self.world.identity.in_user_namespace());
        if set_up.is_err() {
            self.pull_out(end);
        }
        set_up
    }

    fn pull_out(&self, end: &End) {
        if let Some(segment) = self.segments.get(&end.wire.network) {
            let _ = segment.unplug(&end.cable);
        }
    }

    pub(super) fn disconnect(&mut self, container: &str, network: &str) -> Result<Tell, Error> {
        let Some(index) = self.index(container)? else { return Ok(Tell::NotYet) };
        let Some(joined) = &mut self.guests[index].joined else { return Err(not_joined()) };
        let Some(at) = joined.ends.iter().position(|end| end.wire.network == network) else {
            return Err(Error::Refused(format!("the container is not in the network `{network}`")));
        };
        if let Some(segment) = self.segments.get(network) {
            segment.unplug(&joined.ends[at].cable).map_err(netlink("netlink(RTM_DELLINK)"))?;
        }
        joined.ends.remove(at);
        self.close_unused();
        self.write_down();
        Ok(Tell::Done)
    }

    pub(super) fn rename(&mut self, container: &str, name: &str) -> Result<Tell, Error> {
        let joined = self.guests.iter_mut().filter_map(|guest| guest.joined.as_mut()).map(|joined| &mut joined.member);
        let mut members = joined.chain(self.expected.iter_mut().map(|place| &mut place.member));
        let member = members.find(|member| member.id == container).ok_or_else(not_joined)?;
        name.clone_into(&mut member.name);
        self.write_down();
        Ok(Tell::Done)
    }

    /// Other containers are about to have the network of this one, too.
    pub(super) fn share(&mut self, container: &str) -> Result<Tell, Error> {
        let Some(index) = self.index(container)? else { return Ok(Tell::NotYet) };
        let Some(joined) = &mut self.guests[index].joined else { return Err(not_joined()) };
        joined.ends.iter_mut().for_each(|end| end.is_shared = true);
        self.write_down();
        Ok(Tell::Done)
    }

    /// Which guest a container is; `None` while it has not come again.
    fn index(&self, container: &str) -> Result<Option<usize>, Error> {
        let is_it = |guest: &Guest| guest.joined.as_ref().is_some_and(|joined| joined.member.id == container);
        match self.guests.iter().position(is_it) {
            Some(index) => Ok(Some(index)),
            None if self.expected.iter().any(|place| place.member.id == container) => Ok(None),
            None => Err(not_joined()),
        }
    }

    /// The cables of one whose first process is ready for them.
    pub(super) fn plug(&mut self, index: usize) {
        let Some(joined) = &mut self.guests[index].joined else { return };
        let Some(plug) = joined.plug.take() else { return };
        let Heard::Message(Plug, descriptors) = plug.hear_now::<Plug>() else { return };
        let mut descriptors = descriptors.into_iter();
        let (Some(namespace), Some(questions)) = (descriptors.next(), descriptors.next()) else { return };
        let questions = UdpSocket::from(questions);
        let mut answer = Plugged::Done;
        let mut is_cut_off = false;
        if let Err(error) = questions.set_nonblocking(true) {
            answer = Plugged::Refused { call: "fcntl".to_owned(), errno: error.raw_os_error().unwrap_or(0) };
        }
        for end in &mut joined.ends {
            is_cut_off |= cut_off(&mut self.segments, end);
            let plugged = self.segments[&end.wire.network].plug(&end.cable, &end.wire, namespace.as_fd());
            if let Err(error) = plugged {
                answer = refusal(&error, &end.wire.network);
            }
        }
        (joined.namespace, joined.questions) = (Some(namespace), Some(questions));
        if is_cut_off {
            self.write_down();
        }
        match answer {
            Plugged::Done if is_cut_off => plug.say(&Plugged::CutOff),
            answer => plug.say(&answer),
        };
    }

    /// One has gone, and what only it needed goes as well. Gives what it was.
    pub(super) fn part(&mut self, index: usize) -> Option<Member> {
        let guest = self.guests.remove(index);
        // The kernel takes the others away, with the network that they are in.
        let ends = guest.joined.iter().flat_map(|joined| &joined.ends);
        ends.filter(|end| end.is_shared).for_each(|end| self.pull_out(end));
        self.close_unused();
        let member = guest.joined.map(|joined| joined.member);
        if member.is_some() {
            self.write_down();
        }
        member
    }

    /// Networks without members go, unless all have gone: then somebody may come at once.
    fn close_unused(&mut self) {
        let mut joined = self.joined().peekable();
        if joined.peek().is_some() {
            let used: BTreeSet<String> =
                joined.flat_map(|joined| &joined.ends).map(|end| end.wire.network.clone()).collect();
            self.segments.retain(|name, _| used.contains(name));
        }
    }

    /// The addresses of a network that somebody has.
    fn addresses(&self, network: &str) -> impl Iterator<Item = (Option<Ipv4Addr>, Option<Ipv6Addr>)> {
        let ends = self.joined().flat_map(|joined| &joined.ends);
        let ends = ends.chain(self.expected.iter().flat_map(|place| &place.ends));
        ends.filter(move |end| end.wire.network == network).map(addresses_of)
    }

    /// Who is connected, by which cable.
    pub(super) fn members(&self) -> impl Iterator<Item = (Member, Wire)> {
        self.joined().flat_map(|joined| joined.ends.iter().map(|end| (joined.member.clone(), end.wire.clone())))
    }

    pub(super) fn joined(&self) -> impl Iterator<Item = &Joined> {
        self.guests.iter().filter_map(|guest| guest.joined.as_ref())
    }

    /// What one of them sees of the others.
    pub(super) fn seen_by<'a>(&'a self, by: &'a Joined) -> Seen<'a> {
        Seen { segments: &self.segments, guests: &self.guests, by }
    }

    fn write_down(&self) {
        let joined = self.joined().map(|joined| PlaceOf { member: &joined.member, ends: &joined.ends });
        let expected = self.expected.iter().map(|place| PlaceOf { member: &place.member, ends: &place.ends });
        let ours = self.segments.iter().map(|(network, segment)| (network.as_str(), segment.name.as_str()));
        let left = self.left.iter().map(|(network, bridge)| (network.as_str(), bridge.as_str()));
        let leaving = Leaving { bridges: left.chain(ours).collect(), places: joined.chain(expected).collect() };
        remembered::write(self.world.home(), &leaving);
    }

    /// Nobody is here, and it all goes. Nothing is left but the places of those that may still come.
    pub(super) fn end(self) {
        if self.expected.is_empty() {
            self.left.values().for_each(|bridge| segment::remove_left(&self.world.identity, bridge));
            remembered::forget(self.world.home());
        } else {
            self.write_down();
        }
    }
}

/// The addresses at a cable, by version of IP.
fn addresses_of(end: &End) -> (Option<Ipv4Addr>, Option<Ipv6Addr>) {
    let mut found = (None, None);
    for local in &end.wire.addresses {
        match local.address {
            IpAddr::V4(address) => found.0 = Some(address),
            IpAddr::V6(address) => found.1 = Some(address),
        }
    }
    found
}

/// Waits until the way out of a cable's network is open. Where none has come about, there is no gateway; says whether there was to be one.
fn cut_off(segments: &mut BTreeMap<String, Segment>, end: &mut End) -> bool {
    let has_way = segments.get_mut(&end.wire.network).is_some_and(Segment::settle);
    let is_cut_off = !has_way && !end.wire.gateways.is_empty();
    if is_cut_off {
        end.wire.gateways.clear();
    }
    is_cut_off
}

/// What a container is told whose cable to this network can't be put in.
fn refusal(error: &Error, network: &str) -> Plugged {
    let (call, errno) = match error {
        Error::Call { call, errno } => ((*call).to_owned(), *errno as i32),
        Error::Io { operation, path, source } => {
            (format!("{operation} `{}`", path.display()), source.raw_os_error().unwrap_or(0))
        }
        other => (other.to_string(), 0),
    };
    Plugged::Refused { call: format!("{call} for `{network}`"), errno }
}

fn netlink(call: &'static str) -> impl FnOnce(nix::errno::Errno) -> Error {
    move |errno| Error::Call { call, errno }
}

fn not_joined() -> Error {
    Error::Refused("the container is in no network".to_owned())
}
