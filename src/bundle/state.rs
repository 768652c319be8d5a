//! What is kept of the containers that a manager has had made: a folder for each, below the folder that `--root` names.
//!
//! ```text
//! <root>/<id>/container.json    what is known of it, with its process's number and when that began
//! <root>/<id>/config.json       the document that it was made of
//! <root>/<id>/start             the socket at which its first process waits, as long as it does
//! ```
//!
//! A container is `creating` while there is no record, `created` while there is a socket, `running` while its process lives, and then `stopped`.
//! Nothing is written down that could become untrue. A number may come to belong to another process: so both have to fit, the number and
//! the time. While something is done with a container its folder is locked, see flock(2).

use std::fs::{self, DirBuilder, File};
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::config::Config;
use super::error::Error;
use super::read;
use crate::container::orphan;
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
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) bundle: PathBuf,
    pub(crate) rootfs: PathBuf,
    pub(crate) process: i32,
    /// When that began.
    pub(crate) began: u64,
    pub(crate) created: String,
    pub(crate) owner: u32,
    pub(crate) groups: Vec<PathBuf>,
}

/// The four states of the specification that a container can be seen in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Created,
    Running,
    Paused,
    Stopped,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Status::Created => "created",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::Stopped => "stopped",
        }
    }
}

/// A container, found and locked.
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
        let path = self.folder.join(id);
        builder.recursive(false).create(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Error::Exists(id.to_owned()),
            _ => Error::io("mkdir", &path)(error),
        })?;
        let folder = open(&path)?;
        flock(&folder, FlockOperation::LockExclusive)
            .map_err(|errno| Error::io("lock", &path)(std::io::Error::from_raw_os_error(errno.raw_os_error())))?;
        Ok((path, folder))
    }

    /// Finds one, and waits until nobody else does something with it.
    ///
    /// # Errors
    /// There is none of that id, or its record can't be read.
    pub(crate) fn find(&self, id: &str) -> Result<Container, Error> {
        check(id)?;
        let path = self.folder.join(id);
        let folder = match open(&path) {
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::Missing(id.to_owned()));
            }
            opened => opened?,
        };
        flock(&folder, FlockOperation::LockExclusive)
            .map_err(|errno| Error::io("lock", &path)(std::io::Error::from_raw_os_error(errno.raw_os_error())))?;
        let record: Record = match read::document(&path.join(RECORD), self.bound) {
            // Whoever made the folder was killed before there was a container.
            Err(Error::Document(error)) if error.is_not_found() => return Err(Error::Missing(id.to_owned())),
            record => record?,
        };
        let config = read::document(&path.join(CONFIG), self.bound)?;
        Ok(Container { path, folder, record, config })
    }

    /// Removes the folder of one that never came to be. Says whether there was something.
    pub(super) fn remove_remains(&self, id: &str) -> Result<bool, Error> {
        check(id)?;
        let path = self.folder.join(id);
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

    pub(crate) fn status(&self) -> Status {
        match self.process() {
            None => Status::Stopped,
            Some(_) if self.path.join(SOCKET).exists() => Status::Created,
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
    options.write(true).create(true).truncate(true).mode(0o644).custom_flags(libc::O_NOFOLLOW);
    let written = options.open(&beside).and_then(|mut file| file.write_all(text));
    written.and_then(|()| fs::rename(&beside, path)).map_err(Error::io("write", path))
}

/// Opens a folder itself, not what a link of that name leads to.
fn open(path: &Path) -> Result<File, Error> {
    let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
    fs::OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(Error::io("open", path))
}

fn check(id: &str) -> Result<(), Error> {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-.".contains(&byte);
    match id {
        "" | "." | ".." => Err(Error::Id(id.to_owned())),
        _ if id.len() <= 255 && id.bytes().all(is_usual) => Ok(()),
        _ => Err(Error::Id(id.to_owned())),
    }
}
