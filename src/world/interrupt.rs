//! The wish that what is under way should stop: made by Ctrl-C or by another thread, seen by whoever works.
//!
//! Long work looks at it between two pieces. Whoever waits in poll(2) waits for its descriptor, too, and is woken at once.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::eventfd::{EfdFlags, EventFd};

/// A wish to stop. Clones are the same wish.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<Wish>);

#[derive(Debug)]
struct Wish {
    is_made: AtomicBool,
    /// Readable as long as the wish is made: eventfd(2).
    event: EventFd,
}

impl Interrupt {
    /// A wish that is not made yet.
    ///
    /// # Errors
    /// The kernel has no descriptor left.
    pub fn new() -> io::Result<Interrupt> {
        let event = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Interrupt(Arc::new(Wish { is_made: AtomicBool::new(false), event })))
    }

    /// Makes the wish. May be called in a signal handler: it stores to an atomic and calls write(2), see signal-safety(7).
    pub fn request(&self) {
        self.0.is_made.store(true, Ordering::SeqCst);
        let one = 1_u64.to_ne_bytes();
        // SAFETY: write(2) of eight bytes that are there to a descriptor that is open as long as `self` is. It can only fail with EAGAIN,
        // when the counter is full, and then the descriptor is readable.
        let _ = unsafe { libc::write(self.0.event.as_fd().as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Whether the wish is made.
    pub(crate) fn is_requested(&self) -> bool {
        self.0.is_made.load(Ordering::SeqCst)
    }

    /// The wish as a flag that is set, for who stands below and does not know wishes.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.0.is_made
    }

    /// Takes the wish back. Gives whether it was made.
    pub(crate) fn take(&self) -> bool {
        // EAGAIN says that nobody had made it.
        let _ = self.0.event.read();
        self.0.is_made.swap(false, Ordering::SeqCst)
    }
}

/// Readable as long as the wish is made.
impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.event.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    #[test]
    fn a_waiting_thread_is_woken() {
        let interrupt = Interrupt::new().unwrap();
        let is_readable = |interrupt: &Interrupt, timeout: PollTimeout| {
            poll(&mut [PollFd::new(interrupt.as_fd(), PollFlags::POLLIN)], timeout).unwrap() == 1
        };
        assert!(!is_readable(&interrupt, PollTimeout::ZERO));
        let other = interrupt.clone();
        let waiting = std::thread::spawn(move || is_readable(&other, PollTimeout::NONE));
        interrupt.request();
        assert!(waiting.join().unwrap());
        assert!(interrupt.is_requested() && is_readable(&interrupt, PollTimeout::ZERO));
        assert!(interrupt.take() && !interrupt.is_requested() && !interrupt.take());
        assert!(!is_readable(&interrupt, PollTimeout::ZERO));
    }
}
