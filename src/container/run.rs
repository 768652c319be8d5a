//! Runs a plan: forks the keeper, maps the ids, relays what the container says and how it ends.

use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use nix::unistd::{ForkResult, fork, getpid, pipe2};

use super::error::{Error, Failure};
use super::execute::Setup;
use super::identity::{control_pair, wait_for};
use super::init::{self, Ends};
use super::operation::{Operation, Phase};
use super::plan::Plan;
use super::pty;
use super::signals::Forwarded;

/// Where the container's standard streams lead.
pub enum Io<'a> {
    /// They are ours, or with a terminal in the plan, that terminal is connected to ours. Signals that we get are passed on.
    Inherit,
    /// Standard input is empty, and what is written is given to `on_output` as it comes. With a terminal
    /// in the plan everything is [`Stream::Stdout`]. Signals are not touched.
    Capture {
        /// Called with each piece, in order within one stream. Pieces end anywhere, also within a character.
        on_output: &'a mut dyn FnMut(Stream, &[u8]),
        /// Looked at twenty times a second: once it is set, the container is killed.
        cancel: Option<&'a AtomicBool>,
    },
}

/// Which of the two output streams a piece belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Descriptor 1.
    Stdout,
    /// Descriptor 2.
    Stderr,
}

/// How the container's first process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It returned this status.
    Code(i32),
    /// This signal killed it.
    Signal(i32),
}

impl Exit {
    /// The status as a shell gives it: 128 + n for signal n.
    pub fn status(self) -> i32 {
        match self {
            Exit::Code(code) => code,
            Exit::Signal(signal) => 128 + signal,
        }
    }
}

/// Executes every operation of `plan` and waits for the end of the container.
///
/// Blocks. When it returns, no process and no mount of the container is left, and the mount points that only the
/// set-up needed are gone from the upper directory. When our own process dies, the container dies too. May be called from several threads, for different plans.
///
/// Errors: an operation was refused, or the command could not be executed; [`Error::status`] is the exit status that Docker gives for it.
pub fn run(plan: &Plan, io: Io<'_>) -> Result<Exit, Error> {
    let mut setup = Setup::new(&plan.identity, None, None);
    for operation in plan.of(Phase::Outside) {
        setup.execute(operation).map_err(Error::Setup)?;
    }
    let finished = launch(plan, io);
    for operation in plan.of(Phase::Outside) {
        if let Operation::CreateCgroup { paths } = operation {
            // It is empty now; a refusal leaves an empty group behind and harms nothing.
            paths
                .iter()
                .for_each(|path| drop(std::fs::remove_dir(path)));
        }
    }
    finished
}

fn launch(plan: &Plan, io: Io<'_>) -> Result<Exit, Error> {
    let terminal = plan
        .of(Phase::Rooted)
        .any(|operation| *operation == Operation::NewSession { terminal: true });
    let (control, their_control) = control_pair()?;
    let (failure, their_failure) = pipe()?;
    let (terminal_socket, their_terminal) = if terminal {
        split(Some(control_pair()?))
    } else {
        split(None)
    };
    let mut outputs = Vec::new();
    let streams = match &io {
        Io::Capture { .. } => {
            let (output, their_output) = pipe()?;
            let (errors, their_errors) = pipe()?;
            outputs.push((Stream::Stdout, output));
            outputs.push((Stream::Stderr, errors));
            Some([null()?, their_output, their_errors])
        }
        Io::Inherit => None,
    };
    let parent = init::pidfd(getpid()).map_err(Error::call("pidfd_open"))?;
    let ends = Ends {
        control: their_control,
        failure: their_failure,
        parent,
        streams,
        terminal: their_terminal,
    };
    // Before the fork, so that no signal is lost in between.
    let forwarded = match &io {
        Io::Inherit => Some(Forwarded::start()?),
        Io::Capture { .. } => None,
    };
    // SAFETY: fork(2): the child keeps to the rules of `init` and never returns.
    let keeper = match unsafe { fork() }.map_err(Error::call("fork"))? {
        ForkResult::Child => init::keep(plan, ends),
        ForkResult::Parent { child } => child,
    };
    drop(ends);
    let mapped = plan.identity.map_ids(keeper, &control);
    let relay = Relay {
        control: Some(control),
        failure: Some(failure),
        outputs,
        terminal_socket,
        terminal: None,
        forwarded,
        first: None,
        status: None,
        report: Vec::new(),
    };
    let relayed = if mapped.is_ok() {
        relay.until_the_end(io)
    } else {
        Ok(Ended::default())
    };
    // The relay, and with it our end of the control socket, is gone: a keeper that still waits gives up.
    let keeper_status = wait_for(keeper)?;
    mapped?;
    let ended = relayed?;
    if !ended.report.is_empty() {
        let failure: Failure = serde_json::from_slice(&ended.report)
            .map_err(|error| Error::Within(format!("gave an unreadable report: {error}")))?;
        return Err(Error::Setup(failure));
    }
    match ended.status {
        Some(status) if libc::WIFSIGNALED(status) => Ok(Exit::Signal(libc::WTERMSIG(status))),
        Some(status) => Ok(Exit::Code(libc::WEXITSTATUS(status))),
        None => Err(Error::Within(format!(
            "ended without a status: {keeper_status:?}"
        ))),
    }
}

