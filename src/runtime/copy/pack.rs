//! A file or a folder, as a tar archive.
//!
//! Every file is opened below the folder that it was found in, not through a link, and must be the one that was looked at.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat, statat};
use tar::{Builder, EntryType, Header};

use super::place;
use super::wish::{Copied, Links};
use crate::container::Root;
use crate::runtime::Error;
use crate::tree::DEEPEST;

/// Whether the last name of a path may be a link that is followed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Followed(bool);

impl Followed {
    /// A slash at the end asks for the folder behind a link.
    pub(super) fn of(path: &Path, links: Links) -> Followed {
        Followed(links == Links::Followed || place::ends_with_slash(path) || place::is_contents(path))
    }
}

/// What is packed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'s> {
    pub(super) path: &'s Path,
    /// As it was written by whoever asked for it.
    pub(super) shown: &'s Path,
    pub(super) followed: Followed,
}

/// Writes what a path leads to, under another name, with all below it.
pub(super) fn pack(root: &Root, source: Source<'_>, name: &Path, out: &mut dyn Write) -> Result<Copied, Error> {
    let Source { path, shown, followed } = source;
    let flags = if followed.0 { OFlag::O_PATH } else { OFlag::O_PATH | OFlag::O_NOFOLLOW };
    let found = root.find(path, flags).map_err(|errno| Error::foreign("find", shown)(errno.into()))?;
    let is_root = root.is(&found);
    let mut packing = Packing { archive: Builder::new(out), copied: Copied::default(), shown, prefix: name };
    packing.archive.mode(tar::HeaderMode::Complete);
    let stat = fstat(&found).map_err(|errno| packing.failed("look at", name)(errno.into()))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => packing.folder(&found, name, &stat, is_root)?,
        FileType::RegularFile => {
            let opened = root.find(path, flags.difference(OFlag::O_PATH) | OFlag::O_NONBLOCK | OFlag::O_NOCTTY);
            let opened = opened.map_err(|errno| Error::foreign("open", shown)(errno.into()))?;
            packing.regular(opened, name)?;
        }
        FileType::Symlink => {
            let target = readlinkat(&found, "", Vec::new());
            let target = target.map_err(|errno| packing.failed("read the link", name)(errno.into()))?;
            packing.link(name, &stat, OsStr::from_bytes(target.to_bytes()))?;
        }
        _ => packing.special(name, &stat)?,
    }
    let Packing { archive, copied, .. } = packing;
    archive.into_inner().and_then(Write::flush).map_err(Error::foreign("write the archive of", shown))?;
    Ok(copied)
}

struct Packing<'o, 's> {
    archive: Builder<&'o mut dyn Write>,
    copied: Copied,
    /// The path that was asked for.
    shown: &'s Path,
    /// What it is called in the archive.
    prefix: &'s Path,
}

/// A folder that is being read.
struct Open {
    folder: OwnedFd,
    name: PathBuf,
    names: std::vec::IntoIter<OsString>,
}

impl Packing<'_, '_> {
    fn failed(&self, operation: &'static str, name: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
        let path = match name.strip_prefix(self.prefix) {
            Ok(below) if below.as_os_str().is_empty() => self.shown.to_path_buf(),
            Ok(below) => self.shown.join(below),
            Err(_) => name.to_path_buf(),
        };
        Error::foreign(operation, path)
    }

