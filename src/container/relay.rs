//! Our side of a running container: one loop over everything that can say something.
//!
//! The keeper tells who the first process is and how it ended; the failure pipe tells what went
//! wrong before the command; the output pipes or the terminal carry what the command writes; and
//! signals come from outside.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::read;

use super::channel::receive_descriptor;
use super::error::Error;
use super::pty;
use super::run::{Io, Stream};
use super::signals::Forwarded;

/// What is known when everything has ended.
pub(super) struct Ended {
    /// The first process' status as waitpid(2) gives it; `None` when the keeper could not tell.
    pub status: Option<i32>,
    /// What came out of the failure pipe: empty, or one failure as JSON.
    pub report: Vec<u8>,
}

/// The open ends of a running container.
pub(super) struct Relay {
    control: Option<OwnedFd>,
    failure: Option<OwnedFd>,
    outputs: Vec<(Stream, OwnedFd)>,
    terminal_socket: Option<OwnedFd>,
    terminal: Option<pty::Relay>,
    forwarded: Option<Forwarded>,
    /// The container's first process.
    first: Option<OwnedFd>,
    status: Option<i32>,
    report: Vec<u8>,
}

/// Which end has something for us.
#[derive(Debug, Clone, Copy)]
enum Source {
    Control,
    Failure,
    Output(Stream),
    TerminalSocket,
    Terminal,
    Input,
    Signals,
}

impl Relay {
    pub fn new(
        control: OwnedFd,
        failure: OwnedFd,
        outputs: Vec<(Stream, OwnedFd)>,
        terminal_socket: Option<OwnedFd>,
        forwarded: Option<Forwarded>,
    ) -> Relay {
        Relay {
            control: Some(control),
            failure: Some(failure),
            outputs,
            terminal_socket,
            terminal: None,
            forwarded,
            first: None,
            status: None,
            report: Vec::new(),
        }
    }

