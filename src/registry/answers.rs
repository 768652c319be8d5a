//! What the answers of a server mean that are not those that were hoped for.

use std::io::{self, Read as _};
use std::time::Duration;

use serde::Deserialize;

use super::Error;
use super::http::{Answer, Failure};
use super::url::Url;
use crate::shown;

/// The most bytes that are read of an error.
const LONGEST_ERROR: u64 = 64 << 10;

/// What a registry says of an error: distribution specification, "Error Codes".
#[derive(Deserialize)]
struct Errors {
    errors: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    code: Option<String>,
    message: Option<String>,
}

/// How long a server asks us to wait, in seconds: RFC 9110, section 10.2.3. A date is passed over.
pub(super) fn retry_after(answer: &Answer) -> Option<Duration> {
    answer.header("retry-after")?.trim().parse().ok().map(Duration::from_secs)
}

/// Whether a part begins at a byte: `Content-Range: bytes 100-199/200`, RFC 9110, section 14.4.
pub(super) fn starts_at(answer: &Answer, from: u64) -> bool {
    let range = answer.header("content-range").and_then(|text| text.strip_prefix("bytes "));
    range.and_then(|text| text.split('-').next()?.trim().parse::<u64>().ok()) == Some(from)
}

/// What an answer says of its error, in one line.
pub(super) fn reason(answer: Answer) -> Option<String> {
    const LONGEST: usize = 300;
    let mut text = Vec::new();
    // What can't be read is not said.
    let _ = answer.into_body().take(LONGEST_ERROR).read_to_end(&mut text);
    let errors: Errors = serde_json::from_slice(&text).ok()?;
    let first = errors.errors.into_iter().next()?;
    let said = match (first.message, first.code) {
        (Some(message), _) if !message.is_empty() => message,
        (_, code) => code?,
    };
    let said: String = said.chars().take(LONGEST).collect();
    Some(shown::line(&said).into_owned())
}

pub(super) fn answer_error(url: &Url, reason: String) -> Error {
    Error::Answer { url: url.to_string(), reason }
}

/// What is said where there is no answer. `base` is where the registry is.
pub(super) fn unreachable(url: &Url, base: &Url, failure: Failure) -> Error {
    let server = url.authority().to_owned();
    match failure {
        Failure::Tls(reason) => Error::Untrusted { server, reason },
        Failure::Forbidden(zone) => {
            Error::Forbidden { from: base.authority().to_owned(), to: server, reason: zone.refusal() }
        }
        Failure::NoHost => {
            Error::Unreachable { server, reason: "the name has no address".to_owned(), is_offline: true }
        }
        Failure::Io(error) => {
            let is_offline = !matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof);
            Error::Unreachable { server, reason: crate::errno::describe(&error), is_offline }
        }
        Failure::Timeout(reason) => {
            Error::Unreachable { server, reason: format!("no answer in time ({reason})"), is_offline: true }
        }
        Failure::Proxy { proxy, failure } => match unreachable(url, base, *failure) {
            Error::Unreachable { server, reason, is_offline } => {
                Error::Unreachable { server, reason: by_way_of(&reason, &proxy), is_offline }
            }
            Error::Untrusted { server, reason } => Error::Untrusted { server, reason: by_way_of(&reason, &proxy) },
            error => error,
        },
        Failure::Protocol(reason) => {
            Error::Answer { url: url.to_string(), reason: format!("the answer is not HTTP: {reason}") }
        }
    }
}

/// That something has failed on the way through a proxy, which may be what is wrong.
pub(super) fn by_way_of(reason: &str, proxy: &str) -> String {
    format!("{reason}, by way of the proxy {}", shown::line(proxy))
}
