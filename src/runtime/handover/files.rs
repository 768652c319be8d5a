//! What is in a bundle: the files of the root, and the document beside them.

use std::path::Path;
use std::sync::Arc;

use super::description::Described;
use super::place::Place;
use crate::container::{Identity, Surroundings, users_of};
use crate::layer::{self, Ownership, Unpack};
use crate::limits::Limit;
use crate::oci::{ImageConfig, Layer};
use crate::runtime::Error;
use crate::runtime::record::Record;
use crate::runtime::request::{Request, Wanted};
use crate::runtime::still::Still;
use crate::runtime::unpacked::{marks, ownership};
use crate::tree::Tree;
use crate::world::World;

/// How large `/etc/passwd` and `/etc/group` of an image may be.
const USERS: Limit = Limit::bytes("list of users of an image", "LAYERLAB_MAX_USERS", 16 << 20);

/// Who is to run a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Whoever writes it, with all ids that it has.
    Own,
    /// An ordinary user without a grant of further ids: there is one, which is 0 inside.
    Rootless,
}

/// Writes a container, which is kept still meanwhile.
///
/// # Errors
/// There is none of this name; its files can't be read, or written.
pub(crate) fn of_container(world: &Arc<World>, name: &str, folder: &Path, form: Form) -> Result<(), Error> {
    let still = Still::of(world, name)?;
    let Record { process, hostname, root, paths, allowance, volumes, .. } = still.record.clone();
    let mounts = volumes.iter().map(|volume| volume.mount(world)).collect();
    let cgroups = Surroundings::look()?.cgroups;
    let described =
        Described { process, hostname, root, paths, allowance, mounts, identity: identity(world, form), cgroups };
    Place::make(folder)?.fill(world, |place| {
        still.with_files(|tree| make_files(world, tree, place, form))?;
        write(world, &described, place)
    })
}

/// Writes what a container of an image would be.
///
/// # Errors
/// The image has no command; its files can't be read, or written.
pub(crate) fn of_image(
    world: &Arc<World>,
    image: &ImageConfig,
    layers: &[Layer],
    folder: &Path,
    form: Form,
) -> Result<(), Error> {
    let wanted = Wanted::of(image, &Request::new(), Vec::new(), &world.clock.new_id())?;
    let Wanted { process, hostname, root, paths, allowance, .. } = wanted;
    let mounts = Vec::new();
    let cgroups = Surroundings::look()?.cgroups;
    let described =
        Described { process, hostname, root, paths, allowance, mounts, identity: identity(world, form), cgroups };
    let tree = layer::tree_of(&world.store, layers)?;
    Place::make(folder)?.fill(world, |place| {
        world.identity.within(|| make_files(world, &tree, place, form))??;
        write(world, &described, place)
    })
}

/// Whose ids a bundle has.
fn identity(world: &World, form: Form) -> Identity {
    match form {
        Form::Own => world.identity.clone(),
        Form::Rootless => Identity::Single,
    }
}

fn make_files(world: &World, tree: &Tree, place: &Place, form: Form) -> Result<(), Error> {
    let ownership = match form {
        Form::Own => ownership(&world.identity),
        Form::Rootless => Ownership::Single,
    };
    let options = Unpack { ownership, opaque: marks(&world.identity) };
    layer::make_files_in(&world.store, tree, place.rootfs()?, &place.root_path(), options)?;
    Ok(())
}

/// Writes the document. Who the user is stands in the files, which are ours to read as the container's root.
fn write(world: &World, described: &Described, place: &Place) -> Result<(), Error> {
    // Without the file, or behind a link, nobody has a name there.
    let text = |name: &str| place.text(name, world.home().bound(&USERS));
    let (passwd, group) = world.identity.within(|| (text("etc/passwd"), text("etc/group")))?;
    let user = users_of(&described.process.user, &described.process.groups, &passwd, &group)?;
    let config = described.config(&user)?;
    let text =
        serde_json::to_string_pretty(&config).map_err(|error| Error::foreign("write", "config.json")(error.into()))?;
    place.write_document(&(text + "\n"))
}
