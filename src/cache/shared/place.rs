//! Where a shared cache is.

use std::fmt;
use std::path::PathBuf;

use crate::oci::Reference;

/// A name in a registry, or a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Registry(Reference),
    Folder(PathBuf),
}

/// As people write it.
impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Registry(reference) => formatter.write_str(&reference.familiar()),
            Place::Folder(path) => write!(formatter, "{}", path.display()),
        }
    }
}
