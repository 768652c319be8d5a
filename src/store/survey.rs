//! What is in the store, and for what each file is kept.
//!
//! What an image needs stands in its documents, so each reason is followed from where it begins to the last layer: the names, containers,
//! the images without a name, the records of the cache, and what other processes have written down
//! ([`super::lease`]). A file that several need is kept for the first of these.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::index::name_of;
use super::lease::{HeldByOthers, Thing};
use super::{Error, Store, write};
use crate::oci::{ChainId, Descriptor, Digest, DocumentKind, ImageConfig, Index, Layer, Manifest, media_type};
use crate::progress::{Stopped, Task, Work};

/// What has to stay besides the images of the list: the store does not know containers and the cache.
#[derive(Clone, Debug, Default)]
pub struct Roots {
    /// The images of containers.
    pub images: Vec<Descriptor>,
    /// The layers of containers.
    pub layers: Vec<Layer>,
    /// The layers that the cache names.
    pub cached: Vec<Layer>,
    /// The blobs that the cache names and that are no layers: what URLs had.
    pub downloaded: Vec<Digest>,
}

/// Why a file is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// An image with a name needs it.
    Named,
    /// A container that stays needs it.
    Container,
    /// An image in the list that has no name needs it.
    Unnamed,
    /// A record of the cache names it.
    Cache,
    /// Only another process uses it.
    InUse,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sort {
    /// A blob of the image layout.
    Blob,
    /// The uncompressed copy of a layer, or the full copy of a sparse file.
    Expanded,
    /// The proof of a layer.
    Proof,
    /// A layer as a folder.
    Unpacked,
    /// A layer as a folder that depends on the layers below it, or several as one.
    UnpackedChain,
}

/// A file or folder of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What is in its name.
    pub(crate) digest: Digest,
    /// What it is.
    pub(crate) sort: Sort,
    /// Its length; 0 for a folder, which takes long to measure.
    pub(crate) bytes: u64,
    /// Why it is kept. `None`: nothing needs it.
    pub reason: Option<Reason>,
    /// Whether another process uses it, whatever else needs it.
    pub(crate) in_use: bool,
    /// Whether a container that stays has it, whatever else needs it: one that runs has copies as its root file system.
    pub(crate) of_container: bool,
}

/// Everything in the store that is named by a digest.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// The files and folders, each sort by its names.
    pub(crate) files: Vec<Stored>,
    /// Documents of images that can't be read. What they lead to is not known, and may be what seems to be kept for nothing.
    pub(crate) damaged: Vec<Error>,
    /// What stands where only lists of what processes use should be, and is none.
    pub(crate) strange: Vec<Error>,
}

impl Survey {
    /// Looks at all files. `without` are images of the list that do not count; `roots` is what else has to stay; `others` is what other
    /// processes use.
    ///
    /// # Errors
    /// [`Error::Io`] for what can't be listed, [`Error::Stopped`], and what [`Store::index`] says.
    pub(super) fn of(
        store: &Store,
        without: &BTreeSet<Digest>,
        roots: &Roots,
        others: HeldByOthers,
    ) -> Result<Survey, Error> {
        let home = store.home();
        let has_copies = has_entries(&home.expanded_dir())? || has_entries(&home.unpacked_dir())?;
        let task = store.meter().begin(Work::Surveying, None);
        let mut marking = Marking::new(store, &task, has_copies);
        let (named, unnamed): (Vec<Descriptor>, Vec<Descriptor>) =
            store.index()?.manifests.into_iter().partition(|entry| name_of(entry).is_some());
        marking.images(named, Reason::Named)?;
        let mut contained = Marking::new(store, &task, has_copies);
        for marking in [&mut marking, &mut contained] {
            for image in &roots.images {
                marking.mark(image.clone(), Reason::Container)?;
            }
            marking.layers(&roots.layers, Reason::Container)?;
        }
        marking.images(unnamed.into_iter().filter(|entry| !without.contains(&entry.digest)), Reason::Unnamed)?;
        marking.layers(&roots.cached, Reason::Cache)?;
        for digest in &roots.downloaded {
            marking.blobs.entry(*digest).or_insert(Reason::Cache);
        }
        let mut using = Marking::new(store, &task, has_copies);
        for thing in others.things {
            using.thing(thing)?;
        }
        let mut survey =
            Survey { files: Vec::new(), damaged: std::mem::take(&mut marking.damaged), strange: others.strange };
        let blob = |name: &str| Some((Digest::from_hex(name).ok()?, Sort::Blob));
        let (contained, nothing) = (contained.copies, BTreeMap::new());
        for (_, folder) in home.blob_folders() {
            survey.list(&folder, blob, [&marking.blobs, &using.blobs, &nothing])?;
        }
        let expanded = |name: &str| Some((digest_before_dot(name)?, Sort::Expanded));
        survey.list(&home.expanded_dir(), expanded, [&marking.copies, &using.copies, &contained])?;
        survey.list(&home.unpacked_dir(), unpacked, [&marking.copies, &using.copies, &contained])?;
        let proof = |name: &str| Some((Digest::from_hex(name).ok()?, Sort::Proof));
        survey.list(&home.proven_dir(), proof, [&marking.all(), &using.all(), &nothing])?;
        Ok(survey)
    }

