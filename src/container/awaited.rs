//! Waiting for several descriptors at once: poll(2), with names for them.

use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// A descriptor that is waited for: what it is called, and for what.
pub(crate) type Awaited<'a, S> = (S, BorrowedFd<'a>, PollFlags);

/// Waits until something happens at one of these ends, and gives those where it did; none when it took too long.
///
/// # Errors
/// As poll(2).
pub(crate) fn ready<S: Copy>(ends: &[Awaited<'_, S>], timeout: PollTimeout) -> Result<Vec<S>, Errno> {
    let mut polled: Vec<PollFd<'_>> = ends.iter().map(|(_, end, flags)| PollFd::new(*end, *flags)).collect();
    loop {
        match poll(&mut polled, timeout) {
            Ok(_) => break,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    let ready = ends.iter().zip(&polled).filter(|(_, polled)| polled.any() == Some(true));
    Ok(ready.map(|((name, ..), _)| *name).collect())
}
