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
//! Blobs that nothing leads to are noted; they are no errors. Left out: unpacked layers, caches and containers, which
//! other modules keep and can make again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};

use super::{Error, Store, write};
use crate::layer::{self, Layer};
use crate::oci::manifest::REF_NAME;
use crate::oci::{Descriptor, Digest, Hasher, ImageConfig, Index, Manifest, media_type, validate};
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
    pub blobs: usize,
    /// How many bytes they have.
    pub bytes: u64,
    /// How many images were followed to their last layer.
    pub images: usize,
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
    let mut verifying =
        Verifying { store, report: Report::default(), present: BTreeMap::new(), reached: BTreeSet::new() };
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
        match std::fs::read(self.store.home().root().join("oci-layout")) {
            Ok(text) => {
                for finding in validate::layout(&text) {
                    self.error("oci-layout", finding);
                }
            }
            Err(error) => self.error("oci-layout", format!("it can't be read: {error}")),
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
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Ok(digest) = Digest::from_hex(&name) else {
                self.error(format!("blobs/sha256/{name}"), "its name is not a digest");
                continue;
            };
            match File::open(&path).and_then(hash) {
                Ok((actual, size)) => {
                    self.present.insert(digest, size);
                    self.report.blobs += 1;
                    self.report.bytes += size;
                    if actual != digest {
                        self.error(digest, format!("its content has the digest {actual}"));
                    }
                }
                Err(error) => self.error(digest, format!("it can't be read: {error}")),
            }
        }
    }

    fn index(&mut self) {
        let text = match std::fs::read(self.store.home().index_path()) {
            Ok(text) => text,
            Err(error) => return self.error("index.json", format!("it can't be read: {error}")),
        };
        for finding in validate::index(&text) {
            self.error("index.json", finding);
        }
        let index: Index = match serde_json::from_slice(&text) {
            Ok(index) => index,
            Err(error) => {
                return self.error("index.json", format!("it can't be understood: {error}"));
            }
        };
        let mut names = BTreeSet::new();
        for entry in &index.manifests {
            if let Some(name) = entry.annotations.get(REF_NAME)
                && !names.insert(name)
            {
                self.error("index.json", format!("the name `{name}` is there twice"));
            }
        }
        for entry in &index.manifests {
            self.follow(entry, "index.json");
        }
    }

    /// Checks what a descriptor leads to; every blob is followed once, but every descriptor's size is compared.
    fn follow(&mut self, descriptor: &Descriptor, from: &str) {
        let digest = descriptor.digest;
        match self.present.get(&digest) {
            None => return self.error(digest, format!("it is missing, but {from} refers to it")),
            Some(size) if *size != descriptor.size => {
                let size = *size;
                self.error(digest, format!("it has {size} bytes, but {from} says {}", descriptor.size));
                return;
            }
            Some(_) => {}
        }
        if !self.reached.insert(digest) {
            return;
        }
        let kind = descriptor.media_type.as_str();
        if media_type::is_index(kind) {
            if let Some(index) = self.document::<Index>(descriptor, validate::index) {
                for entry in &index.manifests {
                    // The images of other platforms need not be there.
                    if self.present.contains_key(&entry.digest) {
                        self.follow(entry, &digest.to_string());
                    } else {
                        self.note(digest, format!("it lists {}, which is not in the store", entry.digest));
                    }
                }
            }
        } else if media_type::is_manifest(kind) {
            if let Some(manifest) = self.document::<Manifest>(descriptor, validate::manifest) {
                self.image(&manifest, digest);
            }
        } else {
            self.note(digest, format!("{from} lists it as `{kind}`, which is not followed"));
        }
    }

    fn document<T: serde::de::DeserializeOwned>(
        &mut self,
        descriptor: &Descriptor,
        validate: fn(&[u8]) -> Vec<String>,
    ) -> Option<T> {
        let text = match self.store.read(descriptor) {
            Ok(text) => text,
            // That its digest is wrong was found before.
            Err(Error::Invalid { .. }) => return None,
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
        match serde_json::from_slice(&text) {
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
            match self.present.get(&part.digest) {
                None => self.error(part.digest, format!("it is missing, but {from} refers to it")),
                Some(size) if *size != part.size => {
                    let size = *size;
                    self.error(part.digest, format!("it has {size} bytes, but {from} says {}", part.size));
                }
                Some(_) => {
                    self.reached.insert(part.digest);
                }
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
        if digest != layer.diff_id.0 {
            let actual = self.store.open_blob(&digest).map_err(io::Error::other).and_then(|blob| {
                let decoder = layer::archive::decoder(blob)?;
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
            match File::open(&path).and_then(hash) {
                Ok((actual, _)) if actual.hex() == stem => {}
                Ok((actual, _)) => self.error(name, format!("its content has the digest {actual}")),
                Err(error) => self.error(name, format!("it can't be read: {error}")),
            }
        }
    }

    fn unreferenced(&mut self) {
        let unreferenced: Vec<Digest> =
            self.present.keys().filter(|digest| !self.reached.contains(digest)).copied().collect();
        for digest in unreferenced {
            self.note(digest, "nothing in the index leads to it");
        }
    }
}

fn hash(mut reader: impl Read) -> io::Result<(Digest, u64)> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 256 << 10];
    let mut size = 0;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok((hasher.finish(), size)),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                size += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
