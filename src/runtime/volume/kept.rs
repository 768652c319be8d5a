//! Volumes in the home: made, found, listed, removed.
//!
//! ```text
//! volumes/<name>/volume.json    what it is
//!                data/          what containers see
//!                lock           held by whoever fills it
//! volumes/.lock                 shared by those who begin to use volumes, held alone by those who remove some
//! ```
//!
//! Who uses a volume stands in the containers' records. A container's is written before its volumes are made, under the shared lock; so whoever
//! removes one, and sees no container that names it, takes it from nobody. It gets another name first, at once: half of a volume is none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::document::{self, Links};
use crate::layer::Ownership;
use crate::limits::Limit;
use crate::runtime::Error;
use crate::runtime::events::{self, Kind};
use crate::store::{Home, Lock, LockMode, atomic_write, lock_patiently, write};
use crate::world::World;

/// A volume in the home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) name: String,
    pub(crate) record: Record,
}

/// What is written down of a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    schema: u32,
    /// RFC 3339.
    pub(crate) created: String,
    pub(crate) sort: Sort,
    pub(crate) labels: BTreeMap<String, String>,
    /// What the owners of its files mean on disk, since a container first had it: see [`super::owners`].
    #[serde(default)]
    pub(super) ownership: Option<Ownership>,
}

/// Whether somebody has given it its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sort {
    Named,
    /// It was made for one container, and goes with that where this is asked for.
    Anonymous,
}

const SCHEMA: u32 = 1;
const RECORD: &str = "volume.json";
const LOCK: &str = ".lock";

/// Labels.
const LIMIT: Limit = Limit::bytes("record of a volume", "LAYERLAB_MAX_VOLUME", 1 << 20);

/// What containers see of a volume.
pub(crate) fn data(home: &Home, name: &str) -> PathBuf {
    home.volumes_dir().join(name).join("data")
}

/// A volume's name: two characters at least, letters, digits, `_`, `.` and `-`, the first a letter or a digit.
///
/// # Errors
/// [`Error::Argument`] for another text.
pub(crate) fn check_name(text: &str) -> Result<(), Error> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric();
    let valid = (2..=255).contains(&text.len())
        && text.bytes().next().is_some_and(is_plain)
        && text.bytes().all(|byte| is_plain(byte) || b"_.-".contains(&byte));
    if valid {
        return Ok(());
    }
    let hint = match text.contains('/') || text.starts_with('~') {
        true => "a path of the machine begins with `/`, `./` or `../`",
        false => {
            "a name has two characters at least, letters, digits, `_`, `.` and `-`, and begins with a letter or a digit"
        }
    };
    Err(Error::argument(format!("`{text}` is not the name of a volume"), hint))
}

/// While this is held, no volume is removed.
///
/// # Errors
/// The lock can't be had.
pub(in crate::runtime) fn using(world: &World) -> Result<Lock, Error> {
    Ok(lock_patiently(&world.home().volumes_dir().join(LOCK), LockMode::Shared, world.meter())?)
}

/// The volume of this name, made if it is not there; and whether it was made.
///
/// # Errors
/// It can't be made, or what is there can't be read.
pub(crate) fn ensure(
    world: &World,
    name: &str,
    labels: &BTreeMap<String, String>,
    sort: Sort,
) -> Result<(Kept, bool), Error> {
    if let Some(kept) = read(world.home(), name)? {
        return Ok((kept, false));
    }
    let record =
        Record { schema: SCHEMA, created: world.clock.rfc3339(), sort, labels: labels.clone(), ownership: None };
    let folder = world.home().volumes_dir();
    let temporary = write::temporary_folder(&folder)?;
    let is_new = fill(&temporary, &record).and_then(|()| Ok(write::publish_folder(&temporary, &folder.join(name))?));
    if is_new.as_ref().is_ok_and(|is_new| *is_new) {
        events::of_named(world.home(), &world.clock, Kind::Volume, "create", name, name);
        return Ok((Kept { name: name.to_owned(), record }, true));
    }
    let removed = write::remove_folder(&temporary);
    is_new?;
    removed?;
    let kept = read(world.home(), name)?.ok_or_else(|| Error::NoVolume(name.to_owned()))?;
    Ok((kept, false))
}

/// Makes what is in the folder of a new volume.
fn fill(folder: &Path, record: &Record) -> Result<(), Error> {
    let (path, file) = (folder.join("data"), folder.join(RECORD));
    fs::create_dir(&path).map_err(Error::io("create", &path))?;
    // Whatever the caller's file creation mask is.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(Error::io("change the mode of", &path))?;
    write_record(&file, record)
}

/// Whether a volume has no files.
pub(super) fn holds_nothing(world: &World, name: &str) -> Result<bool, Error> {
    let data = data(world.home(), name);
    match is_empty(&data) {
        // It may be another id's.
        Err(_) => world.identity.within(|| is_empty(&data))?,
        is_empty => is_empty,
    }
}

/// The same of its folder, for one who may read it.
pub(super) fn is_empty(data: &Path) -> Result<bool, Error> {
    Ok(fs::read_dir(data).map_err(Error::io("list", data))?.next().is_none())
}

fn write_record(file: &Path, record: &Record) -> Result<(), Error> {
    let text = serde_json::to_vec(record).map_err(|error| Error::io("write", file)(error.into()))?;
    Ok(atomic_write(file, &text)?)
}

