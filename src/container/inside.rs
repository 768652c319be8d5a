//! Paths inside the container's root, resolved in a way that a hostile image can't abuse.
//!
//! After the pivot ordinary symbolic links end inside the root. But once proc is mounted there is
//! another sort: the "magic" links of `/proc/self/fd` lead to what our own process has open, the
//! machine's root among it. An image whose `/etc` is a link to `/proc/self/fd/7/etc` would have us
//! make files on the machine. openat2(2) follows none of these.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::Mode;

/// Opens what `target` leads to inside the root, only to name it: it can be mounted on, not read.
pub(super) fn open(target: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let root = nix::fcntl::open("/", flags, Mode::empty())?;
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    openat2(&root, target, how)
}

/// A path for calls that take no descriptor. It needs the container's /proc.
pub(super) fn name(descriptor: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", descriptor.as_raw_fd()))
}
