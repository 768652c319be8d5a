//! How a container that has ended is given back.

use crate::runtime::folder::Folder;
use crate::runtime::prepare::Prepared;
use crate::runtime::record::{self, Record, WhenEnded};
use crate::runtime::volume::going;
use crate::runtime::{events, names};
use crate::world::World;

/// Gives the container back: it is none any more, and nobody has its name; or it stays. What is given back still has it locked: dropped, that
/// frees the lock, or removes what is left of one that was to go. Nobody has to wait for this: where a disk is told of each block that
/// becomes free, a folder takes longer to go than the rest of a container's end.
pub(super) fn tidy(world: &World, prepared: Prepared, record: &Record) -> Folder {
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
            // Where that fails, it is one until its folder is gone.
            let _ = record::forget(folder.path());
        }
    }
    folder
}
