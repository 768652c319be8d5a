//! What the processes of a container and we tell each other, and over what.
//!
//! ```text
//! IdsWanted ──▶   the keeper is in its user namespace, which has no ids yet
//!           ◀── IdsMapped
//! Supervised ─▶   somebody answers for the kernel, and lets further processes in over the link that comes with it
//! Terminal  ──▶   the master of the terminal that was made inside
//! Ready     ──▶   everything is set up, and only the command is missing; with a pidfd of the first process
//!           ◀── Kept: where a listener is, as soon as the container is written down
//!           ◀── Start: where a listener is, with the pipe for the errno
//! First     ──▶   the first process becomes the command now: a pidfd of it, and what is executed, in case that it can't be
//! Failed    ──▶   an operation was refused, and nothing comes of the container
//! Untidy    ──▶   something could not be taken away again, or had to be done without
//! Ended     ──▶   how the command ended, when nothing of the container is left
//!           ◀── Detach: of a further process, which goes on without us; its terminal comes with it
//! ```
//!
//! The messages go over a [`Link`]. The one thing that is not a message is the errno of the [`trampoline`](super::trampoline), which
//! is a program too small for that.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;

use rustix::termios::Winsize;
use serde::{Deserialize, Serialize};

use super::error::Failure;
use super::supervision::Supervision;
use crate::link::{Link, Listener};

// ANCHOR: words
/// What we are told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Word {
    IdsWanted,
    Supervised,
    Terminal,
    Ready,
    First {
        program: PathBuf,
        /// The hint for a program that is there and is not found.
        missing: String,
    },
    Failed(Failure),
    Untidy(Failure),
    /// As waitpid(2) writes it.
    Ended(i32),
}
// ANCHOR_END: words

/// What we tell.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    IdsMapped,
    /// Of a container that belongs to a manager: it is written down.
    Kept,
    Start,
    /// The terminal comes with it.
    Detach,
}

/// What leads a further process into a container.
pub(super) struct Joins {
    /// The container's first process.
    pub(crate) first: OwnedFd,
    /// To us: a byte as soon as there is a process inside.
    pub(crate) born: OwnedFd,
    /// The lists of processes of its control groups.
    pub(crate) groups: Vec<File>,
}

/// The network of another container, and the user namespace that it belongs to, where that is not ours.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) network: OwnedFd,
    pub(crate) users: Option<OwnedFd>,
}

impl Shared {
    /// Each of them.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        [&self.network].into_iter().chain(&self.users).map(AsRawFd::as_raw_fd)
    }

    /// The same, once more.
    ///
    /// # Errors
    /// As dup(2).
    pub(crate) fn duplicate(&self) -> io::Result<Shared> {
        let users = self.users.as_ref().map(OwnedFd::try_clone).transpose()?;
        Ok(Shared { network: self.network.try_clone()?, users })
    }
}

/// The descriptors that the keeper starts with; everything else above 2 is closed.
pub(super) struct Ends {
    /// To us.
    pub(crate) link: Link,
    /// To us: the trampoline's errno. Gone once the command is executed.
    pub(crate) errno: Option<OwnedFd>,
    /// Where somebody else than who made the container says that it is to start.
    pub(crate) listener: Option<Listener>,
    /// To whoever keeps the networks that the plan has cables into.
    pub(crate) plug: Option<Link>,
    /// The network that the plan enters.
    pub(crate) shared: Option<Shared>,
    /// We, as a pidfd: readable when we are gone.
    pub(crate) parent: OwnedFd,
    /// Of a further process: what it joins.
    pub(crate) joins: Option<Joins>,
    /// The user namespace for file systems in memory, where the plan has made one.
    pub(crate) namespace: Option<&'static OwnedFd>,
    /// To the supervisor, once there is one.
    pub(crate) supervisor: Option<Supervision>,
    /// The standard streams: what they become, where they are not ours.
    pub(crate) streams: Option<[OwnedFd; 3]>,
    /// The size that a terminal begins with.
    pub(crate) window: Option<Winsize>,
    /// The system call filter, where the plan has one and this machine's numbers are known.
    pub(crate) filter: Option<Arc<[libc::sock_filter]>>,
}
