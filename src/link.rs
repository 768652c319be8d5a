//! Typed messages between processes, with descriptors.
//!
//! A message is one packet of JSON, with the descriptors that belong to it: unix(7), SOCK_SEQPACKET and SCM_RIGHTS. The processes of a
//! container and we talk over a pair of connected sockets; a monitor is found by a socket's name in a folder.
//!
//! Left out: who may say what (the messages are the callers'), and versions: both ends are this program.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::{PeerCredentials, SendTimeout};
use nix::sys::socket::{
    AddressFamily, Backlog, ControlMessage, ControlMessageOwned, MsgFlags, Shutdown, SockFlag, SockType, UnixAddr,
    accept4, bind, connect, getsockopt, listen, recv, recvmsg, sendmsg, setsockopt, shutdown, socket, socketpair,
};
use nix::sys::time::{TimeVal, TimeValLike as _};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One end of the connection. No executed program inherits it.
#[derive(Debug)]
pub(crate) struct Link(OwnedFd);

/// What comes out of a link.
pub(crate) enum Heard<M> {
    /// A message, and the descriptors that came with it.
    Message(M, Vec<OwnedFd>),
    /// Nothing yet; only where it was not waited for.
    Nothing,
    /// The other end is closed, or speaks another language.
    End,
}

/// No message is longer: a failure names two paths at most, and quotes the kernel.
const LONGEST: usize = 64 << 10;

/// No message has more descriptors: three standard streams, and what a further process is known by.
pub(crate) const MOST_DESCRIPTORS: usize = 6;

impl From<OwnedFd> for Link {
    /// An end that somebody else has made a pair of.
    fn from(end: OwnedFd) -> Link {
        Link(end)
    }
}

impl From<Link> for OwnedFd {
    fn from(link: Link) -> OwnedFd {
        link.0
    }
}

impl Link {
    /// Two ends of one connection.
    ///
    /// # Errors
    /// As socketpair(2).
    pub(crate) fn pair() -> Result<(Link, Link), Errno> {
        let (one, other) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        Ok((Link(one), Link(other)))
    }

    /// Connects to the socket of that name in a folder.
    ///
    /// # Errors
    /// As connect(2): ECONNREFUSED where nobody listens any more.
    pub(crate) fn connect(folder: &impl AsFd, name: &str) -> Result<Link, Errno> {
        let socket = new_socket()?;
        connect(socket.as_raw_fd(), &address(folder, name)?)?;
        Ok(Link(socket))
    }

    /// The user whose process listens at the other end of [`Link::connect`].
    ///
    /// # Errors
    /// As getsockopt(2).
    pub(crate) fn user(&self) -> Result<u32, Errno> {
        getsockopt(&self.0, PeerCredentials).map(|credentials| credentials.uid())
    }

    /// Another descriptor of the same end.
    ///
    /// # Errors
    /// As dup(2).
    pub(crate) fn duplicate(&self) -> Result<Link, Errno> {
        let duplicate = self.0.try_clone();
        duplicate.map(Link).map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
    }

    /// Sends a message. Says whether it was taken: nobody can be told where the other end is closed, and nothing that is too long.
    pub(crate) fn say(&self, message: &impl Serialize) -> bool {
        self.send(message, &[])
    }

    /// Sends a message with a descriptor.
    pub(crate) fn say_with(&self, message: &impl Serialize, descriptor: &impl AsFd) -> bool {
        self.send(message, &[descriptor.as_fd().as_raw_fd()])
    }

