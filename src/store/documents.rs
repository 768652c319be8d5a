//! Which documents the store has, and how large each may be: the layout file, the index, and those that are blobs
//! ([`super::reading`]).

use std::path::Path;

use super::Error;
use crate::document::{self, Links};
use crate::limits::{Bound, Limit};
use crate::oci::DocumentKind;

/// The file `oci-layout`, which has some thirty bytes.
pub(crate) const LAYOUT: Limit = Limit::bytes("image layout", "LAYERLAB_MAX_LAYOUT", 64 << 10);
/// `index.json`: room for half a million names.
pub(crate) const INDEX: Limit = Limit::bytes("list of images", "LAYERLAB_MAX_INDEX", 256 << 20);
/// A manifest, or an index that is a blob: what registries accept.
pub const MANIFEST: Limit = Limit::bytes("image manifest", "LAYERLAB_MAX_MANIFEST", 4 << 20);
/// An image configuration, which has a line of history for each instruction.
pub const CONFIG: Limit = Limit::bytes("image configuration", "LAYERLAB_MAX_CONFIG", 8 << 20);

/// How large a blob may be that is a document of this kind.
pub(crate) fn limit(kind: DocumentKind) -> &'static Limit {
    match kind {
        DocumentKind::Index | DocumentKind::Manifest => &MANIFEST,
        DocumentKind::Config => &CONFIG,
    }
}

/// Reads a file of the layout itself, which has no digest.
pub(crate) fn read_file(path: &Path, bound: Bound) -> Result<Vec<u8>, Error> {
    Ok(document::read(path, bound, Links::Refuse)?)
}
