//! What may be removed: what nothing needs that somebody could still ask for.
//!
//! Roots are the names of images, the containers that stay, the records of the cache, and what other processes use at the moment. What
//! leads to nothing of these can go, and copies that can be made again can go sooner. The store does the removing ([`Store::collect`]); here is decided what.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Error, bytes_of, roots, roots_with, size_of, survey};
use crate::cache::{self, Builds, Record, Records};
use crate::oci::{Digest, Layer};
use crate::store::{self, Collected, Reason, Roots, Sort, Store, Stored, Survey};

/// How much is to be removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Images without a name, and copies of layers that can be made again.
    pub(crate) images: Images,
    /// Which steps the cache forgets.
    pub(crate) cache: Forgotten,
}

/// Whether images without a name and copies go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Images {
    /// They go.
    #[default]
    Unnamed,
    /// They stay: only the cache is looked at.
    Stay,
}

/// Which steps the cache forgets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Forgotten {
    /// None.
    #[default]
    Nothing,
    /// Those that were not used after this time, in seconds since 1970.
    UnusedSince(i64),
    /// Those that were last used the longest ago, until what only the cache keeps has at most so many bytes.
    Beyond(u64),
    /// All of them.
    Everything,
}

/// What goes, or went.
#[derive(Debug, Default)]
pub(crate) struct Pruned {
    /// Steps that the cache forgets.
    pub(crate) records: usize,
    /// Images without a name.
    pub(crate) images: usize,
    /// By what they are: how many files or folders, and their bytes.
    pub(crate) files: BTreeMap<Sort, (usize, u64)>,
    /// Blobs that only another process still uses.
    pub(crate) in_use: usize,
    /// Why nothing goes: documents that can't be read.
    pub(crate) damaged: Vec<store::Error>,
}

impl Pruned {
    /// All bytes together.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.values().map(|(_, bytes)| bytes).sum()
    }

    fn add(&mut self, sort: Sort, bytes: u64) {
        let (count, sum) = self.files.entry(sort).or_default();
        *count += 1;
        *sum += bytes;
    }
}

/// Removes what no image and no record needs any more. Unpacked layers are left to the caller to remove, see [`Collected::folders`].
///
/// # Errors
/// What [`Store::collect`] and the cache say.
pub(crate) fn collect(store: &Store) -> Result<Collected, Error> {
    // A layer that depends on those below is found again by the next build of the same chain, which no document tells of.
    let goes = |file: &Stored| file.reason.is_none() && file.sort != Sort::UnpackedChain;
    store.collect(&BTreeSet::new(), || roots(store), goes)
}

/// Tells what [`prune`] would remove.
///
/// # Errors
/// As [`survey`].
pub(crate) fn foresee(store: &Store, wish: &Wish) -> Result<Pruned, Error> {
    let plan = Plan::of(store, wish)?;
    let survey = plan.survey(store)?;
    let in_use = |file: &&Stored| file.sort == Sort::Blob && file.reason == Some(Reason::InUse);
    let mut pruned = Pruned { in_use: survey.files.iter().filter(in_use).count(), ..plan.pruned() };
    for file in plan.going(&survey) {
        pruned.add(file.sort, bytes_of(file));
    }
    pruned.damaged = survey.damaged;
    Ok(pruned)
}

/// Removes what the wish says. `remove` removes an unpacked layer, whose files may belong to others.
///
/// # Errors
/// What [`Store::collect`], the cache and `remove` say.
pub(crate) fn prune<E: From<Error>>(
    store: &Store,
    wish: &Wish,
    remove: impl Fn(&Path) -> Result<(), E>,
) -> Result<Pruned, E> {
    let plan = Plan::of(store, wish)?;
    store.unlist(&plan.unnamed).map_err(Error::from)?;
    let records = Records::open(store.home());
    let left = || -> Result<Roots, Error> {
        for record in &plan.forgotten {
            records.remove(record.key)?;
        }
        // Once more: since then a build may have added one.
        roots(store)
    };
    let collected = store.collect(&plan.unnamed, left, |file| plan.goes(file))?;
    let mut pruned = Pruned { in_use: collected.in_use.len(), damaged: collected.damaged, ..plan.pruned() };
    for file in collected.files {
        pruned.add(file.sort, file.bytes);
    }
    for folder in collected.folders {
        pruned.add(Sort::Unpacked, size_of(&folder));
        remove(&folder)?;
    }
    Ok(pruned)
}

/// What a wish comes to.
struct Plan {
    wish: Wish,
    unnamed: BTreeSet<Digest>,
    kept: Vec<Record>,
    forgotten: Vec<Record>,
}

