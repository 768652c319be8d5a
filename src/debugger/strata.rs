//! The layers of an image as they lie on one another: what each changes, and what of that is hidden.

use super::error::Error;
use super::inspect::LayerRow;
use crate::layer;
use crate::machine::ChangeKind;
use crate::oci::{History, Layer};
use crate::tree::Change;
use crate::world::World;

/// One layer, and what it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stratum {
    pub(crate) row: LayerRow,
    /// Sorted by path. That only the time of a folder has changed is left out: what is in it says so.
    pub(crate) brought: Vec<Brought>,
}

/// A path that a layer changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Brought {
    /// The names that lead to it.
    pub(crate) names: Vec<String>,
    pub(crate) kind: ChangeKind,
    pub(crate) is_folder: bool,
    /// The number of the next layer above, from 1, that has another file there, or none any more.
    pub(crate) hidden_by: Option<usize>,
}

impl Brought {
    /// Whether it lies in what these names lead to, or is that.
    pub(crate) fn is_in(&self, names: &[String]) -> bool {
        self.names.starts_with(names)
    }
}

/// The layers of an image with what they change, base first.
///
/// # Errors
/// A layer is not there, or damaged.
pub(crate) fn strata<'h>(
    world: &World,
    layers: &[Layer],
    history: impl Iterator<Item = &'h History>,
) -> Result<Vec<Stratum>, Error> {
    let strata = layer::strata(&world.store, layers)?;
    let mut created_by = history.filter(|entry| !entry.empty_layer);
    let stratum = |(layer, brought): (&Layer, Vec<layer::Brought>)| {
        let created_by = created_by.next().and_then(|entry| entry.created_by.clone());
        let told = brought.into_iter().filter(|one| !one.change.is_directory_time());
        Stratum { row: LayerRow { layer: layer.clone(), created_by }, brought: told.map(plain).collect() }
    };
    Ok(layers.iter().zip(strata).map(stratum).collect())
}

fn plain(brought: layer::Brought) -> Brought {
    let layer::Brought { change, hidden_by } = brought;
    let (kind, node) = match &change {
        Change::Added { node, .. } => (ChangeKind::Added, node),
        Change::Modified { after, .. } => (ChangeKind::Modified, after),
        Change::Deleted { node, .. } => (ChangeKind::Deleted, node),
    };
    let names = change.path().components().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    Brought { names, kind, is_folder: node.is_directory(), hidden_by: hidden_by.map(|place| place + 1) }
}
