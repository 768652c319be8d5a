//! What may be removed: what nothing needs that somebody could still ask for.
//!
//! Roots are the names of images, the containers that stay, the records of the cache, and what other processes use at the moment. What
//! leads to nothing of these can go, and copies that can be recreated can go sooner. The store does the removing ([`Store::collect`]); here is decided what.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Error, bytes_of, roots, roots_with, size_of, survey};
use crate::cache::{self, Builds, Downloaded, Downloads, Record, Records};
use crate::oci::{Digest, Layer};
use crate::progress::Work;
use crate::runtime::mounts::{self, cache::Kept};
use crate::store::{self, Collected, Reason, Roots, Sort, Store, Stored, Survey};
use crate::{registry, runtime};

/// How much is to be removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Images without a name, and copies of layers that can be recreated.
    pub(crate) images: Images,
    /// Which steps the cache forgets.
    pub(crate) cache: Forgotten,
    /// Which cache mounts go, each by itself.
    pub(crate) mounts: Forgotten,
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

/// Which steps the cache forgets, or which cache mounts go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Forgotten {
    /// None.
    #[default]
    Nothing,
    /// Those that were not used for so many seconds.
    UnusedFor(i64),
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
    /// Cache mounts, by their ids, and their bytes.
    pub(crate) mounts: Vec<(String, u64)>,
    /// By what they are: how many files or folders, and their bytes.
    pub(crate) files: BTreeMap<Sort, (usize, u64)>,
    /// Blobs that only another process still uses.
    pub(crate) in_use: usize,
    /// Why nothing goes: documents that can't be read.
    pub(crate) damaged: Vec<store::Error>,
    /// What was passed over, though it has the name of a list of what a process uses.
    pub(crate) strange: Vec<store::Error>,
}

