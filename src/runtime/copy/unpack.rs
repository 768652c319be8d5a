//! A tar archive, unpacked where it was asked for.
//!
//! Every name is opened below the folder that was asked for, and through no link: neither one that the archive has brought nor one that was
//! there. What stands in the way of a file is replaced, unless it is a folder. The archive is read as a layer is, within the same bounds: it
//! may be anybody's.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, chmodat, chownat, fchmod, linkat, mkdirat,
    mknodat, openat, statat, symlinkat, unlinkat, utimensat,
};

use super::place;
use super::wish::Copied;
use crate::container::{Root, Stop, Walk, below};
use crate::layer::entry::{RawEntry, RawKind};
use crate::layer::read::Entries;
use crate::layer::{self, Limits, Source, StreamSource};
use crate::runtime::Error;
use crate::tree::{Metadata, TreePath};

/// What of the source is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// The rights of a file, and no bits that change whose rights a program has.
    Neither,
    Modes,
    /// Modes, and owners by number.
    Owners,
}

/// What becomes of device nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Devices {
    Made,
    LeftOut,
}

/// Where the first entry of an archive goes, and all others below it.
pub(super) struct Target {
    folder: OwnedFd,
    found: Found,
    shown: PathBuf,
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

impl Target {
    /// A destination for a source of this name. `contents`: what is in it is meant.
    pub(super) fn at(root: &Root, path: &Path, name: Option<&OsStr>, contents: bool) -> Result<Target, Error> {
        let refused = |errno: nix::errno::Errno| Error::io("find", path)(errno.into());
        let mut walk = Walk::new(root, path);
        let missing = match walk.advance().map_err(refused)? {
            Stop::Arrived => None,
            Stop::Missing(name) if walk.is_last() => Some(name),
            Stop::Missing(_) => return Err(refused(nix::errno::Errno::ENOENT)),
        };
        let has_slash = place::ends_with_slash(path);
        let folder = walk.directory().map_err(refused)?;
        let found = match missing {
            Some(name) => Found::Nothing { name, has_slash },
            None if walk.is_folder().map_err(refused)? => {
                Found::FolderFor { name: name.map(OsStr::to_owned), contents }
            }
            None if has_slash => return Err(refused(nix::errno::Errno::ENOTDIR)),
            None => Found::File(walk.path().file_name().unwrap_or_default().to_owned()),
        };
        Target::new(folder, found, path)
    }

    /// A folder, for an archive that somebody else has made.
    pub(super) fn folder(root: &Root, path: &Path) -> Result<Target, Error> {
        let refused = |errno: nix::errno::Errno| Error::io("find", path)(errno.into());
        let mut walk = Walk::new(root, path);
        match walk.advance().map_err(refused)? {
            Stop::Arrived if walk.is_folder().map_err(refused)? => Target::new(walk.here(), Found::Folder, path),
            Stop::Arrived => Err(refused(nix::errno::Errno::ENOTDIR)),
            Stop::Missing(_) => Err(refused(nix::errno::Errno::ENOENT)),
        }
    }

    fn new(folder: std::os::fd::BorrowedFd<'_>, found: Found, path: &Path) -> Result<Target, Error> {
        let folder = folder.try_clone_to_owned().map_err(Error::io("open", path))?;
        Ok(Target { folder, found, shown: path.to_path_buf() })
    }

