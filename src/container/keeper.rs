//! The keeper: the first of the forked processes. It enters the user namespace, and it tidies up at the end.
//!
//! ```text
//! we ──fork──▶ keeper ──fork──▶ guard ──fork──▶ first process ──execve──▶ the command, process 1
//!  ▲             │ enters the      │ process 1 of     │ enters the mount namespace,
//!  │             │ user namespace  │ an outer process │ carries out the rest of the plan
//!  │             │                 │ id namespace     │
//!  └── status ───┘◀──── ends ──────┘◀───── ends ──────┘
//! ```
//!
//! Each has its reason. A new process id namespace holds only the *children* of the one who made it. The keeper stays
//! outside of all namespaces but the user's, so it can remove what the set-up made in the upper directory when the
//! container's mounts are gone. The [`guard`](super::guard) makes the end certain.
//!
//! **Who dies with whom.** The keeper has asked the kernel to be killed when we end, and the guard when the keeper ends.
//! When process 1 of a process id namespace ends, the kernel kills everything in it and in the namespaces below. So
//! whichever of us is killed, stopped or not, alone or with the others: no process of the container is left. None of this
//! depends on the command, which can neither see the guard nor change what the guard has asked for.
//!
//! **After a fork** only the thread that forked goes on, and a lock that another one held stays
//! locked for ever. So this code calls the system and allocates (the C library's `fork` makes the
//! allocator usable in the child), and does nothing else: no standard streams, no environment, no
//! threads. All three leave by execve or _exit.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{ForkResult, Pid, dup2_stderr, dup2_stdin, dup2_stdout, fork, setsid};

use super::channel::{Told, control_pair, hear_all, hung_up, send_all_open, wait_status};
use super::error::Failure;
use super::execute::Setup;
use super::guard;
use super::operation::{Operation, Phase};
use super::plan::Plan;
use super::report;
use super::stubs;

/// The descriptors that the keeper starts with; everything else above 2 is closed.
pub(super) struct Ends {
    /// To us: the first process as a pidfd, then its wait status.
    pub control: OwnedFd,
    /// To us: what went wrong before the command, see [`report`](super::report).
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
    // It is caught here in the guard and in the first process, too.
    let kept = catch_unwind(AssertUnwindSafe(|| prepare(&ends).and_then(|()| enter(plan, &ends))));
    let failure = match kept {
        Ok(Ok(())) => None,
        Ok(Err(failure)) => Some(failure),
        Err(_) => Some(Failure::call("the set-up panicked", Errno::ENOTRECOVERABLE)),
    };
    let status = match failure {
        None => 0,
        Some(failure) => {
            report::failed(&ends.failure, failure);
            125
        }
    };
    // SAFETY: _exit(2) ends this process without the exit handlers of the one it was forked from.
    unsafe { libc::_exit(status) }
}

/// Makes this process its own: no signal of ours, no session of ours, no descriptor of ours, the container's standard
/// streams.
fn prepare(ends: &Ends) -> Result<(), Failure> {
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), None)
        .map_err(|errno| Failure::call("sigprocmask", errno))?;
    // What is sent to our process group, by a key or by a shell, is for us alone to act on.
    setsid().map_err(|errno| Failure::call("setsid", errno))?;
    umask(Mode::from_bits_truncate(0o022));
    if let Some([input, output, error]) = &ends.streams {
        let refused = |errno| Failure::call("dup2", errno);
        dup2_stdin(input).map_err(refused)?;
        dup2_stdout(output).map_err(refused)?;
        dup2_stderr(error).map_err(refused)?;
    }
    let mut kept = vec![ends.control.as_raw_fd(), ends.failure.as_raw_fd(), ends.parent.as_raw_fd()];
    kept.extend(ends.terminal.as_ref().map(AsRawFd::as_raw_fd));
    close_all_but(kept)
}

/// Carries out the keeper's phase, forks the guard, and waits for its end.
fn enter(plan: &Plan, ends: &Ends) -> Result<(), Failure> {
    let mut setup = Setup::new(&plan.identity, Some(&ends.control), ends.terminal.as_ref());
    setup.failure = Some(&ends.failure);
    setup.window = ends.window;
    setup.streams = match (&ends.terminal, &ends.streams) {
        (Some(_), _) => &[0],
        (None, Some(_)) => &[1, 2],
        (None, None) => &[],
    };
    for operation in plan.of(Phase::Entering) {
        if *operation == Operation::ForkGuard {
            return fork_guard(plan, ends, setup);
        }
        setup.execute(operation)?;
    }
    Ok(())
}

fn fork_guard(plan: &Plan, ends: &Ends, setup: Setup<'_>) -> Result<(), Failure> {
    // We may have died before the keeper asked to end with us.
    if hung_up(&ends.parent) {
        return Err(Failure::call("waiting for the caller", Errno::ESRCH));
    }
    let (ours, theirs) = control_pair().map_err(|_| Failure::call("socketpair", Errno::last()))?;
    // SAFETY: fork(2): this process has one thread; the child goes on with the rules of this
    // module.
    match unsafe { fork() }.map_err(|errno| Failure::call("fork", errno))? {
        ForkResult::Child => {
            drop(ours);
            guard::stand(plan, ends, setup, &theirs)
        }
        ForkResult::Parent { child } => {
            drop(theirs);
            conclude(plan, ends, child, &ours)
        }
    }
}

/// Waits until nothing of the container is left, tidies up and sends the status.
fn conclude(plan: &Plan, ends: &Ends, guard: Pid, told: &OwnedFd) -> Result<(), Failure> {
    // This ends when the last process that could tell something is gone or has executed the command; then the guard's end
    // is waited for, which comes after that of all the others.
    let told = hear_all(told);
    wait_status(guard)?;
    // Without a word of the end somebody has killed the guard, and with it the container.
    let mut status = libc::SIGKILL;
    for one in told {
        match one {
            Told::Made(stubs) => stubs::remove(&plan.upper, &stubs),
            Told::Ended(ended) => status = ended,
        }
    }
    send_all_open(&ends.control, &status.to_ne_bytes());
    Ok(())
}

/// Closes every descriptor above 2 that is not `kept`.
fn close_all_but(mut kept: Vec<RawFd>) -> Result<(), Failure> {
    kept.sort_unstable();
    let mut first = 3;
    for descriptor in kept.into_iter().chain([RawFd::MAX]) {
        if first < descriptor {
            // SAFETY: close_range(2). The descriptors belong to the process we were forked from;
            // their owners' code never runs here.
            let answer = unsafe { libc::syscall(libc::SYS_close_range, first, descriptor - 1, 0) };
            Errno::result(answer).map_err(|errno| Failure::call("close_range", errno))?;
        }
        first = descriptor.saturating_add(1);
    }
    Ok(())
}
