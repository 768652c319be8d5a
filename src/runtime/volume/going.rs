//! Which volumes may go: those that no container has in its record.

use std::collections::{BTreeMap, BTreeSet};

use super::kept::{self, Removal, Sort};
use super::mounted::Volume;
use crate::runtime::{Error, record};
use crate::store::{Home, Lock};
use crate::world::World;

/// The names of the containers that use volumes, by the names of those.
///
/// # Errors
/// A container's record can't be read: nobody knows what it needs.
pub(crate) fn users(home: &Home) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for container in record::roots(home)? {
        for name in container.volumes.iter().filter_map(Volume::name) {
            users.entry(name.to_owned()).or_default().push(container.name.clone());
        }
    }
    users.values_mut().for_each(|names| names.sort());
    Ok(users)
}

/// While this is held, none of these volumes is removed; `None` where none of them is in the home.
///
/// # Errors
/// The lock can't be had.
pub(in crate::runtime) fn using(world: &World, volumes: &[Volume]) -> Result<Option<Lock>, Error> {
    volumes.iter().any(|volume| volume.name().is_some()).then(|| kept::using(world)).transpose()
}

/// Removes volumes that no container uses.
///
/// # Errors
/// As [`users`]; what can't be removed.
pub(crate) fn remove(world: &World, names: &[&str]) -> Result<Vec<Removal>, Error> {
    kept::remove(world, names, || Ok(users(world.home())?.into_keys().collect()))
}

/// Removes the volumes of a container that were made for it alone, unless another uses them, too.
///
/// # Errors
/// As [`remove`].
pub(in crate::runtime) fn remove_anonymous(world: &World, container: &record::Record) -> Result<(), Error> {
    let is_anonymous =
        |name: &&str| matches!(kept::read(world.home(), name), Ok(Some(kept)) if kept.record.sort == Sort::Anonymous);
    let names: Vec<&str> = container.volumes.iter().filter_map(Volume::name).filter(is_anonymous).collect();
    if names.is_empty() {
        return Ok(());
    }
    kept::remove(world, &names, || {
        let others = record::roots(world.home())?.into_iter().filter(|other| other.id != container.id);
        let volumes = others.flat_map(|other| other.volumes);
        Ok(volumes.filter_map(|volume| volume.name().map(str::to_owned)).collect::<BTreeSet<_>>())
    })?;
    Ok(())
}
