//! Identities of states: what a step starts from.
//!
//! A key says what a result *depends on*; an identity says what a state *is*: the state before it, and what was added. Most
//! steps depend on everything below them, and a layer of `COPY --link` on nothing below it, but the file system after it
//! contains both. So key and identity are two types, and only a [`StateId`] can be an ingredient of a later step.
//!
//! An identity includes the layer, not only the key that led to it: a step that runs again with equal inputs may leave
//! other files (`RUN date > /built`), and what was made from the first ones is not what would be made from these.

use serde::{Deserialize, Serialize};

use super::key::CacheKey;
use crate::oci::{DiffId, Digest};

/// What a file system is: an image's layers, or a file system with one step's layer on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct StateId(Digest);

/// What is hashed. Its variants are tagged, so that none can be taken for another.
#[derive(Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Identity<'a> {
    Image { layers: &'a str, platform: &'a str, stands_in_for: Option<&'a str> },
    Step { parent: StateId, key: CacheKey, layer: Option<DiffId> },
    Foreseen { parent: StateId, key: CacheKey },
}

impl StateId {
    fn of(identity: &Identity<'_>) -> StateId {
        StateId(Digest::of(&serde_json::to_vec(identity).expect("identities are plain data")))
    }

    /// An image's file system. `layers` is their chain ID, or `scratch`.
    pub(crate) fn image(layers: &str, platform: &str, stands_in_for: Option<&str>) -> StateId {
        StateId::of(&Identity::Image { layers, platform, stands_in_for })
    }

    // ANCHOR: state-id
    /// This file system after a step; `None` where the step changed no file.
    pub(crate) fn after(self, key: CacheKey, layer: Option<DiffId>) -> StateId {
        StateId::of(&Identity::Step { parent: self, key, layer })
    }
    // ANCHOR_END: state-id

    /// This file system after a step that did not run yet. No record names it.
    pub(crate) fn foreseen(self, key: CacheKey) -> StateId {
        StateId::of(&Identity::Foreseen { parent: self, key })
    }

    /// The first twelve hexadecimal digits: enough for a person.
    pub(crate) fn short(&self) -> String {
        self.0.short()
    }
}
