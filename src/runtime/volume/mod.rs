//! Volumes: folders and files that containers see beside their layers, and that outlive them.
//!
//! ```text
//! -v  --mount  --tmpfs ──▶ Spec ──▶ Wish ─┐
//! --volumes-from NAME ────────────────────┼─gather─▶ Volume ──establish──▶ there, filled ──mount──▶ the container
//! VOLUME of the image ────────────────────┘          (in the container's record)
//! ```
//!
//! A [`Volume`] is of a folder of the machine, of a folder that is kept under a name in `volumes/` of the home, or of memory.
//!
//! Left out: drivers, folders within a volume, images as mounts, mounts that spread from the machine into a container.
//!
//! Read [`spec`] and [`short`] for what can be written, [`wish`] for what of it can be had, [`gather`] for which mount wins, [`kept`] for what
//! lies in the home, [`fill`] for the image's files in a new volume, [`owners`] for whose they are, [`hidden`] for what a mount hides.

pub(crate) mod fill;
pub(crate) mod gather;
pub(crate) mod going;
pub(crate) mod hidden;
pub(crate) mod kept;
pub mod long;
mod mounted;
mod owners;
pub mod short;
pub mod spec;
pub(crate) mod wish;

pub(crate) use mounted::Volume;

use super::Error;
use crate::store::{Lock, LockMode, lock_patiently};
use crate::world::World;

/// The lock of a volume: whoever fills it, or settles whose its files are, has it alone.
fn lock(world: &World, name: &str) -> Result<Lock, Error> {
    let path = world.home().volumes_dir().join(name).join("lock");
    Ok(lock_patiently(&path, LockMode::Exclusive, world.meter())?)
}

/// A path without `.`, `..`, double and trailing slashes: where it leads as long as nothing is a link. Above the root is the
/// root.
fn clean(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}
