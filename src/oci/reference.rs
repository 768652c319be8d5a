//! The names of images: `alpine`, `ghcr.io/owner/app:1.2`, `name@sha256:…`.
//!
//! The grammar is in [`super::grammar`]; here is what a name is.
//!
//! Two readings of the same text: [`Reference::parse`] takes it as it stands (`alpine` has no domain), and
//! [`Reference::parse_normalized`] as people mean it (`alpine` is `docker.io/library/alpine`). A digest of SHA-384
//! is a valid part of a name too, though no image of a store is found by it.

use std::fmt;
use std::str::FromStr;

use super::grammar::{DEFAULT_DOMAIN, OFFICIAL_PREFIX, is_identifier, split, split_domain, split_name};
use super::{Digest, DigestError};

const DEFAULT_TAG: &str = "latest";
const LONGEST_PATH: usize = 255;

/// Why a text is not a reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The text is empty.
    #[error("repository name must have at least one component")]
    Empty,
    /// The text does not follow the grammar.
    #[error("invalid reference format")]
    Format,
    /// The text would follow the grammar in lower case.
    #[error("repository name must be lowercase")]
    Uppercase,
    /// As before, where the repository's name is known.
    #[error("invalid reference format: repository name ({0}) must be lowercase")]
    UppercaseName(String),
    /// The path has more than 255 characters.
    #[error("repository name must not be more than {LONGEST_PATH} characters")]
    TooLong,
    /// 64 hexadecimal digits can't be a name, because they look like an image id.
    #[error("invalid repository name ({0}), cannot specify 64-byte hexadecimal strings")]
    Identifier(String),
    /// The name is not in its full form.
    #[error("repository name must be canonical")]
    NotCanonical,
    /// The digest after `@` has too few or too many digits.
    #[error("invalid checksum digest length: {algorithm} has {expected} digits, not {found}")]
    DigestLength {
        /// The algorithm before the colon.
        algorithm: &'static str,
        /// The digits that it has.
        expected: usize,
        /// The digits that were written.
        found: usize,
    },
    /// The digest after `@` can't be used.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

/// A digest as a part of a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum NameDigest {
    Known(Digest),
    /// Of another algorithm, as written. No image is known by it.
    Other(String),
}

impl FromStr for NameDigest {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<NameDigest, ReferenceError> {
        let algorithms = [("sha256", 64), ("sha384", 96), ("sha512", 128)];
        let (name, digits) = text.split_once(':').unwrap_or((text, ""));
        let Some((algorithm, expected)) = algorithms.into_iter().find(|(known, _)| *known == name) else {
            return Ok(NameDigest::Known(text.parse()?));
        };
        if digits.len() != expected {
            return Err(ReferenceError::DigestLength { algorithm, expected, found: digits.len() });
        }
        if !digits.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit)) {
            return Err(DigestError::Encoded(digits.to_string()).into());
        }
        Ok(match algorithm {
            "sha384" => NameDigest::Other(text.to_string()),
            _ => NameDigest::Known(text.parse()?),
        })
    }
}

impl fmt::Display for NameDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameDigest::Known(digest) => digest.fmt(formatter),
            NameDigest::Other(text) => formatter.write_str(text),
        }
    }
}

/// A name of an image; the parts are known to follow the grammar.
///
/// `Display` gives the text back: `docker.io/library/alpine:3.20@sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<NameDigest>,
}

/// What a person may type for an image: a name, or a digest alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnyReference {
    /// A name, normalised.
    Named(Reference),
    /// 64 hexadecimal digits, or a whole digest.
    Digest(Digest),
}

