//! The keeper of the networks: one process for all networks of a home, for as long as somebody uses one.
//!
//! ```text
//! Join, over a link that stays ──▶ an address on each network ──▶ Plug: the cables are put in, questions for names are answered
//! the link is closed ──▶ the member has gone; with the last of a network that network goes, and with the last of all this process
//! ```
//!
//! It has one thread, and waits for everything at once. What comes from containers are questions for names, and nothing else. It is started
//! by whoever needs it first and belongs to nobody. When it is killed, the kernel takes an ordinary user's networks away with it, and the
//! next one removes what root's has left on the machine.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::fd::{AsFd as _, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::document;
use super::guest::{End, Guest, Joined, Seen};
use super::lookup::{Answered, Asker, LONGEST, Lookups};
use super::names::{self, Outcome, Unknown};
use super::segment::{self, Segment};
use super::talk::{Ask, Attachment, Member, Tell};
use super::way::Way;
use crate::container::{Local, Plug, Plugged, Wire};
use crate::diagnostic::Explained as _;
use crate::link::{Heard, Link, Listener};
use crate::runtime::Error;
use crate::world::World;

/// So long nobody may use a network before all goes: from one short container to the next nothing is made anew.
const LINGER: Duration = Duration::from_millis(400);

/// All that it keeps.
pub(super) struct Switch {
    world: Arc<World>,
    listener: Listener,
    lock: PathBuf,
    segments: BTreeMap<String, Segment>,
    guests: Vec<Guest>,
    lookups: Lookups,
    /// How many bridges and cables there were.
    made: usize,
}

/// What can be ready.
#[derive(Clone, Copy)]
enum Source {
    Listener,
    Guest(usize),
    Plug(usize),
    Questions(usize),
    Lookup(usize),
}

impl Switch {
    pub(super) fn new(world: Arc<World>, listener: Listener, lock: PathBuf) -> Switch {
        Switch {
            world,
            listener,
            lock,
            segments: BTreeMap::new(),
            guests: Vec::new(),
            lookups: Lookups::default(),
            made: 0,
        }
    }

    /// Keeps the networks until nobody uses one for a while.
    pub(super) fn keep(mut self) {
        segment::sweep(&self.world.identity, &self.lock);
        let mut unused_since = Instant::now();
        loop {
            let ready = self.wait();
            // The last first: what is removed moves those behind it.
            for source in ready.into_iter().rev() {
                self.handle(source);
            }
            for answer in self.lookups.late() {
                self.give(&answer);
            }
            if !self.guests.is_empty() {
                unused_since = Instant::now();
            } else if unused_since.elapsed() >= LINGER {
                return;
            }
        }
    }