    /// Adds what is in a folder. A file with a name of another form is not the store's. The marks: why files are kept, what other processes
    /// use, what containers have.
    fn list(
        &mut self,
        folder: &Path,
        read: impl Fn(&str) -> Option<(Digest, Sort)>,
        [reasons, using, contained]: [&BTreeMap<Digest, Reason>; 3],
    ) -> Result<(), Error> {
        let from = self.files.len();
        for entry in std::fs::read_dir(folder).map_err(Error::io("list", folder))? {
            let entry = entry.map_err(Error::io("list", folder))?;
            let Some((digest, sort)) = entry.file_name().to_str().and_then(&read) else { continue };
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                // Its process has ended since.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::io("stat", entry.path())(error)),
            };
            let is_folder = matches!(sort, Sort::Unpacked | Sort::UnpackedChain);
            if metadata.is_dir() == is_folder {
                let bytes = if is_folder { 0 } else { metadata.len() };
                let in_use = using.contains_key(&digest);
                let reason = reasons.get(&digest).copied().or(in_use.then_some(Reason::InUse));
                let of_container = contained.contains_key(&digest);
                self.files.push(Stored { path: entry.path(), digest, sort, bytes, reason, in_use, of_container });
            }
        }
        self.files[from..].sort_by(|one, other| one.path.cmp(&other.path));
        Ok(())
    }
}

fn has_entries(folder: &Path) -> Result<bool, Error> {
    Ok(std::fs::read_dir(folder).map_err(Error::io("list", folder))?.next().is_some())
}

fn digest_before_dot(name: &str) -> Option<Digest> {
    Digest::from_hex(name.split_once('.').map_or(name, |(stem, _)| stem)).ok()
}

/// The names in `unpacked/`: `<diff id>[.user]`, `chain-<chain id>[.whole][.user]`.
fn unpacked(name: &str) -> Option<(Digest, Sort)> {
    if write::is_temporary(name.as_ref()) {
        return None;
    }
    match name.strip_prefix("chain-") {
        Some(chain) => Some((digest_before_dot(chain)?, Sort::UnpackedChain)),
        None => Some((digest_before_dot(name)?, Sort::Unpacked)),
    }
}

/// What is needed, as far as it was found.
struct Marking<'s> {
    store: &'s Store,
    task: &'s Task,
    blobs: BTreeMap<Digest, Reason>,
    /// Diff ids and chains, by which copies are named.
    copies: BTreeMap<Digest, Reason>,
    /// Whether there are copies, so that configurations have to be read.
    has_copies: bool,
    /// The same blob may be listed as one kind by one document, and as another by the next.
    seen: BTreeSet<(Digest, Option<DocumentKind>)>,
    damaged: Vec<Error>,
}

