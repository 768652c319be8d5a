//! The two forked processes of a container: its keeper and its first process.
//!
//! ```text
//! we ──fork──▶ keeper ──fork──▶ first process ──execve──▶ the command, process 1
//!  ▲             │ enters the user namespace,    │ enters the mount namespace,
//!  │             │ makes the others, waits       │ carries out the rest of the plan
//!  └─ status ────┘◀────────── ends ──────────────┘
//! ```
//!
//! Two, because a new process id namespace holds only the *children* of the one who made it. The
//! keeper stays outside the mount namespace, so it can tidy the upper directory when the
//! container's mounts are gone; and it ends the container when we die.
//!
//! **After a fork** only the thread that forked goes on, and a lock that another one held stays
//! locked for ever. So this code calls the system and allocates (the C library's `fork` makes the
//! allocator usable in the child), and does nothing else: no standard streams, no environment, no
//! threads. Both processes leave by execve or _exit.

use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{ForkResult, Pid, dup2_stderr, dup2_stdin, dup2_stdout, fork};

use super::channel::{control_pair, pidfd, send_all_open, send_descriptor};
use super::error::Failure;
use super::execute::Setup;
use super::leave;
use super::operation::{Operation, Phase};
use super::plan::Plan;
use super::stubs::{self, Stub};

/// The descriptors that the keeper starts with; everything else above 2 is closed.
pub(super) struct Ends {
    /// To us: the first process as a pidfd, then its wait status.
    pub control: OwnedFd,
    /// To us: one [`Failure`] as JSON, or the end of the file at execve.
    pub failure: OwnedFd,
    /// We, as a pidfd: readable when we are gone.
    pub parent: OwnedFd,
    /// The standard streams: what they become, where they are not ours.
    pub streams: Option<[OwnedFd; 3]>,
    /// To us: the terminal's master.
    pub terminal: Option<OwnedFd>,
    /// The size that the terminal begins with.
    pub window: Option<libc::winsize>,
}

/// Runs as the keeper in the process just forked; never returns.
pub(super) fn keep(plan: &Plan, ends: Ends) -> ! {
    // A panic must not unwind into what our copy of the stack holds of the caller: two processes would go on with its work.
    // It is caught here in the first process, too.
    let kept = catch_unwind(AssertUnwindSafe(|| prepare(&ends).and_then(|()| enter(plan, &ends))));
    let failure = match kept {
        Ok(Ok(())) => None,
        Ok(Err(failure)) => Some(failure),
        Err(_) => Some(Failure::call("the set-up panicked", Errno::ENOTRECOVERABLE)),
    };
    let status = match failure {
        None => 0,
        Some(failure) => {
            report(&ends.failure, &failure);
            125
        }
    };
    // SAFETY: _exit(2) ends this process without the exit handlers of the one it was forked from.
    unsafe { libc::_exit(status) }
}

/// Makes this process its own: no signal of ours, no descriptor of ours, the container's standard
/// streams.
fn prepare(ends: &Ends) -> Result<(), Failure> {
    // A key pressed at the terminal signals us and the keeper; only we act on it.
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), None)
        .map_err(|errno| Failure::call("sigprocmask", errno))?;
    umask(Mode::from_bits_truncate(0o022));
    if let Some([input, output, error]) = &ends.streams {
        let refused = |errno| Failure::call("dup2", errno);
        dup2_stdin(input).map_err(refused)?;
        dup2_stdout(output).map_err(refused)?;
        dup2_stderr(error).map_err(refused)?;
    }
    let mut kept = vec![ends.control.as_raw_fd(), ends.failure.as_raw_fd(), ends.parent.as_raw_fd()];
    kept.extend(ends.terminal.as_ref().map(AsRawFd::as_raw_fd));
    close_all_but(kept);
    Ok(())
}

/// Carries out the keeper's phase, forks the first process, and waits for its end.
fn enter(plan: &Plan, ends: &Ends) -> Result<(), Failure> {
    let mut setup = Setup::new(&plan.identity, Some(&ends.control), ends.terminal.as_ref());
    setup.window = ends.window;
    setup.streams = match (&ends.terminal, &ends.streams) {
        (Some(_), _) => &[0],
        (None, Some(_)) => &[1, 2],
        (None, None) => &[],
    };
    for operation in plan.of(Phase::Entering) {
        if *operation == Operation::ForkInit {
            return fork_init(plan, ends, setup);
        }
        setup.execute(operation)?;
    }
    Ok(())
}

