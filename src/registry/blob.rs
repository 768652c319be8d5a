//! A blob of a registry as it comes: over a line that may break, and compared with what was asked for.

use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use super::session::Session;
use super::{Error, repository};
use crate::document;
use crate::limits::Bound;
use crate::oci::{Descriptor, Digest};
use crate::progress::{Counted, Meter, Work};

/// How often a blob is asked for again where nothing new has come.
pub(super) const ATTEMPTS: u32 = 5;
/// Half of the first pause; each is twice the one before.
const PAUSE: Duration = Duration::from_millis(250);

/// Waits before an attempt that is not the first.
///
/// # Errors
/// Somebody wishes to stop.
pub(super) fn pause(session: &Session, attempts: u32) -> Result<(), Error> {
    session.pause(PAUSE * 2_u32.pow(attempts))
}

/// Fetches a blob that is small, whole and with the right digest. `name` is for messages.
///
/// # Errors
/// [`Error::Document`] for one that is too large, [`Error::Content`] and [`Error::Size`] for another one, [`Error::NoBlob`].
pub(super) fn document(
    session: &Session,
    meter: &Meter,
    name: &Path,
    blob: &Descriptor,
    bound: Bound,
) -> Result<Vec<u8>, Error> {
    document::check(name, blob.size, bound)?;
    let mut body = Body::new(session, blob);
    let task = meter.begin(Work::Downloading, Some(blob.size));
    let reader = Counted { reader: &mut body, task: &task };
    let read = document::read_to_end(reader.take(blob.size.saturating_add(1)), name, bound);
    session.check()?;
    let bytes = match body.into_failure() {
        Some(error) => return Err(error),
        None => read?,
    };
    compare(session, blob, blob.digest.algorithm().hash(&bytes), bytes.len() as u64)?;
    Ok(bytes)
}

/// Whether what has come is the blob.
///
/// # Errors
/// [`Error::Size`], [`Error::Content`].
pub(super) fn compare(session: &Session, blob: &Descriptor, digest: Digest, size: u64) -> Result<(), Error> {
    if size != blob.size {
        return Err(other_size(session, blob, size));
    }
    if digest != blob.digest {
        return Err(other_content(session, &blob.digest, digest));
    }
    Ok(())
}

/// It has another size.
pub(super) fn other_size(session: &Session, blob: &Descriptor, actual: u64) -> Error {
    Error::Size { registry: session.registry.clone(), digest: blob.digest.into(), expected: blob.size, actual }
}

/// It has another content.
pub(super) fn other_content(session: &Session, expected: &Digest, actual: Digest) -> Error {
    let (expected, actual) = (expected.to_string(), actual.to_string());
    Error::Content { registry: session.registry.clone(), expected, actual }
}

/// It has broken off.
pub(super) fn broken(session: &Session, error: &io::Error) -> Error {
    let reason = format!("the connection broke: {}", crate::errno::describe(error));
    Error::Unreachable { server: session.registry.clone(), reason, is_offline: false }
}

/// The bytes of a blob as they come. Where the connection breaks, it is asked for the rest.
pub(super) struct Body<'b> {
    session: &'b Session,
    blob: &'b Descriptor,
    answer: Option<Box<dyn Read + Send>>,
    done: u64,
    /// Whether this answer has given anything.
    has_come: bool,
    /// How often nothing new has come.
    attempts: u32,
    /// Why there is no more of it, where that is more than an error of reading.
    failed: Option<Error>,
}

impl<'b> Body<'b> {
    pub(super) fn new(session: &'b Session, blob: &'b Descriptor) -> Body<'b> {
        Body { session, blob, answer: None, done: 0, has_come: false, attempts: 0, failed: None }
    }

    /// Why there is no more of it, where that is more than an error of reading.
    pub(super) fn into_failure(self) -> Option<Error> {
        self.failed
    }

    /// Waits before the next attempt; an error where there was the last.
    fn again(&mut self, error: Error) -> io::Result<()> {
        (self.answer, self.has_come) = (None, false);
        self.attempts += 1;
        let paused = match self.attempts {
            ATTEMPTS.. => Err(error),
            attempts => pause(self.session, attempts),
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
                // All of it has come, or an answer that was whole gave nothing: who reads compares.
                Ok(0) if self.done >= self.blob.size || !self.has_come => return Ok(0),
                Ok(0) => io::Error::from(io::ErrorKind::UnexpectedEof),
                Ok(count) => {
                    self.done += count as u64;
                    (self.has_come, self.attempts) = (true, 0);
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