impl Reference {
    /// Reads a reference exactly as it is written; a name without a domain keeps none.
    ///
    /// # Errors
    /// [`ReferenceError`] for what the grammar of references does not allow.
    pub fn parse(text: &str) -> Result<Reference, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        let Some((name, tag, digest)) = split(text) else {
            if let Some(error) = short_digest(text) {
                return Err(error);
            }
            return Err(match split(&text.to_lowercase()) {
                Some(_) => ReferenceError::Uppercase,
                None => ReferenceError::Format,
            });
        };
        let mut reference = Reference::with_name(name)?;
        reference.tag = tag.map(str::to_string);
        reference.digest = digest.map(NameDigest::from_str).transpose()?;
        Ok(reference)
    }

    /// Reads a reference as people mean it: without a domain it is on `docker.io`, there without a folder in `library`.
    ///
    /// # Errors
    /// As [`Reference::parse`]; [`ReferenceError::Identifier`] for 64 hexadecimal digits, which are an image id.
    pub fn parse_normalized(text: &str) -> Result<Reference, ReferenceError> {
        if is_identifier(text) {
            return Err(ReferenceError::Identifier(text.to_string()));
        }
        if text.is_empty() {
            return Err(ReferenceError::Format);
        }
        let (domain, remainder) = split_domain(text);
        let path = remainder.split(':').next().unwrap_or_default();
        if path.to_lowercase() != path {
            return Err(ReferenceError::UppercaseName(path.to_string()));
        }
        Reference::parse(&format!("{domain}/{remainder}"))
    }

    /// Reads a name in its full form and refuses every other.
    ///
    /// # Errors
    /// As [`Reference::parse_normalized`]; [`ReferenceError::NotCanonical`] for a shorter form.
    pub fn parse_canonical(text: &str) -> Result<Reference, ReferenceError> {
        let reference = Reference::parse_normalized(text)?;
        if reference.to_string() != text {
            return Err(ReferenceError::NotCanonical);
        }
        Ok(reference)
    }

    /// Reads a reference as an engine uses it: normalised, a digest makes the tag superfluous, without both it is `latest`.
    ///
    /// # Errors
    /// As [`Reference::parse_normalized`].
    pub fn parse_for_engine(text: &str) -> Result<Reference, ReferenceError> {
        let mut reference = Reference::parse_normalized(text)?;
        if reference.digest.is_some() {
            reference.tag = None;
        }
        Ok(reference.with_default_tag())
    }

    /// Reads a name alone, without tag and digest.
    ///
    /// # Errors
    /// [`ReferenceError::Format`] and [`ReferenceError::TooLong`].
    pub fn with_name(name: &str) -> Result<Reference, ReferenceError> {
        let (domain, path) = split_name(name).ok_or(ReferenceError::Format)?;
        if path.len() > LONGEST_PATH {
            return Err(ReferenceError::TooLong);
        }
        Ok(Reference { domain: domain.to_string(), path: path.to_string(), tag: None, digest: None })
    }

    /// The registry's host and port; empty in a reference that was read raw and names none.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The repository's path in the registry: `library/alpine`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag, when one is written.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, when one is written that an image can be found by.
    pub fn digest(&self) -> Option<Digest> {
        match self.digest {
            Some(NameDigest::Known(digest)) => Some(digest),
            Some(NameDigest::Other(_)) | None => None,
        }
    }

    /// Whether a digest of any algorithm is written.
    pub(crate) fn has_digest(&self) -> bool {
        self.digest.is_some()
    }

    /// Domain and path: `docker.io/library/alpine`.
    pub fn name(&self) -> String {
        if self.domain.is_empty() { self.path.clone() } else { format!("{}/{}", self.domain, self.path) }
    }

    /// The name as people type it: `alpine`.
    pub fn familiar_name(&self) -> String {
        if self.domain != DEFAULT_DOMAIN {
            return self.name();
        }
        match self.path.strip_prefix(OFFICIAL_PREFIX) {
            Some(official) if !official.contains('/') => official.to_string(),
            _ => self.path.clone(),
        }
    }

    /// The whole reference as people type it: `alpine:3.20`.
    pub fn familiar(&self) -> String {
        self.with_suffix(self.familiar_name())
    }

    /// The same reference with the tag `latest` when it has neither a tag nor a digest.
    pub fn with_default_tag(&self) -> Reference {
        let mut reference = self.clone();
        if reference.tag.is_none() && reference.digest.is_none() {
            reference.tag = Some(DEFAULT_TAG.to_string());
        }
        reference
    }

    /// The same repository with this tag, if it can be one, and without a digest.
    pub(crate) fn with_tag(&self, tag: &str) -> Option<Reference> {
        let name = Reference { tag: None, digest: None, ..self.clone() };
        Reference::parse(&format!("{name}:{tag}")).ok()
    }

    /// The same reference without its digest.
    pub(crate) fn without_digest(&self) -> Reference {
        Reference { digest: None, ..self.clone() }
    }

    /// The same repository with this digest, and without a tag.
    pub(crate) fn with_digest(&self, digest: Digest) -> Reference {
        Reference { tag: None, digest: Some(NameDigest::Known(digest)), ..self.clone() }
    }

    /// The same reference without its tag.
    pub(crate) fn without_tag(&self) -> Reference {
        Reference { tag: None, ..self.clone() }
    }

    fn with_suffix(&self, mut text: String) -> String {
        if let Some(tag) = &self.tag {
            text.push(':');
            text.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            text.push('@');
            text.push_str(&digest.to_string());
        }
        text
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.with_suffix(self.name()))
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Reference, ReferenceError> {
        Reference::parse_normalized(text)
    }
}

impl serde::Serialize for Reference {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Reference {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Reference, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        Reference::parse_normalized(&text).map_err(serde::de::Error::custom)
    }
}

impl AnyReference {
    /// Reads an image id, a digest, or a name that is then normalised.
    ///
    /// # Errors
    /// As [`Reference::parse_normalized`].
    pub fn parse(text: &str) -> Result<AnyReference, ReferenceError> {
        if is_identifier(text) {
            return Ok(AnyReference::Digest(Digest::from_hex(text)?));
        }
        if let Ok(digest) = text.parse() {
            return Ok(AnyReference::Digest(digest));
        }
        Reference::parse_normalized(text).map(AnyReference::Named)
    }
}

/// The message for a name that is right except for a digest with too few digits to be one by the grammar.
fn short_digest(text: &str) -> Option<ReferenceError> {
    let (name, digest) = text.split_once('@')?;
    let (_, digits) = digest.split_once(':')?;
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    split(name)?;
    let error = digest.parse::<NameDigest>().err()?;
    matches!(error, ReferenceError::DigestLength { .. }).then_some(error)
}
