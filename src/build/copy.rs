//! What COPY does to a tree: which source goes where.
//!
//! Pure: source tree + target tree → the entries of a layer. It follows what BuildKit's file operation does on disk:
//! wildcards and the source's own symbolic links are resolved in the source tree, the destination's in the target tree; of a
//! directory its contents are copied; missing parents are made with mode 0755 (or the octal `--chmod`) and the owner of `--chown`.
//! An existing parent is no entry of the layer.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::chmod::Chmod;
use super::owner::Owner;
use crate::context::{PatternError, Patterns, glob};
use crate::layer::archive::{Archive, Member};
use crate::tree::{Content, Follow, Kind, LinkId, Metadata, Node, Place, Spool, Tree, TreePath};

/// How entries are changed on their way.
#[derive(Clone, Debug, Default)]
pub struct Adjustments {
    pub owner: Option<Owner>,
    pub chmod: Option<Chmod>,
    /// Paths below a copied directory that are left out.
    pub excludes: Option<Patterns>,
    /// `--parents`: only what matches, with its parent directories.
    pub includes: Option<Patterns>,
    /// For directories that have to be made, in seconds since 1970.
    pub now: i64,
}

/// What a COPY gives: the entries to write, by path, and the tree after it.
#[derive(Clone, Debug)]
pub struct Placement {
    pub entries: BTreeMap<TreePath, Node>,
    pub tree: Tree,
    /// How many files with several names there were.
    links: u64,
}

/// The first half of the link ids that a placement gives. No device has this number.
const COPIED: u64 = u64::MAX - 1;

/// Why files can't be placed.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("`{path}` is not there")]
    NotFound { path: String },
    #[error("the destination `{path}` is a file, and a directory is to be copied to it")]
    DirectoryOverFile { path: String },
    #[error("the destination `{path}` is a directory, and a file is to be copied over it")]
    FileOverDirectory { path: String },
    #[error("`{path}`: {source}")]
    Path { path: String, source: crate::tree::Error },
    #[error("bad pattern `{pattern}`")]
    Wildcard { pattern: String },
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

/// The sources that a word with wildcards stands for, symbolic links of the way to it resolved.
///
/// A word without wildcards stands for itself and has to exist; a pattern may match nothing, but the part before
/// its first wildcard has to be there.
pub fn expand_source(tree: &Tree, word: &str) -> Result<Vec<TreePath>, CopyError> {
    if !glob::has_wildcard(word) {
        let path = TreePath::new(word.as_bytes());
        tree.resolve(&path, Follow::Last).map_err(|_| CopyError::NotFound { path: word.into() })?;
        return Ok(vec![path]);
    }
    let plain = glob::plain_part(word);
    tree.resolve(&plain, Follow::Last).map_err(|_| CopyError::NotFound { path: word.into() })?;
    glob::expand(tree, word).map_err(|_| CopyError::Wildcard { pattern: word.into() })
}

impl Placement {
    pub fn new(target: &Tree) -> Placement {
        Placement { entries: BTreeMap::new(), tree: target.clone(), links: 0 }
    }

    /// Copies one source (a path in `tree`, as written: its name counts) to `destination`, an absolute path as text, whose trailing `/`
    /// or `/.` says that it is a directory.
    pub fn copy(
        &mut self,
        tree: &Tree,
        source: &TreePath,
        destination: &str,
        adjust: &Adjustments,
    ) -> Result<(), CopyError> {
        let into_directory = destination.ends_with('/') || destination.ends_with("/.");
        let wanted = TreePath::new(destination.as_bytes());
        let parent = if into_directory { wanted.clone() } else { wanted.parent().unwrap_or_else(TreePath::root) };
        self.make_directories(&parent, adjust)?;
        let from = tree
            .resolve(source, Follow::Last)
            .map_err(|_| CopyError::NotFound { path: source.to_string() })?;
        let node = tree.get(&from).ok_or_else(|| CopyError::NotFound { path: source.to_string() })?;
        let mut to = self.resolve(&wanted)?;
        if matches!(node.kind, Kind::Directory) {
            self.make_directories(&to, adjust)?;
            return self.copy_children(tree, &from, &to, adjust);
        }
        if self.tree.get(&to).is_some_and(|existing| matches!(existing.kind, Kind::Directory)) {
            to = match source.file_name() {
                Some(name) => to.join(name),
                None => to,
            };
        }
        if let Some(parent) = to.parent() {
            self.make_directories(&parent, adjust)?;
        }
        self.place(&to, node, adjust, &mut HashMap::new())
    }

