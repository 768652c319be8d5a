//! A place in networks, as the container's side has it: a link to the keeper of the networks, for as long as it is there.
//!
//! ```text
//! Membership ──▶ link: the place is given up when its last descriptor is closed, or before by `end`
//!            └─▶ Notices: what the keeper has to say; when it was killed, `rejoin` gets the same place from the next one
//! ```
//!
//! Only a container that has a monitor comes again: nobody has a thread for the link of a RUN. That has no network from then on.

use std::fs::File;
use std::net::IpAddr;
use std::os::fd::{AsFd as _, AsRawFd as _, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;

use super::talk::{Ask, Tell};
use super::{document, reach};
use crate::link::{Heard, Link};
use crate::runtime::Error;
use crate::world::World;

/// A place in networks.
#[derive(Debug)]
pub(super) struct Membership {
    seat: Arc<Seat>,
    /// Where the container's first process says that it is ready.
    plug: Link,
}

/// What those who listen have, too.
#[derive(Debug)]
struct Seat {
    /// The id of the container.
    container: String,
    servers: Vec<IpAddr>,
    /// `None`: it was given up.
    link: Mutex<Option<Link>>,
}

/// What the keeper of the networks has to say of a container.
pub(in crate::runtime) struct Notices {
    seat: Arc<Seat>,
    /// Another descriptor of its link.
    link: Link,
}

impl Membership {
    pub(super) fn new(container: String, servers: Vec<IpAddr>, link: Link, plug: Link) -> Membership {
        Membership { seat: Arc::new(Seat { container, servers, link: Mutex::new(Some(link)) }), plug }
    }

    pub(super) fn plug(&self) -> &Link {
        &self.plug
    }

    /// What has to stay open for it to last.
    pub(super) fn descriptors(&self) -> Vec<RawFd> {
        let link = self.seat.link();
        let links = link.iter().chain([&self.plug]);
        links.map(|link| link.as_fd().as_raw_fd()).collect()
    }

    /// Gives it up, whoever else has a descriptor of the link.
    pub(super) fn end(&self) {
        if let Some(link) = self.seat.link().take() {
            link.shut_down();
        }
    }

    pub(super) fn notices_now(&self) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(Heard::Message(tell, _)) = self.seat.link().as_ref().map(|link| link.hear_now::<Tell>()) {
            if let Tell::Notice(text) = tell {
                all.push(text);
            }
        }
        all
    }

    pub(super) fn listener(&self) -> Option<Notices> {
        let link = self.seat.link().as_ref()?.duplicate().ok()?;
        Some(Notices { seat: self.seat.clone(), link })
    }
}

impl Seat {
    fn link(&self) -> MutexGuard<'_, Option<Link>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notices {
    /// The next one; `None` when there will be none any more: the place was given up, or the keeper has ended.
    pub(in crate::runtime) fn next(&self) -> Option<String> {
        loop {
            match self.link.hear::<Tell>() {
                Heard::Message(Tell::Notice(text), _) => return Some(text),
                Heard::Message(..) | Heard::Nothing => {}
                Heard::End => return None,
            }
        }
    }

    /// Whether somebody still wants the place.
    pub(in crate::runtime) fn is_wanted(&self) -> bool {
        self.seat.link().is_some()
    }

    /// Has the container of this network namespace connected again, because the keeper was killed. Says whether somebody still wants that.
    ///
    /// # Errors
    /// What the next keeper says; or it can't be started.
    pub(in crate::runtime) fn rejoin(&mut self, world: &Arc<World>, network: &File) -> Result<bool, Error> {
        let question = Ask::Rejoin { container: self.seat.container.clone(), servers: self.seat.servers.clone() };
        let _using = document::using(world)?;
        let network = network.as_fd().try_clone_to_owned().map_err(Error::io("duplicate", "/proc/self/ns/net"))?;
        let (link, answer) = reach::enter(world, question, network)?.answer()?;
        let Tell::Done = answer else { return Err(reach::unexpected(&answer)) };
        self.link = link.duplicate().map_err(|errno: Errno| Error::Call { call: "dup", errno })?;
        let mut place = self.seat.link();
        let is_wanted = place.is_some();
        if is_wanted {
            *place = Some(link);
        }
        Ok(is_wanted)
    }
}
