//! A tar archive, unpacked where it was asked for.
//!
//! Every name is opened below the folder that was asked for, and through no link: neither one that the archive has brought nor one that was
//! there. What stands in the way of a file is replaced, unless it is a folder. The archive is read as a layer is, within the same bounds: it
//! may be anybody's.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, chmodat, chownat, fchmod, linkat, mkdirat,
    mknodat, openat, renameat, statat, symlinkat, unlinkat, utimensat,
};

use super::target::Target;
use super::wish::Copied;
use crate::container::below;
use crate::layer::entry::{RawEntry, RawKind};
use crate::layer::read::Entries;
use crate::layer::{self, Limits, Source, StreamSource};
use crate::runtime::Error;
use crate::tree::{Metadata, TreePath};

/// How many temporary names are tried: whoever has them all does so on purpose.
const MOST_TRIES: u32 = 100;

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

/// Unpacks an archive, as far as these bounds allow.
pub(super) fn unpack(
    archive: impl Read,
    limits: &Limits,
    target: &Target<'_>,
    kept: Kept,
    devices: Devices,
) -> Result<Copied, Error> {
    let mut archive = Entries::new(StreamSource(archive), "-", limits);
    let mut unpacking = Unpacking { target, kept, devices, copied: Copied::default(), folders: BTreeMap::new() };
    let unpacked = unpacking.entries(&mut archive);
    // Those that are there are to be as they were, whatever happened then.
    let finished = unpacking.finish_folders();
    unpacked.and(finished).map_err(|error| error.unfinished(unpacking.copied.files, target.whole()))?;
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
    target: &'t Target<'t>,
    kept: Kept,
    devices: Devices,
    copied: Copied,
    /// What they are to become when everything is in them: until then, their owner may do everything there.
    folders: BTreeMap<PathBuf, Metadata>,
}

