//! What a student hands in, copied: a folder that somebody made who may want another grade.
//!
//! Only files, folders and links that stay inside come along. A link to a file of the machine would show it to the student, in what a check has
//! seen; a pipe would never end. What is left out is told. The copy can be changed by a check, and the folder itself is not.

use std::fs::{self, File, FileTimes, Metadata, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};

use crate::document::{self, Links};
use crate::errno;
use crate::limits::{Limit, Limits};

/// The bytes of a folder that is handed in.
pub(crate) const HANDED_IN: Limit = Limit::bytes("folder that is handed in", "LAYERLAB_MAX_HANDED_IN", 256 << 20);

/// The most files and folders that are looked at, and how deep: as many as are copied for a page.
pub(super) const MOST_ENTRIES: usize = 50_000;
pub(super) const DEEPEST: usize = 64;
/// The most that is told of what is left out.
const MOST_TOLD: usize = 100;

/// A copy in the making.
struct Copying {
    bytes_left: u64,
    entries_left: usize,
    left_out: Vec<String>,
}

/// Copies a folder into one that is there and empty, and says what was left out.
///
/// # Errors
/// What the file system says of the folder itself, or of the copy.
pub(super) fn copy(from: &Path, to: &Path, limits: &Limits) -> io::Result<Vec<String>> {
    let root = from.canonicalize()?;
    let bytes_left = limits.bound(&HANDED_IN).most;
    let mut copying = Copying { bytes_left, entries_left: MOST_ENTRIES, left_out: Vec::new() };
    copying.folder(&root, to, Path::new(""), 0)?;
    Ok(copying.left_out)
}

impl Copying {
    fn folder(&mut self, root: &Path, to: &Path, place: &Path, depth: usize) -> io::Result<()> {
        let entries = match fs::read_dir(root.join(place)) {
            Ok(entries) => entries,
            // Only the student's own folder has to be there.
            Err(error) if depth > 0 => return self.leave_out(place, &errno::describe(&error)),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let Some(left) = self.entries_left.checked_sub(1) else {
                return self.leave_out(place, &format!("there are more than {MOST_ENTRIES} files"));
            };
            self.entries_left = left;
            let place = place.join(entry?.file_name());
            let metadata = match root.join(&place).symlink_metadata() {
                Ok(metadata) => metadata,
                Err(error) => {
                    self.leave_out(&place, &errno::describe(&error))?;
                    continue;
                }
            };
            match () {
                () if metadata.is_symlink() => self.link(root, to, &place, depth)?,
                () if metadata.is_dir() && depth < DEEPEST => {
                    fs::create_dir(to.join(&place))?;
                    self.folder(root, to, &place, depth + 1)?;
                }
                () if metadata.is_dir() => self.leave_out(&place, "it is too deep")?,
                () if metadata.is_file() => self.file(root, to, &place)?,
                () => self.leave_out(&place, "it is no file")?,
            }
        }
        Ok(())
    }

    fn link(&mut self, root: &Path, to: &Path, place: &Path, depth: usize) -> io::Result<()> {
        match fs::read_link(root.join(place)) {
            Ok(target) if stays(&target, depth) => symlink(target, to.join(place)),
            Ok(_) => self.leave_out(place, "it is a link that leads out of the folder"),
            Err(error) => self.leave_out(place, &errno::describe(&error)),
        }
    }

    fn file(&mut self, root: &Path, to: &Path, place: &Path) -> io::Result<()> {
        // A folder on the way may have become a link meanwhile.
        let (file, metadata) = match document::open(&root.join(place), Links::RefuseOnTheWay) {
            Ok(opened) => opened,
            Err(error) => return self.leave_out(place, &error.to_string()),
        };
        let Some(left) = self.bytes_left.checked_sub(metadata.len()) else {
            return self.leave_out(place, &format!("the folder is too large ({})", HANDED_IN.variable));
        };
        self.bytes_left = left;
        let mut copy = File::create_new(to.join(place))?;
        // It may grow while it is read.
        io::copy(&mut file.take(metadata.len()), &mut copy)?;
        settle(&copy, &metadata)
    }

    fn leave_out(&mut self, place: &Path, why: &str) -> io::Result<()> {
        if self.left_out.len() < MOST_TOLD {
            self.left_out.push(format!("{}: {why}", place.display()));
        }
        Ok(())
    }
}

/// Gives a copy the time and the mode of a file, without the bits that lend rights.
fn settle(copy: &File, metadata: &Metadata) -> io::Result<()> {
    copy.set_times(FileTimes::new().set_modified(metadata.modified()?))?;
    copy.set_permissions(Permissions::from_mode(metadata.permissions().mode() & 0o777))
}

/// Whether a link in a folder of this depth stays inside: it goes up only at its beginning, where each step is out of a folder and not of a
/// link, and not too far. What it then goes through is inside as well.
pub(super) fn stays(target: &Path, depth: usize) -> bool {
    let mut up = 0;
    let mut is_down = false;
    for part in target.components() {
        match part {
            Component::ParentDir if is_down => return false,
            Component::ParentDir => up += 1,
            Component::Normal(_) => is_down = true,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    up <= depth
}

/// A list of folders for PATH without those that a student can write: none is relative, and none is in these.
pub(super) fn safe_path(path: &std::ffi::OsStr, outside: &[PathBuf]) -> Vec<PathBuf> {
    let is_safe = |folder: &PathBuf| {
        let real = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        folder.is_absolute() && !outside.iter().any(|place| real.starts_with(place))
    };
    std::env::split_paths(path).filter(is_safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_out_are_told_from_others() {
        let stays = |target: &str, depth| stays(Path::new(target), depth);
        assert!(stays("a/b", 0) && stays("../a", 1) && stays("./a", 0));
        assert!(!stays("/etc/passwd", 3) && !stays("../a", 0) && !stays("a/../../b", 1) && !stays("d/d/../..", 2));
    }
}
