//! A blob to a registry: distribution specification 1.1, "Pushing blobs" and "Mounting a blob from another repository".
//!
//! ```text
//! HEAD blobs/<digest>                     it is there
//! POST blobs/uploads/?mount=…&from=…      the registry takes it from another of its repositories
//! POST blobs/uploads/                     a place for it: the header `Location`
//! PATCH <place>                           all of it, as one stream
//! PUT <place>?digest=…                    the registry hashes it, and keeps it
//! ```
//!
//! Each answer may name another place, also on another server: there no credential goes, and only where a redirect might lead. Where the
//! connection breaks, the place is asked how far it has come (`Range`), and the rest is sent; where it does not say, or is gone, all is sent once
//! more to a new place.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use super::Error;
use super::http::{Answer, Asked, Body, Method, Target};
use super::session::{Session, Unanswered};
use super::url::Url;
use crate::oci::{Descriptor, Digest};
use crate::progress::Task;

/// How often it is tried where the registry has nothing more of it than the time before.
const ATTEMPTS: u32 = 5;
/// The first pause; each is twice the one before.
const PAUSE: Duration = Duration::from_millis(500);
/// How often the answer to one request may send us elsewhere.
const REDIRECTS: u32 = 5;
/// How long a registry may take to hash a blob and to keep it: this, and a second for so many bytes.
const KEEPING: Duration = Duration::from_secs(120);
const KEPT_A_SECOND: u64 = 8 << 20;
/// Where an upload begins.
const UPLOADS: &str = "blobs/uploads/";

/// The bytes of a blob: those of a file. The path is for messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'s> {
    pub(super) file: &'s File,
    pub(super) path: &'s Path,
}

/// Where a blob is sent to.
#[derive(Clone, Debug)]
pub(super) struct Place {
    url: Url,
    target: Target,
}

/// What became of the wish to mount a blob.
#[derive(Debug)]
pub(super) enum Mount {
    /// The repository has it.
    Mounted,
    /// It has to be sent, to this place.
    Begun(Place),
    /// The registry does not want to.
    Refused,
}

/// What whoever waits is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// So many bytes were sent.
    Sent(u64),
    /// The connection broke, and it goes on after a pause.
    Retrying,
}

/// What a repository says of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is not there.
    Nothing,
    /// It is there, of the right size.
    Same,
    /// It is there, and nothing is said of its size.
    Something,
}

/// Asks a repository for a blob. One of another size is none.
///
/// # Errors
/// What [`Session::get`] says, and what else the server answers.
pub(super) fn look(session: &Session, blob: &Descriptor) -> Result<Found, Error> {
    let url = session.url(&format!("blobs/{}", blob.digest))?;
    let answer = session.get(&Method::HEAD, &url, &[])?;
    match (answer.status, answer.length()) {
        (200, Some(length)) if length == blob.size => Ok(Found::Same),
        (200, None) => Ok(Found::Something),
        (200 | 404, _) => Ok(Found::Nothing),
        _ => Err(session.refused(&url, answer)),
    }
}

/// Asks the registry to take a blob from another of its repositories.
///
/// # Errors
/// Only where the registry can't be asked: what it does not want is [`Mount::Refused`].
pub(super) fn mount(session: &Session, digest: &Digest, from: &str) -> Result<Mount, Error> {
    let url = session.url(UPLOADS)?.with("mount", &digest.to_string()).and_then(|url| url.with("from", from));
    let Some(url) = url else { return Ok(Mount::Refused) };
    match session.send_once(Target::Named, Some(from), &mut || Ok(empty(Method::POST, &url))) {
        Ok(answer) if answer.status == 201 => Ok(Mount::Mounted),
        Ok(answer) if answer.status == 202 => {
            Place { url, target: Target::Named }.after(session, &answer).map(Mount::Begun)
        }
        Ok(_) => Ok(Mount::Refused),
        // Who may not read the other repository can still push.
        Err(Unanswered {
            error: Error::Unauthorized { .. } | Error::BadLogin { .. } | Error::Answer { .. }, ..
        })
        | Err(Unanswered { is_passing: true, .. }) => Ok(Mount::Refused),
        Err(Unanswered { error, .. }) => Err(error),
    }
}

/// Gives up a place at which nothing will come. That it can't be is nobody's loss: registries remove such places after days.
pub(super) fn cancel(session: &Session, place: &Place) {
    let _ = session.send_once(place.target, None, &mut || Ok(empty(Method::DELETE, &place.url)));
}

