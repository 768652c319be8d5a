//! Files of the machine that somebody else can change, as they were when they were found.
//!
//! A walk notes each file of a folder with what tells it from every other. Whoever reads one later (see [`crate::seen`]) compares: another
//! file of that name, or another content, is not what was meant.
//!
//! A context may have hundreds of thousands of files, so what is kept of each is counted in bytes: a folder's files lie in one piece, and a
//! place in a tree is a folder and a number.

use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

use super::Xattrs;
use crate::oci::Digest;

/// A folder of the machine, and the regular files that were found in it.
#[derive(Debug)]
pub(crate) struct Folder {
    path: Box<Path>,
    files: Box<[FoundFile]>,
}

/// One file, as it was found in its folder.
#[derive(Debug)]
pub struct FoundFile {
    name: Arc<[u8]>,
    identity: FileIdentity,
    known: OnceLock<Known>,
}

/// What is known of a file's content: from an earlier build, or because it was read in this one.
#[derive(Debug)]
pub struct Known {
    /// The SHA-256 of the content.
    pub digest: Digest,
    /// The extended attributes that belong to an image.
    pub xattrs: Xattrs,
    /// Where its bytes are in memory.
    pub(crate) bytes: Option<KeptBytes>,
}

/// The bytes of a small file, among those of its neighbours. They are there as long as whoever read them keeps them.
#[derive(Debug)]
pub(crate) struct KeptBytes {
    /// The contents of several files, one after the other.
    pub(crate) together: Weak<Vec<u8>>,
    /// Where the file begins in them.
    pub(crate) offset: u32,
}

/// One file of a [`Folder`].
#[derive(Clone)]
pub struct Seen {
    folder: Arc<Folder>,
    index: u32,
}

/// What tells a file of the machine from every other, and from itself with another content; see stat(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileIdentity {
    device: u64,
    inode: u64,
    size: u64,
    /// When the content changed, and when content or attributes did; the second no program can set.
    seconds: [i64; 2],
    nanoseconds: [u32; 2],
}

impl Folder {
    /// A folder by its absolute path, in which no component was a symbolic link.
    pub(crate) fn new(path: PathBuf, files: Vec<FoundFile>) -> Arc<Folder> {
        Arc::new(Folder { path: path.into(), files: files.into() })
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The files that were found in it.
    pub(crate) fn files(&self) -> &[FoundFile] {
        &self.files
    }
}

impl FoundFile {
    /// A file of which nothing but its identity is known.
    pub(crate) fn new(name: Arc<[u8]>, identity: FileIdentity) -> FoundFile {
        FoundFile { name, identity, known: OnceLock::new() }
    }

    /// What it was.
    pub fn identity(&self) -> &FileIdentity {
        &self.identity
    }

    /// What is known of its content.
    pub fn known(&self) -> Option<&Known> {
        self.known.get()
    }

    /// Notes what its content is. What is known already stays.
    pub fn learn(&self, known: Known) {
        let _ = self.known.set(known);
    }
}

impl Seen {
    /// The file of this number in a folder.
    pub(crate) fn new(folder: &Arc<Folder>, index: usize) -> Seen {
        Seen { folder: Arc::clone(folder), index: u32::try_from(index).expect("a folder has fewer files than 2³²") }
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Arc<Folder> {
        &self.folder
    }

    /// Its name in the folder.
    pub(crate) fn name(&self) -> &[u8] {
        &self.file().name
    }

    /// What it was, and what is known of it.
    pub fn file(&self) -> &FoundFile {
        &self.folder.files[self.index as usize]
    }

    /// Its absolute path.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path.join(std::ffi::OsStr::from_bytes(self.name()))
    }

    /// Its bytes with the place of the first among them, as long as somebody keeps them.
    pub fn kept(&self) -> Option<(Arc<Vec<u8>>, usize)> {
        let kept = self.file().known()?.bytes.as_ref()?;
        Some((kept.together.upgrade()?, kept.offset as usize))
    }
}

impl PartialEq for Seen {
    fn eq(&self, other: &Seen) -> bool {
        self.file().identity == other.file().identity
            && self.name() == other.name()
            && self.folder.path == other.folder.path
    }
}

impl Eq for Seen {}

/// Its path, not all of its folder.
impl std::fmt::Debug for Seen {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Seen").field(&self.path()).finish()
    }
}

impl FileIdentity {
    /// From the numbers of stat(2); times are seconds and nanoseconds.
    pub(crate) fn new(device: u64, inode: u64, size: u64, modified: (i64, u32), changed: (i64, u32)) -> FileIdentity {
        let (seconds, nanoseconds) = ([modified.0, changed.0], [modified.1, changed.1]);
        FileIdentity { device, inode, size, seconds, nanoseconds }
    }

    /// Of a file that was just looked at.
    pub(crate) fn of(metadata: &Metadata) -> FileIdentity {
        let nanoseconds = |raw: i64| u32::try_from(raw).unwrap_or(u32::MAX);
        FileIdentity::new(
            metadata.dev(),
            metadata.ino(),
            metadata.size(),
            (metadata.mtime(), nanoseconds(metadata.mtime_nsec())),
            (metadata.ctime(), nanoseconds(metadata.ctime_nsec())),
        )
    }

    /// The device that holds the file, and its number there.
    pub(crate) fn number(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// When its content changed: seconds and nanoseconds.
    pub(crate) fn modified(&self) -> (i64, u32) {
        (self.seconds[0], self.nanoseconds[0])
    }

    /// When its content or attributes changed, which no program can set: seconds and nanoseconds.
    pub(crate) fn changed(&self) -> (i64, u32) {
        (self.seconds[1], self.nanoseconds[1])
    }

    /// Device, inode, size, then both times in seconds and nanoseconds: for records.
    pub(crate) fn numbers(&self) -> [i128; 7] {
        let (modified, changed) = (self.modified(), self.changed());
        [
            self.device.into(),
            self.inode.into(),
            self.size.into(),
            modified.0.into(),
            modified.1.into(),
            changed.0.into(),
            changed.1.into(),
        ]
    }
}
