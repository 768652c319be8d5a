//! What a container has changed, as a layer.
//!
//! It lies in the upper directory of the overlay. What the set-up itself had to make there (mount points) is gone again.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use super::Error;
use super::folder::Folder;
use super::remover::Remover;
use super::unpacked;
use crate::layer::{self, Capture, LayerWriter, Nowhere, Ownership, SetIds, Sink};
use crate::oci::Layer;
use crate::tree::{Change, Content, Kind, Place, Tree, TreePath};
use crate::world::World;

/// The changes of a container that has ended. Dropped, they are thrown away.
pub(crate) struct Changes {
    world: Arc<World>,
    folder: Folder,
    laid: Laid,
}

/// How the changes of a container lie on disk, and who made them.
#[derive(Clone, Copy)]
pub(super) struct Laid {
    pub(super) form: Form,
    /// What their owners mean.
    pub(super) ownership: Ownership,
    /// Whether its processes began as root.
    pub(super) as_root: bool,
}

impl Laid {
    fn set_ids(self) -> SetIds {
        match self {
            Laid { ownership: Ownership::Single, as_root: false, .. } => SetIds::LeftOut,
            Laid { .. } => SetIds::Kept,
        }
    }
}

/// What changes are on disk.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// As the upper directory of an overlay.
    Upper,
    /// As a whole file system that began as a copy of the one below.
    Copy,
}

impl Changes {
    pub(super) fn new(world: Arc<World>, folder: Folder, laid: Laid) -> Changes {
        Changes { world, folder, laid }
    }

    /// Writes the layer, and gives the changes to the tree below; no layer where nothing has changed. `remover` gets the folder.
    ///
    /// # Errors
    /// A file can't be read, or be in no layer.
    pub(crate) fn write(self, below: &Tree, remover: &Remover) -> Result<Captured, Error> {
        let captured = self.world.identity.within(|| self.layer(below))??;
        remover.take(self.folder);
        Ok(captured)
    }

    /// The changes to the tree below. They are thrown away.
    ///
    /// # Errors
    /// As [`Changes::write`].
    pub(crate) fn list(self, below: &Tree) -> Result<Vec<Change>, Error> {
        self.world.identity.within(|| list(&self.world, &self.folder.upper(), self.laid, below))?
    }

    fn layer(&self, below: &Tree) -> Result<Captured, Error> {
        let (layer, changes) = write_layer(&self.world, &self.folder.upper(), self.laid, below)?;
        let without_set_ids = match self.laid.set_ids() {
            SetIds::LeftOut => {
                changes.iter().filter(|change| lost_set_ids(change)).map(Change::path).cloned().collect()
            }
            SetIds::Kept => Vec::new(),
        };
        Ok(Captured { layer, changes, without_set_ids })
    }
}

/// What a container has left.
pub(crate) struct Captured {
    /// `None` where nothing has changed.
    pub(crate) layer: Option<Layer>,
    pub(crate) changes: Vec<Change>,
    /// The files that have no set-user-id and set-group-id bits in the layer, and had some.
    pub(crate) without_set_ids: Vec<TreePath>,
}

/// Whether the file that a change comes from has bits that the layer does not have.
fn lost_set_ids(change: &Change) -> bool {
    let (Change::Added { node, .. } | Change::Modified { after: node, .. }) = change else { return false };
    let Kind::File(Content { place: Place::Host(path), .. }) = &node.kind else { return false };
    let had = path.symlink_metadata().map_or(0, |found| found.mode());
    (had & !node.metadata.mode) & (libc::S_ISUID | libc::S_ISGID) != 0
}

/// Writes what lies in an upper directory as a layer; none where nothing has changed. For whoever may read all of it.
pub(super) fn write_layer(
    world: &World,
    upper: &Path,
    laid: Laid,
    below: &Tree,
) -> Result<(Option<Layer>, Vec<Change>), Error> {
    let mut writer = LayerWriter::new(&world.store)?;
    let changes = capture(world, upper, laid, below, &mut writer)?;
    if changes.is_empty() {
        return Ok((None, Vec::new()));
    }
    Ok((Some(writer.finish()?), changes))
}

/// What lies in an upper directory, as changes. For whoever may read all of it.
pub(super) fn list(world: &World, upper: &Path, laid: Laid, below: &Tree) -> Result<Vec<Change>, Error> {
    capture(world, upper, laid, below, &mut LayerWriter::to(Nowhere, &world.store))
}

fn capture<S: Sink>(
    world: &World,
    upper: &Path,
    laid: Laid,
    below: &Tree,
    writer: &mut LayerWriter<'_, S>,
) -> Result<Vec<Change>, Error> {
    let options = Capture {
        ownership: laid.ownership,
        set_ids: laid.set_ids(),
        marks: unpacked::marks(&world.identity),
        clamp_mtime: world.clock.epoch(),
    };
    Ok(match laid.form {
        Form::Upper => layer::capture(upper, below, writer, options)?,
        Form::Copy => layer::capture_full(upper, below, writer, options)?,
    })
}
