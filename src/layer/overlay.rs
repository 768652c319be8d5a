//! The form that overlayfs wants a layer in: under which names it keeps its marks, and which files can be made.
//!
//! Specification: kernel, Documentation/filesystems/overlayfs.rst. The marks are read here where a container has left them
//! ([`super::upper`]). What stands in for overlayfs where the kernel refuses it, `container/copy.rs`, reads them by rules of its own, since it
//! may know no other module: there either name of a mark counts.

use super::Ownership;
use crate::owner;

/// Under which names overlayfs keeps its marks: it reads `user.…` when it is mounted with `userxattr`, as it must be in a
/// user namespace. Attributes of the other kind are then like any others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpaqueName {
    /// `trusted.overlay.…`, for root.
    Trusted,
    /// `user.overlay.…`, for user namespaces.
    User,
}

impl OpaqueName {
    /// The name of the attribute that makes a directory opaque.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            OpaqueName::Trusted => "trusted.overlay.opaque",
            OpaqueName::User => "user.overlay.opaque",
        }
    }

    /// What the names of all its attributes begin with.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            OpaqueName::Trusted => "trusted.overlay.",
            OpaqueName::User => "user.overlay.",
        }
    }
}

/// How to unpack.
#[derive(Debug, Clone, Copy)]
pub struct Unpack {
    /// Whether owners can be set.
    pub ownership: Ownership,
    /// How to mark opaque directories.
    pub opaque: OpaqueName,
}

/// Whether an extended attribute is one by which overlayfs keeps its own state, or this program. No layer has such a one.
pub(super) fn is_overlay_attribute(name: &[u8]) -> bool {
    let prefixes = [b"trusted.overlay.".as_slice(), b"user.overlay.", owner::PREFIX.as_bytes()];
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}
