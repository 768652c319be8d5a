//! The tree itself: directories as persistent ordered maps.
//!
//! Every directory holds its children in an `imbl::OrdMap`; entries are reference-counted. A change copies the
//! entries on the path from the root to the changed file and shares everything else.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, LazyLock};

use imbl::OrdMap;

use super::{Error, Node, TreePath};

type Name = Arc<[u8]>;

// ANCHOR: tree
/// A whole file system. Copying it takes the time of copying one pointer.
#[derive(Clone)]
pub struct Tree {
    pub(super) root: Arc<Entry>,
}

/// One file with, when it is a directory, what is in it.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) node: Node,
    pub(super) children: Children,
}
// ANCHOR_END: tree

/// What is in a directory. Most files are none, and have no map (16 bytes each).
#[derive(Clone, Default)]
pub(super) struct Children(Option<Box<Map>>);

type Map = OrdMap<Name, Arc<Entry>>;

impl Deref for Children {
    type Target = Map;

    fn deref(&self) -> &Map {
        static NONE: LazyLock<Map> = LazyLock::new(Map::new);
        self.0.as_deref().unwrap_or(&NONE)
    }
}

impl DerefMut for Children {
    fn deref_mut(&mut self) -> &mut Map {
        self.0.get_or_insert_default()
    }
}

impl Entry {
    fn leaf(node: Node) -> Arc<Entry> {
        Arc::new(Entry { node, children: Children::default() })
    }
}

impl Default for Tree {
    fn default() -> Tree {
        Tree::empty()
    }
}

impl Tree {
    /// The tree with only `/`, which is 0755 and root's.
    pub fn empty() -> Tree {
        Tree { root: Entry::leaf(Node::directory(0o755)) }
    }

    /// A directory with what is in it: names in their order, each of them once, and files. A directory among them is empty.
    ///
    /// Every second name comes first and the others fill the gaps: a map that grows at its end has nodes that are half empty (27 bytes a
    /// file).
    pub(crate) fn of_directory(directory: Node, children: impl IntoIterator<Item = (Arc<[u8]>, Node)>) -> Tree {
        let mut entries: Vec<_> = children.into_iter().map(|(name, node)| Some((name, Entry::leaf(node)))).collect();
        let mut tree = Tree { root: Arc::new(Entry { node: directory, children: Children::default() }) };
        let order = (0..entries.len()).step_by(2).chain((1..entries.len()).step_by(2));
        for (name, entry) in order.filter_map(|place| entries[place].take()) {
            Arc::make_mut(&mut tree.root).children.insert(name, entry);
        }
        tree
    }

    /// The file at a path; symbolic links are not followed, not even in the middle.
    pub fn get(&self, path: &TreePath) -> Option<&Node> {
        self.entry(path).map(|entry| &entry.node)
    }

    /// Name and file of everything directly in a directory, sorted by name; nothing for other kinds and missing paths.
    pub fn children(&self, path: &TreePath) -> impl Iterator<Item = (&[u8], &Node)> {
        self.entry(path).into_iter().flat_map(|entry| entry.children.iter()).map(|(name, child)| (&**name, &child.node))
    }

