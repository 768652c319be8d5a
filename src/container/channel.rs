//! What the processes of a container and we tell each other, and over what.
//!
//! ```text
//! IdsWanted ──▶   the keeper is in its user namespace, which has no ids yet
//!           ◀── IdsMapped
//! Terminal  ──▶   the master of the terminal that was made inside
//! Ready     ──▶   everything is set up, and only the command is missing
//!           ◀── Start
//! First     ──▶   the first process becomes the command now: a pidfd of it, and what is executed, in case that it can't be
//! Failed    ──▶   an operation was refused, and nothing comes of the container
//! Untidy    ──▶   something could not be taken away again
//! Ended     ──▶   how the command ended, when nothing of the container is left
//! ```
//!
//! A message is one packet, with the descriptor that belongs to it: unix(7), SOCK_SEQPACKET and SCM_RIGHTS. The one thing that is
//! no message is the errno of the [`trampoline`](super::trampoline), which is a program too small for that.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recv, recvmsg, sendmsg,
    socketpair,
};
use rustix::termios::Winsize;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::{Error, Failure};

/// What we are told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Word {
    IdsWanted,
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

/// What we tell.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    IdsMapped,
    Start,
}

/// One end of the connection. No executed program inherits it.
#[derive(Debug)]
pub(super) struct Link(OwnedFd);

/// What comes out of a link.
pub(super) enum Heard<M> {
    /// A message, and the descriptor that came with it.
    Message(M, Option<OwnedFd>),
    /// Nothing yet; only where it was not waited for.
    Nothing,
    /// The other end is closed, or speaks another language.
    End,
}

/// No message is longer: a failure names two paths at most, and quotes the kernel.
const LONGEST: usize = 64 << 10;

impl Link {
    /// Two ends of one connection.
    pub(crate) fn pair() -> Result<(Link, Link), Error> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let (one, other) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags).map_err(Error::call("socketpair"))?;
        Ok((Link(one), Link(other)))
    }

    /// Sends a message. Says whether it was taken: nobody can be told where the other end is closed.
    pub(crate) fn say(&self, message: &impl Serialize) -> bool {
        self.send(message, &[])
    }

    /// Sends a message with a descriptor.
    pub(crate) fn say_with(&self, message: &impl Serialize, descriptor: &impl AsFd) -> bool {
        self.send(message, &[descriptor.as_fd().as_raw_fd()])
    }

    /// Waits for the next message.
    pub(crate) fn hear<M: DeserializeOwned>(&self) -> Heard<M> {
        self.receive(MsgFlags::empty())
    }

    /// Takes the next message, if it is there already.
    pub(crate) fn hear_now<M: DeserializeOwned>(&self) -> Heard<M> {
        self.receive(MsgFlags::MSG_DONTWAIT)
    }

    /// MSG_NOSIGNAL: a reader that went away is an answer, not the end of this process.
    fn send(&self, message: &impl Serialize, descriptors: &[RawFd]) -> bool {
        let text = serde_json::to_vec(message).unwrap_or_default();
        let rights = [ControlMessage::ScmRights(descriptors)];
        let rights = if descriptors.is_empty() { &[][..] } else { &rights[..] };
        loop {
            match sendmsg::<()>(self.0.as_raw_fd(), &[IoSlice::new(&text)], rights, MsgFlags::MSG_NOSIGNAL, None) {
                Ok(_) => return true,
                Err(Errno::EINTR) => {}
                Err(_) => return false,
            }
        }
    }

    fn receive<M: DeserializeOwned>(&self, flags: MsgFlags) -> Heard<M> {
        let mut bytes = match self.length_of_next(flags) {
            Ok(0) => return Heard::End,
            Ok(length) => vec![0; length.min(LONGEST)],
            Err(Errno::EAGAIN) => return Heard::Nothing,
            Err(_) => return Heard::End,
        };
        let mut space = nix::cmsg_space!([RawFd; 1]);
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        // It is there, so nothing is waited for, and nothing interrupted.
        let Ok(message) = recvmsg::<()>(self.0.as_raw_fd(), &mut slices, Some(&mut space), flags) else {
            return Heard::End;
        };
        let descriptor = message.cmsgs().ok().into_iter().flatten().find_map(|control| match control {
            // SAFETY: the kernel put this descriptor into our table for us alone.
            ControlMessageOwned::ScmRights(numbers) => {
                numbers.first().map(|number| unsafe { OwnedFd::from_raw_fd(*number) })
            }
            _ => None,
        });
        let count = message.bytes;
        match serde_json::from_slice(&bytes[..count]) {
            Ok(message) => Heard::Message(message, descriptor),
            Err(_) => Heard::End,
        }
    }

    /// How long the next message is; 0 where the other end is closed.
    ///
    /// Room for the longest would have to be cleared for each, and every page of it copied, as a fork has just made them shared: with the
    /// buffers of the outputs a quarter of all page faults of a short RUN.
    fn length_of_next(&self, flags: MsgFlags) -> Result<usize, Errno> {
        loop {
            match recv(self.0.as_raw_fd(), &mut [], flags | MsgFlags::MSG_PEEK | MsgFlags::MSG_TRUNC) {
                // What was said last waits still, when the other end has gone without hearing our order.
                Err(Errno::EINTR | Errno::ECONNRESET) => {}
                answer => return answer,
            }
        }
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The descriptors that the keeper starts with; everything else above 2 is closed.
pub(super) struct Ends {
    /// To us.
    pub(crate) link: Link,
    /// To us: the trampoline's errno. Gone once the command is executed.
    pub(crate) errno: Option<OwnedFd>,
    /// We, as a pidfd: readable when we are gone.
    pub(crate) parent: OwnedFd,
    /// The standard streams: what they become, where they are not ours.
    pub(crate) streams: Option<[OwnedFd; 3]>,
    /// The size that a terminal begins with.
    pub(crate) window: Option<Winsize>,
    /// The system call filter, where the plan has one and this machine's numbers are known.
    pub(crate) filter: Option<Arc<[libc::sock_filter]>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_keep_their_bounds_and_their_descriptors() {
        let (ours, theirs) = Link::pair().expect("a pair");
        assert!(matches!(ours.hear_now::<Word>(), Heard::Nothing));
        assert!(theirs.say(&Word::Ready) && theirs.say_with(&Word::Terminal, &theirs) && theirs.say(&Word::Ended(3)));
        assert!(ours.say(&Order::Start));
        assert!(matches!(ours.hear(), Heard::Message(Word::Ready, None)));
        assert!(matches!(ours.hear(), Heard::Message(Word::Terminal, Some(_))));
        drop(theirs);
        assert!(matches!(ours.hear(), Heard::Message(Word::Ended(3), None)));
        assert!(matches!(ours.hear::<Word>(), Heard::End));
        assert!(!ours.say(&Order::Start));
    }
}
