//! A container paused: none of its processes runs, and none of them notices.
//!
//! That is what the freezer of control groups does, see cgroups(7) and the kernel's cgroup-v2.rst, "cgroup.freeze". A container
//! has a control group of its own only where one was asked for and could be made. Everywhere else its processes are stopped by
//! SIGSTOP, one by one. They are known by their process id namespace, which is the container's or has come about inside it, see
//! ioctl_ns(2). A process may make another one until it is stopped: so they are looked through until twice the same ones were there and
//! none of them ran.
//!
//! It is paused only when all of it is: whoever asked for that may read its files from then on.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::unistd::Pid;

use super::error::{Error, Failure};
use super::processes;

/// By which means a container is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paused {
    /// Its control group is frozen.
    Frozen,
    /// Its processes were sent SIGSTOP.
    Stopped,
}

/// Pauses the container whose first process this is. It goes on where that is not possible.
pub(super) fn pause(first: &OwnedFd, groups: &[PathBuf]) -> Result<Paused, Error> {
    let (paused, how) = match Freezer::find(groups) {
        Some(freezer) => (freezer.freeze(), Paused::Frozen),
        None => (stop_all(first), Paused::Stopped),
    };
    if let Err(error) = paused {
        // What it says to that is of no use to whoever wanted it paused.
        let _ = resume(first, groups);
        return Err(error);
    }
    Ok(how)
}

/// Lets it go on.
pub(super) fn resume(first: &OwnedFd, groups: &[PathBuf]) -> Result<(), Error> {
    match Freezer::find(groups) {
        Some(freezer) => freezer.write(freezer.thawed()),
        None => continue_all(first),
    }
}

/// Lets processes that were killed come to their end: a control group of version 1 keeps them from it while it is frozen.
pub(super) fn let_end(groups: &[PathBuf]) {
    if let Some(freezer @ Freezer::V1(_)) = Freezer::find(groups) {
        // It may have gone with its processes.
        let _ = freezer.write(freezer.thawed());
    }
}

/// Stops every process of groups, and waits until that is so: or else lets all of them go on.
///
/// # Errors
/// There is no freezer, or somebody does not stop in time.
pub(crate) fn freeze_groups(groups: &[PathBuf]) -> Result<(), Error> {
    let freezer = Freezer::of(groups)?;
    freezer.freeze().inspect_err(|_| drop(freezer.write(freezer.thawed())))
}

/// Lets every process of groups go on.
///
/// # Errors
/// There is no freezer, or the kernel refuses.
pub(crate) fn thaw_groups(groups: &[PathBuf]) -> Result<(), Error> {
    let freezer = Freezer::of(groups)?;
    freezer.write(freezer.thawed())
}

