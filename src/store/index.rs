//! The list of images, `index.json`: reading it, and changing it in one place.
//!
//! A name is the annotation `org.opencontainers.image.ref.name` of a descriptor in `index.json`. Its value is the name as
//! people type it (`first_image:latest`), because that is what they will type after `oci:STORE:` for another tool, which
//! compares the text. An image with the tag `latest` has a second descriptor with the name alone (`first_image`). Both
//! carry `io.containerd.image.name` with the full name, by which this program finds them. Descriptors that others have
//! put into the index are kept.
//!
//! **A full disk.** Removing an image makes room, but writing the shorter index needs some first. So a spare file of the
//! index's size lies beside it, with its blocks already given to it: on a full disk the new index is written into these and
//! the file renamed. It is never the index that is written into, so nobody can see half of it, killed or not.

use std::collections::{BTreeSet, HashSet};

use super::{Error, LockMode, Store, atomic_write, documents, lock_patiently, repository_digests, write};
use crate::document;
use crate::oci::manifest::{IMAGE_NAME, REF_NAME};
use crate::oci::{Descriptor, Digest, Index, Reference, kind, to_json};

/// One entry of the index: a name, and what it stands for. Nothing of the image itself was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The name; `None` for an image that only has a digest.
    pub reference: Option<Reference>,
    /// The manifest, or an index of manifests.
    pub manifest: Descriptor,
}

impl Image {
    pub(super) fn of(entry: Descriptor) -> Image {
        Image { reference: name_of(&entry), manifest: without_name(entry) }
    }
}

impl Store {
    /// The list of everything in the store that has a name.
    ///
    /// # Errors
    /// [`Error::Document`] for a file that can't be read, [`Error::Invalid`] for one that can't be understood.
    pub(crate) fn index(&self) -> Result<Index, Error> {
        let path = self.home().index_path();
        let text = documents::read_file(&path, self.home().bound(&documents::INDEX))?;
        kind::parse(&text).map_err(|reason| Error::Invalid {
            name: path.display().to_string(),
            kind: "image index",
            reason,
        })
    }

    /// Gives an image a name; an image that had the name loses it, and stays in the list without one if it was its last. Atomic and
    /// idempotent. A digest in the reference is ignored, a missing tag is `latest`.
    ///
    /// # Errors
    /// What [`Store::index`] says, and [`Error::Io`] where the new one can't be written.
    pub fn tag(&self, name: &Reference, descriptor: &Descriptor) -> Result<(), Error> {
        self.name_all([(descriptor, std::slice::from_ref(name))])
    }

    /// Gives images their names, all of them or none. As [`Store::tag`] for each; an image without a name is listed as one,
    /// unless it is listed already. Of two images with one name, the later has it.
    ///
    /// # Errors
    /// As [`Store::tag`].
    pub fn name_all<'a>(
        &self,
        images: impl IntoIterator<Item = (&'a Descriptor, &'a [Reference])>,
    ) -> Result<(), Error> {
        self.change_index(|index| name(&mut index.manifests, images)).map(|_| ())
    }

    /// Names what has come from a registry, and notes by which digest that has it. By its digest it has no tag and is listed without one.
    ///
    /// # Errors
    /// As [`Store::tag`].
    pub(crate) fn tag_pulled(&self, reference: &Reference, descriptor: &Descriptor) -> Result<(), Error> {
        let names = if reference.has_digest() { &[][..] } else { std::slice::from_ref(reference) };
        self.change_index(|index| {
            let is_named = name(&mut index.manifests, [(descriptor, names)]);
            repository_digests::note(index, reference, descriptor.digest, &descriptor.digest) || is_named
        })
        .map(|_| ())
    }

    /// Takes a name away; says whether there was one. The blobs stay until garbage is collected.
    ///
    /// # Errors
    /// As [`Store::tag`].
    pub fn untag(&self, name: &Reference) -> Result<bool, Error> {
        let name = name.without_digest().with_default_tag();
        self.change_index(|index| retain(&mut index.manifests, |entry| !is_named(entry, &name)))
    }

    /// Takes entries out of the index, and names with digests, all at once. An entry that means another image by now stays.
    ///
    /// # Errors
    /// As [`Store::tag`].
    pub(crate) fn remove(&self, images: &[&Image], digests: &[&Reference]) -> Result<(), Error> {
        let removed: HashSet<(Option<&Reference>, Digest)> =
            images.iter().map(|image| (image.reference.as_ref(), image.manifest.digest)).collect();
        let is_removed = |entry: &Descriptor| removed.contains(&(name_of(entry).as_ref(), entry.digest));
        self.change_index(|index| {
            let is_forgotten = digests.iter().filter(|name| repository_digests::forget(index, name)).count() > 0;
            retain(&mut index.manifests, |entry| !is_removed(entry)) || is_forgotten
        })
        .map(|_| ())
    }

    /// Takes images without a name out of the index. One that has got a name by now stays.
    ///
    /// # Errors
    /// As [`Store::tag`].
    pub fn unlist(&self, images: &BTreeSet<Digest>) -> Result<(), Error> {
        let is_removed = |entry: &Descriptor| name_of(entry).is_none() && images.contains(&entry.digest);
        self.change_index(|index| retain(&mut index.manifests, |entry| !is_removed(entry))).map(|_| ())
    }

    /// Reads the index, changes it and writes it, unless nothing changed; returns what `change` says about that.
    pub(super) fn change_index(&self, change: impl FnOnce(&mut Index) -> bool) -> Result<bool, Error> {
        let _lock = lock_patiently(&self.home().index_lock_path(), LockMode::Exclusive, self.meter())?;
        let mut index = self.index()?;
        if !change(&mut index) {
            return Ok(false);
        }
        repository_digests::tidy(&mut index);
        let (path, spare) = (self.home().index_path(), self.home().index_spare_path());
        let bytes = to_json(&index);
        document::check(&path, bytes.len() as u64, self.home().bound(&documents::INDEX))?;
        match atomic_write(&path, &bytes) {
            Err(error) if error.is_full() => write::write_reserved(&spare, &path, &bytes).map_err(|_| error)?,
            written => written?,
        }
        // Without it only a full disk is a problem, and then there may be no room for it either.
        let _ = write::reserve(&spare, bytes.len() as u64);
        Ok(true)
    }
}

