//! Leases: what a process that runs may still refer to, written down, so that nobody removes it.
//!
//! ```text
//! leases/<owner>-<number>      locked as long as its process lives, see flock(2); a line for each thing in use:
//! manifest 91023b65…           a document, and with it all that it leads to
//! file 9e60bdf8…               a blob, or a copy that is named by the digest: expanded, unpacked
//! ```
//!
//! **A thing is written down before it is looked for.** That is done under `store.lock`, shared, for the moment of the writing. Whoever
//! removes things holds that lock alone. So a thing that is found after it was written down stays; one that was removed just before is
//! not found, and everybody knows what to do then.
//!
//! **No lock is held for long.** A server that runs for weeks blocks nobody; it keeps what it uses. Where nothing can be written down (a
//! home that is read-only, a full disk), the shared lock itself is kept to the end instead, and nobody removes anything.
//!
//! A lease that nobody has locked is that of a killed process. It protects nothing, and the next who comes removes it, together with the
//! temporary files of its owner. The containers of a killed process end with it, before its lease is free: they have the lock, too.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::lock::{self, Lock, LockMode, Wait, acquire, acquire_patiently};
use super::{Error, Extent, Home, purpose, write};
use crate::document::{self, Links};
use crate::limits::Limit;
use crate::oci::{Digest, DocumentKind};
use crate::progress::{Meter, Work};

/// A line for each blob, layer and document that a process uses.
const LEASE: Limit = Limit::bytes("list of what a process uses", "LAYERLAB_MAX_LEASE", 256 << 20);

/// How long somebody may hold the lock for a moment.
const PATIENCE: Duration = Duration::from_secs(5);

/// What one opened store uses.
#[derive(Debug)]
pub(super) struct Lease {
    /// `store.lock`. `None` where there is none, and none can be made: then nobody removes anything.
    gate: Option<(File, PathBuf)>,
    /// The list; `None` where none can be written.
    list: Option<Lock>,
    /// Who made the list: a child that was forked does not remove it.
    process: u32,
    held: Mutex<Held>,
    /// By which waiting for the lock can be stopped.
    meter: Meter,
}

#[derive(Debug, Default)]
struct Held {
    /// What is in the list, and as which document.
    things: HashMap<Digest, Option<DocumentKind>>,
    /// The lock is kept, so everything is held.
    everything: bool,
}

/// A thing in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Thing {
    pub(crate) digest: Digest,
    pub(crate) kind: Option<DocumentKind>,
}

impl Lease {
    /// Begins a lease on nothing. Where nothing can be written, it is one on everything.
    ///
    /// # Errors
    /// [`Error::Io`] where the lock can't be opened, or not be had.
    pub(crate) fn take(home: &Home, meter: &Meter) -> Result<Lease, Error> {
        let path = home.lock_path();
        let (process, meter) = (std::process::id(), meter.clone());
        let mut lease = Lease { gate: None, list: None, process, held: Mutex::default(), meter };
        match lock::open_lock(&path).and_then(|gate| {
            lease.gate = Some((gate, path.clone()));
            claim(home)
        }) {
            Ok(list) => lease.list = Some(list),
            Err(error) if error.is_read_only() || error.is_full() => {
                if lease.gate.is_none() {
                    lease.gate = lock::open_lock_for_reading(&path)?.map(|gate| (gate, path));
                }
                if let Some((gate, path)) = &lease.gate {
                    acquire(gate, path, LockMode::Shared, Wait::Yes)?;
                }
                lease.held().everything = true;
            }
            Err(error) => return Err(error),
        }
        Ok(lease)
    }

    // ANCHOR: hold
    /// From now on a thing stays until the lease ends, if it is there. `kind` is what it is read as, where it is a document.
    pub(crate) fn hold(&self, digest: &Digest, kind: Option<DocumentKind>) {
        let mut held = self.held();
        let is_held = held.things.get(digest).is_some_and(|known| kind.is_none() || *known == kind);
        let (Some((gate, path)), Some(list)) = (&self.gate, &self.list) else { return };
        if is_held || held.everything || acquire_patiently(gate, path, LockMode::Shared, &self.meter).is_err() {
            return;
        }
        let line = format!("{} {}\n", kind.map_or("file", word), digest.hex());
        match list.file().write_all(line.as_bytes()) {
            Ok(()) => {
                held.things.insert(*digest, kind);
                let _ = gate.unlock();
            }
            // The lock that we have says the same, of everything.
            Err(_) => held.everything = true,
        }
    }
    // ANCHOR_END: hold

