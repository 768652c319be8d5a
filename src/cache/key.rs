//! Keys: what a step's result is looked up by.

use serde::{Deserialize, Serialize};
use std::fmt;

use crate::oci::Digest;

/// The digest of a step's ingredients. It names the record; it says nothing of the step's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CacheKey(pub(crate) Digest);

impl CacheKey {
    /// The first twelve hexadecimal digits: enough for a person.
    pub(crate) fn short(&self) -> String {
        self.0.short()
    }
}

impl fmt::Display for CacheKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}
