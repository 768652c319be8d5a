//! What the layers of an image weigh, and how much of it later layers overwrite or delete.

use serde::Serialize;

use super::error::Error;
use super::inspect::LayerRow;
use crate::layer;
use crate::oci::{History, Layer};
use crate::world::World;

/// One layer, and what it weighs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct WeighedLayer {
    pub(crate) row: LayerRow,
    /// The bytes of its files.
    pub(crate) files: u64,
    /// How many of these are overwritten or deleted by the layers above it.
    pub(crate) wasted: u64,
}

/// Weighs the layers of an image, base first.
///
/// # Errors
/// A layer is not there, or damaged.
pub(crate) fn weigh<'h>(
    world: &World,
    layers: &[Layer],
    history: impl Iterator<Item = &'h History>,
) -> Result<Vec<WeighedLayer>, Error> {
    let weights = layer::weigh(&world.store, layers)?;
    let mut created_by = history.filter(|entry| !entry.empty_layer);
    let weighed = |(layer, weight): (&Layer, layer::Weight)| WeighedLayer {
        row: LayerRow {
            layer: layer.clone(),
            created_by: created_by.next().and_then(|entry| entry.created_by.clone()),
        },
        files: weight.files,
        wasted: weight.wasted,
    };
    Ok(layers.iter().zip(weights).map(weighed).collect())
}