    /// The contents of one directory, all the way down. Below the copied root, an existing directory takes
    /// the copied one's mode and owner.
    fn copy_children(&mut self, tree: &Tree, from: &TreePath, to: &TreePath, adjust: &Adjustments) -> Result<(), CopyError> {
        let prefix = from.as_bytes().len();
        let mut entered = BTreeSet::new();
        let mut links = HashMap::new();
        for (path, node) in tree.walk(from) {
            let relative = path.as_bytes().get(prefix..).unwrap_or_default();
            let relative = relative.strip_prefix(b"/").unwrap_or(relative);
            if relative.is_empty() || !adjust.takes(relative)? {
                continue;
            }
            let target = to.join(relative);
            if adjust.includes.is_some() || adjust.excludes.is_some() {
                self.copy_parents(tree, from, relative, to, adjust, &mut entered)?;
            }
            if node.is_directory() {
                entered.insert(relative.to_vec());
            }
            match (&node.kind, self.tree.get(&target).map(|existing| &existing.kind)) {
                (Kind::Directory, Some(Kind::Directory) | None) => {
                    let node = adjust.node(node);
                    self.tree.insert(&target, node.clone());
                    self.entries.insert(target, node);
                }
                (Kind::Directory, Some(_)) => return Err(CopyError::DirectoryOverFile { path: target.to_string() }),
                _ => self.place(&target, node, adjust, &mut links)?,
            }
        }
        Ok(())
    }

    /// Where patterns choose what is copied: the directories above a match that were not copied themselves. One that
    /// is missing is copied; one that is there keeps its owner and takes the mode of the source, whatever `--chmod` says.
    fn copy_parents(
        &mut self,
        tree: &Tree,
        from: &TreePath,
        relative: &[u8],
        to: &TreePath,
        adjust: &Adjustments,
        entered: &mut BTreeSet<Vec<u8>>,
    ) -> Result<(), CopyError> {
        for (end, _) in relative.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            let above = &relative[..end];
            if !entered.insert(above.to_vec()) {
                continue;
            }
            let Some(node) = tree.get(&from.join(above)) else { continue };
            let target = to.join(above);
            let node = match self.tree.get(&target) {
                None => adjust.node(node),
                Some(existing) if existing.is_directory() => {
                    let mut existing = existing.clone();
                    existing.metadata.mode = node.metadata.mode;
                    existing
                }
                Some(_) => return Err(CopyError::DirectoryOverFile { path: target.to_string() }),
            };
            self.put(&target, node);
        }
        Ok(())
    }

    /// One thing that is not a directory, at exactly this path.
    ///
    /// Names of one file stay names of one file within one copied directory, and no further: `links` has the new id for
    /// each old one.
    fn place(
        &mut self,
        to: &TreePath,
        node: &Node,
        adjust: &Adjustments,
        links: &mut HashMap<LinkId, LinkId>,
    ) -> Result<(), CopyError> {
        if self.tree.get(to).is_some_and(|existing| matches!(existing.kind, Kind::Directory)) {
            return Err(CopyError::FileOverDirectory { path: to.to_string() });
        }
        let mut node = adjust.node(node);
        if let Kind::File(content) = &mut node.kind
            && let Some(link) = &mut content.link
        {
            let links_so_far = &mut self.links;
            *link = *links.entry(*link).or_insert_with(|| {
                *links_so_far += 1;
                LinkId(COPIED, *links_so_far)
            });
        }
        self.put(to, node);
        Ok(())
    }

    /// Adds a node as it is, replacing what is there. For archives, heredocs and directories that WORKDIR makes.
    pub fn put(&mut self, to: &TreePath, node: Node) {
        self.tree.insert(to, node.clone());
        self.entries.insert(to.clone(), node);
    }

    /// Makes a directory and its missing parents.
    pub fn make_directories(&mut self, path: &TreePath, adjust: &Adjustments) -> Result<TreePath, CopyError> {
        let path = self.resolve(path)?;
        let mut missing = Vec::new();
        let mut at = Some(path.clone());
        while let Some(path) = at {
            match self.tree.get(&path).map(|node| &node.kind) {
                Some(Kind::Directory) => break,
                Some(_) => return Err(CopyError::DirectoryOverFile { path: path.to_string() }),
                None => {
                    at = path.parent();
                    missing.push(path);
                }
            }
        }
        let owner = adjust.owner.unwrap_or(Owner { uid: 0, gid: 0 });
        for path in missing.into_iter().rev() {
            // Only the permissions: a set-id or sticky bit is for what is copied.
            let mode = adjust.chmod.as_ref().and_then(Chmod::octal).unwrap_or(0o755) & 0o777;
            let metadata =
                Metadata { uid: owner.uid, gid: owner.gid, mtime: adjust.now, ..Metadata::root_owned(mode) };
            self.put(&path, Node { metadata, kind: Kind::Directory });
        }
        Ok(path)
    }

    fn resolve(&self, path: &TreePath) -> Result<TreePath, CopyError> {
        self.tree
            .resolve_for_create(path, Follow::Last)
            .map_err(|source| CopyError::Path { path: path.to_string(), source })
    }
}

