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

use std::fs::{DirBuilder, OpenOptions};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::{Mode, SFlag, fstat, fstatat, futimens};
use nix::sys::time::TimeSpec;
use nix::unistd::{UnlinkatFlags, unlinkat};
use serde::{Deserialize, Serialize};

use super::error::Failure;
use super::execute::errno;

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
    /// Makes sure that a directory exists at `target`.
    pub fn directory(&mut self, target: &Path) -> Result<(), Failure> {
        self.parents(target)?;
        self.make(target, || DirBuilder::new().mode(0o755).create(target))
    }

    /// Makes sure that something other than a directory can be mounted on `target`.
    pub fn file(&mut self, target: &Path) -> Result<(), Failure> {
        self.parents(target)?;
        self.make(target, || {
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o644)
                .open(target)
                .map(drop)
        })
    }

    fn parents(&mut self, target: &Path) -> Result<(), Failure> {
        let mut missing: Vec<&Path> = target
            .ancestors()
            .skip(1)
            .take_while(|path| !path.exists())
            .collect();
        missing.reverse();
        for path in missing {
            self.make(path, || DirBuilder::new().mode(0o755).create(path))?;
        }
        Ok(())
    }

    fn make(
        &mut self,
        target: &Path,
        create: impl FnOnce() -> std::io::Result<()>,
    ) -> Result<(), Failure> {
        if target.exists() {
            return Ok(());
        }
        let refused = |call: &'static str| {
            move |error: std::io::Error| Failure::refused(call, target, errno(&error))
        };
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
            return Ok(());
        };
        let directory = std::fs::canonicalize(parent).map_err(refused("make mount point"))?;
        let before = std::fs::metadata(&directory).map_err(refused("stat"))?;
        create().map_err(refused("make mount point"))?;
        let root = std::fs::metadata("/").map_err(refused("stat"))?;
        // In something already mounted it does not reach the upper directory.
        if before.dev() == root.dev() {
            let after = std::fs::metadata(&directory).map_err(refused("stat"))?;
            self.made.push(Stub {
                directory: directory.strip_prefix("/").unwrap_or(&directory).to_owned(),
                name: PathBuf::from(name),
                before: (before.mtime(), before.mtime_nsec()),
                after: (after.mtime(), after.mtime_nsec()),
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
    let directory = if stub.directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        &stub.directory
    };
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    let directory = openat2(upper.as_fd(), directory, how)?;
    let found = fstatat(directory.as_fd(), &stub.name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    let times = fstat(directory.as_fd())?;
    match SFlag::from_bits_truncate(found.st_mode & libc::S_IFMT) {
        SFlag::S_IFDIR => unlinkat(directory.as_fd(), &stub.name, UnlinkatFlags::RemoveDir)?,
        SFlag::S_IFREG if found.st_size == 0 => {
            unlinkat(directory.as_fd(), &stub.name, UnlinkatFlags::NoRemoveDir)?
        }
        _ => return Ok(()),
    }
    let now = (times.st_mtime, times.st_mtime_nsec);
    let (seconds, nanoseconds) = if now == stub.after { stub.before } else { now };
    let accessed = TimeSpec::new(times.st_atime, times.st_atime_nsec);
    futimens(
        directory.as_fd(),
        &accessed,
        &TimeSpec::new(seconds, nanoseconds),
    )
}
