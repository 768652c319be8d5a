//! What is kept of the containers that a manager has had made: a folder for each, below the folder that `--root` names.
//!
//! ```text
//! <root>/<id>/container.json    what is known of it, with its process's number and when that began
//! <root>/<id>/config.json       the document that it was made of
//! <root>/<id>/start             the socket at which its first process waits, as long as it does
//! ```
//!
//! A container is `creating` until its record says that it is settled, `created` while somebody waits at the socket, `running` while its
//! process lives, and then `stopped`. Nothing is written down that could become untrue. A number may come to belong to another process: so both
//! have to fit, the number and the time.
//!
//! Whoever changes something of a container locks its folder, see flock(2). Who only looks at it or sends it a signal does not: a hook
//! does that while its container is created, and whoever starts a container may wait for it. The record comes before everything that it tells of,
//! and goes after it.

use std::fs::{self, DirBuilder, File};
use std::io::{ErrorKind, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::config::Config;
use super::error::Error;
use super::read;
use crate::container::{Mapper, orphan};
use crate::limits::Bound;

/// The name of the socket.
pub(super) const SOCKET: &str = "start";
const RECORD: &str = "container.json";
const CONFIG: &str = "config.json";

/// The folder of a manager's containers.
pub(crate) struct Containers {
    folder: PathBuf,
    /// How large a document may be.
    pub(super) bound: Bound,
}

/// What is written down of a container.
///
/// Fields that are not known are passed over: what a later version has made can be ended and removed by this one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) bundle: PathBuf,
    pub(crate) rootfs: PathBuf,
    /// 0 until there is one.
    pub(crate) process: i32,
    /// When that began.
    pub(crate) began: u64,
    pub(crate) created: String,
    pub(crate) owner: u32,
    pub(crate) groups: Vec<PathBuf>,
    /// Those of them that were made for it, and go with it.
    pub(crate) made: Vec<PathBuf>,
    /// Who has mapped the ids of its user namespace, where it has one.
    pub(crate) mapper: Option<Mapper>,
    /// Whether its creation has come to its end.
    pub(crate) settled: bool,
}

/// The states of the specification, and that of one that is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Creating,
    Created,
    Running,
    Paused,
    Stopped,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Status::Creating => "creating",
            Status::Created => "created",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::Stopped => "stopped",
        }
    }
}

/// A container that was found.
pub(crate) struct Container {
    pub(super) path: PathBuf,
    pub(super) folder: File,
    pub(crate) record: Record,
    pub(super) config: Config,
}

impl Containers {
    pub(crate) fn new(folder: PathBuf, bound: Bound) -> Containers {
        Containers { folder, bound }
    }

    /// Makes the folder of a new container, which belongs to us alone.
    pub(super) fn make(&self, id: &str) -> Result<(PathBuf, File), Error> {
        check(id)?;
        let mut builder = DirBuilder::new();
        builder.mode(0o700);
        builder.recursive(true).create(&self.folder).map_err(Error::io("mkdir", &self.folder))?;
        self.check()?;
        let path = self.folder.join(id);
        builder.recursive(false);
        let made = match builder.create(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && is_abandoned(&path) => {
                self.remove_remains(id)?;
                builder.create(&path)
            }
            made => made,
        };
        made.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Error::Exists(id.to_owned()),
            _ => Error::io("mkdir", &path)(error),
        })?;
        let folder = open(&path)?;
        lock(&folder, &path, id)?;
        Ok((path, folder))
    }

    /// Refuses a folder that others may have filled: what is written there says which processes are ended and which programs are run.
    fn check(&self) -> Result<(), Error> {
        let found = match fs::metadata(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            found => found.map_err(Error::io("look at", &self.folder))?,
        };
        let strange = |what| Err(Error::Strange { path: self.folder.clone(), what });
        match found {
            _ if found.uid() != nix::unistd::Uid::effective().as_raw() => strange("belongs to another user"),
            _ if found.mode() & 0o022 != 0 => strange("can be written by others"),
            _ => Ok(()),
        }
    }

    /// Finds one, and waits until nobody else changes something of it.
    ///
    /// # Errors
    /// There is none of that id, its record can't be read, or it is busy for too long.
    pub(crate) fn find(&self, id: &str) -> Result<Container, Error> {
        let (path, folder) = self.open_locked(id)?;
        self.read(id, path, folder)
    }

    /// As [`Containers::find`], without waiting for anybody.
    ///
    /// # Errors
    /// There is none of that id, or its record can't be read.
    pub(crate) fn look(&self, id: &str) -> Result<Container, Error> {
        let (path, folder) = self.open(id)?;
        self.read(id, path, folder)
    }

    /// As [`Containers::find`], also without its document, which its end does not need.
    pub(super) fn find_any(&self, id: &str) -> Result<Container, Error> {
        let (path, folder) = self.open_locked(id)?;
        let record = self.record(id, &path)?;
        let config = read::document(&path.join(CONFIG), self.bound).unwrap_or_default();
        Ok(Container { path, folder, record, config })
    }

    fn open(&self, id: &str) -> Result<(PathBuf, File), Error> {
        check(id)?;
        self.check()?;
        let path = self.folder.join(id);
        match open(&path) {
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Err(Error::Missing(id.to_owned())),
            opened => Ok((path, opened?)),
        }
    }

    fn open_locked(&self, id: &str) -> Result<(PathBuf, File), Error> {
        loop {
            let (path, folder) = self.open(id)?;
            lock(&folder, &path, id)?;
            // While we waited it may have been removed, and another one made.
            let is_still_there = fs::symlink_metadata(&path)
                .is_ok_and(|found| folder.metadata().is_ok_and(|ours| found.ino() == ours.ino()));
            if is_still_there {
                return Ok((path, folder));
            }
        }
    }

    fn read(&self, id: &str, path: PathBuf, folder: File) -> Result<Container, Error> {
        let record = self.record(id, &path)?;
        let config = read::document(&path.join(CONFIG), self.bound)?;
        Ok(Container { path, folder, record, config })
    }

    fn record(&self, id: &str, path: &Path) -> Result<Record, Error> {
        let record: Record = match read::document(&path.join(RECORD), self.bound) {
            // Whoever made the folder was killed before there was a container.
            Err(Error::Document(error)) if error.is_not_found() => return Err(Error::Missing(id.to_owned())),
            record => record?,
        };
        Ok(record)
    }

    /// Removes the folder of one of which nothing else is left. Says whether there was something.
    pub(super) fn remove_remains(&self, id: &str) -> Result<bool, Error> {
        check(id)?;
        self.check()?;
        let path = self.folder.join(id);
        // First: a folder without it is one that nobody needs.
        let _ = fs::remove_file(path.join(RECORD));
        match fs::remove_dir_all(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("remove", &path)(error)),
        }
    }

    /// The ids of all, sorted.
    ///
    /// # Errors
    /// The folder can't be read.
    pub(crate) fn ids(&self) -> Result<Vec<String>, Error> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Error::io("read", &self.folder))?,
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut ids: Vec<String> = names.filter(|name| check(name).is_ok()).collect();
        ids.sort();
        Ok(ids)
    }
}