    /// Where the entries go: a path below the folder in front of their names, or all the name of the first one.
    fn base(&self, first: &RawKind) -> Result<PathBuf, Error> {
        let is_folder = *first == RawKind::Directory;
        let refused = |reason: &str| Err(Error::io("copy to", &self.shown)(io::Error::other(reason.to_owned())));
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

/// Unpacks an archive, as far as these bounds allow.
pub(super) fn unpack(
    archive: impl Read,
    limits: &Limits,
    target: &Target,
    kept: Kept,
    devices: Devices,
) -> Result<Copied, Error> {
    let mut archive = Entries::new(StreamSource(archive), "-", limits);
    let mut unpacking = Unpacking { target, kept, devices, copied: Copied::default(), folders: Vec::new() };
    let mut base = None;
    while let Some(entry) = archive.next_entry()? {
        let base = match &base {
            Some(base) => base,
            None => base.insert(target.base(&entry.kind)?),
        };
        let path = relative(&entry.name).ok_or_else(|| bad(&entry, "it leads out of its folder"))?;
        unpacking.entry(&base.join(path), &entry, &mut archive, base)?;
    }
    unpacking.set_times()?;
    archive.drain();
    Ok(unpacking.copied)
}

fn bad(entry: &RawEntry, reason: &str) -> Error {
    layer::Error::Entry { path: TreePath::new(&entry.name), reason: reason.to_owned() }.into()
}

/// A name without what means nothing; `None` for one that leads up or to the root.
fn relative(name: &[u8]) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for component in Path::new(OsStr::from_bytes(name)).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

struct Unpacking<'t> {
    target: &'t Target,
    kept: Kept,
    devices: Devices,
    copied: Copied,
    /// Their times are set when everything is in them.
    folders: Vec<(PathBuf, i64)>,
}

impl Unpacking<'_> {
    fn refused(&self, operation: &'static str, path: &Path) -> impl FnOnce(rustix::io::Errno) -> Error + use<> {
        let path = self.target.shown.join(path);
        move |errno| Error::io(operation, path)(errno.into())
    }

    fn entry(
        &mut self,
        path: &Path,
        entry: &RawEntry,
        archive: &mut Entries<impl Source>,
        base: &Path,
    ) -> Result<(), Error> {
        let Some(name) = path.file_name() else { return Ok(()) };
        let folder = self.folder_of(path)?;
        match &entry.kind {
            RawKind::Directory => self.directory(&folder, name, path)?,
            RawKind::File | RawKind::Sparse(_) => {
                let mut file = self.file(&folder, name, path)?;
                let written = archive.write_to(&entry.kind, &mut file);
                self.copied.bytes += written.map_err(Error::io("write", self.target.shown.join(path)))?;
            }
            RawKind::Symlink(target) => {
                self.clear(&folder, name, path)?;
                symlinkat(OsStr::from_bytes(target), &folder, name).map_err(self.refused("make the link", path))?;
            }
            RawKind::HardLink(target) => {
                let target = relative(target).ok_or_else(|| bad(entry, "it is a link that leads out of its folder"))?;
                return self.hard_link(&folder, name, path, &base.join(target));
            }
            RawKind::Fifo => self.special(&folder, name, path, FileType::Fifo, 0)?,
            RawKind::CharDevice(..) | RawKind::BlockDevice(..) if self.devices == Devices::LeftOut => {
                self.copied.left_out += 1;
                return Ok(());
            }
            RawKind::CharDevice(major, minor) => {
                self.special(&folder, name, path, FileType::CharacterDevice, libc::makedev(*major, *minor))?;
            }
            RawKind::BlockDevice(major, minor) => {
                self.special(&folder, name, path, FileType::BlockDevice, libc::makedev(*major, *minor))?;
            }
        }
        self.attributes(&folder, name, path, entry)
    }

    /// The folder that a path lies in, made where it is missing.
    fn folder_of(&self, path: &Path) -> Result<OwnedFd, Error> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let open = |path: &Path| below(&self.target.folder, path);
        match open(parent) {
            Err(nix::errno::Errno::ENOENT) => {}
            found => return found.map_err(|errno| Error::io("open", self.target.shown.join(parent))(errno.into())),
        }
        let mut folder = self.target.folder.try_clone().map_err(Error::io("open", &self.target.shown))?;
        for name in parent.components() {
            match mkdirat(&folder, name.as_os_str(), Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                Err(errno) => return Err(self.refused("make", parent)(errno)),
            }
            folder = below(&folder, name.as_ref())
                .map_err(|errno| Error::io("open", self.target.shown.join(parent))(errno.into()))?;
        }
        Ok(folder)
    }

    fn directory(&self, folder: &OwnedFd, name: &OsStr, path: &Path) -> Result<(), Error> {
        match mkdirat(folder, name, Mode::from_raw_mode(0o700)) {
            Err(rustix::io::Errno::EXIST) if self.kind(folder, name) == Some(FileType::Directory) => Ok(()),
            made => made.map_err(self.refused("make the folder", path)),
        }
    }

