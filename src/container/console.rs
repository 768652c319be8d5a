//! Our end of the container's terminal: what is typed goes in, what is written comes out.
//!
//! When it is connected to our own terminal, that is in raw mode meanwhile: every key goes through, and Ctrl-C is made into a
//! signal by the container's terminal, not by ours. See termios(3).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::PollFlags;
use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::{isatty, read, tcgetpgrp, write};
use rustix::termios::{Winsize, tcgetwinsize, tcsetwinsize};

use super::error::Error;
use super::keys::DetachKeys;

/// Where the master leads on our side.
pub(super) enum Far {
    /// To our own standard streams.
    Ours,
    /// Out to our standard output; nothing goes in.
    Watched,
    /// To these two.
    Given { input: OwnedFd, output: OwnedFd },
    /// What comes out is the caller's; what goes in comes from here, if anything does.
    Caller { input: Option<OwnedFd> },
}

/// What was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Text,
    /// Ctrl-C was in it, as the container's terminal understands it.
    Interrupt,
    /// The keys that leave the command.
    Leave,
}

/// What came out of a terminal.
pub(super) enum Came<'b> {
    /// What the caller is to pass on.
    Bytes(&'b [u8]),
    /// What our own terminal shows already.
    Shown(&'b [u8]),
    Nothing,
    End,
    /// Nobody reads what came out of it any more.
    Unread,
}

/// The master, and what is at its other side.
pub(super) struct Console {
    master: OwnedFd,
    far: Far,
    /// What was typed and the container's terminal has no room for yet.
    pending: Vec<u8>,
    /// Whether the input is still to be read.
    listening: bool,
    /// The keys that leave it, where one can.
    keys: Option<DetachKeys>,
    /// Puts our terminal back when it is dropped.
    ours: Option<Raw>,
}

impl Console {
    /// Takes the master over.
    pub(crate) fn new(master: OwnedFd, far: Far, keys: Option<DetachKeys>) -> Result<Console, Error> {
        let ours = match far {
            Far::Ours => Raw::begin()?,
            Far::Watched | Far::Given { .. } | Far::Caller { .. } => None,
        };
        // A program that reads nothing must not keep us from reading what it writes.
        fcntl(&master, FcntlArg::F_SETFL(OFlag::O_RDWR | OFlag::O_NONBLOCK)).map_err(Error::call("fcntl"))?;
        let listening = !matches!(far, Far::Watched | Far::Caller { input: None });
        let console = Console { master, far, pending: Vec::new(), listening, keys, ours };
        console.copy_window_size();
        Ok(console)
    }

    pub(crate) fn master(&self) -> BorrowedFd<'_> {
        self.master.as_fd()
    }

    /// What to wait for at the master.
    pub(crate) fn wanted(&self) -> PollFlags {
        if self.pending.is_empty() { PollFlags::POLLIN } else { PollFlags::POLLIN | PollFlags::POLLOUT }
    }

    /// The input, while it is open and the container takes what was read before.
    pub(crate) fn input(&self) -> Option<BorrowedFd<'_>> {
        if !self.listening || !self.pending.is_empty() {
            return None;
        }
        match &self.far {
            Far::Ours => Some(standard(0)),
            Far::Watched => None,
            Far::Given { input, .. } => Some(input.as_fd()),
            Far::Caller { input } => input.as_ref().map(AsFd::as_fd),
        }
    }

    /// Writes what is pending, and reads what the container wrote. It is passed on already, unless it is the caller's.
    pub(crate) fn read<'b>(&mut self, buffer: &'b mut [u8]) -> Came<'b> {
        self.write_pending();
        let bytes = match read(&self.master, buffer) {
            // EIO is how a master says that the last slave is closed.
            Ok(0) | Err(Errno::EIO) => return Came::End,
            Ok(count) => &buffer[..count],
            Err(Errno::EINTR | Errno::EAGAIN) => return Came::Nothing,
            Err(_) => return Came::End,
        };
        match &self.far {
            Far::Ours | Far::Watched if write_all(standard(1), bytes) => Came::Shown(bytes),
            Far::Given { output, .. } if write_all(output.as_fd(), bytes) => Came::Nothing,
            Far::Ours | Far::Watched | Far::Given { .. } => Came::Unread,
            Far::Caller { .. } => Came::Bytes(bytes),
        }
    }

    /// Gives the container what was typed. The end of the input becomes the end-of-file character.
    pub(crate) fn copy_input(&mut self) -> Typed {
        const END_OF_FILE: &[u8] = &[4];
        let mut buffer = [0; 4 << 10];
        let mut typed = Typed::Text;
        match self.input().map(|input| read(input, &mut buffer)) {
            Some(Ok(0) | Err(Errno::EIO)) => {
                self.listening = false;
                self.pending.extend(END_OF_FILE);
            }
            Some(Ok(count)) => {
                let passed = match &mut self.keys {
                    None => buffer[..count].to_vec(),
                    Some(keys) => match keys.pass(&buffer[..count]) {
                        Some(passed) => passed,
                        None => return Typed::Leave,
                    },
                };
                if self.interrupts(&passed) {
                    typed = Typed::Interrupt;
                }
                self.pending.extend(passed);
            }
            Some(Err(_)) | None => {}
        }
        self.write_pending();
        typed
    }

    /// Whether one of these keys becomes an interrupt in the container's terminal: a program may have asked for plain keys.
    fn interrupts(&self, keys: &[u8]) -> bool {
        // The master answers for the slave.
        tcgetattr(&self.master).is_ok_and(|settings| {
            let key = settings.control_chars[SpecialCharacterIndices::VINTR as usize];
            settings.local_flags.contains(LocalFlags::ISIG) && keys.contains(&key)
        })
    }

    /// The process group that gets the signals of keys, by the number that it has for us.
    pub(crate) fn foreground(&self) -> Option<i32> {
        tcgetpgrp(&self.master).ok().map(nix::unistd::Pid::as_raw)
    }

    fn write_pending(&mut self) {
        match write(&self.master, &self.pending) {
            Ok(count) => drop(self.pending.drain(..count)),
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            // Nobody will ever read it.
            Err(_) => self.pending.clear(),
        }
    }

    /// Gives the container's terminal the size of ours, where it is connected to that.
    pub(crate) fn copy_window_size(&self) {
        if let (Far::Ours | Far::Watched, Some(size)) = (&self.far, window_size()) {
            // It keeps the size that it had.
            let _ = tcsetwinsize(&self.master, size);
        }
    }

    /// Says something while our terminal is as it was before.
    pub(crate) fn aside(&self, say: impl FnOnce()) {
        match &self.ours {
            Some(raw) => raw.aside(say),
            None => say(),
        }
    }
}

