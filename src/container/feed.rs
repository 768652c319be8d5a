//! What somebody writes, on its way to a program that may not read it yet.
//!
//! A pipe has room for 64 KiB. Whoever waited for more room could not hear meanwhile that the program has ended, and a program that waits
//! until somebody reads what *it* writes would never read: so nothing is waited for, and no more is taken until what was taken is gone.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::PollFlags;

use super::error::Error;

/// The writing end of a pipe, and what it has no room for yet.
pub(crate) struct Feed {
    to: OwnedFd,
    pending: Vec<u8>,
}

impl Feed {
    /// Takes the end over.
    ///
    /// # Errors
    /// As fcntl(2).
    pub(crate) fn new(to: OwnedFd) -> Result<Feed, Error> {
        fcntl(&to, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(Error::call("fcntl"))?;
        Ok(Feed { to, pending: Vec::new() })
    }

    /// What is waited for: something new from there, or room for what was taken before.
    pub(crate) fn awaited<'a>(&'a self, from: BorrowedFd<'a>) -> (BorrowedFd<'a>, PollFlags) {
        if self.is_full() { (self.to.as_fd(), PollFlags::POLLOUT) } else { (from, PollFlags::POLLIN) }
    }

    /// Whether nothing more is to be taken.
    pub(crate) fn is_full(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Copies what can be copied. Says whether it goes on.
    pub(crate) fn copy(&mut self, from: BorrowedFd<'_>) -> bool {
        if self.is_full() {
            return self.write();
        }
        let mut buffer = [0; 16 << 10];
        match nix::unistd::read(from, &mut buffer) {
            Ok(0) => false,
            Ok(count) => self.add(&buffer[..count]),
            Err(errno) => matches!(errno, Errno::EINTR | Errno::EAGAIN),
        }
    }

    /// Adds something, and writes what there is room for. Says whether somebody still reads.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> bool {
        self.pending.extend_from_slice(bytes);
        self.write()
    }

    /// Writes what there is room for. Says whether somebody still reads.
    pub(crate) fn write(&mut self) -> bool {
        while !self.pending.is_empty() {
            match nix::unistd::write(&self.to, &self.pending) {
                Ok(count) => drop(self.pending.drain(..count)),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return true,
                Err(_) => return false,
            }
        }
        true
    }
}