    /// Sends a message with [so many](MOST_DESCRIPTORS) descriptors at most.
    pub(crate) fn say_with_all(&self, message: &impl Serialize, descriptors: &[BorrowedFd<'_>]) -> bool {
        let numbers: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        self.send(message, &numbers)
    }

    /// Waits for the next message.
    pub(crate) fn hear<M: DeserializeOwned>(&self) -> Heard<M> {
        self.receive(MsgFlags::empty())
    }

    /// Waits for the next message, and not for longer than this.
    pub(crate) fn hear_within<M: DeserializeOwned>(&self, patience: Duration) -> Heard<M> {
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], timeout) {
                Ok(0) if left.is_zero() => return Heard::Nothing,
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return self.hear_now(),
                Err(_) => return Heard::End,
            }
        }
    }

    /// Takes the next message, if it is there already.
    pub(crate) fn hear_now<M: DeserializeOwned>(&self) -> Heard<M> {
        self.receive(MsgFlags::MSG_DONTWAIT)
    }

    /// From now on, sending fails where the other end has taken nothing for so long.
    ///
    /// # Errors
    /// As setsockopt(2).
    pub(crate) fn set_patience(&self, patience: Duration) -> Result<(), Errno> {
        setsockopt(&self.0, SendTimeout, &TimeVal::microseconds(patience.as_micros().try_into().unwrap_or(i64::MAX)))
    }

    /// Nothing more is said: whoever waits for a word at the other end hears that it has ended. What is said there is still heard.
    pub(crate) fn stop_saying(&self) {
        // Of one that the other end has left there is nothing to be ended.
        let _ = shutdown(self.0.as_raw_fd(), Shutdown::Write);
    }

    /// Ends the connection for everybody who has a descriptor of this end.
    pub(crate) fn shut_down(&self) {
        // Of one that the other end has left there is nothing to be ended.
        let _ = shutdown(self.0.as_raw_fd(), Shutdown::Both);
    }

    /// MSG_NOSIGNAL: a reader that went away is an answer, not the end of this process.
    fn send(&self, message: &impl Serialize, descriptors: &[RawFd]) -> bool {
        let Ok(text) = serde_json::to_vec(message) else { return false };
        if text.len() > LONGEST {
            return false;
        }
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
        let mut space = nix::cmsg_space!([RawFd; MOST_DESCRIPTORS]);
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        // It is there, so nothing is waited for, and nothing interrupted; but the other end may have gone since.
        let mut taken = recvmsg::<()>(self.0.as_raw_fd(), &mut slices, Some(&mut space), flags);
        if taken.as_ref().err() == Some(&Errno::ECONNRESET) {
            taken = recvmsg::<()>(self.0.as_raw_fd(), &mut slices, Some(&mut space), flags);
        }
        let Ok(message) = taken else { return Heard::End };
        let mut descriptors = Vec::new();
        for control in message.cmsgs().ok().into_iter().flatten() {
            if let ControlMessageOwned::ScmRights(numbers) = control {
                // SAFETY: the kernel put these descriptors into our table for us alone.
                descriptors.extend(numbers.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }));
            }
        }
        let count = message.bytes;
        match serde_json::from_slice(&bytes[..count]) {
            Ok(message) => Heard::Message(message, descriptors),
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

/// A socket with a name, at which others connect.
#[derive(Debug)]
pub(crate) struct Listener(OwnedFd);

impl Listener {
    /// Makes the socket in a folder. A socket of that name that is there already is an error.
    ///
    /// # Errors
    /// As bind(2) and listen(2).
    pub(crate) fn bind(folder: &impl AsFd, name: &str) -> Result<Listener, Errno> {
        let socket = new_socket()?;
        bind(socket.as_raw_fd(), &address(folder, name)?)?;
        listen(&socket, Backlog::new(64)?)?;
        Ok(Listener(socket))
    }

    /// What it is polled by.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Waits for somebody to connect.
    ///
    /// # Errors
    /// As accept(2).
    pub(crate) fn accept(&self) -> Result<Link, Errno> {
        loop {
            match accept4(&self.0, SockFlag::SOCK_CLOEXEC) {
                Ok(link) => return Ok(Link(link)),
                Err(Errno::EINTR | Errno::ECONNABORTED) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}

fn new_socket() -> Result<OwnedFd, Errno> {
    socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)
}

/// A socket's name has room for 107 bytes, and a home's path may be longer: so the folder is named by its descriptor.
fn address(folder: &impl AsFd, name: &str) -> Result<UnixAddr, Errno> {
    UnixAddr::new(format!("/proc/self/fd/{}/{name}", folder.as_fd().as_raw_fd()).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    enum Word {
        Ready,
        Number(i32),
    }

    #[test]
    fn messages_keep_their_bounds_and_their_descriptors() {
        let (ours, theirs) = Link::pair().expect("a pair");
        assert!(matches!(ours.hear_now::<Word>(), Heard::Nothing));
        assert!(theirs.say(&Word::Ready) && theirs.say_with(&Word::Number(1), &theirs));
        assert!(theirs.say_with_all(&Word::Number(2), &[theirs.as_fd(), ours.as_fd()]));
        assert!(ours.say(&Word::Ready));
        let mut heard = Vec::new();
        for _ in 0..3 {
            if let Heard::Message(word, descriptors) = ours.hear::<Word>() {
                heard.push((word, descriptors.len()));
            }
        }
        assert_eq!(heard, [(Word::Ready, 0), (Word::Number(1), 1), (Word::Number(2), 2)]);
        drop(theirs);
        assert!(matches!(ours.hear::<Word>(), Heard::End));
        assert!(!ours.say(&Word::Ready));
    }

    #[test]
    fn what_can_not_be_taken_is_told() {
        let (ours, theirs) = Link::pair().expect("a pair");
        assert!(!theirs.say(&"x".repeat(LONGEST)), "too long");
        assert!(theirs.say(&"x".repeat(LONGEST - 2)));
        assert!(matches!(ours.hear::<String>(), Heard::Message(text, _) if text.len() == LONGEST - 2));
        assert!(matches!(ours.hear_within::<Word>(Duration::from_millis(5)), Heard::Nothing));
        theirs.set_patience(Duration::from_millis(5)).expect("it can be set");
        assert!((0..10_000).any(|_| !theirs.say(&"x".repeat(LONGEST / 2))), "nobody reads");
        let duplicate = theirs.duplicate().expect("a duplicate");
        theirs.shut_down();
        while let Heard::Message(..) = ours.hear_within::<String>(Duration::from_secs(9)) {}
        assert!(!ours.say(&Word::Ready), "whoever has the duplicate");
        assert!(matches!(duplicate.hear::<Word>(), Heard::End));
    }

    #[test]
    fn a_listener_is_found_by_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let long = folder.path().join("x".repeat(200));
        std::fs::create_dir(&long).expect("a folder");
        let folder = std::fs::File::open(&long).expect("the folder");
        assert_eq!(Link::connect(&folder, "socket").err(), Some(Errno::ENOENT));
        let listener = Listener::bind(&folder, "socket").expect("a socket");
        let ours = Link::connect(&folder, "socket").expect("a connection");
        assert!(ours.say(&Word::Number(7)));
        let theirs = listener.accept().expect("the other end");
        assert!(matches!(theirs.hear(), Heard::Message(Word::Number(7), _)));
        drop(listener);
        assert_eq!(Link::connect(&folder, "socket").err(), Some(Errno::ECONNREFUSED));
    }
}
