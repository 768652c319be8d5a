//! How far a blob is on its way, as a pull or a push tells whoever watches.

use crate::oci::Digest;

/// How far a layer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It will come.
    Waiting,
    /// It is in the store already.
    Exists,
    /// So many of its bytes have come.
    Downloading { done: u64, total: u64 },
    /// The connection broke, and it goes on after a pause.
    Retrying,
    /// All of it is there, with the right digest.
    Downloaded,
    /// It is being expanded.
    Extracting,
    /// It can be used.
    Complete,
    /// It will be sent.
    Preparing,
    /// It is being compressed, which has to be done before anybody knows its digest: so many of its bytes are.
    Compressing { done: u64, total: u64 },
    /// So many of its bytes were sent.
    Pushing { done: u64, total: u64 },
    /// The registry has it now.
    Pushed,
    /// The registry had it.
    Known,
    /// The registry has taken it from this other repository of its own.
    Mounted { from: String },
}

/// Who is told how far each layer is. Called by several threads.
pub(crate) type Watcher<'w> = &'w (dyn Fn(&Digest, Stage) + Sync);
