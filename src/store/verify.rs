//! Proving that a store is whole: everything is read again and compared with what names it.
//!
//! What is checked:
//!
//! - the layout file and the index: form, media types, names;
//! - every blob: its name is the digest of its bytes;
//! - everything that the index leads to: it is there, has the size that its descriptor says, and is a valid document of
//!   its media type;
//! - every image: the configuration lists as many layers as the manifest, each layer's uncompressed bytes have the listed
//!   diff id, and the archive can be read from its first to its last entry;
//! - expanded copies: their bytes have the digest in their name.
//!
//! Compressed layers are expanded into the store on the way, as every reader does.
//!
//! Blobs that nothing leads to are listed; they are no errors. Left out: unpacked layers, caches and containers, which
//! other modules keep and can make again.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::documents::{self, INDEX, LAYOUT};
use super::images::{MOST_NESTED, too_deep};
use super::index::{name_of, name_text};
use super::proof::{LAYER, hash};
use super::{Error, Store, write};
use crate::document::{self, Links};
use crate::layer::{self, Layer};
use crate::oci::manifest::REF_NAME;
use crate::oci::{
    Descriptor, Digest, Document, DocumentKind, ImageConfig, Index, Manifest, kind, media_type, validate,
};
use crate::tree::Tree;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is wrong.
    Note,
    /// The store is damaged.
    Error,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The blob's digest, or the name of a file in the store.
    pub blob: String,
    /// What was found, as a sentence.
    pub message: String,
}

/// The result of [`verify`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Everything that was found, sorted: errors last.
    pub findings: Vec<Finding>,
    /// How many blobs were read.
    pub(crate) blobs: usize,
    /// How many bytes they have.
    pub(crate) bytes: u64,
    /// The blobs that no image needs, and their sizes: what only the cache keeps, and what is left over.
    pub unneeded: BTreeMap<Digest, u64>,
    /// How many images were followed to their last layer.
    pub(crate) images: usize,
}

impl Report {
    /// Whether nothing but notes was found.
    pub fn is_whole(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity == Severity::Note)
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let severity = match self.severity {
            Severity::Note => "note",
            Severity::Error => "error",
        };
        write!(formatter, "{severity}: {}: {}", self.blob, self.message)
    }
}

/// Checks everything in a store. Never fails: what can't be read is a finding.
pub fn verify(store: &Store) -> Report {
    let mut verifying = Verifying {
        store,
        report: Report::default(),
        present: BTreeMap::new(),
        reached: BTreeSet::new(),
        damaged: BTreeSet::new(),
        followed: BTreeSet::new(),
    };
    verifying.layout();
    verifying.blobs();
    verifying.index();
    verifying.expanded();
    verifying.unreferenced();
    let mut report = verifying.report;
    report.findings.sort();
    report.findings.dedup();
    report
}

struct Verifying<'a> {
    store: &'a Store,
    report: Report,
    /// The blobs that are there, with their sizes.
    present: BTreeMap<Digest, u64>,
    /// The blobs that something leads to.
    reached: BTreeSet<Digest>,
    /// The blobs that are not what their names say.
    damaged: BTreeSet<Digest>,
    /// The documents that were looked at, as what their descriptors say they are.
    followed: BTreeSet<(Digest, Option<DocumentKind>)>,
}

