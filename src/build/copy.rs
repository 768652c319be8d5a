//! What COPY does to a tree: which source goes where.
//!
//! Pure: source tree + target tree → the entries of a layer. It follows what BuildKit's file operation does on disk:
//! wildcards and the source's own symbolic links are resolved in the source tree, the destination's in the target tree; of a
//! directory its contents are copied; missing parents are made with mode 0755 (or the octal `--chmod`) and the owner of `--chown`.
//! An existing parent is no entry of the layer.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::chmod::Chmod;
use super::owner::Owner;
use crate::context::{PatternError, Patterns, glob};
use crate::layer::archive::Archive;
use crate::tree::{Follow, Kind, LinkId, Metadata, Node, Place, Spool, Tree, TreePath};

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
}

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
/// A word without wildcards stands for itself and has to exist; a pattern may match nothing.
pub fn expand_source(tree: &Tree, word: &str) -> Result<Vec<TreePath>, CopyError> {
    if !glob::has_wildcard(word) {
        let path = TreePath::new(word.as_bytes());
        tree.resolve(&path, Follow::Last).map_err(|_| CopyError::NotFound { path: word.into() })?;
        return Ok(vec![path]);
    }
    glob::expand(tree, word).map_err(|_| CopyError::Wildcard { pattern: word.into() })
}

impl Placement {
    pub fn new(target: &Tree) -> Placement {
        Placement { entries: BTreeMap::new(), tree: target.clone() }
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
        self.place(&to, node, adjust)
    }

    /// The contents of one directory, all the way down. Below the copied root, an existing directory takes
    /// the copied one's mode and owner.
    fn copy_children(&mut self, tree: &Tree, from: &TreePath, to: &TreePath, adjust: &Adjustments) -> Result<(), CopyError> {
        let prefix = from.as_bytes().len();
        for (path, node) in tree.walk(from) {
            let relative = path.as_bytes().get(prefix..).unwrap_or_default();
            let relative = relative.strip_prefix(b"/").unwrap_or(relative);
            if relative.is_empty() || !adjust.takes(relative)? {
                continue;
            }
            let target = to.join(relative);
            if adjust.includes.is_some() {
                self.copy_parents(tree, from, relative, to, adjust)?;
            }
            match (&node.kind, self.tree.get(&target).map(|existing| &existing.kind)) {
                (Kind::Directory, Some(Kind::Directory) | None) => {
                    let node = adjust.node(node);
                    self.tree.insert(&target, node.clone());
                    self.entries.insert(target, node);
                }
                (Kind::Directory, Some(_)) => return Err(CopyError::DirectoryOverFile { path: target.to_string() }),
                _ => self.place(&target, node, adjust)?,
            }
        }
        Ok(())
    }

    /// With `--parents`: the directories above a match, with their own mode and owner, where they are not there yet.
    fn copy_parents(
        &mut self,
        tree: &Tree,
        from: &TreePath,
        relative: &[u8],
        to: &TreePath,
        adjust: &Adjustments,
    ) -> Result<(), CopyError> {
        for (end, _) in relative.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            let above = &relative[..end];
            let target = to.join(above);
            if self.tree.get(&target).is_some() {
                continue;
            }
            if let Some(node) = tree.get(&from.join(above)) {
                let node = adjust.node(node);
                self.tree.insert(&target, node.clone());
                self.entries.insert(target, node);
            }
        }
        Ok(())
    }

    /// One thing that is not a directory, at exactly this path.
    fn place(&mut self, to: &TreePath, node: &Node, adjust: &Adjustments) -> Result<(), CopyError> {
        if self.tree.get(to).is_some_and(|existing| matches!(existing.kind, Kind::Directory)) {
            return Err(CopyError::FileOverDirectory { path: to.to_string() });
        }
        let node = adjust.node(node);
        self.tree.insert(to, node.clone());
        self.entries.insert(to.clone(), node);
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
            let mode = adjust.chmod.as_ref().and_then(Chmod::octal).unwrap_or(0o755);
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
    /// Puts the entries of an archive below `root`, a directory. Symbolic links on the way lead to where they lead inside the tree.
    pub fn unpack(&mut self, root: &TreePath, archive: &mut Archive, adjust: &Adjustments) -> Result<(), super::Error> {
        let spool = tempfile::tempfile()
            .map_err(|source| super::Error::Io { operation: "create", path: std::env::temp_dir(), source })?;
        let spool = Arc::new(spool);
        let mut end = 0;
        let mut spooled: HashMap<LinkId, (Place, LinkId)> = HashMap::new();
        while let Some((relative, mut node)) = archive.next_entry()? {
            if let Some(owner) = adjust.owner {
                (node.metadata.uid, node.metadata.gid) = (owner.uid, owner.gid);
            }
            if let Kind::File(content) = &mut node.kind {
                let known = content.link.and_then(|link| spooled.get(&link).cloned());
                let (place, link) = match known {
                    Some(known) => known,
                    None => {
                        let place = Place::Spool(Spool { file: Arc::clone(&spool), offset: end });
                        let copied = std::io::copy(&mut archive.content(), &mut &*spool)
                            .map_err(|source| super::Error::Io { operation: "unpack", path: relative.to_string().into(), source })?;
                        // Unique among the archives of one instruction: the address of the spool, which lives as long as they.
                        let link = LinkId(Arc::as_ptr(&spool) as u64, end);
                        end += copied;
                        (place, link)
                    }
                };
                if let Some(id) = content.link {
                    spooled.insert(id, (place.clone(), link));
                }
                content.place = place;
                content.link = Some(link);
            }
            self.put_entry(root, &relative, node, adjust)?;
        }
        Ok(())
    }

    fn put_entry(&mut self, root: &TreePath, relative: &TreePath, node: Node, adjust: &Adjustments) -> Result<(), CopyError> {
        if relative.is_root() {
            // The archive's own top: the destination keeps what it is.
            return Ok(());
        }
        let wanted = root.join(relative.relative());
        let parent = wanted.parent().unwrap_or_else(TreePath::root);
        let parent = self.make_directories(&parent, &Adjustments { now: adjust.now, ..Adjustments::default() })?;
        let target = match wanted.file_name() {
            Some(name) => parent.join(name),
            None => parent,
        };
        // A directory of the archive over a link to a directory stays a link, as tar leaves it.
        if node.is_directory()
            && let Ok(real) = self.tree.resolve(&target, Follow::Last)
            && self.tree.get(&real).is_some_and(Node::is_directory)
        {
            self.put(&real, node);
            return Ok(());
        }
        // Anything else takes the place of what is there, a directory with all that is in it included.
        self.entries.retain(|path, _| path == &target || !path.starts_with(&target) || node.is_directory());
        self.put(&target, node);
        Ok(())
    }
}
