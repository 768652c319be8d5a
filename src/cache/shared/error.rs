//! Why a shared cache can't be read or written.

use std::path::PathBuf;

use crate::diagnostic::Explained;
use crate::limits::Bound;
use crate::oci::Digest;
use crate::{document, errno, layer, registry, store};

/// Why a shared cache can't be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// What is there is something else.
    #[error("{0}")]
    NotACache(String),
    /// There is something else where one is to be written.
    #[error("`{}` can't hold a cache: {reason}", path.display())]
    Occupied { path: PathBuf, reason: String },
    /// There is nothing.
    #[error("there is no cache in `{}`", path.display())]
    Nothing { path: PathBuf },
    /// Its document has too much in it.
    #[error("its document takes more than {} bytes of memory, the limit for a {}", bound.most, bound.what)]
    TooMuch { bound: Bound },
    /// It lists a blob that is not there.
    #[error("`{}` lists {digest} but does not have it", path.display())]
    NoBlob { path: PathBuf, digest: Digest },
    #[error("can't {operation} `{}`: {}", path.display(), errno::describe(source))]
    Io { operation: &'static str, path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Registry(#[from] registry::Error),
    #[error(transparent)]
    Layer(#[from] layer::Error),
    #[error(transparent)]
    Document(#[from] document::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Cache(#[from] crate::cache::Error),
}

impl Explained for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::NotACache(_) => Some("`layerlab build --cache-to` writes one".to_owned()),
            Error::Occupied { .. } => Some("name a folder that is new or empty, or has a cache".to_owned()),
            Error::Nothing { .. } => Some("`layerlab build --cache-to type=local,dest=FOLDER` makes one".to_owned()),
            Error::Io { source, .. } => errno::hint(source),
            Error::Registry(error) => error.hint(),
            Error::Layer(error) => error.hint(),
            Error::Document(error) => error.hint(),
            Error::Store(error) => error.hint(),
            Error::TooMuch { bound } => {
                Some(format!("set {} to a larger number of bytes to raise the limit", bound.variable))
            }
            Error::NoBlob { .. } => None,
            Error::Cache(error) => error.hint(),
        }
    }
}
