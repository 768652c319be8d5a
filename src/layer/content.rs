//! From the place of a file's bytes to a reader.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::Arc;

use super::Error;
use crate::document::{self, Links};
use crate::oci::{DiffId, Digest};
use crate::progress::{Counted, Work};
use crate::seen::{self, SeenReader};
use crate::store::Store;
use crate::tree::{Content, Place};

/// Opens the bytes of one file. Reads at most the file's size; a host file that has grown gives the rest too, so that
/// the caller can notice it.
///
/// # Errors
/// [`Error::Store`] for an archive that is gone or damaged, [`Error::Io`] and [`Error::Seen`] for a file of the machine.
pub fn open(store: &Store, content: &Content) -> Result<ContentReader, Error> {
    Opener::new(store).open(content)
}

/// The SHA-256 of the bytes of one file.
///
/// # Errors
/// As [`open`], and for what can't be read to its end.
pub fn digest_of(store: &Store, content: &Content) -> Result<Digest, Error> {
    let task = store.meter().begin(Work::Hashing, Some(content.size));
    let mut reader = Counted { reader: open(store, content)?, task: &task };
    let mut hasher = crate::oci::Hasher::new();
    let mut buffer = vec![0; 128 << 10];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                return Err(Error::unreadable("the content of a file", error));
            }
        }
    }
}

/// Opens many files; the archive or the folder that the last one was in stays open.
pub(crate) struct Opener<'s> {
    store: &'s Store,
    last: Option<(Digest, Arc<File>)>,
    folders: seen::Opener,
}

impl<'s> Opener<'s> {
    /// Begins with no archive open.
    pub(crate) fn new(store: &'s Store) -> Opener<'s> {
        Opener { store, last: None, folders: seen::Opener::default() }
    }

    /// The store that archives are in.
    pub(crate) fn store(&self) -> &'s Store {
        self.store
    }

    /// As [`open`].
    ///
    /// # Errors
    /// [`Error::Store`] for an archive that is gone or damaged, [`Error::Io`] and [`Error::Seen`] for a file of the machine.
    pub(crate) fn open(&mut self, content: &Content) -> Result<ContentReader, Error> {
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
            Place::Seen(seen) => match seen.kept() {
                Some((bytes, position)) => {
                    Source::Kept { bytes, position, end: position + seen.file().identity().size() as usize }
                }
                None => Source::Seen(SeenReader::of(self.folders.open(seen)?, seen)?),
            },
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

/// The bytes of one file.
pub struct ContentReader {
    source: Source,
}

enum Source {
    Archive { file: Arc<File>, offset: u64, rest: u64 },
    Host(File),
    Seen(SeenReader),
    Kept { bytes: Arc<Vec<u8>>, position: usize, end: usize },
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
            Source::Kept { bytes, position, end } => {
                let count = (&bytes[*position..*end]).read(buffer)?;
                *position += count;
                Ok(count)
            }
            Source::Bytes { bytes, position } => {
                let count = (&bytes[*position..]).read(buffer)?;
                *position += count;
                Ok(count)
            }
        }
    }
}
