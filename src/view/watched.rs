//! Who is at the other end of what a command prints: a lesson, which reads it through a pipe of its own; or nobody any more.

use std::fs::{File, Metadata};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The variable with the pipe of a lesson, which is shown on a terminal as it is: `COLUMNS` says how wide that is.
const WATCHED: &str = "LAYERLAB_LESSON_OUTPUT";

/// Whether a stream is that pipe.
pub(super) fn is_watched(stream: &impl AsFd) -> bool {
    let Some(path) = std::env::var_os(WATCHED) else { return false };
    let stream = stream.as_fd().try_clone_to_owned().and_then(|copy| File::from(copy).metadata());
    let same = |one: &Metadata, other: &Metadata| (one.dev(), one.ino()) == (other.dev(), other.ino());
    matches!((stream, std::fs::metadata(path)), (Ok(one), Ok(other)) if same(&one, &other))
}

/// Whether nobody reads a stream any more: it is a pipe or a connection, and the other end is closed. See poll(2).
pub(crate) fn is_deserted(stream: &impl AsFd) -> bool {
    let mut one = [PollFd::new(stream.as_fd(), PollFlags::empty())];
    let gone = PollFlags::POLLERR | PollFlags::POLLHUP;
    poll(&mut one, PollTimeout::ZERO).is_ok() && one[0].revents().is_some_and(|events| events.intersects(gone))
}
