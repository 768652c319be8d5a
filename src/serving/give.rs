//! Giving: what is read of a registry. The distribution specification, "Pull" and "Content discovery".

use serde_json::{Value, json};

use super::Registry;
use super::refusal::{Code, Refusal};
use super::route::{Repository, Which};
use super::shelf::Shelved;
use crate::http::{Answer, Head, Part, Range};
use crate::oci::{Descriptor, Digest, Index, media_type, to_json};
use crate::store::{self, documents};

/// The most names in one answer; whoever wants more asks for the next ones.
const MOST_NAMES: usize = 10_000;

impl Registry<'_> {
    /// The repositories.
    pub(super) fn catalog(&self, head: &Head) -> Result<Answer, Refusal> {
        let shelf = self.shelves.now(self.store)?;
        list(head, "/v2/_catalog", shelf.names(), |names| json!({"repositories": names}))
    }

    /// The tags of a repository.
    pub(super) fn tags(&self, head: &Head, repository: &Repository) -> Result<Answer, Refusal> {
        let shelf = self.shelves.now(self.store)?;
        let Some(shelved) = shelf.find(&repository.reference) else { return Err(no_repository(repository)) };
        let tags = shelved.tags.keys().map(String::as_str).collect();
        let path = format!("/v2/{}/tags/list", repository.written);
        list(head, &path, tags, |tags| json!({"name": repository.written, "tags": tags}))
    }

    /// A manifest, by its tag or its digest.
    pub(super) fn manifest(&self, head: &Head, repository: &Repository, which: &Which) -> Result<Answer, Refusal> {
        let pushed = match (&self.deliveries, which) {
            (Some(deliveries), Which::Digest(digest)) => deliveries.manifest(repository, digest),
            (_, _) => None,
        };
        let descriptor = pushed.map_or_else(|| self.find_manifest(repository, which), Ok)?;
        if let Some(answer) = unchanged(head, &descriptor.digest) {
            return Ok(answer);
        }
        let bytes = self.read_manifest(repository, &descriptor)?;
        Ok(of_digest(Answer::bytes(200, &descriptor.media_type, bytes), &descriptor.digest))
    }

    /// Reads a manifest that was pushed before, or that the repository has.
    pub(super) fn read_manifest(&self, repository: &Repository, descriptor: &Descriptor) -> Result<Vec<u8>, Refusal> {
        if let Some(deliveries) = &self.deliveries
            && let Some(bytes) = deliveries.read_manifest(repository, descriptor)?
        {
            return Ok(bytes);
        }
        self.store.look_at(descriptor, &documents::MANIFEST).map_err(|error| match error {
            // An index may list more than is here.
            store::Error::Missing { digest } => {
                Refusal::new(Code::ManifestUnknown, format!("{digest} is listed by an image, but is not here"))
            }
            error => error.into(),
        })
    }

    fn find_manifest(&self, repository: &Repository, which: &Which) -> Result<Descriptor, Refusal> {
        let shelf = self.shelves.now(self.store)?;
        let Some(shelved) = shelf.find(&repository.reference) else { return Err(no_repository(repository)) };
        let found = match which {
            Which::Tag(tag) => shelved.tags.get(tag).cloned(),
            Which::Digest(digest) => self.manifest_in(shelved, digest),
        };
        found.ok_or_else(|| {
            let message = match which {
                Which::Tag(tag) => format!("{} has no tag {tag}", repository.written),
                Which::Digest(digest) => format!("no image of {} leads to {digest}", repository.written),
            };
            Refusal::new(Code::ManifestUnknown, message)
        })
    }

    fn manifest_in(&self, shelved: &Shelved, digest: &Digest) -> Option<Descriptor> {
        let tagged = shelved.tags.values().find(|descriptor| descriptor.digest == *digest);
        tagged.cloned().or_else(|| shelved.reach(self.store).manifests.get(digest).cloned())
    }

    /// A layer or a configuration, or a part of it.
    pub(super) fn blob(&self, head: &Head, repository: &Repository, digest: &Digest) -> Result<Answer, Refusal> {
        let file = self.open_blob(repository, digest)?;
        let size = file.metadata().map_err(store::Error::io("stat", self.store.blob_path(digest)))?.len();
        if let Some(answer) = unchanged(head, digest) {
            return Ok(answer);
        }
        const TYPE: &str = "application/octet-stream";
        let whole = Part { from: 0, length: size };
        let answer = match Range::of(head.field("range").filter(|_| is_of_this(head, digest)), size) {
            Range::Whole => Answer::file(200, TYPE, file, whole),
            Range::Part(part) => Answer::file(206, TYPE, file, part)
                .with("Content-Range", format!("bytes {}-{}/{size}", part.from, part.from + part.length - 1)),
            Range::Nowhere => {
                let refusal = Refusal::new(Code::SizeInvalid, format!("{digest} has {size} bytes")).with_status(416);
                return Err(refusal.with("Content-Range", format!("bytes */{size}")));
            }
        };
        Ok(of_digest(answer, digest).with("Accept-Ranges", "bytes"))
    }

    fn open_blob(&self, repository: &Repository, digest: &Digest) -> Result<std::fs::File, Refusal> {
        if let Some(deliveries) = &self.deliveries
            && let Some(file) = deliveries.open(repository, digest)?
        {
            return Ok(file);
        }
        let shelf = self.shelves.now(self.store)?;
        let unknown = || Refusal::new(Code::BlobUnknown, format!("no image of {} has {digest}", repository.written));
        let Some(shelved) = shelf.find(&repository.reference) else { return Err(no_repository(repository)) };
        if !shelved.reach(self.store).blobs.contains(digest) {
            return Err(unknown());
        }
        // A layer that nobody has used yet is read to its end first. Of many who want it one does that.
        let _turn = (!self.store.is_proven(digest)).then(|| self.proving.lock());
        self.store.look_into_blob(digest).map_err(|error| match error {
            store::Error::Missing { .. } => unknown(),
            error => error.into(),
        })
    }

    /// What refers to a manifest: nothing. An image of the store has no signatures.
    pub(super) fn referrers(&self) -> Answer {
        Answer::bytes(200, media_type::INDEX, to_json(&Index::new(Vec::new())))
    }
}

