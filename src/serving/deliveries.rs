//! What was pushed and has no name yet: uploads that are under way, and for each repository the blobs and manifests that have come whole.
//!
//! All of it lies in one staging folder of the store, which goes with this value; what a killed registry leaves is swept by the next command.
//! A blob belongs to the repositories that it was pushed to, wherever else it may be. When a manifest gets a name, what it needs moves into
//! the store ([`super::naming`]). What nobody has touched for an hour goes. Where there are too many uploads, the address that has most of them
//! loses the one that has rested longest.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read as _;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::refusal::{Code, Refusal};
use super::route::Repository;
use crate::limits::Limit;
use crate::oci::{Descriptor, Digest};
use crate::store::{self, Arrival, Staging, Store, documents};
use crate::world::Clock;

/// Uploads that are under way.
pub(crate) const UPLOADS: Limit = Limit::number("uploads at the same time", "LAYERLAB_MAX_UPLOADS", 256);
/// What was pushed and has no name yet.
pub(crate) const UPLOADED: Limit =
    Limit::bytes("what was pushed and has no name yet", "LAYERLAB_MAX_UPLOADED", 128 << 30);
/// The most blobs and manifests without a name, each a few hundred bytes of memory.
const MOST_BLOBS: usize = 100_000;

/// How long it stays when nothing happens to it.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// Everything that was pushed and has no name yet.
pub(super) struct Deliveries<'w> {
    pub(super) staging: Staging<'w>,
    clock: &'w Clock,
    state: Mutex<State>,
    /// The bytes of what is in the folder. Those of an upload are counted as they come.
    bytes: AtomicU64,
    most_bytes: u64,
    most_uploads: u64,
}

#[derive(Default)]
struct State {
    uploads: HashMap<String, Upload>,
    /// By the full name of the repository.
    delivered: BTreeMap<String, Delivered>,
}

/// An upload that was begun.
struct Upload {
    repository: String,
    /// Who began it.
    peer: IpAddr,
    /// `None` while a request adds to it.
    arrival: Option<Arrival>,
    received: u64,
    touched: Instant,
}

/// What has come for a repository.
struct Delivered {
    blobs: BTreeMap<Digest, u64>,
    manifests: BTreeMap<Digest, Descriptor>,
    touched: Instant,
}

