//! An image from the store into a registry.
//!
//! ```text
//! layers, three at a time ─▶ configurations ─▶ manifests ─▶ the index ─▶ the name
//! ```
//!
//! What is sent lists only what the registry has by then, so a push that fails or is killed leaves a repository in which every name means what it
//! meant before.
//!
//! Layers are stored uncompressed and sent compressed: so the manifest that is pushed of an image that was made here is another than the one in
//! the store, while its configuration, by which the image is known, is the same. What came from a registry goes as it came, to the byte.
//!
//! | a layer | what is asked |
//! |---|---|
//! | the repository has it | `HEAD` |
//! | another repository of the registry has it, as far as we remember | `HEAD`, `POST ?mount=` |
//! | else | it is compressed if it has to be, and uploaded |

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::http::{Asked, Body, Method, Target};
use super::parcel::{Contents, Document, Parcel};
use super::session::Session;
use super::upload::{self, Found, Mount, Place, Source, Step};
use super::{Error, Stage, Watcher, hands, known};
use crate::layer::pack::pack;
use crate::oci::{Descriptor, Digest, ImageConfig, Index, Manifest, Platform, Reference, media_type, to_json};
use crate::store::write::Temporary;
use crate::store::{self, Store};

/// From how many repositories at most a layer is asked to be taken.
const MOUNTS: usize = 3;

/// What a push has given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pushed {
    /// What the name means in the registry now.
    pub(crate) descriptor: Descriptor,
    /// The index that the name means here, where only a part of that is here and was pushed.
    pub(crate) part_of: Option<Digest>,
}

/// A repository that is pushed to.
pub(crate) struct Destination {
    session: Session,
}

impl Destination {
    pub(super) fn new(session: Session) -> Destination {
        Destination { session }
    }

    /// Pushes what a name means in the store under that name.
    ///
    /// # Errors
    /// [`Error`], for what the store lacks or the registry refuses.
    pub(crate) fn push(
        &self,
        store: &Store,
        name: &Reference,
        root: &Descriptor,
        platform: Option<&Platform>,
        watcher: Watcher<'_>,
    ) -> Result<Pushed, Error> {
        let parcel = Parcel::of(store, &name.familiar(), root, platform)?;
        let tag = name.tag().unwrap_or_default();
        let descriptor = self.work(store, watcher, |push| push.all(&parcel.root, tag))?;
        Ok(Pushed { descriptor, part_of: parcel.part_of })
    }

