//! Unpacked layers: a layer becomes a directory when a process has to run on it, once.
//!
//! They lie in `unpacked/` of the home, removable at any time. Who unpacked one decides how owners and whiteouts look on
//! disk, so each kind of [`Identity`] has its own.

use std::path::PathBuf;

use super::Error;
use crate::container::Identity;
use crate::layer::{self, Below, OpaqueName, Ownership, Unpack};
use crate::oci::Layer;
use crate::tree::Tree;
use crate::world::World;

/// What the owners of files on disk mean under an identity.
pub(crate) fn ownership(identity: &Identity) -> Ownership {
    if identity.keeps_owners() { Ownership::Kept } else { Ownership::Single }
}

/// Where an overlay has its marks under an identity.
pub(crate) fn marks(identity: &Identity) -> OpaqueName {
    match identity {
        Identity::Root => OpaqueName::Trusted,
        Identity::Mapped { .. } | Identity::Single => OpaqueName::User,
    }
}

/// The directories of a chain of layers, the top one first, as overlayfs wants them. Unpacks what is not there yet.
///
/// `tree_of` gives the tree above some of the lowest layers, when one is missing above those: a build has most of them at hand.
pub(crate) fn chain<E: From<Error>>(
    world: &World,
    layers: &[Layer],
    tree_of: impl FnOnce(&[Layer]) -> Result<Tree, E>,
) -> Result<Vec<PathBuf>, E> {
    let options = Unpack { ownership: ownership(&world.identity), opaque: marks(&world.identity) };
    // The usual case from the second RUN on, and cheaper than entering a namespace to find out.
    if let Some(lower) = layer::already_unpacked(&world.store, layers, options) {
        return Ok(lower);
    }
    let count = layer::first_missing(&world.store, layers, options);
    let below = Below { count, tree: tree_of(&layers[..count])? };
    let unpacked = world.identity.within(|| layer::unpack_all(&world.store, layers, options, below));
    Ok(unpacked.map_err(Error::from)?.map_err(Error::from)?.lower)
}

/// As [`chain`], where no tree is at hand.
pub(crate) fn chain_of_image(world: &World, layers: &[Layer]) -> Result<Vec<PathBuf>, Error> {
    chain(world, layers, |below| Ok(layer::tree_of(&world.store, below)?))
}
