//! Export: from the records of this home to a shared cache.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::document::{Document, Sent, for_others, shared};
use super::error::Error;
use super::folder::{Folder, Writing};
use super::place::Place;
use crate::cache::{Build, CacheKey, Ingredient, Record, Records};
use crate::oci::{Descriptor, DiffId, Digest, Manifest, Reference, media_type, to_json};
use crate::registry::{Destination, Registries};
use crate::store::Store;

/// What is to be exported: a build of this home, and the steps of it whose results go along.
#[derive(Debug)]
pub(crate) struct Export {
    pub(crate) build: Build,
    pub(crate) keys: BTreeSet<CacheKey>,
}

/// What went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// Of the manifest.
    pub(crate) digest: Digest,
    pub(crate) steps: usize,
    pub(crate) layers: usize,
    /// Of the layers, as they are there.
    pub(crate) bytes: u64,
}

/// Where it goes.
enum Target<'s> {
    Folder(Box<Writing<'s>>),
    Registry(Box<Destination>, &'s Store, String),
}

impl Export {
    /// Writes the cache to a place, in the place of the one that is there.
    ///
    /// # Errors
    /// [`Error`], for what this home lacks, or the place refuses.
    pub(crate) fn write(&self, store: &Store, place: &Place) -> Result<Exported, Error> {
        let records = Records::open(store.home());
        let mut found = Vec::new();
        for key in &self.keys {
            found.extend(records.get(*key)?.map(|record| shared(record, self.build.number)));
        }
        let steps = self.build.steps.iter().filter(|step| step.key.is_none_or(|key| self.keys.contains(&key)));
        let build = for_others(&self.build, steps.cloned().collect());
        let mut target = Target::open(store, place)?;
        let layers: BTreeMap<Digest, Descriptor> = found
            .iter()
            .filter_map(|record| record.result.layer.as_ref())
            .filter(|layer| store.is_whole(&layer.descriptor))
            .map(|layer| (layer.descriptor.digest, layer.descriptor.clone()))
            .collect();
        let sent = target.layers(&layers.into_values().collect::<Vec<_>>())?;
        let mut blobs: Vec<Descriptor> = sent.values().cloned().collect();
        let bytes = blobs.iter().map(|blob| blob.size).sum();
        for listing in listings(&found) {
            if let Some(text) = records.listing_text(listing)? {
                blobs.push(target.blob(media_type::CACHE_LISTING, &text)?);
            }
        }
        let (steps, layers) = (found.len(), sent.len());
        let sent = sent.into_iter().map(|(digest, blob)| Sent { diff_id: DiffId(digest), blob }).collect();
        let config = target.blob(media_type::CACHE, &to_json(&Document::new(build, found, sent)))?;
        let digest = target.finish(&Manifest::new(config, blobs))?;
        Ok(Exported { digest, steps, layers, bytes })
    }
}

/// The listings that records point at.
fn listings(records: &[Record]) -> BTreeSet<Digest> {
    let all = records.iter().flat_map(|record| record.ingredients.iter());
    let listings = all.filter_map(|ingredient| match ingredient {
        Ingredient::Files { listing, .. } => Some(*listing),
        Ingredient::Parent { .. }
        | Ingredient::Instruction { .. }
        | Ingredient::Argument { .. }
        | Ingredient::Environment { .. }
        | Ingredient::Setting { .. }
        | Ingredient::Document { .. }
        | Ingredient::Commit { .. }
        | Ingredient::Mount { .. }
        | Ingredient::SecretVariable { .. }
        | Ingredient::HardLinks { .. } => None,
    });
    listings.collect()
}

impl<'s> Target<'s> {
    fn open(store: &'s Store, place: &Place) -> Result<Target<'s>, Error> {
        Ok(match place {
            Place::Folder(path) => Target::Folder(Box::new(Folder::new(path.clone()).write(store)?)),
            Place::Registry(reference) => {
                let destination = Registries::open(store.home(), store.meter())?.destination(reference)?;
                Target::Registry(Box::new(destination), store, tag_of(reference))
            }
        })
    }

    /// Sees to it that layers are there; gives each as it is there, by the digest of its archive.
    fn layers(&mut self, layers: &[Descriptor]) -> Result<BTreeMap<Digest, Descriptor>, Error> {
        match self {
            Target::Folder(writing) => layers.iter().map(|layer| Ok((layer.digest, writing.layer(layer)?))).collect(),
            Target::Registry(destination, store, _) => Ok(destination.layers(store, layers)?),
        }
    }

    fn blob(&mut self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, Error> {
        match self {
            Target::Folder(writing) => writing.blob(media_type, bytes),
            Target::Registry(destination, store, _) => Ok(destination.blob(store, media_type, bytes)?),
        }
    }

    fn finish(self, manifest: &Manifest) -> Result<Digest, Error> {
        Ok(match self {
            Target::Folder(writing) => writing.finish(manifest)?.digest,
            Target::Registry(destination, store, tag) => destination.manifest(store, manifest, &tag)?.digest,
        })
    }
}

fn tag_of(reference: &Reference) -> String {
    reference.with_default_tag().tag().unwrap_or_default().to_owned()
}
