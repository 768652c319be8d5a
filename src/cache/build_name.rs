//! What a build is called: it has its number only where it was built.

use serde::Serialize;
use std::fmt;

use crate::shown;

/// Which build: one of this home, or one that came with a shared cache.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct BuildName {
    /// Where it was built, it has this number.
    #[serde(rename = "build")]
    pub number: u64,
    /// The cache that it came with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imported_from: Option<String>,
}

/// As people read it; harmless.
impl fmt::Display for BuildName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.imported_from {
            None => write!(formatter, "build {}", self.number),
            Some(place) => write!(formatter, "build {} of {}", self.number, shown::line(place)),
        }
    }
}
