//! Cache mounts: folders of the home that RUNs fill, and find again in the next build.
//!
//! ```text
//! mount-caches/<name>.lock        held by whoever uses it: by several, or by one alone
//! mount-caches/<name>/files/      what the RUNs see, in the hands of containers
//! mount-caches/<name>/about.json  which cache that is; written at each use, so its time is that of the last one
//! ```
//!
//! The name is made of the id, of what the cache began with, and of the kind of identity: owners look different on disk to each. A private cache
//! that is in use gets a sibling, `<name>-1`. The kernel gives a lock up with the last process that has it, so whoever is killed leaves a
//! cache that can be used. Several caches of one RUN are locked in the order of their names, or two RUNs could wait for each
//! other for ever.
//!
//! As in BuildKit, contents are in no key, and a cache with an owner or a beginning of its own is another one. Unlike there,
//! a shared use waits for one that has it locked, and does not begin an empty cache beside it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::container::{Access, Identity};
use crate::document::{self, Links};
use crate::layer::{self, Unpack};
use crate::limits::Limit;
use crate::oci::Digest;
use crate::owner::Written;
use crate::runtime::{Error, unpacked};
use crate::store::{Home, Lock, LockMode, atomic_replace, lock_patiently, try_claim};
use crate::tree::Tree;
use crate::world::World;

/// What is written down of a cache.
const ABOUT: Limit = Limit::bytes("description of a cache mount", "LAYERLAB_MAX_MOUNT_CACHE_NOTE", 64 << 10);

/// A cache as a RUN wants it.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    pub(crate) id: String,
    pub(crate) sharing: Sharing,
    pub(crate) beginning: Beginning,
    /// What of it is mounted: a path in it.
    pub(crate) source: String,
    pub(crate) access: Access,
}

/// What happens when two RUNs want one cache at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Both have it.
    Shared,
    /// Each has one of its own.
    Private,
    /// One waits for the other.
    Locked,
}

/// What a cache is when it is new.
#[derive(Clone, Debug)]
pub(crate) enum Beginning {
    Empty,
    Owned {
        mode: u32,
        uid: u32,
        gid: u32,
    },
    /// These files; `listing` tells them from others.
    Filled {
        tree: Tree,
        listing: Digest,
    },
}

/// `about.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    id: String,
}

/// The caches of one RUN, locked.
#[derive(Default)]
pub(super) struct Claimed {
    by_name: BTreeMap<String, (PathBuf, Lock)>,
}

impl Claimed {
    /// Where the files of a cache lie.
    pub(super) fn files_of(&self, world: &World, cache: &Cache) -> PathBuf {
        self.by_name[&name(cache, &world.identity)].0.clone()
    }

    pub(super) fn into_locks(self) -> Vec<Lock> {
        self.by_name.into_values().map(|(_, lock)| lock).collect()
    }
}

/// Locks caches, in the order of their names, and makes those that are not there. One that is wanted twice is locked once, as it was wanted first.
///
/// # Errors
/// One can't be made or locked, or somebody wished to stop.
pub(super) fn claim_all<'c>(world: &World, caches: impl Iterator<Item = &'c Cache>) -> Result<Claimed, Error> {
    let mut wanted: BTreeMap<String, &Cache> = BTreeMap::new();
    for cache in caches {
        wanted.entry(name(cache, &world.identity)).or_insert(cache);
    }
    let mut claimed = Claimed::default();
    for (name, cache) in wanted {
        let found = claim(world, &name, cache)?;
        claimed.by_name.insert(name, found);
    }
    Ok(claimed)
}

fn claim(world: &World, name: &str, cache: &Cache) -> Result<(PathBuf, Lock), Error> {
    let folder = world.home().mount_caches_dir();
    let (place, lock) = match cache.sharing {
        Sharing::Shared => claim_shared(world, &folder.join(name), cache)?,
        Sharing::Locked => claim_alone(world, &folder.join(name))?,
        Sharing::Private => claim_unused(&folder, name)?,
    };
    let files = place.join(FILES);
    if !files.is_dir() {
        make(world, &place, cache)?;
    }
    let about = serde_json::to_vec(&About { id: cache.id.clone() }).expect("plain data");
    atomic_replace(&place.join(NOTE), &about)?;
    Ok((files, lock))
}

/// Waits for whoever has it alone.
fn claim_alone(world: &World, place: &Path) -> Result<(PathBuf, Lock), Error> {
    loop {
        let lock = lock_patiently(&lock_of(place), LockMode::Exclusive, world.store.meter())?;
        if lock.is_current() {
            return Ok((place.to_path_buf(), lock));
        }
    }
}

/// As [`claim_alone`], but with others who share it. It is made by one alone.
fn claim_shared(world: &World, place: &Path, cache: &Cache) -> Result<(PathBuf, Lock), Error> {
    loop {
        if !place.join(FILES).is_dir() {
            let (_, _lock) = claim_alone(world, place)?;
            if !place.join(FILES).is_dir() {
                make(world, place, cache)?;
            }
        }
        let lock = lock_patiently(&lock_of(place), LockMode::Shared, world.store.meter())?;
        // In between, somebody may have removed it.
        if lock.is_current() && place.join(FILES).is_dir() {
            return Ok((place.to_path_buf(), lock));
        }
    }
}