    fn work<T>(
        &self,
        store: &Store,
        watcher: Watcher<'_>,
        work: impl FnOnce(&Push<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let push = Push { session: &self.session, store, watcher, compressing: Mutex::new(()) };
        let interrupt = store.meter().interrupt();
        interrupt.during(|| self.session.end(), || work(&push)).map_err(|error| match error {
            Error::Unauthorized { registry, repository, has_credentials } => {
                Error::MayNotPush { registry, repository, has_credentials }
            }
            error => error,
        })
    }
}

/// What is sent beside an image, piece by piece: the layers, what else is listed, and last the manifest.
impl Destination {
    /// Sees to it that the repository has layers, as it would have them of an image. Gives each as it is there, by its digest in the store.
    ///
    /// # Errors
    /// [`Error`], for what the store lacks or the registry refuses.
    pub(crate) fn layers(&self, store: &Store, layers: &[Descriptor]) -> Result<BTreeMap<Digest, Descriptor>, Error> {
        let sent = Mutex::new(BTreeMap::new());
        self.work(store, &|_, _| (), |push| {
            hands::each(
                layers,
                || self.session.end(),
                |layer| {
                    let descriptor = push.layer(Shown { layer, digest: layer.digest })?;
                    lock(&sent).insert(layer.digest, descriptor);
                    Ok(())
                },
            )
        })?;
        Ok(sent.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sees to it that the repository has a blob, whose bytes are in memory.
    ///
    /// # Errors
    /// [`Error`], for what the disk or the registry refuses.
    pub(crate) fn blob(&self, store: &Store, media_type: &str, bytes: &[u8]) -> Result<Descriptor, Error> {
        let blob = Descriptor::new(media_type, Digest::of(bytes), bytes.len() as u64);
        self.work(store, &|_, _| (), |push| match push.find(&blob, None)? {
            There::All(_) => Ok(()),
            There::Nothing(place) => {
                let mut temporary = Temporary::create(&store.home().temporary())?;
                temporary.write(bytes)?;
                let path = temporary.path().to_owned();
                push.send(&blob, Source { file: temporary.file(), path: &path }, place, &|_| ())
            }
        })?;
        Ok(blob)
    }

    /// Sends a manifest of which the repository has everything, and gives it a name.
    ///
    /// # Errors
    /// [`Error`], for what the registry refuses.
    pub(crate) fn manifest(&self, store: &Store, manifest: &Manifest, tag: &str) -> Result<Descriptor, Error> {
        let bytes = to_json(manifest);
        let descriptor = Descriptor::new(media_type::MANIFEST, Digest::of(&bytes), bytes.len() as u64);
        self.work(store, &|_, _| (), |push| push.put(&descriptor, &bytes, Some(tag)))?;
        let blobs = manifest.layers.iter().map(|layer| layer.digest);
        known::note(store, &self.session.registry, &self.session.repository, blobs);
        Ok(descriptor)
    }
}

struct Push<'p> {
    session: &'p Session,
    store: &'p Store,
    watcher: Watcher<'p>,
    /// One layer at a time is compressed, by all processors.
    compressing: Mutex<()>,
}

/// A layer, and the digest by which it is shown: that of the archive in it.
#[derive(Clone, Copy)]
struct Shown<'l> {
    layer: &'l Descriptor,
    digest: Digest,
}

/// What the registry has of a blob.
enum There {
    /// It need not be sent.
    All(Stage),
    /// It has to be, perhaps to a place that the registry has given already.
    Nothing(Option<Place>),
}

impl Push<'_> {
    // ANCHOR: all
    fn all(&self, root: &Document, tag: &str) -> Result<Descriptor, Error> {
        let images = root.images();
        let mut seen = HashSet::new();
        let mut layers = images.iter().flat_map(|manifest| self.shown(manifest)).collect::<Vec<_>>();
        layers.retain(|shown| seen.insert(shown.layer.digest));
        layers.iter().for_each(|shown| (self.watcher)(&shown.digest, Stage::Preparing));
        // What takes longest begins first, so that nobody waits for it alone at the end.
        layers.sort_by_key(|shown| Reverse(shown.layer.size));
        let sent = Mutex::new(BTreeMap::new());
        hands::each(
            layers,
            || self.session.end(),
            |shown| {
                let descriptor = self.layer(shown)?;
                lock(&sent).insert(shown.layer.digest, descriptor);
                Ok::<_, Error>(())
            },
        )?;
        for manifest in images.iter().filter(|manifest| seen.insert(manifest.config.digest)) {
            self.blob(&manifest.config, &|_| ())?;
        }
        self.document(root, Some(tag), &lock(&sent))
    }
    // ANCHOR_END: all