impl Adjustments {
    /// Whether a path below the copied root is taken.
    pub fn takes(&self, relative: &[u8]) -> Result<bool, PatternError> {
        let matches = |patterns: &Option<Patterns>| patterns.as_ref().map(|list| list.excludes(relative)).transpose();
        Ok(matches(&self.includes)?.unwrap_or(true) && !matches(&self.excludes)?.unwrap_or(false))
    }

    /// The node with its new owner and mode.
    pub fn node(&self, node: &Node) -> Node {
        let mut node = node.clone();
        if let Some(owner) = self.owner {
            node.metadata.uid = owner.uid;
            node.metadata.gid = owner.gid;
        }
        if let Some(chmod) = &self.chmod
            && !matches!(node.kind, Kind::Symlink(_))
        {
            node.metadata.mode = chmod.apply(node.metadata.mode, matches!(node.kind, Kind::Directory));
        }
        node
    }
}

/// Archives are unpacked through a file without a name, since their bytes come once and in the archive's order.
impl Placement {
    /// Puts the entries of an archive below `root`, a directory.
    ///
    /// While it is unpacked, `root` is all there is, as for a process that has changed its root directory: a symbolic link on the
    /// way leads to somewhere below `root`, an absolute one and `..` too. Whatever is in an entry's place is replaced, a link
    /// to a directory included; only a directory over a directory keeps what is in it.
    pub fn unpack(&mut self, root: &TreePath, archive: &mut Archive, adjust: &Adjustments) -> Result<(), super::Error> {
        let spool = tempfile::tempfile()
            .map_err(|source| super::Error::Io { operation: "create", path: std::env::temp_dir(), source })?;
        let spool = Arc::new(spool);
        let mut end = 0;
        while let Some((relative, member)) = archive.next_member()? {
            let mut node = match member {
                Member::Node(node) => node,
                Member::HardLink(target) => self.linked(root, &target)?,
            };
            if let Some(owner) = adjust.owner {
                (node.metadata.uid, node.metadata.gid) = (owner.uid, owner.gid);
            }
            if let Kind::File(Content { place: place @ Place::Bytes(_), link, .. }) = &mut node.kind {
                *place = Place::Spool(Spool { file: Arc::clone(&spool), offset: end });
                // Unique among the archives of one instruction: the address of the spool, which lives as long as they.
                *link = Some(LinkId(Arc::as_ptr(&spool) as u64, end));
                end += std::io::copy(&mut archive.content(), &mut &*spool)
                    .map_err(|source| super::Error::Io { operation: "unpack", path: relative.to_string().into(), source })?;
                // An empty file takes no room, and is a file of its own all the same.
                end += 1;
                std::io::Write::write_all(&mut &*spool, &[0])
                    .map_err(|source| super::Error::Io { operation: "unpack", path: relative.to_string().into(), source })?;
            }
            self.put_entry(root, &relative, node, adjust)?;
        }
        Ok(())
    }

    /// The file that a hard link in an archive means. It becomes an entry of the layer, for the two to be one file there.
    fn linked(&mut self, root: &TreePath, target: &TreePath) -> Result<Node, CopyError> {
        let path = self.resolve_below(root, target, Follow::Never)?;
        let node = self.tree.get(&path).filter(|node| !node.is_directory()).cloned();
        let mut node = node.ok_or_else(|| CopyError::NotFound { path: target.to_string() })?;
        if let Kind::File(content) = &mut node.kind
            && content.link.is_none()
        {
            self.links += 1;
            content.link = Some(LinkId(COPIED, self.links));
        }
        self.put(&path, node.clone());
        Ok(node)
    }

    fn put_entry(&mut self, root: &TreePath, relative: &TreePath, node: Node, adjust: &Adjustments) -> Result<(), CopyError> {
        let (Some(parent), Some(name)) = (relative.parent(), relative.file_name()) else {
            // The archive's own top: the destination keeps what it is.
            return Ok(());
        };
        let parent = self.resolve_below(root, &parent, Follow::Last)?;
        let parent = self.make_directories(&parent, &Adjustments { now: adjust.now, ..Adjustments::default() })?;
        let target = parent.join(name);
        if !node.is_directory() && self.tree.get(&target).is_some_and(Node::is_directory) {
            self.entries.retain(|path, _| !path.starts_with(&target));
        }
        self.put(&target, node);
        Ok(())
    }

    /// Resolves a path as if `root` were the root directory.
    fn resolve_below(&self, root: &TreePath, path: &TreePath, follow: Follow) -> Result<TreePath, CopyError> {
        let below = self.tree.subtree(root).unwrap_or_default();
        let resolved = below
            .resolve_for_create(path, follow)
            .map_err(|source| CopyError::Path { path: path.to_string(), source })?;
        Ok(if resolved.is_root() { root.clone() } else { root.join(resolved.relative()) })
    }
}