impl Kept {
    /// Writes down what its owners mean. Whoever calls has its lock.
    pub(super) fn set_ownership(&mut self, home: &Home, ownership: Ownership) -> Result<(), Error> {
        self.record.ownership = Some(ownership);
        write_record(&home.volumes_dir().join(&self.name).join(RECORD), &self.record)
    }
}

/// Makes a volume that somebody asks for; one that is there already stays as it is. Without a name it gets one of 64 digits.
///
/// # Errors
/// The name is none; as [`ensure`].
pub(crate) fn create(world: &World, name: Option<&str>, labels: &BTreeMap<String, String>) -> Result<Kept, Error> {
    let _using = using(world)?;
    if let Some(name) = name {
        check_name(name)?;
        return Ok(ensure(world, name, labels, Sort::Named)?.0);
    }
    loop {
        // Where time stands still, the same ones come again.
        let (kept, is_new) = ensure(world, &world.clock.new_id(), labels, Sort::Anonymous)?;
        if is_new {
            return Ok(kept);
        }
    }
}

/// The volume of this name.
///
/// # Errors
/// [`Error::NoVolume`]; it can't be read.
pub(crate) fn find(home: &Home, name: &str) -> Result<Kept, Error> {
    let found = check_name(name).ok().map(|()| read(home, name)).transpose()?.flatten();
    found.ok_or_else(|| Error::NoVolume(name.to_owned()))
}

/// The volume of this name, if there is one.
///
/// # Errors
/// It can't be read.
pub(crate) fn read(home: &Home, name: &str) -> Result<Option<Kept>, Error> {
    let folder = home.volumes_dir().join(name);
    let bad = |reason: String| Error::BadVolume { name: name.to_owned(), reason };
    match folder.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("look at", &folder)(error)),
        Ok(_) => {}
    }
    // Behind a link would be files that are not the home's.
    for path in [&folder, &data(home, name)] {
        match path.symlink_metadata() {
            Ok(found) if found.is_dir() => {}
            Ok(found) if found.is_symlink() => return Err(bad(format!("`{}` is a symbolic link", path.display()))),
            _ => return Err(bad(format!("`{}` is not a folder", path.display()))),
        }
    }
    let text = document::read(&folder.join(RECORD), home.bound(&LIMIT), Links::Refuse)
        .map_err(|error| bad(error.to_string()))?;
    let record: Record = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
    match record.schema {
        SCHEMA => Ok(Some(Kept { name: name.to_owned(), record })),
        other => Err(bad(format!("schema {other} is unknown: this version reads only {SCHEMA}"))),
    }
}

/// All volumes, by their names; and why some can't be read.
///
/// # Errors
/// The folder of volumes can't be listed.
pub(crate) fn list(home: &Home) -> Result<(Vec<Kept>, Vec<Error>), Error> {
    let (mut found, mut damaged) = (Vec::new(), Vec::new());
    for name in names(home)? {
        match read(home, &name) {
            // One may be removed meanwhile.
            Ok(kept) => found.extend(kept),
            Err(error) => damaged.push(error),
        }
    }
    Ok((found, damaged))
}

/// The names of all volumes, sorted.
fn names(home: &Home) -> Result<BTreeSet<String>, Error> {
    let folder = home.volumes_dir();
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(&folder).map_err(Error::io("list", &folder))? {
        let entry = entry.map_err(Error::io("list", &folder))?;
        names.extend(entry.file_name().into_string().ok().filter(|name| check_name(name).is_ok()));
    }
    Ok(names)
}

/// What became of one that was to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    Removed,
    /// There was none.
    Missing,
    /// A container uses it.
    InUse,
}

/// Removes volumes that no container uses. `used` says which are used, and is asked while nobody begins to use one.
///
/// # Errors
/// What `used` says; what can't be removed.
pub(in crate::runtime) fn remove(
    world: &World,
    names: &[&str],
    used: impl FnOnce() -> Result<BTreeSet<String>, Error>,
) -> Result<Vec<Removal>, Error> {
    let folder = world.home().volumes_dir();
    let (mut removals, mut gone, mut left) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    {
        let _alone = lock_patiently(&folder.join(LOCK), LockMode::Exclusive, world.meter())?;
        let used = used()?;
        for name in names {
            let path = folder.join(name);
            removals.push(match path.symlink_metadata() {
                _ if used.contains(*name) => Removal::InUse,
                Err(_) => Removal::Missing,
                Ok(_) => {
                    gone.insert(write::move_away(&path)?);
                    Removal::Removed
                }
            });
        }
        // Nobody who removes volumes is between these two steps: what else has such a name was left by somebody who was killed, or is
        // just being removed by somebody who has let go of the lock.
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        left.extend(entries.filter(|entry| write::is_temporary(&entry.file_name())).map(|entry| entry.path()));
    }
    let removed = names.iter().zip(&removals).filter(|(_, removal)| **removal == Removal::Removed);
    removed.for_each(|(name, _)| events::of_named(world.home(), &world.clock, Kind::Volume, "destroy", name, name));
    let remove = |path: &Path| match path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
        true => world.identity.remove_dir_all(path).map_err(Error::from),
        false => Ok(write::remove_file(path)?),
    };
    for path in left.difference(&gone) {
        // It may be another identity's; nobody has asked for it.
        let _ = remove(path);
    }
    gone.iter().try_for_each(|path| remove(path))?;
    Ok(removals)
}
