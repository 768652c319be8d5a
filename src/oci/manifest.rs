//! Manifest, index and layout file.
//!
//! Specification: OCI image specification, manifest.md, image-index.md, image-layout.md.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Descriptor, media_type};

/// The annotation that holds an image's name in the index of an image layout.
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The annotation that other tools use for an image's full name, with the registry's domain.
pub(crate) const IMAGE_NAME: &str = "io.containerd.image.name";

/// One image for one platform: its configuration and its layers, lowest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// The manifest's own type; older tools leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// For artifacts that are not images: what they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The image configuration.
    pub config: Descriptor,
    /// The layers, lowest first.
    pub layers: Vec<Descriptor>,
    /// Another manifest that this one is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Free key-value pairs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "super::config::null_default")]
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// A manifest of the OCI type.
    pub(crate) fn new(config: Descriptor, layers: Vec<Descriptor>) -> Manifest {
        Manifest {
            schema_version: 2,
            media_type: Some(media_type::MANIFEST.to_string()),
            artifact_type: None,
            config,
            layers,
            subject: None,
            annotations: BTreeMap::new(),
        }
    }

    /// Whether it is that of an image: attestations have one, too, and no file system.
    pub(crate) fn is_image(&self) -> bool {
        media_type::is_config(&self.config.media_type)
            && self.layers.iter().all(|layer| media_type::is_layer(&layer.media_type))
    }

    /// Whether it is that of a build cache of this program, which has layers and is no image.
    pub(crate) fn is_cache(&self) -> bool {
        self.config.media_type == media_type::CACHE
    }

    /// The bytes of all layers together, as they are stored. What a manifest claims may be more than any number holds.
    pub(crate) fn size(&self) -> u64 {
        self.layers.iter().fold(0, |sum, layer| layer.size.saturating_add(sum))
    }
}

/// A list of manifests: the platforms of one image, or everything in an image layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    /// Always 2.
    pub(crate) schema_version: u32,
    /// The index's own type; older tools leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) media_type: Option<String>,
    /// For artifacts that are not images: what they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<String>,
    /// The manifests, or further indexes.
    pub(crate) manifests: Vec<Descriptor>,
    /// Another manifest that this one is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<Descriptor>,
    /// Free key-value pairs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "super::config::null_default")]
    pub(crate) annotations: BTreeMap<String, String>,
}

impl Index {
    /// An index of the OCI type.
    pub(crate) fn new(manifests: Vec<Descriptor>) -> Index {
        Index {
            schema_version: 2,
            media_type: Some(media_type::INDEX.to_string()),
            artifact_type: None,
            manifests,
            subject: None,
            annotations: BTreeMap::new(),
        }
    }
}

/// The file `oci-layout` at the root of an image layout: `{"imageLayoutVersion":"1.0.0"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Layout {
    /// The version of the layout, 1.0.0.
    pub(crate) image_layout_version: String,
}

impl Default for Layout {
    fn default() -> Layout {
        Layout { image_layout_version: "1.0.0".to_string() }
    }
}
