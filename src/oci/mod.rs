//! The documents of an OCI image, and the names people give to images.
//!
//! Specification: the OCI image specification, version 1.1 (descriptor, manifest, index, configuration,
//! image layout), and the reference grammar of the distribution project.
//!
//! Nothing here touches a file: [`crate::store`] keeps these documents on disk, [`crate::layer`] the archives that
//! they list. Digests are SHA-256 only; a document that uses another algorithm is refused with a message.
//!
//! Read [`digest`] first, then [`descriptor`], [`manifest`], [`config`], [`Layer`]; [`reference`](mod@reference) stands alone.

pub(crate) mod config;
pub(crate) mod descriptor;
pub mod digest;
pub(crate) mod environment;
mod grammar;
pub(crate) mod kind;
mod layer;
pub(crate) mod manifest;
pub(crate) mod platform;
mod port;
pub(crate) mod reference;
pub(crate) mod signal;
pub mod validate;

pub(crate) use config::{ContainerConfig, Empty, HealthConfig, RootFs};
pub use config::{History, ImageConfig};
pub use descriptor::{Descriptor, media_type};
pub use digest::{Algorithm, ChainId, DiffId, Digest};
pub(crate) use digest::{DigestError, Hasher};
pub(crate) use environment::Environment;
pub(crate) use kind::{Document, DocumentKind};
pub use layer::Layer;
pub use manifest::Manifest;
pub(crate) use manifest::{Index, Layout};
pub use platform::Platform;
pub(crate) use platform::PlatformError;
pub(crate) use port::{PortSpecification, Protocol};
pub use reference::{AnyReference, Reference, ReferenceError};
pub(crate) use signal::{is_signal, signal_number};

/// Returns the canonical JSON of a document: compact, fields in the order of the type, no newline at the end.
///
/// The same value gives the same bytes on every machine, so its digest names the value.
pub fn to_json<T: serde::Serialize>(document: &T) -> Vec<u8> {
    serde_json::to_vec(document).expect("the document types have string keys only, which always serialise")
}