/// The first of the siblings that nobody uses.
fn claim_unused(folder: &Path, name: &str) -> Result<(PathBuf, Lock), Error> {
    let names = std::iter::once(name.to_owned()).chain((1..).map(|number: u32| format!("{name}-{number}")));
    for place in names.map(|name| folder.join(name)) {
        if let Some(lock) = try_claim(&lock_of(&place))? {
            return Ok((place, lock));
        }
    }
    unreachable!("there are more names than caches")
}

/// Makes the files of a new cache. Whoever calls has it alone.
fn make(world: &World, place: &Path, cache: &Cache) -> Result<(), Error> {
    let (fresh, files) = (place.join("new"), place.join(FILES));
    // What a killed process has left.
    world.identity.remove_dir_all(&fresh)?;
    fs::create_dir_all(&fresh).map_err(Error::io("create", &fresh))?;
    let options = Unpack { ownership: unpacked::ownership(&world.identity), opaque: unpacked::marks(&world.identity) };
    match &cache.beginning {
        Beginning::Empty => set_owner(world, &fresh, (0o755, 0, 0))?,
        Beginning::Owned { mode, uid, gid } => set_owner(world, &fresh, (*mode, *uid, *gid))?,
        Beginning::Filled { tree, .. } => {
            world.identity.within(|| layer::make_files(&world.store, tree, &fresh, options))??;
        }
    }
    fs::rename(&fresh, &files).map_err(Error::io("rename", &files))
}

/// Gives a file or folder of ours a mode and an owner, as the container is to see them. Where only one id exists, the owner is written
/// beside it.
pub(super) fn set_owner(world: &World, path: &Path, (mode, uid, gid): (u32, u32, u32)) -> Result<(), Error> {
    let set = || {
        if world.identity.keeps_owners() {
            std::os::unix::fs::lchown(path, Some(uid), Some(gid)).map_err(Error::io("chown", path))?;
        } else {
            write_owner(path, (uid, gid)).map_err(Error::io("write the owner of", path))?;
        }
        fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o7777)).map_err(Error::io("chmod", path))
    };
    world.identity.within(set)?
}

/// On a file system without attributes nothing can be written: there all files are the one user's.
fn write_owner(path: &Path, owner: (u32, u32)) -> std::io::Result<()> {
    // It may be a socket, which can't be opened otherwise.
    let file = fs::OpenOptions::new().read(true).custom_flags(libc::O_PATH | libc::O_NOFOLLOW).open(path)?;
    match Written::beside(file.metadata()?.mode()).write(&file, owner) {
        Err(error) if error.raw_os_error() != Some(libc::EOPNOTSUPP) => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// What a cache is called in the home.
fn name(cache: &Cache, identity: &Identity) -> String {
    let beginning = match &cache.beginning {
        Beginning::Empty => String::new(),
        Beginning::Owned { mode, uid, gid } => format!("{mode:o} {uid}:{gid}"),
        Beginning::Filled { listing, .. } => listing.to_string(),
    };
    let kind = match identity {
        Identity::Root => "",
        Identity::Mapped { .. } => ".user",
        Identity::Single => ".single",
    };
    let what = serde_json::to_vec(&[&cache.id, &beginning]).expect("plain data");
    format!("{}{kind}", &Digest::of(&what).hex()[..32])
}

const FILES: &str = "files";
const NOTE: &str = "about.json";

fn lock_of(place: &Path) -> PathBuf {
    let mut name = place.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// A cache of the home, as whoever makes room sees it.
pub(crate) struct Kept {
    pub(crate) path: PathBuf,
    /// `None` where that can't be read any more.
    pub(crate) id: Option<String>,
    /// When it was last used, in seconds since 1970.
    pub(crate) used: i64,
}

/// All caches, those first that were used the longest ago.
///
/// # Errors
/// Their folder can't be listed.
pub(crate) fn list(home: &Home) -> Result<Vec<Kept>, Error> {
    let folder = home.mount_caches_dir();
    let mut caches = Vec::new();
    let entries = match fs::read_dir(&folder) {
        // A home that can't be written to may lack it.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(caches),
        entries => entries.map_err(Error::io("list", &folder))?,
    };
    for entry in entries {
        let path = entry.map_err(Error::io("list", &folder))?.path();
        let Ok(found) = path.symlink_metadata() else { continue };
        if found.is_dir() {
            let about = path.join(NOTE);
            let used = about.symlink_metadata().unwrap_or(found).mtime();
            let read = document::read(&about, home.bound(&ABOUT), Links::Refuse).ok();
            let id = read.and_then(|bytes| serde_json::from_slice::<About>(&bytes).ok()).map(|about| about.id);
            caches.push(Kept { path, id, used });
        }
    }
    caches.sort_by(|one, other| (one.used, &one.path).cmp(&(other.used, &other.path)));
    Ok(caches)
}

impl Kept {
    /// Whether some RUN has it at the moment.
    pub(crate) fn is_in_use(&self) -> bool {
        lock_of(&self.path).exists() && !matches!(try_claim(&lock_of(&self.path)), Ok(Some(_)))
    }

    /// Removes it, unless some RUN has it at the moment. Says whether it is gone.
    ///
    /// # Errors
    /// It can't be locked or removed: with another identity it may not be ours to remove.
    pub(crate) fn remove(&self, identity: &Identity) -> Result<bool, Error> {
        let Some(lock) = try_claim(&lock_of(&self.path))? else { return Ok(false) };
        identity.remove_dir_all(&self.path)?;
        lock.remove()?;
        Ok(true)
    }
}
