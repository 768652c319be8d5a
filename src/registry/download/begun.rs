//! A file that is coming: what has come of it, and how the rest is asked for where the connection breaks.

use std::io::{ErrorKind, Read, Write as _};

use super::{File, Validators};
use crate::oci::{Algorithm, Digest};
use crate::progress::{Meter, Work};
use crate::registry::answers::starts_at;
use crate::registry::http::Answer;
use crate::store::{self, BlobWriter, Store};

const PIECE: usize = 256 << 10;
/// The most bytes of a header that is kept.
const LONGEST_HEADER: usize = 4 << 10;

/// What has come so far.
pub(super) struct Begun {
    writer: BlobWriter,
    validators: Validators,
    /// How much it will be, where the server has said so.
    total: Option<u64>,
}

/// Why not all of it has come.
pub(super) enum Broken {
    /// It is more than may come.
    TooLarge,
    /// The connection broke.
    Connection(std::io::Error),
    /// It ended before its end.
    Early,
    /// It can't be written, or is to stop.
    Store(store::Error),
}

impl Begun {
    /// Begins with an answer that has all of it, and may be expected to have a digest.
    ///
    /// # Errors
    /// The store can't be written to.
    pub(super) fn new(store: &Store, answer: &Answer, expected: Option<Digest>) -> Result<Begun, store::Error> {
        let kept = |name| answer.header(name).filter(|value| value.len() <= LONGEST_HEADER).map(str::to_owned);
        let validators = Validators { etag: kept("etag"), modified: kept("last-modified") };
        let algorithm = expected.map_or(Algorithm::Sha256, |expected| expected.algorithm());
        Ok(Begun { writer: store.blob_writer_by(algorithm)?, validators, total: answer.length() })
    }

    /// How much has come.
    pub(super) fn position(&self) -> u64 {
        self.writer.position()
    }

    /// The headers that ask for the rest, if it is that of the same file: RFC 9110, section 13.1.5. A weak tag does not tell.
    pub(super) fn rest(&self) -> Option<[(&'static str, String); 2]> {
        let Validators { etag, modified } = &self.validators;
        let strong = etag.as_ref().filter(|tag| !tag.starts_with("W/"));
        let validator = strong.or(modified.as_ref())?.clone();
        (self.position() > 0).then(|| [("range", format!("bytes={}-", self.position())), ("if-range", validator)])
    }

    /// Whether a part is the rest of the same content: RFC 9110, section 15.3.7.3. A server may have passed over what the part depends on.
    pub(super) fn goes_on_with(&self, answer: &Answer) -> bool {
        let Validators { etag, modified } = &self.validators;
        // A part has the tag that the whole would have; the date it need not have.
        let has_other_tag = etag.as_deref().is_some_and(|etag| answer.header("etag") != Some(etag));
        let is_of = |modified: &String| answer.header("last-modified").is_none_or(|now| now == modified);
        let whole = answer.header("content-range").and_then(|range| range.rsplit_once('/')?.1.parse::<u64>().ok());
        if has_other_tag
            || !modified.as_ref().is_none_or(is_of)
            || whole.is_some_and(|whole| self.total.is_some_and(|total| total != whole))
        {
            return false;
        }
        let length = answer.length().map(|length| length.saturating_add(self.position()));
        starts_at(answer, self.position()) && self.total.is_none_or(|total| length.is_none_or(|length| length == total))
    }

    /// Takes what comes.
    ///
    /// # Errors
    /// [`Broken`], with what has come until then.
    pub(super) fn take(&mut self, mut body: impl Read, most: u64, meter: &Meter) -> Result<(), Broken> {
        if self.total.is_some_and(|total| total > most) {
            return Err(Broken::TooLarge);
        }
        let task = meter.begin(Work::Downloading, self.total);
        let counted = |count| task.add(count).map_err(|stopped| Broken::Store(stopped.into()));
        counted(self.position())?;
        let mut piece = vec![0; PIECE];
        loop {
            let count = match body.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Broken::Connection(error)),
            };
            if self.position() + count as u64 > most {
                return Err(Broken::TooLarge);
            }
            let written = self.writer.write_all(&piece[..count]);
            let path = self.writer.path().to_owned();
            let io = |source| Broken::Store(store::Error::Io { operation: "write", path, source });
            written.map_err(io)?;
            counted(count as u64)?;
        }
        match self.total {
            Some(total) if total != self.position() => Err(Broken::Early),
            Some(_) | None => Ok(()),
        }
    }

    /// All of it has come: gives it its name.
    ///
    /// # Errors
    /// [`store::Error::Content`] where another digest is expected; the store can't be written to.
    pub(super) fn commit(self, expected: Option<Digest>) -> Result<File, store::Error> {
        let Begun { writer, validators, .. } = self;
        let bytes = writer.position();
        let digest = match expected {
            Some(expected) => writer.commit_as(expected).map(|()| expected)?,
            None => writer.commit()?.0,
        };
        Ok(File { digest, bytes, validators })
    }
}
