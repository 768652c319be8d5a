//! Taking: uploads of blobs. The distribution specification, "Push".
//!
//! ```text
//! POST blobs/uploads/              begins one ─▶ its place, /v2/NAME/blobs/uploads/ID
//! POST …?digest=D                  all of it at once
//! POST …?mount=D&from=OTHER        nothing is sent: another repository has it
//! PATCH ID, PATCH ID, …            pieces, in order
//! PUT ID?digest=D                  the last piece, or none; the bytes must have the digest
//! GET ID, DELETE ID                how far it is; gives it up
//! ```
//!
//! A piece that breaks off stays as far as it came, and the client may go on from there. Of an upload in one go that breaks off nothing stays:
//! nobody was told its place.

use std::io::Read as _;

use super::Registry;
use super::deliveries::Deliveries;
use super::refusal::{Code, Refusal};
use super::route::{self, Repository};
use crate::http::{Answer, Request};
use crate::oci::Digest;
use crate::store::Arrival;
use crate::store::proof::LAYER;

impl Registry<'_> {
    /// Begins an upload, or does all of it.
    pub(super) fn begin_upload(
        &self,
        deliveries: &Deliveries<'_>,
        request: &mut Request<'_>,
        repository: &Repository,
    ) -> Result<Answer, Refusal> {
        let head = request.head;
        if let Some(digest) = head.query("mount")
            && let Some(from) = head.query("from")
            && self.mount(deliveries, repository, &digest, &from)?
        {
            return Ok(created(repository, &route::digest(&digest)?));
        }
        let whole = head.query("digest").map(|digest| route::digest(&digest)).transpose()?;
        let id = deliveries.begin(repository, request.peer)?;
        let Some(digest) = whole else { return Ok(accepted(202, repository, &id, 0)) };
        let mut arrival = deliveries.take(repository, &id)?;
        if let Err(refusal) = self.receive(deliveries, request, &mut arrival) {
            deliveries.abandon(&id, arrival);
            return Err(refusal);
        }
        deliveries.finish(repository, &id, arrival, &digest)?;
        Ok(created(repository, &digest))
    }

    /// Lets a repository have what another one has; says whether that has it.
    fn mount(
        &self,
        deliveries: &Deliveries<'_>,
        repository: &Repository,
        digest: &str,
        from: &str,
    ) -> Result<bool, Refusal> {
        // Who names nothing that is here is told to upload it.
        let (Ok(digest), Ok(from)) = (route::digest(digest), route::repository(from, None)) else { return Ok(false) };
        let Some(size) = self.size_in(deliveries, &from, &digest)? else { return Ok(false) };
        deliveries.share(repository, &digest, size)?;
        Ok(true)
    }

    /// The size of a blob of a repository: one that was pushed, or that an image with a name has.
    pub(super) fn size_in(
        &self,
        deliveries: &Deliveries<'_>,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Option<u64>, Refusal> {
        if let Some(size) = deliveries.size_of(repository, digest) {
            return Ok(Some(size));
        }
        let shelf = self.shelves.now(self.store)?;
        let Some(shelved) = shelf.find(&repository.reference) else { return Ok(None) };
        let reach = shelved.reach(self.store);
        if !reach.blobs.contains(digest) && !reach.manifests.contains_key(digest) {
            return Ok(None);
        }
        let metadata = self.store.blob_path(digest).symlink_metadata();
        Ok(metadata.ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len()))
    }

    /// Adds a piece.
    pub(super) fn add_to_upload(
        &self,
        deliveries: &Deliveries<'_>,
        request: &mut Request<'_>,
        repository: &Repository,
        id: &str,
    ) -> Result<Answer, Refusal> {
        let mut arrival = deliveries.take(repository, id)?;
        let received = self.receive(deliveries, request, &mut arrival);
        let size = arrival.size();
        match received {
            Err(refusal) if refusal.status == 413 || refusal.status == 507 => {
                deliveries.abandon(id, arrival);
                return Err(refusal);
            }
            received => {
                deliveries.put_back(id, arrival);
                received?;
            }
        }
        Ok(accepted(202, repository, id, size))
    }

    /// Takes the last piece, and compares the digest.
    pub(super) fn end_upload(
        &self,
        deliveries: &Deliveries<'_>,
        request: &mut Request<'_>,
        repository: &Repository,
        id: &str,
        digest: &Digest,
    ) -> Result<Answer, Refusal> {
        let mut arrival = deliveries.take(repository, id)?;
        if let Err(refusal) = self.receive(deliveries, request, &mut arrival) {
            // What came of it may be all but the end.
            match refusal.status {
                413 | 507 => deliveries.abandon(id, arrival),
                _ => deliveries.put_back(id, arrival),
            }
            return Err(refusal);
        }
        deliveries.finish(repository, id, arrival, digest)?;
        Ok(created(repository, digest))
    }

    /// Adds the body of a request to what has come.
    fn receive(
        &self,
        deliveries: &Deliveries<'_>,
        request: &mut Request<'_>,
        arrival: &mut Arrival,
    ) -> Result<(), Refusal> {
        if let Some(range) = request.head.field("content-range") {
            check_range(range, arrival.size(), request.body.length())?;
        }
        let bound = self.store.home().bound(&LAYER);
        let mut buffer = vec![0; 128 << 10];
        loop {
            let count = match request.body.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let message = format!("the upload broke off after {} bytes: {error}", arrival.size());
                    return Err(Refusal::new(Code::BlobUploadInvalid, message));
                }
            };
            if arrival.size() + count as u64 > bound.most {
                let message = format!("a {} may have {} bytes ({})", bound.what, bound.most, bound.variable);
                return Err(Refusal::new(Code::SizeInvalid, message).with_status(413));
            }
            deliveries.reserve(count as u64)?;
            arrival.push(&buffer[..count]).inspect_err(|_| deliveries.release(count as u64))?;
        }
    }

    /// How much of an upload has come.
    pub(super) fn upload(
        &self,
        deliveries: &Deliveries<'_>,
        repository: &Repository,
        id: &str,
    ) -> Result<Answer, Refusal> {
        Ok(accepted(204, repository, id, deliveries.received(repository, id)?))
    }
}

