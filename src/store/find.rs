//! Finding images: by name, digest, id, or the beginning of one.
//!
//! Names and digests of manifests are in the index, so looking for one of these opens no blob. An image id is the digest of
//! the configuration and stands in the manifest; where that can't be read, the image has no id and is found by the rest:
//! a damaged image can still be named, and removed.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use super::index::{Image, is_named, name_of, without_name};
use super::{Error, RepositoryDigests, Store};
use crate::oci::{Algorithm, Descriptor, Digest, Index, Manifest, Platform, Reference};

/// The list of images at one moment, for many questions.
#[derive(Debug)]
pub(crate) struct Catalogue<'s> {
    store: &'s Store,
    /// In the order in which the names were given.
    pub(crate) images: Vec<Image>,
    /// By which digests registries have them.
    pub(crate) in_registries: RepositoryDigests,
    names: HashMap<Reference, usize>,
    digests: HashMap<Digest, Vec<usize>>,
    /// Image ids and digests of manifests by their digits, sorted, each with the manifest; made when it is first needed.
    digits: OnceCell<Vec<(String, Digest)>>,
}

impl Store {
    /// All names, in the order in which they were given.
    ///
    /// # Errors
    /// What [`Store::index`] says.
    pub fn images(&self) -> Result<Vec<Image>, Error> {
        Ok(self.catalogue()?.images)
    }

    /// Reads the list of images.
    ///
    /// # Errors
    /// What [`Store::index`] says.
    pub(crate) fn catalogue(&self) -> Result<Catalogue<'_>, Error> {
        Ok(Catalogue::new(self, self.index()?))
    }

    /// The names of what has a manifest's digest.
    ///
    /// # Errors
    /// What [`Store::index`] says.
    pub(crate) fn names_of(&self, digest: &Digest) -> Result<Vec<Reference>, Error> {
        let entries = self.index()?.manifests;
        let mut names: Vec<Reference> =
            entries.iter().filter(|entry| entry.digest == *digest).filter_map(name_of).collect();
        names.dedup();
        Ok(names)
    }

    /// What a name stands for, if the store has it. A reference without a tag means `latest`; one with a digest is found
    /// by the digest alone.
    ///
    /// # Errors
    /// What [`Store::index`] says.
    pub fn resolve(&self, name: &Reference) -> Result<Option<Descriptor>, Error> {
        let index = self.index()?;
        let wanted = name.with_default_tag();
        let with_digest = |digest| index.manifests.iter().find(|entry| entry.digest == digest);
        let found = match name.digest() {
            Some(digest) => {
                with_digest(digest).or_else(|| with_digest(RepositoryDigests::of(&index.annotations).find(name)?))
            }
            None => index.manifests.iter().find(|entry| is_named(entry, &wanted)),
        };
        Ok(found.cloned().map(without_name))
    }

    /// Finds an image by a whole digest or image id, by its name, or by the beginning of its id or digest, in this order.
    ///
    /// # Errors
    /// [`Error::NoImage`], [`Error::Ambiguous`], and what [`Store::index`] says.
    pub fn find(&self, text: &str) -> Result<Image, Error> {
        let mut index = self.index()?;
        let entries = &mut index.manifests;
        // For one question, most names need not be understood.
        let digest = Digest::from_hex(digits(text)).ok();
        let name = Reference::parse_normalized(text).ok().map(|name| name.with_default_tag());
        let position = match (digest, name) {
            (Some(digest), _) => entries.iter().position(|entry| entry.digest == digest),
            (None, Some(name)) => entries.iter().position(|entry| is_named(entry, &name)),
            (None, None) => None,
        };
        if let Some(position) = position {
            return Ok(Image::of(entries.swap_remove(position)));
        }
        let mut catalogue = Catalogue::new(self, index);
        let position = catalogue.find(text)?;
        Ok(catalogue.images.swap_remove(position))
    }

    /// The image id of what a descriptor leads to on this machine; `None` where there is none, or it can't be read.
    pub(crate) fn id_of(&self, descriptor: &Descriptor) -> Option<Digest> {
        let manifest = self.manifest_for(descriptor, &Platform::host()).ok()?;
        Some(self.read_document::<Manifest>(&manifest).ok()?.config.digest)
    }
}

