//! Import: the shared caches that a build may use.
//!
//! Of each the manifest and the document are read at the start. A listing comes when a miss is explained, a layer when its bytes are needed. What does
//! not come makes the step miss, and no build fail.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::document::{Believed, Document};
use super::error::Error;
use super::folder::Folder;
use super::place::Place;
use crate::cache::{Build, CacheKey, Entry, Listing, Record};
use crate::layer;
use crate::limits::Bound;
use crate::oci::{Descriptor, DiffId, Digest, DocumentKind, Layer, Manifest, kind, media_type};
use crate::registry::{self, Artifact, Registries, hands};
use crate::store::{LAYER, Staging, Store, documents};
use crate::tree::Tree;

/// The caches of one command, in the order in which they are asked. Clones share what was fetched.
#[derive(Clone, Debug, Default)]
pub struct Caches(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    imports: Vec<Import>,
    /// Layers that did not come, and why.
    lost: Mutex<HashMap<DiffId, String>>,
}

/// A cache that was asked for, and what was found.
#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) place: Place,
    pub(crate) found: Result<Imported, Error>,
}

/// A cache, as far as it is here.
#[derive(Debug)]
pub(crate) struct Imported {
    source: Source,
    believed: Believed,
    listings: BTreeMap<Digest, Descriptor>,
    bound: Bound,
    /// Why nothing comes from it any more.
    gone: OnceLock<String>,
}

/// Where its blobs come from.
#[derive(Debug)]
enum Source {
    Folder(Folder),
    Registry(Box<Artifact>),
}

/// A layer that does not come, and why.
pub(crate) type Lost = (DiffId, String);

/// What the caches have of a step.
#[derive(Debug)]
pub(crate) enum Offer {
    /// A record, whose layer is here or can be fetched.
    Usable(Box<Record>),
    /// A record without its layer.
    Useless { from: String, because: String },
}

impl Caches {
    /// Looks at caches. One that can't be read is among them with the reason. `now` is in seconds since 1970, by the clock of this machine.
    pub(crate) fn open(store: &Store, places: Vec<Place>, now: i64) -> Caches {
        let mut imports: Vec<Import> = Vec::new();
        for place in places {
            if imports.iter().all(|import| import.place != place) {
                let found = Imported::open(store, &place, now);
                imports.push(Import { place, found });
            }
        }
        Caches(Arc::new(Shared { imports, lost: Mutex::default() }))
    }

    /// All that were asked for.
    pub(crate) fn all(&self) -> &[Import] {
        &self.0.imports
    }

    fn imported(&self) -> impl Iterator<Item = &Imported> {
        self.all().iter().filter_map(|import| import.found.as_ref().ok())
    }

    /// The builds that they are of.
    pub(crate) fn builds(&self) -> impl Iterator<Item = &Build> {
        self.imported().map(|imported| &imported.believed.build)
    }

    /// The record of a key, whatever became of its layer: for comparisons.
    pub(crate) fn record(&self, key: CacheKey) -> Option<&Record> {
        self.imported().find_map(|imported| imported.believed.records.get(&key))
    }

    /// What they have of a step: the first that can be used, else why the first can't.
    pub(crate) fn offer(&self, store: &Store, key: CacheKey) -> Option<Offer> {
        let mut useless = None;
        for import in self.all() {
            let Ok(imported) = &import.found else { continue };
            let Some(record) = imported.believed.records.get(&key) else { continue };
            let because = match &record.result.layer {
                None => None,
                Some(layer) if store.is_whole(&layer.descriptor) => None,
                Some(layer) => match self.lost().get(&layer.diff_id) {
                    Some(because) => Some(because.clone()),
                    None if self.has(layer) => None,
                    None => Some("the cache does not have its layer".to_owned()),
                },
            };
            match because {
                None => return Some(Offer::Usable(Box::new(record.clone()))),
                Some(because) => {
                    let from = import.place.to_string();
                    useless.get_or_insert(Offer::Useless { from, because });
                }
            }
        }
        useless
    }

    /// Whether a layer is not here and can be fetched.
    pub(crate) fn awaits(&self, store: &Store, layer: &Layer) -> bool {
        !self.all().is_empty()
            && self.has(layer)
            && !store.is_whole(&layer.descriptor)
            && !self.lost().contains_key(&layer.diff_id)
    }

    fn has(&self, layer: &Layer) -> bool {
        self.imported().any(|imported| imported.believed.layers.contains_key(&layer.diff_id))
    }

    /// Fetches those of some layers that only a cache has into the store, several at a time; gives each with the cache that it came from.
    ///
    /// # Errors
    /// Those that do not come, and why. No cache offers them any more.
    pub(crate) fn fetch(&self, store: &Store, layers: &[Layer]) -> Result<Vec<(Layer, String)>, Vec<Lost>> {
        let mut seen = BTreeSet::new();
        let awaited = layers.iter().filter(|layer| self.awaits(store, layer) && seen.insert(layer.diff_id));
        let fetched = Mutex::new(BTreeMap::new());
        let fetch = |(place, layer)| {
            let from = self.fetch_one(store, layer);
            unpoisoned(&fetched).insert(place, (layer, from));
            Ok::<_, Infallible>(())
        };
        let Ok(()) = hands::each(awaited.enumerate(), || (), fetch);
        let (mut come, mut lost) = (Vec::new(), Vec::new());
        for (layer, from) in std::mem::take(&mut *unpoisoned(&fetched)).into_values() {
            match from {
                Ok(from) => come.push((layer.clone(), from)),
                Err(because) => lost.push((layer.diff_id, because)),
            }
        }
        if lost.is_empty() { Ok(come) } else { Err(lost) }
    }

