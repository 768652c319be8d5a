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
    /// The numbers that it has on its file system.
    place: (libc::dev_t, libc::ino_t),
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
        let (mode, place) = (found.st_mode, (found.st_dev, found.st_ino));
        Ok(Owned { file, mode, place, written: Written::beside(mode) })
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
    pub(crate) fn stat(&self, (uid, gid): Owner) -> Result<Vec<u8>, Errno> {
        let mut found = status(&self.file)?;
        (found.st_uid, found.st_gid) = (uid, gid);
        Ok(bytes_of(&found))
    }

    /// What statx(2) tells of it, with this owner.
    pub(crate) fn statx(&self, (uid, gid): Owner, flags: i32, mask: u32) -> Result<Vec<u8>, Errno> {
        let mut found = look(&self.file, flags & libc::AT_STATX_SYNC_TYPE, mask)?;
        (found.stx_uid, found.stx_gid) = (uid, gid);
        Ok(bytes_of(&found))
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

/// Who the files belong to that have no owner written beside them.
///
/// Unpacking wrote one beside every file of the layers. So these came since, or lie in what is mounted: they are the user's as whom the
/// container's first process began, like those that it makes itself. Device nodes are root's, and so is the root directory.
pub(super) struct Maker {
    owner: Owner,
    root: Option<(libc::dev_t, libc::ino_t)>,
}

impl Maker {
    /// As it is written on the root directory.
    pub(crate) fn of(root: &OwnedFd) -> Maker {
        Maker {
            owner: owner::maker_on(root).unwrap_or((0, 0)),
            root: status(root).ok().map(|found| (found.st_dev, found.st_ino)),
        }
    }

    /// Who a file belongs to of which this is written.
    pub(crate) fn owner_of(&self, file: &Owned, written: Option<Owner>) -> Owner {
        let is_device = [libc::S_IFCHR, libc::S_IFBLK].contains(&(file.mode & libc::S_IFMT));
        match written {
            Some(owner) => owner,
            None if is_device || Some(file.place) == self.root => (0, 0),
            None => self.owner,
        }
    }
}
