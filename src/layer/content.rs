//! From the place of a file's bytes to a reader.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::sync::Arc;

use super::Error;
use crate::document::{self, Links};
use crate::oci::{DiffId, Digest};
use crate::store::Store;
use crate::tree::{Content, FileIdentity, Place, SeenFile};

/// Opens the bytes of one file. Reads at most the file's size; a host file that has grown gives the rest too, so that
/// the caller can notice it.
pub fn open(store: &Store, content: &Content) -> Result<ContentReader, Error> {
    Opener::new(store).open(content)
}

/// The SHA-256 of the bytes of one file.
pub fn digest_of(store: &Store, content: &Content) -> Result<Digest, Error> {
    let mut reader = open(store, content)?;
    let mut hasher = crate::oci::Hasher::new();
    let mut buffer = vec![0; 128 << 10];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                return Err(Error::Archive { name: "the contents of a file".into(), reason: error.to_string() });
            }
        }
    }
}

/// Opens many files; the archive that the last one was in stays open.
pub struct Opener<'s> {
    store: &'s Store,
    last: Option<(Digest, Arc<File>)>,
}

impl<'s> Opener<'s> {
    /// Begins with no archive open.
    pub fn new(store: &'s Store) -> Opener<'s> {
        Opener { store, last: None }
    }

    /// The store that archives are in.
    pub fn store(&self) -> &'s Store {
        self.store
    }

    /// As [`open`].
    pub fn open(&mut self, content: &Content) -> Result<ContentReader, Error> {
        let source = match &content.place {
            Place::Blob { blob, offset } => {
                Source::Archive { file: self.archive(blob)?, offset: *offset, rest: content.size }
            }
            Place::Host(path) => {
                // A name that became a link or a pipe since it was listed must neither be followed nor waited for.
                let file = File::options()
                    .read(true)
                    .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY)
                    .open(path)
                    .map_err(Error::io("open", path))?;
                Source::Host(file)
            }
            Place::Seen(seen) => Source::Seen(SeenReader::open(seen)?),
            Place::Spool(spool) => {
                Source::Archive { file: Arc::clone(&spool.file), offset: spool.offset, rest: content.size }
            }
            Place::Bytes(bytes) => Source::Bytes { bytes: Arc::clone(bytes), position: 0 },
        };
        Ok(ContentReader { source })
    }

    /// The open archive and the offset of a file in it, for copying inside the kernel; `None` for other places.
    pub(super) fn archive_of(&mut self, content: &Content) -> Result<Option<(Arc<File>, u64)>, Error> {
        match &content.place {
            Place::Blob { blob, offset } => Ok(Some((self.archive(blob)?, *offset))),
            Place::Spool(spool) => Ok(Some((Arc::clone(&spool.file), spool.offset))),
            Place::Host(_) | Place::Seen(_) | Place::Bytes(_) => Ok(None),
        }
    }

    fn archive(&mut self, digest: &Digest) -> Result<Arc<File>, Error> {
        if let Some((last, file)) = &self.last
            && last == digest
        {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(open_archive(self.store, digest)?);
        self.last = Some((*digest, Arc::clone(&file)));
        Ok(file)
    }
}

/// Opens an uncompressed archive: the blob itself, or the expanded copy of a compressed one.
fn open_archive(store: &Store, digest: &Digest) -> Result<File, Error> {
    if store.has(digest) {
        return Ok(store.open_blob(digest)?);
    }
    if let Some(file) = store.open_expanded(&DiffId(*digest))? {
        return Ok(file);
    }
    match document::open(&store.home().expanded_sparse(digest), Links::Refuse) {
        Ok((file, _)) => return Ok(file),
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(crate::store::Error::from(error).into()),
    }
    // None of them is there: the message names the blob.
    Ok(store.open_blob(digest)?)
}

/// The bytes of a file that somebody else can change. It has to be the file that was seen, from its beginning to its end.
pub struct SeenReader {
    file: File,
    seen: Arc<SeenFile>,
}

impl SeenReader {
    /// Opens the file, through no symbolic link.
    ///
    /// # Errors
    /// [`Error::Replaced`] if it is another file by now, or has another content.
    pub fn open(seen: &Arc<SeenFile>) -> Result<SeenReader, Error> {
        let replaced = || Error::Replaced { path: seen.path.to_path_buf() };
        let (file, metadata) = document::open(&seen.path, Links::RefuseOnTheWay).map_err(|error| match error {
            document::Error::Io { operation, path, source } if !is_of_another_file(&source) => {
                Error::Io { operation, path, source }
            }
            _ => replaced(),
        })?;
        if identity(&metadata) != seen.identity {
            return Err(replaced());
        }
        Ok(SeenReader { file, seen: Arc::clone(seen) })
    }

    /// The open file, for whoever reads it otherwise; [`SeenReader::check`] tells afterwards whether it was the same to the end.
    ///
    /// # Errors
    /// [`Error::Io`] if there are too many open files.
    pub fn file(&self) -> Result<File, Error> {
        self.file.try_clone().map_err(Error::io("dup", &self.seen.path))
    }

    /// # Errors
    /// [`Error::Replaced`] if the file changed since it was opened.
    pub fn check(&self) -> Result<(), Error> {
        let metadata = self.file.metadata().map_err(Error::io("fstat", &self.seen.path))?;
        match identity(&metadata) == self.seen.identity {
            true => Ok(()),
            false => Err(Error::Replaced { path: self.seen.path.to_path_buf() }),
        }
    }
}

impl Read for SeenReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        // At the end, as what was read so far may have been something else.
        if count == 0 && !buffer.is_empty() && identity(&self.file.metadata()?) != self.seen.identity {
            return Err(io::Error::other("it changed while it was read"));
        }
        Ok(count)
    }
}

/// Whether an error says that what is under the name now is not what was there: nothing, or a link.
fn is_of_another_file(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP))
}

fn identity(metadata: &Metadata) -> FileIdentity {
    let nanoseconds = |raw: i64| u32::try_from(raw).unwrap_or(u32::MAX);
    FileIdentity {
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.size(),
        modified: (metadata.mtime(), nanoseconds(metadata.mtime_nsec())),
        changed: (metadata.ctime(), nanoseconds(metadata.ctime_nsec())),
    }
}

/// The bytes of one file.
pub struct ContentReader {
    source: Source,
}

enum Source {
    Archive { file: Arc<File>, offset: u64, rest: u64 },
    Host(File),
    Seen(SeenReader),
    Bytes { bytes: Arc<[u8]>, position: usize },
}

impl Read for ContentReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.source {
            Source::Archive { file, offset, rest } => {
                let most = buffer.len().min(usize::try_from(*rest).unwrap_or(usize::MAX));
                if most == 0 {
                    return Ok(0);
                }
                let count = file.read_at(&mut buffer[..most], *offset)?;
                *offset += count as u64;
                *rest -= count as u64;
                Ok(count)
            }
            Source::Host(file) => file.read(buffer),
            Source::Seen(reader) => reader.read(buffer),
            Source::Bytes { bytes, position } => {
                let count = (&bytes[*position..]).read(buffer)?;
                *position += count;
                Ok(count)
            }
        }
    }
}
