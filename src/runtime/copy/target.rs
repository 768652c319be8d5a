//! The destination of a copy: what is there, and where what is copied goes then.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::place;
use crate::container::{Root, Stop, Walk, below};
use crate::layer::entry::RawKind;
use crate::runtime::Error;

/// The destination of a copy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'p> {
    pub(super) path: &'p Path,
    /// As it was written by whoever asked for it.
    pub(super) shown: &'p Path,
}

/// Where the first entry of an archive goes, and all others below it.
pub(super) struct Target<'p> {
    folder: OwnedFd,
    found: Found,
    shown: &'p Path,
}

/// What is at the destination.
enum Found {
    /// This folder, into which all entries go as they are called.
    Folder,
    /// This folder; a source of this name goes into it, or what is in that.
    FolderFor { name: Option<OsString>, contents: bool },
    /// A file of this name in the folder.
    File(OsString),
    /// Nothing of this name in the folder.
    Nothing { name: OsString, has_slash: bool },
}

impl<'p> Target<'p> {
    /// A destination for a source of this name. `contents`: what is in it is meant.
    pub(super) fn at(root: &Root, place: Place<'p>, name: Option<&OsStr>, contents: bool) -> Result<Target<'p>, Error> {
        let refused = |errno: nix::errno::Errno| Error::foreign("find", place.shown)(errno.into());
        let mut walk = Walk::new(root, place.path);
        let missing = match walk.advance().map_err(refused)? {
            Stop::Arrived => None,
            Stop::Missing(name) if walk.is_last() => Some(name),
            Stop::Missing(_) => return Err(refused(nix::errno::Errno::ENOENT)),
        };
        let has_slash = place::ends_with_slash(place.shown);
        let folder = walk.directory().map_err(refused)?;
        let found = match missing {
            Some(name) => Found::Nothing { name, has_slash },
            None if walk.is_folder().map_err(refused)? => {
                Found::FolderFor { name: name.map(OsStr::to_owned), contents }
            }
            None if has_slash => return Err(refused(nix::errno::Errno::ENOTDIR)),
            None => Found::File(walk.path().file_name().unwrap_or_default().to_owned()),
        };
        Target::new(folder, found, place.shown)
    }

    /// A folder, for an archive that somebody else has made.
    pub(super) fn folder(root: &Root, place: Place<'p>) -> Result<Target<'p>, Error> {
        let refused = |errno: nix::errno::Errno| Error::foreign("find", place.shown)(errno.into());
        let mut walk = Walk::new(root, place.path);
        match walk.advance().map_err(refused)? {
            Stop::Arrived if walk.is_folder().map_err(refused)? => Target::new(walk.here(), Found::Folder, place.shown),
            Stop::Arrived => Err(refused(nix::errno::Errno::ENOTDIR)),
            Stop::Missing(_) => Err(refused(nix::errno::Errno::ENOENT)),
        }
    }

    fn new(folder: std::os::fd::BorrowedFd<'_>, found: Found, shown: &'p Path) -> Result<Target<'p>, Error> {
        let folder = folder.try_clone_to_owned().map_err(Error::foreign("open", shown))?;
        Ok(Target { folder, found, shown })
    }

    /// What a path below the folder is called by whoever asked for the copy.
    pub(super) fn shown(&self, path: &Path) -> PathBuf {
        let below = match &self.found {
            Found::File(name) | Found::Nothing { name, .. } => path.strip_prefix(name).unwrap_or(path),
            Found::Folder | Found::FolderFor { .. } => path,
        };
        match below.as_os_str().is_empty() {
            true => self.shown.to_path_buf(),
            false => self.shown.join(below),
        }
    }

    /// What all of it is called.
    pub(super) fn whole(&self) -> &Path {
        self.shown
    }

    /// Opens a folder below it.
    pub(super) fn open(&self, path: &Path) -> nix::Result<OwnedFd> {
        below(&self.folder, if path.as_os_str().is_empty() { Path::new(".") } else { path })
    }

    /// Where the entries go: a path below the folder in front of their names, or all the name of the first one.
    pub(super) fn base(&self, first: &RawKind) -> Result<PathBuf, Error> {
        let is_folder = *first == RawKind::Directory;
        let refused = |reason: &str| Err(Error::foreign("copy to", self.shown)(io::Error::other(reason.to_owned())));
        match &self.found {
            Found::Folder | Found::FolderFor { contents: true, .. } if is_folder => Ok(PathBuf::new()),
            Found::Folder => Ok(PathBuf::new()),
            Found::FolderFor { name, .. } => Ok(name.as_ref().map(PathBuf::from).unwrap_or_default()),
            Found::File(_) if is_folder => refused("a folder can't replace a file"),
            Found::Nothing { has_slash: true, .. } if !is_folder => refused("there is no such folder"),
            Found::File(name) | Found::Nothing { name, .. } => Ok(PathBuf::from(name)),
        }
    }
}
