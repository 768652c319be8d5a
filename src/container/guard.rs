//! The guard: process 1 of a process id namespace around the container's own.
//!
//! The command is process 1 of its namespace, as in Docker, so it could ask the kernel not to be killed with us (prctl(2),
//! PR_SET_PDEATHSIG) and live on when we are gone. The guard is why it does not: it is process 1 of the namespace outside,
//! it runs no foreign code, and nothing inside can see it. Its end is the end of everything inside. See pid_namespaces(7)
//! and [`super::keeper`].

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::unistd::{ForkResult, Pid, fork};

use super::channel::{Told, hung_up, pidfd, send_descriptor, tell, wait_status};
use super::error::Failure;
use super::execute::Setup;
use super::init;
use super::keeper::Ends;
use super::operation::{Operation, Phase};
use super::plan::Plan;
use super::report;

/// Runs as the guard in the process just forked; never returns.
pub(super) fn stand(plan: &Plan, ends: &Ends, setup: Setup<'_>, keeper: &OwnedFd) -> ! {
    let status = match enclose(plan, ends, setup, keeper) {
        Ok(()) => 0,
        Err(failure) => {
            report::failed(&ends.failure, failure);
            125
        }
    };
    // SAFETY: _exit(2) ends this process without the exit handlers of the one it was forked from.
    unsafe { libc::_exit(status) }
}

/// Carries out the guard's phase, forks the container's first process, and waits for its end.
fn enclose(plan: &Plan, ends: &Ends, mut setup: Setup<'_>, keeper: &OwnedFd) -> Result<(), Failure> {
    for operation in plan.of(Phase::Guarding) {
        if *operation != Operation::ForkInit {
            setup.execute(operation)?;
            continue;
        }
        // The keeper may have died before the guard asked to end with it.
        if hung_up(keeper) {
            return Err(Failure::call("waiting for the keeper", Errno::ESRCH));
        }
        // SAFETY: fork(2): this process has one thread; the child goes on with the rules of `keeper`.
        return match unsafe { fork() }.map_err(|errno| Failure::call("fork", errno))? {
            ForkResult::Child => init::begin(plan, setup, ends, keeper),
            ForkResult::Parent { child } => wait_for_end(ends, child, keeper),
        };
    }
    Ok(())
}

/// Tells us about the first process, and the keeper about its end.
fn wait_for_end(ends: &Ends, child: Pid, keeper: &OwnedFd) -> Result<(), Failure> {
    let first = pidfd(child).map_err(|errno| Failure::call("pidfd_open", errno))?;
    send_descriptor(&ends.control, &first).map_err(|errno| Failure::call("sendmsg", errno))?;
    let status = wait_status(child)?;
    tell(keeper, &Told::Ended(status));
    Ok(())
}