    /// What is ready, in the order of the descriptors.
    fn wait(&self) -> Vec<Source> {
        let mut sources = vec![Source::Listener];
        let mut polled = vec![PollFd::new(self.listener.as_fd(), PollFlags::POLLIN)];
        let mut add = |source, descriptor| {
            sources.push(source);
            polled.push(PollFd::new(descriptor, PollFlags::POLLIN));
        };
        for (index, descriptor) in self.lookups.descriptors().enumerate() {
            add(Source::Lookup(index), descriptor);
        }
        for (index, guest) in self.guests.iter().enumerate() {
            add(Source::Guest(index), guest.link.as_fd());
            let Some(joined) = &guest.joined else { continue };
            if let Some(plug) = &joined.plug {
                add(Source::Plug(index), plug.as_fd());
            }
            if let Some(questions) = &joined.questions {
                add(Source::Questions(index), questions.as_fd());
            }
        }
        let patience = match (self.guests.is_empty(), self.lookups.until()) {
            (true, _) => Some(LINGER),
            (false, Some(until)) => Some(until.saturating_duration_since(Instant::now()) + Duration::from_millis(1)),
            (false, None) => None,
        };
        let timeout =
            patience.map_or(PollTimeout::NONE, |time| PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX));
        match poll(&mut polled, timeout) {
            Ok(count) if count > 0 => {
                let is_ready = |polled: &PollFd<'_>| polled.revents().is_some_and(|events| !events.is_empty());
                sources
                    .into_iter()
                    .zip(&polled)
                    .filter(|(_, polled)| is_ready(polled))
                    .map(|(source, _)| source)
                    .collect()
            }
            Ok(_) | Err(_) => Vec::new(),
        }
    }

    fn handle(&mut self, source: Source) {
        match source {
            Source::Listener => {
                if let Ok(link) = self.listener.accept() {
                    self.guests.push(Guest { link, joined: None });
                }
            }
            Source::Guest(index) => match self.guests[index].link.hear_now::<Ask>() {
                Heard::Message(ask, descriptors) => {
                    let answer = self.answer(index, ask, descriptors);
                    self.guests[index].link.say(&answer);
                }
                Heard::Nothing => {}
                Heard::End => self.part(index),
            },
            Source::Plug(index) => self.plug(index),
            Source::Questions(index) => {
                // Whatever a container sends must not end all networks.
                let _ = catch_unwind(AssertUnwindSafe(|| self.question(index)));
            }
            Source::Lookup(index) => {
                if let Some(answer) = self.lookups.ready(index) {
                    self.give(&answer);
                }
            }
        }
    }

    fn answer(&mut self, index: usize, ask: Ask, descriptors: Vec<OwnedFd>) -> Tell {
        let answered = match ask {
            Ask::Join { container, attachments, servers } => {
                let plug = descriptors.into_iter().next().map(Link::from);
                self.join(index, container, &attachments, servers, plug)
            }
            Ask::Connect { container, attachment } => self.connect(&container, &attachment),
            Ask::Disconnect { container, network } => self.disconnect(&container, &network),
            Ask::Rename { container, name } => self.rename(&container, name),
            Ask::Members => Ok(Tell::Members(self.members().collect())),
        };
        answered.unwrap_or_else(|error| Tell::Refused { message: error.to_string(), hint: error.hint() })
    }

    fn join(
        &mut self,
        index: usize,
        member: Member,
        attachments: &[Attachment],
        servers: Vec<IpAddr>,
        plug: Option<Link>,
    ) -> Result<Tell, Error> {
        let mut ends = Vec::new();
        for (number, attachment) in attachments.iter().enumerate() {
            let end = self.reserve(attachment, number, &ends)?;
            ends.push(end);
        }
        let wires = ends.iter().map(|end| end.wire.clone()).collect();
        self.guests[index].joined =
            Some(Joined { member, ends, plug, namespace: None, questions: None, servers, was_told: false });
        Ok(Tell::Joined { wires })
    }

    /// An address on a network, which comes about where it is not in use.
    fn reserve(&mut self, attachment: &Attachment, number: usize, others: &[End]) -> Result<End, Error> {
        let network = document::find(&self.world, &attachment.network)?;
        let name = network.name.clone();
        if !self.segments.contains_key(&name) {
            self.made += 1;
            let segment = Segment::make(&self.world, network, self.made, &self.lock)?;
            self.segments.insert(name.clone(), segment);
        }
        let taken: BTreeSet<Ipv4Addr> = self.addresses(&name).collect();
        let segment = &self.segments[&name];
        let address = segment.network.free_address(attachment.address, &taken)?;
        // The way everywhere else is by the first network that has one.
        let is_first = others.iter().all(|other| other.wire.gateways.is_empty());
        let gateways = match &segment.way {
            Way::None(_) => Vec::new(),
            Way::Translation(_) | Way::Program(_) if is_first => vec![segment.network.gateway.into()],
            Way::Translation(_) | Way::Program(_) => Vec::new(),
        };
        let wire = Wire {
            network: name,
            interface: format!("eth{number}"),
            mac: segment::mac(address.into()),
            addresses: vec![Local { address: address.into(), prefix: segment.network.subnet.prefix() }],
            gateways,
        };
        Ok(End { aliases: attachment.aliases.clone(), wire })
    }

    /// One more cable, for a container that runs.
    fn connect(&mut self, container: &str, attachment: &Attachment) -> Result<Tell, Error> {
        let index = self.index(container)?;
        let Some(joined) = &mut self.guests[index].joined else { return Err(not_joined()) };
        if joined.ends.iter().any(|end| end.wire.network == attachment.network) {
            let message = format!("the container is in the network `{}` already", attachment.network);
            return Err(Error::Refused(message));
        }
        let used: BTreeSet<String> = joined.ends.iter().map(|end| end.wire.interface.clone()).collect();
        let number = (0..).find(|number| !used.contains(&format!("eth{number}"))).unwrap_or(0);
        let ends = std::mem::take(&mut joined.ends);
        let reserved = self.reserve(attachment, number, &ends);
        let Some(joined) = &mut self.guests[index].joined else { return Err(not_joined()) };
        joined.ends = ends;
        let end = reserved?;
        let namespace = joined.namespace.as_ref().ok_or_else(not_joined)?;
        self.made += 1;
        let plugged = self.segments[&end.wire.network].plug(self.made, &end.wire, namespace.as_fd());
        plugged.map_err(|errno| Error::Call { call: "netlink(veth)", errno })?;
        segment::set_up_inside(namespace, &end.wire, self.world.identity.in_user_namespace())?;
        joined.ends.push(end);
        Ok(Tell::Done)
    }

    fn disconnect(&mut self, container: &str, network: &str) -> Result<Tell, Error> {
        let index = self.index(container)?;
        let Some(joined) = &mut self.guests[index].joined else { return Err(not_joined()) };
        let Some(at) = joined.ends.iter().position(|end| end.wire.network == network) else {
            return Err(Error::Refused(format!("the container is not in the network `{network}`")));
        };
        let end = joined.ends.remove(at);
        if let Some(namespace) = &joined.namespace {
            segment::unplug_inside(namespace, &end.wire, self.world.identity.in_user_namespace())?;
        }
        self.close_unused();
        Ok(Tell::Done)
    }

    fn rename(&mut self, container: &str, name: String) -> Result<Tell, Error> {
        let index = self.index(container)?;
        let Some(joined) = &mut self.guests[index].joined else { return Err(not_joined()) };
        joined.member.name = name;
        Ok(Tell::Done)
    }

    fn index(&self, container: &str) -> Result<usize, Error> {
        let is_it = |guest: &Guest| guest.joined.as_ref().is_some_and(|joined| joined.member.id == container);
        self.guests.iter().position(is_it).ok_or_else(not_joined)
    }

    /// The cables of one whose first process is ready for them.
    fn plug(&mut self, index: usize) {
        let Some(joined) = &mut self.guests[index].joined else { return };
        let Some(plug) = joined.plug.take() else { return };
        let Heard::Message(Plug, descriptors) = plug.hear_now::<Plug>() else { return };
        let mut descriptors = descriptors.into_iter();
        let (Some(namespace), Some(questions)) = (descriptors.next(), descriptors.next()) else { return };
        let questions = UdpSocket::from(questions);
        let mut answer = Plugged::Done;
        if let Err(error) = questions.set_nonblocking(true) {
            answer = Plugged::Refused { call: "fcntl".to_owned(), errno: error.raw_os_error().unwrap_or(0) };
        }
        for end in &joined.ends {
            self.made += 1;
            let plugged = self.segments[&end.wire.network].plug(self.made, &end.wire, namespace.as_fd());
            if let Err(errno) = plugged {
                let call = format!("netlink(veth) for `{}`", end.wire.network);
                answer = Plugged::Refused { call, errno: errno as i32 };
            }
        }
        (joined.namespace, joined.questions) = (Some(namespace), Some(questions));
        plug.say(&answer);
    }

    /// One has gone, and what only it needed goes as well.
    fn part(&mut self, index: usize) {
        let guest = self.guests.remove(index);
        if let Some(joined) = guest.joined {
            self.lookups.forget(&joined.member.id);
        }
        if !self.guests.is_empty() {
            self.close_unused();
        }
    }

    /// Networks without members go, unless all have gone: then somebody may come at once.
    fn close_unused(&mut self) {
        let ends = self.guests.iter().filter_map(|guest| guest.joined.as_ref()).flat_map(|joined| &joined.ends);
        let used: BTreeSet<String> = ends.map(|end| end.wire.network.clone()).collect();
        if !used.is_empty() {
            self.segments.retain(|name, _| used.contains(name));
        }
    }

    fn addresses(&self, network: &str) -> impl Iterator<Item = Ipv4Addr> {
        let wires = self.members().filter(move |(_, wire)| wire.network == network);
        wires.flat_map(|(_, wire)| wire.addresses).filter_map(|local| match local.address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        })
    }

    fn members(&self) -> impl Iterator<Item = (Member, Wire)> {
        let joined = self.guests.iter().filter_map(|guest| guest.joined.as_ref());
        joined.flat_map(|joined| joined.ends.iter().map(|end| (joined.member.clone(), end.wire.clone())))
    }
}

