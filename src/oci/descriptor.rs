//! Descriptors: how one document points at another blob.
//!
//! Specification: OCI image specification, descriptor.md and media-types.md.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Digest, Platform};

/// The media types that this program writes or reads.
pub mod media_type {
    /// An image manifest.
    pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// An image index: a list of manifests.
    pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// An image configuration.
    pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// A layer as plain tar: the only form that is written.
    pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    /// A layer as tar compressed with gzip: read only.
    pub const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// A layer as tar compressed with zstd: read only.
    pub const LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
    /// Docker's manifest, schema 2: read only.
    pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker's manifest list: read only.
    pub(crate) const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker's layer as plain tar: read only.
    const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
    /// Docker's layer as tar compressed with gzip: read, and written beside others of Docker's types.
    const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// Docker's image configuration: read only.
    pub(crate) const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// The configuration of a build cache of this program.
    pub(crate) const CACHE: &str = "application/vnd.layerlab.cache.v1+json";
    /// The list of the files that went into a step, in such a cache.
    pub(crate) const CACHE_LISTING: &str = "application/vnd.layerlab.cache.listing.v1";
    /// Whether a media type names a manifest of one image.
    pub(crate) fn is_manifest(text: &str) -> bool {
        matches!(text, MANIFEST | DOCKER_MANIFEST)
    }

    /// Whether a media type names a list of manifests.
    pub(crate) fn is_index(text: &str) -> bool {
        matches!(text, INDEX | DOCKER_INDEX)
    }

    /// Whether a media type names a layer of a file system, in a compression or none.
    pub(crate) fn is_layer(text: &str) -> bool {
        ["application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs."]
            .iter()
            .any(|kind| text.starts_with(kind))
    }

    /// What a layer that is plain tar has to be called when it is compressed with gzip. `None`: it is no such layer.
    pub(crate) fn gzipped(text: &str) -> Option<&'static str> {
        match text {
            LAYER => Some(LAYER_GZIP),
            DOCKER_LAYER => Some(DOCKER_LAYER_GZIP),
            _ => None,
        }
    }

    /// What a layer is called in a manifest of the OCI type: some programs read no others there.
    pub(crate) fn in_oci(text: &str) -> &str {
        match text {
            DOCKER_LAYER => LAYER,
            DOCKER_LAYER_GZIP => LAYER_GZIP,
            other => other,
        }
    }

    /// Whether a media type names a layer that nobody but its maker may distribute, as in images of Windows.
    pub(crate) fn is_foreign(text: &str) -> bool {
        text.contains("foreign") || text.contains("nondistributable")
    }

    /// Whether a media type names an image configuration.
    pub(crate) fn is_config(text: &str) -> bool {
        matches!(text, CONFIG | DOCKER_CONFIG)
    }
}

/// Names one blob: what it is, its digest and its size in bytes.
///
/// ```json
/// {"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:…","size":10240}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The type of the blob, one of [`media_type`] or foreign.
    pub media_type: String,
    /// The digest of the blob as it is stored.
    pub digest: Digest,
    /// The size of the blob as it is stored, in bytes; as in the specification at most 2⁶³ − 1.
    #[serde(deserialize_with = "size")]
    pub size: u64,
    /// Free key-value pairs; in the store's index they hold an image's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "super::config::null_default")]
    pub(crate) annotations: BTreeMap<String, String>,
    /// For a manifest in an index: what the image runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<Platform>,
}

impl Descriptor {
    /// A descriptor without annotations and platform.
    pub(crate) fn new(media_type: &str, digest: Digest, size: u64) -> Descriptor {
        Descriptor { media_type: media_type.to_string(), digest, size, annotations: BTreeMap::new(), platform: None }
    }

    /// Whether an entry of an index can be taken for a platform. One that names none can.
    pub(crate) fn is_for(&self, platform: &Platform) -> bool {
        self.platform.as_ref().is_none_or(|own| {
            own.os == platform.os
                && own.architecture == platform.architecture
                && (platform.variant.is_none() || own.variant.is_none() || platform.variant == own.variant)
        })
    }
}

/// Reads a size; one that no file can have is refused here, so that sums of sizes have room.
fn size<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let size = u64::deserialize(deserializer)?;
    if i64::try_from(size).is_err() {
        return Err(serde::de::Error::custom(format!("the size {size} is above 2^63 - 1")));
    }
    Ok(size)
}
