//! A container that was started: what is known of it, and how it is waited for.

use std::marker::PhantomData;
use std::os::fd::OwnedFd;

use nix::unistd::Pid;

use super::channel::Order;
use super::control::Control;
use super::error::Error;
use super::heard::{Exit, Heard};
use super::outside::Outside;
use super::processes;
use super::relay::Relay;

/// A container that is being set up, waits to be started, runs, or has ended and was not waited for yet.
///
/// It ends with the thread that [spawned](super::spawn()) it, so it can't go to another one; its [`Control`] can. Dropped before
/// it was waited for, it is killed, and what could not be taken away is not told.
pub struct Running {
    pub(super) relay: Relay,
    pub(super) control: Control,
    pub(super) keeper: Keeper,
    pub(super) outside: Outside,
    /// Not `Send`: see above.
    pub(super) thread: PhantomData<*const ()>,
}

impl Running {
    /// A hold on it for other threads.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Ends it as soon as this descriptor can be read.
    pub fn kill_when(&mut self, readable: OwnedFd) {
        self.relay.kill_when(readable);
    }

    /// Passes on the signals that are written to the other end of this pipe, a byte each, as it does with those that our own process
    /// gets where it has the container in the foreground.
    pub(crate) fn pass_on_from(&mut self, readable: OwnedFd) {
        self.relay.pass_on_from(readable);
    }

    /// Waits until everything is set up and only the command is missing.
    ///
    /// # Errors
    /// An operation was refused, and nothing is left of the container.
    pub fn until_ready(&mut self) -> Result<(), Error> {
        self.relay.until_ready(&self.control)
    }

    /// Has the command executed, now or as soon as all is set up.
    pub fn start(&self) {
        self.relay.order(&Order::Start);
    }

    /// Waits for the end, and tells what is heard until then.
    ///
    /// When it returns, no process and no mount of the container is left, and the mount points that only the set-up needed are
    /// gone from the upper directory. Somebody has to [start](Running::start) it.
    ///
    /// # Errors
    /// An operation was refused, or the command could not be executed; [`Error::status`] is the exit status that Docker gives
    /// for it.
    pub fn wait(mut self, listen: &mut dyn FnMut(Heard<'_>)) -> Result<Exit, Error> {
        let ended = self.relay.until_the_end(&self.control, listen);
        if !self.relay.is_over() {
            self.control.abandon();
        }
        self.keeper.wait()?;
        if self.control.ran_out_of_memory() {
            listen(Heard::OutOfMemory);
        }
        for failure in self.outside.tidy() {
            listen(Heard::Untidy(&failure));
        }
        if let Err(failure) = self.control.remove_late_groups() {
            listen(Heard::Untidy(&failure));
        }
        ended
    }
}

/// The keeper's process. Dropped before it was waited for, as when a callback panics, it is killed, and the container with it.
pub(super) struct Keeper {
    pub(crate) process: Option<Pid>,
    pub(crate) control: Control,
}

impl Keeper {
    fn wait(&mut self) -> Result<(), Error> {
        match self.process.take() {
            Some(process) => processes::wait(process).map(drop).map_err(Error::call("waitpid")),
            None => Ok(()),
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.control.abandon();
            // Nobody is left to be told.
            let _ = self.wait();
        }
    }
}