    /// The layers of an image, the uppermost first as with Docker.
    fn shown<'l>(&self, manifest: &'l Manifest) -> Vec<Shown<'l>> {
        let config = self.store.read_document::<ImageConfig>(&manifest.config);
        let diff_ids = config.map(|config| config.rootfs.diff_ids).unwrap_or_default();
        let is_image = diff_ids.len() == manifest.layers.len();
        let digest = |at: usize, layer: &Descriptor| if is_image { diff_ids[at].0 } else { layer.digest };
        let shown = |(at, layer)| Shown { layer, digest: digest(at, layer) };
        manifest.layers.iter().enumerate().rev().map(shown).collect()
    }

    /// Sees to it that the registry has a layer; gives it as the registry has it.
    fn layer(&self, shown: Shown<'_>) -> Result<Descriptor, Error> {
        let Shown { layer, digest } = shown;
        let tell = |stage| (self.watcher)(&digest, stage);
        // One that came from a registry like that goes there like that.
        let gzipped =
            media_type::gzipped(&layer.media_type).filter(|_| !known::is_in_a_registry(self.store, &layer.digest));
        let Some(gzipped) = gzipped else {
            self.blob(layer, &tell)?;
            return Ok(layer.clone());
        };
        let as_layer = |blob: &Descriptor| {
            let annotations = layer.annotations.clone();
            Descriptor { annotations, ..Descriptor::new(gzipped, blob.digest, blob.size) }
        };
        let remembered = known::compressed(self.store, &layer.digest).map(|blob| as_layer(&blob));
        let mut place = None;
        if let Some(remembered) = &remembered {
            match self.find(remembered, Some(Found::Same))? {
                There::All(stage) => {
                    tell(stage);
                    return Ok(remembered.clone());
                }
                There::Nothing(begun) => place = begun,
            }
        }
        let (compressed, mut file) = self.compress(layer, &tell)?;
        let compressed = as_layer(&compressed);
        known::note_compressed(self.store, &layer.digest, &compressed);
        if remembered.is_none_or(|remembered| remembered.digest != compressed.digest) {
            match self.find(&compressed, None)? {
                There::All(stage) => {
                    tell(stage);
                    return Ok(compressed);
                }
                There::Nothing(begun) => place = begun.or(place),
            }
        }
        let path = file.path().to_owned();
        self.send(&compressed, Source { file: file.file(), path: &path }, place, &tell)?;
        Ok(compressed)
    }

    /// Sees to it that the registry has a blob of the store.
    fn blob(&self, blob: &Descriptor, tell: &dyn Fn(Stage)) -> Result<(), Error> {
        match self.find(blob, None)? {
            There::All(stage) => tell(stage),
            There::Nothing(place) => {
                let file = self.store.open_blob(&blob.digest)?;
                let path = self.store.blob_path(&blob.digest);
                let actual = length(&file, &path)?;
                if actual != blob.size {
                    return Err(store::Error::Size { digest: blob.digest.into(), expected: blob.size, actual }.into());
                }
                self.send(blob, Source { file: &file, path: &path }, place, tell)?;
            }
        }
        Ok(())
    }

    /// Whether the registry has a blob, in this repository or in another. `need`: nothing less counts, because the digest is only remembered.
    fn find(&self, blob: &Descriptor, need: Option<Found>) -> Result<There, Error> {
        let session = self.session;
        let is_enough = |found| found != Found::Nothing && need.is_none_or(|need| need == found);
        if is_enough(upload::look(session, blob)?) {
            return Ok(There::All(Stage::Known));
        }
        let mut place = None;
        let others = known::repositories(self.store, &session.registry, &blob.digest);
        for from in others.into_iter().filter(|from| *from != session.repository).take(MOUNTS) {
            if let Some(place) = place.take() {
                upload::cancel(session, &place);
            }
            match upload::mount(session, &blob.digest, &from)? {
                Mount::Mounted if need.is_none() || is_enough(upload::look(session, blob)?) => {
                    return Ok(There::All(Stage::Mounted { from }));
                }
                Mount::Mounted | Mount::Refused => {}
                Mount::Begun(begun) => place = Some(begun),
            }
        }
        Ok(There::Nothing(place))
    }

    fn send(
        &self,
        blob: &Descriptor,
        source: Source<'_>,
        place: Option<Place>,
        tell: &dyn Fn(Stage),
    ) -> Result<(), Error> {
        let total = blob.size;
        let step = |step| match step {
            Step::Sent(done) => tell(Stage::Pushing { done, total }),
            Step::Retrying => tell(Stage::Retrying),
        };
        upload::upload(self.session, blob, source, place, &step)?;
        tell(Stage::Pushed);
        Ok(())
    }

    /// Compresses a layer into a file that goes when it is dropped.
    fn compress(&self, layer: &Descriptor, tell: &dyn Fn(Stage)) -> Result<(Descriptor, Temporary), Error> {
        let _alone = lock(&self.compressing);
        self.session.check()?;
        let mut temporary = Temporary::create(&self.store.home().temporary())?;
        let (path, total) = (temporary.path().to_owned(), layer.size);
        let packed =
            pack(self.store, layer, temporary.file(), &path, &|done| tell(Stage::Compressing { done, total }))?;
        Ok((packed, temporary))
    }

    /// Sends a document after those that it lists, under a name or under its digest. Gives it as the registry has it.
    fn document(
        &self,
        document: &Document,
        tag: Option<&str>,
        sent: &BTreeMap<Digest, Descriptor>,
    ) -> Result<Descriptor, Error> {
        let bytes = match &document.contents {
            Contents::Image(manifest) => {
                let layers = manifest.layers.iter().map(|layer| sent.get(&layer.digest).unwrap_or(layer).clone());
                let pushed = Manifest { layers: layers.collect(), ..manifest.clone() };
                (pushed != *manifest).then(|| to_json(&pushed))
            }
            Contents::Index(index, documents) => {
                let documents = documents.iter().map(|document| self.document(document, None, sent));
                let pushed = Index { manifests: documents.collect::<Result<_, Error>>()?, ..index.clone() };
                (pushed != *index).then(|| to_json(&pushed))
            }
        };
        // What is the same stays the same to the byte.
        let (bytes, digest) = match &bytes {
            Some(bytes) => (bytes.as_slice(), Digest::of(bytes)),
            None => (document.bytes.as_slice(), document.descriptor.digest),
        };
        let size = bytes.len() as u64;
        let descriptor = Descriptor { digest, size, ..document.descriptor.clone() };
        let there = self.put(&descriptor, bytes, tag)?;
        if let Contents::Image(manifest) = &document.contents {
            let blobs = manifest.layers.iter().map(|layer| sent.get(&layer.digest).unwrap_or(layer).digest);
            known::note(self.store, &self.session.registry, &self.session.repository, blobs);
        }
        Ok(Descriptor { digest: there, ..descriptor })
    }

    /// Gives the digest by which the registry has it, which may be another than ours where it gave it a name.
    fn put(&self, descriptor: &Descriptor, bytes: &[u8], tag: Option<&str>) -> Result<Digest, Error> {
        let name = tag.map_or_else(|| descriptor.digest.to_string(), str::to_owned);
        let url = self.session.url(&format!("manifests/{name}"))?;
        let answer = self.session.send(Target::Named, &mut || {
            let asked = Asked::new(Method::PUT, &url).with("content-type", &descriptor.media_type);
            Ok(Asked { body: Body::Bytes(bytes), ..asked })
        })?;
        if ![200, 201, 202].contains(&answer.status) {
            return Err(self.session.refused(&url, answer));
        }
        let Some(said) = answer.header("docker-content-digest") else { return Ok(descriptor.digest) };
        let is_right = |digest: &Digest| digest.algorithm().hash(bytes) == *digest;
        match said.parse().ok().filter(is_right) {
            Some(digest) if tag.is_some() => Ok(digest),
            Some(_) => Ok(descriptor.digest),
            None => Err(Error::Answer {
                url: url.to_string(),
                reason: format!("it was given {} and says that it has {}", descriptor.digest, crate::shown::line(said)),
            }),
        }
    }
}

fn length(file: &File, path: &std::path::Path) -> Result<u64, Error> {
    let metadata = file.metadata().map_err(store::Error::io("stat", path))?;
    Ok(metadata.len())
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    // It is whole even where another thread has panicked.
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
