//! The container's terminal, made inside.
//!
//! A pseudo-terminal has two ends, see pty(7). The slave must come from the container's own
//! /dev/pts, or its name would mean nothing there (`tty` would say "not a tty"). So the
//! container's first process opens the pair, and the master goes out through a socket, to
//! [`console`](super::console).

use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::sys::statfs::fstatfs;
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout};
use rustix::process::ioctl_tiocsctty;
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::error::{Failure, answer};
use super::inside::Root;
use super::mount;
use super::mounts::Mounts;
use super::operation::Flags;
use super::sandbox::Recursion;
use super::stubs::{self, Kind};

/// What makes a pair of ends.
const MULTIPLEXER: &str = "/dev/pts/ptmx";

const MASTER: OFlag = OFlag::O_RDWR.union(OFlag::O_NOCTTY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Of a file system of terminals, see statfs(2).
const DEVPTS_SUPER_MAGIC: libc::c_long = 0x1cd1;

/// Makes a terminal, takes it as the session's, as standard streams and as /dev/console, and gives the master.
///
/// Both ends and the console come of the container's own mounts. None is opened by a path, where an image or a volume could
/// have put something else.
pub(super) fn make(mounts: &Mounts, window: Option<Winsize>) -> Result<OwnedFd, Failure> {
    let master = openat(mounts.at("/dev/pts")?, "ptmx", MASTER, Mode::empty())
        .map_err(|errno| Failure::refused("open", Path::new(MULTIPLEXER), errno))?;
    let slave = peer(&master, window)?;
    show_as_console(mounts, &slave)?;
    take(&slave)?;
    Ok(master)
}

/// As [`make`], in a container that runs: it may have changed what its names lead to, but it can't have made a file system of terminals.
pub(super) fn open(root: &Root, window: Option<Winsize>) -> Result<OwnedFd, Failure> {
    let refused = |errno| Failure::refused("open", Path::new(MULTIPLEXER), errno);
    let folder = root.find(Path::new("/dev/pts"), OFlag::O_PATH | OFlag::O_DIRECTORY).map_err(refused)?;
    if fstatfs(&folder).map_err(refused)?.filesystem_type().0 != DEVPTS_SUPER_MAGIC {
        return Err(refused(Errno::ENODEV));
    }
    let master = openat(&folder, "ptmx", MASTER, Mode::empty()).map_err(refused)?;
    take(&peer(&master, window)?)?;
    Ok(master)
}

/// The other end, without its name in /dev/pts.
fn peer(master: &OwnedFd, window: Option<Winsize>) -> Result<OwnedFd, Failure> {
    unlockpt(master).map_err(|error| Failure::call("ioctl(TIOCSPTLCK)", answer(error)))?;
    if let Some(window) = window {
        // Before the program can ask. Without it the terminal has no size, as many have.
        let _ = tcsetwinsize(master, window);
    }
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    ioctl_tiocgptpeer(master, flags).map_err(|error| Failure::call("ioctl(TIOCGPTPEER)", answer(error)))
}

/// Takes it as the session's terminal and as standard streams.
fn take(slave: &OwnedFd) -> Result<(), Failure> {
    ioctl_tiocsctty(slave).map_err(|error| Failure::call("ioctl(TIOCSCTTY)", answer(error)))?;
    let refused = |errno| Failure::call("dup2", errno);
    dup2_stdin(slave).map_err(refused)?;
    dup2_stdout(slave).map_err(refused)?;
    dup2_stderr(slave).map_err(refused)
}

/// Mounts the terminal on the container's /dev/console.
fn show_as_console(mounts: &Mounts, slave: &OwnedFd) -> Result<(), Failure> {
    let refused = |errno| Failure::refused("make", Path::new("/dev/console"), errno);
    let console = mount::clone_opened(slave, Flags::DEVICES, Recursion::One)?;
    let place = stubs::in_own_mount(mounts.at("/dev")?, Path::new("console"), Kind::File).map_err(refused)?;
    mount::attach(&console, &place).map_err(refused)
}
