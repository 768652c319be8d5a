//! One entry of an archive, as data: nothing of it is cleaned or checked against others yet.

use super::sparse;
use crate::tree::Metadata;

/// One entry of an archive, as it is written there.
#[derive(Debug, Clone)]
pub(crate) struct RawEntry {
    /// The name, not cleaned.
    pub(crate) name: Vec<u8>,
    /// What it is.
    pub(crate) kind: RawKind,
    /// Owner, mode, time, extended attributes.
    pub(crate) metadata: Metadata,
    /// Where the stored bytes begin in the uncompressed archive.
    pub(crate) offset: u64,
    /// How many bytes are stored.
    pub(crate) stored: u64,
}

/// The kind of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RawKind {
    /// A directory.
    Directory,
    /// A regular file; its bytes are stored as they are.
    File,
    /// A regular file of which only the parts that are not zero are stored.
    Sparse(sparse::Map),
    /// Another name of a file; the target is a name in the archive.
    HardLink(Vec<u8>),
    /// A symbolic link.
    Symlink(Vec<u8>),
    /// A character device.
    CharDevice(u32, u32),
    /// A block device.
    BlockDevice(u32, u32),
    /// A named pipe.
    Fifo,
}
