//! What is written down of a container: what it was made of and for, and how it stands.
//!
//! ```text
//! containers/<id>/container.json   what it is: written when it is created, renamed, connected to a network or disconnected from one
//!                 status.json      how it stands: written by whoever has it locked
//!                 status.spare     room for the status at the end, while it runs
//!                 stays            its presence says that the folder stays when nobody works with it
//! ```
//!
//! The record has everything that has to be kept for the container: its image and that image's layers stay in the store as long as it
//! is there, see [`roots`]. The status is what was known last. Whether a container that is said to run still does is told by the lock of
//! its folder, which its monitor holds: nobody has to write down that a monitor was killed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::care::Care;
use super::events::Subject;
use super::hosts::HostEntry;
use super::id::{DIGITS, is_id};
use super::network::Mode;
use super::ports::{Bound, Published};
use super::volume::{Volume, kept};
use super::{Error, names};
use crate::container::{Access, Allowance, Hostname, Names, Paths, Process};
use crate::document::{self, Links};
use crate::layer::Ownership;
use crate::limits::Limit;
use crate::oci::{Descriptor, Digest, Layer};
use crate::store::{Home, atomic_replace, atomic_write, purpose, write};

/// What a container is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of this form.
    pub(crate) schema: u32,
    /// 64 hexadecimal digits.
    pub(crate) id: String,
    /// What it is called.
    pub(crate) name: String,
    /// When it was made, RFC 3339.
    pub(crate) created: String,
    /// The image that it was made of.
    pub image: ImageUsed,
    /// Its layers, the lowest first.
    pub(crate) layers: Vec<Layer>,
    /// What the owners of its files mean on disk: it depends on which ids there were when it was made.
    #[serde(default)]
    pub(crate) ownership: Option<Ownership>,
    /// What runs in it.
    pub(crate) process: Process,
    /// How many of the process's words are the entrypoint's; the others are the command's.
    pub(crate) entrypoint: usize,
    pub(crate) hostname: Hostname,
    pub(crate) network: Mode,
    /// Whom it asks for names.
    pub(crate) names: Names,
    /// Further lines of its `/etc/hosts`.
    pub(crate) hosts: Vec<HostEntry>,
    pub(crate) volumes: Vec<Volume>,
    pub(crate) ports: Vec<Published>,
    /// What the image says it can be reached at: `80/tcp`.
    pub(crate) exposed: Vec<String>,
    /// Whether its root file system takes changes.
    pub(crate) root: Access,
    /// Whether parts of /proc and /sys are hidden or read-only.
    pub(crate) paths: Paths,
    /// What else it is given, or kept from.
    pub(crate) allowance: Allowance,
    /// Whether standard input stays open.
    pub(crate) input: Input,
    /// The signal that asks it to end.
    pub(crate) stop_signal: i32,
    /// How many seconds it has to do so; `None`: Docker's.
    pub(crate) stop_timeout: Option<i64>,
    #[serde(default)]
    pub(crate) care: Care,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) when_ended: WhenEnded,
}

/// The image of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageUsed {
    /// As it was asked for.
    pub(crate) name: String,
    /// The digest of its configuration.
    pub(crate) id: Digest,
    /// Its manifest.
    pub manifest: Descriptor,
}

/// Whether a container reads from somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Input {
    /// Standard input is empty.
    Closed,
    /// It is what those who attach to it write, and ends with the first of them.
    Once,
    /// It is what those who attach to it write.
    Open,
}

/// What becomes of a container when it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WhenEnded {
    /// It stays, with its changes.
    Keep,
    /// It is removed.
    Remove,
}

/// How a container stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum Status {
    /// It was never started.
    Created,
    Running(Run),
    Paused(Run),
    /// It has ended, and its monitor waits before it starts it again.
    Restarting(End),
    Exited(End),
}

impl Status {
    /// Whether a monitor watches over it.
    pub(crate) fn has_monitor(&self) -> bool {
        match self {
            Status::Running(_) | Status::Paused(_) | Status::Restarting(_) => true,
            Status::Created | Status::Exited(_) => false,
        }
    }
}

