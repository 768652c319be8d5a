//! Unpacked layers: a layer becomes a directory when a process has to run on it, once.
//!
//! They lie in `unpacked/` of the home, removable at any time. Who unpacked one decides how owners and whiteouts look on
//! disk, so each kind of [`Identity`] has its own.

use std::path::PathBuf;

use super::Error;
use super::machine::World;
use crate::container::Identity;
use crate::layer::{self, Layer, OpaqueName, Ownership, Unpack};

/// What the owners of files on disk mean under an identity.
pub fn ownership(identity: &Identity) -> Ownership {
    if identity.keeps_owners() { Ownership::Kept } else { Ownership::Single }
}

/// The directories of a chain of layers, the top one first, as overlayfs wants them. Unpacks what is not there yet.
pub fn chain(world: &World<'_>, layers: &[Layer]) -> Result<Vec<PathBuf>, Error> {
    let opaque = match world.identity {
        Identity::Root => OpaqueName::Trusted,
        Identity::Mapped { .. } | Identity::Single => OpaqueName::User,
    };
    let options = Unpack { ownership: ownership(world.identity), opaque };
    // The usual case from the second RUN on, and cheaper than entering a namespace to find out.
    if let Some(lower) = layer::already_unpacked(world.store, layers, options) {
        return Ok(lower);
    }
    world.within(|| Ok(layer::unpack_all(world.store, layers, options)?.lower))
}