pub(super) fn no_repository(repository: &Repository) -> Refusal {
    Refusal::new(Code::NameUnknown, format!("no image is called {}", repository.written))
}

/// An answer that is about a digest.
fn of_digest(answer: Answer, digest: &Digest) -> Answer {
    answer.with("Docker-Content-Digest", digest.to_string()).with("ETag", format!("\"{digest}\""))
}

/// Whether the client has it already: what has the same digest is the same.
fn unchanged(head: &Head, digest: &Digest) -> Option<Answer> {
    let known = head.field("if-none-match")?;
    let is_known = |tag: &str| tag == "*" || tag.trim_start_matches("W/").trim_matches('"') == digest.to_string();
    known.split(',').map(str::trim).any(is_known).then(|| of_digest(Answer::empty(304), digest))
}

/// Whether a range that is wanted only of a certain content (`If-Range`) is wanted of this.
fn is_of_this(head: &Head, digest: &Digest) -> bool {
    head.field("if-range").is_none_or(|tag| tag.trim_matches('"') == digest.to_string())
}

/// A piece of a list: so many names after one.
fn list(head: &Head, path: &str, names: Vec<&str>, document: impl FnOnce(&[&str]) -> Value) -> Result<Answer, Refusal> {
    let wanted = match head.query("n") {
        None => MOST_NAMES,
        Some(text) => {
            let number: usize = text.parse().map_err(|_| {
                Refusal::new(Code::Unsupported, format!("`n` is `{text}`, not a number")).with_status(400)
            })?;
            number.min(MOST_NAMES)
        }
    };
    let last = head.query("last").unwrap_or_default();
    let from = names.partition_point(|name| *name <= last.as_str());
    let (piece, rest) = names[from..].split_at(wanted.min(names.len() - from));
    let answer = Answer::bytes(200, "application/json", document(piece).to_string().into_bytes());
    Ok(match piece.last() {
        Some(last) if !rest.is_empty() => answer.with("Link", format!("<{path}?n={wanted}&last={last}>; rel=\"next\"")),
        _ => answer,
    })
}
