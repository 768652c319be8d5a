//! User namespaces: made, mapped, entered, joined. See user_namespaces(7).
//!
//! A process may map its own id by itself. More ids take the helpers of shadow, `newuidmap(1)` and `newgidmap(1)`, which are
//! set-user-id programs of the machine: they must be run by somebody who is still outside.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{ForkResult, Pid, fork, pipe2, read, write};
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use serde::{Deserialize, Serialize};

use super::error::{Error, Failure, USER_NAMESPACE_HINT, answer};
use super::processes;

/// A run of ids: `length` ids from `inside` on are those from `outside` on, seen from our own
/// namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The first id as the container sees it.
    pub inside: u32,
    /// The same id as the machine sees it.
    pub outside: u32,
    /// How many ids follow one another.
    pub length: u32,
}

impl std::fmt::Display for Range {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}→{}×{}", self.inside, self.outside, self.length)
    }
}

/// Which ids exist in a user namespace, and who says so to the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdMap {
    /// The user ids.
    pub(crate) uids: Vec<Range>,
    /// The group ids.
    pub(crate) gids: Vec<Range>,
    /// Who writes the map.
    pub(crate) mapper: Mapper,
}

/// Who writes the map of a user namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mapper {
    /// The process in it: its own id only, and no group may ever be dropped.
    Itself,
    /// The helpers, run by its parent.
    Helpers,
    /// Its parent, who is root of the namespace above.
    Caller,
}

impl IdMap {
    /// Who can write such a map: root above it, a process that maps itself alone, or else the helpers.
    pub(crate) fn mapper_for(uids: &[Range], gids: &[Range]) -> Mapper {
        let is_alone = |ranges: &[Range]| matches!(ranges, [Range { inside: 0, length: 1, .. }]);
        match nix::unistd::Uid::effective().is_root() {
            true => Mapper::Caller,
            false if is_alone(uids) && is_alone(gids) => Mapper::Itself,
            false => Mapper::Helpers,
        }
    }

    /// The map in which only one user and one group exist, as 0.
    pub(crate) fn single(uid: u32, gid: u32) -> IdMap {
        let only = |outside| vec![Range { inside: 0, outside, length: 1 }];
        IdMap { uids: only(uid), gids: only(gid), mapper: Mapper::Itself }
    }
}

// ANCHOR: enter
/// Enters a new user namespace and becomes its root. The process has one thread.
///
/// The order: make the namespace; have the ids mapped; only then become 0, because an id that is not mapped can't be taken.
/// `have_mapped` asks the parent for the helpers, and says whether they did it.
pub(super) fn enter(map: &IdMap, have_mapped: impl FnOnce() -> bool) -> Result<(), Failure> {
    unshare(CloneFlags::CLONE_NEWUSER)
        .map_err(|errno| Failure::call("unshare(CLONE_NEWUSER)", errno).hint(USER_NAMESPACE_HINT))?;
    match map.mapper {
        Mapper::Itself => {
            // That no group may be dropped is the price: it could widen access where a group is what is denied.
            write_proc("/proc/self/setgroups", "deny")?;
            write_proc("/proc/self/uid_map", &lines(&map.uids))?;
            write_proc("/proc/self/gid_map", &lines(&map.gids))?;
        }
        Mapper::Helpers | Mapper::Caller => {
            if !have_mapped() {
                return Err(Failure::call("waiting for the id maps", Errno::EPIPE));
            }
            set_groups(&[]).map_err(|errno| Failure::call("setgroups", errno))?;
        }
    }
    become_root()
}
// ANCHOR_END: enter

/// Joins a user namespace that the helpers have mapped, and becomes its root. The process has one thread.
pub(super) fn join(namespace: &OwnedFd) -> Result<(), Failure> {
    setns(namespace, CloneFlags::CLONE_NEWUSER).map_err(|errno| Failure::call("setns(CLONE_NEWUSER)", errno))?;
    set_groups(&[]).map_err(|errno| Failure::call("setgroups", errno))?;
    become_root()
}

/// As [`join`], of a namespace that was joined already. In one that was mapped from inside groups can't be dropped.
pub(super) fn become_root_of_joined(mapper: Mapper) -> Result<(), Failure> {
    match mapper {
        Mapper::Helpers | Mapper::Caller => set_groups(&[]).map_err(|errno| Failure::call("setgroups", errno))?,
        Mapper::Itself => {}
    }
    become_root()
}

fn become_root() -> Result<(), Failure> {
    set_group(0).map_err(|errno| Failure::call("setresgid(0)", errno))?;
    set_user(0).map_err(|errno| Failure::call("setresuid(0)", errno))
}

/// A user namespace with these ids that a helper had to map. Made once in the life of this process, as two programs are run for
/// it; the kernel keeps it as long as we have its descriptor.
pub(super) fn mapped(map: &IdMap) -> Result<OwnedFd, Error> {
    static MADE: Mutex<Option<(IdMap, OwnedFd)>> = Mutex::new(None);
    // What a panic left behind is whole: it is only ever replaced.
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let namespace = match made.take() {
        Some((known, namespace)) if known == *map => namespace,
        Some(_) | None => make(|child| write_by_helpers(map, child))?,
    };
    let copy = namespace.try_clone().map_err(Error::io("open", Path::new("/proc/self/ns/user")));
    *made = Some((map.clone(), namespace));
    copy
}

/// A user namespace in which every id is what it is outside, once it was [made](make_for_all_ids).
static OF_ALL_IDS: OnceLock<OwnedFd> = OnceLock::new();

