//! What is asked of a copy, and what came of it.

use std::ffi::OsString;
use std::path::PathBuf;

/// What is to be copied.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) from: Side,
    pub(crate) to: Side,
    pub(crate) owners: Owners,
    /// Whether a source that is a link is followed.
    pub(crate) links: Links,
}

/// A source or a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// A path of this machine.
    Machine(PathBuf),
    /// A path of a container.
    Container { name: String, path: PathBuf },
    /// Standard input, or standard output: a tar archive.
    Archive,
}

impl Side {
    /// As it is written.
    pub(super) fn shown(&self) -> PathBuf {
        match self {
            Side::Machine(path) => path.clone(),
            Side::Container { name, path } => {
                let mut shown = OsString::from(format!("{name}:"));
                shown.push(path);
                shown.into()
            }
            Side::Archive => PathBuf::from("-"),
        }
    }
}

/// Whose the copies are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owners {
    /// Of the one who copies, or of the container's root.
    New,
    /// As they were, by number.
    Same,
}

/// What becomes of a source that is a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    Copied,
    Followed,
}

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Copied {
    pub(crate) files: u64,
    /// The bytes in them.
    pub(crate) bytes: u64,
    /// Files that were left out: sockets, devices.
    pub(crate) left_out: u64,
}
