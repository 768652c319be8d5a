//! Files of any server: what ADD takes by its URL.
//!
//! ```text
//! GET, with what was kept of the last answer ─▶ 304 ─▶ nothing has changed
//!                                            ─▶ 30x ─▶ the same question there, five times at most
//!                                            ─▶ 429, 502, 503, 504, a broken connection ─▶ a pause, and again, three times in all
//!                                            ─▶ 2xx ─▶ a blob, hashed while it comes ─▶ if it breaks off, the rest
//! ```
//!
//! RFC 9110: section 13 for the conditions, 14 for the rest of what broke off, 15.4 for redirects. The rest is taken only where the server says by a
//! strong `ETag`, or by `Last-Modified`, that it is that of the same file (`If-Range`); else all of it comes again. Nobody is told who we are: user names in an address are refused, and
//! there are no cookies. The address may have been written by somebody else, so it may not be on the wire ([`Target::Written`]), and what an
//! answer names has to be public or in the same part of the network.
//!
//! Left out: FTP.

mod address;
mod begun;
mod error;

use std::net::IpAddr;
use std::time::Duration;

use super::answers::{by_way_of, retry_after};
use super::http::{Answer, Asked, Failure, Http, Method, Target};
use super::url::Url;
use super::zone::Zone;
use crate::errno;
use crate::limits::{Bound, Limit};
use crate::oci::Digest;
use crate::progress::Work;
use crate::store::{self, Store};

pub(crate) use address::Address;
use begun::{Begun, Broken};
pub(crate) use error::Error;

/// What a URL of ADD may have: as much as a layer.
const DOWNLOAD: Limit = Limit::bytes("file of a URL", "LAYERLAB_MAX_DOWNLOAD", 64 << 30);

/// How often an answer may send us elsewhere.
const REDIRECTS: u32 = 5;
/// How often it is tried.
const ATTEMPTS: u32 = 3;
/// The first pause; each is twice the one before.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause that a server may ask for and get.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What makes it possible to ask whether a file has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Validators {
    pub(crate) etag: Option<String>,
    /// `Last-Modified`, as it was written.
    pub(crate) modified: Option<String>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) enum Arrived {
    /// It is what is known already.
    Same,
    /// A blob of the store.
    New(File),
}

/// A file that has come.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) digest: Digest,
    pub(crate) bytes: u64,
    pub(crate) validators: Validators,
}

/// Brings the file of a URL into the store, unless it is `known` still.
///
/// The blob is on disk, and held by this process. Where another digest is expected nothing is kept.
///
/// # Errors
/// [`Error`].
pub(crate) fn download(
    store: &Store,
    address: &Address,
    known: &Validators,
    expected: Option<Digest>,
) -> Result<Arrived, Error> {
    let http = Http::written();
    let bound = store.home().bound(&DOWNLOAD);
    let visit = Visit { http: &http, store, url: &address.url, known, expected, bound };
    store.meter().interrupt().during(|| http.end(), || visit.bring())
}

/// One file that is asked for.
struct Visit<'v> {
    http: &'v Http,
    store: &'v Store,
    url: &'v Url,
    known: &'v Validators,
    expected: Option<Digest>,
    bound: Bound,
}

/// How an attempt ended that may end otherwise the next time.
struct Passing {
    error: Error,
    /// How long the server wants us to wait.
    after: Option<Duration>,
}

