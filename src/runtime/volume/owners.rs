//! What the owners of a volume's files mean: with one id they are written beside the files, with more they are real.
//!
//! The two can't be told from each other on the disk, and neither user reads what the other has left: to one who has more ids all files of
//! the first would be root's, and to one who has a single id those of the second would be nobody's. So a volume is of the kind of the first
//! container that has it, as long as there is anything in it.

use super::kept::{self, Kept};
use super::lock;
use crate::layer::Ownership;
use crate::runtime::{Error, unpacked};
use crate::world::World;

/// Settles what the owners in a volume mean, for a container that is to have it.
///
/// # Errors
/// It was filled by a user with other ids.
pub(super) fn settle(world: &World, kept: Kept) -> Result<(), Error> {
    let now = unpacked::ownership(&world.identity);
    if kept.record.ownership == Some(now) {
        return Ok(());
    }
    let _one_at_a_time = lock(world, &kept.name)?;
    // Another may have settled it meanwhile.
    let Some(mut kept) = kept::read(world.home(), &kept.name)? else { return Err(Error::NoVolume(kept.name)) };
    match kept.record.ownership {
        Some(made) if made == now => Ok(()),
        Some(made) if !kept::holds_nothing(world, &kept.name).unwrap_or(false) => Err(refused(&kept.name, made)),
        // A volume of an earlier version says nothing, and is taken for what it is used as.
        Some(_) | None => kept.set_ownership(world.home(), now),
    }
}

fn refused(name: &str, made: Ownership) -> Error {
    let message =
        format!("the volume `{name}` was filled when this user had other ids: its files would get other owners");
    let hint = match made {
        Ownership::Single => {
            "its files belong to this user: copy them from the folder that `layerlab volume inspect` names"
        }
        Ownership::Kept => "grant the ids of then again, in /etc/subuid and /etc/subgid, or use another volume",
    };
    Error::argument(message, hint)
}
