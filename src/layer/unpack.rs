//! Unpacking one layer into a directory that overlayfs takes as a lower one.
//!
//! Specification: kernel, Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories".
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

use std::path::{Path, PathBuf};

use super::materialise::Unpacking;
use super::{Delta, Error, Layer, Ownership, delta};
use crate::oci::ChainId;
use crate::store::{LockMode, Store, lock, write};
use crate::tree::Tree;

/// Which extended attribute makes a directory opaque: overlayfs reads `user.…` when it is mounted with `userxattr`,
/// as it must be in a user namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpaqueName {
    /// `trusted.overlay.opaque`, for root.
    Trusted,
    /// `user.overlay.opaque`, for user namespaces.
    User,
}

impl OpaqueName {
    /// The attribute's name.
    pub fn attribute(self) -> &'static str {
        match self {
            OpaqueName::Trusted => "trusted.overlay.opaque",
            OpaqueName::User => "user.overlay.opaque",
        }
    }
}

/// How to unpack.
#[derive(Debug, Clone, Copy)]
pub struct Unpack {
    /// Whether owners can be set.
    pub ownership: Ownership,
    /// How to mark opaque directories.
    pub opaque: OpaqueName,
}

/// What was unpacked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// The directories for overlayfs, the top one first.
    pub lower: Vec<PathBuf>,
    /// What could not be made, one sentence each.
    pub notes: Vec<String>,
}

/// Unpacks the layers of an image that are not unpacked yet, lowest first, into the store.
///
/// The directories' names say what is in them, so processes share them: `<diff id>`, or `chain-<chain id>` for a layer
/// whose files depend on those below it; with `.single` or `.user` at the end for the two ways that differ from root's.
pub fn unpack_all(store: &Store, layers: &[Layer], options: Unpack) -> Result<Unpacked, Error> {
    if let Some(lower) = already_unpacked(store, layers, options) {
        return Ok(Unpacked { lower, notes: Vec::new() });
    }
    let mut result = Unpacked::default();
    let mut tree = Tree::empty();
    let mut chain = None;
    for layer in layers {
        chain = Some(ChainId::extend(chain, layer.diff_id));
        let delta = delta(store, &layer.descriptor, layer.diff_id, &tree)?;
        let name = match chain {
            Some(chain) if !delta.stands_alone => store.home().unpacked_chain(&chain),
            _ => store.home().unpacked(&layer.diff_id),
        };
        let destination = with_suffix(name, options);
        result.notes.extend(unpack_delta(store, &delta, &destination, options)?);
        result.lower.insert(0, destination);
        tree = delta.after;
    }
    Ok(result)
}

/// The directories of layers that are all unpacked already, the top one first, found without opening a single archive.
/// This alone needs no namespace: it only looks at names.
pub fn already_unpacked(store: &Store, layers: &[Layer], options: Unpack) -> Option<Vec<PathBuf>> {
    let mut chain = None;
    let mut lower = Vec::with_capacity(layers.len());
    for layer in layers {
        let own = ChainId::extend(chain, layer.diff_id);
        chain = Some(own);
        let names = [store.home().unpacked(&layer.diff_id), store.home().unpacked_chain(&own)];
        lower.push(names.into_iter().map(|name| with_suffix(name, options)).find(|path| path.is_dir())?);
    }
    lower.reverse();
    Some(lower)
}

/// Unpacks one layer; `lower` is the tree of the layers below it. Does nothing when the destination is already there.
/// Returns what could not be made, one sentence each.
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
        (Ownership::Single, _) => ".single",
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
    // only removed by somebody who can: this may be the only process inside of the user namespace that owns it.
    let _lock = lock(&store.home().unpacked_dir().join(".lock"), LockMode::Exclusive)?;
    if destination.is_dir() {
        return Ok(Vec::new());
    }
    sweep(folder);
    let temporary = write::temporary_folder(folder)?;
    let result = Unpacking::new(store, &temporary, options).and_then(|unpacking| unpacking.run(delta));
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
