//! The container's terminal: made inside, relayed outside.
//!
//! A pseudo-terminal has two ends, see pty(7). The slave must come from the container's own
//! /dev/pts, or its name would mean nothing there (`tty` would say "not a tty"). So the
//! container's first process opens the pair and sends the master out through a socket. Our own
//! terminal is put into raw mode meanwhile: every key goes through, and Ctrl-C is made into a
//! signal by the container's terminal, not by ours.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, openat};
use nix::poll::PollFlags;
use nix::sys::stat::Mode;
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, isatty, read, write};

use super::channel::send_descriptor;
use super::error::{Error, Failure};
use super::mount;
use super::mounts::Mounts;
use super::operation::{Flags, Recursion};
use super::stubs::{self, Kind};

/// In the container: makes a terminal, becomes its session, takes it as standard streams and
/// /dev/console, sends the master out.
///
/// Both ends and the console come of the container's own mounts. None is opened by a path, where an image or a volume could
/// have put something else.
pub(super) fn attach(mounts: &Mounts, socket: &OwnedFd, window: Option<libc::winsize>) -> Result<(), Failure> {
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
    send_descriptor(socket, &master).map_err(|errno| Failure::call("sendmsg", errno))
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

/// Our side: the master, and our own terminal in raw mode for as long as this lives.
pub(super) struct Relay {
    master: OwnedFd,
    /// What was typed and the container's terminal has no room for yet.
    pending: Vec<u8>,
    /// Whether our standard input is still to be read.
    listening: bool,
    /// Puts our terminal back when it is dropped.
    _restore: Option<Restore>,
}

impl Relay {
    /// Takes the master over. `connected`: our own standard streams are at the other end.
    pub fn start(master: OwnedFd, connected: bool) -> Result<Relay, Error> {
        let restore = if connected { Restore::raw()? } else { None };
        // A program that reads nothing must not keep us from reading what it writes.
        fcntl(&master, FcntlArg::F_SETFL(OFlag::O_RDWR | OFlag::O_NONBLOCK)).map_err(Error::call("fcntl"))?;
        let relay = Relay { master, pending: Vec::new(), listening: connected, _restore: restore };
        if connected {
            relay.copy_window_size();
        }
        Ok(relay)
    }

    pub fn master(&self) -> BorrowedFd<'_> {
        self.master.as_fd()
    }

    /// What to wait for at the master.
    pub fn wanted(&self) -> PollFlags {
        if self.pending.is_empty() { PollFlags::POLLIN } else { PollFlags::POLLIN | PollFlags::POLLOUT }
    }

    /// Our standard input, while it is open and the container takes what was read before.
    pub fn input(&self) -> Option<BorrowedFd<'static>> {
        // SAFETY: descriptor 0 stays open as long as the process lives.
        (self.listening && self.pending.is_empty()).then(|| unsafe { BorrowedFd::borrow_raw(0) })
    }

    /// Writes what is pending, and gives what the container wrote to `sink`; true when there will
    /// be no more.
    pub fn serve(&mut self, mut sink: impl FnMut(&[u8]) -> bool) -> bool {
        self.write_pending();
        let mut buffer = [0; 32 << 10];
        match read(&self.master, &mut buffer) {
            // EIO is how a master says that the last slave is closed.
            Ok(0) | Err(Errno::EIO) => true,
            Ok(count) => !sink(&buffer[..count]),
            Err(Errno::EINTR | Errno::EAGAIN) => false,
            Err(_) => true,
        }
    }

    /// Gives the container what was typed. The end of our input becomes the end-of-file character.
    pub fn copy_input(&mut self) {
        const END_OF_FILE: &[u8] = &[4];
        let mut buffer = [0; 4 << 10];
        match self.input().map(|input| read(input, &mut buffer)) {
            Some(Ok(0) | Err(Errno::EIO)) => {
                self.listening = false;
                self.pending.extend(END_OF_FILE);
            }
            Some(Ok(count)) => self.pending.extend(&buffer[..count]),
            Some(Err(_)) | None => {}
        }
        self.write_pending();
    }

    fn write_pending(&mut self) {
        match write(&self.master, &self.pending) {
            Ok(count) => drop(self.pending.drain(..count)),
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            // Nobody will ever read it.
            Err(_) => self.pending.clear(),
        }
    }

    /// Gives the container's terminal the size of ours.
    pub fn copy_window_size(&self) {
        if let Some(size) = window_size() {
            // SAFETY: TIOCSWINSZ reads one winsize.
            unsafe { libc::ioctl(self.master.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
        }
    }
}

/// The size of our own terminal; `None` where standard input is none.
pub(super) fn window_size() -> Option<libc::winsize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ fills one winsize.
    let answer = unsafe { libc::ioctl(0, libc::TIOCGWINSZ, &raw mut size) };
    (answer == 0).then_some(size)
}

/// Writes to our standard output; false when nobody reads it any more.
pub(super) fn write_all(bytes: &[u8]) -> bool {
    // SAFETY: descriptor 1 stays open as long as the process lives.
    let output = unsafe { BorrowedFd::borrow_raw(1) };
    write_to(&output, bytes)
}

fn write_to(descriptor: &impl AsFd, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match write(descriptor, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
    true
}

/// The settings of our terminal, put back when this is dropped.
struct Restore {
    before: Termios,
}

impl Restore {
    /// Puts our standard input into raw mode; `None` where it is no terminal.
    fn raw() -> Result<Option<Restore>, Error> {
        let input = std::io::stdin();
        if !isatty(&input).unwrap_or(false) {
            return Ok(None);
        }
        let before = tcgetattr(&input).map_err(Error::call("tcgetattr"))?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(&input, SetArg::TCSADRAIN, &raw).map_err(Error::call("tcsetattr"))?;
        Ok(Some(Restore { before }))
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        // Nothing better can be done with a terminal that is gone.
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, &self.before);
    }
}
