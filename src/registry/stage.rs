//! How far a blob is on its way, as a pull or a push tells whoever watches.

use std::collections::HashMap;

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

/// Layers and how far they are, in the order in which they were first told of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stages {
    all: Vec<(Digest, Stage)>,
    places: HashMap<Digest, usize>,
}

impl Stages {
    /// Notes how far a layer is. Gives how far it was before.
    pub(crate) fn set(&mut self, layer: &Digest, stage: Stage) -> Option<Stage> {
        match self.places.get(layer) {
            Some(place) => Some(std::mem::replace(&mut self.all[*place].1, stage)),
            None => {
                self.places.insert(*layer, self.all.len());
                self.all.push((*layer, stage));
                None
            }
        }
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[(Digest, Stage)] {
        &self.all
    }
}
