//! Unpacking one layer into a directory that overlayfs takes as a lower one.
//!
//! Specification: kernel, Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories".
//!
//! Overlayfs has bounds of its own: it takes no directory twice, and only so many. [`unpack_all`] gives it what it takes.
//!
//! What to make is worked out first, as a value ([`super::Delta`]); so no name of the archive is ever resolved by the
//! kernel through something that the archive has brought. Each directory is opened below the root with openat2(2) and
//! `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS`, and files are made in it by their last name alone.
//!
//! A layer is unpacked under a temporary name and then renamed, so a directory with the final name is whole. It is not
//! synchronised to disk: it is a copy that can be removed and made again.
//!
//! The order for one file: bytes, owner, mode (because changing the owner takes set-user-id away), extended attributes
//! (because changing the owner takes capabilities away), time. Directories get theirs after everything in them.
//!
//! The file `materialise.rs` does this.
//!
//! It runs as root, or as root of a user namespace. What the kernel refuses there (device nodes, some attributes) is
//! passed over and told in a note.

use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::materialise::{Unpacking, open_root};
use super::overlay::{OpaqueName, Unpack};
use super::{Delta, Error, Ownership, apply, delta};
use crate::oci::{ChainId, Layer};
use crate::store::{LockMode, Store, lock_patiently, write};
use crate::tree::Tree;

/// What was unpacked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// The directories for overlayfs, the top one first.
    pub lower: Vec<PathBuf>,
    /// What could not be made, one sentence each.
    pub notes: Vec<String>,
}

/// The most directories that are given to overlayfs at a time. The kernel takes 500, but before Linux 6.5 only as many as one
/// page has room for.
pub const MOST_LOWER: usize = 200;
/// In steps of so many layers a longer chain is bundled at its bottom, so that the next steps find the bundle again.
const BUNDLE_STEP: usize = 100;

/// The tree above the lowest layers of a chain, where somebody knows it already.
#[derive(Debug, Clone, Default)]
pub struct Below {
    /// How many layers.
    pub count: usize,
    /// The tree above them.
    pub tree: Tree,
}

/// Makes the files of a tree in a directory that has none of them, and gives the directory what the tree's root has. Returns what could not
/// be made, one sentence each.
///
/// # Errors
/// What can't be read or made.
pub(crate) fn make_files(store: &Store, tree: &Tree, directory: &Path, options: Unpack) -> Result<Vec<String>, Error> {
    make_files_in(store, tree, open_root(directory)?, directory, options)
}

/// As [`make_files`], in a directory that is held open; `path` is for messages.
///
/// # Errors
/// What can't be read or made.
pub(crate) fn make_files_in(
    store: &Store,
    tree: &Tree,
    directory: OwnedFd,
    path: &Path,
    options: Unpack,
) -> Result<Vec<String>, Error> {
    let delta = Delta::whole(tree.clone());
    Unpacking::new(store, directory, path, options, &delta).run(&delta)
}

/// Unpacks the layers of an image that are not unpacked yet, lowest first, into the store. `below` saves reading the
/// layers that it knows the tree of; [`first_missing`] tells how many it may be of use for.
///
/// The directories' names say what is in them, so processes share them: `<diff id>`, or `chain-<chain id>` for a layer
/// whose files depend on those below it; with `.owners` or `.user` at the end for the two ways that differ from root's.
///
/// Of more than [`MOST_LOWER`] layers the lowest become one directory, `chain-<chain id>.whole`: the tree above them.
///
/// # Errors
/// As [`unpack`], and for layers that can't be read.
pub fn unpack_all(store: &Store, layers: &[Layer], options: Unpack, below: Below) -> Result<Unpacked, Error> {
    let places = places(store, layers, options);
    let bundled = bundled(layers.len());
    let Below { mut count, mut tree } = below;
    let mut result = Unpacked::default();
    for (index, place) in places.iter().enumerate() {
        if let Some(found) = place.found() {
            result.lower.push(found);
            continue;
        }
        // The place of a bundle stands for all the layers in it.
        let last = if bundled > 0 { bundled - 1 + index } else { index };
        while count < last {
            apply(store, &layers[count].descriptor, layers[count].diff_id, &mut tree)?;
            count += 1;
        }
        let layer = &layers[last];
        let mut delta = delta(store, &layer.descriptor, layer.diff_id, &tree)?;
        if matches!(place, Place::Bundle(_)) {
            delta = Delta::whole(delta.after);
        }
        let destination = place.destination(&delta);
        result.notes.extend(unpack_delta(store, &delta, destination, options)?);
        result.lower.push(destination.clone());
        (count, tree) = (last + 1, delta.after);
    }
    result.lower.reverse();
    result.lower = without_repetitions(result.lower);
    Ok(result)
}

/// The directories of layers that are all unpacked already, the top one first, found without opening a single archive.
/// This alone needs no namespace: it only looks at names.
pub fn already_unpacked(store: &Store, layers: &[Layer], options: Unpack) -> Option<Vec<PathBuf>> {
    let places = places(store, layers, options);
    let lower = places.iter().rev().map(Place::found).collect::<Option<Vec<PathBuf>>>()?;
    Some(without_repetitions(lower))
}

