//! The container's first process: it carries out what has to happen inside, and becomes the command.
//!
//! The rules for the container's processes are in [`super::keeper`].

use nix::errno::Errno;

use super::channel::Ends;
use super::error::Failure;
use super::execute::{Left, Setup};
use super::operation::Phase;
use super::plan::Plan;

// ANCHOR: become_command
/// Runs as the first process. Comes back only with a failure.
pub(super) fn become_command(plan: &Plan, ends: &Ends, left: &mut Left) -> Failure {
    let mut setup = Setup::new(&plan.identity, Some(ends));
    let rooted = [Phase::Inside, Phase::Rooted]
        .into_iter()
        .flat_map(|phase| plan.of(phase))
        .try_for_each(|operation| setup.execute(operation));
    // The keeper needs to know of these even when something failed.
    left.stubs = Some(std::mem::take(&mut setup.stubs.made));
    let failed = rooted.and_then(|()| plan.of(Phase::Leaving).try_for_each(|operation| setup.execute(operation)));
    failed.err().unwrap_or_else(|| Failure::call("the plan has no command", Errno::ENOEXEC))
}
// ANCHOR_END: become_command
