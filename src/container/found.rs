//! What the processes of a container have told, and what it comes to at the end.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use nix::errno::Errno;

use super::error::{Error, Failure};
use super::heard::Exit;
use super::leave;

/// What was told.
#[derive(Default)]
pub(super) struct Found {
    /// What is being executed, and what it would mean that it is not found.
    pub(crate) executing: Option<(PathBuf, String)>,
    pub(crate) not_executed: Option<Errno>,
    pub(crate) failure: Option<Failure>,
    /// As waitpid(2) writes it.
    pub(crate) status: Option<i32>,
}

impl Found {
    /// Whether it is known that there is a process which becomes the command, or why there is none.
    pub(crate) fn is_decided(&self, first: Option<&OwnedFd>) -> bool {
        first.is_some() || self.failure.is_some()
    }

    /// How it ended.
    pub(crate) fn conclude(self, was_killed: bool) -> Result<Exit, Error> {
        if let (Some((program, missing)), Some(errno)) = (self.executing, self.not_executed) {
            return Err(Error::Setup(leave::not_executed(&program, errno, &missing)));
        }
        if let Some(failure) = self.failure {
            return Err(Error::Setup(failure));
        }
        match self.status {
            Some(status) if libc::WIFSIGNALED(status) => Ok(Exit::Signal(libc::WTERMSIG(status))),
            Some(status) => Ok(Exit::Code(libc::WEXITSTATUS(status))),
            // Killed by us before there was anybody to tell a status.
            None if was_killed => Ok(Exit::Signal(libc::SIGKILL)),
            None => Err(Error::Within("ended without a status".to_owned())),
        }
    }
}