fn fork_init(plan: &Plan, ends: &Ends, setup: Setup<'_>) -> Result<(), Failure> {
    let (ours, theirs) = control_pair().map_err(|_| Failure::call("socketpair", Errno::last()))?;
    // SAFETY: fork(2): this process has one thread; the child goes on with the rules of this
    // module.
    match unsafe { fork() }.map_err(|errno| Failure::call("fork", errno))? {
        ForkResult::Child => {
            drop(ours);
            let failure = begin(plan, setup, &theirs);
            report(&ends.failure, &failure);
            // SAFETY: as in `keep`.
            unsafe { libc::_exit(125) }
        }
        ForkResult::Parent { child } => {
            drop(theirs);
            wait_for_end(plan, ends, child, ours)
        }
    }
}

/// Runs as the first process: comes back only with a failure.
fn begin(plan: &Plan, mut setup: Setup<'_>, keeper: &OwnedFd) -> Failure {
    let begun = (|| {
        leave::die_with_parent()?;
        // The keeper may have died before that took effect.
        if hung_up(keeper) {
            return Err(Failure::call("waiting for the keeper", Errno::ESRCH));
        }
        let rooted = [Phase::Inside, Phase::Rooted]
            .into_iter()
            .flat_map(|phase| plan.of(phase))
            .try_for_each(|operation| setup.execute(operation));
        // The keeper needs to know of these even when something failed.
        let made = serde_json::to_vec(&setup.stubs.made).unwrap_or_default();
        send_all_open(keeper, &made);
        rooted?;
        plan.of(Phase::Leaving).try_for_each(|operation| setup.execute(operation))
    })();
    begun.err().unwrap_or_else(|| Failure::call("the plan has no command", Errno::ENOEXEC))
}

/// Tells us about the first process, waits for its end or ours, tidies up and sends the status.
fn wait_for_end(plan: &Plan, ends: &Ends, child: Pid, stubs: OwnedFd) -> Result<(), Failure> {
    let first = pidfd(child).map_err(|errno| Failure::call("pidfd_open", errno))?;
    send_descriptor(&ends.control, &first).map_err(|errno| Failure::call("sendmsg", errno))?;
    let mut polled =
        [PollFd::new(first.as_fd(), PollFlags::POLLIN), PollFd::new(ends.parent.as_fd(), PollFlags::POLLIN)];
    loop {
        match poll(&mut polled, PollTimeout::NONE) {
            Ok(_) => break,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(Failure::call("poll", errno)),
        }
    }
    if polled[0].any() != Some(true) {
        // We are gone, so nobody will see the end: no process of the container outlives its first.
        // SAFETY: kill(2) on our own child, which was not waited for yet, so the number is still
        // its.
        unsafe { libc::kill(child.as_raw(), libc::SIGKILL) };
    }
    let status = raw_wait(child)?;
    let mut made = Vec::new();
    // The last holder of the other end is gone: this reads what there is and does not wait.
    let _ = std::fs::File::from(stubs).read_to_end(&mut made);
    let made: Vec<Stub> = serde_json::from_slice(&made).unwrap_or_default();
    stubs::remove(&plan.upper, &made);
    send_all_open(&ends.control, &status.to_ne_bytes());
    Ok(())
}

fn raw_wait(child: Pid) -> Result<i32, Failure> {
    let mut status = 0;
    loop {
        // SAFETY: waitpid(2) writes one int, which lives until it returns.
        let answer = unsafe { libc::waitpid(child.as_raw(), &raw mut status, 0) };
        match Errno::result(answer) {
            Ok(_) => return Ok(status),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(Failure::call("waitpid", errno)),
        }
    }
}

fn report(pipe: &OwnedFd, failure: &Failure) {
    let text = serde_json::to_vec(failure).unwrap_or_default();
    if let Ok(pipe) = pipe.try_clone() {
        // Nobody is left to be told when this fails.
        let _ = std::fs::File::from(pipe).write_all(&text);
    }
}

fn hung_up(socket: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    matches!(poll(&mut polled, PollTimeout::ZERO), Ok(count) if count > 0)
}

/// Closes every descriptor above 2 that is not `kept`.
fn close_all_but(mut kept: Vec<RawFd>) {
    kept.sort_unstable();
    let mut first = 3;
    for descriptor in kept.into_iter().chain([RawFd::MAX]) {
        if first < descriptor {
            // SAFETY: close_range(2). The descriptors belong to the process we were forked from;
            // their owners' code never runs here.
            unsafe { libc::syscall(libc::SYS_close_range, first, descriptor - 1, 0) };
        }
        first = descriptor.saturating_add(1);
    }
}
