//! Containers found on disk: all of them, and the one that a text means.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::thread;

use super::folder::Folder;
use super::id::{DIGITS, is_id};
use super::stored::{Stored, read};
use super::{Error, names, record};
use crate::store::Home;
use crate::world::World;

/// Fewer containers are read by one thread.
const FEW: usize = 100;

/// All containers, the newest first; and why some can't be read.
///
/// # Errors
/// The folder of containers can't be listed.
pub(crate) fn list(world: &World) -> Result<(Vec<Stored>, Vec<Error>), Error> {
    let (mut found, mut damaged) = (Vec::new(), Vec::new());
    for stored in read_all(world, &ids(world.home())?) {
        match stored {
            // One may be removed meanwhile.
            Ok(stored) => found.extend(stored),
            Err(error) => damaged.push(error),
        }
    }
    found.sort_by(|one, other| {
        other.record.created.cmp(&one.record.created).then_with(|| one.record.id.cmp(&other.record.id))
    });
    Ok((found, damaged))
}

/// The ids of all containers, also of those of which nobody can say any more what they are. No record is read.
///
/// # Errors
/// The folder of containers can't be listed.
pub(crate) fn all_ids(home: &Home) -> Result<BTreeSet<String>, Error> {
    let is_container = |id: &String| record::is_there(&home.containers_dir().join(id));
    Ok(ids(home)?.into_iter().filter(is_container).collect())
}

/// The container that a text means: its id, its name, or the beginning of its id.
///
/// # Errors
/// There is none, or several begin so.
pub(crate) fn find(world: &World, text: &str) -> Result<Stored, Error> {
    let none = || Error::NoContainer(text.to_owned());
    if let Some(stored) = is_id(text, DIGITS).then(|| read(world, text)).transpose()?.flatten() {
        return Ok(stored);
    }
    if let Some(stored) = names::owner(world.home(), text).map(|id| read(world, &id)).transpose()?.flatten() {
        return Ok(stored);
    }
    if !is_id(text, 1) {
        return Err(none());
    }
    let matching: Vec<String> = ids(world.home())?.into_iter().filter(|id| id.starts_with(text)).collect();
    match matching.as_slice() {
        [] => Err(none()),
        [id] => read(world, id)?.ok_or_else(none),
        _ => Err(Error::Ambiguous { text: text.to_owned(), count: matching.len() }),
    }
}

/// Removes a container of which nobody can say any more what it is, by its name, its id or the beginning of that.
///
/// # Errors
/// There is none, or several; somebody has it locked; a file can't be removed.
pub(crate) fn remove_damaged(world: &Arc<World>, text: &str) -> Result<(), Error> {
    let beginning = names::owner(world.home(), text).unwrap_or_else(|| text.to_owned());
    let mut matching = ids(world.home())?;
    matching.retain(|id| is_id(&beginning, 1) && id.starts_with(&beginning));
    let [id] = matching.as_slice() else { return Err(Error::NoContainer(text.to_owned())) };
    let mut folder = Folder::claim(world, id)?.ok_or_else(|| Error::Running(id.chars().take(12).collect()))?;
    record::leave(folder.path())?;
    folder.discard();
    Ok(world.identity.remove_dir_all(folder.path())?)
}

/// Reads many: half of them beside us, where that is worth a thread.
fn read_all(world: &World, ids: &[String]) -> Vec<Result<Option<Stored>, Error>> {
    let read_each = |ids: &[String]| ids.iter().map(|id| read(world, id)).collect::<Vec<_>>();
    let (ours, others) = ids.split_at(if ids.len() < FEW { ids.len() } else { ids.len() / 2 });
    if others.is_empty() {
        return read_each(ours);
    }
    thread::scope(|scope| {
        let beside = thread::Builder::new().spawn_scoped(scope, || read_each(others)).ok();
        let mut all = read_each(ours);
        let read = beside.and_then(|beside| beside.join().ok());
        all.extend(read.unwrap_or_else(|| read_each(others)));
        all
    })
}

/// The ids of all that have a folder. Those of RUNs are there as well, and are no ids.
fn ids(home: &Home) -> Result<Vec<String>, Error> {
    let containers = home.containers_dir();
    let entries = fs::read_dir(&containers).map_err(Error::io("list", &containers))?;
    let mut ids = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::io("list", &containers))?;
        ids.extend(entry.file_name().into_string().ok().filter(|name| is_id(name, DIGITS)));
    }
    Ok(ids)
}
