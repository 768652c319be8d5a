//! Removing blobs that nothing refers to.

use std::collections::BTreeSet;

use super::{Error, Store, write};
use crate::oci::{Descriptor, DiffId, Digest, ImageConfig, Index, Manifest, media_type};

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// The blobs, sorted.
    pub blobs: Vec<Digest>,
    /// Their bytes, together with those of derived copies.
    pub bytes: u64,
}

impl Store {
    /// Removes every blob that neither a name in the index nor one of `roots` leads to, and expanded copies of layers
    /// that are gone.
    ///
    /// Roots may be manifests, configurations or layers; a root that is not in the store is passed over. Fails with
    /// [`Error::Busy`] while another [`Store`] is open, in this or another process: what it has written and not yet
    /// named would be lost. Trees that were read before are to be read again, because expanded copies may be gone. Unpacked layers stay; their owner removes them with [`Store::unpacked_garbage`].
    pub fn collect_garbage(&self, roots: &[Digest]) -> Result<Collected, Error> {
        if !self.lease.try_upgrade()? {
            return Err(Error::Busy);
        }
        let result = self.collect_alone(roots);
        self.lease.downgrade()?;
        result
    }

    /// Folders under `unpacked/` of layers that are not in the store any more. Removing them may need the user namespace in
    /// which they were made, so it is left to the caller. Folders of whole chains are not told apart and stay.
    pub fn unpacked_garbage(&self) -> Result<Vec<std::path::PathBuf>, Error> {
        let folder = self.home().unpacked_dir();
        let mut garbage = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(Error::io("list", &folder))? {
            let entry = entry.map_err(Error::io("list", &folder))?;
            let name = entry.file_name();
            let hex = name.to_str().and_then(|name| name.split('.').next()).unwrap_or_default();
            let Ok(digest) = Digest::from_hex(hex) else { continue };
            if !self.has(&digest) && !self.home().expanded(&DiffId(digest)).exists() {
                garbage.push(entry.path());
            }
        }
        garbage.sort();
        Ok(garbage)
    }

    fn collect_alone(&self, roots: &[Digest]) -> Result<Collected, Error> {
        let mut reachable = Reachable::default();
        for entry in self.index()?.manifests {
            self.reach(&entry, &mut reachable)?;
        }
        for root in roots {
            self.reach_root(root, &mut reachable)?;
        }
        let mut collected = Collected::default();
        let blobs = self.home().blobs();
        for entry in std::fs::read_dir(&blobs).map_err(Error::io("list", &blobs))? {
            let entry = entry.map_err(Error::io("list", &blobs))?;
            let name = entry.file_name();
            // A file with another name is not ours to remove.
            let Some(digest) = name.to_str().and_then(|name| Digest::from_hex(name).ok()) else {
                continue;
            };
            if !reachable.blobs.contains(&digest) {
                collected.bytes += entry.metadata().map_or(0, |metadata| metadata.len());
                write::remove_file(&entry.path())?;
                collected.blobs.push(digest);
            }
        }
        let expanded = self.home().expanded_dir();
        for entry in std::fs::read_dir(&expanded).map_err(Error::io("list", &expanded))? {
            let entry = entry.map_err(Error::io("list", &expanded))?;
            let path = entry.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| Digest::from_hex(stem).ok());
            // A copy is only saved work: what is not known to be needed can be made again.
            if stem.is_none_or(|diff_id| !reachable.diff_ids.contains(&diff_id)) {
                collected.bytes += entry.metadata().map_or(0, |metadata| metadata.len());
                write::remove_file(&path)?;
            }
        }
        write::synchronise_folder(&blobs)?;
        collected.blobs.sort();
        Ok(collected)
    }

    /// Marks a blob and what it leads to, by the descriptor's media type.
    fn reach(&self, descriptor: &Descriptor, reachable: &mut Reachable) -> Result<(), Error> {
        if !reachable.blobs.insert(descriptor.digest) || !self.has(&descriptor.digest) {
            return Ok(());
        }
        if media_type::is_index(&descriptor.media_type) {
            let index: Index = self.read_json(descriptor)?;
            for entry in &index.manifests {
                self.reach(entry, reachable)?;
            }
        } else if media_type::is_manifest(&descriptor.media_type) {
            let manifest: Manifest = self.read_json(descriptor)?;
            for part in std::iter::once(&manifest.config).chain(&manifest.layers).chain(&manifest.subject) {
                self.reach(part, reachable)?;
            }
        } else if media_type::is_config(&descriptor.media_type) {
            let config: ImageConfig = self.read_json(descriptor)?;
            reachable.diff_ids.extend(config.rootfs.diff_ids.iter().map(|diff_id| diff_id.0));
        }
        Ok(())
    }

    /// Marks a root of which only the digest is known: documents say their own type, everything else is a layer.
    fn reach_root(&self, digest: &Digest, reachable: &mut Reachable) -> Result<(), Error> {
        let path = self.blob_path(digest);
        let Ok(metadata) = std::fs::metadata(&path) else {
            return Ok(());
        };
        let media_type = self.sniff(digest, metadata.len())?;
        let descriptor = Descriptor::new(media_type, *digest, metadata.len());
        reachable.diff_ids.insert(*digest);
        self.reach(&descriptor, reachable)
    }

    fn sniff(&self, digest: &Digest, size: u64) -> Result<&'static str, Error> {
        /// A document is small; a layer need not be read to be known as one.
        const LARGEST_DOCUMENT: u64 = 16 << 20;
        if size > LARGEST_DOCUMENT {
            return Ok(media_type::LAYER);
        }
        let path = self.blob_path(digest);
        let bytes = std::fs::read(&path).map_err(Error::io("read", &path))?;
        if bytes.first() != Some(&b'{') {
            return Ok(media_type::LAYER);
        }
        Ok(match serde_json::from_slice::<serde_json::Value>(&bytes) {
            Ok(document) if document.get("manifests").is_some() => media_type::INDEX,
            Ok(document) if document.get("layers").is_some() => media_type::MANIFEST,
            Ok(document) if document.get("rootfs").is_some() => media_type::CONFIG,
            _ => media_type::LAYER,
        })
    }
}

#[derive(Default)]
struct Reachable {
    blobs: BTreeSet<Digest>,
    diff_ids: BTreeSet<Digest>,
}
