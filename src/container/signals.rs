//! Signals that we get, passed on to the container.
//!
//! A signal handler may do next to nothing, so ours writes the signal's number into a pipe, and
//! the loop that relays the container's output reads it there. Handlers belong to the whole
//! process: the first container installs them, the last one puts back what was there.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::pipe2;

use super::error::Error;

/// What is passed on: everything a user or a system sends on purpose. Not SIGCHLD, SIGPIPE and the
/// like, which are about ourselves.
const FORWARDED: [Signal; 9] = [
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

/// The pipes that the handler writes to; -1 is a free place.
static PIPES: [AtomicI32; 16] = [const { AtomicI32::new(-1) }; 16];

/// The actions to put back, and how many containers still need ours.
static INSTALLED: Mutex<(usize, Vec<(Signal, SigAction)>)> = Mutex::new((0, Vec::new()));

/// While it lives, the forwarded signals are caught and can be read from it.
pub(super) struct Forwarded {
    reader: OwnedFd,
    place: usize,
}

impl Forwarded {
    /// Begins to catch. Errors: more than sixteen containers at once.
    pub fn start() -> Result<Forwarded, Error> {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(Error::call("pipe2"))?;
        let number = writer.as_raw_fd();
        let free =
            PIPES.iter().position(|pipe| pipe.compare_exchange(-1, number, Ordering::SeqCst, Ordering::SeqCst).is_ok());
        let place = free.ok_or(Error::Call { call: "catching signals", errno: Errno::EMFILE })?;
        // From here on the place owns the descriptor.
        let _: RawFd = writer.into_raw_fd();
        let mut installed = INSTALLED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        installed.0 += 1;
        if installed.0 == 1 {
            let action = SigAction::new(SigHandler::Handler(note), SaFlags::SA_RESTART, SigSet::empty());
            for signal in FORWARDED {
                // SAFETY: `note` is safe in a signal handler: it reads atomics and writes to pipes.
                if let Ok(before) = unsafe { sigaction(signal, &action) } {
                    installed.1.push((signal, before));
                }
            }
        }
        Ok(Forwarded { reader, place })
    }

    /// The signals that came since the last call.
    pub fn take(&self) -> Vec<i32> {
        let mut buffer = [0; 64];
        match nix::unistd::read(&self.reader, &mut buffer) {
            Ok(count) => buffer[..count].iter().map(|number| i32::from(*number)).collect(),
            Err(_) => Vec::new(),
        }
    }
}

impl AsFd for Forwarded {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

impl Drop for Forwarded {
    fn drop(&mut self) {
        let mut installed = INSTALLED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        installed.0 -= 1;
        if installed.0 == 0 {
            for (signal, before) in installed.1.drain(..) {
                // SAFETY: this was the action before ours.
                let _ = unsafe { sigaction(signal, &before) };
            }
        }
        let number = PIPES[self.place].swap(-1, Ordering::SeqCst);
        // SAFETY: the place owned this descriptor, and nobody can find it there any more.
        unsafe { libc::close(number) };
    }
}

/// The handler. Only what signal-safety(7) allows: write(2), with errno put back.
extern "C" fn note(signal: libc::c_int) {
    let before = Errno::last_raw();
    for pipe in &PIPES {
        let number = pipe.load(Ordering::SeqCst);
        if number >= 0 {
            let byte = [signal as u8];
            // SAFETY: write(2) of one byte that lives; a full pipe loses the signal rather than
            // blocking.
            unsafe { libc::write(number, byte.as_ptr().cast(), 1) };
        }
    }
    Errno::set_raw(before);
}