/// Whether groups are stopped, or about to be.
pub(crate) fn is_frozen(groups: &[PathBuf]) -> bool {
    Freezer::find(groups).is_some_and(|freezer| {
        let (Freezer::V1(path) | Freezer::V2(path)) = &freezer;
        fs::read_to_string(path).is_ok_and(|text| text.trim() != freezer.thawed())
    })
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

    fn of(groups: &[PathBuf]) -> Result<Freezer, Error> {
        Freezer::find(groups).ok_or_else(|| {
            Error::Setup(Failure::call("find a control group with a freezer", Errno::ENOENT).hint(
                "the bundle needs a `linux.cgroupsPath`, and the machine the freezer mounted below /sys/fs/cgroup",
            ))
        })
    }

    /// Freezes it, and waits until that is so.
    fn freeze(&self) -> Result<(), Error> {
        self.write(self.frozen())?;
        let begin = Instant::now();
        while !self.is_frozen()? {
            if begin.elapsed() > A_WHILE {
                return Err(Error::StillRuns(A_WHILE));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn is_frozen(&self) -> Result<bool, Error> {
        let read = |path: &Path| fs::read_to_string(path).map_err(Error::io("read", path));
        Ok(match self {
            Freezer::V1(path) => read(path)?.trim() == "FROZEN",
            Freezer::V2(path) => read(&path.with_file_name("cgroup.events"))?.lines().any(|line| line == "frozen 1"),
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

/// How long everything may take to be stopped. A signal takes effect when a thread comes back from the kernel, which takes as long as what it
/// does there.
const A_WHILE: Duration = Duration::from_secs(1);

/// Stops every process of the container, its first process before all others.
fn stop_all(first: &OwnedFd) -> Result<(), Error> {
    let begin = Instant::now();
    let mut stopped = Vec::new();
    loop {
        let members = members(first)?;
        let running: Vec<i32> = members.iter().copied().filter(|process| runs(*process)).collect();
        if running.is_empty() && members == stopped {
            return Ok(());
        }
        if begin.elapsed() > A_WHILE {
            return Err(Error::StillRuns(A_WHILE));
        }
        if running.is_empty() {
            // One that has ended may have made another one since they were listed.
            stopped = members;
            continue;
        }
        stopped.clear();
        signal_each(first, &running, libc::SIGSTOP)?;
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Lets every process of the container go on, its first process before all others.
fn continue_all(first: &OwnedFd) -> Result<(), Error> {
    let mut reached = Vec::new();
    loop {
        let members = members(first)?;
        let new: Vec<i32> = members.into_iter().filter(|process| !reached.contains(process)).collect();
        if new.is_empty() {
            return Ok(());
        }
        signal_each(first, &new, libc::SIGCONT)?;
        reached.extend(new);
    }
}

/// Sends a signal to those of these that are the container's.
fn signal_each(first: &OwnedFd, processes: &[i32], number: i32) -> Result<(), Error> {
    let Some(leader) = processes::number(first) else { return Ok(()) };
    let Some(mut container) = Container::of(leader) else { return Ok(()) };
    if processes.contains(&leader) {
        send(first, number)?;
    }
    for process in processes.iter().copied().filter(|process| *process != leader) {
        let Ok(descriptor) = processes::pidfd(Pid::from_raw(process)) else { continue };
        // The number may have come to belong to another process; from here on it can't.
        if container.has(process) {
            send(&descriptor, number)?;
        }
    }
    Ok(())
}

/// Whether a thread of this process may still do something.
fn runs(process: i32) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    threads.map(|thread| thread.path()).any(|thread| {
        let text = fs::read(thread.join("stat")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        // Behind the name, which may have anything in it.
        match text.rsplit(") ").next().and_then(|rest| rest.chars().next()) {
            Some('D') => !waits_for_child(&thread),
            Some('T' | 't' | 'Z' | 'X' | 'x') | None => false,
            Some(_) => true,
        }
    })
}

/// Whether a thread is in vfork(2), from which it does not come back while its child is stopped: what `syscall` says, see proc(5).
fn waits_for_child(thread: &Path) -> bool {
    let text = fs::read_to_string(thread.join("syscall")).unwrap_or_default();
    let number = text.split(' ').next().and_then(|number| number.parse().ok());
    #[cfg(target_arch = "x86_64")]
    let is_vfork = number == Some(libc::SYS_vfork);
    #[cfg(not(target_arch = "x86_64"))]
    let is_vfork = false;
    is_vfork || number == Some(libc::SYS_clone) || number == Some(libc::SYS_clone3)
}

/// The numbers of all processes of the container whose first process this is, itself included.
///
/// # Errors
/// `/proc` can't be listed.
pub(crate) fn members(first: &OwnedFd) -> Result<Vec<i32>, Error> {
    let Some(mut container) = processes::number(first).and_then(Container::of) else { return Ok(Vec::new()) };
    let mut members = numbers()?;
    members.retain(|process| container.has(*process));
    if processes::has_ended(first) {
        // Its number may have been another one's.
        return Ok(Vec::new());
    }
    members.sort_unstable();
    Ok(members)
}

/// What the kernel knows a namespace by.
type Namespace = (u64, u64);

/// A container's process id namespace, and of others whether they have come about inside it.
struct Container(BTreeMap<Namespace, bool>);

impl Container {
    fn of(leader: i32) -> Option<Container> {
        let mut known = BTreeMap::new();
        if let Some(ours) = namespace_of(Path::new("/proc/self/ns/pid")) {
            known.insert(ours, false);
        }
        known.insert(namespace_of(&path(leader))?, true);
        Some(Container(known))
    }

    fn has(&mut self, process: i32) -> bool {
        let Some(own) = namespace_of(&path(process)) else { return false };
        if let Some(known) = self.0.get(&own) {
            return *known;
        }
        // It is open, so that no other one gets its number.
        let Ok(mut namespace) = File::open(path(process)) else { return false };
        let Ok(own) = namespace.metadata().map(|found| (found.dev(), found.ino())) else { return false };
        let is_inside = loop {
            let Some(parent) = parent(&namespace) else { break false };
            let Ok(found) = parent.metadata() else { break false };
            if let Some(known) = self.0.get(&(found.dev(), found.ino())) {
                break *known;
            }
            namespace = parent;
        };
        self.0.insert(own, is_inside);
        is_inside
    }
}

fn path(process: i32) -> PathBuf {
    PathBuf::from(format!("/proc/{process}/ns/pid"))
}

/// The namespace in which this one has come about; `None` for one that we can't see, as ours is in it.
fn parent(namespace: &File) -> Option<File> {
    // SAFETY: ioctl(2), NS_GET_PARENT: it gives a new descriptor, for us alone.
    let answer = unsafe { libc::ioctl(namespace.as_raw_fd(), libc::NS_GET_PARENT) };
    // SAFETY: as above.
    (answer >= 0).then(|| unsafe { File::from_raw_fd(answer) })
}

/// `None` where the process has ended, or is not ours to look at.
fn namespace_of(path: &Path) -> Option<Namespace> {
    let found = fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

fn send(process: &OwnedFd, number: i32) -> Result<(), Error> {
    match processes::signal(process, number) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(Error::Call { call: "pidfd_send_signal", errno }),
    }
}

/// Every process of the machine.
fn numbers() -> Result<Vec<i32>, Error> {
    let proc = Path::new("/proc");
    let entries = fs::read_dir(proc).map_err(Error::io("list", proc))?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}
