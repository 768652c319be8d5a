//! A cache that is shared: what a build made, in a registry or in a folder, for builds elsewhere.
//!
//! Specification: an image manifest of OCI 1.1 whose configuration is a document of ours, as for other artifacts.
//!
//! ```text
//! manifest ─▶ config   application/vnd.layerlab.cache.v1+json: the build and the records of its steps (document.rs)
//!          ├▶ layers   …image.layer.v1.tar+gzip: those of the records, as an image that is pushed has them
//!          └▶ layers   application/vnd.layerlab.cache.listing.v1: the files that went into each COPY
//! ```
//!
//! So a registry has a layer once for the image and for its cache. In a folder the same is an image layout.
//!
//! | file | what it is |
//! |---|---|
//! | `place` | where a cache is |
//! | `document` | the document, and what of it is believed |
//! | `folder` | a cache as a folder |
//! | `export` | from the records of this home to a cache |
//! | `import` | caches that a build may use: records at once, layers when they are needed |
//!
//! An imported record is somebody else's word. It is found by a key that was made here, so it can't choose for which step it counts; the layer
//! that it names has the content of its digest, and is read from its first to its last entry, before anything of it is used. That it is what the
//! step would have left nobody can check: whoever uses a cache trusts who may write to it, as with an image.
//!
//! Left out: BuildKit's own format, whose keys are others.

mod document;
mod error;
mod export;
mod folder;
mod import;
mod place;

pub(crate) use document::{SHARED, prove};
pub(crate) use error::Error;
pub(crate) use export::Export;
pub use export::Exported;
pub use import::Caches;
pub(crate) use import::Offer;
pub(crate) use place::Place;
