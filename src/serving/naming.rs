//! Naming: a manifest is pushed. The distribution specification, "Pushing manifests".
//!
//! By its digest it waits with the blobs of its repository, until an index that lists it gets a name. By a tag it gets one, and then it is
//! an image of the store like any other: so everything that it lists has to be there, with the sizes that it says, and every layer is read to
//! its end before ([`crate::images::archive::prove`]). A build cache of this program is taken as well: it has a document that can be read, and nothing but what
//! belongs to one; its layers are proven by whoever uses them. What would be found damaged when somebody uses it is refused here.

use std::collections::BTreeSet;

use super::deliveries::Deliveries;
use super::refusal::{Code, Refusal};
use super::route::{Repository, Which};
use super::{Named, Registry};
use crate::cache::shared;
use crate::http::{Answer, Request};
use crate::images::archive;
use crate::layer;
use crate::limits::Bound;
use crate::oci::{Algorithm, Descriptor, Digest, Document, DocumentKind, Index, Manifest, Reference, kind};
use crate::store::{self, MOST_NESTED, Store, documents};

/// A manifest as it was pushed.
struct Pushed {
    descriptor: Descriptor,
    bytes: Vec<u8>,
    document: Content,
}

/// What it is.
#[derive(Clone)]
enum Content {
    /// The manifests that an index lists.
    Index(Vec<Descriptor>),
    Manifest(Box<Manifest>),
}

impl Content {
    /// What it lists.
    fn parts(&self) -> Vec<&Descriptor> {
        match self {
            Content::Index(manifests) => manifests.iter().collect(),
            Content::Manifest(manifest) => std::iter::once(&manifest.config).chain(&manifest.layers).collect(),
        }
    }
}

