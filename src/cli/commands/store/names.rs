//! What the files of the store are called.

use crate::store::Sort;

/// What files of a sort are called, in the plural.
pub(super) fn name(sort: Sort) -> &'static str {
    match sort {
        Sort::Blob => "blobs",
        Sort::Expanded => "uncompressed copies of layers",
        Sort::Proof => "proofs of layers",
        Sort::Unpacked => "unpacked copies of layers",
        Sort::UnpackedChain => "unpacked copies of layers that depend on those below",
    }
}