impl Pruned {
    /// All bytes together.
    pub(crate) fn bytes(&self) -> u64 {
        let mounts: u64 = self.mounts.iter().map(|(_, bytes)| bytes).sum();
        self.files.values().map(|(_, bytes)| bytes).sum::<u64>() + mounts
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
    (pruned.damaged, pruned.strange) = (survey.damaged, survey.strange);
    for (cache, bytes) in mounts_to_go(store, wish.mounts)? {
        if !cache.is_in_use() {
            pruned.mounts.push((shown_id(&cache), bytes));
        }
    }
    Ok(pruned)
}

/// Removes what the wish says. `remove` removes an unpacked layer, whose files may belong to others, and `remove_cache` a cache mount, unless it is
/// in use, and says whether it did.
///
/// # Errors
/// What [`Store::collect`], the cache and `remove` say.
pub(crate) fn prune<E: From<Error>>(
    store: &Store,
    wish: &Wish,
    remove: impl Fn(&Path) -> Result<(), E>,
    remove_cache: impl Fn(&Kept) -> Result<bool, E>,
) -> Result<Pruned, E> {
    let plan = Plan::of(store, wish)?;
    store.unlist(&plan.unnamed).map_err(Error::from)?;
    let (records, downloads) = (Records::open(store.home()), Downloads::open(store.home()));
    let left = || -> Result<Roots, Error> {
        for record in &plan.forgotten {
            records.remove(record.key)?;
        }
        for found in &plan.unused {
            downloads.remove(&found.url)?;
        }
        // Once more: since then a build may have added one.
        roots(store)
    };
    let collected = store.collect(&plan.unnamed, left, |file| plan.goes(file))?;
    registry::forget_gone(store);
    let mut pruned = Pruned {
        in_use: collected.in_use.len(),
        damaged: collected.damaged,
        strange: collected.strange,
        ..plan.pruned()
    };
    for file in collected.files {
        pruned.add(file.sort, file.bytes);
    }
    let task = store.meter().begin(Work::Removing, None);
    for folder in collected.folders {
        pruned.add(Sort::Unpacked, size_of(&folder));
        remove(&folder)?;
        task.add(1).map_err(|stopped| Error::Store(stopped.into()))?;
    }
    for (cache, bytes) in mounts_to_go(store, wish.mounts)? {
        if remove_cache(&cache)? {
            pruned.mounts.push((shown_id(&cache), bytes));
        }
        task.add(1).map_err(|stopped| Error::Store(stopped.into()))?;
    }
    Ok(pruned)
}

/// The cache mounts that go, with their bytes: those first that were used the longest ago.
fn mounts_to_go(store: &Store, wish: Forgotten) -> Result<Vec<(Kept, u64)>, Error> {
    let all = || {
        Ok::<_, Error>(mounts::cache::list(store.home())?.into_iter().map(|cache| {
            let bytes = size_of(&cache.path);
            (cache, bytes)
        }))
    };
    Ok(match wish {
        Forgotten::Nothing => Vec::new(),
        Forgotten::Everything => all()?.collect(),
        Forgotten::UnusedFor(age) => {
            let moment = (now() / SECOND).saturating_sub(age);
            all()?.filter(|(cache, _)| cache.used <= moment).collect()
        }
        Forgotten::Beyond(most) => {
            let mut caches: Vec<_> = all()?.collect();
            let mut sum = 0;
            let kept = caches.iter().rev().take_while(|(_, bytes)| {
                sum += bytes;
                sum <= most
            });
            let kept = kept.count();
            caches.truncate(caches.len() - kept);
            caches
        }
    })
}

/// What people call a cache mount; one whose description is gone, by its name in the home.
fn shown_id(cache: &Kept) -> String {
    cache.id.clone().unwrap_or_else(|| cache.path.file_name().unwrap_or_default().to_string_lossy().into_owned())
}

/// What a wish comes to.
struct Plan {
    wish: Wish,
    unnamed: BTreeSet<Digest>,
    kept: Vec<Record>,
    forgotten: Vec<Record>,
    /// What URLs had: what stays of it, and what goes.
    used: Vec<Downloaded>,
    unused: Vec<Downloaded>,
}

/// What the cache knows: of steps and of URLs.
type Known = (Vec<Record>, Vec<Downloaded>);

impl Plan {
    fn of(store: &Store, wish: &Wish) -> Result<Plan, Error> {
        let images = store.images()?;
        let mut named: BTreeSet<Digest> =
            images.iter().filter(|image| image.reference.is_some()).map(|image| image.manifest.digest).collect();
        // What a container is made of stays in the list, so that it can be asked for.
        named.extend(runtime::roots(store.home())?.iter().map(|container| container.image.manifest.digest));
        let unnamed = match wish.images {
            Images::Stay => BTreeSet::new(),
            Images::Unnamed => {
                images.iter().map(|image| image.manifest.digest).filter(|digest| !named.contains(digest)).collect()
            }
        };
        let downloads = Downloads::open(store.home());
        let (steps, urls) = (Records::open(store.home()).all()?, downloads.all()?);
        let ((forgotten, unused), (kept, used)) = match wish.cache {
            Forgotten::Nothing => (Known::default(), (steps, urls)),
            Forgotten::Everything => ((steps, urls), Known::default()),
            Forgotten::UnusedFor(age) => {
                let (uses, moment) = (LastUses::of(store)?, now().saturating_sub(age.saturating_mul(SECOND)));
                let (forgotten, kept) = steps.into_iter().partition(|record| uses.get(record) <= moment);
                let (unused, used) = urls.into_iter().partition(|found| written(&downloads.path(&found.url)) <= moment);
                ((forgotten, unused), (kept, used))
            }
            Forgotten::Beyond(most) => beyond(store, (steps, urls), &unnamed, most)?,
        };
        Ok(Plan { wish: wish.clone(), unnamed, kept, forgotten, used, unused })
    }

    fn layers(&self) -> Vec<Layer> {
        self.kept.iter().filter_map(|record| record.result.layer.clone()).collect()
    }

    /// For what each file is kept where the wish has come true.
    fn survey(&self, store: &Store) -> Result<Survey, Error> {
        store.survey(&self.unnamed, || roots_with(store, self.layers(), &self.used))
    }

