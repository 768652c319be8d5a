//! Who we are to the kernel while a container's files and processes are handled.
//!
//! An image's files belong to many users, and only a privileged process may create such files. Root
//! simply does. Anyone else enters a *user namespace*, in which user 0 is an ordinary user outside:
//! `newuidmap(1)` and `newgidmap(1)` may map a whole range of further ids that `subuid(5)` grants;
//! without a grant only one id exists inside, and it is 0. See user_namespaces(7).
//!
//! This module detects which of the three it is, and runs a closure with that identity. The
//! container itself enters its user namespace in [`super::init`], by the same functions.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::WaitStatus;
use nix::unistd::{ForkResult, Gid, Pid, Uid, fork, setgroups, setresgid, setresuid};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::channel::{control_pair, receive_all, receive_byte, send_all, send_all_open, wait_for};
use super::error::{Error, Failure, USER_NAMESPACE_HINT};
use super::grants;
use super::leave;

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

// ANCHOR: identity
/// The three ways to be root in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// We are root, with the capabilities that mounting needs: no user namespace.
    Root,
    /// A user namespace with many ids, mapped by the set-user-id helpers.
    Mapped {
        /// The user ids, beginning with our own as 0.
        uid_ranges: Vec<Range>,
        /// The group ids, beginning with our own as 0.
        gid_ranges: Vec<Range>,
    },
    /// A user namespace in which only one user and one group exist: ours, and they are 0.
    Single,
}
// ANCHOR_END: identity

impl Identity {
    /// Finds out which of the three this process has.
    ///
    /// Reads `/etc/subuid` and `/etc/subgid` (one `name-or-uid:first:count` a line) and looks for
    /// the helpers on PATH. Changes nothing; whether the kernel lets users make namespaces at all
    /// is for [`Host`](super::Host) to try.
    pub fn detect() -> Identity {
        if Uid::effective().is_root() && grants::may_mount() {
            return Identity::Root;
        }
        let uid_ranges = grants::granted_ranges(Path::new("/etc/subuid"), Uid::effective().as_raw());
        let gid_ranges = grants::granted_ranges(Path::new("/etc/subgid"), Gid::effective().as_raw());
        match (uid_ranges, gid_ranges) {
            (Some(uid_ranges), Some(gid_ranges))
                if !grants::no_new_privileges()
                    && grants::find_on_path("newuidmap").is_some()
                    && grants::find_on_path("newgidmap").is_some() =>
            {
                Identity::Mapped { uid_ranges, gid_ranges }
            }
            _ => Identity::Single,
        }
    }

    /// Whether owners on disk mean what the image says. With [`Identity::Single`] they can't:
    /// every file belongs to the one id there is, and the owner has to be kept elsewhere.
    pub fn keeps_owners(&self) -> bool {
        match self {
            Identity::Root | Identity::Mapped { .. } => true,
            Identity::Single => false,
        }
    }

    /// Whether a user namespace is entered, and so overlayfs has to keep its marks in `user.*`
    /// attributes.
    pub fn in_user_namespace(&self) -> bool {
        match self {
            Identity::Root => false,
            Identity::Mapped { .. } | Identity::Single => true,
        }
    }

    /// Runs `work` as root of the namespace and gives back what it returned.
    ///
    /// As root it runs in this very process. Otherwise it runs in a forked child, so nothing that
    /// it changes in memory survives, and its result crosses a pipe as JSON. The child starts with
    /// one thread. It must not rely on locks that other threads of this process may have held at
    /// the fork (standard output's, for one).
    ///
    /// Errors: the namespace can't be made or mapped; `work` panicked or its process died.
    pub fn within<R: Serialize + DeserializeOwned>(&self, work: impl FnOnce() -> R) -> Result<R, Error> {
        if *self == Identity::Root {
            return Ok(work());
        }
        self.in_child(work)
    }

    /// Like [`Identity::within`], but in a child of its own even as root.
    pub(super) fn in_child<R: Serialize + DeserializeOwned>(&self, work: impl FnOnce() -> R) -> Result<R, Error> {
        let (ours, theirs) = control_pair()?;
        // SAFETY: fork(2). The C library's own fork re-initialises the allocator's locks in the
        // child, so the child may allocate; it takes no other lock of this process and leaves by
        // _exit, running no destructor twice.
        match unsafe { fork() }.map_err(Error::call("fork"))? {
            ForkResult::Child => {
                drop(ours);
                let answer = self.answer(&theirs, work);
                let sent = send_all(&theirs, &answer);
                // SAFETY: _exit(2) ends the child without running the parent's exit handlers.
                unsafe { libc::_exit(if sent { 0 } else { 1 }) }
            }
            ForkResult::Parent { child } => {
                drop(theirs);
                let received = self.map_ids(child, &ours).and_then(|()| receive_all(&ours));
                drop(ours);
                let status = wait_for(child)?;
                let bytes = received?;
                if bytes.is_empty() {
                    return Err(Error::Within(describe(status)));
                }
                let answer: Answer<R> = serde_json::from_slice(&bytes)
                    .map_err(|error| Error::Within(format!("gave an unreadable result: {error}")))?;
                match answer {
                    Answer::Result(result) => Ok(result),
                    Answer::Refused(failure) => Err(Error::Setup(failure)),
                    Answer::Panicked(message) => Err(Error::Within(format!("panicked: {message}"))),
                }
            }
        }
    }

