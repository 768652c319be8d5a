//! The build cache: a key is a record of named ingredients, not a hash.
//!
//! A step's [`Ingredients`] are everything that its result depends on, each with a name. Their digest is the
//! [`CacheKey`]; the list itself is kept beside the result as a [`Record`]. So comparing two lists explains a miss
//! ([`explain`]), and a prediction is the same look-up without running anything.
//!
//! On disk, below `cache/` of the home:
//!
//! ```text
//! <key>.json             one record: the instruction, its ingredients, its result
//! listings/<digest>      the files that went into a COPY, one per line (see listing.rs)
//! url-<digest>.json      what a URL of ADD had when it was last asked (see downloads.rs)
//! ```
//!
//! What of it goes to other machines, in a registry or in a folder, is in `shared/`.
//!
//! What counts as an ingredient follows BuildKit; the rules are with the instructions, in `machine`. Nothing here knows
//! an instruction. Next: `ingredient.rs`, `state.rs`, `decision.rs`, then `explain.rs`.

pub(crate) mod build_name;
pub(crate) mod builds;
pub(crate) mod change;
pub(crate) mod counterpart;
pub(crate) mod decision;
pub(crate) mod difference;
pub(crate) mod downloads;
pub(crate) mod explain;
pub(crate) mod ingredient;
pub(crate) mod key;
pub(crate) mod listing;
pub(crate) mod origin;
mod pairs;
pub(crate) mod records;
pub(crate) mod shared;
pub(crate) mod state;

pub use build_name::BuildName;
pub(crate) use builds::{Build, BuildStep, Builds, Outcome, Reservation};
pub(crate) use change::Change;
pub(crate) use counterpart::{Counterparts, Sought};
pub(crate) use decision::{BaseImage, Causes, MOST_CAUSES, Moved};
pub use decision::{Decision, MissReason};
pub(crate) use difference::{Attribute, Difference, FileChange, Subject};
pub(crate) use downloads::{Downloaded, Downloads};
pub(crate) use explain::{Side, StepInputs, compare, side_by_side};
pub(crate) use ingredient::{Ingredient, Ingredients, Kind, Setting};
pub(crate) use key::CacheKey;
pub(crate) use listing::{Draft, Entry, EntryKind, Listing};
pub(crate) use origin::{Origin, Roots};
pub(crate) use records::{Record, Records, StepResult};
pub use shared::Caches;
pub(crate) use state::StateId;

use std::path::{Path, PathBuf};

use crate::diagnostic::Explained;
use crate::document::{self, Links};
use crate::errno;
use crate::limits::{Bound, Limit};

/// A record: an instruction and its ingredients.
pub(crate) const RECORD: Limit = Limit::bytes("cache record", "LAYERLAB_MAX_RECORD", 64 << 20);
/// A listing has a line for each file of a COPY: room for some eight million.
pub(crate) const LISTING: Limit = Limit::bytes("file listing", "LAYERLAB_MAX_LISTING", 1 << 30);
/// A past build: some hundred bytes for each step, and its instruction.
pub(crate) const BUILD: Limit = Limit::bytes("record of a build", "LAYERLAB_MAX_BUILD", 256 << 20);

/// Why the cache could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("can't {operation} `{}`: {}", path.display(), errno::describe(source))]
    Io { operation: &'static str, path: PathBuf, source: std::io::Error },
    #[error("`{}` is not a cache record: {source}", path.display())]
    Record { path: PathBuf, source: serde_json::Error },
    #[error("`{}` is not a file listing: line {line} can't be read", path.display())]
    Listing { path: PathBuf, line: usize },
    #[error(transparent)]
    Store(#[from] crate::store::Error),
}

impl Explained for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::Io { source, .. } => errno::hint_at_home(source),
            Error::Store(error) => error.hint(),
            Error::Record { .. } | Error::Listing { .. } => None,
        }
    }
}

/// Reads a file of the cache. What is not there, not a file or too large to be one of ours counts as none: everything in the
/// cache can be recreated.
fn read(path: &Path, bound: Bound) -> Result<Option<Vec<u8>>, Error> {
    match document::read(path, bound, Links::Refuse) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(document::Error::NotRegular { .. } | document::Error::TooLarge { .. }) => Ok(None),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(crate::store::Error::from(error).into()),
    }
}
