//! Why the store can't do what it was asked.

use std::path::{Path, PathBuf};

use crate::diagnostic::Explained;
use crate::document;
use crate::errno;
use crate::oci::{Digest, media_type};

/// Why the store can't do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused an operation on a file.
    #[error("can't {operation} `{}`: {}", path.display(), errno::describe(source))]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// The folder has files in it that are not a store's.
    #[error("`{}` is not empty and is not a layerlab store", path.display())]
    NotAStore {
        /// The folder.
        path: PathBuf,
    },
    /// A folder of the home is a symbolic link.
    #[error("`{}` is a symbolic link, not a folder of the store itself", path.display())]
    LinkedFolder {
        /// The link.
        path: PathBuf,
    },
    /// Neither of the variables that say where the store is has a value.
    #[error("no home for the store: none of `LAYERLAB_HOME`, `XDG_DATA_HOME`, `HOME` is set")]
    NoHome,
    /// A blob that a document refers to is not there.
    #[error("blob {digest} is missing from the store")]
    Missing {
        /// The blob.
        digest: Digest,
    },
    /// A document in the store can't be understood.
    #[error("`{name}` is not a valid {kind}: {reason}")]
    Invalid {
        /// The digest or file name.
        name: String,
        /// What it should be.
        kind: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A file is not a regular one, or larger than a document of its kind may be.
    #[error(transparent)]
    Document(#[from] document::Error),
    /// In the place of a blob is something else than a file.
    #[error("blob {digest} is a {kind}, not a regular file")]
    NotAFile {
        /// The blob.
        digest: Box<Digest>,
        /// What is there instead.
        kind: &'static str,
    },
    /// A descriptor is followed as one kind of document and names another.
    #[error("{digest} is listed as `{media_type}`, which is not an {wanted}")]
    Kind {
        /// The blob.
        digest: Box<Digest>,
        /// The kind that is needed.
        wanted: &'static str,
        /// What the descriptor says.
        media_type: String,
    },
    /// The content of a blob is not what its name says.
    #[error("blob {digest} is damaged: its content has the digest {actual}")]
    Content {
        /// The blob.
        digest: Box<Digest>,
        /// The digest of what is there.
        actual: Box<Digest>,
    },
    /// A descriptor gives another size than the blob has.
    #[error("blob {digest} has {actual} bytes, but its descriptor says {expected}")]
    Size {
        /// The blob.
        digest: Box<Digest>,
        /// The size in the descriptor.
        expected: u64,
        /// The size of the file.
        actual: u64,
    },
    /// No image has the name, the id or the beginning of an id.
    #[error("no image `{name}` in the store")]
    NoImage {
        /// What was asked for.
        name: String,
        /// An image of the same name with another tag.
        other_tag: Option<String>,
    },
    /// More than one image id begins like this.
    #[error("`{prefix}` matches {count} image ids")]
    Ambiguous {
        /// What was asked for.
        prefix: String,
        /// How many.
        count: usize,
    },
    /// An index lists no image for this machine.
    #[error("{digest} has no image for {platform} (it has {available})")]
    Platform {
        /// The index.
        digest: Box<Digest>,
        /// The platform that was wanted.
        platform: String,
        /// The platforms that there are.
        available: String,
    },
    /// Something can't be removed while others may use it.
    #[error("the store is in use by another process")]
    Busy,
    /// Somebody wished that it should stop.
    #[error(transparent)]
    Stopped(#[from] crate::progress::Stopped),
}

impl Error {
    /// Whether the reason is that files can't be written there, by anybody or by this user.
    pub(crate) fn is_read_only(&self) -> bool {
        use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        matches!(self, Error::Io { source, .. } if matches!(source.kind(), PermissionDenied | ReadOnlyFilesystem))
    }

    /// Whether the reason is that the disk, or the user's share of it, is full.
    pub(crate) fn is_full(&self) -> bool {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Error::Io { source, .. } if matches!(source.kind(), QuotaExceeded | StorageFull))
    }

    /// Wraps an I/O error with what was tried on which file: `map_err(Error::io("open", path))`.
    pub(crate) fn io(operation: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Error {
        move |source| Error::Io { operation, path: path.as_ref().to_path_buf(), source }
    }
}

impl Explained for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::Io { source, .. } | Error::Document(document::Error::Io { source, .. }) => {
                errno::hint_at_home(source)
            }
            Error::NotAStore { .. } => Some("choose a new or empty folder with `--home` or LAYERLAB_HOME".to_owned()),
            Error::LinkedFolder { .. } => Some(
                "files of the store are removed without asking: move the whole store, or mount the folder there"
                    .to_owned(),
            ),
            Error::Document(error) => error.hint(),
            Error::Kind { media_type, .. } if media_type.as_str() == self::media_type::CACHE => {
                Some("it is a build cache: `layerlab build --cache-from NAME` uses it".to_owned())
            }
            Error::NotAFile { .. }
            | Error::Missing { .. }
            | Error::Size { .. }
            | Error::Content { .. }
            | Error::Kind { .. } => {
                Some("`layerlab store verify` lists what is damaged; `layerlab rmi` removes an image".to_owned())
            }
            Error::NoImage { other_tag: Some(other), .. } => {
                Some(format!("there is `{other}`: a name without a tag means `latest`"))
            }
            Error::NoImage { .. } => Some(
                "`layerlab images` lists what is there; `layerlab pull NAME` pulls an image from a registry".to_owned(),
            ),
            Error::NoHome
            | Error::Invalid { .. }
            | Error::Ambiguous { .. }
            | Error::Platform { .. }
            | Error::Busy
            | Error::Stopped(_) => None,
        }
    }
}
