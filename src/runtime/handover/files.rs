//! The folder of a bundle: the files of the root, and the document beside them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::description::Described;
use crate::container::{Identity, users_of};
use crate::document::{self, Links};
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
    let described = Described { process, hostname, root, paths, allowance, mounts, identity: identity(world, form) };
    let folder = make_folder(folder)?;
    still.with_files(|tree| make_files(world, tree, &folder, form))?;
    write(world, &described, &folder)
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
    let described = Described { process, hostname, root, paths, allowance, mounts, identity: identity(world, form) };
    let folder = make_folder(folder)?;
    let tree = layer::tree_of(&world.store, layers)?;
    world.identity.within(|| make_files(world, &tree, &folder, form))??;
    write(world, &described, &folder)
}

/// Whose ids a bundle has.
fn identity(world: &World, form: Form) -> Identity {
    match form {
        Form::Own => world.identity.clone(),
        Form::Rootless => Identity::Single,
    }
}

/// Makes the folder, which has no bundle yet, and gives its path without links.
fn make_folder(folder: &Path) -> Result<PathBuf, Error> {
    fs::create_dir_all(folder).map_err(Error::foreign("create", &folder))?;
    let rootfs = folder.join("rootfs");
    if rootfs.symlink_metadata().is_ok() || folder.join("config.json").symlink_metadata().is_ok() {
        let message = format!("`{}` has a bundle already", folder.display());
        return Err(Error::argument(message, "choose another folder, or remove that one"));
    }
    fs::create_dir(&rootfs).map_err(Error::foreign("create", &rootfs))?;
    folder.canonicalize().map_err(Error::foreign("find", &folder))
}

fn make_files(world: &World, tree: &Tree, folder: &Path, form: Form) -> Result<(), Error> {
    let ownership = match form {
        Form::Own => ownership(&world.identity),
        Form::Rootless => Ownership::Single,
    };
    let options = Unpack { ownership, opaque: marks(&world.identity) };
    layer::make_files(&world.store, tree, &folder.join("rootfs"), options)?;
    Ok(())
}

/// Writes the document. Who the user is stands in the files, which are ours to read as the container's root.
fn write(world: &World, described: &Described, folder: &Path) -> Result<(), Error> {
    let text = |name: &str| {
        let path = folder.join("rootfs/etc").join(name);
        let read = document::read(&path, world.home().bound(&USERS), Links::RefuseOnTheWay);
        // Without the file, or behind a link, nobody has a name there.
        read.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    };
    let (passwd, group) = world.identity.within(|| (text("passwd"), text("group")))?;
    let user = users_of(&described.process.user, &described.process.groups, &passwd, &group)?;
    let path = folder.join("config.json");
    let config = described.config(&user)?;
    let text = serde_json::to_string_pretty(&config).map_err(|error| Error::foreign("write", &path)(error.into()))?;
    fs::write(&path, text + "\n").map_err(Error::foreign("write", &path))
}
