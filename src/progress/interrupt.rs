//! The wish that what is under way should stop: made by Ctrl-C or by another thread, seen by whoever works.
//!
//! Long work looks at it between two pieces. Whoever waits in poll(2) waits for its descriptor, too, and is woken at once.

use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};

/// A wish to stop. Clones are the same wish.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<Wish>);

#[derive(Debug)]
struct Wish {
    /// How often it was made since it was taken back.
    times: AtomicU32,
    /// Whether it is never taken back.
    is_for_good: AtomicBool,
    /// Whether nothing is under way that could see it.
    is_idle: AtomicBool,
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
        let (is_for_good, is_idle) = Default::default();
        Ok(Interrupt(Arc::new(Wish { times: AtomicU32::new(0), is_for_good, is_idle, event })))
    }

    /// Makes the wish. May be called in a signal handler: it adds to an atomic and calls write(2), see signal-safety(7).
    pub fn request(&self) {
        self.0.times.fetch_add(1, Ordering::SeqCst);
        let one = 1_u64.to_ne_bytes();
        // SAFETY: write(2) of eight bytes that are there to a descriptor that is open as long as `self` is. It can only fail with EAGAIN,
        // when the counter is full, and then the descriptor is readable.
        let _ = unsafe { libc::write(self.0.event.as_fd().as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Makes the wish that everything should stop, also what comes next. May be called in a signal handler.
    pub(crate) fn request_for_good(&self) {
        self.0.is_for_good.store(true, Ordering::SeqCst);
        self.request();
    }

    /// Whether it is the wish that everything should stop.
    pub(crate) fn is_for_good(&self) -> bool {
        self.0.is_for_good.load(Ordering::SeqCst)
    }

    /// Says that nothing is under way, as long as what this gives is kept: somebody is asked what to do next.
    pub(crate) fn idle(&self) -> Idle<'_> {
        self.0.is_idle.store(true, Ordering::SeqCst);
        Idle(self)
    }

    /// Whether nothing is under way that could see the wish.
    pub(crate) fn is_idle(&self) -> bool {
        self.0.is_idle.load(Ordering::SeqCst)
    }

    /// Whether the wish is made.
    pub(crate) fn is_requested(&self) -> bool {
        self.times() > 0
    }

    /// How often it was made since it was taken back: somebody may be losing patience.
    pub(crate) fn times(&self) -> u32 {
        self.0.times.load(Ordering::Relaxed)
    }

    /// Waits as long as that, or until the wish is made.
    pub(crate) fn wait(&self, duration: Duration) {
        let timeout = PollTimeout::try_from(duration).unwrap_or(PollTimeout::MAX);
        // A signal or a refusal only means that it is a shorter wait.
        let _ = poll(&mut [PollFd::new(self.as_fd(), PollFlags::POLLIN)], timeout);
    }

    /// Works, and has `stop` called as soon as the wish is made meanwhile: it ends what nobody can wait for beside the wish.
    pub(crate) fn during<R>(&self, stop: impl FnOnce() + Send, work: impl FnOnce() -> R) -> R {
        let Ok(done) = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK) else {
            // Without it only Ctrl-C waits longer.
            return work();
        };
        std::thread::scope(|scope| {
            let watcher = std::thread::Builder::new().name("interrupt".to_owned()).spawn_scoped(scope, || {
                let mut both =
                    [self.as_fd(), done.as_fd()].map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN));
                while poll(&mut both, PollTimeout::NONE) == Err(nix::errno::Errno::EINTR) {}
                if both[0].any().unwrap_or(false) && !both[1].any().unwrap_or(false) {
                    stop();
                }
            });
            let result = work();
            let _ = done.write(1);
            drop(watcher);
            result
        })
    }

    /// A stream that is read until the wish is made, also while nothing comes: what reads it has to have no more of it in memory.
    pub(crate) fn reading<R: Read + AsFd>(&self, stream: R) -> Reading<'_, R> {
        Reading { interrupt: self, stream }
    }

    /// Takes the wish back, unless it is one for good. Gives whether it was made.
    pub(crate) fn take(&self) -> bool {
        if self.is_for_good() {
            return true;
        }
        // EAGAIN says that nobody had made it.
        let _ = self.0.event.read();
        self.0.times.swap(0, Ordering::SeqCst) > 0
    }
}

/// A stream that is read until somebody wishes to stop.
pub(crate) struct Reading<'i, R> {
    interrupt: &'i Interrupt,
    stream: R,
}

impl<R: Read + AsFd> Read for Reading<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut both = [self.interrupt.as_fd(), self.stream.as_fd()].map(|one| PollFd::new(one, PollFlags::POLLIN));
            match poll(&mut both, PollTimeout::NONE) {
                Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
                Ok(_) if both[0].any().unwrap_or(false) => return Err(super::Stopped.into()),
                // Also its end, and what is wrong with it, is read.
                Ok(_) => return self.stream.read(buffer),
            }
        }
    }
}

/// Nothing is under way.
pub(crate) struct Idle<'i>(&'i Interrupt);

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.0.0.is_idle.store(false, Ordering::SeqCst);
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
    use super::*;

    #[test]
    fn what_waits_for_something_else_is_ended() {
        let interrupt = Interrupt::new().unwrap();
        let (end, ended) = std::sync::mpsc::channel();
        let other = interrupt.clone();
        let stop = move || end.send(()).unwrap();
        interrupt.during(stop, || {
            other.request();
            ended.recv().unwrap();
        });
        assert!(interrupt.take());
        interrupt.during(|| unreachable!("nobody wished it"), || ());
    }

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
