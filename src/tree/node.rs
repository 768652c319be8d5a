//! What a tree knows about one file.

use std::fs::File;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;

use super::{Seen, Xattrs};
use crate::oci::Digest;

/// One file of any kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Owner, mode, time, extended attributes.
    pub metadata: Metadata,
    /// What it is.
    pub kind: Kind,
    /// Hard links of one file have the same id; `None` for a file with one name, and for every directory.
    pub link: Option<LinkId>,
}

/// What every kind of file has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Permission bits with set-user-id, set-group-id and sticky: `0o7777`.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// Modification time, seconds since 1970.
    pub mtime: i64,
    /// The part of a second, in nanoseconds.
    pub mtime_nanos: u32,
    /// Extended attributes.
    pub xattrs: Xattrs,
}

/// The kind of a file. The children of a directory are in the tree, not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File(Content),
    /// A symbolic link and its target, which may point anywhere or nowhere.
    Symlink(Vec<u8>),
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
}

/// The bytes of a regular file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// How many bytes.
    pub size: u64,
    /// Where they lie.
    pub place: Place,
}

// ANCHOR: place
/// Where the bytes of a file lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In an uncompressed archive of the store (a blob, or the expanded copy of one), from an offset on.
    Blob {
        /// The digest of the uncompressed archive, which all files in it share.
        blob: Arc<Digest>,
        /// Where the file's first byte is.
        offset: u64,
    },
    /// In a file of the machine that is our own.
    Host(Arc<Path>),
    /// In a file of the machine that somebody else can change, for instance in the build context.
    Seen(Seen),
    /// In memory, for small files that an instruction makes itself.
    Bytes(Arc<[u8]>),
    /// In an open file without a name, from an offset on: what was unpacked from an archive on its way into a layer.
    Spool(Spool),
}
// ANCHOR_END: place

/// An open file without a name, and an offset in it.
#[derive(Debug, Clone)]
pub struct Spool {
    /// The file.
    pub(crate) file: Arc<File>,
    /// Where the first byte is.
    pub(crate) offset: u64,
}

impl PartialEq for Spool {
    /// Whether it is the same place of the same open file.
    fn eq(&self, other: &Spool) -> bool {
        Arc::ptr_eq(&self.file, &other.file) && self.offset == other.offset
    }
}

impl Eq for Spool {}

/// The identity of a file with several names; unique in a tree, without meaning outside it.
///
/// By convention the first number names the source (a device, the beginning of a digest), the second the file in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(u64, NonZeroU64);

impl LinkId {
    /// The id of a file, by the number of its source and its number in there.
    pub fn new(source: u64, file: u64) -> LinkId {
        // Never zero, so that having no id takes no room.
        LinkId(source, NonZeroU64::MIN.saturating_add(file))
    }
}

impl Metadata {
    /// Root's, at time 0, without extended attributes.
    pub(crate) fn root_owned(mode: u32) -> Metadata {
        Metadata { mode, uid: 0, gid: 0, mtime: 0, mtime_nanos: 0, xattrs: Xattrs::default() }
    }
}

impl Node {
    /// A file with one name.
    pub(crate) fn new(metadata: Metadata, kind: Kind) -> Node {
        Node { metadata, kind, link: None }
    }

    /// A directory of root's with the given mode, at time 0.
    pub fn directory(mode: u32) -> Node {
        Node::new(Metadata::root_owned(mode), Kind::Directory)
    }

    /// A regular file of root's whose bytes are in memory, at time 0.
    pub fn file(mode: u32, bytes: impl Into<Arc<[u8]>>) -> Node {
        let bytes = bytes.into();
        let content = Content { size: bytes.len() as u64, place: Place::Bytes(bytes) };
        Node::new(Metadata::root_owned(mode), Kind::File(content))
    }

    /// A symbolic link of root's, at time 0.
    pub fn symlink(target: impl Into<Vec<u8>>) -> Node {
        Node::new(Metadata::root_owned(0o777), Kind::Symlink(target.into()))
    }

    /// Whether it is a directory.
    pub(crate) fn is_directory(&self) -> bool {
        self.kind == Kind::Directory
    }

    /// The bytes' description, when it is a regular file.
    pub fn content(&self) -> Option<&Content> {
        match &self.kind {
            Kind::File(content) => Some(content),
            _ => None,
        }
    }

    /// Whether two nodes are the same file as far as it can be told without reading: hard-link ids are not compared,
    /// and bytes that lie in different places count as different.
    pub(crate) fn same(&self, other: &Node) -> bool {
        self.metadata == other.metadata && self.kind == other.kind
    }
}
