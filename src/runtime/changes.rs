//! What a container has changed, as a layer.
//!
//! It lies in the upper directory of the overlay. What the set-up itself had to make there (mount points) is gone again.

use std::sync::Arc;

use super::Error;
use super::folder::Folder;
use super::remover::Remover;
use super::unpacked;
use crate::layer::{self, Capture, LayerWriter};
use crate::oci::Layer;
use crate::tree::{Change, Tree};
use crate::world::World;

/// The changes of a container that has ended. Dropped, they are thrown away.
pub(crate) struct Changes {
    world: Arc<World>,
    folder: Folder,
    form: Form,
}

/// How changes lie on disk.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// As the upper directory of an overlay.
    Upper,
    /// As a whole file system that began as a copy of the one below.
    Copy,
}

impl Changes {
    pub(super) fn new(world: Arc<World>, folder: Folder, form: Form) -> Changes {
        Changes { world, folder, form }
    }

    /// Writes the layer, and gives the changes to the tree below; no layer where nothing has changed. `remover` gets the folder.
    ///
    /// # Errors
    /// A file can't be read, or be in no layer.
    pub(crate) fn write(self, below: &Tree, remover: &Remover) -> Result<(Option<Layer>, Vec<Change>), Error> {
        let captured = self.world.identity.within(|| self.layer(below))??;
        remover.take(self.folder);
        Ok(captured)
    }

    /// The changes to the tree below. They are thrown away.
    ///
    /// # Errors
    /// As [`Changes::write`].
    pub(crate) fn list(self, below: &Tree) -> Result<Vec<Change>, Error> {
        self.world.identity.within(|| self.capture(below, &mut LayerWriter::new(&self.world.store)?))?
    }

    fn layer(&self, below: &Tree) -> Result<(Option<Layer>, Vec<Change>), Error> {
        let mut writer = LayerWriter::new(&self.world.store)?;
        let changes = self.capture(below, &mut writer)?;
        if changes.is_empty() {
            return Ok((None, Vec::new()));
        }
        Ok((Some(writer.finish()?), changes))
    }

    fn capture(&self, below: &Tree, writer: &mut LayerWriter<'_>) -> Result<Vec<Change>, Error> {
        let options = Capture {
            ownership: unpacked::ownership(&self.world.identity),
            marks: unpacked::marks(&self.world.identity),
            clamp_mtime: self.world.clock.epoch(),
        };
        let upper = self.folder.upper();
        Ok(match self.form {
            Form::Upper => layer::capture(&upper, below, writer, options)?,
            Form::Copy => layer::capture_full(&upper, below, writer, options)?,
        })
    }
}
