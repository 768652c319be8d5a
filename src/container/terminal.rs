//! The container's terminal, made inside.
//!
//! A pseudo-terminal has two ends, see pty(7). The slave must come from the container's own
//! /dev/pts, or its name would mean nothing there (`tty` would say "not a tty"). So the
//! container's first process opens the pair, and the master goes out through a socket, to
//! [`console`](super::console).

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout};

use super::error::Failure;
use super::mount;
use super::mounts::Mounts;
use super::operation::{Flags, Recursion};
use super::stubs::{self, Kind};

/// Makes a terminal, takes it as the session's, as standard streams and as /dev/console, and gives the master.
///
/// Both ends and the console come of the container's own mounts. None is opened by a path, where an image or a volume could
/// have put something else.
pub(super) fn make(mounts: &Mounts, window: Option<libc::winsize>) -> Result<OwnedFd, Failure> {
    let multiplexer = Path::new("/dev/pts/ptmx");
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let master = openat(mounts.at("/dev/pts")?, "ptmx", flags, Mode::empty())
        .map_err(|errno| Failure::refused("open", multiplexer, errno))?;
    let mut locked = 0;
    // SAFETY: TIOCSPTLCK reads one int, see ioctl_tty(2).
    let answer = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw mut locked) };
    Errno::result(answer).map_err(|errno| Failure::call("ioctl(TIOCSPTLCK)", errno))?;
    if let Some(window) = window {
        // Before the program can ask. SAFETY: TIOCSWINSZ reads one winsize.
        unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSWINSZ, &raw const window) };
    }
    let slave = peer(&master)?;
    show_as_console(mounts, &slave)?;
    // SAFETY: TIOCSCTTY takes a number: 0 means that nobody else's terminal is taken away.
    let answer = unsafe { libc::ioctl(slave.as_raw_fd(), libc::TIOCSCTTY, 0) };
    Errno::result(answer).map_err(|errno| Failure::call("ioctl(TIOCSCTTY)", errno))?;
    let refused = |errno| Failure::call("dup2", errno);
    dup2_stdin(&slave).map_err(refused)?;
    dup2_stdout(&slave).map_err(refused)?;
    dup2_stderr(&slave).map_err(refused)?;
    Ok(master)
}

/// The other end of a terminal, without its name in /dev/pts.
fn peer(master: &OwnedFd) -> Result<OwnedFd, Failure> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: TIOCGPTPEER takes flags and gives a descriptor, see ioctl_tty(2).
    let number = Errno::result(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags) })
        .map_err(|errno| Failure::call("ioctl(TIOCGPTPEER)", errno))?;
    // SAFETY: the kernel just gave us this descriptor, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Mounts the terminal on the container's /dev/console.
fn show_as_console(mounts: &Mounts, slave: &OwnedFd) -> Result<(), Failure> {
    let refused = |errno| Failure::refused("make", Path::new("/dev/console"), errno);
    let console = mount::clone_opened(slave, Flags::DEVICES, Recursion::One)?;
    let place = stubs::in_own_mount(mounts.at("/dev")?, Path::new("console"), Kind::File).map_err(refused)?;
    mount::attach(&console, &place).map_err(refused)
}
