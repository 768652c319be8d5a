//! Files that are given away and looked at: chown(2), stat(2) and their kin.
//!
//! The kernel does what it can, so that it refuses what it would refuse and has the file copied up: a file that is given away goes to the
//! one user there is. The owner that was asked for is written beside it, see [`crate::owner`].

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;

use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::unistd::{Gid, Uid, fchownat};

use super::super::error::errno;
use super::super::seccomp::Abi;
use super::calls::Naming;
use super::ids::KEEP;
use super::target::{Follow, Target};
use crate::owner::{self, Written};

/// The arguments of a call, as the kernel has them.
pub(super) type Arguments = [u64; 6];

/// A user and a group.
pub(super) type Owner = (u32, u32);

/// A file of which the owner is to be told or changed.
pub(super) struct Owned {
    file: OwnedFd,
    mode: u32,
    /// Who it belongs to for the kernel: root, which is the one user there is, or nobody.
    real: Owner,
    written: Written,
}

impl Owned {
    /// Finds what a call means. Gives the place of the first argument behind the name, too.
    pub(crate) fn named(target: &Target<'_>, naming: Naming, args: &Arguments) -> Result<(Owned, usize), Errno> {
        let cwd = libc::AT_FDCWD;
        match naming {
            Naming::Descriptor => Ok((Owned::of(target.descriptor(args[0] as RawFd)?)?, 1)),
            Naming::Path => Ok((Owned::find(target, cwd, &target.path(args[0])?, Follow::Yes)?, 1)),
            Naming::Link => Ok((Owned::find(target, cwd, &target.path(args[0])?, Follow::No)?, 1)),
            Naming::At { flags } => {
                const LOOKED_AT: i32 = libc::AT_NO_AUTOMOUNT | libc::AT_STATX_SYNC_TYPE;
                let (flags, start) = (args[flags] as i32, args[0] as RawFd);
                if flags & !(libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH | LOOKED_AT) != 0 {
                    return Err(Errno::EINVAL);
                }
                // Linux 6.11 takes none for an empty path.
                let path = if args[1] == 0 && flags & libc::AT_EMPTY_PATH != 0 {
                    CString::default()
                } else {
                    target.path(args[1])?
                };
                if path.is_empty() && flags & libc::AT_EMPTY_PATH != 0 {
                    return Ok((Owned::of(target.directory(start)?)?, 2));
                }
                let follow = if flags & libc::AT_SYMLINK_NOFOLLOW != 0 { Follow::No } else { Follow::Yes };
                Ok((Owned::find(target, start, &path, follow)?, 2))
            }
        }
    }

    fn find(target: &Target<'_>, start: RawFd, path: &CString, follow: Follow) -> Result<Owned, Errno> {
        Owned::of(target.find(start, path, follow)?)
    }

    fn of(file: OwnedFd) -> Result<Owned, Errno> {
        let found = status(&file)?;
        let (mode, real) = (found.st_mode, (found.st_uid, found.st_gid));
        Ok(Owned { file, mode, real, written: Written::beside(mode) })
    }

    /// Whether that is what the kernel tells.
    pub(crate) fn is_really(&self, owner: Owner) -> bool {
        self.real == owner
    }

    /// Who it belongs to, as far as that is written beside it.
    pub(crate) fn written(&self) -> Option<Owner> {
        self.written.beside_this(&self.file)
    }

    /// The names of its attributes as listxattr(2) writes them, without ours: what is copied with all its attributes gets its owner
    /// from whoever copies it. `None` where there are none of ours.
    pub(crate) fn attributes(&self) -> Option<Vec<u8>> {
        let all = owner::attributes(&self.file).ok()?;
        let count = all.len();
        let others: Vec<_> = all.into_iter().filter(|name| !self.written.is_ours(name, &self.file)).collect();
        let text = |name: &std::ffi::OsString| [name.as_bytes(), b"\0"].concat();
        (others.len() < count).then(|| others.iter().flat_map(text).collect())
    }

    /// Gives it away. What is written beside it may be gone then: the kernel takes a file's capabilities from it.
    pub(crate) fn give(&self, written: Option<Owner>, before: Owner, (uid, gid): Owner) -> Result<(), Errno> {
        let user = (uid != KEEP).then_some(Uid::from_raw(0));
        let group = (gid != KEEP).then_some(Gid::from_raw(0));
        fchownat(&self.file, "", user, group, AtFlags::AT_EMPTY_PATH)?;
        let now = (if uid == KEEP { before.0 } else { uid }, if gid == KEEP { before.1 } else { gid });
        if written.is_none() && now == before {
            return Ok(());
        }
        match self.written.write(&self.file, now).map_err(|error| errno(&error)) {
            // A terminal, a file system that has no attributes: it is nothing that gets into a layer.
            Err(Errno::EOPNOTSUPP | Errno::EPERM) => Ok(()),
            written => written,
        }
    }

    /// What stat(2) tells of it, with this owner.
    pub(crate) fn stat(&self, (uid, gid): Owner, abi: Abi) -> Result<Vec<u8>, Errno> {
        let mut found = status(&self.file)?;
        (found.st_uid, found.st_gid) = (uid, gid);
        Ok(match abi {
            Abi::Native => bytes_of(&found),
            Abi::Compat => stat64(&found),
        })
    }

    /// What statx(2) tells of it, with this owner.
    pub(crate) fn statx(&self, (uid, gid): Owner, flags: i32, mask: u32) -> Result<Vec<u8>, Errno> {
        let mut found = look(&self.file, flags & libc::AT_STATX_SYNC_TYPE, mask)?;
        (found.stx_uid, found.stx_gid) = (uid, gid);
        Ok(bytes_of(&found))
    }
}