impl Verifying<'_> {
    fn error(&mut self, blob: impl ToString, message: impl ToString) {
        let (blob, message) = (blob.to_string(), message.to_string());
        self.report.findings.push(Finding { severity: Severity::Error, blob, message });
    }

    fn note(&mut self, blob: impl ToString, message: impl ToString) {
        let (blob, message) = (blob.to_string(), message.to_string());
        self.report.findings.push(Finding { severity: Severity::Note, blob, message });
    }

    fn layout(&mut self) {
        match documents::read_file(&self.store.home().root().join("oci-layout"), &LAYOUT) {
            Ok(text) => {
                for finding in validate::layout(&text) {
                    self.error("oci-layout", finding);
                }
            }
            Err(error) => self.error("oci-layout", error),
        }
    }

    /// Hashes every blob.
    fn blobs(&mut self) {
        let entries = match std::fs::read_dir(self.store.home().blobs()) {
            Ok(entries) => entries,
            Err(error) => {
                return self.error("blobs/sha256", format!("it can't be listed: {error}"));
            }
        };
        let mut paths = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) => paths.push(entry.path()),
                Err(error) => self.error("blobs/sha256", format!("it can't be listed: {error}")),
            }
        }
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Ok(digest) = Digest::from_hex(&name) else {
                self.error(format!("blobs/sha256/{name}"), "its name is not a digest");
                continue;
            };
            let (file, metadata) = match document::open(&path, Links::Refuse) {
                Ok(opened) => opened,
                Err(error) => {
                    self.error(digest, error);
                    continue;
                }
            };
            if let Err(error) = LAYER.check(&path, metadata.len()) {
                self.present.insert(digest, metadata.len());
                self.damaged.insert(digest);
                self.error(digest, error);
                continue;
            }
            match hash(file) {
                Ok((actual, size)) => {
                    self.present.insert(digest, size);
                    self.report.blobs += 1;
                    self.report.bytes += size;
                    if actual == digest {
                        self.store.remember(&digest, &metadata);
                    } else {
                        self.damaged.insert(digest);
                        self.error(digest, format!("its content has the digest {actual}"));
                    }
                }
                Err(error) => self.error(digest, format!("it can't be read: {error}")),
            }
        }
    }

    fn index(&mut self) {
        let text = match documents::read_file(&self.store.home().index_path(), &INDEX) {
            Ok(text) => text,
            Err(error) => return self.error("index.json", error),
        };
        for finding in validate::index(&text) {
            self.error("index.json", finding);
        }
        let index: Index = match kind::parse(&text) {
            Ok(index) => index,
            Err(error) => {
                return self.error("index.json", format!("it can't be understood: {error}"));
            }
        };
        self.names(&index);
        for entry in index.manifests {
            self.follow(entry);
        }
    }

    fn names(&mut self, index: &Index) {
        let mut names = BTreeSet::new();
        for entry in &index.manifests {
            if let Some(name) = entry.annotations.get(REF_NAME)
                && !names.insert(name)
            {
                self.error("index.json", format!("the name `{name}` is there twice"));
            }
            if let Some(name) = name_text(entry)
                && name_of(entry).is_none()
            {
                self.note("index.json", format!("`{name}` can't be used as the name of an image"));
            }
        }
    }

    /// Checks what an entry of the index leads to. Every blob is followed once, but every descriptor's size is compared.
    fn follow(&mut self, entry: Descriptor) {
        let mut waiting = vec![(entry, "index.json".to_owned(), 0)];
        while let Some((descriptor, from, depth)) = waiting.pop() {
            let digest = descriptor.digest;
            let kind = DocumentKind::of(&descriptor.media_type);
            if !self.is_present(&descriptor, &from) || !self.followed.insert((digest, kind)) {
                continue;
            }
            self.reached.insert(digest);
            match kind {
                // Whoever looks for an image gives up there, too.
                Some(DocumentKind::Index) if depth == MOST_NESTED => self.error(digest, too_deep(&descriptor)),
                Some(DocumentKind::Index) => {
                    let index = self.document::<Index>(&descriptor, validate::index);
                    for entry in index.into_iter().flat_map(|index| index.manifests) {
                        // The images of other platforms need not be there.
                        if self.present.contains_key(&entry.digest) {
                            waiting.push((entry, digest.to_string(), depth + 1));
                        } else {
                            self.note(digest, format!("it lists {}, which is not in the store", entry.digest));
                        }
                    }
                }
                Some(DocumentKind::Manifest) => {
                    if let Some(manifest) = self.document::<Manifest>(&descriptor, validate::manifest) {
                        self.image(&manifest, digest);
                    }
                }
                Some(DocumentKind::Config) | None => {
                    let kind = &descriptor.media_type;
                    self.note(digest, format!("{from} lists it as `{kind}`, which is not followed"));
                }
            }
        }
    }

    /// Whether a blob is there and has the size that a descriptor says.
    fn is_present(&mut self, descriptor: &Descriptor, from: &str) -> bool {
        match self.present.get(&descriptor.digest) {
            None => self.error(descriptor.digest, format!("it is missing, but {from} refers to it")),
            Some(size) if *size != descriptor.size => {
                let size = *size;
                let message = format!("it has {size} bytes, but {from} says {}", descriptor.size);
                self.error(descriptor.digest, message);
            }
            Some(_) => return true,
        }
        false
    }

    fn document<T: Document>(&mut self, descriptor: &Descriptor, validate: fn(&[u8]) -> Vec<String>) -> Option<T> {
        let text = match self.store.read(descriptor, documents::limit(T::KIND)) {
            Ok(text) => text,
            // That its digest is wrong was found before.
            Err(Error::Content { .. }) => return None,
            Err(error) => {
                self.error(descriptor.digest, error);
                return None;
            }
        };
        for finding in validate(&text) {
            self.error(descriptor.digest, finding);
        }
        let own = serde_json::from_slice::<serde_json::Value>(&text).ok();
        let own = own.as_ref().and_then(|document| document.get("mediaType")).and_then(|own| own.as_str());
        if let Some(own) = own
            && own != descriptor.media_type
        {
            self.error(descriptor.digest, format!("it says it is `{own}`, its descriptor `{}`", descriptor.media_type));
        }
        match kind::parse(&text) {
            Ok(document) => Some(document),
            Err(error) => {
                self.error(descriptor.digest, format!("it can't be understood: {error}"));
                None
            }
        }
    }

    fn image(&mut self, manifest: &Manifest, digest: Digest) {
        let from = digest.to_string();
        let errors = self.report.findings.len();
        for part in std::iter::once(&manifest.config).chain(&manifest.layers) {
            if self.is_present(part, &from) {
                self.reached.insert(part.digest);
            }
        }
        if !media_type::is_config(&manifest.config.media_type) {
            return self.note(digest, format!("it is an artifact of type `{}`", manifest.config.media_type));
        }
        if self.report.findings.len() > errors {
            return;
        }
        let Some(config) = self.document::<ImageConfig>(&manifest.config, validate::config) else {
            return;
        };
        let (listed, layers) = (config.rootfs.diff_ids.len(), manifest.layers.len());
        if listed != layers {
            return self.error(digest, format!("it has {layers} layers, but its configuration lists {listed}"));
        }
        let with_layer = config.history.iter().filter(|entry| !entry.empty_layer).count();
        if !config.history.is_empty() && with_layer != layers {
            self.note(
                manifest.config.digest,
                format!("its history has {with_layer} entries with a layer, but there are {layers} layers"),
            );
        }
        let mut tree = Some(Tree::empty());
        for layer in self.store.layers(manifest, &config) {
            tree = self.layer(&layer, tree);
        }
        self.report.images += 1;
    }

    /// Checks the diff id of a layer, and reads its archive over the tree below, as far as that is known.
    fn layer(&mut self, layer: &Layer, tree: Option<Tree>) -> Option<Tree> {
        let digest = layer.descriptor.digest;
        if self.damaged.contains(&digest) {
            return None;
        }
        if digest != layer.diff_id.0 {
            let actual = self.store.open_blob(&digest).map_err(io::Error::other).and_then(|blob| {
                let decoder = layer::decompress(blob, self.store.limits())?;
                hash(decoder)
            });
            match actual {
                Ok((actual, _)) if actual == layer.diff_id.0 => {}
                Ok((actual, _)) => {
                    self.error(
                        digest,
                        format!("its diff id is {actual}, but the configuration lists {}", layer.diff_id),
                    );
                    return None;
                }
                Err(error) => {
                    self.error(digest, format!("it can't be decompressed: {error}"));
                    return None;
                }
            }
        }
        let mut tree = tree?;
        match layer::apply(self.store, &layer.descriptor, layer.diff_id, &mut tree) {
            Ok(()) => Some(tree),
            Err(error) => {
                self.error(digest, error);
                None
            }
        }
    }

    fn expanded(&mut self) {
        for entry in std::fs::read_dir(self.store.home().expanded_dir()).into_iter().flatten().flatten() {
            let path = entry.path();
            if write::is_temporary(&entry.file_name()) || path.extension().is_none_or(|ending| ending != "tar") {
                continue;
            }
            let name = format!("expanded/{}", entry.file_name().to_string_lossy());
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            let file = match document::open(&path, Links::Refuse) {
                Ok((file, _)) => file,
                Err(error) => {
                    self.error(name, error);
                    continue;
                }
            };
            match hash(file) {
                Ok((actual, _)) if actual.hex() == stem => {}
                Ok((actual, _)) => self.error(name, format!("its content has the digest {actual}")),
                Err(error) => self.error(name, format!("it can't be read: {error}")),
            }
        }
    }

    fn unreferenced(&mut self) {
        let unneeded = self.present.iter().filter(|(digest, _)| !self.reached.contains(digest));
        self.report.unneeded = unneeded.map(|(digest, bytes)| (*digest, *bytes)).collect();
    }
}
