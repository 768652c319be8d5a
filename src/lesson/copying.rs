//! Files and folders, copied for a page: with their times, and bounded.
//!
//! Modes are those of a fresh clone under the usual umask, whatever the umask is. What a user names is copied as it is; a link
//! that leads out of a lesson is left out, since others write lessons. What students hand in is copied in [`super::handed_in`].
//!
//! No copy is made of a folder into itself, and none takes the place of a file: what is copied can't be harmed by that.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{File, FileTimes, Metadata, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};

use super::handed_in::{DEEPEST, MOST_ENTRIES, stays};

/// The most that is copied for a page, in bytes.
const MOST_COPIED: u64 = 64 << 20;

/// Why something can't be copied.
#[derive(Debug)]
pub(super) enum Refusal {
    /// What the file system says of one of the files.
    Io(PathBuf, io::Error),
    TooLarge(Excess),
    /// The copy would lie in what is copied, or around it.
    Itself,
}

/// What there is too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excess {
    Bytes,
    Entries,
    Depth,
}

impl fmt::Display for Excess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Excess::Bytes => write!(formatter, "more than {} MiB", MOST_COPIED >> 20),
            Excess::Entries => write!(formatter, "more than {MOST_ENTRIES} files and folders"),
            Excess::Depth => write!(formatter, "folders that are more than {DEEPEST} deep within one another"),
        }
    }
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
    entries_left: usize,
    links: LinksTo,
    /// The links that are left out, each with what it leads to.
    pub(super) left_out: Vec<(PathBuf, PathBuf)>,
}

impl Copier {
    pub(super) fn new(links: LinksTo) -> Copier {
        Copier { left: MOST_COPIED, entries_left: MOST_ENTRIES, links, left_out: Vec::new() }
    }

    /// Copies a file, a link or a folder to where nothing is.
    pub(super) fn copy(&mut self, from: &Path, to: &Path) -> Result<(), Refusal> {
        apart(from, to)?;
        self.entry(from, to, 0)
    }

    /// Copies what is in a folder into another one, without the names that are left out.
    pub(super) fn copy_all(
        &mut self,
        from: &Path,
        to: &Path,
        is_left_out: impl Fn(&OsStr) -> bool,
    ) -> Result<(), Refusal> {
        apart(from, to)?;
        let failed = |source| Refusal::Io(from.to_owned(), source);
        for entry in std::fs::read_dir(from).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            if !is_left_out(&name) {
                self.entry(&from.join(&name), &to.join(&name), 1)?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, from: &Path, to: &Path, depth: usize) -> Result<(), Refusal> {
        self.entries_left = self.entries_left.checked_sub(1).ok_or(Refusal::TooLarge(Excess::Entries))?;
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
            if depth > DEEPEST {
                return Err(Refusal::TooLarge(Excess::Depth));
            }
            std::fs::create_dir_all(to).map_err(failed)?;
            let outside = self.links;
            if let LinksTo::Lesson(depth) = &mut self.links {
                *depth += 1;
            }
            for entry in std::fs::read_dir(from).map_err(failed)? {
                let name = entry.map_err(failed)?.file_name();
                self.entry(&from.join(&name), &to.join(&name), depth + 1)?;
            }
            self.links = outside;
            return Ok(());
        }
        if !metadata.is_file() {
            return Err(failed(io::Error::other("it is no file, folder or symbolic link")));
        }
        self.left = self.left.checked_sub(metadata.len()).ok_or(Refusal::TooLarge(Excess::Bytes))?;
        copy_file(from, &metadata, to).map_err(failed)
    }
}

/// Copies a file to where none is, as a whole or not at all.
fn copy_file(from: &Path, metadata: &Metadata, to: &Path) -> io::Result<()> {
    let source = File::open(from)?;
    let mut copy = File::create_new(to)?;
    let written = || {
        // It may grow while it is read.
        io::copy(&mut source.take(metadata.len()), &mut copy)?;
        copy.set_times(FileTimes::new().set_modified(metadata.modified()?))?;
        let is_program = metadata.permissions().mode() & 0o100 != 0;
        copy.set_permissions(Permissions::from_mode(if is_program { 0o755 } else { 0o644 }))
    };
    written().inspect_err(|_| {
        // A half one would be taken for the file. The disk may be full, so that no copy is left in its place.
        let _ = std::fs::remove_file(to);
    })
}