/// Checks that a piece begins where the last one ended, and is as long as it says.
fn check_range(range: &str, received: u64, length: Option<u64>) -> Result<(), Refusal> {
    let numbers = range.trim_start_matches("bytes ").split('/').next().and_then(|range| range.split_once('-'));
    let parse = |text: &str| text.trim().parse::<u64>().ok();
    let wrong = |message: String| Refusal::new(Code::BlobUploadInvalid, message).with_status(416);
    let Some((Some(first), Some(last))) = numbers.map(|(first, last)| (parse(first), parse(last))) else {
        return Err(Refusal::new(Code::BlobUploadInvalid, format!("`{range}` is not a range of bytes")));
    };
    if first != received {
        return Err(wrong(format!("the next byte is {received}, not {first}")));
    }
    let said = last.checked_sub(first).and_then(|rest| rest.checked_add(1));
    if said.is_none() || length.is_some_and(|length| Some(length) != said) {
        return Err(Refusal::new(Code::SizeInvalid, format!("the body is not as long as `{range}` says")));
    }
    Ok(())
}

/// The answer to a request that has brought an upload forward.
fn accepted(status: u16, repository: &Repository, id: &str, received: u64) -> Answer {
    Answer::empty(status)
        .with("Location", format!("/v2/{}/blobs/uploads/{id}", repository.written))
        .with("Range", format!("0-{}", received.saturating_sub(1)))
        .with("Docker-Upload-UUID", id)
}

/// The answer to a request after which a blob is there.
fn created(repository: &Repository, digest: &Digest) -> Answer {
    Answer::empty(201)
        .with("Location", format!("/v2/{}/blobs/{digest}", repository.written))
        .with("Docker-Content-Digest", digest.to_string())
}
