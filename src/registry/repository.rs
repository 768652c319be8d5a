//! What a repository of a registry has: manifests by tag or digest, and blobs by digest.
//!
//! Distribution specification 1.1, "Pulling manifests" and "Pulling blobs". Each document that comes is compared with its digest before it is
//! understood; of a blob only its reader can know at its end.

use std::io::Read;

use serde::Deserialize;

use super::Error;
use super::answers::{starts_at, unreachable};
use super::http::{Failure, Method};
use super::session::Session;
use super::url::Url;
use crate::limits::{Bound, Limit};
use crate::oci::{Algorithm, Descriptor, Digest, DocumentKind, kind, media_type};

/// The kinds of manifests that are understood.
const ACCEPTED: [&str; 4] =
    [media_type::INDEX, media_type::MANIFEST, media_type::DOCKER_INDEX, media_type::DOCKER_MANIFEST];
/// The kind from before 2016, of which layers have no digests of their own.
const SCHEMA_1: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
];
/// Where a registry says which digest a manifest has.
const CONTENT_DIGEST: &str = "docker-content-digest";

/// A manifest or an index that has come: its bytes have the digest of its descriptor.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) descriptor: Descriptor,
    pub(super) bytes: Vec<u8>,
    pub(super) kind: DocumentKind,
}

/// Which manifest is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Tag(String),
    Digest(Digest),
}

impl Which {
    /// As it stands in an address.
    fn text(&self) -> String {
        match self {
            Which::Tag(tag) => tag.clone(),
            Which::Digest(digest) => digest.to_string(),
        }
    }
}

/// Fetches a manifest or an index. `name` is for messages.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Content`] for another than the one that was asked for; [`Error::Invalid`] for what is none, or of a kind that is not
/// understood; [`Error::Document`] for one that is too large; what [`Session::get`] says.
pub(super) fn manifest(session: &Session, which: &Which, name: &str, bound: Bound) -> Result<Fetched, Error> {
    let url = session.url(&format!("manifests/{}", which.text()))?;
    let answer = session.get(&Method::GET, &url, &accept())?;
    match answer.status {
        200 => {}
        404 => return Err(not_found(session, name)),
        _ => return Err(session.refused(&url, answer)),
    }
    let said = answer.header("content-type").map(|text| text.split(';').next().unwrap_or_default().trim().to_owned());
    let claimed = answer.header(CONTENT_DIGEST).and_then(|text| text.parse::<Digest>().ok());
    let path = std::path::Path::new(url.as_str());
    let bytes = crate::document::read_to_end(answer.into_body(), path, bound)?;
    let expected = match which {
        Which::Digest(digest) => Some(*digest),
        Which::Tag(_) => claimed,
    };
    // By which algorithm it is known, the registry says.
    let digest = expected.map_or(Algorithm::Sha256, |expected| expected.algorithm()).hash(&bytes);
    if let Some(expected) = expected.filter(|expected| *expected != digest) {
        return Err(Error::Content {
            registry: session.registry.clone(),
            expected: expected.to_string(),
            actual: digest.to_string(),
        });
    }
    // What the document says of itself counts, as for whoever reads it from the store.
    let media_type = kind::media_type(&bytes).or(said).unwrap_or_default();
    let invalid = |reason: String| Error::Invalid { name: name.to_owned(), reason };
    if SCHEMA_1.contains(&media_type.as_str()) {
        return Err(invalid(
            "its manifest is in the first format (schema 1), which nobody writes any more: push it anew".to_owned(),
        ));
    }
    match DocumentKind::of(&media_type) {
        Some(kind @ (DocumentKind::Index | DocumentKind::Manifest)) => {
            let descriptor = Descriptor::new(&media_type, digest, bytes.len() as u64);
            Ok(Fetched { descriptor, bytes, kind })
        }
        Some(DocumentKind::Config) | None => Err(invalid(format!(
            "its manifest has the type `{}`, which is not that of an image",
            crate::shown::line(&media_type)
        ))),
    }
}

