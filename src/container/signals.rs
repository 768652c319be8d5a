//! Signals that we get, as something to read.
//!
//! A signal handler may do next to nothing, so ours writes the signal's number into a pipe, and the loop that waits for a
//! container reads it there. signalfd(2) would do without a handler, but only in a program with one thread. Handlers belong to the
//! whole process, so one container at a time has them: the one in the foreground.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::pipe2;

use super::error::Error;

/// What is passed on: everything a user or a system sends on purpose. Not SIGCHLD, SIGPIPE and the
/// like, which are about ourselves.
const CAUGHT: [Signal; 9] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
    Signal::SIGCONT,
    Signal::SIGTSTP,
];

/// The pipe that the handler writes to; -1 where no container is in the foreground.
static PIPE: AtomicI32 = AtomicI32::new(-1);

/// While it lives, the signals of [`CAUGHT`] can be read from it.
pub(crate) struct Caught {
    reader: OwnedFd,
    /// Kept open for the handler.
    _writer: OwnedFd,
    before: Vec<(Signal, SigAction)>,
}

impl Caught {
    /// Begins to catch.
    ///
    /// # Errors
    /// Another container has the signals: EBUSY.
    pub(crate) fn begin() -> Result<Caught, Error> {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(Error::call("pipe2"))?;
        PIPE.compare_exchange(-1, writer.as_raw_fd(), Ordering::SeqCst, Ordering::SeqCst)
            .map_err(|_| Error::Call { call: "catching signals for a second container", errno: Errno::EBUSY })?;
        let mut caught = Caught { reader, _writer: writer, before: Vec::new() };
        let action = SigAction::new(SigHandler::Handler(note), SaFlags::SA_RESTART, SigSet::empty());
        for signal in CAUGHT {
            // SAFETY: `note` is safe in a signal handler: it reads an atomic and writes to a pipe.
            let before = unsafe { sigaction(signal, &action) }.map_err(Error::call("sigaction"))?;
            caught.before.push((signal, before));
        }
        Ok(caught)
    }

    /// The signals that came since the last call.
    pub(crate) fn take(&self) -> Vec<i32> {
        numbers(&self.reader).unwrap_or_default()
    }
}

/// The signals that somebody has written to a pipe, a byte each; `None` when nobody will write any more.
pub(super) fn numbers(reader: &OwnedFd) -> Option<Vec<i32>> {
    let mut buffer = [0; 64];
    match nix::unistd::read(reader, &mut buffer) {
        Ok(0) => None,
        Ok(count) => Some(buffer[..count].iter().map(|number| i32::from(*number)).collect()),
        Err(_) => Some(Vec::new()),
    }
}

impl AsFd for Caught {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        for (signal, before) in self.before.drain(..) {
            // SAFETY: this was the action before ours.
            let _ = unsafe { sigaction(signal, &before) };
        }
        PIPE.store(-1, Ordering::SeqCst);
    }
}

/// The handler. Only what signal-safety(7) allows: write(2), with errno put back.
extern "C" fn note(signal: libc::c_int) {
    let before = Errno::last_raw();
    let pipe = PIPE.load(Ordering::SeqCst);
    let byte = [signal as u8];
    // SAFETY: write(2) of one byte that lives; a full pipe loses the signal rather than blocking.
    unsafe { libc::write(pipe, byte.as_ptr().cast(), 1) };
    Errno::set_raw(before);
}