impl Unpacking<'_> {
    fn refused(&self, operation: &'static str, path: &Path) -> impl FnOnce(rustix::io::Errno) -> Error + use<> {
        let path = self.target.shown(path);
        move |errno| Error::foreign(operation, path)(errno.into())
    }

    fn entries(&mut self, archive: &mut Entries<impl Source>) -> Result<(), Error> {
        let mut base = None;
        while let Some(entry) = archive.next_entry()? {
            let base = match &base {
                Some(base) => base,
                None => base.insert(self.target.base(&entry.kind)?),
            };
            let path = relative(&entry.name).ok_or_else(|| bad(&entry, "it leads out of its folder"))?;
            self.entry(&base.join(path), &entry, archive, base)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        path: &Path,
        entry: &RawEntry,
        archive: &mut Entries<impl Source>,
        base: &Path,
    ) -> Result<(), Error> {
        let Some(name) = path.file_name() else { return Ok(()) };
        if let RawKind::HardLink(target) = &entry.kind {
            let target = relative(target).ok_or_else(|| bad(entry, "it is a link that leads out of its folder"))?;
            self.hard_link(name, path, &base.join(target))?;
            self.copied.files += 1;
            return Ok(());
        }
        if matches!(entry.kind, RawKind::CharDevice(..) | RawKind::BlockDevice(..)) && self.devices == Devices::LeftOut
        {
            self.copied.left_out += 1;
            return Ok(());
        }
        let folder = self.folder_of(path)?;
        match &entry.kind {
            RawKind::Directory => self.directory(&folder, name, path)?,
            RawKind::File | RawKind::Sparse(_) => {
                let mut file = self.file(&folder, name, path)?;
                let written = archive.write_to(&entry.kind, &mut file);
                self.copied.bytes += written.map_err(Error::foreign("write", self.target.shown(path)))?;
            }
            RawKind::Symlink(target) => {
                let make = |new: &OsStr| symlinkat(OsStr::from_bytes(target), &folder, new);
                self.put(&folder, name, path, "make the link", make)?;
            }
            // It has no content and no attributes of its own.
            RawKind::HardLink(_) => {}
            RawKind::Fifo => self.special(&folder, name, path, FileType::Fifo, 0)?,
            RawKind::CharDevice(major, minor) => {
                self.special(&folder, name, path, FileType::CharacterDevice, libc::makedev(*major, *minor))?;
            }
            RawKind::BlockDevice(major, minor) => {
                self.special(&folder, name, path, FileType::BlockDevice, libc::makedev(*major, *minor))?;
            }
        }
        self.attributes(&folder, name, path, entry)?;
        self.copied.files += 1;
        Ok(())
    }

    /// The folder that a path lies in, made where it is missing.
    fn folder_of(&self, path: &Path) -> Result<OwnedFd, Error> {
        let parent = path.parent().unwrap_or(Path::new(""));
        match self.target.open(parent) {
            Err(nix::errno::Errno::ENOENT) => {}
            found => return found.map_err(|errno| Error::foreign("open", self.target.shown(parent))(errno.into())),
        }
        let mut folder = self
            .target
            .open(Path::new(""))
            .map_err(|errno| Error::foreign("open", self.target.whole())(errno.into()))?;
        for name in parent.components() {
            match mkdirat(&folder, name.as_os_str(), Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                Err(errno) => return Err(self.refused("make", parent)(errno)),
            }
            folder = below(&folder, name.as_ref())
                .map_err(|errno| Error::foreign("open", self.target.shown(parent))(errno.into()))?;
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

    /// Puts something in the place of what has the name, unless that is a folder. It is made under another name first: where it can't be
    /// made, what was there stays.
    fn put(
        &self,
        folder: &OwnedFd,
        name: &OsStr,
        path: &Path,
        operation: &'static str,
        make: impl Fn(&OsStr) -> rustix::io::Result<()>,
    ) -> Result<(), Error> {
        let mut number = 0;
        let new = loop {
            let new = OsString::from(format!(".copied-{number}.tmp"));
            match make(&new) {
                Ok(()) => break new,
                Err(rustix::io::Errno::EXIST) if number < MOST_TRIES => number += 1,
                Err(errno) => return Err(self.refused(operation, path)(errno)),
            }
        };
        let placed = renameat(folder, &new, folder, name);
        // Of two names of the same file, rename(2) leaves both.
        let _ = unlinkat(folder, &new, AtFlags::empty());
        placed.map_err(self.refused("replace", path))
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

    fn hard_link(&self, name: &OsStr, path: &Path, first: &Path) -> Result<(), Error> {
        let Some(file) = first.file_name() else { return Ok(()) };
        let missing = |errno| self.refused("link to", first)(errno);
        let other = self.target.open(first.parent().unwrap_or(Path::new("")));
        let other = other.map_err(|errno| missing(rustix::io::Errno::from_raw_os_error(errno as i32)))?;
        statat(&other, file, AtFlags::SYMLINK_NOFOLLOW).map_err(missing)?;
        let folder = self.folder_of(path)?;
        self.put(&folder, name, path, "link", |new| linkat(&other, file, &folder, new, AtFlags::empty()))
    }

    fn special(
        &self,
        folder: &OwnedFd,
        name: &OsStr,
        path: &Path,
        kind: FileType,
        device: libc::dev_t,
    ) -> Result<(), Error> {
        let mode = Mode::from_raw_mode(0o600);
        self.put(folder, name, path, "make", |new| mknodat(folder, new, kind, mode, device))
    }

    /// Gives a file its owner, its mode and its time, in this order: a new owner takes some bits of the mode away.
    fn attributes(&mut self, folder: &OwnedFd, name: &OsStr, path: &Path, entry: &RawEntry) -> Result<(), Error> {
        let metadata = &entry.metadata;
        if self.kept == Kept::Owners {
            let (uid, gid) = (Uid::from_raw(metadata.uid), Gid::from_raw(metadata.gid));
            chownat(folder, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
                .map_err(self.refused("give away", path))?;
        }
        if entry.kind == RawKind::Directory {
            self.folders.insert(path.to_path_buf(), metadata.clone());
            return Ok(());
        }
        if !matches!(entry.kind, RawKind::Symlink(_)) {
            self.set_mode(folder, name, path, metadata)?;
        }
        self.set_time(folder, name, path, metadata)
    }

    /// The deepest first: what is done in a folder changes its time, and a mode may keep us out of it.
    fn finish_folders(&mut self) -> Result<(), Error> {
        for (path, metadata) in std::mem::take(&mut self.folders).into_iter().rev() {
            let folder = self.folder_of(&path)?;
            let name = path.file_name().unwrap_or_default();
            self.set_mode(&folder, name, &path, &metadata)?;
            self.set_time(&folder, name, &path, &metadata)?;
        }
        Ok(())
    }

    /// Not through a link that was put in its place: what is opened is looked at before.
    fn set_mode(&self, folder: &OwnedFd, name: &OsStr, path: &Path, metadata: &Metadata) -> Result<(), Error> {
        let mask = if self.kept == Kept::Neither { 0o1777 } else { 0o7777 };
        let mode = Mode::from_raw_mode(metadata.mode & mask);
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

    fn set_time(&self, folder: &OwnedFd, name: &OsStr, path: &Path, metadata: &Metadata) -> Result<(), Error> {
        let time = Timespec { tv_sec: metadata.mtime, tv_nsec: metadata.mtime_nanos.into() };
        let times = Timestamps { last_access: time, last_modification: time };
        utimensat(folder, name, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(self.refused("set the time of", path))
    }
}