impl Registry<'_> {
    /// Takes a manifest.
    pub(super) fn push(
        &self,
        deliveries: &Deliveries<'_>,
        request: &mut Request<'_>,
        repository: &Repository,
        which: &Which,
    ) -> Result<(Answer, Option<Named>), Refusal> {
        let algorithm = match which {
            Which::Digest(wanted) => wanted.algorithm(),
            Which::Tag(_) => Algorithm::Sha256,
        };
        let pushed = read(request, algorithm, self.store.home().bound(&documents::MANIFEST))?;
        let digest = pushed.descriptor.digest;
        for part in pushed.document.parts() {
            self.check_part(deliveries, repository, part)?;
        }
        let named = match which {
            Which::Digest(wanted) if *wanted != digest => {
                let message = format!("the digest of the manifest is {digest}, not {wanted}");
                return Err(Refusal::new(Code::DigestInvalid, message));
            }
            Which::Digest(_) => {
                deliveries.deliver_manifest(repository, &pushed.descriptor, &pushed.bytes)?;
                None
            }
            Which::Tag(tag) => Some(self.name(deliveries, &pushed, repository, tag)?),
        };
        let answer = Answer::empty(201)
            .with("Location", format!("/v2/{}/manifests/{digest}", repository.written))
            .with("Docker-Content-Digest", digest.to_string());
        Ok((answer, named))
    }

    /// Checks that what a manifest lists belongs to the repository, and has its size.
    fn check_part(
        &self,
        deliveries: &Deliveries<'_>,
        repository: &Repository,
        part: &Descriptor,
    ) -> Result<(), Refusal> {
        match self.size_in(deliveries, repository, &part.digest)? {
            None => Err(Refusal::new(
                Code::ManifestBlobUnknown,
                format!("{} was not pushed to {}, which the manifest lists", part.digest, repository.written),
            )),
            Some(size) if size != part.size => Err(Refusal::new(
                Code::SizeInvalid,
                format!("{} has {size} bytes, not {}, as the manifest says", part.digest, part.size),
            )),
            Some(_) => Ok(()),
        }
    }

    /// Brings an image into the store and gives it its name.
    fn name(
        &self,
        deliveries: &Deliveries<'_>,
        pushed: &Pushed,
        repository: &Repository,
        tag: &str,
    ) -> Result<Named, Refusal> {
        // One at a time: to prove an image takes memory.
        let _turn = self.naming.lock();
        // What is brought in is held until it has its name, and no longer.
        let store = Store::open(self.store.home())?;
        let mut descriptor = pushed.descriptor.clone();
        let (needed, images) = self.gather(deliveries, repository, pushed)?;
        let cache = match &pushed.document {
            Content::Manifest(manifest) if manifest.is_cache() => Some(manifest),
            Content::Manifest(_) | Content::Index(_) => None,
        };
        if images.is_empty() && cache.is_none() {
            return Err(Refusal::new(
                Code::ManifestInvalid,
                "this registry takes images and build caches of Layerlab, and the manifest is that of neither",
            ));
        }
        for digest in &needed {
            deliveries.staging.keep_in(&store, digest)?;
        }
        store.put_document_by(descriptor.digest.algorithm(), &descriptor.media_type, &pushed.bytes)?;
        if let Some(manifest) = cache {
            shared::prove(&store, manifest)
                .map_err(|error| Refusal::new(Code::ManifestInvalid, format!("it is not a build cache: {error}")))?;
        }
        for manifest in &images {
            let config = archive::prove(&store, manifest).map_err(unfit)?;
            if matches!(pushed.document, Content::Manifest(_)) {
                descriptor.platform = Some(config.platform());
            }
        }
        let invalid = || Refusal::new(Code::NameInvalid, format!("`{tag}` is not a tag"));
        let name = format!("{}:{tag}", repository.reference.name());
        let name = Reference::parse_normalized(&name).map_err(|_| invalid())?;
        let before = match cache {
            Some(_) => store.images()?.into_iter().find(|image| image.reference.as_ref() == Some(&name)),
            None => None,
        };
        store.tag(&name, &descriptor)?;
        // An image without a name may be somebody's; a cache that has a successor is of no use.
        if let Some(before) = before.filter(|before| store.summary(&before.manifest).is_ok_and(|one| one.is_cache)) {
            store.unlist(&BTreeSet::from([before.manifest.digest]))?;
        }
        deliveries.named(repository, &needed);
        Ok(Named { name, digest: descriptor.digest })
    }

    /// All that a pushed manifest leads to, and the images among it.
    fn gather(
        &self,
        deliveries: &Deliveries<'_>,
        repository: &Repository,
        pushed: &Pushed,
    ) -> Result<(Vec<Digest>, Vec<Manifest>), Refusal> {
        let (mut needed, mut images) = (Vec::new(), Vec::new());
        let mut waiting = Vec::new();
        let mut seen = BTreeSet::new();
        let mut add = |document: Content, depth: usize, waiting: &mut Vec<(Descriptor, usize)>| {
            waiting.extend(document.parts().into_iter().map(|part| (part.clone(), depth + 1)));
            if let Content::Manifest(manifest) = document
                && manifest.is_image()
            {
                images.push(*manifest);
            }
        };
        add(pushed.document.clone(), 0, &mut waiting);
        while let Some((part, depth)) = waiting.pop() {
            let kind = DocumentKind::of(&part.media_type);
            if !seen.insert((part.digest, kind)) {
                continue;
            }
            needed.push(part.digest);
            let kind = match kind {
                Some(kind @ (DocumentKind::Index | DocumentKind::Manifest)) => kind,
                Some(DocumentKind::Config) | None => continue,
            };
            if depth > MOST_NESTED {
                let message = format!("more than {MOST_NESTED} indexes are nested");
                return Err(Refusal::new(Code::ManifestInvalid, message));
            }
            self.check_part(deliveries, repository, &part)?;
            let bytes = self.read_manifest(repository, &part)?;
            add(parse(kind, &bytes)?, depth, &mut waiting);
        }
        // What leads to others comes after them.
        needed.reverse();
        Ok((needed, images))
    }
}