/// A container's run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    /// RFC 3339.
    pub(crate) started: String,
    /// The number that its process 1 has for us.
    pub(crate) process: i32,
    /// Where it is reached.
    pub(crate) ports: Vec<Bound>,
    /// How often it was started again by its monitor.
    #[serde(default)]
    pub(crate) restarts: u32,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    /// RFC 3339; `None` where the command could not be executed.
    pub(crate) started: Option<String>,
    /// RFC 3339; `None` where nobody was there to note it.
    pub(crate) finished: Option<String>,
    /// As a shell gives it: 128 + n for signal n.
    pub(crate) status: i32,
    /// Why it could not be started.
    pub(crate) error: Option<String>,
    /// Whether a process of it was killed because its memory had run out.
    #[serde(default)]
    pub(crate) out_of_memory: bool,
    /// How often it was started again by its monitor.
    #[serde(default)]
    pub(crate) restarts: u32,
}

/// The version of the form that is written.
const SCHEMA: u32 = 1;

const RECORD: &str = "container.json";
const STATUS: &str = "status.json";
const STAYS: &str = "stays";
const SPARE: &str = "status.spare";

/// Room for ten thousand layers.
const LIMIT: Limit = Limit::bytes("record of a container", "LAYERLAB_MAX_STATE", 4 << 20);

impl Record {
    /// The version of the form that is written.
    pub(crate) const SCHEMA: u32 = SCHEMA;

    /// What is said of it to those who follow what happens.
    pub(crate) fn subject(&self) -> Subject<'_> {
        Subject { id: &self.id, name: &self.name, image: &self.image.name, labels: &self.labels }
    }

    /// What in it can't be: whoever can write a home could lead us elsewhere by an id or a name that becomes a path, or pass one container off as
    /// another.
    fn flaw(&self, folder: &Path) -> Option<String> {
        if folder.file_name().is_none_or(|name| name != self.id.as_str()) {
            return Some("it is the record of another container".to_owned());
        }
        if names::check(&self.name).is_err() {
            return Some("its name is none".to_owned());
        }
        if let Mode::Container(neighbour) = &self.network
            && ![&neighbour.id, &neighbour.files_of].into_iter().all(|id| is_id(id, DIGITS))
        {
            return Some("the id of the container whose network it has is none".to_owned());
        }
        let volume = self.volumes.iter().filter_map(Volume::name).find(|name| kept::check_name(name).is_err());
        volume.map(|_| "the name of one of its volumes is none".to_owned())
    }
}

/// The record in a container's folder; `None` where there is none.
pub(super) fn read(home: &Home, folder: &Path) -> Result<Option<Record>, Error> {
    let path = folder.join(RECORD);
    let Some(text) = read_file(home, &path)? else { return Ok(None) };
    let reason = match serde_json::from_slice(&text) {
        Ok(record @ Record { schema: SCHEMA, .. }) => match record.flaw(folder) {
            None => return Ok(Some(record)),
            Some(flaw) => flaw,
        },
        Ok(Record { schema, .. }) => unknown(schema),
        Err(error) => match serde_json::from_slice(&text) {
            Ok(Versioned { schema }) if schema != SCHEMA => unknown(schema),
            Ok(Versioned { .. }) | Err(_) => error.to_string(),
        },
    };
    // What a loss of power has left of one that goes when it has ended: see `write`.
    if stays(folder) { Err(Error::BadState { path, reason }) } else { Ok(None) }
}

/// What every version of a record has.
#[derive(Deserialize)]
struct Versioned {
    schema: u32,
}

fn unknown(schema: u32) -> String {
    format!("schema {schema} is unknown: this version reads only {SCHEMA}")
}

/// Whether there is one.
pub(super) fn is_there(folder: &Path) -> bool {
    fs::symlink_metadata(folder.join(RECORD)).is_ok()
}