/// How many of the lowest layers are unpacked already: the next one needs the tree above them.
pub fn first_missing(store: &Store, layers: &[Layer], options: Unpack) -> usize {
    let found = places(store, layers, options).iter().take_while(|place| place.found().is_some()).count();
    match bundled(layers.len()) {
        0 => found,
        _ if found == 0 => 0,
        bundled => bundled - 1 + found,
    }
}

/// How many of the lowest layers of a chain become one directory.
fn bundled(layers: usize) -> usize {
    if layers <= MOST_LOWER { 0 } else { (layers - BUNDLE_STEP) / BUNDLE_STEP * BUNDLE_STEP }
}

/// Leaves out a directory that comes again further up: overlayfs takes none twice.
///
/// That changes nothing. Of all the layers that have a file, the uppermost counts, and that is never a lower occurrence. What
/// a lower occurrence hides (by a deletion, an opaque mark, or a file where others have a directory), it hides from the layers
/// below itself; the upper one hides the same, and from those layers too.
fn without_repetitions(top_first: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut seen = HashSet::new();
    top_first.into_iter().filter(|path| seen.insert(path.clone())).collect()
}

/// Where a layer is or will be unpacked.
enum Place {
    /// Whether it depends on the layers below is known when it was read: by itself, and by its chain.
    Layer { own: PathBuf, chain: PathBuf },
    /// The lowest layers together.
    Bundle(PathBuf),
}

impl Place {
    fn found(&self) -> Option<PathBuf> {
        match self {
            Place::Layer { own, chain } => [own, chain].into_iter().find(|path| path.is_dir()).cloned(),
            Place::Bundle(path) => path.is_dir().then(|| path.clone()),
        }
    }

    fn destination(&self, delta: &Delta) -> &PathBuf {
        match self {
            Place::Layer { own, .. } if delta.stands_alone => own,
            Place::Layer { chain, .. } => chain,
            Place::Bundle(path) => path,
        }
    }
}

/// The places of a chain of layers, the lowest first.
fn places(store: &Store, layers: &[Layer], options: Unpack) -> Vec<Place> {
    let bundled = bundled(layers.len());
    let mut places = Vec::with_capacity(layers.len());
    let mut chain = None;
    for (index, layer) in layers.iter().enumerate() {
        let id = ChainId::extend(chain, layer.diff_id);
        chain = Some(id);
        if index + 1 >= bundled {
            // Before anybody looks whether they are there.
            store.hold(&layer.diff_id.0);
            store.hold(&id.0);
        }
        if index + 1 > bundled {
            places.push(Place::Layer {
                own: with_suffix(store.home().unpacked(&layer.diff_id), options),
                chain: with_suffix(store.home().unpacked_chain(&id), options),
            });
        } else if index + 1 == bundled {
            places.push(Place::Bundle(with_suffix(store.home().unpacked_chain(&id).with_extension("whole"), options)));
        }
    }
    places
}

/// Unpacks one layer; `lower` is the tree of the layers below it. Does nothing when the destination is already there.
/// Returns what could not be made, one sentence each.
///
/// # Errors
/// [`Error::Io`] for what the kernel refuses to make, except for what only root of the machine may.
pub fn unpack(
    store: &Store,
    layer: &Layer,
    lower: &Tree,
    destination: &Path,
    options: Unpack,
) -> Result<Vec<String>, Error> {
    if destination.is_dir() {
        return Ok(Vec::new());
    }
    let delta = delta(store, &layer.descriptor, layer.diff_id, lower)?;
    unpack_delta(store, &delta, destination, options)
}

fn with_suffix(path: PathBuf, options: Unpack) -> PathBuf {
    let suffix = match (options.ownership, options.opaque) {
        (Ownership::Kept, OpaqueName::Trusted) => return path,
        (Ownership::Kept, OpaqueName::User) => ".user",
        (Ownership::Single, _) => ".owners",
    };
    let mut path = path.into_os_string();
    path.push(suffix);
    PathBuf::from(path)
}

fn unpack_delta(store: &Store, delta: &Delta, destination: &Path, options: Unpack) -> Result<Vec<String>, Error> {
    if destination.is_dir() {
        return Ok(Vec::new());
    }
    let folder = destination.parent().unwrap_or(Path::new("."));
    // Held to the end: two processes must not unpack the same layer at the same time, and what a killed one has left is
    // only removed by somebody who can: this may be the only process inside the user namespace that owns it.
    let _lock = lock_patiently(&store.home().unpacked_dir().join(".lock"), LockMode::Exclusive, store.meter())?;
    if destination.is_dir() {
        return Ok(Vec::new());
    }
    sweep(folder);
    let temporary = write::temporary_folder(folder)?;
    let root = open_root(&temporary);
    let result = root.and_then(|root| Unpacking::new(store, root, &temporary, options, delta).run(delta));
    match result {
        Ok(notes) => {
            write::publish_folder(&temporary, destination)?;
            Ok(notes)
        }
        Err(error) => {
            // The first error is the one to tell.
            let _ = write::remove_folder(&temporary);
            Err(error)
        }
    }
}

/// Removes what killed processes have left in a folder. The caller holds the lock.
fn sweep(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if write::is_temporary(&entry.file_name()) {
            let _ = write::remove_folder(&entry.path());
        }
    }
}
