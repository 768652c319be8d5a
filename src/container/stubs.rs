//! Mount points: found, made where an image lacks them, and taken away again.
//!
//! Something can be mounted only on something that exists. So `/proc`, `/etc/hosts` and the like
//! are made where they are missing, and so they land in the upper directory, where they would
//! become part of the layer. Each one is noted together with the times of its directory, and after
//! the container's end it is removed, if it is still empty, and the times are set back, if nothing
//! else changed them.
//!
//! What is mounted on is a descriptor, never a name: see [`inside`]. A volume or one of the container's own files may not
//! come to lie where the set-up itself has mounted something: an image whose `/data` is a link to `/proc` would have it
//! hidden or replaced.
//!
//! Removing happens outside the container's mount namespace, on a tree that the container may
//! have filled with hostile symbolic links: the directory is opened with openat2(2) in a way that
//! follows none.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, open, openat, openat2};
use nix::sys::stat::{Mode, SFlag, fstat, fstatat, futimens, mkdirat};
use nix::sys::time::TimeSpec;
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::error::{Cause, Failure, errno};
use super::inside::{self, Root, Stop, Walk};

/// A modification time: seconds and nanoseconds.
type Time = (i64, i64);

/// What a mount point has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    /// Anything else: an empty file is made where it is missing.
    File,
}

impl Kind {
    /// What a mount needs to be attached to: its root decides.
    pub(crate) fn for_mount(mount: &OwnedFd) -> Result<Kind, Errno> {
        Ok(if inside::kind_of(mount)? == SFlag::S_IFDIR { Kind::Directory } else { Kind::File })
    }
}

/// One thing that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    pub(crate) made: Vec<Stub>,
    /// The devices of the mounts that nothing else may be mounted in.
    closed: Vec<libc::dev_t>,
}

impl Stubs {
    /// Keeps everything that an image names out of this mount.
    pub(crate) fn close(&mut self, mount: &OwnedFd) -> Result<(), Errno> {
        self.closed.push(fstat(mount)?.st_dev);
        Ok(())
    }

    /// A directory right in the root, such as `/proc`. A link is refused: programs look below this name, and it must not lead
    /// to a place of the image's choosing.
    pub(crate) fn directory_of_root(&mut self, root: &Root, target: &Path) -> Result<OwnedFd, Failure> {
        let refused = |errno| Failure::refused("open mount point", target, errno);
        let name = target.file_name().unwrap_or_default();
        let found = match inside::entry(&root.directory(), name) {
            Err(Errno::ENOENT) => {
                self.make(root, &root.directory(), Path::new(""), name, Kind::Directory)
                    .map_err(|errno| Failure::refused("make mount point", target, errno))?;
                inside::entry(&root.directory(), name).map_err(refused)?
            }
            found => found.map_err(refused)?,
        };
        if inside::kind_of(&found).map_err(refused)? == SFlag::S_IFDIR {
            return Ok(found);
        }
        let message = format!("`{}` of the image is not a directory", target.display());
        Err(Failure::of(Cause::Refused, message).hint("a symbolic link is not followed here, wherever it leads"))
    }

    /// What `target` leads to in the image, made where it is missing: also at the end of a link that leads to nothing.
    pub(crate) fn place(&mut self, root: &Root, target: &Path, kind: Kind) -> Result<OwnedFd, Failure> {
        let refused = |errno| Failure::refused("make mount point", target, errno);
        let mut walk = Walk::new(root, target);
        while let Stop::Missing(name) = walk.advance().map_err(refused)? {
            self.check(&walk, target)?;
            let kind = if walk.is_last() { kind } else { Kind::Directory };
            self.make(root, &walk.here(), &walk.path(), &name, kind).map_err(refused)?;
        }
        if walk.is_at_root() {
            return Err(Failure::of(Cause::Refused, format!("`{}` leads to the root itself", target.display()))
                .hint("nothing can be mounted over the root of a container"));
        }
        self.check(&walk, target)?;
        check_kind(&walk, target, kind)?;
        walk.here().try_clone_to_owned().map_err(|error| refused(errno(&error)))
    }