    /// Everything at and below a path: the path itself first, then depth first, siblings sorted by name.
    pub fn walk(&self, path: &TreePath) -> Walk<'_> {
        Walk { next: self.entry(path).map(|entry| (path.clone(), entry)), open: Vec::new() }
    }

    /// Every file, in the order of [`Tree::walk`], without its path.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        let mut open = vec![];
        let mut next = Some(&*self.root);
        std::iter::from_fn(move || {
            let entry = next.take()?;
            if !entry.children.is_empty() {
                open.push(entry.children.values());
            }
            while let Some(siblings) = open.last_mut() {
                next = siblings.next().map(|child| &**child);
                if next.is_some() {
                    break;
                }
                open.pop();
            }
            Some(&entry.node)
        })
    }

    /// Puts a file at a path, as unpacking an archive does.
    ///
    /// Missing parents become directories (0755, root's), and so does a parent that was something else. A directory put
    /// over a directory keeps what is in it; every other combination replaces. The root stays a directory: putting
    /// another kind there changes nothing.
    pub fn insert(&mut self, path: &TreePath, node: Node) {
        self.insert_entry(path, &Entry::leaf(node));
    }

    /// Puts a file at a path of two trees, as [`Tree::insert`] does it. They share it.
    pub(crate) fn insert_into(trees: [&mut Tree; 2], path: &TreePath, node: Node) {
        let entry = Entry::leaf(node);
        for tree in trees {
            tree.insert_entry(path, &entry);
        }
    }

    fn insert_entry(&mut self, path: &TreePath, entry: &Arc<Entry>) {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            if entry.node.is_directory() {
                Arc::make_mut(&mut self.root).node = entry.node.clone();
            }
            return;
        };
        let directory = self.directory_mut(&parent);
        if entry.node.is_directory()
            && let Some(existing) = directory.children.get_mut(name)
            && existing.node.is_directory()
        {
            Arc::make_mut(existing).node = entry.node.clone();
            return;
        }
        directory.children.insert(Arc::from(name), Arc::clone(entry));
    }

    /// Changes the file at a path in place; says whether there is one.
    pub fn update(&mut self, path: &TreePath, change: impl FnOnce(&mut Node)) -> bool {
        if self.entry(path).is_none() {
            return false;
        }
        change(&mut entry_mut(&mut self.root, path).expect("the path was just found").node);
        true
    }

    /// Removes a file, or a directory with everything in it; says whether there was one. The root can't be removed.
    pub fn remove(&mut self, path: &TreePath) -> bool {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return false;
        };
        // Looked up first, so that removing nothing does not copy the way to it.
        if self.entry(path).is_none() {
            return false;
        }
        let directory = entry_mut(&mut self.root, &parent).expect("the child was just found");
        directory.children.remove(name).is_some()
    }

    /// Removes everything in a directory and keeps the directory: what an opaque whiteout does.
    pub fn clear(&mut self, path: &TreePath) {
        if self.entry(path).is_some_and(|entry| !entry.children.is_empty()) {
            let directory = entry_mut(&mut self.root, path).expect("the path was just found");
            directory.children = Children::default();
        }
    }

    /// The directory (or other file) at a path as a tree of its own, shared with this one; `None` if nothing is there.
    ///
    /// The root of the result has the metadata of the directory. A file that is not a directory gives a tree with
    /// only an empty root.
    pub fn subtree(&self, path: &TreePath) -> Option<Tree> {
        let entry = self.entry_arc(path)?;
        Some(if entry.node.is_directory() { Tree { root: Arc::clone(entry) } } else { Tree::empty() })
    }

    /// Puts a whole tree at a path in place of what is there, shared and not copied.
    pub(crate) fn graft(&mut self, path: &TreePath, tree: &Tree) {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            self.root = Arc::clone(&tree.root);
            return;
        };
        self.directory_mut(&parent).children.insert(Arc::from(name), Arc::clone(&tree.root));
    }

    /// Puts what is in the root of another tree into a directory, in place of what is in it, shared and not copied.
    pub(crate) fn put_children(&mut self, path: &TreePath, other: &Tree) {
        let directory = if path.is_root() { Arc::make_mut(&mut self.root) } else { self.directory_mut(path) };
        directory.children = other.root.children.clone();
    }

    pub(super) fn entry(&self, path: &TreePath) -> Option<&Entry> {
        self.entry_arc(path).map(|entry| &**entry)
    }

    fn entry_arc(&self, path: &TreePath) -> Option<&Arc<Entry>> {
        path.components().try_fold(&self.root, |entry, name| entry.children.get(name))
    }

    /// The directory at a path, made together with its parents where it is missing or something else.
    fn directory_mut(&mut self, path: &TreePath) -> &mut Entry {
        let mut entry = Arc::make_mut(&mut self.root);
        for name in path.components() {
            if !entry.children.get(name).is_some_and(|child| child.node.is_directory()) {
                entry.children.insert(Arc::from(name), Entry::leaf(Node::directory(0o755)));
            }
            entry = Arc::make_mut(entry.children.get_mut(name).expect("the directory is there or was just made"));
        }
        entry
    }
}

/// The entry at a path for changing it; shared entries on the way are copied.
fn entry_mut<'a>(root: &'a mut Arc<Entry>, path: &TreePath) -> Result<&'a mut Entry, Error> {
    let mut entry = Arc::make_mut(root);
    for name in path.components() {
        let child = entry.children.get_mut(name).ok_or_else(|| Error::NotFound { path: path.clone() })?;
        entry = Arc::make_mut(child);
    }
    Ok(entry)
}

type Siblings<'a> = imbl::ordmap::Iter<'a, Name, Arc<Entry>, imbl::shared_ptr::DefaultSharedPtr>;

/// The walk over a tree that [`Tree::walk`] begins.
pub struct Walk<'a> {
    next: Option<(TreePath, &'a Entry)>,
    open: Vec<(TreePath, Siblings<'a>)>,
}

impl<'a> Iterator for Walk<'a> {
    type Item = (TreePath, &'a Node);

    fn next(&mut self) -> Option<(TreePath, &'a Node)> {
        let (path, entry) = self.next.take()?;
        if !entry.children.is_empty() {
            self.open.push((path.clone(), entry.children.iter()));
        }
        while let Some((directory, siblings)) = self.open.last_mut() {
            if let Some((name, child)) = siblings.next() {
                self.next = Some((directory.child(name), child));
                break;
            }
            self.open.pop();
        }
        Some((path, &entry.node))
    }
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_map().entries(self.walk(&TreePath::root())).finish()
    }
}
