//! Sockets in the network of a container that runs.
//!
//! A socket belongs to the network namespace of the process that made it, also when another process uses it. So a helper joins the
//! container's namespaces of users and networks, and nothing else; it makes sockets whenever it is asked, and passes them out. What is
//! connected with one leads into the container. See setns(2) and unix(7), SCM_RIGHTS.
//!
//! Sockets for connections come several at a time: who makes many would wait for the helper each time.

use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::unistd::{ForkResult, Pid, fork};
use serde::{Deserialize, Serialize};

use super::control::Control;
use super::error::Error;
use super::identity::Identity;
use super::processes::{self, close_all_but};
use crate::link::{Heard, Link, MOST_DESCRIPTORS};

/// What the helper is asked for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Kind {
    Tcp,
    Udp,
}

/// How many sockets for connections are made at once.
const BATCH: usize = MOST_DESCRIPTORS;

/// What the helper answers: descriptors come with `Made`.
#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    Made,
    Refused(i32),
}

/// A helper in a container's network. Dropped, it ends.
pub(crate) struct Sockets {
    /// A question and its answer at a time.
    link: Mutex<Option<Link>>,
    /// Sockets for connections that nobody has taken yet.
    spare: Mutex<Vec<OwnedFd>>,
    helper: Pid,
}

impl Sockets {
    /// Starts the helper. It ends with the calling thread at the latest.
    ///
    /// # Errors
    /// The container does not run, or no process can be made.
    pub(crate) fn of(container: &Control, identity: &Identity) -> Result<Sockets, Error> {
        let first = container.first().ok_or(Error::NotStarted)?;
        let (ours, theirs) = Link::pair().map_err(Error::call("socketpair"))?;
        let mut flags = CloneFlags::CLONE_NEWNET;
        if identity.in_user_namespace() {
            flags |= CloneFlags::CLONE_NEWUSER;
        }
        // SAFETY: fork(2): the child makes system calls and allocates, and never returns.
        match unsafe { fork() }.map_err(Error::call("fork"))? {
            ForkResult::Parent { child } => {
                Ok(Sockets { link: Mutex::new(Some(ours)), spare: Mutex::default(), helper: child })
            }
            ForkResult::Child => {
                let _ = serve(first, flags, &theirs);
                // SAFETY: _exit(2) ends this process without the exit handlers of the one it was forked from.
                unsafe { libc::_exit(0) }
            }
        }
    }

    /// A new socket there.
    ///
    /// # Errors
    /// What the kernel says; ESRCH where the container has ended.
    pub(crate) fn make(&self, kind: Kind) -> Result<OwnedFd, Errno> {
        match kind {
            Kind::Udp => self.ask(kind)?.pop().ok_or(Errno::EBADF),
            Kind::Tcp => {
                let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
                if spare.is_empty() {
                    *spare = self.ask(kind)?;
                }
                spare.pop().ok_or(Errno::EBADF)
            }
        }
    }

    fn ask(&self, kind: Kind) -> Result<Vec<OwnedFd>, Errno> {
        let link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        let link = link.as_ref().ok_or(Errno::ESRCH)?;
        link.say(&kind);
        match link.hear::<Answer>() {
            Heard::Message(Answer::Made, descriptors) => Ok(descriptors),
            Heard::Message(Answer::Refused(number), _) => Err(Errno::from_raw(number)),
            Heard::Nothing | Heard::End => Err(Errno::ESRCH),
        }
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        // It ends when it sees that the link is closed.
        drop(self.link.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        let _ = processes::wait(self.helper);
    }
}

/// Is the helper.
fn serve(first: &OwnedFd, flags: CloneFlags, link: &Link) -> Result<(), Errno> {
    processes::end_with_parent().map_err(|_| Errno::EPERM)?;
    close_all_but(vec![first.as_raw_fd(), link.as_fd().as_raw_fd()])?;
    setns(first, flags)?;
    while let Heard::Message(kind, _) = link.hear::<Kind>() {
        let (kind, count) = match kind {
            Kind::Tcp => (SockType::Stream, BATCH),
            Kind::Udp => (SockType::Datagram, 1),
        };
        let make = || socket(AddressFamily::Inet, kind, SockFlag::SOCK_CLOEXEC, None);
        match make() {
            Ok(first) => {
                let more = (1..count).map_while(|_| make().ok());
                let all: Vec<OwnedFd> = std::iter::once(first).chain(more).collect();
                link.say_with_all(&Answer::Made, &all.iter().map(|one| one.as_fd()).collect::<Vec<_>>())
            }
            Err(errno) => link.say(&Answer::Refused(errno as i32)),
        };
    }
    Ok(())
}
