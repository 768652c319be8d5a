//! The files of a state: entries and bytes. Nothing is unpacked for it.
//!
//! [`Files`] is a value of its own: it can be looked at while the debugger goes on in another thread.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::error::Error;
use super::work::Work;
use crate::document;
use crate::layer;
use crate::limits::Limit;
use crate::machine::FileFacts;
use crate::tree::{self, Follow, Kind, Node, Tree, TreePath};
use crate::world::World;

/// A file that is shown or compared: all of it is in memory then, and an image may have files that are not.
pub(crate) const SHOWN: Limit = Limit::bytes("file to show", "LAYERLAB_MAX_SHOWN", 64 << 20);

/// The file system of one state.
#[derive(Clone)]
pub struct Files {
    world: Arc<World>,
    tree: Tree,
    /// Where relative paths begin.
    working_dir: TreePath,
}

/// One file, folder, link or device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its name in its folder, with escapes for what is not text.
    pub name: String,
    pub(crate) file: FileFacts,
}

/// An entry with what is below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Branch {
    pub(crate) entry: Entry,
    pub(crate) branches: Vec<Branch>,
}

/// A folder with everything in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// The folder, links followed.
    pub(crate) path: String,
    pub(crate) branches: Vec<Branch>,
    /// Whether there is more than was asked for.
    pub is_cut: bool,
}

/// The files of the state after the last step taken.
pub(super) fn files(work: &Work) -> Result<Files, Error> {
    work.current()?;
    files_after(work, work.machine()?.position())
}

/// The files of the state after step `number`; state 0 is empty.
pub(super) fn files_after(work: &Work, number: usize) -> Result<Files, Error> {
    let (tree, working_dir) = match work.state_after(number)? {
        Some(state) => (work.machine()?.tree(&state)?, TreePath::new(state.working_dir())),
        None => (Tree::empty(), TreePath::root()),
    };
    Ok(Files { world: work.world.clone(), tree, working_dir })
}

impl Files {
    /// A path as it is typed: a relative one begins at the working directory.
    pub(crate) fn absolute(&self, path: &str) -> TreePath {
        if path.starts_with('/') { TreePath::new(path) } else { self.working_dir.join(path) }
    }

    /// What is in a folder, or the file itself. Symbolic links are followed.
    ///
    /// # Errors
    /// There is no such path.
    pub fn list(&self, path: &str) -> Result<Vec<Entry>, Error> {
        let path = self.absolute(path);
        let (real, node) = self.find(&path)?;
        if node.is_directory() {
            return Ok(self.tree.children(&real).map(|(name, node)| entry(name, node)).collect());
        }
        Ok(vec![entry(path.file_name().unwrap_or_default(), node)])
    }

    /// A folder with everything in it, at most `most` entries.
    ///
    /// # Errors
    /// There is no such path.
    pub fn walk(&self, path: &str, most: usize) -> Result<Listing, Error> {
        let real = self.tree.resolve(&self.absolute(path), Follow::Last)?;
        let mut left = most;
        let branches = self.branches(&real, &mut left);
        Ok(Listing { path: real.to_string(), branches, is_cut: left == 0 })
    }

    /// The bytes of a file, symbolic links followed.
    ///
    /// # Errors
    /// There is no such file; it is a folder or a device; it is too large.
    pub fn cat(&self, path: &str) -> Result<Vec<u8>, Error> {
        self.read(&self.absolute(path))
    }

    /// The paths of the file system, folders with a slash at their end, at most `most`.
    pub(crate) fn paths(&self, most: usize) -> Vec<String> {
        let paths = self.tree.walk(&TreePath::root()).skip(1).take(most);
        paths.map(|(path, node)| format!("{path}{}", if node.is_directory() { "/" } else { "" })).collect()
    }

    pub(super) fn read(&self, path: &TreePath) -> Result<Vec<u8>, Error> {
        let (real, node) = self.find(path)?;
        match &node.kind {
            Kind::File(content) => {
                let name = real.to_string();
                let reader = layer::open(&self.world.store, content)?;
                Ok(document::read_to_end(reader, Path::new(&name), self.world.home().bound(&SHOWN))?)
            }
            Kind::Directory => Err(Error::Directory(path.to_string())),
            Kind::Symlink(_) | Kind::CharDevice { .. } | Kind::BlockDevice { .. } | Kind::Fifo => {
                Err(Error::NotRegular(path.to_string()))
            }
        }
    }

    fn find(&self, path: &TreePath) -> Result<(TreePath, &Node), Error> {
        let real = self.tree.resolve(path, Follow::Last)?;
        match self.tree.get(&real) {
            Some(node) => Ok((real, node)),
            None => Err(tree::Error::NotFound { path: path.clone() }.into()),
        }
    }

    fn branches(&self, path: &TreePath, left: &mut usize) -> Vec<Branch> {
        let mut branches = Vec::new();
        for (name, node) in self.tree.children(path) {
            if *left == 0 {
                break;
            }
            *left -= 1;
            let below = if node.is_directory() { self.branches(&path.join(name), left) } else { Vec::new() };
            branches.push(Branch { entry: entry(name, node), branches: below });
        }
        branches
    }
}

/// Whether bytes are not text: they have a NUL, as git tells it.
pub(crate) fn is_binary(bytes: &[u8]) -> bool {
    bytes.iter().take(8000).any(|byte| *byte == 0)
}

fn entry(name: &[u8], node: &Node) -> Entry {
    // As a path is shown, without the slash at its front.
    Entry { name: TreePath::new(name).to_string().split_off(1), file: FileFacts::of(node) }
}
