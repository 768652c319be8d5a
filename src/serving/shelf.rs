//! What of the store is given away: the images that have names, by repository.
//!
//! A shelf is the list of images at one moment. It stays the same as long as `index.json` is the same file, which is replaced and never
//! written into, so a request costs one stat(2). Which blobs a repository has is found out when one is asked for: those that the manifests
//! of its tags lead to, and no others, wherever else in the store they may be. What is proven is only that a document is the one of its
//! digest; layers are proven when they are opened.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::oci::{Descriptor, Digest, DocumentKind, Index, Manifest, Reference};
use crate::store::{self, Catalogue, MOST_NESTED, Store};
use crate::tree::FileIdentity;

/// The repositories of a store.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// By their full names, which are in the order in which they are listed.
    repositories: BTreeMap<String, Shelved>,
}

/// A repository.
#[derive(Debug)]
pub(super) struct Shelved {
    /// Its name as people type it.
    pub(super) familiar: String,
    pub(super) tags: BTreeMap<String, Descriptor>,
    reach: Mutex<Option<Arc<Reach>>>,
}

/// What the tags of a repository lead to.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// Manifests and indexes.
    pub(super) manifests: BTreeMap<Digest, Descriptor>,
    /// Configurations and layers.
    pub(super) blobs: BTreeSet<Digest>,
}

/// The shelf as it was seen last.
#[derive(Debug, Default)]
pub(super) struct Shelves(Mutex<Option<(FileIdentity, Arc<Shelf>)>>);

impl Shelves {
    /// The shelf as it is now.
    ///
    /// # Errors
    /// What reading the list of images says.
    pub(super) fn now(&self, store: &Store) -> Result<Arc<Shelf>, store::Error> {
        let path = store.home().index_path();
        let metadata = path.symlink_metadata().map_err(store::Error::io("stat", &path))?;
        let identity = FileIdentity::of(&metadata);
        // Many may ask at once when it was changed: one reads it, and the others have it then.
        let mut known = unpoisoned(&self.0);
        if let Some((own, shelf)) = &*known
            && *own == identity
        {
            return Ok(Arc::clone(shelf));
        }
        let shelf = Arc::new(Shelf::of(&store.catalogue()?));
        *known = Some((identity, Arc::clone(&shelf)));
        Ok(shelf)
    }
}

impl Shelf {
    fn of(catalogue: &Catalogue<'_>) -> Shelf {
        let mut shelf = Shelf::default();
        for image in &catalogue.images {
            let Some(name) = &image.reference else { continue };
            let Some(tag) = name.tag().filter(|_| is_image(&image.manifest)) else { continue };
            let shelved = shelf.repositories.entry(name.name()).or_insert_with(|| Shelved {
                familiar: name.familiar_name(),
                tags: BTreeMap::new(),
                reach: Mutex::default(),
            });
            // Of two images with one name the first has it, as everywhere.
            shelved.tags.entry(tag.to_owned()).or_insert_with(|| image.manifest.clone());
        }
        shelf
    }

    /// A repository, by its name.
    pub(super) fn find(&self, name: &Reference) -> Option<&Shelved> {
        self.repositories.get(&name.name())
    }

    /// The names of all repositories as people type them, sorted.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.repositories.values().map(|shelved| shelved.familiar.as_str()).collect();
        names.sort_unstable();
        names
    }
}

impl Shelved {
    /// What the tags lead to. Documents that are not there, or damaged, lead to nothing; then the next request looks again.
    pub(super) fn reach(&self, store: &Store) -> Arc<Reach> {
        let mut known = unpoisoned(&self.reach);
        if let Some(reach) = &*known {
            return Arc::clone(reach);
        }
        let mut reach = Reach::default();
        let is_whole = reach.follow(store, self.tags.values());
        let reach = Arc::new(reach);
        if is_whole {
            *known = Some(Arc::clone(&reach));
        }
        reach
    }
}

impl Reach {
    /// Adds what these lead to; says whether all of it could be read.
    fn follow<'d>(&mut self, store: &Store, roots: impl Iterator<Item = &'d Descriptor>) -> bool {
        let mut waiting: Vec<(Descriptor, usize)> = roots.map(|root| (root.clone(), 0)).collect();
        let mut is_whole = true;
        while let Some((descriptor, depth)) = waiting.pop() {
            let kind = DocumentKind::of(&descriptor.media_type);
            let (Some(DocumentKind::Index | DocumentKind::Manifest), true) = (kind, depth <= MOST_NESTED) else {
                self.blobs.insert(descriptor.digest);
                continue;
            };
            let Entry::Vacant(place) = self.manifests.entry(descriptor.digest) else { continue };
            place.insert(descriptor.clone());
            match parts(store, &descriptor) {
                Ok(parts) => waiting.extend(parts.into_iter().map(|part| (part, depth + 1))),
                Err(_) => is_whole = false,
            }
        }
        is_whole
    }
}

/// Whether a descriptor leads to an image, or to several.
fn is_image(descriptor: &Descriptor) -> bool {
    matches!(DocumentKind::of(&descriptor.media_type), Some(DocumentKind::Index | DocumentKind::Manifest))
}

/// What a document lists.
fn parts(store: &Store, descriptor: &Descriptor) -> Result<Vec<Descriptor>, store::Error> {
    if DocumentKind::of(&descriptor.media_type) == Some(DocumentKind::Index) {
        return Ok(store.look_at_document::<Index>(descriptor)?.manifests);
    }
    let manifest: Manifest = store.look_at_document(descriptor)?;
    Ok(std::iter::once(manifest.config).chain(manifest.layers).collect())
}

fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it is changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