/// Refuses two places of which one lies in the other.
fn apart(one: &Path, other: &Path) -> Result<(), Refusal> {
    if is_apart(one, other).map_err(|source| Refusal::Io(one.to_owned(), source))? {
        Ok(())
    } else {
        Err(Refusal::Itself)
    }
}

/// Whether neither of two places lies in the other, nor is it. A folder is known by its number, whatever way leads there; it need not be there
/// yet.
pub(crate) fn is_apart(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (resolved(one)?, resolved(other)?);
    let number = |path: &Path| path.metadata().ok().map(|found| (found.dev(), found.ino()));
    let is_within = |inner: &Path, outer: &Path| {
        let outer = number(outer);
        outer.is_some() && inner.ancestors().any(|folder| number(folder) == outer)
    };
    Ok(!is_within(&one, &other) && !is_within(&other, &one))
}

/// A path without links, and without `..`. What is not there is taken for what it would become.
fn resolved(path: &Path) -> io::Result<PathBuf> {
    let mut resolved = PathBuf::new();
    for part in std::path::absolute(path)?.components() {
        if part == Component::ParentDir {
            resolved.pop();
        } else {
            resolved.push(part);
            resolved = resolved.canonicalize().unwrap_or(resolved);
        }
    }
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_copy_lies_in_what_is_copied_or_around_it() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        std::fs::create_dir_all(path("lesson/inner")).unwrap();
        std::fs::create_dir(path("lessons")).unwrap();
        std::fs::write(path("lesson/file"), "text").unwrap();
        symlink("lesson", path("link")).unwrap();
        let into = ["lesson", "lesson/new/new", "link/inner", ".", "lessons/../lesson", "new/../lesson/x", "lesson/."];
        for to in into {
            let mut copier = Copier::new(LinksTo::Anywhere);
            let refusal = copier.copy_all(&path("lesson"), &path(to), |_| false);
            assert!(matches!(refusal, Err(Refusal::Itself)), "{to}");
            assert!(matches!(copier.copy(&path("link/."), &path(to)), Err(Refusal::Itself)), "{to}");
        }
        for to in ["lessons", "lesson-2", "new/lesson", "link/../lessons"] {
            assert!(is_apart(&path("lesson"), &path(to)).unwrap(), "{to}");
        }
        assert_eq!(std::fs::read(path("lesson/file")).unwrap(), b"text");
    }

    #[test]
    fn what_has_no_end_is_not_copied() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        let deep = |depth: usize| "d/".repeat(depth);
        std::fs::create_dir_all(path(&format!("from/{}", deep(DEEPEST + 1)))).unwrap();
        let mut copier = Copier::new(LinksTo::Anywhere);
        let refusal = copier.copy_all(&path("from"), &path("to"), |_| false);
        assert!(matches!(refusal, Err(Refusal::TooLarge(Excess::Depth))));
        std::fs::remove_dir(path(&format!("from/{}", deep(DEEPEST + 1)))).unwrap();
        assert!(Copier::new(LinksTo::Anywhere).copy_all(&path("from"), &path("other"), |_| false).is_ok());
        let mut copier = Copier { entries_left: DEEPEST - 1, ..Copier::new(LinksTo::Anywhere) };
        let refusal = copier.copy_all(&path("from"), &path("third"), |_| false);
        assert!(matches!(refusal, Err(Refusal::TooLarge(Excess::Entries))));
    }

    #[test]
    fn a_copy_takes_the_place_of_no_file() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        for name in ["from", "to"] {
            std::fs::create_dir(path(name)).unwrap();
            std::fs::write(path(name).join("file"), name).unwrap();
        }
        let mut copier = Copier::new(LinksTo::Anywhere);
        assert!(matches!(copier.copy_all(&path("from"), &path("to"), |_| false), Err(Refusal::Io(..))));
        assert_eq!(std::fs::read(path("to/file")).unwrap(), b"to");
        std::fs::remove_file(path("to/file")).unwrap();
        std::fs::hard_link(path("from/file"), path("to/file")).unwrap();
        assert!(copier.copy(&path("from/file"), &path("to/file")).is_err());
        assert_eq!(std::fs::read(path("from/file")).unwrap(), b"from");
    }
}