    /// Walks with a stack of its own: folders may be nested deeper than a thread's stack allows.
    fn folder(&mut self, found: &OwnedFd, name: &Path, stat: &Stat, is_root: bool) -> Result<(), Error> {
        self.entry(name, stat, EntryType::Directory, 0, &mut io::empty())?;
        let mut open = vec![self.open(found, OsStr::new("."), name)?];
        while let Some(folder) = open.last_mut() {
            let Some(file) = folder.names.next() else {
                open.pop();
                continue;
            };
            let name = folder.name.join(&file);
            // What the machine shows there is no part of the container.
            let is_shown = is_root && open.len() == 1 && ["dev", "proc", "sys"].iter().any(|shown| *shown == file);
            let deep = open.len();
            let Some(Open { folder, .. }) = open.last() else { break };
            let stat = match statat(folder, &file, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                // It has gone meanwhile.
                Err(rustix::io::Errno::NOENT) => continue,
                Err(errno) => return Err(self.failed("look at", &name)(errno.into())),
            };
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                self.file(folder, &file, &name, &stat)?;
                continue;
            }
            self.entry(&name, &stat, EntryType::Directory, 0, &mut io::empty())?;
            if is_shown {
                continue;
            }
            if deep > DEEPEST {
                return Err(self.failed("copy", &name)(io::Error::other(format!("more than {DEEPEST} folders deep"))));
            }
            let below = self.open(folder, &file, &name)?;
            open.push(below);
        }
        Ok(())
    }

    fn open(&self, above: &OwnedFd, file: &OsStr, name: &Path) -> Result<Open, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let refused = |errno: rustix::io::Errno| self.failed("open", name)(errno.into());
        let folder = openat(above, file, flags, Mode::empty()).map_err(refused)?;
        let mut names = Vec::new();
        for entry in Dir::read_from(&folder).map_err(refused)? {
            let entry = entry.map_err(refused)?;
            let file = entry.file_name().to_bytes();
            if file != b"." && file != b".." {
                names.push(OsStr::from_bytes(file).to_owned());
            }
        }
        names.sort();
        Ok(Open { folder, name: name.to_path_buf(), names: names.into_iter() })
    }

    /// A file other than a folder, in its folder.
    fn file(&mut self, folder: &OwnedFd, file: &OsStr, name: &Path, stat: &Stat) -> Result<(), Error> {
        let failed = |operation| self.failed(operation, name);
        let refused = |operation| move |errno: rustix::io::Errno| failed(operation)(errno.into());
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                // Without NONBLOCK a pipe that was put in its place would stop us.
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
                let opened = openat(folder, file, flags, Mode::empty()).map_err(refused("open"))?;
                self.regular(opened, name)
            }
            FileType::Symlink => {
                let target = readlinkat(folder, file, Vec::new()).map_err(refused("read the link"))?;
                self.link(name, stat, OsStr::from_bytes(target.to_bytes()))
            }
            _ => self.special(name, stat),
        }
    }

    fn regular(&mut self, opened: OwnedFd, name: &Path) -> Result<(), Error> {
        let stat = fstat(&opened).map_err(|errno| self.failed("look at", name)(errno.into()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(self.failed("open", name)(io::Error::other("it was replaced meanwhile")));
        }
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        self.copied.bytes += size;
        // One that shrinks meanwhile ends in zeros: the archive has said how long it is.
        let mut bytes = std::fs::File::from(opened).chain(io::repeat(0)).take(size);
        self.entry(name, &stat, EntryType::Regular, size, &mut bytes)
    }

    fn link(&mut self, name: &Path, stat: &Stat, target: &OsStr) -> Result<(), Error> {
        let mut header = header_of(stat, EntryType::Symlink, 0);
        let written = self.archive.append_link(&mut header, name, target);
        written.map_err(self.failed("write the archive of", name))
    }

    fn special(&mut self, name: &Path, stat: &Stat) -> Result<(), Error> {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Fifo => EntryType::Fifo,
            FileType::CharacterDevice => EntryType::Char,
            FileType::BlockDevice => EntryType::Block,
            _ => {
                self.copied.left_out += 1;
                return Ok(());
            }
        };
        self.entry(name, stat, kind, 0, &mut io::empty())
    }

    fn entry(
        &mut self,
        name: &Path,
        stat: &Stat,
        kind: EntryType,
        size: u64,
        bytes: &mut dyn io::Read,
    ) -> Result<(), Error> {
        let mut header = header_of(stat, kind, size);
        // A folder's name ends with a slash.
        let written = match kind {
            EntryType::Directory => self.archive.append_data(&mut header, name.join(""), bytes),
            _ => self.archive.append_data(&mut header, name, bytes),
        };
        written.map_err(self.failed("write the archive of", name))
    }
}

fn header_of(stat: &Stat, kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(stat.st_mode & 0o7777);
    header.set_uid(stat.st_uid.into());
    header.set_gid(stat.st_gid.into());
    set_time(&mut header, stat.st_mtime);
    if matches!(kind, EntryType::Char | EntryType::Block) {
        // The header was made with these fields.
        let _ = header.set_device_major(libc::major(stat.st_rdev));
        let _ = header.set_device_minor(libc::minor(stat.st_rdev));
    }
    header
}

/// Writes a time, one before 1970 in base 256 with its sign, as GNU tar does.
fn set_time(header: &mut Header, seconds: i64) {
    match (u64::try_from(seconds), header.as_gnu_mut()) {
        (Err(_), Some(fields)) => {
            let (sign, number) = fields.mtime.split_at_mut(4);
            sign.fill(0xff);
            number.copy_from_slice(&seconds.to_be_bytes());
        }
        (seconds, _) => header.set_mtime(seconds.unwrap_or(0)),
    }
}
