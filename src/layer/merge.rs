//! What a layer does to the tree below it.
//!
//! The rules, where the specification leaves a choice, are those of containerd's unpacking:
//!
//! - Names are cleaned as text, without looking at files; `..` stops at the root.
//! - A parent that is a symbolic link, in a lower layer or in this one, is followed inside the tree. A parent that is any
//!   other kind of file is replaced with a directory.
//! - An entry replaces whatever has its name; a directory over a directory keeps its content.
//! - Whiteouts hide lower layers only, wherever they are in the archive: they are applied before all entries.
//! - A hard link may name a file of a lower layer, even one that this layer deletes. It has the metadata and bytes of its
//!   target.
//! - Names that begin with `.wh..wh.` belong to an old storage driver and are skipped, and so is everything below a name that
//!   begins with `.wh.`: no file can have such a name.
//!
//! [`delta`] gives both results: the tree above the layer, and what the layer itself adds, which unpacking needs.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::sync::Arc;

use super::entry::{RawEntry, RawKind};
use super::expand::{expand_sparse, uncompressed};
use super::names::{Meaning, meaning, misfit};
use super::read::Entries;
use super::source::FileSource;
use super::{Error, Limits};
use crate::oci::{Descriptor, DiffId, Digest};
use crate::store::Store;
use crate::tree::{self, Content, Follow, Kind, LinkId, Node, Place, Tree, TreePath};

/// What one layer does to the tree below it.
#[derive(Debug, Clone)]
pub(crate) struct Delta {
    /// The tree above the layer.
    pub(crate) after: Tree,
    /// Only what the layer itself has, with the directories that lead to it.
    pub(crate) own: Tree,
    /// Names of lower layers that are gone and have nothing in their place.
    pub(crate) whiteouts: BTreeSet<TreePath>,
    /// Directories of `own` that hide everything which lower layers have in them.
    pub(crate) opaques: BTreeSet<TreePath>,
    /// Whether `own` is the same over any other lower tree. It is not when the archive leaves out directories that lead
    /// to its files, names files through symbolic links, or has hard links to files of lower layers.
    pub(crate) stands_alone: bool,
    /// How many entries the archive has.
    pub(crate) entries: u64,
    /// How many bytes it has, uncompressed.
    pub(crate) bytes: u64,
}

impl Delta {
    /// A tree as if one layer had brought all of it.
    pub(super) fn whole(tree: Tree) -> Delta {
        let (whiteouts, opaques) = (BTreeSet::new(), BTreeSet::new());
        Delta { after: tree.clone(), own: tree, whiteouts, opaques, stands_alone: false, entries: 0, bytes: 0 }
    }
}

/// Changes a tree into the one above a layer. Only headers are read; contents are where they lie in the archive. A
/// compressed layer is expanded into the store first, once, and checked against its diff id.
///
/// # Errors
/// As [`delta`].
pub(crate) fn apply(store: &Store, descriptor: &Descriptor, diff_id: DiffId, tree: &mut Tree) -> Result<(), Error> {
    *tree = delta(store, descriptor, diff_id, tree)?.after;
    Ok(())
}

// ANCHOR: delta
/// Reads a layer's headers and works out what it does to the tree below.
///
/// # Errors
/// [`Error::Archive`], [`Error::Entry`] and [`Error::Limit`] for a layer that is broken, contradicts itself or asks for too much.
pub(crate) fn delta(store: &Store, descriptor: &Descriptor, diff_id: DiffId, lower: &Tree) -> Result<Delta, Error> {
    let archive = uncompressed(store, descriptor, diff_id)?;
    let name = diff_id.to_string();
    let mut merge = Merge::new(store, diff_id.0, &archive, lower);
    for_each_entry(&archive, &name, store, |entry| merge.apply_whiteout(&entry))?;
    for_each_entry(&archive, &name, store, |entry| merge.apply_entry(entry))?;
    let bytes = archive.metadata().map_err(|error| Error::unreadable(&name, error))?.len();
    Ok(merge.finish(bytes))
}
// ANCHOR_END: delta

/// Reads an archive from its beginning. It is read twice, so that its entries need not all be kept.
fn for_each_entry(
    archive: &File,
    name: &str,
    store: &Store,
    mut each: impl FnMut(RawEntry) -> Result<(), Error>,
) -> Result<(), Error> {
    let file = archive.try_clone().and_then(FileSource::new);
    let file = file.map_err(|error| Error::unreadable(name, error))?;
    let mut entries = Entries::new(file, name, &Limits::of(store.limits()));
    while let Some(entry) = entries.next_entry()? {
        store.meter().check()?;
        each(entry)?;
    }
    Ok(())
}