/// The digest of what a name means, without fetching it. `None`: the registry does not say.
///
/// # Errors
/// [`Error::NotFound`]; what [`Session::get`] says.
pub(super) fn digest(session: &Session, which: &Which, name: &str) -> Result<Option<Digest>, Error> {
    let url = session.url(&format!("manifests/{}", which.text()))?;
    let answer = session.get(&Method::HEAD, &url, &accept())?;
    match answer.status {
        200 => Ok(answer.header(CONTENT_DIGEST).and_then(|text| text.parse().ok())),
        404 => Err(not_found(session, name)),
        // Some servers know no HEAD.
        405 => Ok(None),
        _ => Err(session.refused(&url, answer)),
    }
}

/// The most bytes of a list of tags.
pub(super) const TAGS: Limit = Limit::bytes("list of tags", "LAYERLAB_MAX_TAGS", 16 << 20);

/// One page of a list of tags.
#[derive(Deserialize)]
struct Tags {
    tags: Option<Vec<String>>,
}

/// The tags of the repository, page by page: distribution specification, "Listing Tags".
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Document`] for a list that is too long; what [`Session::get`] says.
pub(super) fn tags(session: &Session, name: &str, bound: Bound) -> Result<Vec<String>, Error> {
    let mut url = session.url("tags/list")?;
    let (mut tags, mut bytes) = (Vec::new(), 0);
    loop {
        let answer = session.get(&Method::GET, &url, &[])?;
        match answer.status {
            200 => {}
            404 => return Err(not_found(session, name)),
            _ => return Err(session.refused(&url, answer)),
        }
        let next = answer.header("link").and_then(|link| next_page(&url, link));
        let path = std::path::PathBuf::from(url.as_str());
        let text = crate::document::read_to_end(answer.into_body(), &path, bound)?;
        bytes += text.len() as u64;
        crate::document::check(&path, bytes, bound)?;
        let page: Tags = serde_json::from_slice(&text).map_err(|_| Error::Answer {
            url: url.to_string(),
            reason: "the answer is not a list of tags".to_owned(),
        })?;
        let page = page.tags.unwrap_or_default();
        let is_empty = page.is_empty();
        tags.extend(page);
        match next {
            Some(next) if !is_empty && next != url && next.is_same_server(&url) => url = next,
            Some(_) | None => return Ok(tags),
        }
    }
}

/// The address in `<ADDRESS>; rel="next"`: RFC 8288.
fn next_page(url: &Url, link: &str) -> Option<Url> {
    let (address, relation) = link.strip_prefix('<')?.split_once('>')?;
    relation.contains("next").then(|| url.join(address))?
}

/// Tries who we are.
///
/// # Errors
/// [`Error::BadLogin`]; what [`Session::get`] says.
pub(super) fn log_in(session: &Session) -> Result<(), Error> {
    let url = session.root().clone();
    match session.get(&Method::GET, &url, &[]) {
        Ok(answer) if answer.status == 200 => Ok(()),
        Ok(answer) => Err(session.refused(&url, answer)),
        Err(Error::Unauthorized { registry, .. }) => Err(Error::BadLogin { registry }),
        Err(error) => Err(error),
    }
}

/// Asks for a blob from a byte on. The answer has the byte with that number first.
///
/// # Errors
/// [`Error::NoBlob`]; [`Error::Answer`] for another part of it; what [`Session::get`] says.
pub(super) fn blob(session: &Session, digest: &Digest, from: u64) -> Result<impl Read + Send + use<>, Error> {
    let url = session.url(&format!("blobs/{digest}"))?;
    let range = (from > 0).then(|| ("range", format!("bytes={from}-")));
    let answer = session.get(&Method::GET, &url, &Vec::from_iter(range))?;
    let skipped = match answer.status {
        // The server has sent all of it.
        200 => from,
        206 if from > 0 && starts_at(&answer, from) => 0,
        404 => return Err(Error::NoBlob { registry: session.registry.clone(), digest: (*digest).into() }),
        206 => {
            return Err(Error::Answer {
                url: url.to_string(),
                reason: "it is another part than was asked for".to_owned(),
            });
        }
        _ => return Err(session.refused(&url, answer)),
    };
    let mut body = answer.into_body();
    let passed = std::io::copy(&mut (&mut body).take(skipped), &mut std::io::sink());
    passed.map_err(|error| unreachable(&url, session.root(), Failure::Io(error)))?;
    Ok(body)
}

fn accept() -> [(&'static str, String); 1] {
    [("accept", ACCEPTED.join(", "))]
}

fn not_found(session: &Session, name: &str) -> Error {
    Error::NotFound { registry: session.registry.clone(), name: name.to_owned() }
}
