//! The keeper of the networks: one process for all networks of a home, for as long as somebody uses one.
//!
//! ```text
//! Join, over a link that stays ──▶ a place in each network, see `places` ──▶ questions for names are answered
//! the link is closed ──▶ the member has gone; with the last of a network that network goes, and with the last of all this process
//! ```
//!
//! It has one thread, and waits for everything at once. What comes from containers are questions for names, and nothing else. It is started
//! by whoever needs it first and belongs to nobody. When it is killed, the kernel takes an ordinary user's networks away with it, and the
//! next one removes what root's has left on the machine. The monitors of the containers that run see that, start the next one, and have their
//! containers connected again.

use std::os::fd::{AsFd as _, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::guest::Guest;
use super::lookup::{Answered, Asker, LONGEST, Lookups};
use super::mark::Mark;
use super::names::{self, Outcome, Unknown};
use super::places::Places;
use super::talk::{Ask, Tell};
use super::way::Way;
use crate::diagnostic::Explained as _;
use crate::link::{Heard, Link, Listener};
use crate::world::World;

/// So long nobody may use a network before all goes: from one short container to the next nothing is made anew.
const LINGER: Duration = Duration::from_secs(2);

/// So long one may take nothing of what is said to it: then it is not waited for any more.
const HURRY: Duration = Duration::from_secs(1);

/// All that it keeps.
pub(super) struct Switch {
    listener: Listener,
    places: Places,
    lookups: Lookups,
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
    pub(super) fn new(world: Arc<World>, listener: Listener, mark: Mark) -> Switch {
        Switch { listener, places: Places::new(world, mark), lookups: Lookups::default() }
    }

    /// Keeps the networks until nobody uses one for a while.
    pub(super) fn keep(mut self) {
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
            if !self.places.guests.is_empty() {
                unused_since = Instant::now();
            } else if unused_since.elapsed() >= LINGER {
                return self.places.end();
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
        for (index, guest) in self.places.guests.iter().enumerate() {
            add(Source::Guest(index), guest.link.as_fd());
            let Some(joined) = &guest.joined else { continue };
            if let Some(plug) = &joined.plug {
                add(Source::Plug(index), plug.as_fd());
            }
            if let Some(questions) = &joined.questions {
                add(Source::Questions(index), questions.as_fd());
            }
        }
        let patience = match (self.places.guests.is_empty(), self.lookups.until()) {
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
            Source::Listener => match self.listener.accept() {
                Ok(link) => {
                    // Without it, it would be waited for.
                    if link.set_patience(HURRY).is_ok() {
                        self.places.guests.push(Guest { link, joined: None });
                    }
                }
                // Out of descriptors, most likely: members will go.
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            },
            Source::Guest(index) => match self.places.guests[index].link.hear_now::<Ask>() {
                Heard::Message(ask, descriptors) => {
                    let answers = self.answer(index, ask, descriptors);
                    if !answers.iter().all(|answer| self.places.guests[index].link.say(answer)) {
                        self.part(index);
                    }
                }
                Heard::Nothing => {}
                Heard::End => self.part(index),
            },
            Source::Plug(index) => self.places.plug(index),
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

    fn answer(&mut self, index: usize, ask: Ask, descriptors: Vec<OwnedFd>) -> Vec<Tell> {
        let answered = match ask {
            Ask::Join { container, attachments, servers } => {
                let plug = descriptors.into_iter().next().map(Link::from);
                self.places.join(index, container, &attachments, servers, plug)
            }
            Ask::Rejoin { container, servers } => {
                self.places.rejoin(index, &container, servers, descriptors.into_iter().next())
            }
            Ask::Connect { container, attachment } => self.places.connect(&container, &attachment),
            Ask::Disconnect { container, network } => self.places.disconnect(&container, &network),
            Ask::Share { container } => self.places.share(&container),
            Ask::Rename { container, name } => self.places.rename(&container, &name),
            Ask::Members => {
                let members = self.places.members().map(|(member, wire)| Tell::Member(member, wire));
                return members.chain([Tell::Done]).collect();
            }
        };
        vec![answered.unwrap_or_else(|error| Tell::Refused { message: error.to_string(), hint: error.hint() })]
    }

    fn part(&mut self, index: usize) {
        if let Some(member) = self.places.part(index) {
            self.lookups.forget(&member.id);
        }
    }
}

/// Questions for names.
impl Switch {
    fn question(&mut self, index: usize) {
        let Some(joined) = &self.places.guests[index].joined else { return };
        let Some(questions) = &joined.questions else { return };
        let mut bytes = vec![0; LONGEST];
        let Ok((length, from)) = questions.recv_from(&mut bytes) else { return };
        bytes.truncate(length);
        let asked = match names::consider(&bytes, &self.places.seen_by(joined)) {
            Outcome::Answer(answer) => return drop(questions.send_to(&answer, from)),
            Outcome::Ignore => return,
            Outcome::Ask(name) => name,
        };
        let segments = &self.places.segments;
        let is_cut_off = joined.ends.iter().all(|end| matches!(segments[&end.wire.network].way, Way::None(_)));
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
        let guest = &mut self.places.guests[index];
        let Some(joined) = &mut guest.joined else { return };
        let ways = joined.ends.iter().filter_map(|end| self.places.segments.get(&end.wire.network));
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
        let to = self.places.joined().find(|joined| joined.member.id == answer.by.container);
        if let Some(questions) = to.and_then(|joined| joined.questions.as_ref()) {
            let _ = questions.send_to(&answer.bytes, answer.by.from);
        }
    }
}