impl<'s> Catalogue<'s> {
    fn new(store: &'s Store, index: Index) -> Catalogue<'s> {
        let images = Vec::with_capacity(index.manifests.len());
        let in_registries = RepositoryDigests::of(&index.annotations);
        let (names, digests) = (HashMap::new(), HashMap::new());
        let mut catalogue = Catalogue { store, images, in_registries, names, digests, digits: OnceCell::new() };
        for entry in index.manifests {
            catalogue.add(entry);
        }
        catalogue
    }

    /// Adds an entry of the index, unless it says again what an earlier one says.
    fn add(&mut self, entry: Descriptor) {
        let image = Image::of(entry);
        let position = self.images.len();
        let same_digest = self.digests.entry(image.manifest.digest).or_default();
        let is_again = match &image.reference {
            // Of two images with one name the first has it.
            Some(name) => match self.names.get(name) {
                Some(first) => self.images[*first].manifest.digest == image.manifest.digest,
                None => {
                    self.names.insert(name.clone(), position);
                    false
                }
            },
            None => same_digest.iter().any(|other| self.images[*other].reference.is_none()),
        };
        if !is_again {
            same_digest.push(position);
            self.images.push(image);
        }
    }

    /// The places in the list of what has a manifest's digest.
    pub(crate) fn with_digest(&self, digest: &Digest) -> &[usize] {
        self.digests.get(digest).map_or(&[], Vec::as_slice)
    }

    /// The place in the list of what [`Store::find`] finds.
    ///
    /// # Errors
    /// [`Error::NoImage`], [`Error::Ambiguous`].
    pub(crate) fn find(&self, text: &str) -> Result<usize, Error> {
        let none = || Error::NoImage { name: text.to_string(), other_tag: self.other_tag(text) };
        let hex = digits(text);
        let first = |digest: &Digest| self.with_digest(digest).first().copied();
        if let Some(position) = Digest::from_hex(hex).ok().and_then(|digest| first(&digest)) {
            return Ok(position);
        }
        if let Ok(reference) = Reference::parse_normalized(text) {
            let found = match reference.digest() {
                Some(digest) => {
                    first(&digest).or_else(|| self.in_registries.find(&reference).and_then(|here| first(&here)))
                }
                None => self.names.get(&reference.with_default_tag()).copied(),
            };
            if let Some(position) = found {
                return Ok(position);
            }
        }
        if hex.is_empty() || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(none());
        }
        let digits = self.digits.get_or_init(|| self.all_digits());
        let from = digits.partition_point(|(digits, _)| digits.as_str() < hex);
        let begins = digits[from..].iter().take_while(|(digits, _)| digits.starts_with(hex));
        let candidates: HashSet<Digest> = begins.map(|(_, digest)| *digest).collect();
        match (candidates.iter().next(), candidates.len()) {
            (Some(digest), 1) => first(digest).ok_or_else(none),
            (None, _) => Err(none()),
            // One image by its whole id, under two manifests.
            (Some(digest), _) if hex.len() >= 64 => first(digest).ok_or_else(none),
            (Some(_), count) => Err(Error::Ambiguous { prefix: text.to_string(), count }),
        }
    }

    /// An image of a name that was given without a tag.
    fn other_tag(&self, text: &str) -> Option<String> {
        let is_other = |name: &String| name.strip_prefix(text).is_some_and(|rest| rest.starts_with(':'));
        self.names.keys().map(Reference::familiar).filter(is_other).min()
    }

    /// Each manifest is read once, however many names it has.
    fn all_digits(&self) -> Vec<(String, Digest)> {
        let mut all = Vec::new();
        for (digest, positions) in &self.digests {
            all.push((digest.hex(), *digest));
            let image = positions.first().map(|first| &self.images[*first]);
            if let Some(id) = image.and_then(|image| self.store.id_of(&image.manifest)) {
                all.push((id.hex(), *digest));
            }
        }
        all.sort_unstable();
        all
    }
}

/// A digest, or the beginning of one, without its algorithm.
fn digits(text: &str) -> &str {
    text.split_once(':').filter(|(name, _)| Algorithm::of_name(name).is_some()).map_or(text, |(_, digits)| digits)
}