/// Sends a blob, whose bytes are those of a file. `begun`: to this place, where nothing has come yet.
///
/// # Errors
/// [`Error::Unreachable`] after several attempts; [`Error::Io`] for the file; what [`Session::send`] says, and what else the server answers.
pub(super) fn upload(
    session: &Session,
    blob: &Descriptor,
    source: Source<'_>,
    begun: Option<Place>,
    tell: &dyn Fn(Step),
) -> Result<(), Error> {
    let task = session.uploading(blob.size);
    let failed = RefCell::new(None);
    let mut upload = Upload {
        session,
        blob,
        source,
        task: &task,
        tell,
        failed: &failed,
        place: begun,
        has: 0,
        is_sure: true,
        is_second: false,
        may_be_kept: false,
    };
    let (mut best, mut attempt) = (0, 0);
    loop {
        let broken = match upload.attempt() {
            Ok(()) => return Ok(()),
            Err(Unanswered { error, is_passing: true, .. }) => error,
            Err(Unanswered { error, .. }) => return Err(error),
        };
        if let Some(source) = failed.take() {
            let path = upload.source.path.to_owned();
            return Err(Error::Io { operation: "read", path, source });
        }
        attempt = if upload.has > best { 1 } else { attempt + 1 };
        best = best.max(upload.has);
        if attempt >= ATTEMPTS {
            return Err(broken);
        }
        tell(Step::Retrying);
        session.pause(PAUSE * 2_u32.pow(attempt - 1))?;
    }
}

/// An upload under way.
struct Upload<'u> {
    session: &'u Session,
    blob: &'u Descriptor,
    source: Source<'u>,
    task: &'u Task,
    tell: &'u dyn Fn(Step),
    /// What the file said, where it can't be read.
    failed: &'u RefCell<Option<io::Error>>,
    /// Where it goes on; `None`: it has to begin.
    place: Option<Place>,
    /// How many bytes the registry has there.
    has: u64,
    /// Whether that is known: while a request is under way it is not.
    is_sure: bool,
    /// Whether the place is one from before the connection broke.
    is_second: bool,
    /// Whether the registry was told that this is all, and its answer was lost.
    may_be_kept: bool,
}

impl Upload<'_> {
    /// Sends what is missing.
    fn attempt(&mut self) -> Result<(), Unanswered> {
        if self.may_be_kept && look(self.session, self.blob)? != Found::Nothing {
            return Ok(());
        }
        if !self.is_sure {
            self.locate()?;
        }
        let mut place = match self.place.take() {
            Some(place) => place,
            None => {
                (self.has, self.is_second) = (0, false);
                begin(self.session)?
            }
        };
        (self.place, self.is_sure) = (Some(place.clone()), false);
        let total = self.blob.size;
        if self.has < total {
            place = self.ask(Method::PATCH, place, self.has, KEEPING)?;
            (self.place, self.has) = (Some(place.clone()), total);
        }
        let place = place.with_digest(&self.blob.digest)?;
        self.may_be_kept = true;
        self.ask(Method::PUT, place, total, KEEPING + Duration::from_secs(total / KEPT_A_SECOND)).map(|_| ())
    }

    /// Asks how far it has come. Where nobody knows, it begins again.
    fn locate(&mut self) -> Result<(), Unanswered> {
        let Some(place) = &self.place else { return Ok(()) };
        let answer = self.session.send_once(place.target, None, &mut || Ok(Asked::new(Method::GET, &place.url)))?;
        let is_known = [200, 204].contains(&answer.status);
        match received(&answer).filter(|has| is_known && *has <= self.blob.size) {
            Some(has) => {
                (self.place, self.has, self.is_second) = (Some(place.after(self.session, &answer)?), has, true)
            }
            None => (self.place, self.has) = (None, 0),
        }
        self.is_sure = true;
        Ok(())
    }

    /// Sends all from a byte on to a place, and to those to which the answers lead. Gives the next place.
    fn ask(&mut self, method: Method, mut place: Place, from: u64, patience: Duration) -> Result<Place, Unanswered> {
        for _ in 0..=REDIRECTS {
            let mut make = || {
                let mut asked = Asked { patience, ..empty(method.clone(), &place.url) };
                if from < self.blob.size {
                    asked = asked.with("content-type", "application/octet-stream");
                    asked.body = Body::Stream(Box::new(self.rest(from)), self.blob.size - from);
                }
                // A stream from the beginning has none, as Docker's: not every registry knows pieces.
                Ok(if (1..self.blob.size).contains(&from) {
                    asked.with("content-range", format!("{from}-{}", self.blob.size - 1))
                } else {
                    asked
                })
            };
            let answer = self.session.send_once(place.target, None, &mut make)?;
            match answer.status {
                // Where a blob is that is kept is nothing to us.
                200..=204 if method == Method::PUT => return Ok(place),
                200..=204 => return Ok(place.after(self.session, &answer)?),
                301 | 302 | 303 | 307 | 308 => place = place.after(self.session, &answer)?,
                status => {
                    // What was sent in two parts, or to a place that is gone, may do from its beginning.
                    let is_lost = status == 404 || self.is_second && matches!(status, 400 | 416);
                    if is_lost {
                        (self.place, self.is_sure) = (None, true);
                    }
                    let is_passing = is_lost || matches!(status, 429 | 500 | 502 | 503 | 504);
                    let error = self.session.refused(&place.url, answer);
                    return Err(Unanswered { error, is_passing, is_refused: false });
                }
            }
        }
        let reason = format!("more than {REDIRECTS} redirects, one after the other");
        Err(Error::Answer { url: place.url.to_string(), reason }.into())
    }

    /// The bytes from one on.
    fn rest(&self, from: u64) -> Rest<'_> {
        let Upload { source, task, tell, failed, .. } = *self;
        Rest { file: source.file, at: from, end: self.blob.size, task, tell, failed }
    }
}

