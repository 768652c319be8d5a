//! Digests, and the two kinds of identity that are made from them.
//!
//! Specification: OCI image specification, "Digests" in descriptor.md and "Layer DiffID", "Layer ChainID" in
//! config.md. Three types keep apart what is easily mixed up:
//!
//! - [`Digest`]: a hash of bytes *as they are stored* (a layer may be stored compressed);
//! - [`DiffId`]: a hash of a layer's *uncompressed* tar;
//! - [`ChainId`]: names a layer *together with all layers below it*.
//!
//! What this program makes has a SHA-256. What comes from elsewhere may have a SHA-512, and keeps it. Left out: other algorithms; parsing one says so.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

/// Why a text is not a digest that this program can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// No colon between the algorithm and the encoded part, or characters that no algorithm uses.
    #[error("`{0}` is not a digest (expected `sha256:` and 64 hexadecimal digits, or `sha512:` and 128)")]
    Format(String),
    /// A well-formed digest of another algorithm.
    #[error("unsupported digest algorithm `{0}`")]
    Algorithm(String),
    /// SHA-256 or SHA-512, but not 64 or 128 lower-case hexadecimal digits.
    #[error("`{0}` is not {digits} lower-case hexadecimal digits", digits = if .0.len() > 96 { 128 } else { 64 })]
    Encoded(String),
}

/// How a digest is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    /// All of them.
    pub(crate) const ALL: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Sha512];

    /// What stands before the colon, and the folder of the blobs in a layout.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    /// That of this name.
    pub(crate) fn of_name(name: &str) -> Option<Algorithm> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// A digest of bytes as they are stored.
///
/// Text form, also in JSON: `sha256:` and 64 lower-case hexadecimal digits, or `sha512:` and 128.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(Hash);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Hash {
    Sha256([u8; 32]),
    Sha512([u8; 64]),
}

impl Digest {
    /// The SHA-256 of bytes that are already in memory; use [`Hasher`] for a stream.
    pub fn of(bytes: &[u8]) -> Digest {
        Algorithm::Sha256.hash(bytes)
    }

    /// Wraps 32 bytes that are known to be a SHA-256.
    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Digest {
        Digest(Hash::Sha256(bytes))
    }

    /// How it is made.
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            Hash::Sha256(_) => Algorithm::Sha256,
            Hash::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// The 32 or 64 bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Hash::Sha256(bytes) => bytes,
            Hash::Sha512(bytes) => bytes,
        }
    }

    /// The 64 or 128 hexadecimal digits without the algorithm: the file name of a blob.
    pub fn hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(128);
        for byte in self.as_bytes() {
            text.push(DIGITS[usize::from(byte >> 4)] as char);
            text.push(DIGITS[usize::from(byte & 15)] as char);
        }
        text
    }

    /// The first 12 hexadecimal digits, the form that people read and type.
    pub fn short(&self) -> String {
        let mut text = self.hex();
        text.truncate(12);
        text
    }

    /// Reads 64 or 128 lower-case hexadecimal digits without an algorithm: their number tells it.
    pub(crate) fn from_hex(hex: &str) -> Result<Digest, DigestError> {
        let found = match hex.len() {
            128 => bytes_of(hex).map(Hash::Sha512),
            _ => bytes_of(hex).map(Hash::Sha256),
        };
        found.map(Digest).ok_or_else(|| DigestError::Encoded(hex.to_string()))
    }
}

impl Algorithm {
    /// The digest of bytes that are already in memory.
    pub(crate) fn hash(self, bytes: &[u8]) -> Digest {
        Digest(match self {
            Algorithm::Sha256 => Hash::Sha256(sha2::Sha256::digest(bytes).into()),
            Algorithm::Sha512 => Hash::Sha512(sha2::Sha512::digest(bytes).into()),
        })
    }
}

/// So many bytes, written as two digits each.
fn bytes_of<const LENGTH: usize>(hex: &str) -> Option<[u8; LENGTH]> {
    let digits = hex.as_bytes();
    let mut bytes = [0u8; LENGTH];
    if digits.len() != 2 * LENGTH {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = hex_value(pair[0])? << 4 | hex_value(pair[1])?;
    }
    Some(bytes)
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.algorithm().name(), self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.algorithm().name(), self.short())
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Digest, DigestError> {
        let Some((algorithm, encoded)) = text.split_once(':') else {
            return Err(DigestError::Format(text.to_string()));
        };
        match Algorithm::of_name(algorithm) {
            Some(algorithm) => Digest::from_hex(encoded)
                .ok()
                .filter(|digest| digest.algorithm() == algorithm)
                .ok_or_else(|| DigestError::Encoded(encoded.to_string())),
            None if super::validate::is_digest(text) => Err(DigestError::Algorithm(algorithm.to_string())),
            None => Err(DigestError::Format(text.to_string())),
        }
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Hashes a stream piece by piece.
#[derive(Clone)]
pub(crate) enum Hasher {
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
}

impl Hasher {
    /// One for a SHA-256 that has seen nothing.
    pub(crate) fn new() -> Hasher {
        Hasher::of(Algorithm::Sha256)
    }

    /// One for an algorithm that has seen nothing.
    pub(crate) fn of(algorithm: Algorithm) -> Hasher {
        match algorithm {
            Algorithm::Sha256 => Hasher::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => Hasher::Sha512(sha2::Sha512::new()),
        }
    }

    /// Adds bytes; how they are cut into pieces makes no difference.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// The digest of everything that was added.
    pub(crate) fn finish(self) -> Digest {
        Digest(match self {
            Hasher::Sha256(hasher) => Hash::Sha256(hasher.finalize().into()),
            Hasher::Sha512(hasher) => Hash::Sha512(hasher.finalize().into()),
        })
    }
}

impl Default for Hasher {
    fn default() -> Hasher {
        Hasher::new()
    }
}

/// The digest of a layer's *uncompressed* tar archive; `rootfs.diff_ids` of an image configuration lists these.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DiffId(pub Digest);

/// The identity of a stack of layers: the result of applying them in order, not of the top one alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChainId(pub(crate) Digest);

impl ChainId {
    /// The chain of layers from the lowest to the top; `None` for no layer at all.
    pub fn of(diff_ids: &[DiffId]) -> Option<ChainId> {
        diff_ids.iter().fold(None, |parent, diff_id| Some(ChainId::extend(parent, *diff_id)))
    }

    /// The chain that has one more layer on top. The lowest layer's chain is its own diff id.
    pub(crate) fn extend(parent: Option<ChainId>, diff_id: DiffId) -> ChainId {
        match parent {
            None => ChainId(diff_id.0),
            Some(parent) => ChainId(chain_digest(&parent.to_string(), &diff_id.to_string())),
        }
    }
}

/// The rule of a chain: the digest of the parent's text, a space, and the layer's text.
pub fn chain_digest(parent: &str, diff_id: &str) -> Digest {
    Digest::of(format!("{parent} {diff_id}").as_bytes())
}

macro_rules! digest_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, formatter)
            }
        }

        impl FromStr for $name {
            type Err = DigestError;

            fn from_str(text: &str) -> Result<$name, DigestError> {
                text.parse().map($name)
            }
        }
    };
}

digest_text!(DiffId);
digest_text!(ChainId);
