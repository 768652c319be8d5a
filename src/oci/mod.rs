//! The documents of an OCI image, and the names people give to images.
//!
//! Specification: the OCI image specification, version 1.1 (descriptor, manifest, index, configuration,
//! image layout), and the reference grammar of the distribution project.
//!
//! Nothing here touches a file: [`crate::store`] keeps these documents on disk, [`crate::layer`] the archives that
//! they list. Digests are SHA-256 only; a document that uses another algorithm is refused with a message.
//!
//! Read [`digest`] first, then [`descriptor`], [`manifest`], [`config`]; [`reference`](mod@reference) stands alone.

pub mod config;
pub mod descriptor;
pub mod digest;
pub mod environment;
pub mod kind;
pub mod manifest;
pub mod platform;
pub mod reference;
pub mod signal;
pub mod validate;

pub use config::{ContainerConfig, Empty, HealthConfig, History, ImageConfig, RootFs};
pub use descriptor::{Descriptor, media_type};
pub use digest::{ChainId, DiffId, Digest, DigestError, Hasher};
pub use environment::Environment;
pub use kind::{Document, DocumentKind};
pub use manifest::{Index, Layout, Manifest};
pub use platform::{Platform, PlatformError};
pub use reference::{AnyReference, Reference, ReferenceError};
pub use signal::is_signal;

/// Returns the canonical JSON of a document: compact, fields in the order of the type, no newline at the end.
///
/// The same value gives the same bytes on every machine, so its digest names the value.
pub fn to_json<T: serde::Serialize>(document: &T) -> Vec<u8> {
    serde_json::to_vec(document).expect("the document types have string keys only, which always serialise")
}
