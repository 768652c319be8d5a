//! One file in the upper directory of an overlay: a deletion, or a file as it would be in a layer.
//!
//! Overlayfs keeps its marks in extended attributes and in the kinds of files; see its documentation in the kernel, overlayfs.rst.
//! What is done with them is the matter of `capture.rs`.

use std::fs::Metadata as HostMetadata;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use super::overlay::is_overlay_attribute;
use super::{Error, OpaqueName, Ownership, Times};
use crate::owner::{self, Written};
use crate::tree::{Content, Kind, LinkId, Metadata, Node, Place, Tree, TreePath, Xattrs};

/// What becomes of set-user-id and set-group-id bits of files that are new or were changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetIds {
    Kept,
    /// They are left out. Where only one id exists, a process that began as another user than root may set them on anybody's file:
    /// whoever executes that as root, or with more ids, would honour them.
    LeftOut,
}

/// How to capture.
#[derive(Debug, Clone, Copy)]
pub struct Capture {
    /// What owners on disk mean.
    pub ownership: Ownership,
    /// What set-user-id bits mean.
    pub set_ids: SetIds,
    /// Where the overlay has its marks.
    pub marks: OpaqueName,
    /// Later times become this one, in seconds since 1970 (`SOURCE_DATE_EPOCH`).
    pub clamp_mtime: Option<i64>,
}

/// The set-user-id and set-group-id bits.
const SET_IDS: u32 = libc::S_ISUID | libc::S_ISGID;

/// Whether what the tree has in a directory shows through.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Below {
    Merged,
    Hidden,
}

/// How files of an upper directory are read.
pub(super) struct Upper<'a> {
    /// The tree below it.
    pub(super) parent: &'a Tree,
    pub(super) options: Capture,
    /// How the walk starts: [`Below::Hidden`] where there was no overlay, and so no marks of one.
    pub(super) start: Below,
    /// Who makes new files, where only one id exists.
    pub(super) maker: (u32, u32),
    /// How exactly times are written.
    pub(super) precision: Times,
}

/// Who made the files of an upper directory. That its processes began as root needs no writing.
pub(super) fn maker(root: &Path) -> (u32, u32) {
    let written = xattr::get(root, owner::MAKER).ok().flatten();
    written.and_then(|value| owner::parse(&value)).unwrap_or((0, 0))
}