    /// The files that go. While an image is damaged, nothing does.
    fn going<'f>(&self, survey: &'f Survey) -> impl Iterator<Item = &'f Stored> {
        let files = if survey.damaged.is_empty() { survey.files.as_slice() } else { &[] };
        files.iter().filter(|file| !file.in_use && self.goes(file))
    }

    /// Whether a file goes that no other process uses.
    fn goes(&self, file: &Stored) -> bool {
        let is_copy = !matches!(file.sort, Sort::Blob | Sort::Proof) && !file.of_container;
        file.reason.is_none() || is_copy && self.wish.images == Images::Unnamed
    }

    fn pruned(&self) -> Pruned {
        Pruned { records: self.forgotten.len(), images: self.unnamed.len(), ..Pruned::default() }
    }
}

/// In nanoseconds.
const SECOND: i64 = 1_000_000_000;

/// When steps were last taken: by the real time at which files were written. The times inside the files are the build's own,
/// which SOURCE_DATE_EPOCH sets.
struct LastUses {
    records: Records,
    /// By the past builds that there still are.
    builds: BTreeMap<cache::CacheKey, i64>,
}

impl LastUses {
    fn of(store: &Store) -> Result<LastUses, Error> {
        let past = Builds::open(store.home());
        let mut builds = BTreeMap::new();
        for number in past.numbers()? {
            let Some(build) = past.get(number)? else { continue };
            let ended = written(&past.path(number));
            for key in build.steps.iter().filter_map(|step| step.key) {
                let last = builds.entry(key).or_insert(ended);
                *last = ended.max(*last);
            }
        }
        Ok(LastUses { records: Records::open(store.home()), builds })
    }

    /// In nanoseconds since 1970.
    fn get(&self, record: &Record) -> i64 {
        let made = written(&self.records.path(record.key));
        self.builds.get(&record.key).copied().unwrap_or(made).max(made)
    }
}

/// When a file was written, in nanoseconds since 1970: 0 for one that is gone.
fn written(path: &Path) -> i64 {
    path.symlink_metadata().map_or(0, |found| found.mtime().saturating_mul(SECOND).saturating_add(found.mtime_nsec()))
}

/// The real time, in nanoseconds since 1970.
fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX)
}

/// Forgets the records that were not used for the longest time, until what only the others keep is small enough: before any of a step those
/// of URLs, which can be asked again. The images `unnamed` keep nothing: they go first. Gives what goes, and what stays.
fn beyond(
    store: &Store,
    (mut steps, mut urls): Known,
    unnamed: &BTreeSet<Digest>,
    most: u64,
) -> Result<(Known, Known), Error> {
    let (uses, downloads) = (LastUses::of(store)?, Downloads::open(store.home()));
    steps.sort_by_key(|record| std::cmp::Reverse(uses.get(record)));
    urls.sort_by_key(|found| std::cmp::Reverse(written(&downloads.path(&found.url))));
    let survey = store.survey(unnamed, || roots(store))?;
    let only_cache: BTreeMap<Digest, u64> = survey
        .files
        .iter()
        .filter(|file| file.sort == Sort::Blob && file.reason == Some(Reason::Cache))
        .map(|file| (file.digest, file.bytes))
        .collect();
    let (mut counted, mut sum) = (BTreeSet::new(), 0);
    // From the latest on; each layer counts once. To forget a record whose layer something else keeps would free nothing.
    let mut stays = |digest: Option<Digest>| {
        let own = digest.filter(|digest| counted.insert(*digest)).and_then(|digest| only_cache.get(&digest));
        own.is_none_or(|bytes| {
            sum += bytes;
            sum <= most
        })
    };
    let layer = |record: &Record| record.result.layer.as_ref().map(|layer| layer.descriptor.digest);
    let (kept, forgotten) = steps.into_iter().partition(|record| stays(layer(record)));
    let (used, unused) = urls.into_iter().partition(|found| stays(Some(found.digest)));
    Ok(((forgotten, unused), (kept, used)))
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
    let plan =
        Plan::of(store, &Wish { images: Images::Unnamed, cache: Forgotten::Everything, mounts: Forgotten::Nothing })?;
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
