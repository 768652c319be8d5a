//! Names in a layer: which are files, which are deletions, and which cannot be in one.
//!
//! Specification: OCI image specification, layer.md, "Whiteouts". It reserves every name that begins with `.wh.`: a file of
//! such a name would delete another one wherever the layer is unpacked.
//!
//! Every name that goes into a layer is an [`EntryPath`], the only type that the writer accepts as a name. So a layer
//! written here deletes nothing by accident, and it can be unpacked: no path is longer than the kernel accepts or
//! deeper than this program walks.

use super::Error;
use super::entry::RawKind;
use crate::tree::{DEEPEST, TreePath};

/// The prefix of a file name that deletes a name of a lower layer.
pub(crate) const WHITEOUT_PREFIX: &[u8] = b".wh.";
/// The file name that hides everything that lower layers have in its directory.
pub(crate) const OPAQUE_WHITEOUT: &[u8] = b".wh..wh..opq";
/// What the names of an old storage driver (aufs) begin with.
const OLD_DRIVER: &[u8] = b".wh..wh.";

/// The longest path that the kernel takes, without the zero at its end (`PATH_MAX`).
pub(super) const LONGEST_PATH: usize = 4095;
/// The longest name of one file (`NAME_MAX`).
const LONGEST_NAME: usize = 255;

// ANCHOR: entry-path
/// The name of an entry in a layer that is written: of a file that can be there, or of a mark.
#[derive(Debug)]
pub(crate) struct EntryPath(TreePath);

impl EntryPath {
    /// The name of a file.
    ///
    /// # Errors
    /// A part of the path begins with `.wh.`, or the path is too long or too deep.
    pub(crate) fn file(path: &TreePath) -> Result<EntryPath, Error> {
        if is_mark_by_name(path) {
            return Err(Error::Reserved { path: path.clone() });
        }
        EntryPath::fitting(path, path.clone())
    }
    // ANCHOR_END: entry-path

    /// The mark that a name of lower layers is gone.
    pub(super) fn whiteout(path: &TreePath) -> Result<EntryPath, Error> {
        let EntryPath(path) = EntryPath::file(path)?;
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Error::Unwritable { path, reason: "the root can't be deleted".to_string() });
        };
        let mark = parent.join([WHITEOUT_PREFIX, name].concat());
        EntryPath::fitting(&path, mark)
    }

    /// The mark that everything is gone which lower layers have in a directory.
    pub(super) fn opaque(path: &TreePath) -> Result<EntryPath, Error> {
        let EntryPath(path) = EntryPath::file(path)?;
        let mark = path.join(OPAQUE_WHITEOUT);
        EntryPath::fitting(&path, mark)
    }

    /// The path as it is written.
    pub(super) fn path(&self) -> &TreePath {
        &self.0
    }

    fn fitting(file: &TreePath, written: TreePath) -> Result<EntryPath, Error> {
        match misfit(file) {
            Some(reason) => Err(Error::Unwritable { path: file.clone(), reason }),
            None => Ok(EntryPath(written)),
        }
    }
}

/// Whether a part of a path is a name that no file can have.
pub(super) fn is_mark_by_name(path: &TreePath) -> bool {
    path.components().any(|name| name.starts_with(WHITEOUT_PREFIX))
}

/// Why a path can't be that of a file, if it can't: it is too long or too deep.
pub(super) fn misfit(path: &TreePath) -> Option<String> {
    if path.as_bytes().len() > LONGEST_PATH {
        return Some(format!("it leads to a path of more than {LONGEST_PATH} bytes"));
    }
    if path.components().any(|name| name.len() > LONGEST_NAME) {
        return Some(format!("it has a name of more than {LONGEST_NAME} bytes"));
    }
    if path.components().count() > DEEPEST {
        return Some(format!("it is more than {DEEPEST} directories deep"));
    }
    None
}

/// What an entry says in a layer that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning<'a> {
    /// A file.
    File,
    /// This name is gone from the entry's directory.
    Gone(&'a [u8]),
    /// Everything is gone from the entry's directory.
    Opaque,
    /// Nothing: it is the state of an old storage driver, or lies in a directory that is itself a mark.
    Nothing,
    /// A mark that names nothing that could be gone.
    Nameless,
}

/// What an entry of this name and kind says.
///
/// A character device 0:0 is a deletion, too: it would be one as soon as the layer is unpacked for an overlay, here and
/// elsewhere.
pub(super) fn meaning<'a>(path: &'a TreePath, kind: &RawKind) -> Meaning<'a> {
    let mut names = path.components();
    let Some(name) = names.next_back() else {
        return Meaning::File;
    };
    if names.any(|name| name.starts_with(WHITEOUT_PREFIX)) {
        return Meaning::Nothing;
    }
    match name.strip_prefix(WHITEOUT_PREFIX) {
        None if *kind == RawKind::CharDevice(0, 0) => Meaning::Gone(name),
        None => Meaning::File,
        Some(_) if name == OPAQUE_WHITEOUT => Meaning::Opaque,
        Some(_) if name.starts_with(OLD_DRIVER) => Meaning::Nothing,
        Some(b"" | b"." | b"..") => Meaning::Nameless,
        Some(hidden) => Meaning::Gone(hidden),
    }
}
