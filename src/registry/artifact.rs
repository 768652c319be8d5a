//! What a registry has that is no image: a manifest, and the blobs that it lists. What they mean is said by who has asked for it.

use std::fmt;
use std::io::{self, Read};
use std::time::Duration;

use super::repository::{self, Fetched};
use super::session::Session;
use super::{Error, known};
use crate::document;
use crate::limits::Bound;
use crate::oci::{Descriptor, Digest, DocumentKind};
use crate::progress::{Counted, Work};
use crate::store::{StageError, Staging, Store};

/// How often a blob is asked for again where nothing new has come.
const ATTEMPTS: u32 = 5;
/// The first pause; each is twice the one before.
const PAUSE: Duration = Duration::from_millis(250);

/// A manifest of a repository, whose blobs can be fetched as long as this value lives.
pub(crate) struct Artifact {
    session: Session,
    fetched: Fetched,
}

impl Artifact {
    pub(super) fn new(session: Session, fetched: Fetched) -> Artifact {
        Artifact { session, fetched }
    }

    /// The manifest, or the index: what it is, and its bytes.
    pub(crate) fn manifest(&self) -> (DocumentKind, &[u8]) {
        (self.fetched.kind, &self.fetched.bytes)
    }

    /// Fetches a blob that is small, whole and with the right digest.
    ///
    /// # Errors
    /// [`Error::Document`] for one that is too large, [`Error::Content`] and [`Error::Size`] for another one, [`Error::NoBlob`].
    pub(crate) fn document(&self, store: &Store, blob: &Descriptor, bound: Bound) -> Result<Vec<u8>, Error> {
        let path = std::path::Path::new(&self.session.repository);
        document::check(path, blob.size, bound)?;
        let mut body = Body::new(&self.session, blob);
        let read = store.meter().interrupt().during(
            || self.session.end(),
            || {
                let task = store.meter().begin(Work::Downloading, Some(blob.size));
                let body = Counted { reader: &mut body, task: &task };
                document::read_to_end(body.take(blob.size.saturating_add(1)), path, bound)
            },
        );
        self.session.check()?;
        let bytes = match body.failed {
            Some(error) => return Err(error),
            None => read?,
        };
        self.compare(blob, blob.digest.algorithm().hash(&bytes), bytes.len() as u64)?;
        Ok(bytes)
    }

    /// Fetches a blob of any size into a staging folder, whole and with the right digest.
    ///
    /// # Errors
    /// [`Error::Content`] and [`Error::Size`] for another one, [`Error::NoBlob`], and what the disk says.
    pub(crate) fn fetch(&self, store: &Store, staging: &Staging<'_>, blob: &Descriptor) -> Result<(), Error> {
        let mut body = Body::new(&self.session, blob);
        let staged = store.meter().interrupt().during(
            || self.session.end(),
            || {
                let task = store.meter().begin(Work::Downloading, Some(blob.size));
                staging.add(
                    blob.digest.algorithm(),
                    Counted { reader: (&mut body).take(blob.size.saturating_add(1)), task: &task },
                )
            },
        );
        self.session.check()?;
        let (digest, size) = match (staged, body.failed) {
            (_, Some(error)) => return Err(error),
            (Err(StageError::Store(error)), None) => return Err(error.into()),
            (Err(StageError::Read(error)), None) => return Err(broken(&self.session, &error)),
            (Ok(staged), None) => staged,
        };
        self.compare(blob, digest, size)
    }

    /// Remembers where a layer was found, and as what: who pushes it need not compress and send it.
    pub(crate) fn note(&self, store: &Store, layer: &Digest, blob: &Descriptor) {
        if blob.digest != *layer {
            known::note_compressed(store, layer, blob);
        }
        known::note(store, &self.session.registry, &self.session.repository, [blob.digest]);
    }

    fn compare(&self, blob: &Descriptor, digest: Digest, size: u64) -> Result<(), Error> {
        let registry = self.session.registry.clone();
        if size != blob.size {
            return Err(Error::Size { registry, digest: blob.digest.into(), expected: blob.size, actual: size });
        }
        if digest != blob.digest {
            let (expected, actual) = (blob.digest.to_string(), digest.to_string());
            return Err(Error::Content { registry, expected, actual });
        }
        Ok(())
    }
}

impl fmt::Debug for Artifact {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Artifact").field("fetched", &self.fetched).finish_non_exhaustive()
    }
}

fn broken(session: &Session, error: &io::Error) -> Error {
    let reason = format!("the connection broke: {}", crate::errno::describe(error));
    Error::Unreachable { server: session.registry.clone(), reason, is_offline: false }
}

/// The bytes of a blob as they come. Where the connection breaks, it is asked for the rest.
struct Body<'b> {
    session: &'b Session,
    blob: &'b Descriptor,
    answer: Option<Box<dyn Read + Send>>,
    done: u64,
    /// How often nothing new has come.
    attempts: u32,
    /// Why there is no more of it, where that is more than an error of reading.
    failed: Option<Error>,
}

impl<'b> Body<'b> {
    fn new(session: &'b Session, blob: &'b Descriptor) -> Body<'b> {
        Body { session, blob, answer: None, done: 0, attempts: 0, failed: None }
    }

    /// Waits before the next attempt; an error where there was the last.
    fn again(&mut self, error: Error) -> io::Result<()> {
        self.answer = None;
        self.attempts += 1;
        let paused = match self.attempts {
            ATTEMPTS.. => Err(error),
            attempts => self.session.pause(PAUSE * 2_u32.pow(attempts)),
        };
        paused.map_err(|error| {
            let text = error.to_string();
            self.failed = Some(error);
            io::Error::other(text)
        })
    }
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let answer = match &mut self.answer {
                Some(answer) => answer,
                none => match repository::blob(self.session, &self.blob.digest, self.done) {
                    Ok(answer) => none.insert(Box::new(answer)),
                    Err(error @ Error::Unreachable { .. }) if self.done > 0 => {
                        self.again(error)?;
                        continue;
                    }
                    Err(error) => {
                        let text = error.to_string();
                        self.failed = Some(error);
                        return Err(io::Error::other(text));
                    }
                },
            };
            let ended = match answer.read(buffer) {
                // All of it has come, or more than that: who reads compares.
                Ok(0) if self.done >= self.blob.size => return Ok(0),
                Ok(0) => io::Error::from(io::ErrorKind::UnexpectedEof),
                Ok(count) => {
                    self.done += count as u64;
                    self.attempts = 0;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            let error = broken(self.session, &ended);
            self.again(error)?;
        }
    }
}
