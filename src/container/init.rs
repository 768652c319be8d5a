//! The container's first process: it carries out what has to happen inside, and becomes the command.
//!
//! The rules for forked processes are in [`super::keeper`].

use std::os::fd::OwnedFd;

use nix::errno::Errno;

use super::channel::{Told, tell};
use super::error::Failure;
use super::execute::Setup;
use super::keeper::Ends;
use super::operation::Phase;
use super::plan::Plan;
use super::report;

/// Runs as the first process in the process just forked; never returns.
pub(super) fn begin(plan: &Plan, setup: Setup<'_>, ends: &Ends, keeper: &OwnedFd) -> ! {
    report::failed(&ends.failure, become_command(plan, setup, keeper));
    // SAFETY: _exit(2) ends this process without the exit handlers of the one it was forked from.
    unsafe { libc::_exit(125) }
}

/// Comes back only with a failure.
fn become_command(plan: &Plan, mut setup: Setup<'_>, keeper: &OwnedFd) -> Failure {
    let mut become_it = || {
        let rooted = [Phase::Inside, Phase::Rooted]
            .into_iter()
            .flat_map(|phase| plan.of(phase))
            .try_for_each(|operation| setup.execute(operation));
        // The keeper needs to know of these even when something failed.
        tell(keeper, &Told::Made(std::mem::take(&mut setup.stubs.made)));
        rooted?;
        plan.of(Phase::Leaving).try_for_each(|operation| setup.execute(operation))
    };
    match become_it() {
        Err(failure) => failure,
        Ok(()) => Failure::call("the plan has no command", Errno::ENOEXEC),
    }
}
