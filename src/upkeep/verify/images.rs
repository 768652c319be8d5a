//! From the list of images to the last entry of each layer.

use std::collections::BTreeSet;
use std::io;

use super::blobs::Blobs;
use super::report::Report;
use crate::layer::{self, Stack};
use crate::oci::manifest::REF_NAME;
use crate::oci::{
    Descriptor, Digest, Document, DocumentKind, ImageConfig, Index, Layer, Manifest, kind, media_type, validate,
};
use crate::store::documents::{self, INDEX};
use crate::store::images::{MOST_NESTED, too_deep};
use crate::store::index::{name_of, name_text};
use crate::store::{Error, Store};

/// Checks everything that the index leads to, and tells which blobs that are.
pub(super) fn follow(store: &Store, blobs: &Blobs, report: &mut Report) -> BTreeSet<Digest> {
    let mut following = Following { store, blobs, report, reached: BTreeSet::new(), followed: BTreeSet::new() };
    following.index();
    following.reached
}

struct Following<'a> {
    store: &'a Store,
    blobs: &'a Blobs,
    report: &'a mut Report,
    /// The blobs that something leads to.
    reached: BTreeSet<Digest>,
    /// The documents that were looked at, as what their descriptors say they are.
    followed: BTreeSet<(Digest, Option<DocumentKind>)>,
}

impl Following<'_> {
    fn index(&mut self) {
        let text = match documents::read_file(&self.store.home().index_path(), self.store.home().bound(&INDEX)) {
            Ok(text) => text,
            Err(error) => return self.report.error("index.json", error),
        };
        for finding in validate::index(&text) {
            self.report.error("index.json", finding);
        }
        let index: Index = match kind::parse(&text) {
            Ok(index) => index,
            Err(error) => {
                return self.report.error("index.json", format!("it can't be understood: {error}"));
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
                self.report.error("index.json", format!("the name `{name}` is listed twice"));
            }
            if let Some(name) = name_text(entry)
                && name_of(entry).is_none()
            {
                self.report.note("index.json", format!("`{name}` can't be used as the name of an image"));
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
                Some(DocumentKind::Index) if depth == MOST_NESTED => self.report.error(digest, too_deep(&descriptor)),
                Some(DocumentKind::Index) => {
                    let index = self.document::<Index>(&descriptor, validate::index);
                    for entry in index.into_iter().flat_map(|index| index.manifests) {
                        // The images of other platforms need not be there.
                        if self.blobs.present.contains_key(&entry.digest) {
                            waiting.push((entry, digest.to_string(), depth + 1));
                        } else {
                            self.report.note(digest, format!("it lists {}, which is not in the store", entry.digest));
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
                    self.report.note(digest, format!("{from} lists it as `{kind}`, which is not followed"));
                }
            }
        }
    }

    /// Whether a blob is there and has the size that a descriptor says.
    fn is_present(&mut self, descriptor: &Descriptor, from: &str) -> bool {
        match self.blobs.present.get(&descriptor.digest) {
            None => self.report.error(descriptor.digest, format!("it is missing, but {from} refers to it")),
            Some(size) if *size != descriptor.size => {
                let size = *size;
                let message = format!("it has {size} bytes, but {from} says {}", descriptor.size);
                self.report.error(descriptor.digest, message);
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
                self.report.error(descriptor.digest, error);
                return None;
            }
        };
        // One after the other: each takes a multiple of a document's size.
        let findings = validate(&text);
        let parsed = kind::parse(&text);
        for finding in findings {
            match T::KIND {
                // What everybody reads, and so does this program, is odd and no damage.
                DocumentKind::Config if parsed.is_ok() => self.report.warning(descriptor.digest, finding),
                DocumentKind::Config | DocumentKind::Index | DocumentKind::Manifest => {
                    self.report.error(descriptor.digest, finding);
                }
            }
        }
        if let Some(own) = kind::media_type(&text)
            && own != descriptor.media_type
        {
            self.report
                .error(descriptor.digest, format!("it says it is `{own}`, its descriptor `{}`", descriptor.media_type));
        }
        match parsed {
            Ok(document) => Some(document),
            Err(error) => {
                self.report.error(descriptor.digest, format!("it can't be understood: {error}"));
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
            return self.report.note(digest, format!("it is an artifact of type `{}`", manifest.config.media_type));
        }
        if self.report.findings.len() > errors {
            return;
        }
        let Some(config) = self.document::<ImageConfig>(&manifest.config, validate::config) else {
            return;
        };
        let (listed, layers) = (config.rootfs.diff_ids.len(), manifest.layers.len());
        if listed != layers {
            return self
                .report
                .error(digest, format!("its number of layers is {layers}, that of its configuration {listed}"));
        }
        let with_layer = config.history.iter().filter(|entry| !entry.empty_layer).count();
        if !config.history.is_empty() && with_layer != layers {
            self.report.note(
                manifest.config.digest,
                format!("its history has {with_layer} entries with a layer, its number of layers is {layers}"),
            );
        }
        let mut below = Some(Stack::new(self.store));
        for layer in self.store.layers(manifest, &config) {
            below = self.layer(&layer, below);
        }
        self.report.images += 1;
    }

    /// Checks the diff id of a layer, and reads its archive over the layers below, as far as those are known.
    fn layer<'s>(&mut self, layer: &Layer, below: Option<Stack<'s>>) -> Option<Stack<'s>> {
        let digest = layer.descriptor.digest;
        if self.blobs.damaged.contains(&digest) {
            return None;
        }
        if digest != layer.diff_id.0 {
            let actual = self.store.open_blob(&digest).map_err(io::Error::other).and_then(|blob| {
                let decoder = layer::decompress(blob, &layer::Limits::of(self.store.limits()))?;
                self.store.hash(layer.diff_id.0.algorithm(), decoder, None)
            });
            match actual {
                Ok((actual, _)) if actual == layer.diff_id.0 => {}
                Ok((actual, _)) => {
                    self.report.error(
                        digest,
                        format!("its diff id is {actual}, but the configuration lists {}", layer.diff_id),
                    );
                    return None;
                }
                Err(error) => {
                    self.report.error(digest, format!("it can't be decompressed: {error}"));
                    return None;
                }
            }
        }
        let mut stack = below?;
        match stack.push(layer) {
            Ok(()) => Some(stack),
            Err(error) => {
                self.report.error(digest, error);
                None
            }
        }
    }
}
