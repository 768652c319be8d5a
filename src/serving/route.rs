//! From the target of a request to what is asked for: the end-points of the distribution specification.
//!
//! Whatever comes of it is a name by the grammar of names, a digest, or a text that is only compared. Nothing of a request becomes a path
//! of this machine.
//!
//! **Names.** A repository is asked for as people type it after the registry: `alpine` and `library/alpine` are `docker.io/library/alpine`
//! here, since Docker's client asks for the first when it was told `teacher:5000/alpine`, and for the second when the registry stands in
//! for Docker Hub. Any other image has its registry before it: `ghcr.io/owner/app`. containerd says in the query whose place is taken
//! (`?ns=ghcr.io`).

use super::refusal::{Code, Refusal};
use crate::http::{Head, Plus, decode};
use crate::oci::{Digest, DigestError, Reference};

/// A repository: a name without a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repository {
    /// As it was asked for.
    pub(crate) written: String,
    /// Which one that is.
    pub(crate) reference: Reference,
}

/// Which manifest of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Tag(String),
    Digest(Digest),
}

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The page for people, `/`.
    Page,
    /// Whether this is a registry.
    Version,
    /// The repositories.
    Catalog,
    /// The tags of one.
    Tags(Repository),
    /// An image.
    Manifest(Repository, Which),
    /// A layer or a configuration.
    Blob(Repository, Digest),
    /// What refers to a manifest.
    Referrers(Repository, Digest),
    /// A new upload.
    Uploads(Repository),
    /// An upload that was begun, by its id.
    Upload(Repository, String),
}

impl Asked {
    /// Reads a target.
    ///
    /// # Errors
    /// [`Code::NameInvalid`], [`Code::DigestInvalid`], [`Code::ManifestUnknown`]: what nobody could have.
    pub(super) fn of(head: &Head) -> Result<Asked, Refusal> {
        let nowhere = || Refusal::new(Code::Unsupported, "this is no end-point of a registry").with_status(404);
        let path = decode(head.path(), Plus::IsPlus).ok_or_else(nowhere)?;
        let rest = match path.as_str() {
            "/" => return Ok(Asked::Page),
            "/v2" | "/v2/" => return Ok(Asked::Version),
            "/v2/_catalog" => return Ok(Asked::Catalog),
            path => path.strip_prefix("/v2/").ok_or_else(nowhere)?,
        };
        let (rest, last) = rest.rsplit_once('/').ok_or_else(nowhere)?;
        let named = |name: &str| repository(name, head.query("ns").as_deref());
        if let Some(name) = rest.strip_suffix("/blobs/uploads") {
            let repository = named(name)?;
            return Ok(match last {
                "" => Asked::Uploads(repository),
                id => Asked::Upload(repository, id.to_owned()),
            });
        }
        let (name, kind) = rest.rsplit_once('/').ok_or_else(nowhere)?;
        match (kind, last) {
            ("tags", "list") => Ok(Asked::Tags(named(name)?)),
            ("manifests", last) => {
                let repository = named(name)?;
                let which =
                    if last.contains(':') { Which::Digest(digest(last)?) } else { Which::Tag(tag(&repository, last)?) };
                Ok(Asked::Manifest(repository, which))
            }
            ("blobs", "uploads") => Ok(Asked::Uploads(named(name)?)),
            ("blobs", last) => Ok(Asked::Blob(named(name)?, digest(last)?)),
            ("referrers", last) => Ok(Asked::Referrers(named(name)?, digest(last)?)),
            _ => Err(nowhere()),
        }
    }
}

/// Reads the name of a repository.
///
/// # Errors
/// [`Code::NameInvalid`].
pub(super) fn repository(written: &str, namespace: Option<&str>) -> Result<Repository, Refusal> {
    let text = match namespace {
        Some(registry) => format!("{registry}/{written}"),
        None => written.to_owned(),
    };
    let invalid = || Refusal::new(Code::NameInvalid, format!("`{text}` is not the name of a repository"));
    let reference = Reference::parse_normalized(&text).map_err(|_| invalid())?;
    if reference.tag().is_some() || reference.has_digest() {
        return Err(invalid());
    }
    Ok(Repository { written: written.to_owned(), reference })
}

/// A tag by the grammar. No image has any other.
fn tag(repository: &Repository, text: &str) -> Result<String, Refusal> {
    let name = format!("{}:{text}", repository.reference.name());
    match Reference::parse_normalized(&name) {
        Ok(name) if name.tag() == Some(text) => Ok(text.to_owned()),
        Ok(_) | Err(_) => Err(Refusal::new(Code::ManifestUnknown, format!("`{text}` is not a tag"))),
    }
}

/// Reads a digest.
///
/// # Errors
/// [`Code::DigestInvalid`].
pub(super) fn digest(text: &str) -> Result<Digest, Refusal> {
    text.parse().map_err(|error: DigestError| Refusal::new(Code::DigestInvalid, error.to_string()))
}

/// Reads the digest that the request for the end of an upload names.
///
/// # Errors
/// [`Code::DigestInvalid`].
pub(super) fn wanted(head: &Head) -> Result<Digest, Refusal> {
    let text = head.query("digest");
    digest(&text.ok_or_else(|| Refusal::new(Code::DigestInvalid, "the digest of the upload is not given"))?)
}