/// Makes a user namespace in which every id is what it is outside, once in the life of this process. Only root of the machine can.
pub(super) fn make_for_all_ids() -> Result<(), Error> {
    const ALL: &str = "0 0 4294967295\n";
    if OF_ALL_IDS.get().is_some() {
        return Ok(());
    }
    let namespace = make(|child| {
        ["uid_map", "gid_map"].iter().try_for_each(|file| {
            let path = PathBuf::from(format!("/proc/{child}/{file}"));
            std::fs::write(&path, ALL).map_err(Error::io("write", &path))
        })
    })?;
    // Another thread may have been quicker, and one is as good as the other.
    let _ = OF_ALL_IDS.set(namespace);
    Ok(())
}

/// The user namespace that [`make_for_all_ids`] has made.
pub(super) fn of_all_ids() -> Option<&'static OwnedFd> {
    OF_ALL_IDS.get()
}

/// Makes a namespace by a child that does nothing else, and has its ids mapped.
fn make(map: impl FnOnce(Pid) -> Result<(), Error>) -> Result<OwnedFd, Error> {
    let pipe = || pipe2(OFlag::O_CLOEXEC).map_err(Error::call("pipe2"));
    let ((entered, tell), (stay, end)) = (pipe()?, pipe()?);
    // SAFETY: fork(2). The child makes system calls and allocates nothing, so it needs no lock of another thread.
    let child = match unsafe { fork() }.map_err(Error::call("fork"))? {
        ForkResult::Child => {
            let refused = unshare(CloneFlags::CLONE_NEWUSER).err().map_or(0, |errno| errno as u8);
            let _ = write(&tell, &[refused]);
            // It has to be there while it is mapped: until we close our end.
            drop(end);
            let _ = read(&stay, &mut [0]);
            // SAFETY: _exit(2) ends this process without the exit handlers of the one it was forked from.
            unsafe { libc::_exit(0) }
        }
        ForkResult::Parent { child } => child,
    };
    drop((tell, stay));
    let mut refused = [0];
    let made = match read(entered.as_fd(), &mut refused) {
        Ok(1) if refused[0] == 0 => map(child).and_then(|()| open_namespace(child)),
        Ok(1) => {
            let errno = Errno::from_raw(refused[0].into());
            Err(Error::Setup(Failure::call("unshare(CLONE_NEWUSER)", errno).hint(USER_NAMESPACE_HINT)))
        }
        Ok(_) => Err(Error::Within("ended before it had a user namespace".to_owned())),
        Err(errno) => Err(Error::Call { call: "read", errno }),
    };
    drop(end);
    let waited = processes::wait(child).map_err(Error::call("waitpid"));
    let namespace = made?;
    waited.map(|_| namespace)
}

fn open_namespace(process: Pid) -> Result<OwnedFd, Error> {
    let path = PathBuf::from(format!("/proc/{process}/ns/user"));
    std::fs::File::open(&path).map(OwnedFd::from).map_err(Error::io("open", &path))
}

/// Maps the ids of a child that is in a new namespace, with our own rights.
pub(super) fn write_by_ourselves(map: &IdMap, child: Pid) -> Result<(), Error> {
    for (file, ranges) in [("uid_map", &map.uids), ("gid_map", &map.gids)] {
        let path = PathBuf::from(format!("/proc/{child}/{file}"));
        std::fs::write(&path, lines(ranges)).map_err(Error::io("write", &path))?;
    }
    Ok(())
}

/// Runs the helpers on a child that is in a new namespace.
pub(super) fn write_by_helpers(map: &IdMap, child: Pid) -> Result<(), Error> {
    // Side by side: they do not depend on one another.
    let uids = start_helper("newuidmap", child, &map.uids)?;
    let gids = start_helper("newgidmap", child, &map.gids)?;
    finish_helper("newuidmap", uids)?;
    finish_helper("newgidmap", gids)
}

fn start_helper(program: &'static str, child: Pid, ranges: &[Range]) -> Result<std::process::Child, Error> {
    let mut command = Command::new(program);
    command.arg(child.to_string());
    for range in ranges {
        command.args([range.inside, range.outside, range.length].map(|number| number.to_string()));
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| Error::Map { program, message: error.to_string() })
}

fn finish_helper(program: &'static str, helper: std::process::Child) -> Result<(), Error> {
    let output = helper.wait_with_output().map_err(|error| Error::Map { program, message: error.to_string() })?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Map { program, message: if message.is_empty() { output.status.to_string() } else { message } })
}

/// A map as the kernel reads it.
fn lines(ranges: &[Range]) -> String {
    ranges.iter().map(|range| format!("{} {} {}\n", range.inside, range.outside, range.length)).collect()
}

/// Writes one of our own /proc files in a single call, as the kernel demands for the maps.
fn write_proc(path: &str, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure::io("write", Path::new(path), &error))
}

// The C library's functions change all threads of a program, and here there may be some that are not of this process, see `vfork`.
// The kernel's change the one that calls.

/// setgroups(2), for this thread alone.
pub(super) fn set_groups(groups: &[u32]) -> Result<(), Errno> {
    let groups: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
    set_thread_groups(&groups).map_err(answer)
}

/// setresgid(2) with one id for all three, for this thread alone.
pub(super) fn set_group(id: u32) -> Result<(), Errno> {
    let id = Gid::from_raw(id);
    set_thread_res_gid(id, id, id).map_err(answer)
}

/// setresuid(2) with one id for all three, for this thread alone.
pub(super) fn set_user(id: u32) -> Result<(), Errno> {
    let id = Uid::from_raw(id);
    set_thread_res_uid(id, id, id).map_err(answer)
}
