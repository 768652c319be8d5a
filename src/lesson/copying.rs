//! Files and folders, copied for a page: with their times, and bounded.
//!
//! Modes are those of a fresh clone under the usual umask, whatever the umask is. What a user names is copied as it is; a link
//! that leads out of a lesson is left out, since others write lessons. What students hand in is copied in [`super::handed_in`].

use std::fs::{File, FileTimes, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::handed_in::stays;

/// The most that is copied for a page, in bytes.
const MOST_COPIED: u64 = 64 << 20;

/// Why something can't be copied.
#[derive(Debug)]
pub(super) enum Refusal {
    /// What the file system says of one of the files.
    Io(PathBuf, io::Error),
    TooLarge,
}

/// Where links may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinksTo {
    Anywhere,
    /// Into the lesson, below which the folder with the link is so deep.
    Lesson(usize),
}

/// Copies, as long as it is not too much together.
#[derive(Debug)]
pub(super) struct Copier {
    left: u64,
    links: LinksTo,
    /// The links that are left out, each with what it leads to.
    pub(super) left_out: Vec<(PathBuf, PathBuf)>,
}

impl Copier {
    pub(super) fn new(links: LinksTo) -> Copier {
        Copier { left: MOST_COPIED, links, left_out: Vec::new() }
    }

    /// Copies a file, a link or a folder.
    pub(super) fn copy(&mut self, from: &Path, to: &Path) -> Result<(), Refusal> {
        let failed = |source| Refusal::Io(from.to_owned(), source);
        let metadata = from.symlink_metadata().map_err(failed)?;
        if metadata.is_symlink() {
            let target = from.read_link().map_err(failed)?;
            return match self.links {
                LinksTo::Lesson(depth) if !stays(&target, depth) => {
                    self.left_out.push((from.to_owned(), target));
                    Ok(())
                }
                LinksTo::Lesson(_) | LinksTo::Anywhere => symlink(target, to).map_err(failed),
            };
        }
        if metadata.is_dir() {
            std::fs::create_dir_all(to).map_err(failed)?;
            let outside = self.links;
            if let LinksTo::Lesson(depth) = &mut self.links {
                *depth += 1;
            }
            for entry in std::fs::read_dir(from).map_err(failed)? {
                let name = entry.map_err(failed)?.file_name();
                self.copy(&from.join(&name), &to.join(&name))?;
            }
            self.links = outside;
            return Ok(());
        }
        if !metadata.is_file() {
            return Err(failed(io::Error::other("it is no file, folder or symbolic link")));
        }
        self.left = self.left.checked_sub(metadata.len()).ok_or(Refusal::TooLarge)?;
        let is_program = metadata.permissions().mode() & 0o100 != 0;
        let copied = || {
            std::fs::copy(from, to)?;
            let times = FileTimes::new().set_modified(metadata.modified()?);
            File::options().write(true).open(to)?.set_times(times)?;
            std::fs::set_permissions(to, Permissions::from_mode(if is_program { 0o755 } else { 0o644 }))
        };
        copied().map_err(failed)
    }
}
