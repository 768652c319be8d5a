//! Digests, and the two kinds of identity that are made from them.
//!
//! Specification: OCI image specification, "Digests" in descriptor.md and "Layer DiffID", "Layer ChainID" in
//! config.md. Three types keep apart what is easily mixed up:
//!
//! - [`Digest`]: SHA-256 of bytes *as they are stored* (a layer may be stored compressed);
//! - [`DiffId`]: SHA-256 of a layer's *uncompressed* tar;
//! - [`ChainId`]: names a layer *together with all layers below it*.
//!
//! Left out: SHA-512 and other registered algorithms. Parsing one says so.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

/// Why a text is not a digest that this program can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// No colon between the algorithm and the encoded part, or characters that no algorithm uses.
    #[error("`{0}` is not a digest (expected `sha256:` and 64 hexadecimal digits)")]
    Format(String),
    /// A well-formed digest of another algorithm than SHA-256.
    #[error("unsupported digest algorithm `{0}`")]
    Algorithm(String),
    /// SHA-256, but not 64 lower-case hexadecimal digits.
    #[error("`{0}` is not 64 lower-case hexadecimal digits")]
    Encoded(String),
}

/// A SHA-256 digest of bytes as they are stored.
///
/// Text form, also in JSON: `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Hashes bytes that are already in memory; use [`Hasher`] for a stream.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(sha2::Sha256::digest(bytes).into())
    }

    /// Wraps 32 bytes that are known to be a SHA-256.
    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Digest {
        Digest(bytes)
    }

    /// The 32 bytes.
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 hexadecimal digits without the algorithm: the file name of a blob.
    pub fn hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(64);
        for byte in self.0 {
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

    /// Reads 64 lower-case hexadecimal digits without an algorithm.
    pub(crate) fn from_hex(hex: &str) -> Result<Digest, DigestError> {
        let wrong = || DigestError::Encoded(hex.to_string());
        let digits = hex.as_bytes();
        if digits.len() != 64 {
            return Err(wrong());
        }
        let mut bytes = [0u8; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let high = hex_value(pair[0]).ok_or_else(wrong)?;
            let low = hex_value(pair[1]).ok_or_else(wrong)?;
            *byte = high << 4 | low;
        }
        Ok(Digest(bytes))
    }
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
        write!(formatter, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "sha256:{}", self.short())
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Digest, DigestError> {
        let Some((algorithm, encoded)) = text.split_once(':') else {
            return Err(DigestError::Format(text.to_string()));
        };
        if algorithm != "sha256" {
            return Err(if super::validate::is_digest(text) {
                DigestError::Algorithm(algorithm.to_string())
            } else {
                DigestError::Format(text.to_string())
            });
        }
        Digest::from_hex(encoded)
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
#[derive(Clone, Default)]
pub(crate) struct Hasher(sha2::Sha256);

impl Hasher {
    /// A hasher that has seen nothing.
    pub(crate) fn new() -> Hasher {
        Hasher::default()
    }

    /// Adds bytes; how they are cut into pieces makes no difference.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of everything that was added.
    pub(crate) fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
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
