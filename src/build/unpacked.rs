//! Unpacked layers: a layer becomes a directory when a process has to run on it, once.
//!
//! `unpacked/<diff_id>` of the home, removable at any time. Who unpacked it decides how owners and whiteouts look on disk, so each
//! kind of [`Identity`] has its own: `<diff_id>`, `<diff_id>.mapped`, `<diff_id>.single`.

use std::path::PathBuf;

use super::Error;
use super::machine::World;
use crate::container::Identity;
use crate::layer::{self, Layer, Ownership};

/// What the owners of files on disk mean under an identity.
pub fn ownership(identity: &Identity) -> Ownership {
    if identity.keeps_owners() { Ownership::Kept } else { Ownership::Single }
}

/// The directory of one layer, unpacked if it is not yet.
pub fn directory(world: &World<'_>, layer: &Layer) -> Result<PathBuf, Error> {
    let suffix = match world.identity {
        Identity::Root => "",
        Identity::Mapped { .. } => ".mapped",
        Identity::Single { .. } => ".single",
    };
    let mut path = world.home.unpacked(&layer.diff_id).into_os_string();
    path.push(suffix);
    let path = PathBuf::from(path);
    if !path.is_dir() {
        let ownership = ownership(world.identity);
        let result: Result<(), String> = world.identity.within(|| {
            layer::unpack(world.store, layer, &path, ownership).map(|_| ()).map_err(|error| error.to_string())
        })?;
        result.map_err(|message| Error::Argument { message, hint: None })?;
    }
    Ok(path)
}

/// The directories of a chain of layers, the top one first, as overlayfs wants them.
pub fn chain(world: &World<'_>, layers: &[Layer]) -> Result<Vec<PathBuf>, Error> {
    layers.iter().rev().map(|layer| directory(world, layer)).collect()
}