/// The size of our own terminal; `None` where standard input is none.
pub(crate) fn window_size() -> Option<Winsize> {
    tcgetwinsize(standard(0)).ok()
}

/// Our own standard streams.
pub(crate) fn standard_streams() -> [BorrowedFd<'static>; 3] {
    [standard(0), standard(1), standard(2)]
}

/// One of our own standard streams.
fn standard(number: RawFd) -> BorrowedFd<'static> {
    // SAFETY: descriptors 0, 1 and 2 stay open as long as the process lives.
    unsafe { BorrowedFd::borrow_raw(number) }
}

/// Writes everything; false when nobody reads it any more.
pub(super) fn write_all(descriptor: BorrowedFd<'_>, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match write(descriptor, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
    true
}

/// Our terminal in raw mode, and its settings from before, which are put back when this is dropped.
pub(crate) struct Raw {
    before: Termios,
}

impl Raw {
    /// Puts our standard input into raw mode; `None` where it is not a terminal.
    ///
    /// # Errors
    /// As tcsetattr(3).
    pub(crate) fn begin() -> Result<Option<Raw>, Error> {
        let input = std::io::stdin();
        if !isatty(&input).unwrap_or(false) {
            return Ok(None);
        }
        let before = tcgetattr(&input).map_err(Error::call("tcgetattr"))?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(&input, SetArg::TCSADRAIN, &raw).map_err(Error::call("tcsetattr"))?;
        Ok(Some(Raw { before }))
    }

    /// Says something while the terminal is as it was before: a line would look like stairs in raw mode.
    pub(crate) fn aside(&self, say: impl FnOnce()) {
        let settings = self.pause();
        say();
        if let Some(settings) = settings {
            // Nothing better can be done with a terminal that is gone.
            let _ = tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, &settings);
        }
    }

    /// Puts the settings from before back, and gives those that were in force.
    fn pause(&self) -> Option<Termios> {
        let raw = tcgetattr(std::io::stdin()).ok()?;
        tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, &self.before).ok()?;
        Some(raw)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // Nothing better can be done with a terminal that is gone.
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, &self.before);
    }
}
