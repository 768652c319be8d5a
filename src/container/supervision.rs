//! The way to the process that answers for users and owners, for those who come into a container, and for the one who ends it.
//!
//! What it answers is the matter of [`super::emulation`].

use std::os::fd::OwnedFd;

use nix::unistd::Pid;

use super::error::{Cause, Failure};
use super::processes::{self, pidfd};
use crate::link::Link;

/// The way to a container's supervisor.
pub(super) struct Supervision {
    link: Link,
    /// Its process, for whoever ends the container with it.
    process: Option<OwnedFd>,
}

impl Supervision {
    pub(super) fn of(link: Link, process: OwnedFd) -> Supervision {
        Supervision { link, process: Some(process) }
    }

    /// The way of a process that comes later, by the link of whoever watches over the container.
    pub(crate) fn by(link: Link) -> Supervision {
        Supervision { link, process: None }
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    /// Waits for the end of the container's first process.
    ///
    /// # Errors
    /// The supervisor has ended before it: then the container is to end, as its calls would fail in ways that no program expects.
    pub(crate) fn wait(&self, child: Pid) -> Result<i32, Failure> {
        let Some(supervisor) = &self.process else {
            return processes::wait(child).map_err(|errno| Failure::call("waitpid", errno));
        };
        let first = pidfd(child).map_err(|errno| Failure::call("pidfd_open", errno))?;
        processes::wait_for_one(&first, supervisor).map_err(|errno| Failure::call("poll", errno))?;
        if processes::is_ending(&first) {
            return processes::wait(child).map_err(|errno| Failure::call("waitpid", errno));
        }
        let message = "the process that answers for users and owners was killed, and the container with it";
        Err(Failure::of(Cause::Refused, message.to_owned()))
    }
}
