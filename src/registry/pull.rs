//! An image from a registry into the store.
//!
//! ```text
//! name ─▶ index ─▶ manifest for the platform ─▶ configuration
//!                                            └▶ layers, three at a time: hashed while they come, then expanded
//! ```
//!
//! Nothing has a name before all of it is there and proven, so a pull that fails or is killed leaves nothing that anybody could find; the
//! blobs that are whole stay for the next one until they are pruned.
//!
//! The index stays with the image: a digest that a Dockerfile names is often that of an index, and what is pushed again is the same to
//! the byte. What it lists for other platforms need not be there.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::io::Read;

use super::blob::{self, ATTEMPTS};
use super::repository::{self, Fetched, Which};
use super::session::Session;
use super::{Error, Stage, Watcher, hands, known};
use crate::layer;
use crate::oci::{
    Descriptor, DocumentKind, ImageConfig, Index, Layer, Manifest, Platform, Reference, kind, media_type,
};
use crate::progress::{Task, Work};
use crate::store::{self, MOST_NESTED, Store, documents};

/// Bytes that are read at a time.
const PIECE: u64 = 256 << 10;

/// What a pull has given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pulled {
    /// What the name means in the registry: an index, or a manifest.
    pub(crate) root: Descriptor,
    /// The manifest for the platform.
    pub(crate) manifest: Descriptor,
    /// Whether the store had all of it.
    pub(crate) was_there: bool,
}

/// An image that a registry has, of which only the manifest or the index is here so far.
pub(crate) struct Remote {
    session: Session,
    fetched: Fetched,
    name: String,
}

impl Remote {
    pub(super) fn new(session: Session, fetched: Fetched, name: String) -> Remote {
        Remote { session, fetched, name }
    }

    /// Brings the image for a platform into the store. It has no name there yet.
    ///
    /// # Errors
    /// [`Error`], for what the registry or the store refuses, or for what can't be used as an image.
    pub(crate) fn pull(self, store: &Store, platform: &Platform, watcher: Watcher<'_>) -> Result<Pulled, Error> {
        let Remote { session, fetched, name } = self;
        let pull = Pull { session: &session, store, name: &name, watcher };
        store.meter().interrupt().during(|| session.end(), || pull.all(fetched, platform))
    }
}

/// Which manifest a name means: that of its digest where it has one.
pub(super) fn which(reference: &Reference) -> Which {
    match reference.digest() {
        Some(digest) => Which::Digest(digest),
        None => Which::Tag(reference.with_default_tag().tag().unwrap_or_default().to_owned()),
    }
}

struct Pull<'p> {
    session: &'p Session,
    store: &'p Store,
    name: &'p str,
    watcher: Watcher<'p>,
}