    /// Removes what was made from `upper`, the last one first. What is not there any more, or not
    /// empty, stays as the container left it.
    pub(crate) fn remove(&self, upper: &Path) -> Result<(), Failure> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root = open(upper, flags, Mode::empty()).map_err(|errno| Failure::refused("open", upper, errno))?;
        let mut removed = Ok(());
        for stub in self.made.iter().rev() {
            match remove_one(&root, stub) {
                // The container has removed it, put a link in its way, or filled it.
                Ok(()) | Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::ENOTEMPTY | Errno::EXDEV) => {}
                Err(errno) => {
                    let path = Path::new("/").join(&stub.directory).join(&stub.name);
                    removed = removed.and(Err(Failure::refused("remove the mount point", &path, errno)));
                }
            }
        }
        removed
    }

    /// Whether something may be made or mounted where the walk is.
    fn check(&self, walk: &Walk<'_>, target: &Path) -> Result<(), Failure> {
        let refused = |errno| Failure::refused("stat", target, errno);
        // A device node is a mount by itself: the directory tells where it is.
        let is_closed = |place| Ok(self.closed.contains(&fstat(place)?.st_dev) || inside::is_on_proc(&place)?);
        if !is_closed(walk.directory().map_err(refused)?).map_err(refused)? {
            return Ok(());
        }
        let message = format!("`{}` leads to `/{}`", target.display(), walk.path().display());
        Err(Failure::of(Cause::Refused, message)
            .hint("nothing can be mounted in the container's `/proc` and `/dev`, except for `/dev/shm`"))
    }

    /// Makes `name` in the directory `parent`, which is `path` below the root, and notes it if that is part of the root.
    fn make(&mut self, root: &Root, parent: &impl AsFd, path: &Path, name: &OsStr, kind: Kind) -> nix::Result<()> {
        let before = fstat(parent)?;
        create(parent, name, kind)?;
        // In something already mounted it does not reach the upper directory.
        if root.holds(&before) {
            let after = fstat(parent)?;
            self.made.push(Stub {
                directory: path.to_owned(),
                name: name.into(),
                before: (before.st_mtime, before.st_mtime_nsec),
                after: (after.st_mtime, after.st_mtime_nsec),
            });
        }
        Ok(())
    }
}

/// A directory can be mounted on a directory only, and a file on a file.
fn check_kind(walk: &Walk<'_>, target: &Path, kind: Kind) -> Result<(), Failure> {
    let found = inside::kind_of(&walk.here()).map_err(|errno| Failure::refused("stat", target, errno))?;
    let (there, wanted) = match (found == SFlag::S_IFDIR, kind) {
        (true, Kind::File) => ("a directory", "a file"),
        (false, Kind::Directory) => ("a file", "a directory"),
        (true, Kind::Directory) | (false, Kind::File) => return Ok(()),
    };
    let message = format!("`{}` is {there} in the image, and {wanted} has to be mounted there", target.display());
    Err(Failure::of(Cause::Refused, message))
}

/// Makes sure that a directory is at `path` in the image: part of the image from now on, not a mount point.
pub(super) fn make_directories(root: &Root, path: &Path) -> Result<(), Errno> {
    let mut walk = Walk::new(root, path);
    while let Stop::Missing(name) = walk.advance()? {
        create(&walk.here(), &name, Kind::Directory)?;
    }
    match inside::kind_of(&walk.here())? {
        SFlag::S_IFDIR => Ok(()),
        _ => Err(Errno::EEXIST),
    }
}

/// A place in one of the set-up's own mounts, made where it is missing. The path has names only.
pub(super) fn in_own_mount(mount: &OwnedFd, path: &Path, kind: Kind) -> Result<OwnedFd, Errno> {
    let mut here = mount.try_clone().map_err(|error| errno(&error))?;
    let names: Vec<&OsStr> = path.iter().collect();
    if path.components().any(|component| !matches!(component, Component::Normal(_))) {
        return Err(Errno::EINVAL);
    }
    for (index, name) in names.iter().enumerate() {
        here = match inside::entry(&here, name) {
            Err(Errno::ENOENT) => {
                create(&here, name, if index + 1 == names.len() { kind } else { Kind::Directory })?;
                inside::entry(&here, name)?
            }
            found => found?,
        };
    }
    Ok(here)
}

fn create(parent: &impl AsFd, name: &OsStr, kind: Kind) -> nix::Result<()> {
    match kind {
        Kind::Directory => mkdirat(parent, name, Mode::from_bits_truncate(0o755)),
        Kind::File => {
            let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            openat(parent, name, flags, Mode::from_bits_truncate(0o644)).map(drop)
        }
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