    fn kind(&self, folder: &OwnedFd, name: &OsStr) -> Option<FileType> {
        statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).ok().map(|stat| FileType::from_raw_mode(stat.st_mode))
    }

    /// Takes away what has the name, unless it is a folder.
    fn clear(&self, folder: &OwnedFd, name: &OsStr, path: &Path) -> Result<(), Error> {
        match unlinkat(folder, name, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(errno) => Err(self.refused("replace", path)(errno)),
        }
    }

    /// A file without bytes.
    fn file(&self, folder: &OwnedFd, name: &OsStr, path: &Path) -> Result<File, Error> {
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let new = flags | OFlags::CREATE | OFlags::EXCL;
        let file = match unlinkat(folder, name, AtFlags::empty()) {
            // Something is mounted there: its bytes are replaced.
            Err(rustix::io::Errno::BUSY) if self.kind(folder, name) == Some(FileType::RegularFile) => {
                openat(folder, name, flags | OFlags::TRUNC, Mode::empty())
            }
            Ok(()) | Err(rustix::io::Errno::NOENT) => openat(folder, name, new, Mode::from_raw_mode(0o600)),
            Err(errno) => Err(errno),
        };
        Ok(File::from(file.map_err(self.refused("write", path))?))
    }

    fn hard_link(&self, folder: &OwnedFd, name: &OsStr, path: &Path, first: &Path) -> Result<(), Error> {
        let other = self.folder_of(first)?;
        let Some(first) = first.file_name() else { return Ok(()) };
        self.clear(folder, name, path)?;
        linkat(&other, first, folder, name, AtFlags::empty()).map_err(self.refused("link", path))
    }

    fn special(
        &self,
        folder: &OwnedFd,
        name: &OsStr,
        path: &Path,
        kind: FileType,
        device: libc::dev_t,
    ) -> Result<(), Error> {
        self.clear(folder, name, path)?;
        mknodat(folder, name, kind, Mode::from_raw_mode(0o600), device).map_err(self.refused("make", path))
    }

    /// Gives a file its owner, its mode and its time, in this order: a new owner takes some bits of the mode away.
    fn attributes(&mut self, folder: &OwnedFd, name: &OsStr, path: &Path, entry: &RawEntry) -> Result<(), Error> {
        let Metadata { uid, gid, mode, mtime, .. } = entry.metadata;
        if self.kept == Kept::Owners {
            chownat(folder, name, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)), AtFlags::SYMLINK_NOFOLLOW)
                .map_err(self.refused("give away", path))?;
        }
        if !matches!(entry.kind, RawKind::Symlink(_)) {
            let mask = if self.kept == Kept::Neither { 0o1777 } else { 0o7777 };
            self.set_mode(folder, name, path, Mode::from_raw_mode(mode & mask))?;
        }
        if entry.kind == RawKind::Directory {
            self.folders.push((path.to_path_buf(), mtime));
            return Ok(());
        }
        self.set_time(folder, name, path, mtime)
    }

    /// Not through a link that was put in its place: what is opened is looked at before.
    fn set_mode(&self, folder: &OwnedFd, name: &OsStr, path: &Path, mode: Mode) -> Result<(), Error> {
        let refused = self.refused("change the mode of", path);
        match self.kind(folder, name) {
            Some(FileType::Directory | FileType::RegularFile) => {
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
                openat(folder, name, flags, Mode::empty()).and_then(|file| fchmod(file, mode)).map_err(refused)
            }
            // Nothing but its owner can have put it there, and no program reads what is no file.
            Some(FileType::Fifo | FileType::CharacterDevice | FileType::BlockDevice) => {
                chmodat(folder, name, mode, AtFlags::empty()).map_err(refused)
            }
            Some(_) | None => Ok(()),
        }
    }

    fn set_time(&self, folder: &OwnedFd, name: &OsStr, path: &Path, seconds: i64) -> Result<(), Error> {
        let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
        let times = Timestamps { last_access: time, last_modification: time };
        utimensat(folder, name, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(self.refused("set the time of", path))
    }

    fn set_times(&mut self) -> Result<(), Error> {
        // The deepest first, as what is done in a folder changes its time.
        for (path, time) in std::mem::take(&mut self.folders).into_iter().rev() {
            let folder = self.folder_of(&path)?;
            self.set_time(&folder, path.file_name().unwrap_or_default(), &path, time)?;
        }
        Ok(())
    }
}