/// Gets a place for a blob.
fn begin(session: &Session) -> Result<Place, Error> {
    let url = session.url(UPLOADS)?;
    let answer = session.send(Target::Named, &mut || Ok(empty(Method::POST, &url)))?;
    if answer.status != 202 {
        return Err(session.refused(&url, answer));
    }
    if answer.header("location").is_none() {
        let reason = "the answer does not say where the blob is to be sent".to_owned();
        return Err(Error::Answer { url: url.to_string(), reason });
    }
    Place { url, target: Target::Named }.after(session, &answer)
}

impl Place {
    /// The place that an answer names; where it names none, it is the same.
    fn after(&self, session: &Session, answer: &Answer) -> Result<Place, Error> {
        let Some(location) = answer.header("location") else { return Ok(self.clone()) };
        let url = self.url.join(location).ok_or_else(|| Error::Answer {
            url: self.url.to_string(),
            reason: "it sends us to what is no address of a server".to_owned(),
        })?;
        Ok(Place { target: session.judge(&self.url, &url, self.target)?, url })
    }

    /// Where it is said that a blob is whole.
    fn with_digest(&self, digest: &Digest) -> Result<Place, Error> {
        let url = self.url.with("digest", &digest.to_string()).ok_or_else(|| Error::Answer {
            url: self.url.to_string(),
            reason: "the address of the upload is too long".to_owned(),
        })?;
        Ok(Place { url, target: self.target })
    }
}

/// A request that says of its body that it is empty.
fn empty(method: Method, url: &Url) -> Asked<'_> {
    Asked { body: Body::Bytes(&[]), ..Asked::new(method, url) }
}

/// How many bytes the registry has: `Range: 0-N`, of which N is the last. `0-0` is said of no byte, too.
fn received(answer: &Answer) -> Option<u64> {
    let range = answer.header("range")?;
    let last = range.trim_start_matches("bytes=").strip_prefix("0-")?.trim().parse::<u64>().ok()?;
    last.checked_add(1).filter(|_| last > 0)
}

/// The bytes of a file from one on, counted as they go.
struct Rest<'r> {
    file: &'r File,
    at: u64,
    end: u64,
    task: &'r Task,
    tell: &'r dyn Fn(Step),
    failed: &'r RefCell<Option<io::Error>>,
}

impl Read for Rest<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(usize::try_from(self.end - self.at).unwrap_or(usize::MAX));
        let count = match self.file.read_at(&mut buffer[..room], self.at) {
            Ok(0) if room > 0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => read,
        };
        let count = count.inspect_err(|error| {
            // It can't be given to two.
            let again = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
            self.failed.replace(Some(again));
        })?;
        self.task.add(count as u64)?;
        self.at += count as u64;
        (self.tell)(Step::Sent(self.at));
        Ok(count)
    }
}
