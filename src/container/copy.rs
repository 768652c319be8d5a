//! The layers copied into one tree: what stands in for overlayfs where the kernel refuses it.
//!
//! The lower directories are in overlayfs' own form: a character device 0:0 hides a name, and the
//! attribute `overlay.opaque` a directory's former content. Copying from the bottom up while
//! honouring both gives the tree that an overlay would show. Owners, modes, times, attributes and
//! hard links are kept as far as the identity can; a device node that may not be made is an error.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, SFlag, UtimensatFlags, mknod, utimensat};
use nix::sys::time::TimeSpec;

use super::error::Failure;
use super::error::errno;

/// Copies `lower` (top first) into `upper`, once: `marker` is made at the end, and where it exists
/// nothing is done.
pub(super) fn layers(lower: &[PathBuf], upper: &Path, marker: &Path) -> Result<(), Failure> {
    if marker.exists() {
        return Ok(());
    }
    for layer in lower.iter().rev() {
        let mut copier = Copier { links: HashMap::new() };
        copier.directory(layer, upper)?;
    }
    std::fs::write(marker, "").map_err(|error| Failure::refused("write", marker, errno(&error)))
}

struct Copier {
    /// Where the files with several names went, by device and inode.
    links: HashMap<(u64, u64), PathBuf>,
}

impl Copier {
    /// Merges one directory into another that exists, and then gives it the first one's metadata:
    /// last, because filling it changes its times.
    fn directory(&mut self, from: &Path, to: &Path) -> Result<(), Failure> {
        let refused = |call: &'static str, path: &Path| {
            let path = path.to_owned();
            move |error: std::io::Error| Failure::refused(call, &path, errno(&error))
        };
        for entry in std::fs::read_dir(from).map_err(refused("read directory", from))? {
            let entry = entry.map_err(refused("read directory", from))?;
            let (source, target) = (entry.path(), to.join(entry.file_name()));
            let found = std::fs::symlink_metadata(&source).map_err(refused("stat", &source))?;
            if is_whiteout(&source, &found) {
                remove(&target)?;
                continue;
            }
            let keeps = found.is_dir()
                && !is_opaque(&source)
                && std::fs::symlink_metadata(&target).is_ok_and(|there| there.is_dir());
            if !keeps {
                remove(&target)?;
            }
            if found.is_dir() {
                if !keeps {
                    std::fs::create_dir(&target).map_err(refused("mkdir", &target))?;
                }
                self.directory(&source, &target)?;
            } else {
                self.file(&source, &target, &found)?;
            }
        }
        let found = std::fs::symlink_metadata(from).map_err(refused("stat", from))?;
        copy_metadata(from, to, &found)
    }

    fn file(&mut self, source: &Path, target: &Path, found: &Metadata) -> Result<(), Failure> {
        let refused = |call: &'static str| move |error: std::io::Error| Failure::refused(call, target, errno(&error));
        if found.nlink() > 1 {
            let id = (found.dev(), found.ino());
            if let Some(first) = self.links.get(&id) {
                return std::fs::hard_link(first, target).map_err(refused("link"));
            }
            self.links.insert(id, target.to_owned());
        }
        let kind = found.file_type();
        if kind.is_symlink() {
            let text = std::fs::read_link(source).map_err(refused("readlink"))?;
            std::os::unix::fs::symlink(text, target).map_err(refused("symlink"))?;
        } else if kind.is_file() {
            std::fs::copy(source, target).map_err(refused("copy to"))?;
        } else {
            let flags = SFlag::from_bits_truncate(found.mode() & libc::S_IFMT);
            let mode = Mode::from_bits_truncate(found.mode() & 0o7777);
            mknod(target, flags, mode, found.rdev()).map_err(|errno| Failure::refused("mknod", target, errno))?;
        }
        copy_metadata(source, target, found)
    }
}

/// Owner first, because changing it takes set-user-id bits and file capabilities away; times last.
fn copy_metadata(source: &Path, target: &Path, found: &Metadata) -> Result<(), Failure> {
    let refused = |call: &'static str| move |error: std::io::Error| Failure::refused(call, target, errno(&error));
    std::os::unix::fs::lchown(target, Some(found.uid()), Some(found.gid())).map_err(refused("chown"))?;
    if !found.file_type().is_symlink() {
        std::fs::set_permissions(target, PermissionsExt::from_mode(found.mode() & 0o7777)).map_err(refused("chmod"))?;
    }
    for name in xattr::list(source).map_err(refused("list attributes of"))? {
        if is_overlay_attribute(&name) {
            continue;
        }
        if let Some(value) = xattr::get(source, &name).map_err(refused("read attribute of"))? {
            xattr::set(target, &name, &value).map_err(refused("set attribute of"))?;
        }
    }
    let (accessed, modified) =
        (TimeSpec::new(found.atime(), found.atime_nsec()), TimeSpec::new(found.mtime(), found.mtime_nsec()));
    utimensat(nix::fcntl::AT_FDCWD, target, &accessed, &modified, UtimensatFlags::NoFollowSymlink)
        .map_err(|errno| Failure::refused("set times of", target, errno))
}

fn is_whiteout(path: &Path, found: &Metadata) -> bool {
    (found.file_type().is_char_device() && found.rdev() == 0)
        || (found.is_file() && found.len() == 0 && has_overlay_attribute(path, "whiteout"))
}

fn is_opaque(path: &Path) -> bool {
    has_overlay_attribute(path, "opaque")
}

fn has_overlay_attribute(path: &Path, name: &str) -> bool {
    ["user", "trusted"].iter().any(|space| matches!(xattr::get(path, format!("{space}.overlay.{name}")), Ok(Some(_))))
}

fn is_overlay_attribute(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.starts_with(b"user.overlay.") || name.starts_with(b"trusted.overlay.")
}

fn remove(path: &Path) -> Result<(), Failure> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    removed.map_err(|error| Failure::refused("remove", path, errno(&error)))
}
