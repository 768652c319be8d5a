//! What is written down of a container, changed: whether it runs or not.
//!
//! One does that at a time. A monitor reads it anew where it matters: what its container is called, and when it starts again.

use super::names;
use super::network;
use super::record::{self, Record};
use super::stored::folder_of;
use super::{Error, check_resources, events};
use crate::store::{LockMode, lock};
use crate::world::World;

/// Gives a container another name, whether it runs or not: its monitor reads what it is called, and the keeper of the networks is told.
///
/// # Errors
/// The name is no name, or another container has it.
pub(crate) fn rename(world: &World, id: &str, name: &str) -> Result<(), Error> {
    let _one_at_a_time = lock(&world.home().names_dir().join(names::LOCK), LockMode::Exclusive)?;
    let mut record =
        record::read(world.home(), &folder_of(world, id))?.ok_or_else(|| Error::NoContainer(id.to_owned()))?;
    if name == record.name {
        return Err(Error::NameTaken { name: name.to_owned(), owner: record.id });
    }
    names::give(world.home(), Some(name), &record.id)?;
    let before = std::mem::replace(&mut record.name, name.to_owned());
    if let Err(error) = record::write(&folder_of(world, &record.id), &record) {
        names::release(world.home(), name, &record.id);
        return Err(error);
    }
    names::release(world.home(), &before, &record.id);
    // It is in none, most likely.
    let _ = network::rename(world, &record.id, name);
    events::of_container(world.home(), &world.clock, record.subject(), "rename", &[("oldName", before)]);
    Ok(())
}

/// Changes what is written down of a container, whether it runs or not.
///
/// # Errors
/// There is none of this id; what is to be limited can't be; it can't be written.
pub(crate) fn change(world: &World, id: &str, change: impl FnOnce(&mut Record)) -> Result<(), Error> {
    let _one_at_a_time = lock(&world.home().names_dir().join(names::LOCK), LockMode::Exclusive)?;
    let folder = folder_of(world, id);
    let mut record = record::read(world.home(), &folder)?.ok_or_else(|| Error::NoContainer(id.to_owned()))?;
    change(&mut record);
    check_resources(&record.allowance.resources)?;
    record::write(&folder, &record)
}