impl Plan {
    fn of(store: &Store, wish: &Wish) -> Result<Plan, Error> {
        let images = store.images()?;
        let named: BTreeSet<Digest> =
            images.iter().filter(|image| image.reference.is_some()).map(|image| image.manifest.digest).collect();
        let unnamed = match wish.images {
            Images::Stay => BTreeSet::new(),
            Images::Unnamed => {
                images.iter().map(|image| image.manifest.digest).filter(|digest| !named.contains(digest)).collect()
            }
        };
        let all = Records::open(store.home()).all()?;
        let (forgotten, kept) = match wish.cache {
            Forgotten::Nothing => (Vec::new(), all),
            Forgotten::Everything => (all, Vec::new()),
            Forgotten::UnusedSince(moment) => {
                let uses = last_uses(store)?;
                all.into_iter().partition(|record| last_use(record, &uses) <= moment)
            }
            Forgotten::Beyond(most) => beyond(store, all, most)?,
        };
        Ok(Plan { wish: wish.clone(), unnamed, kept, forgotten })
    }

    fn layers(&self) -> Vec<Layer> {
        self.kept.iter().filter_map(|record| record.result.layer.clone()).collect()
    }

    /// For what each file is kept where the wish has come true.
    fn survey(&self, store: &Store) -> Result<Survey, Error> {
        store.survey(&self.unnamed, || roots_with(store, self.layers()))
    }

    /// The files that go. While an image is damaged, nothing does.
    fn going<'f>(&self, survey: &'f Survey) -> impl Iterator<Item = &'f Stored> {
        let files = if survey.damaged.is_empty() { survey.files.as_slice() } else { &[] };
        files.iter().filter(|file| !file.in_use && self.goes(file))
    }

    /// Whether a file goes that no other process uses.
    fn goes(&self, file: &Stored) -> bool {
        let is_copy = !matches!(file.sort, Sort::Blob | Sort::Proof) && file.reason != Some(Reason::Container);
        file.reason.is_none() || is_copy && self.wish.images == Images::Unnamed
    }

    fn pruned(&self) -> Pruned {
        Pruned { records: self.forgotten.len(), images: self.unnamed.len(), ..Pruned::default() }
    }
}

/// When each step of the past builds was last taken, in seconds since 1970.
fn last_uses(store: &Store) -> Result<BTreeMap<cache::CacheKey, i64>, Error> {
    let builds = Builds::open(store.home());
    let mut uses = BTreeMap::new();
    for number in builds.numbers()? {
        let Some(build) = builds.get(number)? else { continue };
        let Some(started) = seconds(&build.started) else { continue };
        for key in build.steps.iter().filter_map(|step| step.key) {
            let last = uses.entry(key).or_insert(started);
            *last = started.max(*last);
        }
    }
    Ok(uses)
}

/// When a record was last used: by the past builds that there still are, else when it was made.
fn last_use(record: &Record, uses: &BTreeMap<cache::CacheKey, i64>) -> i64 {
    let made = seconds(&record.result.created).unwrap_or(0);
    uses.get(&record.key).copied().unwrap_or(made).max(made)
}

fn seconds(time: &str) -> Option<i64> {
    Some(time.parse::<jiff::Timestamp>().ok()?.as_second())
}

/// Forgets the records that were not used for the longest time, until what only the others keep is small enough.
fn beyond(store: &Store, mut all: Vec<Record>, most: u64) -> Result<(Vec<Record>, Vec<Record>), Error> {
    let uses = last_uses(store)?;
    all.sort_by_key(|record| std::cmp::Reverse(last_use(record, &uses)));
    let survey = survey(store)?;
    let only_cache: BTreeMap<Digest, u64> = survey
        .files
        .iter()
        .filter(|file| file.sort == Sort::Blob && file.reason == Some(Reason::Cache))
        .map(|file| (file.digest, file.bytes))
        .collect();
    let (mut counted, mut sum) = (BTreeSet::new(), 0);
    // From the latest on; each layer counts once.
    let stays = |record: &Record| {
        let digest = record.result.layer.as_ref().map(|layer| layer.descriptor.digest);
        let own = digest.filter(|digest| counted.insert(*digest)).and_then(|digest| only_cache.get(&digest));
        sum += own.copied().unwrap_or(0);
        sum <= most
    };
    let (kept, forgotten) = all.into_iter().partition(stays);
    Ok((forgotten, kept))
}

/// A file or folder of the store, and whether it could go.
#[derive(Debug)]
pub(crate) struct Held {
    /// What it is.
    pub(crate) sort: Sort,
    /// Why it is kept.
    pub(crate) reason: Option<Reason>,
    /// Its bytes; of a folder, those of all files in it.
    pub(crate) bytes: u64,
    /// Whether it goes where everything goes that can.
    pub(crate) can_go: bool,
}

/// Looks for what each file of the store is kept, and whether it goes where the most is removed that [`prune`] removes.
///
/// # Errors
/// As [`survey`].
pub(crate) fn held(store: &Store) -> Result<Vec<Held>, Error> {
    let plan = Plan::of(store, &Wish { images: Images::Unnamed, cache: Forgotten::Everything })?;
    let afterwards = plan.survey(store)?;
    let going: BTreeSet<&Path> = plan.going(&afterwards).map(|file| file.path.as_path()).collect();
    let held = |file: &Stored| Held {
        sort: file.sort,
        reason: file.reason,
        bytes: bytes_of(file),
        can_go: going.contains(file.path.as_path()),
    };
    Ok(survey(store)?.files.iter().map(held).collect())
}
