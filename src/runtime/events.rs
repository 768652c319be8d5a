//! What happens to containers, images and volumes, written down as it happens.
//!
//! ```text
//! events.jsonl        a line of JSON for each event, the oldest first
//! events.old.jsonl    the lines before those
//! ```
//!
//! Whoever does something appends one line with one write(2): nobody waits for anybody, and a killed process leaves a whole line or none. When
//! the file has grown to its bound, it takes the place of the older one; who does that holds it locked. That an event can't be written stops
//! nothing: it is only said to nobody. A line that is no event, which a full disk may have cut off, is passed over.
//!
//! The form is that of Docker's `events --format json`.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::fs::{FlockOperation, flock, inotify};
use serde::{Deserialize, Serialize};

use super::Error;
use crate::document::{self, Links};
use crate::store::{Home, purpose};
use crate::world::Clock;

/// A file is not made larger than this.
const MOST: u64 = 1 << 20;
/// A line that is longer is none of ours.
const LONGEST_LINE: u64 = 64 << 10;

/// What something happened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Container,
    Image,
    Volume,
    Network,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Event {
    #[serde(rename = "Type")]
    pub(crate) kind: Kind,
    /// `create`, `start`, `die` …
    #[serde(rename = "Action")]
    pub(crate) action: String,
    #[serde(rename = "Actor")]
    pub(crate) actor: Actor,
    pub(crate) scope: String,
    /// Seconds since 1970.
    pub(crate) time: i64,
    #[serde(rename = "timeNano")]
    pub(crate) nanoseconds: i64,
}

/// What it happened to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Actor {
    #[serde(rename = "ID")]
    pub(crate) id: String,
    #[serde(rename = "Attributes")]
    pub(crate) attributes: BTreeMap<String, String>,
}

/// A container, for those who follow what happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) image: &'a str,
    pub(crate) labels: &'a BTreeMap<String, String>,
}

/// Notes what happened to a container; `more` is what else is known of that.
pub(crate) fn of_container(home: &Home, clock: &Clock, subject: Subject<'_>, action: &str, more: &[(&str, String)]) {
    let mut attributes = subject.labels.clone();
    attributes.insert("image".to_owned(), subject.image.to_owned());
    attributes.insert("name".to_owned(), subject.name.to_owned());
    attributes.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    note(home, clock, Kind::Container, action, subject.id, attributes);
}

/// Notes what happened to something that has a name.
pub(crate) fn of_named(home: &Home, clock: &Clock, kind: Kind, action: &str, id: &str, name: &str) {
    note(home, clock, kind, action, id, BTreeMap::from([("name".to_owned(), name.to_owned())]));
}

fn note(home: &Home, clock: &Clock, kind: Kind, action: &str, id: &str, attributes: BTreeMap<String, String>) {
    let now = clock.rfc3339().parse::<jiff::Timestamp>().unwrap_or_default();
    let event = Event {
        kind,
        action: action.to_owned(),
        actor: Actor { id: id.to_owned(), attributes },
        scope: "local".to_owned(),
        time: now.as_second(),
        nanoseconds: i64::try_from(now.as_nanosecond()).unwrap_or(i64::MAX),
    };
    let Ok(mut line) = serde_json::to_vec(&event) else { return };
    line.push(b'\n');
    if line.len() as u64 <= LONGEST_LINE {
        // It has happened, whether or not it can be written down.
        let _ = append(home, &line);
    }
}

fn append(home: &Home, line: &[u8]) -> std::io::Result<()> {
    let path = newest(home);
    purpose::note("append to", &path);
    // A pipe that stands there keeps nobody waiting, and takes nothing.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let open = || OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(&path);
    let mut file = open()?;
    if !file.metadata()?.is_file() {
        return Ok(());
    }
    if file.metadata()?.len() + line.len() as u64 > MOST
        && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
    {
        // Another may have moved it while we waited for the lock.
        if fs::symlink_metadata(&path)
            .is_ok_and(|there| Some(there.ino()) == file.metadata().ok().map(|ours| ours.ino()))
        {
            fs::rename(&path, older(home))?;
        }
        file = open()?;
    }
    file.write_all(line)
}

fn newest(home: &Home) -> PathBuf {
    home.root().join("events.jsonl")
}

fn older(home: &Home) -> PathBuf {
    home.root().join("events.old.jsonl")
}

/// Reads what has happened, and waits for what happens next.
pub(crate) struct Follower {
    home: Home,
    file: Option<BufReader<File>>,
    /// The beginning of a line that is not whole yet.
    pending: Vec<u8>,
    watch: OwnedFd,
}

impl Follower {
    /// Begins with what is still known.
    ///
    /// # Errors
    /// The home can't be watched.
    pub(crate) fn open(home: &Home) -> Result<Follower, Error> {
        let root = home.root();
        let failed = |error: rustix::io::Errno| Error::io("watch", root)(error.into());
        let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK).map_err(failed)?;
        let changes = inotify::WatchFlags::MODIFY | inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_FROM;
        inotify::add_watch(&watch, root, changes).map_err(failed)?;
        let file = document::open(&older(home), Links::Refuse).ok().map(|(file, _)| BufReader::new(file));
        Ok(Follower { home: home.clone(), file, pending: Vec::new(), watch })
    }

    /// The next event that is known already.
    pub(crate) fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(line) = self.line() {
                match serde_json::from_slice(&line) {
                    Ok(event) => return Some(event),
                    Err(_) => continue,
                }
            }
            if !self.go_on() {
                return None;
            }
        }
    }

    /// A whole line of the file that is read.
    fn line(&mut self) -> Option<Vec<u8>> {
        loop {
            let file = self.file.as_mut()?;
            let room = (LONGEST_LINE + 1).saturating_sub(self.pending.len() as u64);
            let read = file.by_ref().take(room).read_until(b'\n', &mut self.pending).ok()?;
            if self.pending.ends_with(b"\n") {
                return Some(std::mem::take(&mut self.pending));
            }
            if read == 0 {
                return None;
            }
            if self.pending.len() as u64 > LONGEST_LINE {
                self.pending.clear();
            }
        }
    }

    /// Goes on with the newer file, if the one that is read is not that.
    fn go_on(&mut self) -> bool {
        let Ok((there, _)) = document::open(&newest(&self.home), Links::Refuse) else { return false };
        let inode = |file: &File| file.metadata().ok().map(|metadata| metadata.ino());
        if self.file.as_ref().is_some_and(|file| inode(file.get_ref()) == inode(&there)) {
            return false;
        }
        self.pending.clear();
        self.file = Some(BufReader::new(there));
        true
    }

    /// Waits until something may have happened, or so long.
    ///
    /// # Errors
    /// What poll(2) says.
    pub(crate) fn wait(&self, most: Option<Duration>) -> Result<(), Error> {
        let most = most.map_or(PollTimeout::NONE, |most| PollTimeout::try_from(most).unwrap_or(PollTimeout::MAX));
        let mut watched = [PollFd::new(self.watch.as_fd(), PollFlags::POLLIN)];
        match poll(&mut watched, most) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(Error::io("wait for", newest(&self.home))(error.into())),
        }
        let mut buffer = [0; 4096];
        while rustix::io::read(&self.watch, &mut buffer).is_ok_and(|read| read > 0) {}
        Ok(())
    }
}
