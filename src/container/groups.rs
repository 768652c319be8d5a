//! Control groups of a container that belongs to a manager: who is in them, stopped and let go, taken away.

use std::fs;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;

use super::error::{Error, Failure, errno};
use super::processes::pidfd;

/// How long the kernel may take to notice that a process or a group is gone.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(2);

/// The file that stops all processes of a group, and what is written to it.
fn freezer(groups: &[PathBuf]) -> Option<(PathBuf, [&'static str; 2])> {
    groups.iter().find_map(|group| {
        let files = [("cgroup.freeze", ["1", "0"]), ("freezer.state", ["FROZEN", "THAWED"])];
        files.into_iter().map(|(name, words)| (group.join(name), words)).find(|(file, _)| file.exists())
    })
}

/// Stops every process.
///
/// # Errors
/// There is no such group, or the kernel refuses.
pub(crate) fn freeze_groups(groups: &[PathBuf]) -> Result<(), Error> {
    write(groups, 0)
}

/// Lets every process go on.
///
/// # Errors
/// As [`freeze_groups`].
pub(crate) fn thaw_groups(groups: &[PathBuf]) -> Result<(), Error> {
    write(groups, 1)
}

fn write(groups: &[PathBuf], word: usize) -> Result<(), Error> {
    let (file, words) =
        freezer(groups).ok_or_else(|| {
            Error::Setup(Failure::call("find a control group with a freezer", Errno::ENOENT).hint(
                "the bundle needs a `linux.cgroupsPath`, and the machine the freezer mounted below /sys/fs/cgroup",
            ))
        })?;
    fs::write(&file, words[word]).map_err(Error::io("write", &file))
}

/// Whether a group is stopped.
pub(crate) fn is_frozen(groups: &[PathBuf]) -> bool {
    freezer(groups).is_some_and(|(file, [frozen, _])| {
        fs::read_to_string(file).is_ok_and(|text| text.trim() == frozen || text.trim() == "FREEZING")
    })
}

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

/// Removes a group, and those that the container has made in it. One that is not empty stays.
pub(crate) fn remove_group(group: &Path) {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    for below in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_group(&below.path());
    }
    let deadline = Instant::now() + PATIENCE;
    // The kernel may need a moment to notice that it is empty.
    let is_empty = || fs::read_to_string(group.join("cgroup.procs")).is_ok_and(|text| text.is_empty());
    while fs::remove_dir(group).is_err_and(|error| errno(&error) == Errno::EBUSY)
        && is_empty()
        && Instant::now() < deadline
    {
        std::thread::sleep(PAUSE);
    }
}

/// The numbers of the processes in them.
pub(crate) fn members_of(groups: &[PathBuf]) -> Vec<i32> {
    let texts = groups.iter().filter_map(|group| fs::read_to_string(group.join("cgroup.procs")).ok());
    let numbers = |text: String| text.lines().filter_map(|line| line.parse().ok()).collect::<Vec<i32>>();
    let mut members: Vec<i32> = texts.flat_map(numbers).collect();
    members.sort_unstable();
    members.dedup();
    members
}