impl<'s> Marking<'s> {
    fn new(store: &'s Store, task: &'s Task, has_copies: bool) -> Marking<'s> {
        Marking {
            store,
            task,
            blobs: BTreeMap::new(),
            copies: BTreeMap::new(),
            has_copies,
            seen: BTreeSet::new(),
            damaged: Vec::new(),
        }
    }

    /// Blobs and copies.
    fn all(&self) -> BTreeMap<Digest, Reason> {
        self.copies.iter().chain(&self.blobs).map(|(digest, reason)| (*digest, *reason)).collect()
    }

    /// Marks entries of the list of images, which have to be there.
    fn images(&mut self, entries: impl IntoIterator<Item = Descriptor>, reason: Reason) -> Result<(), Stopped> {
        for entry in entries {
            if !self.store.has(&entry.digest) {
                self.damaged.push(Error::Missing { digest: entry.digest });
            }
            self.mark(entry, reason)?;
        }
        Ok(())
    }

    fn layers(&mut self, layers: &[Layer], reason: Reason) -> Result<(), Stopped> {
        for layer in layers {
            self.mark(layer.descriptor.clone(), reason)?;
            self.copies.entry(layer.diff_id.0).or_insert(reason);
        }
        Ok(())
    }

    /// Marks what another process uses. Where it is a document, its size is that of the file.
    fn thing(&mut self, thing: Thing) -> Result<(), Stopped> {
        self.copies.entry(thing.digest).or_insert(Reason::InUse);
        let media_type = match thing.kind {
            Some(DocumentKind::Index) => media_type::INDEX,
            Some(DocumentKind::Manifest) => media_type::MANIFEST,
            Some(DocumentKind::Config) => media_type::CONFIG,
            None => media_type::LAYER,
        };
        let size = self.store.blob_path(&thing.digest).symlink_metadata().map_or(0, |metadata| metadata.len());
        self.mark(Descriptor::new(media_type, thing.digest, size), Reason::InUse)
    }

    /// Marks a blob and everything that it leads to. Documents may be nested as deep as somebody liked, so what is still to
    /// be looked at is a list and not a recursion.
    fn mark(&mut self, root: Descriptor, reason: Reason) -> Result<(), Stopped> {
        let mut waiting = vec![root];
        while let Some(descriptor) = waiting.pop() {
            let kind = DocumentKind::of(&descriptor.media_type);
            self.blobs.entry(descriptor.digest).or_insert(reason);
            // What an index lists for other platforms need not be there.
            if !self.seen.insert((descriptor.digest, kind)) || kind.is_some() && !self.store.has(&descriptor.digest) {
                continue;
            }
            self.task.add(1)?;
            match self.parts(&descriptor, reason) {
                Ok(parts) => waiting.extend(parts),
                Err(error) => self.damaged.push(error),
            }
        }
        Ok(())
    }

    /// What a document leads to, by its descriptor's media type.
    fn parts(&mut self, descriptor: &Descriptor, reason: Reason) -> Result<Vec<Descriptor>, Error> {
        Ok(match DocumentKind::of(&descriptor.media_type) {
            Some(DocumentKind::Index) => {
                let index: Index = self.store.look_at_document(descriptor)?;
                index.manifests.into_iter().chain(index.subject).collect()
            }
            Some(DocumentKind::Manifest) => {
                let manifest: Manifest = self.store.look_at_document(descriptor)?;
                std::iter::once(manifest.config).chain(manifest.layers).chain(manifest.subject).collect()
            }
            Some(DocumentKind::Config) => {
                // Without it no blob is lost, only copies that can be recreated.
                if self.has_copies
                    && let Ok(config) = self.store.look_at_document::<ImageConfig>(descriptor)
                {
                    let mut chain = None;
                    for diff_id in &config.rootfs.diff_ids {
                        let id = ChainId::extend(chain, *diff_id);
                        chain = Some(id);
                        self.copies.entry(diff_id.0).or_insert(reason);
                        self.copies.entry(id.0).or_insert(reason);
                    }
                }
                Vec::new()
            }
            None => Vec::new(),
        })
    }
}
