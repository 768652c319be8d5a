//! A container paused: none of its processes runs, and none of them notices.
//!
//! That is what the freezer of control groups does, see cgroups(7) and the kernel's cgroup-v2.rst, "cgroup.freeze". A container
//! has a control group of its own only where one was asked for and could be made. Everywhere else its processes are stopped by
//! SIGSTOP, one by one. They are known by their process id namespace, and the namespace is looked through again until nothing new
//! was found, as a process may have made another one meanwhile.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::unistd::Pid;

use super::error::Error;
use super::processes;

/// By which means a container is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paused {
    /// Its control group is frozen.
    Frozen,
    /// Its processes were sent SIGSTOP.
    Stopped,
}

/// Pauses the container whose first process this is.
pub(super) fn pause(first: &OwnedFd, groups: &[PathBuf]) -> Result<Paused, Error> {
    if let Some(freezer) = Freezer::find(groups) {
        freezer.write(freezer.frozen())?;
        return Ok(Paused::Frozen);
    }
    signal_all(first, libc::SIGSTOP)?;
    Ok(Paused::Stopped)
}

/// Lets it go on.
pub(super) fn resume(first: &OwnedFd, groups: &[PathBuf]) -> Result<(), Error> {
    match Freezer::find(groups) {
        Some(freezer) => freezer.write(freezer.thawed()),
        None => signal_all(first, libc::SIGCONT),
    }
}

/// The file that freezes a control group.
enum Freezer {
    V1(PathBuf),
    V2(PathBuf),
}

impl Freezer {
    fn find(groups: &[PathBuf]) -> Option<Freezer> {
        groups.iter().find_map(|group| {
            let (one, two) = (group.join("freezer.state"), group.join("cgroup.freeze"));
            if two.exists() { Some(Freezer::V2(two)) } else { one.exists().then_some(Freezer::V1(one)) }
        })
    }

    fn frozen(&self) -> &'static str {
        match self {
            Freezer::V1(_) => "FROZEN",
            Freezer::V2(_) => "1",
        }
    }

    fn thawed(&self) -> &'static str {
        match self {
            Freezer::V1(_) => "THAWED",
            Freezer::V2(_) => "0",
        }
    }

    fn write(&self, text: &str) -> Result<(), Error> {
        let (Freezer::V1(path) | Freezer::V2(path)) = self;
        fs::write(path, text).map_err(Error::io("write", path))
    }
}

/// Sends a signal to every process of the container, its first process before all others.
fn signal_all(first: &OwnedFd, number: i32) -> Result<(), Error> {
    let Some(leader) = processes::number(first) else { return Ok(()) };
    let Some(namespace) = namespace_of(leader) else { return Ok(()) };
    send(first, number)?;
    let mut reached = vec![leader];
    loop {
        let before = reached.len();
        for process in numbers()? {
            if reached.contains(&process) || namespace_of(process) != Some(namespace) {
                continue;
            }
            let Ok(descriptor) = processes::pidfd(Pid::from_raw(process)) else { continue };
            // The number may belong to another process by now; from here on it can't.
            if namespace_of(process) == Some(namespace) {
                send(&descriptor, number)?;
                reached.push(process);
            }
        }
        if reached.len() == before {
            if number == libc::SIGSTOP {
                wait_until_stopped(&reached);
            }
            return Ok(());
        }
    }
}

/// Waits until no thread of these processes runs any more. A signal takes effect when a thread comes back from the kernel, which may
/// take as long as what it does there: so it is waited for a while only.
fn wait_until_stopped(processes: &[i32]) {
    let begin = Instant::now();
    let runs = |process: &i32| {
        let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        threads.map(|thread| thread.path().join("stat")).any(|stat| {
            let text = fs::read_to_string(stat).unwrap_or_default();
            // Behind the name, which may have anything in it.
            matches!(text.rsplit(") ").next().and_then(|rest| rest.chars().next()), Some('R' | 'S'))
        })
    };
    while processes.iter().any(runs) && begin.elapsed() < A_WHILE {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// How long a process may take to be stopped.
const A_WHILE: Duration = Duration::from_secs(1);

/// The numbers of all processes that are in the process id namespace of this one, itself included.
///
/// # Errors
/// `/proc` can't be listed.
pub(crate) fn members(leader: i32) -> Result<Vec<i32>, Error> {
    let Some(namespace) = namespace_of(leader) else { return Ok(Vec::new()) };
    let mut members = numbers()?;
    members.retain(|process| namespace_of(*process) == Some(namespace));
    members.sort_unstable();
    Ok(members)
}

fn send(process: &OwnedFd, number: i32) -> Result<(), Error> {
    match processes::signal(process, number) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(Error::Call { call: "pidfd_send_signal", errno }),
    }
}

/// What the kernel knows a process id namespace by; `None` where the process has ended, or is not ours to look at.
fn namespace_of(process: i32) -> Option<(u64, u64)> {
    let found = fs::metadata(format!("/proc/{process}/ns/pid")).ok()?;
    Some((found.dev(), found.ino()))
}

/// Every process of the machine.
fn numbers() -> Result<Vec<i32>, Error> {
    let proc = Path::new("/proc");
    let entries = fs::read_dir(proc).map_err(Error::io("list", proc))?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}