/// Writes it, whole or not at all, and onto the disk; but no loss of power leaves one that goes when it has ended.
pub(super) fn write(folder: &Path, record: &Record) -> Result<(), Error> {
    let path = folder.join(RECORD);
    let text = to_json(&path, record)?;
    match record.when_ended {
        WhenEnded::Keep => atomic_write(&path, &text)?,
        WhenEnded::Remove => atomic_replace(&path, &text)?,
    }
    Ok(())
}

/// Removes it: from now on there is no such container, whatever is left of its folder.
pub(super) fn forget(folder: &Path) -> Result<(), Error> {
    Ok(write::remove_file(&folder.join(RECORD))?)
}

/// From now on the folder stays.
pub(super) fn keep(folder: &Path) -> Result<(), Error> {
    let path = folder.join(STAYS);
    purpose::note("write", &path);
    fs::write(&path, "").map_err(Error::io("write", &path))
}

/// From now on the folder goes when nobody works with it.
pub(super) fn leave(folder: &Path) -> Result<(), Error> {
    let path = folder.join(STAYS);
    purpose::note("remove", &path);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether the folder stays when nobody works with it. It is a question of one call: it is asked of every container whenever one is made.
pub(super) fn stays(folder: &Path) -> bool {
    fs::symlink_metadata(folder.join(STAYS)).is_ok()
}

/// The status as it was written last.
pub(super) fn status(home: &Home, folder: &Path) -> Result<Status, Error> {
    let Some(text) = read_file(home, &folder.join(STATUS))? else { return Ok(Status::Created) };
    // It is not synchronised: after a loss of power it may be empty, and then nothing runs any more.
    Ok(serde_json::from_slice(&text).unwrap_or(Status::Exited(End::unknown(None))))
}

/// Writes the status. The last one of a run is written into the room of [`reserve`] where there is none else: a disk that is full is
/// no reason to forget how a container ended.
pub(super) fn set_status(folder: &Path, status: &Status) -> Result<(), Error> {
    let (path, spare) = (folder.join(STATUS), folder.join(SPARE));
    let text = to_json(&path, status)?;
    let written = atomic_replace(&path, &text);
    match status {
        Status::Created | Status::Running(_) | Status::Paused(_) | Status::Restarting(_) => written?,
        Status::Exited(_) => {
            written.or_else(
                |error| if error.is_full() { write::write_reserved(&spare, &path, &text) } else { Err(error) },
            )?;
            write::remove_file(&spare)?;
        }
    }
    Ok(())
}

/// Takes room on the disk for the status at the end of a run.
pub(super) fn reserve(folder: &Path) -> Result<(), Error> {
    Ok(write::reserve(&folder.join(SPARE), 0)?)
}

impl Status {
    /// In the word that Docker has for it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Status::Created => "created",
            Status::Running(_) => "running",
            Status::Paused(_) => "paused",
            Status::Restarting(_) => "restarting",
            // It never ran.
            Status::Exited(end) if end.error.is_some() && end.started.is_none() => "created",
            Status::Exited(_) => "exited",
        }
    }
}

impl End {
    /// Nobody has noted it: its monitor was killed, and the kernel has killed the container with it.
    pub(super) fn unknown(started: Option<String>) -> End {
        let status = 128 + libc::SIGKILL;
        End { started, finished: None, status, error: None, out_of_memory: false, restarts: 0 }
    }
}

fn to_json(path: &Path, value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::io("write", path)(error.into()))
}

fn read_file(home: &Home, path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match document::read(path, home.bound(&LIMIT), Links::Refuse) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(crate::store::Error::from(error).into()),
    }
}

/// All containers that stay: what may not be removed from the store is what they name.
///
/// # Errors
/// A record can't be read. Then nobody knows what it needs.
pub fn roots(home: &Home) -> Result<Vec<Record>, Error> {
    let containers = home.containers_dir();
    let entries = fs::read_dir(&containers).map_err(Error::io("list", &containers))?;
    let mut records = Vec::new();
    for entry in entries {
        let path = entry.map_err(Error::io("list", &containers))?.path();
        if path.is_dir() {
            records.extend(read(home, &path)?);
        }
    }
    Ok(records)
}
