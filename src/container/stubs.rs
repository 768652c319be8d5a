//! Mount points that an image lacks, made for the set-up and taken away again.
//!
//! Something can be mounted only on something that exists. So `/proc`, `/etc/hosts` and the like
//! are made where they are missing, and so they land in the upper directory, where they would
//! become part of the layer. Each one is noted together with the times of its directory, and after
//! the container's end it is removed, if it is still empty, and the times are set back, if nothing
//! else changed them.
//!
//! Removing happens outside of the container's mount namespace, on a tree that the container may
//! have filled with hostile symbolic links: the directory is opened with openat2(2) in a way that
//! follows none.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, open, openat, openat2};
use nix::sys::stat::{Mode, SFlag, fstat, fstatat, futimens, mkdirat, stat};
use nix::sys::time::TimeSpec;
use nix::unistd::{UnlinkatFlags, unlinkat};
use serde::{Deserialize, Serialize};

use super::error::Failure;
use super::inside;

/// A modification time: seconds and nanoseconds.
type Time = (i64, i64);

/// One thing that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stub {
    /// Its directory, relative to the root, without symbolic links.
    directory: PathBuf,
    /// Its name there.
    name: PathBuf,
    /// The directory's time before and after.
    before: Time,
    after: Time,
}

/// Everything that was made, in order.
#[derive(Debug, Default)]
pub(super) struct Stubs {
    pub made: Vec<Stub>,
}

impl Stubs {
    /// Makes sure that a directory exists at `target`, and opens it to be mounted on.
    pub fn directory(&mut self, target: &Path) -> Result<OwnedFd, Failure> {
        self.ensure(target, |parent, name| mkdirat(parent, name, Mode::from_bits_truncate(0o755)))
    }

    /// Makes sure that something other than a directory exists at `target`, and opens it likewise.
    pub fn file(&mut self, target: &Path) -> Result<OwnedFd, Failure> {
        self.ensure(target, |parent, name| {
            let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
            openat(parent, name, flags, Mode::from_bits_truncate(0o644)).map(drop)
        })
    }

    fn ensure(
        &mut self,
        target: &Path,
        create: impl FnOnce(&OwnedFd, &Path) -> nix::Result<()>,
    ) -> Result<OwnedFd, Failure> {
        let refused = |errno| Failure::refused("make mount point", target, errno);
        match (inside::open(target), target.parent(), target.file_name()) {
            (Err(Errno::ENOENT), Some(above), Some(name)) => {
                let parent = self.directory(above)?;
                self.make(&parent, above, Path::new(name), create).map_err(refused)?;
                inside::open(target).map_err(refused)
            }
            (opened, ..) => opened.map_err(refused),
        }
    }

    /// Makes `name` in the directory `parent`, and notes it if that is part of the root.
    fn make(
        &mut self,
        parent: &OwnedFd,
        path: &Path,
        name: &Path,
        create: impl FnOnce(&OwnedFd, &Path) -> nix::Result<()>,
    ) -> nix::Result<()> {
        let before = fstat(parent)?;
        create(parent, name)?;
        let after = fstat(parent)?;
        // In something already mounted it does not reach the upper directory.
        if before.st_dev == stat("/")?.st_dev {
            // Without symbolic links; before proc is mounted, `/` is the only directory that occurs.
            let real = std::fs::read_link(inside::name(parent)).unwrap_or_else(|_| path.to_owned());
            self.made.push(Stub {
                directory: real.strip_prefix("/").unwrap_or(&real).to_owned(),
                name: name.to_owned(),
                before: (before.st_mtime, before.st_mtime_nsec),
                after: (after.st_mtime, after.st_mtime_nsec),
            });
        }
        Ok(())
    }
}

/// Removes what was made from `upper`, the last one first. What is not there any more, or not
/// empty, stays as the container left it.
pub(super) fn remove(upper: &Path, made: &[Stub]) {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let Ok(upper) = open(upper, flags, Mode::empty()) else {
        return;
    };
    for stub in made.iter().rev() {
        // A failure here has one consequence: an empty mount point in the layer.
        let _ = remove_one(&upper, stub);
    }
}

fn remove_one(upper: &OwnedFd, stub: &Stub) -> nix::Result<()> {
    let directory = if stub.directory.as_os_str().is_empty() { Path::new(".") } else { &stub.directory };
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    let directory = openat2(upper.as_fd(), directory, how)?;
    let found = fstatat(directory.as_fd(), &stub.name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    let times = fstat(directory.as_fd())?;
    match SFlag::from_bits_truncate(found.st_mode & libc::S_IFMT) {
        SFlag::S_IFDIR => unlinkat(directory.as_fd(), &stub.name, UnlinkatFlags::RemoveDir)?,
        SFlag::S_IFREG if found.st_size == 0 => unlinkat(directory.as_fd(), &stub.name, UnlinkatFlags::NoRemoveDir)?,
        _ => return Ok(()),
    }
    let now = (times.st_mtime, times.st_mtime_nsec);
    let (seconds, nanoseconds) = if now == stub.after { stub.before } else { now };
    let accessed = TimeSpec::new(times.st_atime, times.st_atime_nsec);
    futimens(directory.as_fd(), &accessed, &TimeSpec::new(seconds, nanoseconds))
}