impl Pull<'_> {
    fn all(&self, fetched: Fetched, platform: &Platform) -> Result<Pulled, Error> {
        let root = fetched.descriptor.clone();
        let mut documents = vec![(fetched.descriptor.clone(), fetched.bytes.clone())];
        let found = self.choose(fetched, platform, &mut documents)?;
        let manifest: Manifest = self.parse(&found.bytes)?;
        layer::check_count(self.store, self.name, manifest.layers.len())?;
        let was_there = documents.iter().all(|(descriptor, _)| self.store.has(&descriptor.digest))
            && self.store.has(&manifest.config.digest)
            && manifest.layers.iter().all(|layer| self.store.has(&layer.digest));
        self.refuse_foreign(&manifest)?;
        let config = self.config(&manifest)?;
        if config.rootfs.diff_ids.len() != manifest.layers.len() {
            return Err(self.invalid(format!(
                "its configuration lists {} layers, its manifest {}",
                config.rootfs.diff_ids.len(),
                manifest.layers.len()
            )));
        }
        self.require(platform, &config)?;
        let layers = self.store.layers(&manifest, &config);
        let most = self.store.home().bound(&store::LAYER);
        for layer in &layers {
            crate::document::check(
                std::path::Path::new(&layer.descriptor.digest.to_string()),
                layer.descriptor.size,
                most,
            )?;
        }
        self.layers(&layers)?;
        // Read from the first to the last entry, as everything that comes from elsewhere.
        layer::tree_of(self.store, &layers)?;
        let mut found = found.descriptor;
        found.platform = Some(config.platform());
        for (descriptor, bytes) in documents.iter().rev() {
            self.store.put_document_by(descriptor.digest.algorithm(), &descriptor.media_type, bytes)?;
        }
        let blobs = manifest.layers.iter().map(|layer| layer.digest);
        known::note(self.store, &self.session.registry, &self.session.repository, blobs);
        let root = if root.digest == found.digest { found.clone() } else { root };
        Ok(Pulled { root, manifest: found, was_there })
    }

    /// From an index to the manifest for a platform. Each document on the way is added.
    fn choose(
        &self,
        fetched: Fetched,
        platform: &Platform,
        documents: &mut Vec<(Descriptor, Vec<u8>)>,
    ) -> Result<Fetched, Error> {
        let mut current = fetched;
        for _ in 0..=MOST_NESTED {
            if current.kind == DocumentKind::Manifest {
                return Ok(current);
            }
            let index: Index = self.parse(&current.bytes)?;
            let Some(entry) = index.manifests.iter().find(|entry| entry.is_for(platform)) else {
                let mut available: Vec<String> = index
                    .manifests
                    .iter()
                    .filter_map(|entry| entry.platform.as_ref())
                    .map(Platform::to_string)
                    .collect();
                available.retain(|platform| platform != "unknown/unknown");
                available.dedup();
                return Err(Error::Platform {
                    name: self.name.to_owned(),
                    platform: Box::new(platform.clone()),
                    available: crate::shown::line(&available.join(", ")).into_owned(),
                });
            };
            let bound = self.store.home().bound(&documents::MANIFEST);
            current = repository::manifest(self.session, &Which::Digest(entry.digest), self.name, bound)?;
            if current.descriptor.size != entry.size {
                return Err(blob::other_size(self.session, entry, current.descriptor.size));
            }
            // Who reads the index later goes by what it says.
            if DocumentKind::of(&entry.media_type) != Some(current.kind) {
                let said = crate::shown::line(&entry.media_type).into_owned();
                return Err(self.invalid(format!("its index says `{said}` of what is an {}", current.kind.name())));
            }
            documents.push((current.descriptor.clone(), current.bytes.clone()));
        }
        Err(self.invalid(format!("more than {MOST_NESTED} indexes are nested")))
    }

    /// An image without an index is for one platform. Whoever asks for another than this machine's means it.
    fn require(&self, platform: &Platform, config: &ImageConfig) -> Result<(), Error> {
        let has = config.platform();
        let is_fine = *platform == Platform::host() || has.architecture.is_empty() || has.runs_on(platform);
        if is_fine {
            return Ok(());
        }
        let (name, available) = (self.name.to_owned(), crate::shown::line(&has.to_string()).into_owned());
        Err(Error::Platform { name, platform: Box::new(platform.clone()), available })
    }

    /// Layers that have to come from where the registry does not say, or are none.
    fn refuse_foreign(&self, manifest: &Manifest) -> Result<(), Error> {
        if !media_type::is_config(&manifest.config.media_type) {
            let shown = crate::shown::line(&manifest.config.media_type).into_owned();
            return Err(self.invalid(format!("it is an artifact of the type `{shown}`, not an image")));
        }
        for layer in &manifest.layers {
            let text = &layer.media_type;
            if text.contains("foreign") || text.contains("nondistributable") {
                return Err(self.invalid(format!(
                    "its layer {} must not be distributed and is not in the registry (as in images of Windows)",
                    layer.digest.short()
                )));
            }
            if !media_type::is_layer(text) {
                return Err(self.invalid(format!(
                    "its layer {} has the type `{}`",
                    layer.digest.short(),
                    crate::shown::line(text)
                )));
            }
        }
        Ok(())
    }

    fn config(&self, manifest: &Manifest) -> Result<ImageConfig, Error> {
        let descriptor = &manifest.config;
        if let Ok(config) = self.store.read_document(descriptor) {
            return Ok(config);
        }
        let bound = self.store.home().bound(documents::limit(DocumentKind::Config));
        let name = std::path::Path::new(self.name);
        let bytes = blob::document(self.session, self.store.meter(), name, descriptor, bound)?;
        let config = self.parse(&bytes)?;
        self.store.put_document_by(descriptor.digest.algorithm(), &descriptor.media_type, &bytes)?;
        Ok(config)
    }

    // ANCHOR: layers
    /// Has the layers brought, some at a time, each once.
    fn layers(&self, layers: &[Layer]) -> Result<(), Error> {
        let mut seen = HashSet::new();
        let (mut here, mut missing): (Vec<&Layer>, Vec<&Layer>) = Default::default();
        for layer in layers.iter().filter(|layer| seen.insert(layer.descriptor.digest)) {
            self.session.check()?;
            // What is here already need not be waited for. Where all of it is, nothing is said of it.
            let is_here = self.store.prove_layers(std::slice::from_ref(layer)).is_ok();
            if is_here { here.push(layer) } else { missing.push(layer) }
        }
        if !missing.is_empty() {
            here.iter().for_each(|layer| (self.watcher)(&layer.descriptor.digest, Stage::Exists));
        }
        missing.iter().for_each(|layer| (self.watcher)(&layer.descriptor.digest, Stage::Waiting));
        // What takes longest begins first, so that nobody waits for it alone at the end.
        missing.sort_by_key(|layer| Reverse(layer.descriptor.size));
        hands::each(missing, || self.session.end(), |layer| self.layer(layer))
    }
    // ANCHOR_END: layers

    /// Brings one layer, and expands it.
    fn layer(&self, layer: &Layer) -> Result<(), Error> {
        let digest = &layer.descriptor.digest;
        self.download(&layer.descriptor)?;
        (self.watcher)(digest, Stage::Downloaded);
        (self.watcher)(digest, Stage::Extracting);
        layer::expand::uncompressed(self.store, &layer.descriptor, layer.diff_id)?;
        (self.watcher)(digest, Stage::Complete);
        Ok(())
    }

    /// Brings one blob. Where the connection breaks, it goes on from the last byte that came.
    fn download(&self, descriptor: &Descriptor) -> Result<(), Error> {
        let (digest, total) = (descriptor.digest, descriptor.size);
        self.store.hold(&digest);
        let task = self.store.meter().begin(Work::Downloading, Some(total));
        let mut writer = self.store.blob_writer_by(digest.algorithm())?;
        let mut attempt = 0;
        loop {
            let before = writer.position();
            (self.watcher)(&digest, Stage::Downloading { done: before, total });
            let broken = match repository::blob(self.session, &digest, before) {
                Ok(mut body) => self.receive(&mut body, &mut writer, descriptor, &task)?,
                Err(error @ Error::Unreachable { .. }) if before > 0 => Some(error),
                Err(error) => return Err(error),
            };
            let done = writer.position();
            if done == total {
                break;
            }
            attempt = if done > before { 1 } else { attempt + 1 };
            // An answer that was whole and gave nothing more: there is no more.
            let is_all = broken.is_none() && done == before;
            if attempt >= ATTEMPTS || is_all {
                return Err(broken.unwrap_or_else(|| blob::other_size(self.session, descriptor, done)));
            }
            (self.watcher)(&digest, Stage::Retrying);
            blob::pause(self.session, attempt)?;
        }
        writer.commit_as(digest).map_err(|error| match error {
            store::Error::Content { digest, actual } => blob::other_content(self.session, &digest, *actual),
            error => error.into(),
        })
    }

    /// Takes what comes. Gives why it ended, where the connection broke.
    fn receive(
        &self,
        body: &mut dyn Read,
        writer: &mut store::BlobWriter,
        descriptor: &Descriptor,
        task: &Task,
    ) -> Result<Option<Error>, Error> {
        let total = descriptor.size;
        loop {
            self.session.check()?;
            let left = total - writer.position();
            if left == 0 {
                // One byte more would be another blob.
                let more = body.take(1).read(&mut [0]).unwrap_or(0);
                return if more == 0 { Ok(None) } else { Err(blob::other_size(self.session, descriptor, total + 1)) };
            }
            let mut reader = Source { body, error: None };
            let copied = writer.copy_from(&mut reader, left.min(PIECE));
            if let Some(error) = reader.error {
                return Ok(Some(blob::broken(self.session, &error)));
            }
            let path = writer.path().to_owned();
            let copied = copied.map_err(|source| store::Error::Io { operation: "write", path, source })?;
            if copied == 0 {
                return Ok(None);
            }
            task.add(copied).map_err(|stopped| Error::Store(stopped.into()))?;
            (self.watcher)(&descriptor.digest, Stage::Downloading { done: writer.position(), total });
        }
    }

    fn parse<T: crate::oci::Document>(&self, bytes: &[u8]) -> Result<T, Error> {
        kind::parse(bytes).map_err(|reason| self.invalid(format!("its {} can't be used: {reason}", T::KIND.name())))
    }

    fn invalid(&self, reason: String) -> Error {
        Error::Invalid { name: self.name.to_owned(), reason }
    }
}

/// A body, of which errors are kept apart from those of the disk that it is written to.
struct Source<'b> {
    body: &'b mut dyn Read,
    error: Option<std::io::Error>,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.body.read(buffer) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => {
                self.error = Some(error);
                Ok(0)
            }
            read => read,
        }
    }
}