impl Container {
    /// Its first process; `None` when that has ended.
    pub(super) fn process(&self) -> Option<OwnedFd> {
        orphan::find(self.record.process, self.record.began).ok()
    }

    /// Lets others change something of it, although we still look at it.
    pub(super) fn unlock(&self) {
        // What can't be let go of is, as soon as we end.
        let _ = flock(&self.folder, FlockOperation::Unlock);
    }

    pub(crate) fn status(&self) -> Status {
        match self.process() {
            None => Status::Stopped,
            Some(_) if !self.record.settled => Status::Creating,
            Some(_) if orphan::is_awaited(&self.folder, SOCKET) => Status::Created,
            Some(_) if crate::container::is_frozen(&self.record.groups) => Status::Paused,
            Some(_) => Status::Running,
        }
    }
}

/// Writes down what a container is. The record comes last: without it there is no container.
pub(super) fn keep(path: &Path, config: &Config, record: &Record) -> Result<(), Error> {
    write(&path.join(CONFIG), config)?;
    write(&path.join(RECORD), record)
}

fn write(path: &Path, document: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_vec(document).map_err(|error| Error::io("write", path)(error.into()))?;
    write_file(path, &text)
}

/// Writes a file under another name first, so that nobody reads a half.
///
/// # Errors
/// What the kernel refuses.
pub(crate) fn write_file(path: &Path, text: &[u8]) -> Result<(), Error> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let mut options = fs::OpenOptions::new();
    // What somebody else has there, who may have it open, is not written to.
    let _ = fs::remove_file(&beside);
    options.write(true).create_new(true).mode(0o644);
    let written = options.open(&beside).and_then(|mut file| file.write_all(text));
    written.and_then(|()| fs::rename(&beside, path)).map_err(Error::io("write", path))
}

/// Opens a folder itself, not what a link of that name leads to.
fn open(path: &Path) -> Result<File, Error> {
    let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
    fs::OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(Error::io("open", path))
}

/// How long a command waits for another one.
const PATIENCE: Duration = Duration::from_secs(10);

/// Locks a folder. There is no call that waits for a lock and not for ever.
fn lock(folder: &File, path: &Path, id: &str) -> Result<(), Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match flock(folder, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(Errno::WOULDBLOCK) if Instant::now() > deadline => return Err(Error::Busy(id.to_owned(), PATIENCE)),
            Err(Errno::WOULDBLOCK) => std::thread::sleep(Duration::from_millis(2)),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::io("lock", path)(errno.into())),
        }
    }
}

/// Whether whoever has made a folder was killed before it wrote a record there, or while it removed one.
fn is_abandoned(path: &Path) -> bool {
    let is_free = |folder: File| flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok();
    !path.join(RECORD).exists() && open(path).is_ok_and(is_free)
}

fn check(id: &str) -> Result<(), Error> {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-.".contains(&byte);
    match id {
        "" | "." | ".." => Err(Error::Id(id.to_owned())),
        _ if id.len() <= 255 && id.bytes().all(is_usual) => Ok(()),
        _ => Err(Error::Id(id.to_owned())),
    }
}