    /// Removes `path` and everything below it, whoever owns it; not an error when it does not
    /// exist.
    ///
    /// Files made by a container may belong to mapped ids and lie in directories that only those
    /// may change, so this happens inside the namespace. Symbolic links are removed, not followed.
    pub fn remove_dir_all(&self, path: &Path) -> Result<(), Error> {
        if path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            return Ok(());
        }
        let removed: Result<(), (PathBuf, i32)> =
            self.within(|| remove_tree(path).map_err(|(path, error)| (path, error.raw_os_error().unwrap_or(0))))?;
        removed.map_err(|(path, errno)| Error::Io {
            operation: "remove",
            path,
            source: std::io::Error::from_raw_os_error(errno),
        })
    }

    /// The child's half: enter the namespace, then run `work` with panics caught.
    fn answer<R: Serialize>(&self, control: &OwnedFd, work: impl FnOnce() -> R) -> Vec<u8> {
        // Without us nobody wants the answer. After entering, which would undo it.
        let answer = match self.enter(control).and_then(|()| leave::end_with_parent()) {
            Err(failure) => Answer::Refused(failure),
            Ok(()) => match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
                Ok(result) => Answer::Result(result),
                Err(panic) => Answer::Panicked(panic_message(panic.as_ref())),
            },
        };
        serde_json::to_vec(&answer).unwrap_or_default()
    }

    /// Enters a new user namespace and becomes its root: called in a forked child that has one
    /// thread.
    ///
    /// The order: make the namespace; have the ids mapped; only then become 0, because an id that
    /// is not mapped can't be taken.
    pub(super) fn enter(&self, control: &OwnedFd) -> Result<(), Failure> {
        if *self == Identity::Root {
            return Ok(());
        }
        let (uid, gid) = (Uid::effective().as_raw(), Gid::effective().as_raw());
        unshare(CloneFlags::CLONE_NEWUSER)
            .map_err(|errno| Failure::call("unshare(CLONE_NEWUSER)", errno).hint(USER_NAMESPACE_HINT))?;
        match self {
            Identity::Root => {}
            Identity::Single => {
                // A process may map its own id by itself, but then no group may ever be dropped:
                // that could widen access where a group is what is denied. See user_namespaces(7).
                write_proc("/proc/self/setgroups", "deny")?;
                write_proc("/proc/self/uid_map", &format!("0 {uid} 1"))?;
                write_proc("/proc/self/gid_map", &format!("0 {gid} 1"))?;
            }
            Identity::Mapped { .. } => {
                // The helpers are set-user-id programs of the outer namespace: the parent runs
                // them on us.
                if !send_all_open(control, b"u") || receive_byte(control) != Some(b'g') {
                    return Err(Failure::call("waiting for the id maps", Errno::EPIPE));
                }
                setgroups(&[]).map_err(|errno| Failure::call("setgroups", errno))?;
            }
        }
        let (root_gid, root_uid) = (Gid::from_raw(0), Uid::from_raw(0));
        setresgid(root_gid, root_gid, root_gid).map_err(|errno| Failure::call("setresgid(0)", errno))?;
        setresuid(root_uid, root_uid, root_uid).map_err(|errno| Failure::call("setresuid(0)", errno))
    }

    /// The parent's half of [`Identity::enter`]: runs the helpers once the child is in its
    /// namespace.
    pub(super) fn map_ids(&self, child: Pid, control: &OwnedFd) -> Result<(), Error> {
        let Identity::Mapped { uid_ranges, gid_ranges } = self else {
            return Ok(());
        };
        if receive_byte(control) != Some(b'u') {
            // The child failed before it got there; its own report says why.
            return Ok(());
        }
        let uid_helper = start_helper("newuidmap", child, uid_ranges)?;
        let gid_helper = start_helper("newgidmap", child, gid_ranges)?;
        finish_helper("newuidmap", uid_helper)?;
        finish_helper("newgidmap", gid_helper)?;
        send_all_open(control, b"g");
        Ok(())
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Identity::Root => write!(formatter, "root"),
            Identity::Mapped { .. } => write!(formatter, "user namespace with mapped ids"),
            Identity::Single => write!(formatter, "user namespace with one id"),
        }
    }
}

/// What a child of [`Identity::within`] sends back.
#[derive(Serialize, Deserialize)]
enum Answer<R> {
    Result(R),
    Refused(Failure),
    Panicked(String),
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

/// Writes one of our own /proc files in a single call, as the kernel demands for the maps.
fn write_proc(path: &str, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text)
        .map_err(|error| Failure::refused("write", Path::new(path), Errno::from_raw(error.raw_os_error().unwrap_or(0))))
}

fn describe(status: WaitStatus) -> String {
    match status {
        WaitStatus::Signaled(_, signal, _) => format!("was killed by {signal}"),
        WaitStatus::Exited(_, code) => format!("ended with status {code} and no result"),
        other => format!("ended oddly: {other:?}"),
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}

/// Removes a tree, giving ourselves access to directories that a container closed to their owner.
fn remove_tree(path: &Path) -> Result<(), (PathBuf, std::io::Error)> {
    match std::fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err((path.to_owned(), error)),
    }
}