    /// Fetches a layer from the first cache that gives it. Says which that was.
    fn fetch_one(&self, store: &Store, layer: &Layer) -> Result<String, String> {
        let mut reason = None;
        for import in self.all() {
            let Ok(imported) = &import.found else { continue };
            let Some(blob) = imported.believed.layers.get(&layer.diff_id) else { continue };
            let fetched = match imported.gone.get() {
                Some(because) => Err(because.clone()),
                None => imported.fetch(store, layer, blob).map_err(|error| {
                    let because = error.to_string();
                    // Each of many layers would be waited for as long as for this one.
                    if matches!(error, Error::Registry(registry::Error::Unreachable { .. })) {
                        imported.gone.get_or_init(|| because.clone());
                    }
                    because
                }),
            };
            match fetched {
                Ok(()) => return Ok(import.place.to_string()),
                Err(because) => drop(reason.get_or_insert(because)),
            }
        }
        let reason = reason.unwrap_or_else(|| "no cache has its layer".to_owned());
        // What was stopped on purpose may be asked for again.
        if store.meter().check().is_err() {
            return Err(reason);
        }
        self.lost().insert(layer.diff_id, reason.clone());
        Err(reason)
    }

    /// The entries of a listing, where one of the caches has it.
    pub(crate) fn listing(&self, store: &Store, digest: Digest) -> Option<Vec<Entry>> {
        self.imported().find_map(|imported| imported.listing(store, digest))
    }

    fn lost(&self) -> MutexGuard<'_, HashMap<DiffId, String>> {
        unpoisoned(&self.0.lost)
    }
}

fn unpoisoned<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    // It is whole even where another thread has panicked.
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Imported {
    fn open(store: &Store, place: &Place, now: i64) -> Result<Imported, Error> {
        let home = store.home();
        let (bound, small) = (home.bound(&super::SHARED), home.bound(&documents::MANIFEST));
        let other = Error::NotACache;
        let (source, bytes) = match place {
            Place::Folder(path) => {
                let folder = Folder::new(path.clone());
                let bytes = folder.manifest(small)?;
                (Source::Folder(folder), bytes)
            }
            Place::Registry(reference) => {
                let artifact = Registries::open(home, store.meter())?.artifact(reference)?;
                let (kind, bytes) = artifact.manifest();
                if kind != DocumentKind::Manifest {
                    return Err(other("it is an index of images, or a cache of BuildKit's".to_owned()));
                }
                let bytes = bytes.to_vec();
                (Source::Registry(Box::new(artifact)), bytes)
            }
        };
        let manifest: Manifest = kind::parse(&bytes).map_err(|reason| other(format!("its manifest: {reason}")))?;
        match manifest.config.media_type.as_str() {
            media_type::CACHE => {}
            "application/vnd.buildkit.cacheconfig.v0" => return Err(other("it is a cache of BuildKit's".to_owned())),
            text if media_type::is_config(text) => return Err(other("it is an image, not a cache".to_owned())),
            text => return Err(other(format!("it is a `{}`, not a cache", crate::shown::line(text)))),
        }
        let bytes = source.document(store, &manifest.config, bound)?;
        let document = Document::parse(home, &bytes)?;
        let believed = document.believe(&place.to_string(), &manifest.layers, home.bound(&LAYER).most, now);
        let is_listing = |blob: &Descriptor| blob.media_type == media_type::CACHE_LISTING;
        let listings = manifest.layers.into_iter().filter(is_listing).map(|blob| (blob.digest, blob)).collect();
        Ok(Imported { source, believed, listings, bound, gone: OnceLock::new() })
    }

    /// How many steps it has.
    pub(crate) fn steps(&self) -> usize {
        self.believed.records.len()
    }

    /// How many of its records were no good.
    pub(crate) fn damaged(&self) -> usize {
        self.believed.damaged
    }

    fn fetch(&self, store: &Store, layer: &Layer, blob: &Descriptor) -> Result<(), Error> {
        let staging = Staging::new(store)?;
        match &self.source {
            Source::Folder(folder) => folder.fetch(&staging, blob)?,
            Source::Registry(artifact) => artifact.fetch(store, &staging, blob)?,
        }
        layer::expand::into_blob(store, staging.open(&blob.digest)?, layer)?;
        // Read from the first to the last entry, as everything that comes from elsewhere.
        layer::apply(store, &layer.descriptor, layer.diff_id, &mut Tree::empty())?;
        if let Source::Registry(artifact) = &self.source {
            artifact.note(store, &layer.descriptor.digest, blob);
        }
        Ok(())
    }

    fn listing(&self, store: &Store, digest: Digest) -> Option<Vec<Entry>> {
        let bytes = self.source.document(store, self.listings.get(&digest)?, self.bound).ok()?;
        Listing::parse(&String::from_utf8_lossy(&bytes)).ok()
    }
}

impl Source {
    fn document(&self, store: &Store, blob: &Descriptor, bound: Bound) -> Result<Vec<u8>, Error> {
        match self {
            Source::Folder(folder) => folder.document(blob, bound),
            Source::Registry(artifact) => Ok(artifact.document(store, blob, bound)?),
        }
    }
}
