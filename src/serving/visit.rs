//! A request and what became of it, for whoever watches the registry: plain data. Texts of it are the client's.

use std::net::IpAddr;

use super::refusal::{Code, Refusal};
use super::route::Asked;
use crate::http::Method;
use crate::oci::{Digest, Reference};

/// A request, when its answer was sent.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    /// Who came.
    pub(crate) peer: IpAddr,
    pub(crate) method: Method,
    /// The target as it was written.
    pub(crate) target: String,
    /// What that means; `None` where it means nothing.
    pub(crate) asked: Option<Asked>,
    pub(crate) status: u16,
    /// Why it was not granted.
    pub(crate) refusal: Option<Refusal>,
    /// The image that was pushed by it.
    pub(crate) named: Option<Named>,
    /// How much of the answer was sent.
    pub(crate) bytes: u64,
    /// Whether that was all of it.
    pub(crate) is_whole: bool,
}

/// An image that was pushed, and has its name now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) name: Reference,
    /// The digest of its manifest.
    pub(crate) digest: Digest,
}

impl Visit {
    /// A request that is none.
    pub(super) fn misunderstood(peer: IpAddr, status: u16, reason: &'static str) -> Visit {
        Visit {
            peer,
            method: Method::Other(String::new()),
            target: String::new(),
            asked: None,
            status,
            refusal: Some(Refusal::new(Code::Unsupported, reason).with_status(status)),
            named: None,
            bytes: 0,
            is_whole: true,
        }
    }
}