impl Visit<'_> {
    fn bring(&self) -> Result<Arrived, Error> {
        let mut attempt = 0;
        let mut begun = None;
        loop {
            let before = begun.as_ref().map_or(0, Begun::position);
            let Passing { error, after } = match self.attempt(&mut begun)? {
                Ok(arrived) => return Ok(arrived),
                Err(passing) => passing,
            };
            // Where more has come, it is another break.
            let has_come = begun.as_ref().map_or(0, Begun::position) > before;
            attempt = if has_come && before > 0 { 1 } else { attempt + 1 };
            let pause = after.unwrap_or(PAUSE * 2_u32.pow(attempt - 1));
            if attempt >= ATTEMPTS || pause > LONGEST_PAUSE {
                return Err(error);
            }
            let _task = self.store.meter().begin(Work::Waiting, None);
            self.store.meter().interrupt().wait(pause);
            self.check()?;
        }
    }

    fn attempt(&self, begun: &mut Option<Begun>) -> Result<Result<Arrived, Passing>, Error> {
        let waiting = self.store.meter().begin(Work::Waiting, None);
        let rest = begun.as_ref().and_then(Begun::rest);
        let answer = self.ask(rest.as_ref().map_or(&[], |rest| &rest[..]))?;
        drop(waiting);
        let status = answer.status;
        let is_conditional = rest.is_none() && self.known != &Validators::default();
        match status {
            206 if rest.is_some() && begun.as_ref().is_some_and(|begun| begun.goes_on_with(&answer)) => {
                self.receive(answer, begun)
            }
            // It is another file now, which may be shorter: all of it has to come, and not its end behind the beginning of the one before.
            206 | 416 if rest.is_some() => {
                *begun = None;
                Ok(Err(self.broken("it has become another file")))
            }
            206 => Err(self.wrong(self.url, "it is a part, and all of it was asked for")),
            200..=299 => {
                *begun = Some(Begun::new(self.store, &answer, self.expected)?);
                self.receive(answer, begun)
            }
            304 if is_conditional => Ok(Ok(Arrived::Same)),
            _ => {
                let error = Error::Answer { url: self.url.to_string(), status: answer.status_text(), code: status };
                match status {
                    429 | 502 | 503 | 504 => Ok(Err(Passing { error, after: retry_after(&answer) })),
                    _ => Err(error),
                }
            }
        }
    }

    /// Asks the server, and whom it sends us to: for the rest of what has begun, where there is such, else for what is not known.
    fn ask(&self, rest: &[(&'static str, String)]) -> Result<Answer, Error> {
        let (mut url, mut target) = (self.url.clone(), Target::Written);
        for _ in 0..=REDIRECTS {
            self.check()?;
            self.refuse_link(&url)?;
            let mut asked = Asked::new(Method::GET, &url);
            asked.why = Some("the file that ADD takes");
            let Validators { etag, modified } = self.known;
            for (name, value) in [("if-none-match", etag), ("if-modified-since", modified)] {
                asked.headers.extend(value.clone().filter(|_| rest.is_empty()).map(|value| (name, value)));
            }
            asked.headers.extend(rest.iter().cloned());
            let answer = self.http.send(asked, target).map_err(|failure| self.failed(&url, failure))?;
            let next = match (answer.status, answer.header("location")) {
                (301 | 302 | 303 | 307 | 308, Some(location)) => url.join(location),
                _ => return Ok(answer),
            };
            let next = next.ok_or_else(|| self.wrong(&url, "it sends us to what is no address of a server"))?;
            if url.is_secure() && !next.is_secure() {
                return Err(self.forbidden(&next, "it is not encrypted"));
            }
            (url, target) = (next, Target::Followed);
        }
        Err(self.wrong(self.url, &format!("more than {REDIRECTS} redirects, one after the other")))
    }

    /// Takes what comes.
    fn receive(&self, answer: Answer, begun: &mut Option<Begun>) -> Result<Result<Arrived, Passing>, Error> {
        let Some(under_way) = begun else { return Ok(Err(self.broken("it has not begun"))) };
        let too_large = || Error::TooLarge { url: self.url.to_string(), bound: self.bound };
        match under_way.take(answer.into_body(), self.bound.most, self.store.meter()) {
            Ok(()) => {}
            Err(Broken::TooLarge) => return Err(too_large()),
            Err(Broken::Store(error)) => return Err(error.into()),
            Err(Broken::Connection(error)) => {
                self.check()?;
                return Ok(Err(self.broken(&errno::describe(&error))));
            }
            Err(Broken::Early) => {
                return Ok(Err(self.broken(&format!("it ended after {} bytes", under_way.position()))));
            }
        }
        let Some(whole) = begun.take() else { return Ok(Err(self.broken("it has not begun"))) };
        let file = whole.commit(self.expected).map_err(|error| match error {
            store::Error::Content { digest: expected, actual } => {
                Error::Checksum { url: self.url.to_string(), expected, actual }
            }
            error => error.into(),
        })?;
        Ok(Ok(Arrived::New(file)))
    }

    fn check(&self) -> Result<(), Error> {
        self.store.meter().check().map_err(|stopped| Error::Store(stopped.into()))
    }

    /// Refuses an address in numbers that is on the wire, or where clouds keep secrets: behind a proxy nobody here looks names up.
    fn refuse_link(&self, url: &Url) -> Result<(), Error> {
        let host = url.host().trim_start_matches('[').trim_end_matches(']');
        match host.parse::<IpAddr>().map(Zone::of) {
            Ok(zone @ (Zone::Link | Zone::Metadata)) => Err(self.forbidden(url, zone.refusal())),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn forbidden(&self, to: &Url, reason: &'static str) -> Error {
        let (from, is_first) = (self.url.authority().to_owned(), to == self.url);
        let to = to.authority().to_owned();
        if is_first { Error::Forbidden { to, reason } } else { Error::ForbiddenRedirect { from, to, reason } }
    }

    fn wrong(&self, url: &Url, reason: &str) -> Error {
        Error::Protocol { url: url.to_string(), reason: reason.to_owned() }
    }

    fn broken(&self, reason: &str) -> Passing {
        Passing { error: self.wrong(self.url, &format!("the connection broke: {reason}")), after: None }
    }

    fn failed(&self, url: &Url, failure: Failure) -> Error {
        let server = url.authority().to_owned();
        match failure {
            Failure::Tls(reason) => Error::Untrusted { server, reason },
            Failure::Forbidden(zone) => self.forbidden(url, zone.refusal()),
            Failure::Protocol(reason) => self.wrong(url, &format!("the answer is not HTTP: {reason}")),
            Failure::NoHost => Error::Unreachable { server, reason: "the name has no address".to_owned() },
            Failure::Timeout(reason) => Error::Unreachable { server, reason: format!("no answer in time ({reason})") },
            Failure::Io(error) => Error::Unreachable { server, reason: errno::describe(&error) },
            Failure::Proxy { proxy, failure } => match self.failed(url, *failure) {
                Error::Unreachable { server, reason } => {
                    Error::Unreachable { server, reason: by_way_of(&reason, &proxy) }
                }
                Error::Untrusted { server, reason } => Error::Untrusted { server, reason: by_way_of(&reason, &proxy) },
                error => error,
            },
        }
    }
}
