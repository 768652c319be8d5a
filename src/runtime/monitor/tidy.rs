//! How a container that has ended is given back.

use crate::runtime::prepare::Prepared;
use crate::runtime::record::{self, Record, WhenEnded};
use crate::runtime::volume::going;
use crate::runtime::{events, names};
use crate::world::World;

/// Gives the container back: its folder and its name are gone, or its lock is free.
pub(super) fn tidy(world: &World, prepared: Prepared, record: &Record) {
    // Those who listen for its notices may take their time.
    prepared.connection.end();
    let mut folder = prepared.into_folder();
    match record.when_ended {
        WhenEnded::Keep => {}
        WhenEnded::Remove => {
            // It may have another name by now.
            let now = record::read(world.home(), folder.path()).ok().flatten();
            folder.discard();
            // Before the folder: who is killed in between leaves a container, which the next command clears away.
            let _ = going::remove_anonymous(world, record);
            let now = now.as_ref().unwrap_or(record);
            events::of_container(world.home(), &world.clock, now.subject(), "destroy", &[]);
            names::release(world.home(), &now.name, &record.id);
        }
    }
    drop(folder);
}