/// The state while one layer is applied.
struct Merge<'a> {
    store: &'a Store,
    archive: &'a File,
    digest: Arc<Digest>,
    lower: &'a Tree,
    after: Tree,
    own: Tree,
    /// What `own` has, as paths: asking the tree would not tell made directories from real ones.
    whiteouts: BTreeSet<TreePath>,
    opaques: BTreeSet<TreePath>,
    /// Paths where a directory of the lower tree was replaced by another kind of file.
    replaced: BTreeSet<TreePath>,
    stands_alone: bool,
    entries: u64,
    /// Where parents lead to, as long as nothing changes that could change it.
    parents: HashMap<TreePath, TreePath>,
}

impl<'a> Merge<'a> {
    fn new(store: &'a Store, digest: Digest, archive: &'a File, lower: &'a Tree) -> Merge<'a> {
        let mut own = Tree::empty();
        if let Some(root) = lower.get(&TreePath::root()) {
            own.insert(&TreePath::root(), root.clone());
        }
        Merge {
            store,
            archive,
            digest: Arc::new(digest),
            lower,
            after: lower.clone(),
            own,
            whiteouts: BTreeSet::new(),
            opaques: BTreeSet::new(),
            replaced: BTreeSet::new(),
            stands_alone: true,
            entries: 0,
            parents: HashMap::new(),
        }
    }

    fn apply_whiteout(&mut self, entry: &RawEntry) -> Result<(), Error> {
        let path = TreePath::new(&entry.name);
        let hidden = match meaning(&path, &entry.kind) {
            Meaning::File | Meaning::Nothing => return Ok(()),
            Meaning::Nameless => {
                return Err(Error::Entry { path, reason: "a deletion without a name".to_string() });
            }
            Meaning::Gone(name) => Some(name),
            Meaning::Opaque => None,
        };
        let parent = path.parent().unwrap_or_else(TreePath::root);
        let directory = match self.lower.resolve_for_create(&parent, Follow::Last) {
            Ok(directory) => directory,
            // Nothing is below something that is not a directory.
            Err(tree::Error::NotADirectory { .. } | tree::Error::NotFound { .. }) => parent.clone(),
            Err(error @ tree::Error::Loop { .. }) => return Err(error.into()),
        };
        self.stands_alone &= directory == parent;
        match hidden {
            Some(name) => {
                let gone = directory.join(name);
                // Nothing can be there.
                if misfit(&gone).is_none() {
                    self.after.remove(&gone);
                    self.whiteouts.insert(gone);
                }
            }
            None => {
                self.after.clear(&directory);
                self.opaques.insert(directory);
            }
        }
        Ok(())
    }

    fn apply_entry(&mut self, entry: RawEntry) -> Result<(), Error> {
        self.entries += 1;
        let path = TreePath::new(&entry.name);
        let Some(name) = path.file_name() else {
            // The root itself: only its metadata counts.
            if entry.kind == RawKind::Directory {
                let node = Node::new(entry.metadata, Kind::Directory);
                self.after.insert(&path, node.clone());
                self.own.insert(&path, node);
            }
            return Ok(());
        };
        if meaning(&path, &entry.kind) != Meaning::File {
            return Ok(());
        }
        let parent = path.parent().expect("a path with a name has a parent");
        let place = self.resolve_parent(&parent)?.join(name);
        if let Some(reason) = misfit(&place) {
            return Err(Error::Entry { path, reason });
        }
        let node = self.node(&path, entry)?;
        self.put(&place, node);
        Ok(())
    }

    /// Finds the directory that a parent's name leads to; whatever is in the way becomes a directory.
    fn resolve_parent(&mut self, parent: &TreePath) -> Result<TreePath, Error> {
        if let Some(known) = self.parents.get(parent) {
            return Ok(known.clone());
        }
        let resolved = loop {
            match self.after.resolve_for_create(parent, Follow::Last) {
                Ok(resolved) if self.after.get(&resolved).is_none_or(Node::is_directory) => {
                    break resolved;
                }
                Ok(path) | Err(tree::Error::NotADirectory { path }) => {
                    self.stands_alone = false;
                    self.put(&path, Node::directory(0o755));
                }
                Err(error) => return Err(error.into()),
            }
        };
        self.stands_alone &= resolved == *parent;
        self.parents.insert(parent.clone(), resolved.clone());
        Ok(resolved)
    }

    /// Puts a node into both trees, with the directories that lead to it.
    fn put(&mut self, path: &TreePath, node: Node) {
        let is_missing = |own: &Tree, path: &TreePath| !own.get(path).is_some_and(Node::is_directory);
        let parent = path.parent().unwrap_or_else(TreePath::root);
        let ancestors = if is_missing(&self.own, &parent) { path.ancestors() } else { Vec::new() };
        // From the root down: putting in a deep one first would make those above it, with a mode of their own.
        for ancestor in ancestors {
            if !is_missing(&self.own, &ancestor) {
                continue;
            }
            self.stands_alone = false;
            let implied = match self.after.get(&ancestor) {
                Some(existing) if existing.is_directory() => existing.clone(),
                _ => Node::directory(0o755),
            };
            self.own.insert(&ancestor, implied.clone());
            self.after.insert(&ancestor, implied);
        }
        if let Some(existing) = self.after.get(path)
            && existing.is_directory() != node.is_directory()
        {
            // Directories below, or links on the way, are not what they were.
            self.parents.clear();
            if existing.is_directory() {
                self.replaced.insert(path.clone());
            }
        }
        if matches!(node.kind, Kind::Symlink(_)) {
            self.parents.clear();
        }
        Tree::insert_into([&mut self.after, &mut self.own], path, node);
    }

    fn node(&mut self, path: &TreePath, mut entry: RawEntry) -> Result<Node, Error> {
        // Linux knows no other mode of a symbolic link, whatever an archive says.
        if matches!(entry.kind, RawKind::Symlink(_)) {
            entry.metadata.mode = 0o777;
        }
        let kind = match entry.kind {
            RawKind::Directory => Kind::Directory,
            RawKind::File => {
                let place = Place::Blob { blob: Arc::clone(&self.digest), offset: entry.offset };
                Kind::File(Content { size: entry.stored, place })
            }
            RawKind::Sparse(map) => {
                let blob = Arc::new(expand_sparse(self.store, self.archive, *self.digest, entry.offset, &map)?);
                Kind::File(Content { size: map.size, place: Place::Blob { blob, offset: 0 } })
            }
            RawKind::Symlink(target) => Kind::Symlink(target),
            RawKind::CharDevice(major, minor) => Kind::CharDevice { major, minor },
            RawKind::BlockDevice(major, minor) => Kind::BlockDevice { major, minor },
            RawKind::Fifo => Kind::Fifo,
            RawKind::HardLink(target) => return self.link_target(path, &target, entry.offset),
        };
        Ok(Node::new(entry.metadata, kind))
    }

    /// The file that a hard link names, which from now on has one more name. A symbolic link there is not followed: it is
    /// the file, as for link(2).
    fn link_target(&mut self, path: &TreePath, target: &[u8], offset: u64) -> Result<Node, Error> {
        let wrong = |reason: String| Error::Entry { path: path.clone(), reason };
        let target = TreePath::new(target);
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(wrong("a hard link to the root".to_string()));
        };
        let inside = |tree: &Tree| {
            let place = tree.resolve(&parent, Follow::Last).ok()?.join(name);
            tree.get(&place).map(|node| (place.clone(), node.clone()))
        };
        let (place, mut node, is_present) = match inside(&self.after) {
            Some((place, node)) => (place, node, true),
            None => {
                let (place, node) = inside(self.lower)
                    .ok_or_else(|| wrong(format!("a hard link to `{target}`, which does not exist")))?;
                (place, node, false)
            }
        };
        if node.is_directory() {
            return Err(wrong(format!("a hard link to the directory `{target}`")));
        }
        let is_own = is_present && self.own.get(&place).is_some();
        self.stands_alone &= is_own;
        if node.link.is_none() {
            let mut source = [0; 8];
            source.copy_from_slice(&self.digest.as_bytes()[..8]);
            // Two entries never have their bytes at one offset, and a link's own offset is free for its target.
            let link = Some(LinkId::new(u64::from_be_bytes(source), offset));
            node.link = link;
            let set_link = |node: &mut Node| node.link = link;
            if is_present {
                self.after.update(&place, set_link);
            }
            if is_own {
                self.own.update(&place, set_link);
            }
        }
        Ok(node)
    }

