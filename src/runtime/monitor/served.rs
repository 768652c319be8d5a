//! One who is connected to a monitor, and what it may ask for.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::hub::Hub;
use super::standing::Standing;
use super::talk::{Ask, Tell};
use crate::container;
use crate::container::{Control, Entrance, Resources};
use crate::link::{Heard as Incoming, Link};
use crate::runtime::{Error, exec};

/// One who is connected, and what it may ask for.
#[derive(Clone)]
pub(super) struct Served {
    pub(super) hub: Arc<Hub>,
    pub(super) link: Arc<Link>,
    pub(super) control: Control,
    pub(super) presses: Arc<OwnedFd>,
    pub(super) standing: Arc<Standing>,
    pub(super) entrance: Arc<Entrance>,
}

impl Served {
    /// Does what it asks, until it goes.
    pub(super) fn serve(&self) {
        let mut holds = 0;
        while let Incoming::Message(ask, descriptors) = self.link.hear::<Ask>() {
            match ask {
                Ask::Hold => {
                    let held = self.standing.hold(&self.control);
                    holds += usize::from(held.is_ok());
                    self.answer(held);
                }
                ask => self.carry_out(ask, descriptors),
            }
        }
        (0..holds).for_each(|_| self.standing.release(&self.control));
        self.hub.disconnect(&self.link);
    }

    /// Does one thing that it asks.
    pub(super) fn carry_out(&self, ask: Ask, descriptors: Vec<OwnedFd>) {
        let answer = match ask {
            Ask::Attach { reads } => {
                if let Ok(streams) = <[OwnedFd; 3]>::try_from(descriptors) {
                    self.hub.attach(&self.link, streams, reads);
                }
                return;
            }
            Ask::Press(number) => {
                if i32::from(number) == libc::SIGCONT && self.standing.while_not_held(|| ()).is_none() {
                    return;
                }
                let _ = rustix::io::write(&*self.presses, &[number]);
                return;
            }
            Ask::Resize { rows, columns } => {
                let _ = self.control.resize(rows, columns);
                return;
            }
            // The one is said once, the other is part of being served.
            Ask::Begin | Ask::Hold => return,
            Ask::First => {
                match self.control.first() {
                    Some(first) => self.link.say_with(&Tell::Done, first),
                    None => self.link.say(&Tell::Refused("it does not run yet".to_owned())),
                };
                return;
            }
            Ask::Exec { window } => return self.make_process(descriptors, window),
            Ask::Signal(number) => {
                if number == libc::SIGKILL {
                    // Nobody who reads nothing keeps it from ending.
                    self.hub.let_go();
                }
                self.standing.tell("kill", &[("signal", number.to_string())]);
                self.signal(number)
            }
            Ask::Pause => self.standing.pause(&self.control).inspect(|()| self.standing.tell("pause", &[])),
            Ask::Resume => self.standing.resume(&self.control).inspect(|()| self.standing.tell("unpause", &[])),
            Ask::Limit(resources) => self.limit(&resources),
            Ask::Finish => {
                self.standing.finish();
                // Nobody who reads nothing keeps it from ending.
                self.hub.let_go();
                if self.control.first().is_none() {
                    // It was about to start again.
                    self.control.kill();
                }
                Ok(())
            }
        };
        self.answer(answer);
    }

    /// Sends a signal, but none that would let one go on whose files are being read.
    fn signal(&self, number: i32) -> Result<(), Error> {
        let send = || self.control.signal(number);
        let sent = if number == libc::SIGCONT { self.standing.while_not_held(send) } else { Some(send()) };
        Ok(sent.unwrap_or(Ok(()))?)
    }

    fn limit(&self, resources: &Resources) -> Result<(), Error> {
        let name = container::group_name(self.standing.id());
        let limit = || self.control.limit(resources, &name);
        let limited = if self.control.has_groups() { Some(limit()) } else { self.standing.while_it_runs(limit) };
        Ok(limited.ok_or_else(|| Error::Refused("the container is paused".to_owned()))??)
    }

    fn answer(&self, answer: Result<(), Error>) {
        self.link.say(&match answer {
            Ok(()) => Tell::Done,
            Err(error) => Tell::Refused(error.to_string()),
        });
    }

    /// Makes a further process, and waits for its end: whoever asks for one asks for nothing more.
    fn make_process(&self, descriptors: Vec<OwnedFd>, window: Option<(u16, u16)>) {
        let wanted = match exec::wanted(descriptors, window) {
            Ok(wanted) => wanted,
            Err(error) => {
                self.link.say(&Tell::Refused(error.to_string()));
                return;
            }
        };
        // Nobody may pause it while there comes something new that is not paused.
        let made = self.standing.while_it_runs(|| container::join(&self.entrance, &self.control, wanted));
        match made {
            Some(Ok(joiner)) => {
                self.link.say(&Tell::Done);
                joiner.wait();
            }
            Some(Err(error)) => drop(self.link.say(&Tell::Refused(error.to_string()))),
            None => drop(self.link.say(&Tell::Refused("the container is paused".to_owned()))),
        }
    }
}
