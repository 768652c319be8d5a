//! Paths inside the container's root, resolved in a way that a hostile image can't abuse.
//!
//! An image brings its own symbolic links, and a volume brings more. Two things would lead a link out of the root: a place
//! above it, and the "magic" links of `/proc/self/fd`, which lead to what our own process has open. The first is gone when
//! these functions are used, since the old root was detached. The second is never followed.
//!
//! A path is resolved once, component by component, each opened below the last one. What comes of it is a descriptor, and the
//! name is not used again: whoever exchanges a folder of the path afterwards changes nothing. Going up means going back to the
//! descriptor that one came from, so a folder that is moved meanwhile does not matter either.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat, openat2, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};

/// How many symbolic links one path may lead through, as in the kernel.
const MOST_LINKS: u32 = 40;

/// How often a look-up is repeated that the kernel gave up because something was renamed meanwhile.
const MOST_TRIES: u32 = 128;

/// The container's root, once there is no other one.
pub(crate) struct Root {
    directory: OwnedFd,
    device: libc::dev_t,
}

impl Root {
    /// Opens `/`.
    pub(crate) fn open() -> Result<Root, Errno> {
        let directory = open("/", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
        let device = fstat(&directory)?.st_dev;
        Ok(Root { directory, device })
    }

    /// The root directory itself.
    pub(crate) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Whether this is the root directory.
    pub(crate) fn is(&self, found: &impl AsFd) -> bool {
        let number = |of: &dyn Fn() -> Result<FileStat, Errno>| of().map(|found| (found.st_dev, found.st_ino)).ok();
        number(&|| fstat(found)) == number(&|| fstat(&self.directory))
    }

    /// Whether something lies in the root file system, not in what is mounted in it.
    pub(crate) fn holds(&self, found: &FileStat) -> bool {
        found.st_dev == self.device
    }

    // ANCHOR: find
    /// Opens what `path` leads to, with the rights that this process has now.
    pub(crate) fn find(&self, path: &Path, flags: OFlag) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        patiently(|| openat2(&self.directory, path, OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(resolve)))
    }
    // ANCHOR_END: find
}

/// Opens `path` below `directory` to name it only. No symbolic link is followed.
pub(crate) fn below(directory: &impl AsFd, path: &Path) -> Result<OwnedFd, Errno> {
    open_below(directory, path, OFlag::O_PATH)
}

/// Opens `path` below `directory`. No symbolic link is followed.
pub(super) fn open_below(directory: &impl AsFd, path: &Path, flags: OFlag) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS;
    let how = OpenHow::new().flags(flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC).resolve(resolve);
    patiently(|| openat2(directory, path, how))
}

/// Opens what `path` leads to with `directory` as its root, to name it only.
pub(super) fn in_root(directory: &impl AsFd, path: &Path) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(resolve);
    patiently(|| openat2(directory, if path.as_os_str().is_empty() { Path::new(".") } else { path }, how))
}

/// Repeats a look-up with `..` in it while the kernel says that it can't tell where that leads, see openat2(2), EAGAIN.
pub(super) fn patiently(mut look_up: impl FnMut() -> Result<OwnedFd, Errno>) -> Result<OwnedFd, Errno> {
    for _ in 1..MOST_TRIES {
        match look_up() {
            Err(Errno::EAGAIN) => {}
            answer => return answer,
        }
    }
    look_up()
}

/// Opens one name in a directory, itself where it is a link.
pub(super) fn entry(directory: &impl AsFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    openat(directory, name, OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty())
}

/// What sort of file a descriptor is of.
pub(super) fn kind_of(descriptor: &impl AsFd) -> Result<SFlag, Errno> {
    Ok(SFlag::from_bits_truncate(fstat(descriptor)?.st_mode & libc::S_IFMT))
}

/// Whether a descriptor lies on a proc file system: ours or another.
pub(super) fn is_on_proc(descriptor: &impl AsFd) -> Result<bool, Errno> {
    Ok(fstatfs(descriptor)?.filesystem_type() == PROC_SUPER_MAGIC)
}

