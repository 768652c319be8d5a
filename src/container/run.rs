//! Runs a plan: forks the keeper, maps the ids, relays what the container says and how it ends.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use nix::fcntl::OFlag;
use nix::sys::wait::WaitStatus;
use nix::unistd::{ForkResult, Pid, fork, getpid, pipe2};

use super::channel::{self, control_pair, wait_for};
use super::error::Error;
use super::execute::Setup;
use super::keeper::{self, Ends};
use super::operation::{Operation, Phase};
use super::plan::Plan;
use super::pty;
use super::relay::{Ended, Relay};
use super::report;
use super::signals::Forwarded;

/// Where the container's standard streams lead.
pub enum Io<'a> {
    /// They are ours, or with a terminal in the plan, that terminal is connected to ours. Signals
    /// that we get are passed on.
    Inherit,
    /// Standard input is empty, and what is written is given to `on_output` as it comes. With a
    /// terminal in the plan everything is [`Stream::Stdout`]. Signals are not touched.
    Capture {
        /// Called with each piece, in order within one stream. Pieces end anywhere, also within a
        /// character.
        on_output: &'a mut dyn FnMut(Stream, &[u8]),
        /// Looked at twenty times a second: once it is set, the container is killed.
        cancel: Option<&'a AtomicBool>,
    },
}

/// Makes the standard input of this process, and so of the containers it runs with [`Io::Inherit`], an empty one.
pub fn close_input() -> Result<(), Error> {
    let path = Path::new("/dev/null");
    let null = std::fs::File::open(path).map_err(Error::io("open", path))?;
    nix::unistd::dup2_stdin(&null).map_err(Error::call("dup2"))
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
/// Blocks. When it returns, no process and no mount of the container is left, and the mount points
/// that only the set-up needed are gone from the upper directory. When our own process dies, the
/// kernel ends the container. May be called from several threads, for different plans: each container hangs on the thread that
/// called, which is here until the end.
///
/// Errors: an operation was refused, or the command could not be executed; [`Error::status`] is
/// the exit status that Docker gives for it.
pub fn run(plan: &Plan, io: Io<'_>) -> Result<Exit, Error> {
    let mut setup = Setup::new(&plan.identity, None, None);
    for operation in plan.of(Phase::Outside) {
        setup.execute(operation).map_err(Error::Setup)?;
    }
    let finished = launch(plan, io);
    for operation in plan.of(Phase::Outside) {
        if let Operation::CreateCgroup { paths } = operation {
            // It is empty now; a refusal leaves an empty group behind and harms nothing.
            paths.iter().for_each(|path| drop(std::fs::remove_dir(path)));
        }
    }
    finished
}

/// Forks the keeper and relays until everything has ended.
fn launch(plan: &Plan, io: Io<'_>) -> Result<Exit, Error> {
    let has_terminal = plan.of(Phase::Rooted).any(|operation| *operation == Operation::NewSession { terminal: true });
    let (control, their_control) = control_pair()?;
    let (failure, their_failure) = pipe()?;
    let (terminal, their_terminal) = if has_terminal {
        let (ours, theirs) = control_pair()?;
        (Some(ours), Some(theirs))
    } else {
        (None, None)
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
    let parent = channel::pidfd(getpid()).map_err(Error::call("pidfd_open"))?;
    let ends = Ends {
        control: their_control,
        failure: their_failure,
        parent,
        streams,
        terminal: their_terminal,
        window: match &io {
            Io::Inherit => pty::window_size(),
            Io::Capture { .. } => None,
        },
    };
    // Before the fork, so that no signal is lost in between.
    let forwarded = match &io {
        Io::Inherit => Some(Forwarded::start()?),
        Io::Capture { .. } => None,
    };
    // SAFETY: fork(2): the child keeps to the rules of `keeper` and never returns.
    let keeper = match unsafe { fork() }.map_err(Error::call("fork"))? {
        ForkResult::Child => keeper::keep(plan, ends),
        ForkResult::Parent { child } => Keeper { process: Some(child) },
    };
    drop(ends);
    if let Err(error) = plan.identity.map_ids(keeper.process(), &control) {
        // Without our end of the socket the keeper stops waiting for its ids.
        drop(control);
        keeper.wait()?;
        return Err(error);
    }
    let ended = Relay::new(control, failure, outputs, terminal, forwarded).until_the_end(io)?;
    let keeper_status = keeper.wait()?;
    conclude(ended, keeper_status)
}

fn conclude(ended: Ended, keeper_status: WaitStatus) -> Result<Exit, Error> {
    if let Some(failure) = report::read(&ended.report)? {
        return Err(Error::Setup(failure));
    }
    match ended.status {
        Some(status) if libc::WIFSIGNALED(status) => Ok(Exit::Signal(libc::WTERMSIG(status))),
        Some(status) => Ok(Exit::Code(libc::WEXITSTATUS(status))),
        None => Err(Error::Within(format!("ended without a status: {keeper_status:?}"))),
    }
}

/// The keeper's process. Dropped before it was waited for, as when a callback panics, it is
/// killed, and the container with it.
struct Keeper {
    process: Option<Pid>,
}

impl Keeper {
    fn process(&self) -> Pid {
        self.process.expect("only `wait` takes it, and ends this value's life")
    }

    fn wait(mut self) -> Result<WaitStatus, Error> {
        let process = self.process();
        self.process = None;
        wait_for(process)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(process) = self.process {
            // SAFETY: kill(2) on our own child; it was not waited for yet, so the number is its.
            unsafe { libc::kill(process.as_raw(), libc::SIGKILL) };
            let _ = wait_for(process);
        }
    }
}

fn pipe() -> Result<(OwnedFd, OwnedFd), Error> {
    pipe2(OFlag::O_CLOEXEC).map_err(Error::call("pipe2"))
}

fn null() -> Result<OwnedFd, Error> {
    let path = Path::new("/dev/null");
    Ok(std::fs::File::open(path).map_err(Error::io("open", path))?.into())
}