/// Questions for names.
impl Switch {
    fn question(&mut self, index: usize) {
        let Some(joined) = &self.guests[index].joined else { return };
        let Some(questions) = &joined.questions else { return };
        let mut bytes = vec![0; LONGEST];
        let Ok((length, from)) = questions.recv_from(&mut bytes) else { return };
        bytes.truncate(length);
        let asked = match names::consider(&bytes, &Seen { segments: &self.segments, guests: &self.guests, by: joined })
        {
            Outcome::Answer(answer) => return drop(questions.send_to(&answer, from)),
            Outcome::Ignore => return,
            Outcome::Ask(name) => name,
        };
        let is_cut_off = joined.ends.iter().all(|end| matches!(self.segments[&end.wire.network].way, Way::None(_)));
        if is_cut_off {
            let code = if asked.contains('.') { Unknown::NobodyToAsk } else { Unknown::NoSuchName };
            if let Some(answer) = names::unknown(&bytes, code) {
                let _ = questions.send_to(&answer, from);
            }
            if asked.contains('.') && !asked.ends_with(".arpa") {
                self.tell_cut_off(index, &asked);
            }
            return;
        }
        let by = Asker { container: joined.member.id.clone(), from };
        if let Some(answer) = self.lookups.begin(by, bytes, &joined.servers) {
            self.give(&answer);
        }
    }

