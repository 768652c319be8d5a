//! The guard: process 1 of a process id namespace around the container's own.
//!
//! The command is process 1 of its namespace, as in Docker, so it could ask the kernel not to be killed with us (prctl(2),
//! PR_SET_PDEATHSIG) and live on when we are gone. The guard prevents this: it is process 1 of the outer namespace,
//! it runs no foreign code, and nothing inside can see it. When it ends, everything inside ends. See pid_namespaces(7)
//! and [`super::keeper`].

use std::os::fd::OwnedFd;

use nix::errno::Errno;

use super::channel::{Ends, Word};
use super::error::Failure;
use super::execute::{Left, Setup};
use super::init;
use super::operation::{Operation, Phase};
use super::plan::Plan;
use super::processes::{self, has_ended};
use super::vfork;

/// Runs as the guard: carries out its phase, starts the container's first process, and waits for its end.
pub(super) fn stand(plan: &Plan, ends: &mut Ends, keeper: &OwnedFd, left: &mut Left) -> Result<(), Failure> {
    for operation in plan.of(Phase::Guarding) {
        if *operation != Operation::ForkInit {
            Setup::new(&plan.identity, Some(ends)).execute(operation)?;
            continue;
        }
        // The keeper may have died before the guard asked to end with it.
        if has_ended(keeper) {
            return Err(Failure::call("waiting for the keeper", Errno::ESRCH));
        }
        let (child, answer) = vfork::until_exec(|| init::become_command(plan, ends, left))
            .map_err(|errno| Failure::call("clone", errno))?;
        // Until the command is executed the trampoline may write to it, and then nobody any more.
        ends.errno = None;
        match &answer {
            // It has executed the command, or was killed.
            None => {}
            Some(Ok(failure)) => drop(ends.link.say(&Word::Failed(failure.clone()))),
            Some(Err(_)) => drop(ends.link.say(&Word::Failed(Failure::panicked()))),
        }
        left.status = Some(match &ends.supervisor {
            None => processes::wait(child).map_err(|errno| Failure::call("waitpid", errno))?,
            Some(way) => way.wait(child).unwrap_or_else(|failure| {
                // Whoever goes on without it would be told what is not so. Our end is the container's.
                ends.link.say(&Word::Failed(failure));
                libc::SIGKILL
            }),
        });
    }
    Ok(())
}
