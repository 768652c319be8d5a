//! What a mount hides: files of the image that lie where something else is mounted.

use super::mounted::{Copying, Source, Volume};
use crate::layer;
use crate::oci::Layer;
use crate::runtime::Error;
use crate::tree::{Follow, TreePath};
use crate::world::World;

/// Files of the image behind a mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hidden {
    /// Where the mount is.
    pub(crate) target: String,
    /// The first of what the image has there, by name.
    pub(crate) names: Vec<String>,
    /// How many files that are in all, with those further below.
    pub(crate) files: usize,
}

/// So many are told by name.
const TOLD: usize = 3;

/// Looks for what the mounts of folders of the machine and of memory hide. A volume that was filled shows the image's files, and a file in the
/// place of another is what was asked for.
///
/// # Errors
/// A layer can't be read.
pub(crate) fn hidden(world: &World, layers: &[Layer], volumes: &[Volume]) -> Result<Vec<Hidden>, Error> {
    let hides = |volume: &&Volume| match &volume.source {
        Source::Path { path, .. } => path.is_dir(),
        Source::Memory { .. } => true,
        Source::Named { copying, .. } => *copying == Copying::No,
    };
    let hiding: Vec<&Volume> = volumes.iter().filter(hides).collect();
    if hiding.is_empty() {
        return Ok(Vec::new());
    }
    let tree = layer::tree_of(&world.store, layers)?;
    let mut all = Vec::new();
    for volume in hiding {
        let Ok(path) = tree.resolve(&TreePath::new(&volume.target), Follow::Last) else { continue };
        let names = tree.children(&path).map(|(name, _)| String::from_utf8_lossy(name).into_owned());
        let names: Vec<String> = names.take(TOLD).collect();
        let files = tree.walk(&path).filter(|(_, node)| !node.is_directory()).count();
        if !names.is_empty() && files > 0 {
            all.push(Hidden { target: volume.target.clone(), names, files });
        }
    }
    Ok(all)
}
