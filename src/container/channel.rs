//! The small things that processes tell each other: bytes, descriptors, and their ends.
//!
//! See unix(7), pidfd_open(2), waitpid(2). All of it may be used after a fork.

use std::io::{IoSlice, IoSliceMut, Read};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, send, sendmsg,
    socketpair,
};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::error::{Error, Failure};
use super::stubs::Stub;

/// A connected pair of sockets that no executed program inherits.
pub(super) fn control_pair() -> Result<(OwnedFd, OwnedFd), Error> {
    socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC).map_err(Error::call("socketpair"))
}

/// Sends everything and then closes our direction, so that the reader sees the end.
pub(super) fn send_all(control: &OwnedFd, bytes: &[u8]) -> bool {
    let sent = send_all_open(control, bytes);
    // SAFETY: shutdown(2) on a socket that we own.
    unsafe { libc::shutdown(control.as_raw_fd(), libc::SHUT_WR) };
    sent
}

/// Sends everything. MSG_NOSIGNAL: a reader that went away is an error, not the end of this
/// process.
pub(super) fn send_all_open(control: &OwnedFd, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match send(control.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
    true
}

pub(super) fn receive_byte(control: &OwnedFd) -> Option<u8> {
    let mut byte = [0; 1];
    loop {
        match nix::unistd::read(control.as_fd(), &mut byte) {
            Ok(1) => return Some(byte[0]),
            Err(Errno::EINTR) => {}
            Ok(_) | Err(_) => return None,
        }
    }
}

pub(super) fn receive_all(control: &OwnedFd) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let mut file = std::fs::File::from(control.try_clone().map_err(Error::io("read", Path::new("socket")))?);
    // A child that dies leaves nothing: that is the caller's finding, so a reset counts as the end.
    match file.read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) if error.raw_os_error() == Some(libc::ECONNRESET) => Ok(Vec::new()),
        Err(error) => Err(Error::io("read", Path::new("socket"))(error)),
    }
}

pub(super) fn wait_for(child: Pid) -> Result<WaitStatus, Error> {
    loop {
        match waitpid(child, None) {
            Err(Errno::EINTR) => {}
            status => return status.map_err(Error::call("waitpid")),
        }
    }
}

/// The status of a child that has ended, as waitpid(2) writes it. In a forked process: the failure is one of the set-up.
pub(super) fn wait_status(child: Pid) -> Result<i32, Failure> {
    let mut status = 0;
    loop {
        // SAFETY: waitpid(2) writes one int, which lives until it returns.
        let answer = unsafe { libc::waitpid(child.as_raw(), &raw mut status, 0) };
        match Errno::result(answer) {
            Ok(_) => return Ok(status),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(Failure::call("waitpid", errno)),
        }
    }
}

/// Whether the other end is closed, or the process of a pidfd has ended.
pub(super) fn hung_up(end: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(end.as_fd(), PollFlags::POLLIN)];
    matches!(poll(&mut polled, PollTimeout::ZERO), Ok(count) if count > 0)
}

/// What the processes inside tell the keeper.
#[derive(Serialize, Deserialize)]
pub(super) enum Told {
    /// The first process: what it made in the root to be mounted on.
    Made(Vec<Stub>),
    /// The guard: the wait status of the first process.
    Ended(i32),
}

/// Sends one message; nobody is left to be told when the keeper is gone.
pub(super) fn tell(keeper: &OwnedFd, told: &Told) {
    send_all_open(keeper, &serde_json::to_vec(told).unwrap_or_default());
}

/// Every whole message until the other end is closed.
pub(super) fn hear_all(socket: &OwnedFd) -> Vec<Told> {
    let bytes = receive_all(socket).unwrap_or_default();
    serde_json::Deserializer::from_slice(&bytes).into_iter().map_while(Result::ok).collect()
}

/// A descriptor that becomes readable when the process ends.
pub(super) fn pidfd(process: Pid) -> Result<OwnedFd, Errno> {
    // SAFETY: pidfd_open(2): numbers only; the descriptor it gives is ours alone and closed at
    // exec.
    let number = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, process.as_raw(), 0) })?;
    // SAFETY: see above.
    Ok(unsafe { OwnedFd::from_raw_fd(number as RawFd) })
}

/// Sends one byte with a descriptor, see unix(7), SCM_RIGHTS.
pub(super) fn send_descriptor(socket: &OwnedFd, descriptor: &OwnedFd) -> Result<(), Errno> {
    let descriptors = [descriptor.as_raw_fd()];
    let message = [ControlMessage::ScmRights(&descriptors)];
    sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(b"d")], &message, MsgFlags::MSG_NOSIGNAL, None).map(drop)
}

/// One message with the descriptor that came along, if one did.
pub(super) fn receive_descriptor(socket: &OwnedFd) -> (Vec<u8>, Option<OwnedFd>) {
    let mut bytes = [0; 4];
    let mut space = nix::cmsg_space!([RawFd; 1]);
    let mut slices = [IoSliceMut::new(&mut bytes)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let Ok(message) = recvmsg::<()>(socket.as_raw_fd(), &mut slices, Some(&mut space), flags) else {
        return (Vec::new(), None);
    };
    let descriptor = message.cmsgs().ok().into_iter().flatten().find_map(|control| match control {
        // SAFETY: the kernel put this descriptor into our table for us alone.
        ControlMessageOwned::ScmRights(numbers) => {
            numbers.first().map(|number| unsafe { OwnedFd::from_raw_fd(*number) })
        }
        _ => None,
    });
    let count = message.bytes;
    (bytes[..count].to_vec(), descriptor)
}