impl Upper<'_> {
    /// A file as it would be in the layer.
    ///
    /// # Errors
    /// For what can't be read, and for what only other overlays make.
    pub(super) fn node(&self, host: &Path, path: &TreePath, metadata: &HostMetadata) -> Result<Node, Error> {
        let file_type = metadata.file_type();
        let kind = if file_type.is_dir() {
            Kind::Directory
        } else if file_type.is_symlink() {
            let target = std::fs::read_link(host).map_err(Error::io("read the link", host))?;
            Kind::Symlink(target.into_os_string().into_vec())
        } else if file_type.is_file() {
            Kind::File(Content { size: metadata.len(), place: Place::Host(Arc::from(host)) })
        } else if file_type.is_fifo() {
            Kind::Fifo
        } else {
            let (major, minor) = device(metadata.rdev());
            if file_type.is_char_device() {
                Kind::CharDevice { major, minor }
            } else {
                Kind::BlockDevice { major, minor }
            }
        };
        let (uid, gid) = match self.options.ownership {
            Ownership::Kept => (metadata.uid(), metadata.gid()),
            Ownership::Single => match (self.written_owner(host, metadata)?, self.parent.get(path)) {
                (Some(owner), _) => owner,
                (None, Some(before)) if self.start == Below::Hidden || self.is_copy(host, &kind, &before.kind)? => {
                    (before.metadata.uid, before.metadata.gid)
                }
                (None, _) => self.maker,
            },
        };
        let xattrs = self.attributes(host, metadata)?;
        let link = link_of(metadata);
        let nanos = u32::try_from(metadata.mtime_nsec()).unwrap_or(0);
        let mut mode = metadata.mode() & 0o7777;
        if self.options.set_ids == SetIds::LeftOut && matches!(kind, Kind::File(_)) {
            let had = |before: &Node| before.metadata.mode & SET_IDS == mode & SET_IDS;
            let is_same = |before: &Node| (before.metadata.uid, before.metadata.gid) == (uid, gid) && had(before);
            if !self.parent.get(path).is_some_and(is_same) {
                mode &= !SET_IDS;
            }
        }
        let metadata = Metadata {
            mode,
            uid,
            gid,
            mtime: metadata.mtime(),
            mtime_nanos: if self.precision == Times::Seconds { 0 } else { nanos },
            xattrs,
        };
        Ok(Node { metadata, kind, link })
    }

    /// The owner that is written beside a file.
    fn written_owner(&self, host: &Path, metadata: &HostMetadata) -> Result<Option<(u32, u32)>, Error> {
        let written = Written::beside(metadata.mode());
        match xattr::get(host, written.name()) {
            Ok(value) => Ok(value.and_then(|value| written.read(&value))),
            // A file system without attributes.
            Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => Ok(None),
            Err(source) => Err(Error::io("read the attributes of", host)(source)),
        }
    }

    /// The value of one of overlayfs' own attributes; none where there was no overlay.
    fn mark(&self, host: &Path, name: &str) -> Result<Option<Vec<u8>>, Error> {
        if self.start == Below::Hidden {
            return Ok(None);
        }
        match xattr::get(host, format!("{}{name}", self.options.marks.prefix())) {
            Ok(value) => Ok(value),
            // A file system without attributes has no overlay's either.
            Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => Ok(None),
            Err(source) => Err(Error::io("read the attributes of", host)(source)),
        }
    }

    /// Whether a directory hides everything that lower layers have in it.
    ///
    /// # Errors
    /// For attributes that can't be read.
    pub(super) fn is_opaque(&self, host: &Path) -> Result<bool, Error> {
        Ok(self.mark(host, "opaque")?.is_some_and(|value| value == b"y"))
    }

    /// Whether a file was copied up, and not made anew under the name of one that is gone. Overlayfs marks what it copies, but
    /// can do so only on files and directories; anything else counts as a copy of its own kind.
    fn is_copy(&self, host: &Path, now: &Kind, before: &Kind) -> Result<bool, Error> {
        match now {
            Kind::Directory | Kind::File(_) => Ok(self.mark(host, "origin")?.is_some()),
            Kind::Symlink(_) | Kind::CharDevice { .. } | Kind::BlockDevice { .. } | Kind::Fifo => Ok(now == before),
        }
    }

    /// Whether a file says that a name is gone: a character device 0:0, or an empty file with an attribute where device nodes
    /// can't be nested.
    ///
    /// # Errors
    /// For attributes that can't be read.
    pub(super) fn is_whiteout(&self, host: &Path, metadata: &HostMetadata) -> Result<bool, Error> {
        if metadata.file_type().is_char_device() {
            return Ok(metadata.rdev() == 0);
        }
        if metadata.file_type().is_file() && metadata.len() == 0 {
            return Ok(self.mark(host, "whiteout")?.is_some());
        }
        Ok(false)
    }

    /// The extended attributes that belong to an image.
    fn attributes(&self, host: &Path, metadata: &HostMetadata) -> Result<Xattrs, Error> {
        // On a symbolic link only a security module's attributes can be, which are the machine's and not the image's.
        if metadata.is_symlink() {
            return Ok(Xattrs::default());
        }
        let names = match xattr::list(host) {
            Ok(names) => names,
            Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {
                return Ok(Xattrs::default());
            }
            Err(source) => return Err(Error::io("list the attributes of", host)(source)),
        };
        let mut kept = Vec::new();
        for name in names.map(OsStringExt::into_vec) {
            let mark = name.strip_prefix(self.options.marks.prefix().as_bytes());
            if self.start == Below::Merged && matches!(mark, Some(b"redirect" | b"metacopy")) {
                let reason = "it was made by an overlay with `redirect_dir` or `metacopy`, which can't be captured";
                return Err(Error::io("capture", host)(std::io::Error::other(reason)));
            }
            if !is_kept_attribute(&name) {
                continue;
            }
            let value = xattr::get(host, std::ffi::OsStr::from_bytes(&name));
            let written = Written::beside(metadata.mode());
            let is_owner = |value: &[u8]| written.name().as_bytes() == name && written.read(value).is_some();
            if let Some(value) = value.map_err(Error::io("read the attributes of", host))?
                && !(self.options.ownership == Ownership::Single && is_owner(&value))
            {
                kept.push((name, value));
            }
        }
        Ok(kept.into_iter().collect())
    }
}

/// What the names of one file have in common; none for a file with one name, and for a directory, whose links are those of
/// its subdirectories. The numbers of a real file are small; the names of archives' files use the first number differently.
pub(super) fn link_of(metadata: &HostMetadata) -> Option<LinkId> {
    (!metadata.is_dir() && metadata.nlink() > 1).then(|| LinkId::new(metadata.dev(), metadata.ino()))
}

/// Whether an attribute belongs to an image.
pub(super) fn is_kept_attribute(name: &[u8]) -> bool {
    name == b"security.capability" || (name.starts_with(b"user.") && !is_overlay_attribute(name))
}

/// Cuts a device number as stat(2) gives it.
fn device(number: u64) -> (u32, u32) {
    (libc::major(number), libc::minor(number))
}
