//! A container's folder in the home: where its changes and its set-up's files lie.
//!
//! ```text
//! containers/<name>.lock    locked as long as somebody works with the container of that name
//! containers/<name>/        upper: what it changes; beside it the files of its set-up
//!                   state.json   of a container that stays, see `state`
//! ```
//!
//! Whoever holds the lock of a name, and nobody else, makes and removes the folder of that name. So a folder whose lock can be
//! taken, and that has no state which says that it stays, was left behind by a killed process: whoever comes by removes it. And
//! the owner of a folder can remove it in several steps, without another taking the name in between.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Error;
use super::state::{self, State, WhenUnused};
use crate::store::{Home, Lock, try_claim};
use crate::world::World;

/// A container's folder, locked. Dropped, it is removed, unless its state says that it stays.
pub(crate) struct Folder {
    path: PathBuf,
    world: Arc<World>,
    when_dropped: WhenUnused,
    /// `None` only while it is dropped.
    name: Option<Lock>,
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
            if stays(world.home(), &path) || world.identity.remove_dir_all(&path).is_err() {
                continue;
            }
            let folder = Folder { path, world: world.clone(), when_dropped: WhenUnused::Remove, name: Some(name) };
            std::fs::create_dir_all(folder.upper()).map_err(Error::io("create", folder.upper()))?;
            return Ok(folder);
        }
        unreachable!("there are more names than folders")
    }

    /// Writes down what the container is, and with that whether its folder stays when nobody works with it.
    ///
    /// # Errors
    /// It can't be written.
    #[expect(dead_code, reason = "every container is removed at its end so far")]
    pub(crate) fn record(&mut self, state: &State) -> Result<(), Error> {
        state::write(&self.path, state)?;
        self.when_dropped = state.when_unused;
        Ok(())
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the container's changes go.
    pub(crate) fn upper(&self) -> PathBuf {
        self.path.join("upper")
    }

    /// Where its set-up has its files: beside the changes, as each directory more would take 0.3 ms to make and to remove on ext4.
    pub(crate) fn work(&self) -> PathBuf {
        self.path.clone()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let (Some(name), WhenUnused::Remove) = (self.name.take(), self.when_dropped) {
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
fn sweep(world: &World, containers: &Path) {
    for entry in std::fs::read_dir(containers).into_iter().flatten().flatten() {
        let path = match entry.path() {
            path if path.extension().is_some_and(|end| end == LOCK) => path.with_extension(""),
            path if path.is_dir() => path,
            _ => continue,
        };
        if let Ok(Some(name)) = try_claim(&lock_of(&path))
            && !stays(world.home(), &path)
        {
            remove(world, &path, name);
        }
    }
}

/// Whether a folder has to stay. One whose state can't be read does: it may be that of a container with somebody's work in it.
fn stays(home: &Home, path: &Path) -> bool {
    match state::read(home, path) {
        Ok(None) => false,
        Ok(Some(state)) => state.when_unused == WhenUnused::Keep,
        Err(_) => true,
    }
}

/// The ending of a lock's file name; ids have no dot.
const LOCK: &str = "lock";

fn lock_of(folder: &Path) -> PathBuf {
    folder.with_extension(LOCK)
}
