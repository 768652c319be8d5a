//! By which digests registries have the images of the list: `docker.io/library/alpine@sha256:…`.
//!
//! A name with a digest always means the same there. Here it means the image that came from there by it, or went there: the registry may have that with
//! compressed layers and so by another digest than the store. The index keeps such names in its own annotations:
//!
//! ```json
//! "annotations": { "org.layerlab.registry/docker.io/library/alpine@sha256:<there>": "sha256:<here>" }
//! ```
//!
//! A name goes with the last entry of its image, and with the last tag that the image has of its repository when that is removed.

use std::collections::{BTreeMap, HashSet};

use super::{Error, Store};
use crate::oci::{Digest, Index, Reference};

/// What the key of such an annotation begins with.
const PREFIX: &str = "org.layerlab.registry/";

/// Names with digests, each with the digest of what it means in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RepositoryDigests(BTreeMap<Reference, Digest>);

impl RepositoryDigests {
    /// Those of an index. What is not understood is passed over.
    pub(super) fn of(annotations: &BTreeMap<String, String>) -> RepositoryDigests {
        let read = |(key, value): (&String, &String)| {
            let name = Reference::parse_normalized(key.strip_prefix(PREFIX)?).ok().filter(Reference::has_digest)?;
            Some((name, value.parse().ok()?))
        };
        RepositoryDigests(annotations.iter().filter_map(read).collect())
    }

    /// The names of an image, by the digest of its manifest in the store.
    pub(crate) fn names(&self, here: &Digest) -> impl Iterator<Item = &Reference> {
        self.0.iter().filter(move |(_, digest)| *digest == here).map(|(name, _)| name)
    }

    /// What a name with a digest means in the store. It is found by the digest alone, as every name with one.
    pub(crate) fn find(&self, name: &Reference) -> Option<Digest> {
        let there = name.digest()?;
        self.0.iter().find(|(name, _)| name.digest() == Some(there)).map(|(_, here)| *here)
    }

    /// The very name.
    pub(crate) fn get(&self, name: &Reference) -> Option<Digest> {
        self.0.get(&name.without_tag()).copied()
    }
}

impl Store {
    /// Notes by which digest the repository of a name has an image of the store. Atomic and idempotent; of an image that is not listed nothing is kept.
    ///
    /// # Errors
    /// As [`Store::tag`].
    pub(crate) fn note_in_registry(&self, name: &Reference, there: Digest, here: &Digest) -> Result<(), Error> {
        self.change_index(|index| note(index, name, there, here)).map(|_| ())
    }
}

/// As [`Store::note_in_registry`], in an index; says whether it changed.
pub(super) fn note(index: &mut Index, name: &Reference, there: Digest, here: &Digest) -> bool {
    let (key, value) = (key(&name.with_digest(there)), here.to_string());
    index.annotations.insert(key, value.clone()) != Some(value)
}

/// Forgets a name; says whether it was there.
pub(super) fn forget(index: &mut Index, name: &Reference) -> bool {
    index.annotations.remove(&key(name)).is_some()
}

/// Forgets the names of what is not listed.
pub(super) fn tidy(index: &mut Index) {
    let listed: HashSet<String> = index.manifests.iter().map(|entry| entry.digest.to_string()).collect();
    index.annotations.retain(|key, value| !key.starts_with(PREFIX) || listed.contains(value));
}

fn key(name: &Reference) -> String {
    format!("{PREFIX}{}", name.without_tag())
}