/// As [`Store::name_all`], in the entries of an index; says whether they changed.
fn name<'a>(
    manifests: &mut Vec<Descriptor>,
    images: impl IntoIterator<Item = (&'a Descriptor, &'a [Reference])>,
) -> bool {
    let (mut named, mut nameless) = (Vec::new(), Vec::new());
    for (descriptor, names) in images {
        named.extend(names.iter().map(|name| (name.without_digest().with_default_tag(), descriptor)));
        if names.is_empty() {
            nameless.push(without_name(descriptor.clone()));
        }
    }
    let names: HashSet<&Reference> = named.iter().map(|(name, _)| name).collect();
    let ends: HashSet<&str> = names.iter().map(|name| last_component(name.path())).collect();
    let digests: HashSet<Digest> = named.iter().map(|(_, descriptor)| descriptor.digest).collect();
    // Most entries are other images, whose names need not be understood to see that.
    let is_old_name = |entry: &Descriptor| {
        name_text(entry).is_some_and(|text| ends.contains(last_component(text)))
            && name_of(entry).is_some_and(|name| names.contains(&name))
    };
    let is_old =
        |entry: &Descriptor| is_old_name(entry) || entry.annotations.is_empty() && digests.contains(&entry.digest);
    let new: Vec<Descriptor> = named.iter().flat_map(|(name, descriptor)| entries(name, descriptor)).collect();
    let mut is_changed = false;
    if !manifests.iter().filter(|entry| is_old(entry)).eq(&new) {
        // Nobody has asked to remove these.
        nameless.extend(manifests.iter().filter(|entry| is_old_name(entry)).cloned().map(without_name));
        manifests.retain(|entry| !is_old(entry));
        manifests.extend(new.iter().cloned());
        is_changed = true;
    }
    let mut listed: HashSet<Digest> = manifests.iter().map(|entry| entry.digest).collect();
    for entry in nameless.into_iter().filter(|entry| listed.insert(entry.digest)) {
        manifests.push(entry);
        is_changed = true;
    }
    is_changed
}

/// As [`Vec::retain`]; says whether anything went.
fn retain(manifests: &mut Vec<Descriptor>, keep: impl Fn(&Descriptor) -> bool) -> bool {
    let before = manifests.len();
    manifests.retain(keep);
    manifests.len() != before
}

/// The text of an entry's name: this program's annotation, or what another tool has written.
pub(crate) fn name_text(entry: &Descriptor) -> Option<&str> {
    entry.annotations.get(IMAGE_NAME).or_else(|| entry.annotations.get(REF_NAME)).map(String::as_str)
}

/// The full name of an entry of the index. A text that can't be a name is none: nobody could ask for it.
pub(crate) fn name_of(entry: &Descriptor) -> Option<Reference> {
    let reference = Reference::parse_normalized(name_text(entry)?).ok()?;
    Some(reference.with_default_tag())
}

/// Whether an entry has this full name. Most entries are other images, whose names need not be understood to see that.
pub(super) fn is_named(entry: &Descriptor, name: &Reference) -> bool {
    let last = last_component(name.path());
    name_text(entry).is_some_and(|text| last_component(text) == last) && name_of(entry).as_ref() == Some(name)
}

/// The last component of a name's path, without tag and digest.
fn last_component(name: &str) -> &str {
    let name = name.rsplit('/').next().unwrap_or_default();
    name.split([':', '@']).next().unwrap_or_default()
}

/// The entries of an image with a full name: `latest` is written with and without its tag, since other tools look for either.
fn entries(name: &Reference, descriptor: &Descriptor) -> Vec<Descriptor> {
    let mut texts = vec![name.familiar()];
    if name.tag() == Some("latest") {
        texts.push(name.familiar_name());
    }
    let entry = |text: String| {
        let mut entry = without_name(descriptor.clone());
        entry.annotations.insert(REF_NAME.to_string(), text);
        entry.annotations.insert(IMAGE_NAME.to_string(), name.to_string());
        entry
    };
    texts.into_iter().map(entry).collect()
}

/// A descriptor as documents have it, without what the index adds.
pub(super) fn without_name(mut descriptor: Descriptor) -> Descriptor {
    descriptor.annotations.remove(REF_NAME);
    descriptor.annotations.remove(IMAGE_NAME);
    descriptor
}
