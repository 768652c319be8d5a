//! The kernel's side: calls that wait for an answer, see seccomp_unotify(2).

use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

use libc::{c_ulong, seccomp_notif, seccomp_notif_resp};
use nix::errno::Errno;

/// What the process is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// The call gives this.
    Value(i64),
    /// It fails.
    Refused(Errno),
    /// The kernel carries it out. It does so by its own rules, so this is never the wrong thing to allow.
    Kernel,
}

/// A call that waits.
pub(super) struct Asked {
    id: u64,
    /// The thread.
    pub(crate) thread: u32,
    /// Of which programs the call is: AUDIT_ARCH_…, linux/audit.h.
    pub(crate) architecture: u32,
    /// The call's number.
    pub(crate) call: i32,
    pub(crate) args: [u64; 6],
}

/// Where the calls of a filter come in.
pub(super) struct Listener(OwnedFd);

impl Listener {
    pub(crate) fn new(descriptor: OwnedFd) -> Listener {
        let listener = Listener(descriptor);
        // The one who asks waits anyhow, and can go on where it was. Linux 6.6 can do so; to others it does not matter.
        const SYNC_WAKE_UP: u64 = 1;
        let _ = listener.control(libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP as *mut u8);
        listener
    }

    /// A call that has come in; `None` where whoever made it was killed meanwhile, and nobody waits any more.
    pub(crate) fn receive(&self) -> Option<Asked> {
        // SAFETY: numbers only, for all of which 0 is one.
        let mut notice: seccomp_notif = unsafe { std::mem::zeroed() };
        self.control(libc::SECCOMP_IOCTL_NOTIF_RECV, (&raw mut notice).cast()).ok()?;
        let (call, architecture, args) = (notice.data.nr, notice.data.arch, notice.data.args);
        Some(Asked { id: notice.id, thread: notice.pid, architecture, call, args })
    }

    /// What it is polled by: readable when a call has come in, hung up when nobody is left who could make one.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Whether the call still waits, and so its thread's number is still its own.
    pub(crate) fn still_waits(&self, asked: &Asked) -> Result<(), Errno> {
        let mut id = asked.id;
        self.control(libc::SECCOMP_IOCTL_NOTIF_ID_VALID, (&raw mut id).cast())
    }

    /// Answers. Nobody may be there any more.
    pub(crate) fn answer(&self, asked: &Asked, answer: Answer) {
        let mut response = seccomp_notif_resp { id: asked.id, val: 0, error: 0, flags: 0 };
        match answer {
            Answer::Value(value) => response.val = value,
            Answer::Refused(errno) => response.error = -(errno as i32),
            Answer::Kernel => response.flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
        }
        let _ = self.control(libc::SECCOMP_IOCTL_NOTIF_SEND, (&raw mut response).cast());
    }

    fn control(&self, request: libc::Ioctl, argument: *mut u8) -> Result<(), Errno> {
        // SAFETY: ioctl(2): each of these requests reads and writes the one structure that it is given with, which lives in the
        // caller; NOTIF_SET_FLAGS takes a number in its place.
        let answer = unsafe { libc::ioctl(self.0.as_raw_fd(), request, argument as c_ulong) };
        Errno::result(answer).map(drop)
    }
}
