//! Images: the documents that a name leads to.
//!
//! ```text
//! index.json ─▶ manifest ─▶ configuration, layers
//!           └─▶ index of platforms ─▶ manifest …
//! ```

use super::{Error, Store};
use crate::oci::{
    Descriptor, Digest, DocumentKind, ImageConfig, Index, Layer, Manifest, Platform, media_type, to_json,
};

/// How deep indexes may be nested in one another. One level is usual.
pub(crate) const MOST_NESTED: usize = 8;

/// What a list of images says about one, besides its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Summary {
    /// The image id: the digest of the configuration.
    pub(crate) id: Digest,
    /// When the configuration says it was made, RFC 3339.
    pub(crate) created: Option<String>,
    /// What it runs on.
    pub(crate) platform: Platform,
    /// The layers' bytes together, as stored.
    pub(crate) size: u64,
    /// Whether it is a build cache that was pushed here, and no image.
    pub(crate) is_cache: bool,
}

impl Store {
    /// Stores the configuration and the manifest of an image whose layers are already in the store. Idempotent.
    ///
    /// The image has no name yet, see [`Store::tag`]. The configuration's list of layers must be that of `layers`.
    ///
    /// # Errors
    /// [`Error::Invalid`] and [`Error::Missing`] for layers that do not fit, [`Error::Document`] for an image that has so
    /// many of them, or so long a history, that nobody would read it, [`Error::Io`] for the disk's errors.
    pub fn put_image(&self, config: &ImageConfig, layers: &[Layer]) -> Result<Descriptor, Error> {
        let diff_ids: Vec<_> = layers.iter().map(|layer| layer.diff_id).collect();
        if diff_ids != config.rootfs.diff_ids {
            return Err(Error::Invalid {
                name: "rootfs.diff_ids".to_string(),
                kind: "list of the image's layers",
                reason: format!("it has {} entries for {} layers", config.rootfs.diff_ids.len(), layers.len()),
            });
        }
        for layer in layers {
            if !self.has(&layer.descriptor.digest) {
                return Err(Error::Missing { digest: layer.descriptor.digest });
            }
        }
        let config_descriptor = self.put_document(media_type::CONFIG, &to_json(config))?;
        let in_oci = |layer: &Layer| {
            let media_type = media_type::in_oci(&layer.descriptor.media_type).to_owned();
            Descriptor { media_type, ..layer.descriptor.clone() }
        };
        let manifest = Manifest::new(config_descriptor, layers.iter().map(in_oci).collect());
        let mut descriptor = self.put_document(media_type::MANIFEST, &to_json(&manifest))?;
        descriptor.platform = Some(config.platform());
        Ok(descriptor)
    }

    /// Reads manifest and configuration of an image. Of an index, the image for this machine is taken.
    ///
    /// # Errors
    /// What [`Store::read_document`] says of either, and [`Error::Invalid`] where they do not belong together.
    pub fn load_image(&self, descriptor: &Descriptor) -> Result<(Manifest, ImageConfig), Error> {
        let manifest: Manifest = self.read_document(&self.manifest_for(descriptor, &Platform::host())?)?;
        let config: ImageConfig = self.read_document(&manifest.config)?;
        if config.rootfs.diff_ids.len() != manifest.layers.len() {
            return Err(Error::Invalid {
                name: manifest.config.digest.to_string(),
                kind: "configuration of its manifest",
                reason: format!(
                    "it lists {} layers, the manifest {}",
                    config.rootfs.diff_ids.len(),
                    manifest.layers.len()
                ),
            });
        }
        Ok((manifest, config))
    }

    /// What a list of images says about this one.
    ///
    /// # Errors
    /// What [`Store::load_image`] says.
    pub(crate) fn summary(&self, descriptor: &Descriptor) -> Result<Summary, Error> {
        if DocumentKind::of(&descriptor.media_type) == Some(DocumentKind::Manifest) {
            let manifest: Manifest = self.read_document(descriptor)?;
            if manifest.is_cache() {
                let (id, size) = (manifest.config.digest, manifest.size());
                return Ok(Summary { id, platform: Platform::host(), size, created: None, is_cache: true });
            }
        }
        let (manifest, config) = self.load_image(descriptor)?;
        Ok(Summary {
            id: manifest.config.digest,
            platform: config.platform(),
            size: manifest.size(),
            created: config.created,
            is_cache: false,
        })
    }

    /// The layers of an image, lowest first, with both of their digests.
    pub fn layers(&self, manifest: &Manifest, config: &ImageConfig) -> Vec<Layer> {
        let diff_ids = config.rootfs.diff_ids.iter();
        let pairs = manifest.layers.iter().zip(diff_ids);
        pairs.map(|(descriptor, diff_id)| Layer { descriptor: descriptor.clone(), diff_id: *diff_id }).collect()
    }

    /// Follows indexes down to the manifest for a platform; a manifest is returned as it is.
    ///
    /// # Errors
    /// [`Error::Platform`] for an index without the platform, [`Error::Invalid`] for one that is nested too deep, and what
    /// [`Store::read_document`] says.
    pub(crate) fn manifest_for(&self, descriptor: &Descriptor, platform: &Platform) -> Result<Descriptor, Error> {
        let mut current = descriptor.clone();
        for _ in 0..=MOST_NESTED {
            if DocumentKind::of(&current.media_type) != Some(DocumentKind::Index) {
                return Ok(current);
            }
            let mut index: Index = self.read_document(&current)?;
            let Some(next) = index.manifests.iter().position(|entry| entry.is_for(platform)) else {
                let platforms = index.manifests.iter().filter_map(|entry| entry.platform.as_ref());
                let available: Vec<String> = platforms.map(Platform::to_string).collect();
                return Err(Error::Platform {
                    digest: current.digest.into(),
                    platform: platform.to_string(),
                    available: available.join(", "),
                });
            };
            current = index.manifests.swap_remove(next);
        }
        Err(too_deep(descriptor))
    }
}

/// What is said of an index that has an index in it that has an index in it …
pub(crate) fn too_deep(descriptor: &Descriptor) -> Error {
    Error::Invalid {
        name: descriptor.digest.to_string(),
        kind: "image index",
        reason: format!("more than {MOST_NESTED} indexes are nested"),
    }
}
