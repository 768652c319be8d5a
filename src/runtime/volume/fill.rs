//! The image's files in a new volume.
//!
//! ```text
//! the image's tree ──▶ filling/ ──all there──▶ filled/ ──one by one──▶ data/
//! ```
//!
//! A volume that is empty gets what the image has at the place where it is mounted, with owners, modes and links. Which files these are is read
//! from the layers, so the kernel resolves no name of the image. They are made where no container sees them, and then each of the uppermost is
//! renamed: into an open folder, by its last name, and over nothing. Another container may have the volume mounted already and do in it what
//! it likes; it can neither lead us elsewhere nor lose a file to us. Who is killed in between leaves `filled/`, and the next goes on with that.

use std::fs::File;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, RenameFlags, openat, renameat_with};

use super::gather::Gathered;
use super::kept;
use super::mounted::{Copying, Source};
use super::{lock, owners};
use crate::layer::{self, Unpack};
use crate::runtime::{Error, unpacked};
use crate::tree::{Follow, Tree, TreePath};
use crate::world::World;

const FILLING: &str = "filling";
const FILLED: &str = "filled";

/// What is mounted in a container, as it comes to be there: each folder is found or made, and volumes are filled.
///
/// # Errors
/// What can't be found, made or filled.
pub(in crate::runtime) fn establish(
    world: &World,
    gathered: &mut Gathered,
    tree: impl FnOnce() -> Result<Tree, Error>,
) -> Result<(), Error> {
    for name in &gathered.anonymous {
        let labels = gathered.volumes.iter().find_map(|volume| match &volume.source {
            Source::Named { name: own, labels, .. } if own == name => Some(labels.clone()),
            Source::Named { .. } | Source::Path { .. } | Source::Memory { .. } => None,
        });
        let (kept, _) = kept::ensure(world, name, &labels.unwrap_or_default(), kept::Sort::Anonymous)?;
        owners::settle(world, kept)?;
    }
    let mut to_fill = Vec::new();
    for volume in &mut gathered.volumes {
        volume.establish(world)?;
        if let Source::Named { name, copying: Copying::Yes, .. } = &volume.source
            && wants(world, name)?
        {
            to_fill.push((name.clone(), volume.target.clone()));
        }
    }
    if to_fill.is_empty() {
        return Ok(());
    }
    let tree = tree()?;
    to_fill.iter().try_for_each(|(name, target)| fill(world, name, &tree, target))
}

/// Fills a volume that is empty with what a tree has at `target`. Where that has nothing, the volume stays as it is.
///
/// # Errors
/// What the image has there is no folder; a file can't be made.
fn fill(world: &World, name: &str, tree: &Tree, target: &str) -> Result<(), Error> {
    let Ok(path) = tree.resolve(&TreePath::new(target), Follow::Last) else { return Ok(()) };
    let Some(node) = tree.get(&path) else { return Ok(()) };
    if !node.is_directory() {
        return Err(Error::argument(
            format!("can't mount the volume `{name}` at `{target}`: the image has a file there"),
            "a volume is a folder: mount it at the path of one",
        ));
    }
    let content = tree.subtree(&path).unwrap_or_else(Tree::empty);
    let mut root = Tree::empty();
    root.insert(&TreePath::root(), node.clone());
    let folder = world.home().volumes_dir().join(name);
    let _one_at_a_time = lock(world, name)?;
    world.identity.within(|| fill_locked(world, &folder, &content, &root))?
}

fn fill_locked(world: &World, folder: &Path, content: &Tree, root: &Tree) -> Result<(), Error> {
    let (data, filling, filled) = (folder.join("data"), folder.join(FILLING), folder.join(FILLED));
    let options = Unpack { ownership: unpacked::ownership(&world.identity), opaque: unpacked::marks(&world.identity) };
    if !filled.exists() {
        if !kept::is_empty(&data)? {
            return Ok(());
        }
        remove(&filling)?;
        std::fs::create_dir(&filling).map_err(Error::io("create", &filling))?;
        layer::make_files(&world.store, content, &filling, options)?;
        std::fs::rename(&filling, &filled).map_err(Error::io("rename", &filling))?;
    }
    let (from, to) = (open(&filled)?, open(&data)?);
    for entry in std::fs::read_dir(&filled).map_err(Error::io("list", &filled))? {
        let name = entry.map_err(Error::io("list", &filled))?.file_name();
        match renameat_with(&from, &name, &to, &name, RenameFlags::NOREPLACE) {
            Err(error) if error != rustix::io::Errno::EXIST => {
                return Err(Error::io("rename", filled.join(&name))(error.into()));
            }
            // A container has made one of this name meanwhile.
            Ok(()) | Err(_) => {}
        }
    }
    // The folder itself: owner, mode, attributes, times.
    layer::make_files(&world.store, root, &data, options)?;
    remove(&filled)
}

fn open(path: &Path) -> Result<File, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = openat(CWD, path, flags, Mode::empty());
    opened.map(File::from).map_err(|error| Error::io("open", path)(error.into()))
}

/// Whether a volume is to be filled, as far as a look without its lock tells.
fn wants(world: &World, name: &str) -> Result<bool, Error> {
    Ok(kept::holds_nothing(world, name)? || world.home().volumes_dir().join(name).join(FILLED).exists())
}

fn remove(folder: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", folder)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
