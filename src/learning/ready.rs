//! Which files of a terminal have something to read, and what that is, without waiting for more.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Which files can be read.
pub(super) struct Ready {
    pub(super) master: bool,
    pub(super) output: bool,
    pub(super) statuses: bool,
    pub(super) keyboard: bool,
}

impl Ready {
    /// Waits until there is something to read, no longer than this.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn wait(
        [master, output, statuses]: [&File; 3],
        keyboard: Option<&File>,
        patience: Duration,
    ) -> io::Result<Ready> {
        let files = [Some(master), Some(output), Some(statuses), keyboard];
        let mut fds: Vec<PollFd<'_>> =
            files.into_iter().flatten().map(|file| PollFd::new(file.as_fd(), PollFlags::POLLIN)).collect();
        let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::ZERO);
        match poll(&mut fds, timeout) {
            // A signal: whoever caught it has noted it.
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_ready = |number: usize| fds.get(number).is_some_and(|fd| fd.any().unwrap_or(false));
        Ok(Ready { master: is_ready(0), output: is_ready(1), statuses: is_ready(2), keyboard: is_ready(3) })
    }
}

/// What can be read of a file without waiting.
///
/// # Errors
/// What the kernel says.
pub(super) fn read(mut file: &File) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; 64 << 10];
    match file.read(&mut buffer) {
        Ok(count) => {
            buffer.truncate(count);
            Ok(buffer)
        }
        // EIO: nobody has the other side of a terminal.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(libc::EIO) => {
            Ok(Vec::new())
        }
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