/// What is known when everything has ended.
#[derive(Default)]
struct Ended {
    status: Option<i32>,
    report: Vec<u8>,
}

/// Our side of a running container: everything that can say something.
struct Relay {
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

/// The source of an event, in the order in which the descriptors are polled.
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
    fn until_the_end(mut self, mut io: Io<'_>) -> Result<Ended, Error> {
        loop {
            let cancel = match &io {
                Io::Capture { cancel, .. } => *cancel,
                Io::Inherit => None,
            };
            let ready = self.wait(cancel.is_some())?;
            if cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
                self.signal(libc::SIGKILL);
            }
            for source in ready {
                self.serve(source, &mut io)?;
            }
            let silent =
                self.outputs.is_empty() && self.failure.is_none() && self.terminal.is_none();
            if self.control.is_none() && silent {
                return Ok(Ended {
                    status: self.status,
                    report: self.report,
                });
            }
        }
    }

    /// Waits until something can be read, or for a twentieth of a second when somebody may cancel.
    fn wait(&self, impatient: bool) -> Result<Vec<Source>, Error> {
        let mut sources: Vec<(Source, BorrowedFd<'_>)> = Vec::new();
        sources.extend(
            self.control
                .iter()
                .map(|control| (Source::Control, control.as_fd())),
        );
        sources.extend(
            self.failure
                .iter()
                .map(|failure| (Source::Failure, failure.as_fd())),
        );
        sources.extend(
            self.outputs
                .iter()
                .map(|(stream, output)| (Source::Output(*stream), output.as_fd())),
        );
        sources.extend(
            self.terminal_socket
                .iter()
                .map(|socket| (Source::TerminalSocket, socket.as_fd())),
        );
        sources.extend(
            self.forwarded
                .iter()
                .map(|forwarded| (Source::Signals, forwarded.as_fd())),
        );
        if let Some(terminal) = &self.terminal {
            sources.push((Source::Terminal, terminal.master()));
            sources.extend(terminal.input().map(|input| (Source::Input, input)));
        }
        let mut polled: Vec<PollFd<'_>> = sources
            .iter()
            .map(|(_, descriptor)| PollFd::new(*descriptor, PollFlags::POLLIN))
            .collect();
        let timeout = if impatient {
            PollTimeout::from(50u16)
        } else {
            PollTimeout::NONE
        };
        match poll(&mut polled, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => {
                return Err(Error::Call {
                    call: "poll",
                    errno,
                });
            }
        }
        let ready =
            |(_, polled): &(&(Source, BorrowedFd<'_>), &PollFd<'_>)| polled.any() == Some(true);
        Ok(sources
            .iter()
            .zip(&polled)
            .filter(ready)
            .map(|((source, _), _)| *source)
            .collect())
    }

    fn serve(&mut self, source: Source, io: &mut Io<'_>) -> Result<(), Error> {
        let mut buffer = [0; 32 << 10];
        match source {
            Source::Control => self.hear_the_keeper(),
            Source::Failure => {
                let read = self
                    .failure
                    .as_ref()
                    .map(|pipe| nix::unistd::read(pipe, &mut buffer));
                match read {
                    Some(Ok(count)) if count > 0 => self.report.extend(&buffer[..count]),
                    Some(Err(Errno::EINTR)) => {}
                    Some(Ok(_) | Err(_)) | None => self.failure = None,
                }
                Ok(())
            }
            Source::Output(stream) => {
                let output = self.outputs.iter().find(|(of, _)| *of == stream);
                match output.map(|(_, pipe)| nix::unistd::read(pipe, &mut buffer)) {
                    Some(Ok(count)) if count > 0 => {
                        if let Io::Capture { on_output, .. } = io {
                            on_output(stream, &buffer[..count]);
                        }
                    }
                    Some(Err(Errno::EINTR)) => {}
                    Some(Ok(_) | Err(_)) | None => self.outputs.retain(|(of, _)| *of != stream),
                }
                Ok(())
            }
            Source::TerminalSocket => {
                let socket = self.terminal_socket.take();
                if let Some(master) = socket.and_then(|socket| receive_descriptor(&socket).1) {
                    self.terminal = Some(pty::Relay::start(master, matches!(io, Io::Inherit))?);
                }
                Ok(())
            }
            Source::Terminal => {
                let ended = match &mut self.terminal {
                    Some(terminal) => terminal.copy_output(|piece| match io {
                        Io::Capture { on_output, .. } => {
                            on_output(Stream::Stdout, piece);
                            true
                        }
                        Io::Inherit => pty::write_all(piece),
                    }),
                    None => false,
                };
                if ended {
                    self.terminal = None;
                }
                Ok(())
            }
            Source::Input => {
                if let Some(terminal) = &mut self.terminal {
                    terminal.copy_input();
                }
                Ok(())
            }
            Source::Signals => {
                let caught = self
                    .forwarded
                    .as_ref()
                    .map(Forwarded::take)
                    .unwrap_or_default();
                for signal in caught {
                    match &self.terminal {
                        Some(terminal) if signal == Signal::SIGWINCH as i32 => {
                            terminal.copy_window_size()
                        }
                        Some(_) | None => self.signal(signal),
                    }
                }
                Ok(())
            }
        }
    }

    /// The keeper says two things: who the first process is, and how it ended.
    fn hear_the_keeper(&mut self) -> Result<(), Error> {
        let Some(control) = &self.control else {
            return Ok(());
        };
        let (bytes, descriptor) = receive_descriptor(control);
        match (descriptor, <[u8; 4]>::try_from(bytes.as_slice())) {
            (Some(first), _) => self.first = Some(first),
            (None, Ok(status)) => self.status = Some(i32::from_ne_bytes(status)),
            (None, Err(_)) => self.control = None,
        }
        Ok(())
    }

    /// Sends a signal to the first process; no error when it is gone or not yet there.
    fn signal(&self, signal: i32) {
        if let Some(first) = &self.first {
            let no_details: *const libc::siginfo_t = std::ptr::null();
            // SAFETY: pidfd_send_signal(2): a descriptor of ours, and no structure to read.
            unsafe {
                libc::syscall(
                    libc::SYS_pidfd_send_signal,
                    first.as_raw_fd(),
                    signal,
                    no_details,
                    0,
                )
            };
        }
    }
}

/// One message with the descriptor that came along, if one did.
fn receive_descriptor(socket: &OwnedFd) -> (Vec<u8>, Option<OwnedFd>) {
    let mut bytes = [0; 4];
    let mut space = nix::cmsg_space!([RawFd; 1]);
    let mut slices = [IoSliceMut::new(&mut bytes)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let Ok(message) = recvmsg::<()>(socket.as_raw_fd(), &mut slices, Some(&mut space), flags)
    else {
        return (Vec::new(), None);
    };
    let descriptor = message
        .cmsgs()
        .ok()
        .into_iter()
        .flatten()
        .find_map(|control| match control {
            // SAFETY: the kernel put this descriptor into our table for us alone.
            ControlMessageOwned::ScmRights(numbers) => numbers
                .first()
                .map(|number| unsafe { OwnedFd::from_raw_fd(*number) }),
            _ => None,
        });
    let count = message.bytes;
    (bytes[..count].to_vec(), descriptor)
}

fn pipe() -> Result<(OwnedFd, OwnedFd), Error> {
    pipe2(OFlag::O_CLOEXEC).map_err(Error::call("pipe2"))
}

fn null() -> Result<OwnedFd, Error> {
    let path = Path::new("/dev/null");
    Ok(std::fs::File::open(path)
        .map_err(Error::io("open", path))?
        .into())
}

fn split<A, B>(pair: Option<(A, B)>) -> (Option<A>, Option<B>) {
    pair.map_or((None, None), |(left, right)| (Some(left), Some(right)))
}
