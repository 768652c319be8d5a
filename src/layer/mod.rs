//! Layers: tar archives that are written, indexed, unpacked, and captured from what a process changed.
//!
//! Specification: OCI image specification, layer.md; POSIX pax(1) for the archive; the kernel's overlayfs.rst for the
//! form of deletions on disk.
//!
//! | file | direction |
//! |---|---|
//! | [`write`](mod@write), `ustar` | nodes of a tree → archive in the store |
//! | [`read`], `entry`, `header` | archive → its entries, headers only |
//! | [`merge`] | entries over a lower tree → the tree above it, and what the layer itself adds |
//! | `stack` | the layers of an image → its tree, within bounds on all of them together |
//! | [`content`] | place of a file's bytes → a reader |
//! | [`names`] | which names are files, which are deletions, and which cannot be in a layer |
//! | [`limits`] | how much an archive may ask for |
//! | [`decompress`](mod@decompress) | gzip, bzip2, xz, zstd → bytes |
//! | `compress` | bytes → gzip, for registries |
//! | `expand` | compressed layers and sparse files → bytes in place |
//! | [`unpack`](mod@unpack), `materialise`, `overlay` | layer → a directory for overlayfs |
//! | [`capture`](mod@capture), `upper` | a directory of overlayfs after a process ran → archive |
//! | [`archive`] | an archive of the build context, compressed or not → its entries (`ADD`) |
//!
//! A deletion has two forms. In an archive it is an empty file `.wh.NAME` (one name) or `.wh..wh..opq` (everything that
//! lower layers have in the directory). For overlayfs it is a character device 0:0, or an extended attribute.
//!
//! Left out: compressed layers in the store. Layers that others compressed are expanded once.

pub mod archive;
pub mod capture;
pub(crate) mod compress;
pub(crate) mod content;
pub mod decompress;
pub(crate) mod entry;
pub(crate) mod expand;
mod header;
pub mod limits;
mod materialise;
pub(crate) mod merge;
pub(crate) mod names;
mod overlay;
pub(crate) mod pack;
mod pax;
pub(crate) mod read;
mod sink;
mod source;
mod sparse;
mod stack;
mod strata;
pub mod unpack;
mod upper;
mod ustar;
mod weigh;
pub(crate) mod write;

use std::path::{Path, PathBuf};

pub use capture::{capture, capture_full};
pub(crate) use content::Opener;
pub use content::{digest_of, open};
pub use decompress::decompress;
pub(crate) use limits::Exceeded;
pub use limits::Limits;
pub(crate) use merge::{Delta, apply, delta};
pub(crate) use names::EntryPath;
use names::is_mark_by_name;
pub use overlay::{OpaqueName, Unpack};
pub use sink::Sink;
pub(crate) use sink::{Nowhere, Stream};
pub(crate) use source::{Source, StreamSource};
pub use stack::tree_of;
pub(crate) use stack::{Stack, check_count};
pub(crate) use strata::{Brought, strata};
pub use unpack::{Below, MOST_LOWER, already_unpacked, first_missing, unpack, unpack_all};
pub(crate) use unpack::{make_files, make_files_in};
pub use upper::{Capture, SetIds};
pub(crate) use weigh::{Weight, weigh};
pub use write::{LayerWriter, Times};

use crate::diagnostic::Explained;
use crate::errno;
use crate::oci::DiffId;
use crate::progress::Stopped;
use crate::seen;
use crate::store;
use crate::tree::{self, TreePath};

/// What an owner on disk means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ownership {
    /// Numbers on disk are numbers in the image: the process is root, or has its own range of mapped ids.
    Kept,
    /// Only one id exists, so numbers on disk mean nothing: a file that the lower layers have keeps the owner that it
    /// has there, any other has the one that is written beside it.
    Single,
}

