//! Control groups of a container that belongs to a manager: who is in them, ended, and taken away.

use std::fs;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;

use super::cgroup;
use super::error::Error;
use super::freeze::{freeze_groups, thaw_groups};
use super::processes::{has_ended, pidfd, signal};

/// How long the kernel may take to notice that a process is gone.
const PATIENCE: Duration = Duration::from_secs(2);

/// Waits until a process has ended.
pub(crate) fn wait_for_end(process: &OwnedFd) {
    // One that does not end is seen by whoever looks next.
    let _ = ends_until(process, Instant::now() + PATIENCE);
}

/// Whether a child ends before this moment. It is not waited for.
pub(crate) fn ends_before(child: u32, deadline: Instant) -> bool {
    let process = pidfd(Pid::from_raw(child.cast_signed()));
    process.is_ok_and(|process| ends_until(&process, deadline))
}

fn ends_until(process: &OwnedFd, deadline: Instant) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(process.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(0) if left.is_zero() => return false,
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return true,
            Err(_) => return false,
        }
    }
}

/// Removes groups, and those that the container has made in them.
///
/// # Errors
/// One is not empty, or the kernel refuses.
pub(crate) fn remove_groups(groups: &[PathBuf]) -> Result<(), Error> {
    // Each, even if one can't be.
    let removed: Vec<Result<(), Error>> =
        groups.iter().map(|group| cgroup::remove(group).map_err(Error::Setup)).collect();
    removed.into_iter().collect()
}

/// The numbers of the processes in groups and in those below them.
pub(crate) fn numbers_of(groups: &[PathBuf]) -> Vec<i32> {
    let mut numbers: Vec<i32> = groups.iter().flat_map(|group| numbers_in(group)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// As [`numbers_of`], of one.
pub(super) fn numbers_in(group: &Path) -> Vec<i32> {
    let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    let mut numbers: Vec<i32> = text.lines().filter_map(|line| line.parse().ok()).collect();
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    for below in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        numbers.extend(numbers_in(&below.path()));
    }
    numbers
}

/// The processes in groups. A number may come to belong to another process: so it counts only if it is there when the process is held already.
pub(crate) fn members_of(groups: &[PathBuf]) -> Vec<OwnedFd> {
    let held: Vec<(i32, OwnedFd)> = numbers_of(groups)
        .into_iter()
        .filter_map(|number| Some((number, pidfd(Pid::from_raw(number)).ok()?)))
        .collect();
    let still = numbers_of(groups);
    let is_member = |(number, process): &(i32, OwnedFd)| still.contains(number) && !has_ended(process);
    held.into_iter().filter(is_member).map(|(_, process)| process).collect()
}

/// Ends every process in groups, those included that are made meanwhile.
pub(crate) fn end_members(groups: &[PathBuf]) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        // What is stopped makes no other ones. Where there is no freezer, the next time finds them.
        let _ = freeze_groups(groups);
        let members = members_of(groups);
        for process in &members {
            // It can only have ended.
            let _ = signal(process, libc::SIGKILL);
        }
        let _ = thaw_groups(groups);
        if members.is_empty() || Instant::now() > deadline {
            return;
        }
        for process in &members {
            let _ = ends_until(process, deadline);
        }
    }
}
