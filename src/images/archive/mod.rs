//! Images in an archive: what `docker save`, `podman save` and `skopeo copy` write, and this program's own `save`.
//!
//! The form is recognised by what is inside, never by a name:
//!
//! | form | has | of |
//! |---|---|---|
//! | OCI layout, as a tar archive or a folder | `oci-layout`, `index.json`, `blobs/` | OCI image specification, image-layout.md; Docker 25 and later |
//! | docker archive | `manifest.json`, and what it names | Docker 1.10 and later, Podman, skopeo |
//! | the docker archive before that | `repositories`, `ID/json`, `ID/layer.tar` | Docker image specification v1 |
//!
//! An archive is read once, as a stream: nobody knows before its end which of its files are needed. So each file waits in the
//! store's staging folder under its digest (`contents`), the documents are understood (`layout`, `docker`, `legacy`), and only
//! what an image needs is moved into the store. A name in an archive is looked up among its entries and nowhere else.
//!
//! Every digest is compared, every layer is read to its end, and nothing gets a name before all of the archive is known to be good.
//!
//! Left out: signatures and other artifacts that are not images.
//!
//! Read [`load`](mod@load) next, and [`save`](mod@save) for the way out; [`location`](mod@location) has the names that skopeo and Podman give to all of them.

mod add;
mod choice;
mod contents;
mod docker;
mod file;
mod layout;
mod legacy;
pub(crate) mod load;
mod loaded;
mod location;
pub(crate) mod recognise;
pub(crate) mod save;
mod tarball;

use std::path::{Path, PathBuf};

pub(crate) use file::write_whole;
pub(crate) use load::{Input, load, take};
pub(crate) use loaded::prove;
pub(crate) use location::{Location, put};
pub(crate) use save::{Format, save};

use crate::diagnostic::Explained;
use crate::errno;
use crate::limits::Limit;
use crate::{document, layer, oci, store};

/// `manifest.json` and `repositories`: a line for each image and layer.
const LIST: Limit = Limit::bytes("list of an archive's images", "LAYERLAB_MAX_ARCHIVE_LIST", 16 << 20);

/// Why an archive of images can't be loaded or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is something else.
    #[error("`{archive}` is not an archive of images: {reason}")]
    NotImages {
        /// Its name.
        archive: String,
        /// What it has, or lacks.
        reason: String,
    },
    /// A document in it can't be used.
    #[error("`{archive}`: `{member}`: {reason}")]
    Invalid {
        /// Its name.
        archive: String,
        /// The file in it.
        member: String,
        /// What is wrong.
        reason: String,
    },
    /// A document names a file that is not there.
    #[error("`{archive}`: `{member}` is missing, but {by} needs it")]
    Missing {
        /// Its name.
        archive: String,
        /// The file that is not there.
        member: String,
        /// What needs it.
        by: String,
    },
    /// The image that is asked for is not in it.
    #[error("`{archive}` has no image `{wanted}`; it has {available}")]
    NoImage {
        /// Its name.
        archive: String,
        /// The tag or the name.
        wanted: String,
        /// What there is.
        available: String,
    },
    /// The images in it are for other machines.
    #[error("`{archive}` has no image for {platform} (it has {available})")]
    Platform {
        /// Its name.
        archive: String,
        /// What was wanted.
        platform: oci::Platform,
        /// What there is.
        available: String,
    },
    /// There is something under the name that would be overwritten.
    #[error("`{}` already exists", path.display())]
    Exists {
        /// The name.
        path: PathBuf,
    },
    /// The archive can't be opened or written.
    #[error("can't {operation} `{}`: {}", path.display(), errno::describe(source))]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// A document is too large, or not a file.
    #[error(transparent)]
    Document(#[from] document::Error),
    /// The archive, or a layer in it, can't be read.
    #[error(transparent)]
    Layer(#[from] layer::Error),
    /// The store can't be written or read.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    /// Wraps an I/O error with what was tried on which file.
    fn io(operation: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Error {
        move |source| Error::Io { operation, path: path.as_ref().to_owned(), source }
    }

    /// Tells of a file that is not the store's, though the store's functions wrote it: by the name that the user has given, and not
    /// by the temporary one.
    fn outside(path: &Path) -> impl Fn(store::Error) -> Error {
        move |error| match error {
            store::Error::Io { operation, source, .. } => Error::Io { operation, path: path.to_owned(), source },
            error => error.into(),
        }
    }
}

impl Explained for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::NotImages { .. } => Some(
                "`layerlab load` takes what `docker save` or `skopeo copy` writes; `layerlab import FILE NAME` creates an image from a root file system"
                    .to_owned(),
            ),
            Error::Missing { .. } => Some("the archive is not complete: save it again".to_owned()),
            Error::Platform { .. } => Some("save the image for this machine's platform".to_owned()),
            Error::Exists { .. } => Some("choose another name, or remove the existing one".to_owned()),
            Error::Document(error) => error.hint(),
            Error::Layer(error) => error.hint(),
            Error::Store(error) => error.hint(),
            Error::Io { source, .. } => errno::hint(source),
            Error::Invalid { .. } | Error::NoImage { .. } => None,
        }
    }
}
