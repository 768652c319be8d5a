//! Removing blobs that nothing refers to.
//!
//! What an image needs stands in its documents. Where one of them is damaged, nobody knows which blobs it would have led to,
//! and they may be all that is left of it: so nothing is removed at all until that image is repaired or removed by name.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Error, Store, write};
use crate::oci::{Descriptor, DiffId, Digest, DocumentKind, ImageConfig, Index, Manifest};

/// What was removed.
#[derive(Debug, Default)]
pub struct Collected {
    /// The blobs, sorted.
    pub blobs: Vec<Digest>,
    /// Their bytes, together with those of derived copies.
    pub bytes: u64,
    /// Why nothing was removed: documents that can't be read.
    pub damaged: Vec<Error>,
}

impl Store {
    /// Removes every blob that neither an entry of the index nor one of `roots` leads to, and expanded copies of layers
    /// that are gone.
    ///
    /// Roots may be manifests, configurations or layers; a root that is not in the store is passed over. Trees that were
    /// read before are to be read again, because expanded copies may be gone. Unpacked layers stay; their owner removes
    /// them with [`Store::unpacked_garbage`].
    ///
    /// # Errors
    /// [`Error::Busy`] while another [`Store`] is open, in this or another process: what it has written and not yet named
    /// would be lost. [`Error::Io`] for what can't be listed or removed.
    pub fn collect_garbage(&self, roots: &[Descriptor]) -> Result<Collected, Error> {
        let Some(lease) = &self.lease else {
            return Err(Error::Busy);
        };
        if !lease.try_upgrade()? {
            return Err(Error::Busy);
        }
        let result = self.collect_alone(roots);
        lease.downgrade()?;
        result
    }

    /// Folders under `unpacked/` of layers that are not in the store any more. Removing them may need the user namespace in
    /// which they were made, so it is left to the caller. Folders of whole chains are not told apart and stay.
    ///
    /// # Errors
    /// [`Error::Io`] where the folder can't be listed.
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

    fn collect_alone(&self, roots: &[Descriptor]) -> Result<Collected, Error> {
        let expanded = self.home().expanded_dir();
        let mut marking = Marking {
            store: self,
            blobs: BTreeSet::new(),
            seen: BTreeSet::new(),
            diff_ids: has_entries(&expanded)?.then(BTreeSet::new),
            damaged: Vec::new(),
        };
        for entry in self.index()?.manifests {
            if !self.has(&entry.digest) {
                marking.damaged.push(Error::Missing { digest: entry.digest });
            }
            marking.mark(entry);
        }
        roots.iter().cloned().for_each(|root| marking.mark(root));
        if !marking.damaged.is_empty() {
            return Ok(Collected { damaged: marking.damaged, ..Collected::default() });
        }
        let mut collected = Collected::default();
        let blobs = self.home().blobs();
        remove_files(&blobs, &mut collected, |name| {
            // A file with another name is not ours to remove.
            Digest::from_hex(name).ok().filter(|digest| !marking.blobs.contains(digest))
        })?;
        let gone = collected.blobs.clone();
        let is_copied = |digest: &Digest| marking.diff_ids.as_ref().is_some_and(|diff_ids| diff_ids.contains(digest));
        remove_files(&expanded, &mut collected, |name| {
            // A copy is only saved work: what is not known to be needed can be made again.
            let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
            Digest::from_hex(stem).ok().filter(|diff_id| !is_copied(diff_id))
        })?;
        remove_files(&self.home().proven_dir(), &mut Collected::default(), |name| {
            Digest::from_hex(name).ok().filter(|digest| !marking.blobs.contains(digest) && !is_copied(digest))
        })?;
        write::synchronise_folder(&blobs)?;
        collected.blobs = gone;
        collected.blobs.sort();
        Ok(collected)
    }
}

fn has_entries(folder: &Path) -> Result<bool, Error> {
    Ok(std::fs::read_dir(folder).map_err(Error::io("list", folder))?.next().is_some())
}

/// Removes the files of a folder whose names stand for something that is not needed. Folders are left: no blob is one.
fn remove_files(
    folder: &Path,
    collected: &mut Collected,
    unneeded: impl Fn(&str) -> Option<Digest>,
) -> Result<(), Error> {
    for entry in std::fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let entry = entry.map_err(Error::io("list", folder))?;
        let name = entry.file_name();
        let Some(digest) = name.to_str().and_then(&unneeded) else { continue };
        let metadata = entry.metadata().map_err(Error::io("stat", entry.path()))?;
        if metadata.is_dir() {
            continue;
        }
        write::remove_file(&entry.path())?;
        collected.bytes += metadata.len();
        collected.blobs.push(digest);
    }
    Ok(())
}

/// What is needed, as far as it was found.
struct Marking<'s> {
    store: &'s Store,
    blobs: BTreeSet<Digest>,
    /// The same blob may be listed as one kind by one document, and as another by the next.
    seen: BTreeSet<(Digest, Option<DocumentKind>)>,
    /// The layers of which there may be an expanded copy; `None` where there are no copies, and no configuration has to be
    /// read.
    diff_ids: Option<BTreeSet<Digest>>,
    damaged: Vec<Error>,
}

impl Marking<'_> {
    /// Marks a blob and everything that it leads to. Documents may be nested as deep as somebody liked, so what is still to
    /// be looked at is a list and not a recursion.
    fn mark(&mut self, root: Descriptor) {
        let mut waiting = vec![root];
        while let Some(descriptor) = waiting.pop() {
            let kind = DocumentKind::of(&descriptor.media_type);
            self.blobs.insert(descriptor.digest);
            // What an index lists for other platforms need not be there.
            if !self.seen.insert((descriptor.digest, kind)) || kind.is_some() && !self.store.has(&descriptor.digest) {
                continue;
            }
            match self.parts(&descriptor) {
                Ok(parts) => waiting.extend(parts),
                Err(error) => self.damaged.push(error),
            }
        }
    }

    /// What a document leads to, by its descriptor's media type.
    fn parts(&mut self, descriptor: &Descriptor) -> Result<Vec<Descriptor>, Error> {
        Ok(match DocumentKind::of(&descriptor.media_type) {
            Some(DocumentKind::Index) => {
                let index: Index = self.store.read_document(descriptor)?;
                index.manifests.into_iter().chain(index.subject).collect()
            }
            Some(DocumentKind::Manifest) => {
                let manifest: Manifest = self.store.read_document(descriptor)?;
                std::iter::once(manifest.config).chain(manifest.layers).chain(manifest.subject).collect()
            }
            Some(DocumentKind::Config) => {
                // Without it no blob is lost, only copies that can be made again.
                if let Some(diff_ids) = &mut self.diff_ids
                    && let Ok(config) = self.store.read_document::<ImageConfig>(descriptor)
                {
                    diff_ids.extend(config.rootfs.diff_ids.iter().map(|diff_id| diff_id.0));
                }
                Vec::new()
            }
            None => Vec::new(),
        })
    }
}
