//! Extended attributes of files on the machine, as far as they belong to an image.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{fgetxattr, flistxattr, lgetxattr, llistxattr};
use rustix::io::Errno;

use crate::tree::Xattrs;

/// The kernel's bounds on all names, and on one value (`XATTR_LIST_MAX`, `XATTR_SIZE_MAX`).
const MOST: usize = 64 << 10;

/// The attributes of an open file that COPY takes along.
///
/// `system.*` and `security.*` belong to the machine (access control lists, labels) and are left out, except
/// `security.capability`, which makes a program more than its mode says.
///
/// # Errors
/// What the kernel refuses; a file system without attributes has none.
pub(super) fn of_file(file: impl AsFd) -> io::Result<Xattrs> {
    let file = file.as_fd();
    read(|list| flistxattr(file, list), |name, value| fgetxattr(file, name, value))
}

/// The same for what can't be opened, such as a pipe: by its path, since Linux has no call for it that is relative to an open
/// directory (before 6.13). Links are not followed.
///
/// # Errors
/// As [`of_file`].
pub(super) fn of_path(path: &Path) -> io::Result<Xattrs> {
    read(|list| llistxattr(path, list), |name, value| lgetxattr(path, name, value))
}

fn read(
    list: impl Fn(&mut [u8]) -> Result<usize, Errno>,
    get: impl Fn(&[u8], &mut [u8]) -> Result<usize, Errno>,
) -> io::Result<Xattrs> {
    // Nearly always there are none, or few.
    let mut short = [0; 256];
    let mut long = Vec::new();
    let names = match list(&mut short) {
        Ok(0) => return Ok(Xattrs::default()),
        Ok(length) => &short[..length],
        Err(Errno::RANGE) => {
            long.resize(MOST, 0);
            let length = list(&mut long)?;
            &long[..length]
        }
        Err(errno) if is_absent(errno) => return Ok(Xattrs::default()),
        Err(errno) => return Err(errno.into()),
    };
    let mut kept = Vec::new();
    let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    for name in names.filter(|name| !name.starts_with(b"system.")) {
        if name.starts_with(b"security.") && name != b"security.capability" {
            continue;
        }
        let mut value = vec![0; MOST];
        match get(name, &mut value) {
            Ok(length) => {
                value.truncate(length);
                kept.push((name.to_vec(), value));
            }
            Err(errno) if is_absent(errno) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(kept.into_iter().collect())
}

/// The file system has no attributes, or the attribute or file is gone by now (the walk or the reader says so).
fn is_absent(errno: Errno) -> bool {
    matches!(errno, Errno::NOTSUP | Errno::NODATA | Errno::NOENT | Errno::PERM | Errno::ACCESS)
}