impl<'w> Deliveries<'w> {
    /// Nothing yet.
    ///
    /// # Errors
    /// [`store::Error::Io`] where the home can't be written to.
    pub(super) fn new(store: &'w Store, clock: &'w Clock) -> Result<Deliveries<'w>, store::Error> {
        Ok(Deliveries {
            staging: Staging::new(store)?,
            clock,
            state: Mutex::default(),
            bytes: AtomicU64::new(0),
            most_bytes: store.home().bound(&UPLOADED).most,
            most_uploads: store.home().bound(&UPLOADS).most,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an upload, in the place of another one where there are too many; gives its id.
    ///
    /// # Errors
    /// [`Code::TooManyRequests`] where requests add to all of them.
    pub(super) fn begin(&self, repository: &Repository, peer: IpAddr) -> Result<String, Refusal> {
        self.sweep();
        let arrival = self.staging.begin()?;
        let mut state = self.state();
        if state.uploads.len() as u64 >= self.most_uploads {
            state.give_way(peer).map(|received| self.release(received)).ok_or_else(|| {
                let message = format!("{} uploads are under way already", state.uploads.len());
                Refusal::new(Code::TooManyRequests, message)
            })?;
        }
        let id = self.clock.new_id();
        let repository = repository.reference.name();
        let upload = Upload { repository, peer, arrival: Some(arrival), received: 0, touched: Instant::now() };
        state.uploads.insert(id.clone(), upload);
        Ok(id)
    }

    /// How much of an upload has come.
    ///
    /// # Errors
    /// [`Code::BlobUploadUnknown`].
    pub(super) fn received(&self, repository: &Repository, id: &str) -> Result<u64, Refusal> {
        Ok(find(&mut self.state(), repository, id)?.received)
    }

    /// Takes an upload to add to it. Whoever takes it puts it back, ends it or gives it up.
    ///
    /// # Errors
    /// [`Code::BlobUploadUnknown`]; [`Code::BlobUploadInvalid`] where another request has it.
    pub(super) fn take(&self, repository: &Repository, id: &str) -> Result<Arrival, Refusal> {
        let mut state = self.state();
        let upload = find(&mut state, repository, id)?;
        upload.touched = Instant::now();
        upload.arrival.take().ok_or_else(|| {
            Refusal::new(Code::BlobUploadInvalid, "another request adds to this upload").with_status(409)
        })
    }

    /// Gives an upload back, with what was added.
    pub(super) fn put_back(&self, id: &str, arrival: Arrival) {
        if let Some(upload) = self.state().uploads.get_mut(id) {
            upload.touched = Instant::now();
            upload.received = arrival.size();
            upload.arrival = Some(arrival);
        }
    }

    /// Makes room for more bytes, which are then written.
    ///
    /// # Errors
    /// [`Code::TooManyRequests`].
    pub(super) fn reserve(&self, count: u64) -> Result<(), Refusal> {
        let before = self.bytes.fetch_add(count, Ordering::Relaxed);
        if before.saturating_add(count) <= self.most_bytes {
            return Ok(());
        }
        self.bytes.fetch_sub(count, Ordering::Relaxed);
        Err(Refusal::new(Code::TooManyRequests, "too much was pushed that no image with a name needs").with_status(507))
    }

    /// Takes room back: of bytes that are gone, or were never written.
    pub(super) fn release(&self, count: u64) {
        self.bytes.fetch_sub(count, Ordering::Relaxed);
    }

    /// Ends an upload: its bytes are the blob of this digest, or nothing.
    ///
    /// # Errors
    /// [`Code::DigestInvalid`] where they are another.
    pub(super) fn finish(
        &self,
        repository: &Repository,
        id: &str,
        arrival: Arrival,
        digest: &Digest,
    ) -> Result<(), Refusal> {
        // Nobody removes the file before it is known to whom it belongs.
        let mut state = self.state();
        state.uploads.remove(id);
        let size = arrival.size();
        let (actual, size) = self.staging.finish_by(digest.algorithm(), arrival).inspect_err(|_| self.release(size))?;
        let refused = if actual == *digest {
            let known = state.size_of(digest);
            state.deliver(repository, digest, size).inspect(|()| self.release(known.unwrap_or(0))).err()
        } else {
            let message = format!("the digest of what was sent is {actual}, not {digest}");
            Some(Refusal::new(Code::DigestInvalid, message))
        };
        let Some(refusal) = refused else { return Ok(()) };
        self.release(size);
        if state.size_of(&actual).is_none() {
            self.staging.forget(&actual);
        }
        Err(refusal)
    }

    /// Gives an upload up.
    ///
    /// # Errors
    /// [`Code::BlobUploadUnknown`], or that another request has it.
    pub(super) fn cancel(&self, repository: &Repository, id: &str) -> Result<(), Refusal> {
        let arrival = self.take(repository, id)?;
        self.abandon(id, arrival);
        Ok(())
    }

    /// Ends an upload of which nothing stays.
    pub(super) fn abandon(&self, id: &str, arrival: Arrival) {
        self.state().uploads.remove(id);
        self.release(arrival.size());
    }

    /// Says that a blob which another repository has belongs to this one, too.
    ///
    /// # Errors
    /// [`Code::TooManyRequests`].
    pub(super) fn share(&self, repository: &Repository, digest: &Digest, size: u64) -> Result<(), Refusal> {
        self.sweep();
        let mut state = self.state();
        let new = if state.size_of(digest).is_none() { size } else { 0 };
        self.reserve(new)?;
        state.deliver(repository, digest, size).inspect_err(|_| self.release(new))
    }

    /// Says that a manifest, which is staged, belongs to a repository.
    ///
    /// # Errors
    /// What staging it says, and [`Code::TooManyRequests`].
    pub(super) fn deliver_manifest(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        self.sweep();
        let mut arrival = self.staging.begin()?;
        arrival.push(bytes)?;
        let mut state = self.state();
        let new = if state.size_of(&descriptor.digest).is_none() { descriptor.size } else { 0 };
        self.reserve(new)?;
        let algorithm = descriptor.digest.algorithm();
        let finished = self.staging.finish_by(algorithm, arrival).map_err(Refusal::from);
        let delivered = finished.and_then(|_| state.deliver(repository, &descriptor.digest, descriptor.size));
        delivered.inspect_err(|_| {
            self.release(new);
            if state.size_of(&descriptor.digest).is_none() {
                self.staging.forget(&descriptor.digest);
            }
        })?;
        state.of(repository).manifests.insert(descriptor.digest, descriptor.clone());
        Ok(())
    }

    /// The size of a blob that was pushed to a repository, or shared with it and is still there.
    pub(super) fn size_of(&self, repository: &Repository, digest: &Digest) -> Option<u64> {
        let size = self.state().delivered.get(&repository.reference.name())?.blobs.get(digest).copied();
        size.filter(|_| self.staging.has(digest))
    }

    /// A manifest that was pushed to a repository.
    pub(super) fn manifest(&self, repository: &Repository, digest: &Digest) -> Option<Descriptor> {
        self.state().delivered.get(&repository.reference.name())?.manifests.get(digest).cloned()
    }

    /// Reads a manifest that was pushed to a repository.
    ///
    /// # Errors
    /// [`Code::ManifestInvalid`] for a blob that is too large for one.
    pub(super) fn read_manifest(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let Some(file) = self.open(repository, &descriptor.digest)? else { return Ok(None) };
        let mut bytes = Vec::new();
        let bound = self.staging.home().bound(&documents::MANIFEST);
        file.take(bound.most).read_to_end(&mut bytes).map_err(store::Error::io("read", self.staging.folder()))?;
        if descriptor.digest.algorithm().hash(&bytes) != descriptor.digest {
            let message = format!("{} is too large for a manifest ({})", descriptor.digest, bound.variable);
            return Err(Refusal::new(Code::ManifestInvalid, message));
        }
        Ok(Some(bytes))
    }

    /// Opens what was pushed to a repository. `None` also for what went meanwhile.
    ///
    /// # Errors
    /// What opening it says.
    pub(super) fn open(&self, repository: &Repository, digest: &Digest) -> Result<Option<File>, store::Error> {
        match self.size_of(repository, digest).map(|_| self.staging.open(digest)) {
            None | Some(Err(store::Error::Missing { .. })) => Ok(None),
            Some(opened) => opened.map(Some),
        }
    }

    /// These have a name now, by which they are found.
    pub(super) fn named(&self, repository: &Repository, digests: &[Digest]) {
        let mut state = self.state();
        let Some(own) = state.delivered.get_mut(&repository.reference.name()) else { return };
        let gone: Vec<(Digest, u64)> =
            digests.iter().filter_map(|digest| Some((*digest, own.blobs.remove(digest)?))).collect();
        own.manifests.retain(|digest, _| own.blobs.contains_key(digest));
        if own.blobs.is_empty() {
            state.delivered.remove(&repository.reference.name());
        }
        self.forget(&state, gone);
    }

    /// Removes what nobody has touched for long.
    pub(super) fn sweep(&self) {
        let now = Instant::now();
        let is_old = |touched: Instant| now.duration_since(touched) > PATIENCE;
        let mut state = self.state();
        let (mut freed, mut gone) = (0, Vec::new());
        state.uploads.retain(|_, upload| {
            let goes = is_old(upload.touched) && upload.arrival.is_some();
            freed += if goes { upload.received } else { 0 };
            !goes
        });
        state.delivered.retain(|_, own| {
            let goes = is_old(own.touched);
            if goes {
                gone.extend(std::mem::take(&mut own.blobs));
            }
            !goes
        });
        self.release(freed);
        self.forget(&state, gone);
    }

    /// Removes files, unless another repository has them.
    fn forget(&self, state: &State, gone: impl IntoIterator<Item = (Digest, u64)>) {
        let mut freed = BTreeMap::new();
        freed.extend(gone.into_iter().filter(|(digest, _)| state.size_of(digest).is_none()));
        for (digest, size) in freed {
            self.staging.forget(&digest);
            self.release(size);
        }
    }
}

impl State {
    /// What has come for a repository, touched now.
    fn of(&mut self, repository: &Repository) -> &mut Delivered {
        let touched = Instant::now();
        let nothing = || Delivered { blobs: BTreeMap::new(), manifests: BTreeMap::new(), touched };
        let own = self.delivered.entry(repository.reference.name()).or_insert_with(nothing);
        own.touched = touched;
        own
    }

    /// Removes an upload, so that an address can begin one: of the address that has most of them, the upload that has rested longest. Gives
    /// how much of it had come; `None` where requests add to all that could go. No address loses one to another that has more.
    fn give_way(&mut self, newcomer: IpAddr) -> Option<u64> {
        let mut held: HashMap<IpAddr, usize> = HashMap::from([(newcomer, 1)]);
        for upload in self.uploads.values() {
            *held.entry(upload.peer).or_default() += 1;
        }
        let resting = self.uploads.iter().filter(|(_, upload)| upload.arrival.is_some());
        let rank =
            |upload: &Upload| (held.get(&upload.peer).copied(), upload.peer == newcomer, Reverse(upload.touched));
        let (id, upload) = resting.max_by_key(|(_, upload)| rank(upload))?;
        if held.get(&upload.peer) < held.get(&newcomer) {
            return None;
        }
        let id = id.clone();
        self.uploads.remove(&id).map(|upload| upload.received)
    }

    /// Says that a blob belongs to a repository.
    fn deliver(&mut self, repository: &Repository, digest: &Digest, size: u64) -> Result<(), Refusal> {
        if self.delivered.values().map(|own| own.blobs.len()).sum::<usize>() >= MOST_BLOBS {
            return Err(Refusal::new(Code::TooManyRequests, "too many blobs were pushed that no image needs"));
        }
        self.of(repository).blobs.insert(*digest, size);
        Ok(())
    }

    /// The size of a blob that some repository has.
    fn size_of(&self, digest: &Digest) -> Option<u64> {
        self.delivered.values().find_map(|own| own.blobs.get(digest).copied())
    }
}

/// An upload, if it is one to this repository.
fn find<'s>(state: &'s mut State, repository: &Repository, id: &str) -> Result<&'s mut Upload, Refusal> {
    let name = repository.reference.name();
    let upload = state.uploads.get_mut(id).filter(|upload| upload.repository == name);
    upload.ok_or_else(|| Refusal::new(Code::BlobUploadUnknown, "there is no such upload, or it took too long"))
}