    fn finish(mut self, bytes: u64) -> Delta {
        // A directory in the place of something that the layer has hidden or replaced shows nothing of what was there.
        let hidden: Vec<TreePath> = self.whiteouts.union(&self.replaced).cloned().collect();
        for path in hidden {
            if self.own.get(&path).is_some_and(Node::is_directory) {
                self.opaques.insert(path.clone());
            }
        }
        let own = &self.own;
        self.whiteouts.retain(|path| own.get(path).is_none());
        // A directory that is only opaque has no entry of its own when the archive leaves it out.
        let opaques: Vec<TreePath> = self.opaques.iter().cloned().collect();
        for path in opaques.iter().chain(&self.whiteouts.clone()) {
            let directory = if self.opaques.contains(path) { Some(path.clone()) } else { path.parent() };
            if let Some(directory) = directory {
                self.lead_to(&directory);
            }
        }
        Delta {
            after: self.after,
            own: self.own,
            whiteouts: self.whiteouts,
            opaques: self.opaques,
            stands_alone: self.stands_alone,
            entries: self.entries,
            bytes,
        }
    }

    /// Makes sure that `own` has the directory that holds a mark, as the lower tree has it.
    fn lead_to(&mut self, directory: &TreePath) {
        if self.own.get(directory).is_some() {
            return;
        }
        let mut missing = directory.ancestors();
        missing.push(directory.clone());
        for path in missing {
            if self.own.get(&path).is_some() {
                continue;
            }
            // Over another tree, the directory could be there or look different.
            self.stands_alone = false;
            if let Some(existing) = self.after.get(&path).filter(|node| node.is_directory()) {
                self.own.insert(&path, existing.clone());
            }
        }
    }
}