/// Reads the body of a request as the kind of document that it says it is.
fn read(request: &mut Request<'_>, algorithm: Algorithm, bound: Bound) -> Result<Pushed, Refusal> {
    let broken =
        |error: std::io::Error| Refusal::new(Code::ManifestInvalid, format!("the manifest broke off: {error}"));
    let Some(bytes) = request.body.whole(bound.most).map_err(broken)? else {
        let message = format!("an {} may have {} bytes ({})", bound.what, bound.most, bound.variable);
        return Err(Refusal::new(Code::SizeInvalid, message).with_status(413));
    };
    let own = kind::media_type(&bytes);
    let said = request.head.field("content-type").and_then(|value| value.split(';').next()).map(str::trim);
    let media_type = match (said, own) {
        (Some(said), Some(own)) if said != own => {
            let message = format!("the manifest says that it is `{own}`, and was sent as `{said}`");
            return Err(Refusal::new(Code::ManifestInvalid, message));
        }
        (Some(said), _) => said.to_owned(),
        (None, Some(own)) => own,
        (None, None) => return Err(Refusal::new(Code::ManifestInvalid, "the type of the manifest is not given")),
    };
    let Some(kind @ (DocumentKind::Index | DocumentKind::Manifest)) = DocumentKind::of(&media_type) else {
        let message = format!("this registry takes images, and `{media_type}` is none");
        return Err(Refusal::new(Code::ManifestInvalid, message));
    };
    let document = parse(kind, &bytes)?;
    let descriptor = Descriptor::new(&media_type, algorithm.hash(&bytes), bytes.len() as u64);
    Ok(Pushed { descriptor, bytes, document })
}

fn parse(kind: DocumentKind, bytes: &[u8]) -> Result<Content, Refusal> {
    fn typed<T: Document>(bytes: &[u8]) -> Result<T, Refusal> {
        let message = |reason| format!("it is not an {}: {reason}", T::KIND.name());
        kind::parse(bytes).map_err(|reason| Refusal::new(Code::ManifestInvalid, message(reason)))
    }
    Ok(match kind {
        DocumentKind::Index => Content::Index(manifests(typed(bytes)?)?),
        DocumentKind::Manifest | DocumentKind::Config => Content::Manifest(Box::new(typed(bytes)?)),
    })
}

/// What an index lists. An entry that is neither a manifest nor an index is damage to whoever looks at the image.
fn manifests(index: Index) -> Result<Vec<Descriptor>, Refusal> {
    let is_one = |entry: &Descriptor| {
        matches!(DocumentKind::of(&entry.media_type), Some(DocumentKind::Index | DocumentKind::Manifest))
    };
    match index.manifests.iter().find(|entry| !is_one(entry)) {
        None => Ok(index.manifests),
        Some(entry) => {
            let message = format!("the index lists {}, a `{}`, which is no image", entry.digest, entry.media_type);
            Err(Refusal::new(Code::ManifestInvalid, message))
        }
    }
}

/// An image that can't be used is the client's affair; a disk that can't be written is not.
fn unfit(error: archive::Error) -> Refusal {
    let is_ours = match &error {
        archive::Error::Store(error) | archive::Error::Layer(layer::Error::Store(error)) => is_ours(error),
        archive::Error::Layer(layer::Error::Io { .. } | layer::Error::Unreadable { .. }) => true,
        archive::Error::Io { .. } | archive::Error::Document(_) => true,
        archive::Error::Layer(_)
        | archive::Error::NotImages { .. }
        | archive::Error::Invalid { .. }
        | archive::Error::Missing { .. }
        | archive::Error::Platform { .. }
        | archive::Error::NoImage { .. }
        | archive::Error::Exists { .. } => false,
    };
    Refusal::new(if is_ours { Code::Unknown } else { Code::ManifestInvalid }, error.to_string())
}

/// Whether an error says something of this machine, and not of an image.
fn is_ours(error: &store::Error) -> bool {
    match error {
        store::Error::Missing { .. }
        | store::Error::Invalid { .. }
        | store::Error::Kind { .. }
        | store::Error::Content { .. }
        | store::Error::Size { .. }
        | store::Error::Platform { .. } => false,
        store::Error::Io { .. }
        | store::Error::NotAStore { .. }
        | store::Error::LinkedFolder { .. }
        | store::Error::NoHome
        | store::Error::Document(_)
        | store::Error::NotAFile { .. }
        | store::Error::NoImage { .. }
        | store::Error::Ambiguous { .. }
        | store::Error::Busy
        | store::Error::Stopped(_) => true,
    }
}