    /// Serves every end until the keeper is gone and nothing is left to be read.
    pub fn until_the_end(mut self, mut io: Io<'_>) -> Result<Ended, Error> {
        let cancel: Option<&AtomicBool> = match &io {
            Io::Capture { cancel, .. } => *cancel,
            Io::Inherit => None,
        };
        loop {
            let ready = self.wait(cancel.is_some())?;
            if cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
                self.signal(libc::SIGKILL);
            }
            // When the keeper has gone, so have all who could still write: what is left can be
            // read at once. Not waiting for the ends of the pipes matters, as a fork of another
            // thread may hold copies of them for a while.
            if self.control.is_none() && ready.is_empty() {
                return Ok(Ended { status: self.status, report: self.report });
            }
            for source in ready {
                self.serve(source, &mut io)?;
            }
        }
    }

    /// Waits until something can be read, or for a twentieth of a second when somebody may cancel.
    fn wait(&self, impatient: bool) -> Result<Vec<Source>, Error> {
        let ends = self.ends();
        let mut polled: Vec<PollFd<'_>> = ends.iter().map(|(_, end, flags)| PollFd::new(*end, *flags)).collect();
        let timeout = match (&self.control, impatient) {
            (None, _) => PollTimeout::ZERO,
            (Some(_), true) => PollTimeout::from(50u16),
            (Some(_), false) => PollTimeout::NONE,
        };
        match poll(&mut polled, timeout) {
            Ok(_) => {}
            // Not "nothing is ready": somebody has to ask again.
            Err(Errno::EINTR) => return self.wait(impatient),
            Err(errno) => {
                return Err(Error::Call { call: "poll", errno });
            }
        }
        let ready = ends.iter().zip(&polled).filter(|(_, polled)| polled.any() == Some(true));
        Ok(ready.map(|((source, ..), _)| *source).collect())
    }

    fn ends(&self) -> Vec<(Source, BorrowedFd<'_>, PollFlags)> {
        let input = PollFlags::POLLIN;
        let mut ends = Vec::new();
        ends.extend(self.control.iter().map(|end| (Source::Control, end.as_fd(), input)));
        ends.extend(self.failure.iter().map(|end| (Source::Failure, end.as_fd(), input)));
        let outputs = self.outputs.iter();
        ends.extend(outputs.map(|(stream, end)| (Source::Output(*stream), end.as_fd(), input)));
        let sockets = self.terminal_socket.iter();
        ends.extend(sockets.map(|end| (Source::TerminalSocket, end.as_fd(), input)));
        // After the end there is nobody to pass anything on to.
        if self.control.is_some() {
            ends.extend(self.forwarded.iter().map(|end| (Source::Signals, end.as_fd(), input)));
        }
        if let Some(terminal) = &self.terminal {
            ends.push((Source::Terminal, terminal.master(), terminal.wanted()));
            if self.control.is_some() {
                ends.extend(terminal.input().map(|end| (Source::Input, end, input)));
            }
        }
        ends
    }

    fn serve(&mut self, source: Source, io: &mut Io<'_>) -> Result<(), Error> {
        match source {
            Source::Control => self.hear_the_keeper(),
            Source::Failure => self.read_report(),
            Source::Output(stream) => self.read_output(stream, io),
            Source::TerminalSocket => {
                let socket = self.terminal_socket.take();
                if let Some(master) = socket.and_then(|socket| receive_descriptor(&socket).1) {
                    let connected = matches!(io, Io::Inherit);
                    self.terminal = Some(pty::Relay::start(master, connected)?);
                }
            }
            Source::Terminal => {
                let sink = |piece: &[u8]| match io {
                    Io::Capture { on_output, .. } => {
                        on_output(Stream::Stdout, piece);
                        true
                    }
                    Io::Inherit => pty::write_all(piece),
                };
                if self.terminal.as_mut().is_some_and(|terminal| terminal.serve(sink)) {
                    self.terminal = None;
                }
            }
            Source::Input => {
                if let Some(terminal) = &mut self.terminal {
                    terminal.copy_input();
                }
            }
            Source::Signals => {
                for signal in self.forwarded.as_ref().map(Forwarded::take).unwrap_or_default() {
                    match &self.terminal {
                        Some(terminal) if signal == libc::SIGWINCH => terminal.copy_window_size(),
                        Some(_) | None => self.signal(signal),
                    }
                }
            }
        }
        Ok(())
    }

    /// The keeper says two things: who the first process is, and how it ended.
    fn hear_the_keeper(&mut self) {
        let Some(control) = &self.control else { return };
        let (bytes, descriptor) = receive_descriptor(control);
        match (descriptor, <[u8; 4]>::try_from(bytes.as_slice())) {
            (Some(first), _) => self.first = Some(first),
            (None, Ok(status)) => self.status = Some(i32::from_ne_bytes(status)),
            (None, Err(_)) => self.control = None,
        }
    }

    fn read_report(&mut self) {
        let mut buffer = [0; 4 << 10];
        match self.failure.as_ref().map(|pipe| read(pipe, &mut buffer)) {
            Some(Ok(count)) if count > 0 => self.report.extend(&buffer[..count]),
            Some(Err(Errno::EINTR)) => {}
            Some(Ok(_) | Err(_)) | None => self.failure = None,
        }
    }

    fn read_output(&mut self, stream: Stream, io: &mut Io<'_>) {
        let mut buffer = [0; 64 << 10];
        let output = self.outputs.iter().find(|(of, _)| *of == stream);
        match output.map(|(_, pipe)| read(pipe, &mut buffer)) {
            Some(Ok(count)) if count > 0 => {
                if let Io::Capture { on_output, .. } = io {
                    on_output(stream, &buffer[..count]);
                }
            }
            Some(Err(Errno::EINTR)) => {}
            Some(Ok(_) | Err(_)) | None => self.outputs.retain(|(of, _)| *of != stream),
        }
    }

    /// Sends a signal to the first process; no error when it is gone or not yet there.
    fn signal(&self, signal: i32) {
        if let Some(first) = &self.first {
            let no_details: *const libc::siginfo_t = std::ptr::null();
            // SAFETY: pidfd_send_signal(2): a descriptor of ours, and no structure to read.
            unsafe { libc::syscall(libc::SYS_pidfd_send_signal, first.as_raw_fd(), signal, no_details, 0) };
        }
    }
}
