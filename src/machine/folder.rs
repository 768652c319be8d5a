//! A container's folder in the home: where its changes and its set-up's files lie while it lives.
//!
//! ```text
//! containers/<name>.lock    locked as long as somebody has the name
//! containers/<name>/        upper, work, script
//! ```
//!
//! Whoever holds the lock of a name, and nobody else, makes and removes the folder of that name. So a folder whose lock can be taken
//! was left behind by a killed process, and whoever comes by removes it; and the owner of a folder can remove it in several steps,
//! without another taking the name in between.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Error;
use super::actions::run::script::Script;
use crate::container::{Access, Mount, MountKind};
use crate::store::{Lock, try_claim};
use crate::world::World;

/// A container's folder in the home, removed when it is dropped.
pub struct Folder {
    path: PathBuf,
    world: Arc<World>,
    /// `None` only while it is dropped.
    name: Option<Lock>,
}

impl<'a> Folder {
    /// Makes a folder that nobody else has. Where time stands still, two builds at once give the same ids: then a number is
    /// put behind the id.
    pub fn create(world: &Arc<World>, id: &str) -> Result<Folder, Error> {
        let containers = world.home().containers_dir();
        sweep(world, &containers);
        let names = std::iter::once(id.to_owned()).chain((1..).map(|number: u32| format!("{id}-{number}")));
        for path in names.map(|name| containers.join(name)) {
            let Some(name) = try_claim(&lock_of(&path))? else { continue };
            // What a killed process left under this name, and what somebody else may have to remove.
            if world.identity.remove_dir_all(&path).is_err() {
                continue;
            }
            let folder = Folder { path, world: world.clone(), name: Some(name) };
            for path in [folder.upper(), folder.work()] {
                std::fs::create_dir_all(&path).map_err(|source| Error::Io { operation: "create", path, source })?;
            }
            return Ok(folder);
        }
        unreachable!("there are more names than folders")
    }

    pub fn upper(&self) -> PathBuf {
        self.path.join("upper")
    }

    pub fn work(&self) -> PathBuf {
        self.path.join("work")
    }

    /// Puts a script where the container sees it under its own name.
    pub(super) fn script(&self, script: &Script) -> Result<Mount, Error> {
        let path = self.path.join("script");
        let write = || -> std::io::Result<()> {
            std::fs::write(&path, &script.text)?;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
        };
        write().map_err(|source| Error::Io { operation: "write", path: path.clone(), source })?;
        Ok(Mount { kind: MountKind::Script(path), target: script.path().to_owned(), access: Access::ReadOnly })
    }
}

impl Folder {
    /// Removes what is in the folder, from inside of the namespace that owns it. What is left, dropping removes.
    pub fn remove_from_inside(&self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
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

/// Removes the folders of containers that are dead, as far as that is possible: with another identity they may not be ours to
/// remove, and that is not a reason to stop.
fn sweep(world: &World, containers: &Path) {
    for entry in std::fs::read_dir(containers).into_iter().flatten().flatten() {
        let path = match entry.path() {
            path if path.extension().is_some_and(|end| end == LOCK) => path.with_extension(""),
            path if path.is_dir() => path,
            _ => continue,
        };
        if let Ok(Some(name)) = try_claim(&lock_of(&path)) {
            remove(world, &path, name);
        }
    }
}

/// The ending of a lock's file name; ids have no dot.
const LOCK: &str = "lock";

fn lock_of(folder: &Path) -> PathBuf {
    folder.with_extension(LOCK)
}
