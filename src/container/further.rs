//! Our side of a further process in a container: its streams, its terminal, its end.
//!
//! The process gets pipes and never what we have ourselves: with the descriptor of a terminal it could type there, and that of a file leads
//! back to the file. [`Further::seat`] makes both sides; [`join`](super::join()) is given the other one, by way of the container's monitor.

use std::os::fd::OwnedFd;

use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use super::channel::Order;
use super::console::{Far, standard_streams, window_size, write_all};
use super::control::Control;
use super::error::Error;
use super::feed::Feed;
use super::heard::{Exit, Heard, Stream};
use super::keys::DetachKeys;
use super::process::Terminal;
use super::relay::{Inlets, Relay};
use super::signals::Caught;
use super::wishes::Wishes;
use crate::link::Link;

/// A further process, seen by the one who wants it.
pub(crate) struct Further {
    relay: Relay,
    control: Control,
}

/// What of our streams a further process is connected to.
#[derive(Clone, Debug)]
pub(crate) enum Connected {
    /// None.
    Not,
    /// What it writes comes to us, and our signals go to it.
    Output,
    /// What it writes is heard, and nothing of ours is touched.
    Captured,
    /// That, and what we read goes to it. The keys leave its terminal.
    All(DetachKeys),
}

/// In so many turns is read what a process has left in its pipes. One of its children may go on to write for ever.
const LAST_TURNS: u32 = 8;

/// How one parts from a further process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    Ended(Exit),
    /// By the keys: it goes on.
    Detached,
    /// Nobody reads our standard output any more.
    Broken,
}

impl Further {
    /// Our side, and what the one who makes the process is to be given: a link, the pipe for an errno, and three streams.
    ///
    /// # Errors
    /// A descriptor can't be made; our signals are another one's.
    pub(crate) fn seat(terminal: Terminal, connected: Connected) -> Result<(Further, [OwnedFd; 5]), Error> {
        let pipe = || pipe2(OFlag::O_CLOEXEC).map_err(Error::call("pipe2"));
        let (link, their_link) = Link::pair().map_err(Error::call("socketpair"))?;
        let (errno, their_errno) = pipe()?;
        let null = || std::fs::File::options().read(true).write(true).open("/dev/null").map(OwnedFd::from);
        let null = || null().map_err(Error::descriptor);
        let mut inlets = Inlets {
            link,
            errno,
            outputs: Vec::new(),
            far: Far::Caller { input: None },
            feed: None,
            keys: None,
            caught: None,
            wishes: Wishes::passed_on(),
        };
        let streams = match (terminal, connected) {
            (_, Connected::Not) => [null()?, null()?, null()?],
            (Terminal::Yes, Connected::Output | Connected::Captured) => {
                inlets.far = Far::Watched;
                inlets.caught = Some(Caught::begin()?);
                [null()?, null()?, null()?]
            }
            (Terminal::Yes, Connected::All(keys)) => {
                (inlets.far, inlets.keys) = (Far::Ours, Some(keys));
                inlets.caught = Some(Caught::begin()?);
                [null()?, null()?, null()?]
            }
            (Terminal::No, connected) => {
                if !matches!(connected, Connected::Captured) {
                    inlets.caught = Some(Caught::begin()?);
                }
                let input = match connected {
                    Connected::All(_) => {
                        let (input, to_input) = pipe()?;
                        inlets.feed = Some(Feed::new(to_input)?);
                        input
                    }
                    Connected::Output | Connected::Captured | Connected::Not => null()?,
                };
                let ((output, their_output), (errors, their_errors)) = (pipe()?, pipe()?);
                inlets.outputs = vec![(Stream::Stdout, output), (Stream::Stderr, errors)];
                [input, their_output, their_errors]
            }
        };
        // It waits for nothing: it is wanted now.
        inlets.link.say(&Order::Start);
        let further = Further { relay: Relay::new(inlets), control: Control::new(None, Vec::new()) };
        let [input, output, errors] = streams;
        Ok((further, [their_link.into(), their_errno, input, output, errors]))
    }

    /// The size that its terminal begins with, where it is connected to ours.
    pub(crate) fn window() -> Option<(u16, u16)> {
        window_size().map(|size| (size.ws_row, size.ws_col))
    }

    /// Waits until the command is executed, and leaves it.
    ///
    /// # Errors
    /// It can't be executed.
    pub(crate) fn leave_when_started(mut self) -> Result<(), Error> {
        self.relay.until_started(&self.control)?;
        self.relay.leave(&self.control);
        Ok(())
    }

    /// Ends it as soon as this descriptor can be read.
    pub(crate) fn kill_when(&mut self, readable: OwnedFd) {
        self.relay.kill_when(readable);
    }

    /// Waits for the end, and hears what it writes.
    ///
    /// # Errors
    /// It can't be executed.
    pub(crate) fn capture(mut self, listen: &mut dyn FnMut(&[u8])) -> Result<Exit, Error> {
        let mut listen = |heard: Heard<'_>| {
            if let Heard::Output(_, bytes) = heard {
                listen(bytes);
            }
        };
        let mut turns = 0;
        loop {
            if let Some(exit) = self.relay.turn(&self.control, &mut listen)? {
                return Ok(exit);
            }
            turns += u32::from(self.relay.is_over());
            if turns == LAST_TURNS {
                self.relay.outputs.clear();
            }
        }
    }

    /// Waits for the end. What it writes goes to our standard streams.
    ///
    /// # Errors
    /// It can't be executed.
    pub(crate) fn wait(mut self) -> Result<Left, Error> {
        loop {
            let mut is_broken = false;
            let mut listen = |heard: Heard<'_>| {
                let [_, output, errors] = standard_streams();
                match heard {
                    Heard::OutOfMemory => {}
                    Heard::Output(Stream::Stdout, bytes) => is_broken |= !write_all(output, bytes),
                    // Nobody is left to be told.
                    Heard::Output(Stream::Stderr, bytes) => drop(write_all(errors, bytes)),
                    Heard::Started | Heard::Shown(_) | Heard::Notice(_) | Heard::Untidy(_) => {}
                }
            };
            match self.relay.turn(&self.control, &mut listen) {
                Ok(Some(exit)) => return Ok(Left::Ended(exit)),
                Ok(None) if self.relay.is_left => return Ok(Left::Detached),
                // Its pipes and its terminal end with us, and it hears of that when it writes.
                Ok(None) if self.relay.is_broken || is_broken => return Ok(Left::Broken),
                Ok(None) => {}
                // Whoever watched over it was killed, and the container with that.
                Err(Error::Within(_)) if self.control.first().is_some() => {
                    return Ok(Left::Ended(Exit::Signal(libc::SIGKILL)));
                }
                Err(error) => return Err(error),
            }
        }
    }
}