/// Why a layer can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The kernel refused an operation on a file outside the store.
    #[error("can't {operation} `{}`: {}", path.display(), errno::describe(source))]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// The bytes of a file in a tree can't be read, or not be written to the layer.
    #[error("can't copy the content of `{path}`: {}", errno::describe(source))]
    Content {
        /// The path in the image.
        path: TreePath,
        /// Why not.
        source: std::io::Error,
    },
    /// A file of the machine can't be read, or is not any more what was found.
    #[error(transparent)]
    Seen(#[from] seen::Error),
    /// A file has fewer or more bytes than when it was listed.
    #[error("`{path}` changed while it was read: it had {expected} bytes, now {actual}")]
    Changed {
        /// The path in the image.
        path: TreePath,
        /// The size in the tree.
        expected: u64,
        /// How many bytes there are now, or "more".
        actual: String,
    },
    /// The archive is broken.
    #[error("`{name}` is not a readable tar archive: {reason}")]
    Archive {
        /// The blob's digest or the file.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The kernel refused to read the archive.
    #[error("can't {operation} `{name}`: {}", errno::describe(source))]
    Unreadable {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The blob's digest or the file.
        name: String,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// One entry of an archive can't be used.
    #[error("entry `{}`: {reason}", shortened(path))]
    Entry {
        /// The entry's name.
        path: TreePath,
        /// What is wrong with it.
        reason: String,
    },
    /// The archive asks for more than it may.
    #[error("`{name}`: {exceeded}")]
    Limit {
        /// The blob's digest, the file, or the path in the image at which it was noticed.
        name: String,
        /// The bound.
        exceeded: Exceeded,
    },
    /// A file would be a deletion, by its name or as what it is.
    #[error(
        "`{}` can't be in a layer: {} for deleted files there",
        shortened(path),
        if is_mark_by_name(path) { "names that begin with `.wh.` stand" } else { "character devices 0:0 stand" }
    )]
    Reserved {
        /// The path in the image.
        path: TreePath,
    },
    /// A node can't be written to an archive.
    #[error("`{}` can't be stored in a tar archive: {reason}", shortened(path))]
    Unwritable {
        /// The path in the image.
        path: TreePath,
        /// Why not.
        reason: String,
    },
    /// The uncompressed bytes are not those that the configuration lists.
    #[error("layer {blob} has diff id {actual}, but the image's configuration lists {expected}")]
    DiffId {
        /// The blob.
        blob: String,
        /// In the configuration.
        expected: Box<DiffId>,
        /// What the bytes say.
        actual: Box<DiffId>,
    },
    /// Somebody wished that it should stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// A path can't be followed.
    #[error(transparent)]
    Tree(#[from] tree::Error),
}

impl Error {
    /// Wraps an I/O error with what was tried on which file.
    pub(crate) fn io(operation: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Error {
        move |source| Error::Io { operation, path: path.as_ref().to_path_buf(), source }
    }

    /// An archive that can't be read to its end, or goes beyond a limit.
    pub(crate) fn unreadable(name: &str, error: std::io::Error) -> Error {
        let name = name.to_string();
        match (Exceeded::within(&error), error.raw_os_error()) {
            (Some(exceeded), _) => Error::Limit { name, exceeded },
            // Not the archive's fault.
            (None, Some(_)) => Error::Unreadable { operation: "read", name, source: error },
            (None, None) => Error::Archive { name, reason: error.to_string() },
        }
    }
}

impl Explained for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::Store(error) => error.hint(),
            // All that is read and written outside of blobs is a folder of the home.
            Error::Io { source, .. } => errno::hint_at_home(source),
            Error::Limit { exceeded, .. } => Some(exceeded.hint()),
            Error::Content { source, .. } => match Exceeded::within(source) {
                Some(exceeded) => Some(exceeded.hint()),
                // Only the layer is written, and that lies in the home.
                None => errno::hint_if_home_is_full(source),
            },
            Error::Unreadable { source, .. } => errno::hint(source),
            Error::Reserved { .. } => Some("give the file another name, or leave it out".to_string()),
            Error::Seen(_)
            | Error::Changed { .. }
            | Error::Archive { .. }
            | Error::Entry { .. }
            | Error::Unwritable { .. }
            | Error::DiffId { .. }
            | Error::Stopped(_)
            | Error::Tree(_) => None,
        }
    }
}

/// A path for a message: where it is too long to be read, its beginning and its end.
fn shortened(path: &TreePath) -> String {
    const LONGEST: usize = 200;
    let text = path.to_string();
    let length = text.chars().count();
    if length <= LONGEST {
        return text;
    }
    let part = |skip, take| text.chars().skip(skip).take(take).collect::<String>();
    format!("{}…{}", part(0, LONGEST / 2), part(length - LONGEST / 4, LONGEST / 4))
}