impl Owned {
    /// Whether it was there before the container's first process: the root directory, devices, what shows the kernel's own state, and the files
    /// in /etc that are mounted over the image's. It is told by where it lies in the container's mounts, whatever root the process has.
    fn is_of_set_up(&self) -> bool {
        if [libc::S_IFCHR, libc::S_IFBLK].contains(&(self.mode & libc::S_IFMT)) {
            return true;
        }
        let Ok(place) = std::fs::read_link(format!("/proc/self/fd/{}", self.file.as_raw_fd())) else { return false };
        let Ok(place) = place.strip_prefix("/") else { return false };
        let mut names = place.iter().filter_map(|name| name.to_str());
        match (names.next(), names.next()) {
            (None, _) | (Some("sys"), _) => true,
            (Some("dev"), below) => !matches!(below, Some("shm" | "mqueue")) || names.next().is_none(),
            // What is there of a process is its user's, as whom mostly the first one began.
            (Some("proc"), below) => !below.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit())),
            (Some("etc"), Some("hosts" | "hostname" | "resolv.conf")) => self.is_mounted(),
            (Some(_), _) => false,
        }
    }

    /// Whether something is mounted just here.
    fn is_mounted(&self) -> bool {
        const MOUNT_ROOT: u64 = libc::STATX_ATTR_MOUNT_ROOT as u64;
        look(&self.file, libc::AT_STATX_DONT_SYNC, libc::STATX_TYPE)
            .is_ok_and(|found| found.stx_attributes & MOUNT_ROOT != 0)
    }
}

/// fstat(2), into a structure without a byte of ours: a container reads it.
fn status(file: &OwnedFd) -> Result<libc::stat, Errno> {
    let mut found = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: fstat(2) writes one structure; all of its fields are numbers, for which 0 is one.
    unsafe {
        Errno::result(libc::fstat(file.as_raw_fd(), found.as_mut_ptr()))?;
        Ok(found.assume_init())
    }
}

/// statx(2) of what a descriptor leads to.
fn look(file: &OwnedFd, flags: i32, mask: u32) -> Result<libc::statx, Errno> {
    let mut found = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: statx(2) reads an empty text and writes one structure; all of its fields are numbers, for which 0 is one.
    unsafe {
        Errno::result(libc::statx(
            file.as_raw_fd(),
            c"".as_ptr(),
            flags | libc::AT_EMPTY_PATH,
            mask,
            found.as_mut_ptr(),
        ))?;
        Ok(found.assume_init())
    }
}

/// A structure as the kernel would have written it.
fn bytes_of<T: Copy>(structure: &T) -> Vec<u8> {
    // SAFETY: the two structures consist of numbers alone; what is between them was zero from the start.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(structure).cast::<u8>(), size_of::<T>()) }.to_vec()
}

/// A structure as 32-bit programs have it: `struct stat64`, asm/stat.h. Where it is aligned as on ARM, a number of 64 bits lies at a multiple
/// of 8; on x86 it does not.
fn stat64(found: &libc::stat) -> Vec<u8> {
    const GAP: usize = if cfg!(target_arch = "aarch64") { 4 } else { 0 };
    let mut bytes = Vec::with_capacity(104);
    let words = |bytes: &mut Vec<u8>, words: &[u64]| {
        words.iter().for_each(|word| bytes.extend((*word as u32).to_ne_bytes()));
    };
    bytes.extend(found.st_dev.to_ne_bytes());
    // On ARM it is shorter.
    #[allow(clippy::unnecessary_cast)]
    let links = found.st_nlink as u64;
    words(&mut bytes, &[0, found.st_ino, found.st_mode.into(), links, found.st_uid.into(), found.st_gid.into()]);
    bytes.extend(found.st_rdev.to_ne_bytes());
    bytes.extend([0; 4 + GAP]);
    bytes.extend(found.st_size.to_ne_bytes());
    words(&mut bytes, &[found.st_blksize as u64]);
    bytes.extend([0; GAP]);
    bytes.extend(found.st_blocks.to_ne_bytes());
    let times = [
        (found.st_atime, found.st_atime_nsec),
        (found.st_mtime, found.st_mtime_nsec),
        (found.st_ctime, found.st_ctime_nsec),
    ];
    times.iter().for_each(|(seconds, nanoseconds)| words(&mut bytes, &[*seconds as u64, *nanoseconds as u64]));
    bytes.extend(found.st_ino.to_ne_bytes());
    bytes
}

/// Who the files belong to that have no owner written beside them.
///
/// Unpacking wrote one beside every file of the layers. So these came since, or lie in what is mounted: they are the user's as whom the
/// container's first process began, like those that it makes itself. What the set-up has made is root's.
pub(super) struct Maker(Owner);

impl Maker {
    /// As it is written on the root directory.
    pub(crate) fn of(root: &OwnedFd) -> Maker {
        Maker(owner::maker_on(root).unwrap_or((0, 0)))
    }

    /// Who a file belongs to of which this is written.
    pub(crate) fn owner_of(&self, file: &Owned, written: Option<Owner>) -> Owner {
        match written {
            Some(owner) => owner,
            None if file.real == self.0 => self.0,
            None if file.is_of_set_up() => (0, 0),
            // A file of the machine's that belongs to somebody else there.
            None if file.real != (0, 0) => file.real,
            None => self.0,
        }
    }
}
