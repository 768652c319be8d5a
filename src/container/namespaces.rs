//! Namespaces: made, and joined. See namespaces(7) and setns(2).

use std::fs;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};

use super::error::{Failure, USER_NAMESPACE_HINT};
use super::identity::Identity;
use super::operation::Namespace;
use super::processes;
use super::userns;

/// Enters new namespaces.
pub(super) fn unshare_all(namespaces: &[Namespace]) -> Result<(), Failure> {
    let flags = namespaces.iter().fold(CloneFlags::empty(), |flags, namespace| {
        flags
            | match namespace {
                Namespace::Pid => CloneFlags::CLONE_NEWPID,
                Namespace::Uts => CloneFlags::CLONE_NEWUTS,
                Namespace::Ipc => CloneFlags::CLONE_NEWIPC,
                Namespace::Network => CloneFlags::CLONE_NEWNET,
                Namespace::Cgroup => CloneFlags::CLONE_NEWCGROUP,
            }
    });
    unshare(flags).map_err(|errno| Failure::call("unshare", errno).hint(USER_NAMESPACE_HINT))
}

/// Enters every namespace of a process that is not ours already, and becomes root of its user namespace.
pub(super) fn join(first: &OwnedFd, identity: &Identity) -> Result<(), Failure> {
    join_these(&NAMESPACES, first, identity)
}

/// Enters those two that decide what a path means and whose a file is.
pub(super) fn join_files(first: &OwnedFd, identity: &Identity) -> Result<(), Failure> {
    join_these(&NAMESPACES[..2], first, identity)
}

fn join_these(namespaces: &[(&str, CloneFlags)], first: &OwnedFd, identity: &Identity) -> Result<(), Failure> {
    let number = processes::number(first).ok_or_else(|| Failure::call("setns", Errno::ESRCH))?;
    let mut flags = CloneFlags::empty();
    for (name, flag) in namespaces {
        let of = |process: &str| {
            let path = Path::new("/proc").join(process).join("ns").join(name);
            let found = fs::metadata(&path).map_err(|error| Failure::io("look at", &path, &error))?;
            Ok((found.dev(), found.ino()))
        };
        if of(&number.to_string())? != of("self")? {
            flags |= *flag;
        }
    }
    // All at once: what belongs to the inner user namespace may be entered by its root only, and what does not, by us only.
    setns(first, flags).map_err(|errno| Failure::call("setns", errno))?;
    match identity.id_map() {
        Some(map) if flags.contains(CloneFlags::CLONE_NEWUSER) => userns::become_root_of_joined(map.mapper),
        Some(_) | None => Ok(()),
    }
}

const NAMESPACES: [(&str, CloneFlags); 7] = [
    ("user", CloneFlags::CLONE_NEWUSER),
    ("mnt", CloneFlags::CLONE_NEWNS),
    ("pid", CloneFlags::CLONE_NEWPID),
    ("uts", CloneFlags::CLONE_NEWUTS),
    ("ipc", CloneFlags::CLONE_NEWIPC),
    ("net", CloneFlags::CLONE_NEWNET),
    ("cgroup", CloneFlags::CLONE_NEWCGROUP),
];

/// The user namespace that a namespace of another kind belongs to.
///
/// # Errors
/// As ioctl_ns(2), NS_GET_USERNS.
pub(crate) fn owner_of(namespace: &OwnedFd) -> Result<OwnedFd, Errno> {
    // SAFETY: ioctl(2), NS_GET_USERNS: it gives a new descriptor.
    let owner = Errno::result(unsafe { libc::ioctl(namespace.as_raw_fd(), libc::NS_GET_USERNS) })?;
    // SAFETY: it is ours alone.
    Ok(unsafe { OwnedFd::from_raw_fd(owner) })
}

/// Lets no process look into this one: neither its memory nor what it has open, in /proc or by ptrace(2).
pub(super) fn hide_ourselves() -> Result<(), Failure> {
    nix::sys::prctl::set_dumpable(false).map_err(|errno| Failure::call("prctl(PR_SET_DUMPABLE)", errno))
}

/// Sets the NIS domain name of this process's namespace.
pub(super) fn set_domain(name: &str) -> Result<(), Failure> {
    // SAFETY: setdomainname(2) reads `name.len()` bytes.
    let answer = unsafe { libc::setdomainname(name.as_ptr().cast(), name.len()) };
    Errno::result(answer).map(drop).map_err(|errno| Failure::refused("setdomainname", Path::new(name), errno))
}
