//! A container's folder in the home: where its changes and its set-up's files lie while it lives.
//!
//! `containers/<id>/` with `upper`, `work` and a `lock` that is held as long as the container lives. Whoever makes the next
//! folder removes those whose lock nobody holds: what a killed process left behind.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::Error;
use super::machine::World;
use super::script::Script;
use crate::container::{Access, Mount, MountKind};
use crate::store::{Lock, LockMode, lock, try_lock};

/// A container's folder in the home, removed when it is dropped.
pub struct Folder<'a> {
    path: PathBuf,
    world: World<'a>,
    /// Released when the folder is gone.
    _lock: Lock,
}

impl<'a> Folder<'a> {
    /// Makes a folder that nobody else has. Where time stands still, two builds at once give the same ids: then a number is
    /// put behind the id.
    pub fn create(world: World<'a>, id: &str) -> Result<Folder<'a>, Error> {
        let containers = world.home.containers_dir();
        // Held while a folder is there without its own lock, so that nobody takes it for an abandoned one.
        let _making = lock(&containers.join(".lock"), LockMode::Exclusive)?;
        sweep(world, &containers)?;
        let mut names = std::iter::once(id.to_owned()).chain((1..).map(|number: u32| format!("{id}-{number}")));
        let path = names.find_map(|name| Some(containers.join(name)).filter(|path| !path.exists()));
        let path = path.expect("there are more names than folders");
        for path in [path.join("upper"), path.join("work")] {
            std::fs::create_dir_all(&path).map_err(|source| Error::Io { operation: "create", path, source })?;
        }
        let lock = lock(&path.join("lock"), LockMode::Exclusive)?;
        Ok(Folder { path, world, _lock: lock })
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

impl Folder<'_> {
    /// Removes what is in the folder, from inside of the namespace that owns it. What is left, dropping removes.
    pub fn remove_from_inside(&self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

impl Drop for Folder<'_> {
    fn drop(&mut self) {
        // What can't be removed now is swept when the next folder is made.
        let _ = self.world.identity.remove_dir_all(&self.path);
    }
}

/// Removes the folders of containers that are dead.
fn sweep(world: World<'_>, containers: &Path) -> Result<(), Error> {
    let list = |source| Error::Io { operation: "list", path: containers.to_path_buf(), source };
    for entry in std::fs::read_dir(containers).map_err(list)? {
        let path = entry.map_err(list)?.path();
        if path.is_dir() && try_lock(&path.join("lock"), LockMode::Exclusive)?.is_some() {
            world.identity.remove_dir_all(&path)?;
        }
    }
    Ok(())
}
