//! Which networks containers are in: changed while they run or before, and written down.

use std::collections::{BTreeMap, BTreeSet};

use super::found::{find, list};
use super::network::{self, Attachment, Mode, Network};
use super::stored::{Stored, folder_of};
use super::{Error, names, record};
use crate::store::{LockMode, lock};
use crate::world::World;

/// Connects a container to one more network, at once where it runs.
///
/// # Errors
/// There is no such container or network, it is in it already, or it has the machine's network.
pub(crate) fn connect(world: &World, text: &str, mut attachment: Attachment) -> Result<(), Error> {
    let _using = network::using(world)?;
    let network = network::find(world, &attachment.network)?;
    attachment.network = network.name;
    change_networks(world, text, |stored, attachments| {
        if attachments.iter().any(|other| other.network == attachment.network) {
            let message =
                format!("container {} is in the network `{}` already", stored.record.name, attachment.network);
            return Err(Error::argument(message, "`layerlab inspect` shows the networks of a container"));
        }
        if stored.is_running() {
            network::connect(world, &stored.record.id, &attachment)?;
        }
        attachments.push(attachment);
        Ok(())
    })
}

/// Disconnects a container from a network, at once where it runs.
///
/// # Errors
/// There is no such container, or it is not in the network.
pub(crate) fn disconnect(world: &World, text: &str, network: &str) -> Result<(), Error> {
    let name = network::find(world, network)?.name;
    change_networks(world, text, |stored, attachments| {
        let Some(at) = attachments.iter().position(|attachment| attachment.network == name) else {
            let message = format!("container {} is not in the network `{name}`", stored.record.name);
            return Err(Error::argument(message, "`layerlab inspect` shows the networks of a container"));
        };
        if stored.is_running() {
            network::disconnect(world, &stored.record.id, &name)?;
        }
        attachments.remove(at);
        Ok(())
    })
}

/// Changes the networks of a container, and writes it down.
fn change_networks(
    world: &World,
    text: &str,
    change: impl FnOnce(&Stored, &mut Vec<Attachment>) -> Result<(), Error>,
) -> Result<(), Error> {
    let _one_at_a_time = lock(&world.home().names_dir().join(names::LOCK), LockMode::Exclusive)?;
    let stored = find(world, text)?;
    let mut record = stored.record.clone();
    let Mode::Networks(attachments) = &mut record.network else {
        let message = format!("container {} has the network `{}`", record.name, record.network.name());
        return Err(Error::argument(message, "it can't be in others as well: create it with `--network NAME`"));
    };
    change(&stored, attachments)?;
    record::write(&folder_of(world, &record.id), &record)
}

/// The networks that containers use: running ones, and those that could be started.
///
/// # Errors
/// The containers or who is connected can't be read: nobody knows what they need.
pub(crate) fn used_networks(world: &World) -> Result<BTreeSet<String>, Error> {
    let mut used: BTreeSet<String> = network::members(world)?.into_iter().map(|(_, wire)| wire.network).collect();
    for container in record::roots(world.home())? {
        if let Mode::Networks(attachments) = container.network {
            used.extend(attachments.into_iter().map(|attachment| attachment.network));
        }
    }
    Ok(used)
}

/// Removes a network that no container is in that runs; or else gives the names of those that are.
///
/// # Errors
/// Nobody knows who is connected, or it can't be removed.
pub(crate) fn remove_network(world: &World, network: &Network) -> Result<Vec<String>, Error> {
    let _removing = network::removing(world)?;
    let members = network::members(world)?.into_iter().filter(|(_, wire)| wire.network == network.name);
    let mut connected: BTreeMap<String, String> = members.map(|(member, _)| (member.id, member.name)).collect();
    // Also those that are not connected just now, because the keeper of the networks was killed.
    let running = list(world)?.0.into_iter().filter(Stored::is_running);
    let running = running.filter(|stored| stored.record.network.names().contains(&network.name.as_str()));
    connected.extend(running.map(|stored| (stored.record.id, stored.record.name)));
    if connected.is_empty() {
        network::remove(world.home(), network)?;
    }
    Ok(connected.into_values().collect())
}

/// Removes those of these networks that no container uses, also none that does not run. Gives them.
///
/// # Errors
/// As [`used_networks`]. One that can't be removed stays.
pub(crate) fn remove_unused_networks(world: &World, mut networks: Vec<Network>) -> Result<Vec<Network>, Error> {
    let _removing = network::removing(world)?;
    let used = used_networks(world)?;
    networks.retain(|network| !used.contains(&network.name) && network::remove(world.home(), network).is_ok());
    Ok(networks)
}
