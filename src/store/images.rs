//! Images: names in the index, and the documents that they lead to.
//!
//! A name is the annotation `org.opencontainers.image.ref.name` of a descriptor in `index.json`. Its value is the name as
//! people type it (`first_image:latest`), because that is what they will type after `oci:STORE:` for another tool, which
//! compares the text. An image with the tag `latest` has a second descriptor with the name alone (`first_image`). Both
//! carry `io.containerd.image.name` with the full name, by which this program finds them. Descriptors that others have
//! put into the index are kept.

use super::{Error, LockMode, Store, atomic_write, lock};
use crate::layer::Layer;
use crate::oci::manifest::{IMAGE_NAME, REF_NAME};
use crate::oci::{Descriptor, Digest, ImageConfig, Index, Manifest, Platform, Reference, media_type, to_json};

/// One name (or one image without a name) of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The name; `None` for an image that only has a digest.
    pub reference: Option<Reference>,
    /// The manifest.
    pub manifest: Descriptor,
    /// The image id: the digest of the configuration.
    pub id: Digest,
    /// When the configuration says it was made, RFC 3339.
    pub created: Option<String>,
    /// What it runs on.
    pub platform: Platform,
    /// The layers' bytes together, as stored.
    pub size: u64,
}

impl Store {
    /// Stores the configuration and the manifest of an image whose layers are already in the store. Idempotent.
    ///
    /// The image has no name yet, see [`Store::tag`]. The configuration's list of layers must be that of `layers`.
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
        let config_descriptor = self.put_bytes(media_type::CONFIG, &to_json(config))?;
        let layers = layers.iter().map(|layer| layer.descriptor.clone()).collect();
        let manifest = Manifest::new(config_descriptor, layers);
        let mut descriptor = self.put_bytes(media_type::MANIFEST, &to_json(&manifest))?;
        descriptor.platform = Some(config.platform());
        Ok(descriptor)
    }

    /// Reads manifest and configuration of an image. Of an index, the image for this machine is taken.
    pub fn load_image(&self, descriptor: &Descriptor) -> Result<(Manifest, ImageConfig), Error> {
        let manifest: Manifest = self.read_json(&self.manifest_for(descriptor, &Platform::host())?)?;
        let config: ImageConfig = self.read_json(&manifest.config)?;
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

    /// The layers of an image, lowest first, with both of their digests.
    pub fn layers(&self, manifest: &Manifest, config: &ImageConfig) -> Vec<Layer> {
        let diff_ids = config.rootfs.diff_ids.iter();
        let pairs = manifest.layers.iter().zip(diff_ids);
        pairs.map(|(descriptor, diff_id)| Layer { descriptor: descriptor.clone(), diff_id: *diff_id }).collect()
    }

    /// Follows indexes down to the manifest for a platform; a manifest is returned as it is.
    pub fn manifest_for(&self, descriptor: &Descriptor, platform: &Platform) -> Result<Descriptor, Error> {
        let mut current = descriptor.clone();
        // Indexes may be nested, but a chain of them has an end.
        for _ in 0..8 {
            if !media_type::is_index(&current.media_type) {
                return Ok(current);
            }
            let index: Index = self.read_json(&current)?;
            let fits = |candidate: &&Descriptor| {
                candidate.platform.as_ref().is_none_or(|other| {
                    other.os == platform.os
                        && other.architecture == platform.architecture
                        && (platform.variant.is_none() || other.variant.is_none() || platform.variant == other.variant)
                })
            };
            let Some(next) = index.manifests.iter().find(fits) else {
                let available: Vec<String> = index
                    .manifests
                    .iter()
                    .filter_map(|entry| entry.platform.as_ref())
                    .map(Platform::to_string)
                    .collect();
                return Err(Error::Platform {
                    digest: current.digest,
                    platform: platform.to_string(),
                    available: available.join(", "),
                });
            };
            current = next.clone();
        }
        Err(Error::Invalid {
            name: descriptor.digest.to_string(),
            kind: "image index",
            reason: "more than 8 indexes are nested".to_string(),
        })
    }

    /// What a name stands for, if the store has it. A reference without a tag means `latest`; one with a digest is found
    /// by the digest alone.
    pub fn resolve(&self, name: &Reference) -> Result<Option<Descriptor>, Error> {
        let index = self.index()?;
        if let Some(digest) = name.digest() {
            return Ok(index.manifests.into_iter().find(|entry| entry.digest == digest).map(without_name));
        }
        let wanted = name.with_default_tag();
        Ok(index.manifests.into_iter().find(|entry| name_of(entry).as_ref() == Some(&wanted)).map(without_name))
    }

    /// Finds an image by a whole digest or image id, by its name, or by the beginning of its id or digest, in this order.
    pub fn find(&self, text: &str) -> Result<Image, Error> {
        let images = self.images()?;
        let hex = text.strip_prefix("sha256:").unwrap_or(text);
        let whole = |image: &&Image| hex == image.id.hex() || hex == image.manifest.digest.hex();
        if let Some(image) = images.iter().find(whole) {
            return Ok(image.clone());
        }
        if let Ok(reference) = Reference::parse_normalized(text) {
            let wanted = reference.with_default_tag();
            let by_name = |image: &&Image| match reference.digest() {
                Some(digest) => image.manifest.digest == digest,
                None => image.reference.as_ref() == Some(&wanted),
            };
            if let Some(image) = images.iter().find(by_name) {
                return Ok(image.clone());
            }
        }
        let is_hex = !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        let begins = |image: &&Image| image.id.hex().starts_with(hex) || image.manifest.digest.hex().starts_with(hex);
        let candidates: Vec<&Image> = if is_hex { images.iter().filter(begins).collect() } else { Vec::new() };
        let mut ids: Vec<Digest> = candidates.iter().map(|image| image.manifest.digest).collect();
        ids.sort();
        ids.dedup();
        match (candidates.first(), ids.len()) {
            (None, _) => Err(Error::NoImage { name: text.to_string() }),
            (Some(image), 1) => Ok((*image).clone()),
            (Some(_), count) => Err(Error::Ambiguous { prefix: text.to_string(), count }),
        }
    }

    /// Gives an image a name; an image that had the name loses it. Atomic and idempotent. A digest in the reference is
    /// ignored, a missing tag is `latest`.
    pub fn tag(&self, name: &Reference, descriptor: &Descriptor) -> Result<(), Error> {
        let name = name.without_digest().with_default_tag();
        self.change_index(|manifests| {
            manifests.retain(|entry| name_of(entry).as_ref() != Some(&name) && !is_plain(entry, descriptor));
            let mut texts = vec![name.familiar()];
            if name.tag() == Some("latest") {
                texts.push(name.familiar_name());
            }
            for text in texts {
                let mut entry = without_name(descriptor.clone());
                entry.annotations.insert(REF_NAME.to_string(), text);
                entry.annotations.insert(IMAGE_NAME.to_string(), name.to_string());
                manifests.push(entry);
            }
        })
    }

    /// Takes a name away; says whether there was one. The blobs stay until garbage is collected.
    pub fn untag(&self, name: &Reference) -> Result<bool, Error> {
        let name = name.without_digest().with_default_tag();
        let mut removed = false;
        self.change_index(|manifests| {
            let before = manifests.len();
            manifests.retain(|entry| name_of(entry).as_ref() != Some(&name));
            removed = manifests.len() != before;
        })?;
        Ok(removed)
    }

    /// All names, in the order in which they were given. Entries of the index that are no images for this machine are
    /// left out.
    pub fn images(&self) -> Result<Vec<Image>, Error> {
        let mut images: Vec<Image> = Vec::new();
        for entry in self.index()?.manifests {
            let reference = name_of(&entry);
            let same = |image: &Image| image.reference == reference && image.manifest.digest == entry.digest;
            if images.iter().any(same) {
                continue;
            }
            let (manifest, config) = match self.load_image(&entry) {
                Ok(loaded) => loaded,
                Err(Error::Platform { .. }) => continue,
                Err(error) => return Err(error),
            };
            images.push(Image {
                reference,
                id: manifest.config.digest,
                created: config.created.clone(),
                platform: config.platform(),
                size: manifest.layers.iter().map(|layer| layer.size).sum(),
                manifest: without_name(entry),
            });
        }
        Ok(images)
    }

    /// The list of everything in the store that has a name.
    pub fn index(&self) -> Result<Index, Error> {
        let path = self.home().index_path();
        let text = std::fs::read(&path).map_err(Error::io("read", &path))?;
        serde_json::from_slice(&text).map_err(|error| Error::Invalid {
            name: path.display().to_string(),
            kind: "image index",
            reason: error.to_string(),
        })
    }

    fn change_index(&self, change: impl FnOnce(&mut Vec<Descriptor>)) -> Result<(), Error> {
        let _lock = lock(&self.home().index_lock_path(), LockMode::Exclusive)?;
        let mut index = self.index()?;
        let before = index.clone();
        change(&mut index.manifests);
        if index == before {
            return Ok(());
        }
        atomic_write(&self.home().index_path(), &to_json(&index))
    }
}

/// The full name of an entry of the index: this program's annotation, or what another tool has written.
fn name_of(entry: &Descriptor) -> Option<Reference> {
    let text = entry.annotations.get(IMAGE_NAME).or_else(|| entry.annotations.get(REF_NAME))?;
    Reference::parse_normalized(text).ok().map(|reference| reference.with_default_tag())
}

/// Whether an entry is the same image without any name, which naming it makes superfluous.
fn is_plain(entry: &Descriptor, descriptor: &Descriptor) -> bool {
    entry.digest == descriptor.digest && entry.annotations.is_empty()
}

fn without_name(mut descriptor: Descriptor) -> Descriptor {
    descriptor.annotations.remove(REF_NAME);
    descriptor.annotations.remove(IMAGE_NAME);
    descriptor
}