/// A path on its way through the root.
pub(crate) struct Walk<'a> {
    root: &'a Root,
    /// The way from the root to where we are, without links.
    trail: Vec<(OsString, OwnedFd)>,
    /// What is left of the path.
    ahead: VecDeque<OsString>,
    links: u32,
}

/// Where a walk stopped.
pub(crate) enum Stop {
    /// At its end.
    Arrived,
    /// Before this name, which does not exist.
    Missing(OsString),
}

impl<'a> Walk<'a> {
    pub(crate) fn new(root: &'a Root, path: &Path) -> Walk<'a> {
        let mut walk = Walk { root, trail: Vec::new(), ahead: VecDeque::new(), links: 0 };
        walk.turn(path);
        walk
    }

    /// Where it is now.
    pub(crate) fn here(&self) -> BorrowedFd<'_> {
        self.trail.last().map_or(self.root.directory(), |(_, descriptor)| descriptor.as_fd())
    }

    /// The directory where it is: the one that holds it, if it came to something else.
    pub(crate) fn directory(&self) -> Result<BorrowedFd<'_>, Errno> {
        if kind_of(&self.here())? == SFlag::S_IFDIR {
            return Ok(self.here());
        }
        let above = self.trail.len().checked_sub(2).map(|index| self.trail[index].1.as_fd());
        Ok(above.unwrap_or(self.root.directory()))
    }

    /// Whether it came to a directory.
    pub(crate) fn is_folder(&self) -> Result<bool, Errno> {
        Ok(kind_of(&self.here())? == SFlag::S_IFDIR)
    }

    /// The same as a path relative to the root, without links.
    pub(crate) fn path(&self) -> PathBuf {
        self.trail.iter().map(|(name, _)| name).collect()
    }

    /// Whether it is at the root itself.
    pub(crate) fn is_at_root(&self) -> bool {
        self.trail.is_empty()
    }

    /// Whether the missing name is the last of the path.
    pub(crate) fn is_last(&self) -> bool {
        self.ahead.len() == 1
    }

    /// Goes on until the end or a name that does not exist. Made meanwhile, it is found when called again.
    pub(crate) fn advance(&mut self) -> Result<Stop, Errno> {
        while let Some(name) = self.ahead.front() {
            if name == ".." {
                self.step_up()?;
                continue;
            }
            let found = match entry(&self.here(), name) {
                Err(Errno::ENOENT) => return Ok(Stop::Missing(name.clone())),
                found => found?,
            };
            let name = self.ahead.pop_front().unwrap_or_default();
            if kind_of(&found)? != SFlag::S_IFLNK {
                self.trail.push((name, found));
            } else if is_on_proc(&found)? {
                // Only the kernel can tell a magic link from one such as `/proc/self`.
                let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS;
                let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(resolve);
                let found = openat2(self.here(), name.as_os_str(), how)?;
                self.trail.push((name, found));
            } else {
                self.follow(&found)?;
            }
        }
        Ok(Stop::Arrived)
    }

    fn step_up(&mut self) -> Result<(), Errno> {
        if kind_of(&self.here())? != SFlag::S_IFDIR {
            return Err(Errno::ENOTDIR);
        }
        self.trail.pop();
        self.ahead.pop_front();
        Ok(())
    }

    fn follow(&mut self, link: &OwnedFd) -> Result<(), Errno> {
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(Errno::ELOOP);
        }
        let text = readlinkat(link, "")?;
        self.turn(Path::new(&text));
        Ok(())
    }

    /// Puts a path before what is left.
    fn turn(&mut self, path: &Path) {
        if path.as_os_str().as_bytes().first() == Some(&b'/') {
            self.trail.clear();
        }
        let names = path.as_os_str().as_bytes().split(|byte| *byte == b'/');
        for name in names.rev().filter(|name| !name.is_empty() && *name != b".") {
            self.ahead.push_front(OsStr::from_bytes(name).to_owned());
        }
    }
}
