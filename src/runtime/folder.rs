//! A container's folder in the home: where its changes and its set-up's files lie.
//!
//! ```text
//! containers/<name>.lock    locked as long as somebody works with the container of that name
//! containers/<name>/        upper: what it changes; beside it the files of its set-up
//!                   stays     of a container that stays, see `record`
//! ```
//!
//! Whoever holds the lock of a name, and nobody else, makes and removes the folder of that name. So a folder whose lock can be
//! taken, and that does not stay, was left behind by a killed process: whoever comes by removes it. And
//! the owner of a folder can remove it in several steps, without another taking the name in between.

use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::record::WhenEnded;
use super::volume::going;
use super::{Error, record};
use crate::container::Sandbox;
use crate::store::{Lock, is_claimed, purpose, try_claim};
use crate::world::World;

/// A container's folder, locked. Dropped, it is removed, unless it stays.
pub(crate) struct Folder {
    path: PathBuf,
    world: Arc<World>,
    when_dropped: WhenDropped,
    /// `None` only while it is dropped.
    name: Option<Lock>,
}

#[derive(Clone, Copy, PartialEq)]
enum WhenDropped {
    Remove,
    Keep,
}

impl Folder {
    /// Makes a folder that nobody else has. Where time stands still, two builds at once give the same ids: then a number is
    /// put behind the id.
    ///
    /// # Errors
    /// It can't be locked or made.
    pub(crate) fn create(world: &Arc<World>, id: &str) -> Result<Folder, Error> {
        let containers = world.home().containers_dir();
        sweep(world, &containers);
        let names = std::iter::once(id.to_owned()).chain((1..).map(|number: u32| format!("{id}-{number}")));
        for path in names.map(|name| containers.join(name)) {
            let Some(name) = try_claim(&lock_of(&path))? else { continue };
            // A container that stays has the name; or what a killed process left under it is for somebody else to remove.
            if record::stays(&path) || world.identity.remove_dir_all(&path).is_err() {
                continue;
            }
            let folder = Folder { path, world: world.clone(), when_dropped: WhenDropped::Remove, name: Some(name) };
            std::fs::create_dir_all(folder.upper()).map_err(Error::io("create", folder.upper()))?;
            return Ok(folder);
        }
        unreachable!("there are more names than folders")
    }

    /// Makes a folder for a container that has a record: its name is its id.
    ///
    /// # Errors
    /// As [`Folder::create`].
    pub(crate) fn create_for_id(world: &Arc<World>) -> Result<(Folder, String), Error> {
        let containers = world.home().containers_dir();
        sweep(world, &containers);
        loop {
            let id = world.clock.new_id();
            let path = containers.join(&id);
            let Some(name) = try_claim(&lock_of(&path))? else { continue };
            if path.exists() {
                continue;
            }
            let folder = Folder { path, world: world.clone(), when_dropped: WhenDropped::Remove, name: Some(name) };
            purpose::note_lock(&lock_of(folder.path()), "alone");
            purpose::note("make", &folder.upper());
            std::fs::create_dir_all(folder.upper()).map_err(Error::io("create", folder.upper()))?;
            return Ok((folder, id));
        }
    }

    /// Takes the folder of a container; `None` while somebody else has it: a monitor, for as long as the container runs.
    ///
    /// # Errors
    /// It can't be locked.
    pub(crate) fn claim(world: &Arc<World>, id: &str) -> Result<Option<Folder>, Error> {
        let path = world.home().containers_dir().join(id);
        let Some(name) = try_claim(&lock_of(&path))? else { return Ok(None) };
        purpose::note_lock(&lock_of(&path), "alone");
        let when_dropped = if record::stays(&path) { WhenDropped::Keep } else { WhenDropped::Remove };
        Ok(Some(Folder { path, world: world.clone(), when_dropped, name: Some(name) }))
    }

    /// Takes the folder of a container by its lock, which is held already: by a process that we come of, or that we were. `None` where
    /// the descriptor is another file's, or another holds the lock.
    ///
    /// # Errors
    /// It can't be locked.
    pub(crate) fn adopt(world: &Arc<World>, id: &str, lock: OwnedFd) -> Result<Option<Folder>, Error> {
        let path = world.home().containers_dir().join(id);
        let Some(name) = Lock::adopt(lock, &lock_of(&path))? else { return Ok(None) };
        Ok(Some(Folder { path, world: world.clone(), when_dropped: WhenDropped::Keep, name: Some(name) }))
    }

    /// Whether nobody works with the container: then none of its processes is left.
    pub(super) fn is_free(path: &Path) -> bool {
        !is_claimed(&lock_of(path))
    }

    /// From now on it stays when nobody works with it.
    ///
    /// # Errors
    /// It can't be written.
    pub(crate) fn keep(&mut self) -> Result<(), Error> {
        record::keep(&self.path)?;
        self.when_dropped = WhenDropped::Keep;
        Ok(())
    }

    /// From now on it goes when nobody works with it.
    pub(crate) fn discard(&mut self) {
        self.when_dropped = WhenDropped::Remove;
    }

    /// Leaves it to another process that has a copy of the lock: nothing is removed, and that other one goes on having it locked.
    pub(crate) fn leave(mut self) {
        self.when_dropped = WhenDropped::Keep;
    }

    /// What has to stay open for it to stay locked.
    pub(super) fn descriptors(&self) -> Vec<RawFd> {
        self.name.iter().map(|name| name.as_fd().as_raw_fd()).collect()
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the container's changes go.
    pub(crate) fn upper(&self) -> PathBuf {
        self.path.join("upper")
    }

    /// Where overlayfs works beside them.
    pub(super) fn overlay(&self) -> PathBuf {
        self.path.join(Sandbox::OVERLAY_WORK)
    }

    /// Where its set-up has its files: beside the changes, as each directory more would take 0.3 ms to make and to remove on ext4.
    pub(crate) fn work(&self) -> PathBuf {
        self.path.clone()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let (Some(name), WhenDropped::Remove) = (self.name.take(), self.when_dropped) {
            remove(&self.world, &self.path, name);
        }
    }
}

/// Removes a folder and gives its name back. What can't be removed now is swept when the next folder is made.
fn remove(world: &World, path: &Path, name: Lock) {
    if world.identity.remove_dir_all(path).is_ok() {
        let _ = name.remove();
    }
}

/// Removes the folders of containers that are dead and do not stay, as far as that is possible: with another identity they may
/// not be ours to remove, and that is not a reason to stop.
///
/// Whether a folder stays is asked first, and again when it is locked: there may be a thousand that do.
fn sweep(world: &World, containers: &Path) {
    for entry in std::fs::read_dir(containers).into_iter().flatten().flatten() {
        let path = match entry.path() {
            path if path.extension().is_some_and(|end| end == LOCK) => path.with_extension(""),
            path if path.is_dir() => path,
            _ => continue,
        };
        if record::stays(&path) {
            continue;
        }
        if let Ok(Some(name)) = try_claim(&lock_of(&path))
            && !record::stays(&path)
        {
            // What was made for a container that was to be removed at its end goes with it.
            if let Ok(Some(container)) = record::read(world.home(), &path)
                && container.when_ended == WhenEnded::Remove
            {
                let _ = going::remove_anonymous(world, &container);
            }
            remove(world, &path, name);
        }
    }
}

/// The ending of a lock's file name; ids have no dot.
const LOCK: &str = "lock";

fn lock_of(folder: &Path) -> PathBuf {
    folder.with_extension(LOCK)
}
