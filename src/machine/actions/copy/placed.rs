//! Placed files: the entries of a layer to be, and the layer that is made of them.

use std::collections::BTreeSet;

use crate::layer::{self, LayerWriter};
use crate::oci::Layer;
use crate::tree::{Kind, Node, Tree, TreePath};
use crate::world::World;

/// The entries of a layer, as a tree: what is in it and in a state at once is kept once.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    files: Tree,
    /// Directories that only lead to entries: they are there already.
    passed: BTreeSet<TreePath>,
}

impl Placed {
    pub(crate) fn new() -> Placed {
        Placed { files: Tree::empty(), passed: BTreeSet::from([TreePath::root()]) }
    }

    /// Path and file of each, in the order of a walk.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (TreePath, &Node)> {
        self.files.walk(&TreePath::root()).filter(|(path, node)| !(node.is_directory() && self.passed.contains(path)))
    }

    /// The entry at a path.
    pub(crate) fn get(&self, path: &TreePath) -> Option<&Node> {
        self.files.get(path).filter(|_| !self.passed.contains(path))
    }

    /// Notes which directories lead to a path that is about to be put in.
    fn pass(&mut self, path: &TreePath) {
        if path.parent().is_some_and(|parent| self.files.get(&parent).is_none_or(|node| !node.is_directory())) {
            let is_missing = |path: &TreePath| self.files.get(path).is_none_or(|node| !node.is_directory());
            let missing: Vec<TreePath> = path.ancestors().into_iter().filter(is_missing).collect();
            self.passed.extend(missing);
        }
        self.passed.remove(path);
    }

    /// Puts a file at a path, here and in a tree, which share it.
    pub(crate) fn put_with(&mut self, tree: &mut Tree, path: &TreePath, node: Node) {
        self.pass(path);
        Tree::insert_into([tree, &mut self.files], path, node);
    }

    /// Puts what is in a directory into one that has nothing in it yet. The one above may be there already, and no entry.
    pub(crate) fn put_children(&mut self, path: &TreePath, directory: &Tree) {
        if self.files.get(path).is_none() {
            self.pass(path);
            self.passed.insert(path.clone());
        }
        self.files.put_children(path, directory);
    }

    /// Writes the entries as a layer: none where there are none.
    ///
    /// # Errors
    /// For what can't be read, or not be written.
    pub(crate) fn write(&self, world: &World) -> Result<Option<Layer>, layer::Error> {
        if self.entries().next().is_none() {
            return Ok(None);
        }
        let size = |node: &Node| if let Kind::File(content) = &node.kind { content.size } else { 0 };
        let bytes = self.entries().map(|(_, node)| size(node)).sum();
        let mut writer = LayerWriter::new(&world.store)?.expecting(bytes);
        for (path, node) in self.entries() {
            match world.clock.epoch() {
                Some(epoch) if node.metadata.mtime > epoch => {
                    let mut clamped = node.clone();
                    (clamped.metadata.mtime, clamped.metadata.mtime_nanos) = (epoch, 0);
                    writer.append_node(&path, &clamped)?;
                }
                _ => writer.append_node(&path, node)?,
            }
        }
        Ok(Some(writer.finish()?))
    }
}