    /// Waits until nobody else is writing anything down, and keeps everybody from it until the value is dropped. What this lease itself
    /// holds is given up: the caller says what stays.
    ///
    /// # Errors
    /// [`Error::Busy`] where somebody keeps the lock, or there is none; [`Error::Stopped`] where that was wished meanwhile.
    pub(crate) fn alone(&self) -> Result<Alone<'_>, Error> {
        let held = self.held();
        let Some((gate, path)) = &self.gate else { return Err(Error::Busy) };
        let begun = Instant::now();
        let task = self.meter.begin(Work::Waiting, None);
        while !acquire(gate, path, LockMode::Exclusive, Wait::No)? {
            let wish = task.add(0);
            if wish.is_err() || begun.elapsed() > PATIENCE {
                if held.everything {
                    acquire(gate, path, LockMode::Shared, Wait::Yes)?;
                }
                wish?;
                return Err(Error::Busy);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut alone = Alone { gate, path, held };
        alone.held.things.clear();
        if let Some(list) = &self.list {
            list.file().set_len(0).map_err(Error::io("shorten", list.path()))?;
        }
        Ok(alone)
    }

    /// Removes the list: from now on nothing is held.
    pub(super) fn end(&self) {
        if let Some(list) = &self.list
            && self.process == std::process::id()
        {
            // What is left is that of a killed process.
            let _ = write::remove_file(list.path());
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // What is in the list stays true where another thread has panicked.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.end();
    }
}

/// The right to remove things.
pub(super) struct Alone<'l> {
    gate: &'l File,
    path: &'l Path,
    held: MutexGuard<'l, Held>,
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        let _ = match self.held.everything {
            true => acquire(self.gate, self.path, LockMode::Shared, Wait::Yes).map(|_| ()),
            false => self.gate.unlock().map_err(Error::io("unlock", self.path)),
        };
    }
}

/// What the others hold.
#[derive(Debug, Default)]
pub(super) struct HeldByOthers {
    pub(super) things: BTreeSet<Thing>,
    /// What has the name of a list and is no file. No process of ours has made it, so it protects nothing.
    pub(super) strange: Vec<Error>,
}

/// Reads what the others hold.
///
/// # Errors
/// [`Error::Document`] for a list that can't be read: it may be that of a process which lives.
pub(super) fn others(home: &Home, own: &Lease) -> Result<HeldByOthers, Error> {
    let own_list = own.list.as_ref().map(Lock::path);
    let mut others = HeldByOthers::default();
    let mut had_dead = false;
    for path in lists(home).into_iter().filter(|path| Some(path.as_path()) != own_list) {
        if remove_if_dead(&path) {
            had_dead = true;
            continue;
        }
        match document::read(&path, home.bound(&LEASE), Links::Refuse) {
            Ok(text) => others.things.extend(String::from_utf8_lossy(&text).lines().filter_map(thing)),
            // It ended just now.
            Err(error) if error.is_not_found() => {}
            Err(error @ document::Error::NotRegular { .. }) => others.strange.push(error.into()),
            Err(error) => return Err(error.into()),
        }
    }
    if had_dead {
        // Nobody else will know that there was one.
        home.sweep(Extent::All, || look(home, own).living);
    }
    Ok(others)
}

/// The leases that there are besides one's own.
pub(super) struct Others {
    /// Whose processes live.
    pub(crate) living: BTreeSet<u32>,
    /// Whether there was one of a killed process.
    pub(crate) had_dead: bool,
}

/// Looks at every lease, and removes those of killed processes.
pub(super) fn look(home: &Home, own: &Lease) -> Others {
    let own = own.list.as_ref().map(Lock::path);
    let mut others = Others { living: BTreeSet::new(), had_dead: false };
    for path in lists(home).into_iter().filter(|path| Some(path.as_path()) != own) {
        if remove_if_dead(&path) {
            others.had_dead = true;
        } else {
            others.living.extend(owner_of(&path));
        }
    }
    others
}

/// Makes a list of one's own.
fn claim(home: &Home) -> Result<Lock, Error> {
    let mut number = 0;
    loop {
        let path = home.leases_dir().join(format!("{}-{number}", write::owner()));
        match lock::try_claim(&path)? {
            Some(list) => {
                // A killed process of the same number may have had it. Not where it is empty anyway: ext4 writes a file to the disk at
                // once that was shortened to nothing, even if it was nothing before, and this one seldom lives so long otherwise.
                if list.file().metadata().map_err(Error::io("stat", &path))?.len() > 0 {
                    list.file().set_len(0).map_err(Error::io("shorten", &path))?;
                }
                purpose::note("write", &path);
                return Ok(list);
            }
            None => number += 1,
        }
    }
}

fn lists(home: &Home) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(home.leases_dir()).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| owner_of(path).is_some()).collect()
}

/// The owner in the name of a list.
fn owner_of(path: &Path) -> Option<u32> {
    let (owner, number) = path.file_name()?.to_str()?.split_once('-')?;
    number.parse::<u32>().ok()?;
    owner.parse().ok()
}

fn remove_if_dead(path: &Path) -> bool {
    match lock::try_claim(path) {
        Ok(Some(list)) => list.remove().is_ok(),
        Ok(None) | Err(_) => false,
    }
}

fn word(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::Index => "index",
        DocumentKind::Manifest => "manifest",
        DocumentKind::Config => "config",
    }
}

/// A line of a list. One that a killed process has not written to its end is none.
fn thing(line: &str) -> Option<Thing> {
    let (first, digits) = line.split_once(' ')?;
    let kinds = [DocumentKind::Index, DocumentKind::Manifest, DocumentKind::Config];
    let kind = kinds.into_iter().find(|kind| word(*kind) == first);
    (kind.is_some() || first == "file").then_some(())?;
    Some(Thing { digest: Digest::from_hex(digits).ok()?, kind })
}