    /// Tells a container's user, once, that it wants something that it can't have.
    fn tell_cut_off(&mut self, index: usize, asked: &str) {
        let guest = &mut self.guests[index];
        let Some(joined) = &mut guest.joined else { return };
        let ways = joined.ends.iter().filter_map(|end| self.segments.get(&end.wire.network));
        let hint = ways.filter_map(|segment| match &segment.way {
            Way::None(why) => why.hint(),
            Way::Translation(_) | Way::Program(_) => None,
        });
        let Some(hint) = hint.into_iter().next() else { return };
        if !std::mem::replace(&mut joined.was_told, true) {
            let asked: String = asked.chars().flat_map(char::escape_debug).take(80).collect();
            guest.link.say(&Tell::Notice(format!(
                "the container wants to reach `{asked}`, and its network has no way out: {hint}"
            )));
        }
    }

    /// Gives a container the answer to one of its questions.
    fn give(&self, answer: &Answered) {
        let joined = self.guests.iter().filter_map(|guest| guest.joined.as_ref());
        let to = joined.into_iter().find(|joined| joined.member.id == answer.by.container);
        if let Some(questions) = to.and_then(|joined| joined.questions.as_ref()) {
            let _ = questions.send_to(&answer.bytes, answer.by.from);
        }
    }
}

fn not_joined() -> Error {
    Error::Refused("the container is in no network".to_owned())
}
