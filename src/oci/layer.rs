//! A layer of an image, with both of its names: that of the blob, and that of the archive in it.

use serde::{Deserialize, Serialize};

use super::{Descriptor, DiffId};

/// A layer: what the manifest says about it, and what the configuration says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// The blob as it is stored, perhaps compressed.
    pub descriptor: Descriptor,
    /// The digest of the uncompressed archive. For a layer that was written here it equals the descriptor's digest.
    pub diff_id: DiffId,
}
