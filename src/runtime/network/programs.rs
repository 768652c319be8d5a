//! Programs of this machine that a network needs: where they are, and how one is started in a network of an ordinary user's.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::unistd::{AccessFlags, access};

/// The namespaces of an ordinary user's networks.
#[derive(Debug)]
pub(super) struct Namespaces {
    pub(super) users: OwnedFd,
    pub(super) network: OwnedFd,
}

/// A program of this machine. Those for administrators are not on everybody's PATH.
pub(super) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|path| path.is_file() && access(path, AccessFlags::X_OK).is_ok())
}

/// Has a program started in these of the namespaces. It ends with the thread that starts it.
pub(super) fn enter(command: &mut Command, namespaces: &Namespaces, which: CloneFlags) {
    let (users, network) = (namespaces.users.as_raw_fd(), namespaces.network.as_raw_fd());
    let enter = move |descriptor: i32, flag: CloneFlags| {
        // SAFETY: the namespaces outlive the command's start: `spawn` is called while they are borrowed.
        let descriptor = unsafe { std::os::fd::BorrowedFd::borrow_raw(descriptor) };
        if which.contains(flag) { setns(descriptor, flag) } else { Ok(()) }
    };
    let prepare = move || -> Result<(), Errno> {
        enter(users, CloneFlags::CLONE_NEWUSER)?;
        enter(network, CloneFlags::CLONE_NEWNET)?;
        nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)
    };
    // SAFETY: between fork and exec only system calls are made, and no lock is taken.
    unsafe { command.pre_exec(move || prepare().map_err(std::io::Error::from)) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_looked_for_where_administrators_have_them() {
        assert!(program("sh").is_some() && program("no-such-program").is_none());
    }
}
