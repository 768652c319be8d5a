//! Which networks containers are in: changed while they run or before, and written down.

use std::collections::BTreeSet;

use super::network::{self, Attachment, Mode};
use super::stored::{Stored, find, folder_of, list};
use super::{Error, names, record};
use crate::store::{LockMode, lock};
use crate::world::World;

/// Connects a container to one more network, at once where it runs.
///
/// # Errors
/// There is no such container or network, it is in it already, or it has the machine's network.
pub(crate) fn connect(world: &World, text: &str, mut attachment: Attachment) -> Result<(), Error> {
    let network = network::find(world, &attachment.network)?;
    attachment.network = network.name;
    change_networks(world, text, |stored, attachments| {
        if attachments.iter().any(|other| other.network == attachment.network) {
            let message =
                format!("container {} is in the network `{}` already", stored.record.name, attachment.network);
            return Err(Error::argument(message, "`inspect` shows the networks of a container"));
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
            return Err(Error::argument(message, "`inspect` shows the networks of a container"));
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
/// The containers can't be listed.
pub(crate) fn used_networks(world: &World) -> Result<BTreeSet<String>, Error> {
    let mut used: BTreeSet<String> = network::members(world).into_iter().map(|(_, wire)| wire.network).collect();
    for stored in list(world)?.0 {
        if let Mode::Networks(attachments) = stored.record.network {
            used.extend(attachments.into_iter().map(|attachment| attachment.network));
        }
    }
    Ok(used)
}
