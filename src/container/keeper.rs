//! The keeper: the first of a container's processes. It enters the user namespace, and it tidies up at the end.
//!
//! ```text
//! we ──fork──▶ keeper ──clone──▶ guard ──clone──▶ first process ──execve──▶ the command, process 1
//!  ▲             │ enters the      │ process 1 of     │ enters the mount namespace,
//!  │             │ user namespace  │ an outer process │ carries out the rest of the plan
//!  │             │                 │ id namespace     │
//!  └── status ───┘◀──── ends ──────┘◀───── ends ──────┘
//! ```
//!
//! Each has its reason. A new process id namespace holds only the *children* of the process that made it. The keeper stays
//! outside all namespaces except the user namespace, so it can remove what the set-up made in the upper directory after the
//! container's mounts are gone. The [`guard`](mod@super::guard) makes sure that the container ends.
//!
//! **Who dies with whom.** The keeper has asked the kernel to be killed when we end, and the guard when the keeper ends.
//! When process 1 of a process id namespace ends, the kernel kills everything in it and in the namespaces below. So
//! whichever of us is killed, stopped or not, alone or with the others, no process of the container is left. None of this
//! depends on the command, which can neither see the guard nor change what the guard has asked for. A keeper that
//! outlives its parent would be the same one without [`Operation::EndWithParent`] in its phase, with given streams, and with somebody
//! to record its last message.
//!
//! **Whose memory.** The keeper is a copy of us, because we go on working meanwhile. Only the thread that forked goes on in it, and a
//! lock that another thread held stays locked for ever. So this code only makes system calls and allocates (the C library's `fork` makes
//! the allocator usable in the child): no standard streams, no environment, no threads. The other two
//! share the memory of the keeper, which waits for them, see [`vfork`]. So they can leave it values.

use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, getpid, setsid};

use super::channel::{Ends, Joins, Shared, Word};
use super::emulation::Supervisor;
use super::error::Failure;
use super::execute::{Left, Setup};
use super::guard;
use super::operation::{Operation, Phase};
use super::plan::Plan;
use super::processes::{close_all_but, has_ended, pidfd};
use super::vfork;

/// Runs as the keeper in the process just forked; never returns.
pub(super) fn keep(plan: &Plan, mut ends: Ends) -> ! {
    // A panic must not unwind into what our copy of the stack holds of the caller: two processes would go on with its work.
    let kept = catch_unwind(AssertUnwindSafe(|| prepare(&ends).and_then(|()| enter(plan, &mut ends))));
    let failure = match kept {
        Ok(Ok(())) => None,
        Ok(Err(failure)) => Some(failure),
        Err(_) => Some(Failure::panicked()),
    };
    if let Some(failure) = failure {
        ends.link.say(&Word::Failed(failure));
    }
    // SAFETY: _exit(2) ends this process without the exit handlers of the one it was forked from.
    unsafe { libc::_exit(0) }
}

/// Makes this process its own: no signal of ours, no session of ours, no descriptor of ours, the container's standard
/// streams.
pub(super) fn prepare(ends: &Ends) -> Result<(), Failure> {
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
    let mut kept = vec![ends.parent.as_raw_fd(), std::os::fd::AsFd::as_fd(&ends.link).as_raw_fd()];
    kept.extend(ends.errno.as_ref().map(AsRawFd::as_raw_fd));
    if let Some(Joins { first, born, groups }) = &ends.joins {
        kept.extend([first.as_raw_fd(), born.as_raw_fd()]);
        kept.extend(groups.iter().map(AsRawFd::as_raw_fd));
    }
    kept.extend(ends.plug.as_ref().map(|plug| std::os::fd::AsFd::as_fd(plug).as_raw_fd()));
    kept.extend(ends.shared.iter().flat_map(Shared::descriptors));
    kept.extend(ends.listener.as_ref().map(|listener| listener.as_fd().as_raw_fd()));
    kept.extend(ends.namespace.map(AsRawFd::as_raw_fd));
    kept.extend(ends.supervisor.as_ref().map(|way| std::os::fd::AsFd::as_fd(way.link()).as_raw_fd()));
    close_all_but(kept).map_err(|errno| Failure::call("close_range", errno))
}

/// Carries out the keeper's phase, and waits for the guard's end.
fn enter(plan: &Plan, ends: &mut Ends) -> Result<(), Failure> {
    let mut _supervisor = None;
    for operation in plan.of(Phase::Entering) {
        if *operation == Operation::ForkGuard {
            return start_guard(plan, ends);
        }
        if *operation == Operation::ForkSupervisor {
            let (process, way) = Supervisor::fork()?;
            ends.link.say_with(&Word::Supervised, way.link());
            (_supervisor, ends.supervisor) = (Some(process), Some(way));
        }
        Setup::new(&plan.identity, Some(ends)).execute(operation)?;
    }
    Ok(())
}

fn start_guard(plan: &Plan, ends: &mut Ends) -> Result<(), Failure> {
    // We may have died before the keeper asked to end with us.
    if has_ended(&ends.parent) {
        return Err(Failure::call("waiting for the caller", Errno::ESRCH));
    }
    let keeper: OwnedFd = pidfd(getpid()).map_err(|errno| Failure::call("pidfd_open", errno))?;
    let mut left = Left::default();
    let ended = vfork::call_for_long(|| guard::stand(plan, ends, &keeper, &mut left))
        .map_err(|errno| Failure::call("clone", errno))?;
    match ended.answer {
        Some(Ok(stood)) => stood?,
        Some(Err(_)) => return Err(Failure::panicked()),
        // Somebody has killed the guard, and with it the container.
        None => {}
    }
    conclude(plan, ends, left);
    Ok(())
}

/// Tidies up, as nothing of the container is left, and sends the status.
fn conclude(plan: &Plan, ends: &Ends, left: Left) {
    let mut setup = Setup::new(&plan.identity, Some(ends));
    // What was killed while it was set up may have left our memory in the midst of a change. Nobody keeps its files.
    if let Some(stubs) = left.stubs {
        setup.stubs.made = stubs;
        for operation in plan.of(Phase::Ending) {
            if let Err(failure) = setup.execute(operation) {
                ends.link.say(&Word::Untidy(failure));
            }
        }
    }
    ends.link.say(&Word::Ended(left.status.unwrap_or(libc::SIGKILL)));
}
