//! What one source of COPY or ADD stands for: the files, chosen once.
//!
//! ```text
//! word ── wildcards, links ──▶ file or directory ── --parents, --exclude ──▶ Selection ──▶ listing (the key)
//!                                                                               └────────▶ placement (the layer)
//! ```
//!
//! The key's listing and the layer are both made by walking the same value, so a key can't describe other files than its layer has.
//! The rules are those of BuildKit's file operation (tonistiigi/fsutil, `copy`).

use std::collections::BTreeSet;

use crate::context::{PatternError, Patterns, glob};
use crate::tree::{Kind, Node, Place, Seen, Tree, TreePath};

/// The files of one source; of a source with wildcards, the files of one match.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    /// Where it was found, links not followed.
    pub(crate) path: TreePath,
    /// The last name of the source as it was written: a file keeps it in a directory.
    pub(crate) name: Vec<u8>,
    pub(crate) what: Selected,
}

/// What a source is, links followed.
#[derive(Clone, Debug)]
pub(crate) enum Selected {
    /// Anything but a directory.
    File(Node),
    /// A directory, of which the contents are copied.
    Directory(Directory),
}

/// The part of a directory that is copied.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    /// The directory as the root, with what was chosen below it.
    files: Tree,
    /// The directories that were not chosen themselves and come with what is below them.
    above: BTreeSet<TreePath>,
    choice: Choice,
    time: Option<(i64, u32)>,
}

/// Whether patterns had a say in what is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    Everything,
    /// `--exclude`.
    Excluded,
    /// `--parents`.
    Included,
}

/// Why a path is part of a selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Chosen,
    /// It lies above something that was chosen.
    Above,
}

/// How a source is to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule<'r> {
    pub(crate) names: Names,
    /// Paths below a directory that are left out.
    pub(crate) excludes: Option<&'r Patterns>,
}

/// What of a source's own path arrives at the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// The contents of a directory, a file by its name.
    Last,
    /// `--parents`: the directories above, too, or those behind `/./`.
    Parents,
}

/// Why a source selects nothing.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// The path does not lead to a file: it, a part of it, or what a link of it leads to is missing.
    #[error("`{path}` is not there")]
    NotFound { path: TreePath },
    /// It is there, but none of it would be copied.
    #[error("nothing of `{path}` is taken")]
    LeftOut { path: TreePath },
    /// It is reached through a link only, which `--parents` does not follow.
    #[error("`{path}` lies behind a symbolic link")]
    BehindLink { path: TreePath, real: TreePath },
    #[error("bad pattern `{pattern}`")]
    Wildcard { pattern: String },
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

/// The selections that a word stands for.
///
/// A word without wildcards has to lead to something that is copied. A pattern may match nothing, but the part before its
/// first wildcard has to be there.
///
/// # Errors
/// [`SelectError`] for a source that stands for nothing.
pub(crate) fn select(tree: &Tree, word: &str, rule: Rule<'_>) -> Result<Vec<Selection>, SelectError> {
    let (base, includes) = match rule.names {
        Names::Last => (word, None),
        Names::Parents => {
            let (base, pattern) = word.split_once("/./").unwrap_or(("/", word));
            let pattern = TreePath::new(pattern.as_bytes());
            (if base.is_empty() { "/" } else { base }, Some(pattern))
        }
    };
    let patterns = match &includes {
        Some(pattern) => Some(Patterns::new([String::from_utf8_lossy(pattern.relative())])?),
        None => None,
    };
    let mut selections = Vec::new();
    for path in expand(tree, base)? {
        selections.push(Selection::new(tree, &path, patterns.as_ref(), rule.excludes)?);
    }
    if let Some(wanted) = includes
        && !glob::has_wildcard(word)
        && !selections.iter().any(|selection| selection.has(&wanted))
    {
        let whole = TreePath::new(base).join(wanted.relative());
        return Err(match (tree.get(&whole), find(tree, &whole)) {
            (Some(_), _) => SelectError::LeftOut { path: whole },
            (None, Ok((real, _))) => SelectError::BehindLink { path: whole, real },
            (None, Err(error)) => error,
        });
    }
    Ok(selections)
}

/// Whether the folder before a pattern's first wildcard would be there for BuildKit, where the pattern matches nothing.
///
/// Of a context it has only what was asked for, with the folders above, and it asks by the rules of `.dockerignore`: there `**` crosses
/// folders, and what lies below a match is taken, too. In an image everything is there.
///
/// # Errors
/// [`SelectError::Pattern`] for a pattern that those rules refuse.
pub(crate) fn is_asked_for(tree: &Tree, word: &str) -> Result<bool, SelectError> {
    let plain = glob::plain_part(word);
    let patterns = Patterns::new([String::from_utf8_lossy(TreePath::new(word).relative())])?;
    let (real, _) = find(tree, &plain)?;
    for (path, _) in tree.walk(&real).skip(1) {
        let below = TreePath::new(&path.as_bytes()[real.as_bytes().len()..]);
        if patterns.excludes(plain.join(below.relative()).relative())? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The paths that a word with wildcards stands for, in the order in which they are copied.
fn expand(tree: &Tree, word: &str) -> Result<Vec<TreePath>, SelectError> {
    if !glob::has_wildcard(word) {
        return Ok(vec![TreePath::new(word)]);
    }
    let plain = glob::plain_part(word);
    find(tree, &plain)?;
    glob::expand(tree, word).map_err(|_| SelectError::Wildcard { pattern: word.into() })
}

/// The path at which a file really is, and the file.
fn find<'t>(tree: &'t Tree, path: &TreePath) -> Result<(TreePath, &'t Node), SelectError> {
    let missing = || SelectError::NotFound { path: path.clone() };
    let real = tree.resolve_by_letters(path).map_err(|_| missing())?;
    let node = tree.get(&real).ok_or_else(missing)?;
    Ok((real, node))
}

impl Selection {
    fn new(
        tree: &Tree,
        path: &TreePath,
        includes: Option<&Patterns>,
        excludes: Option<&Patterns>,
    ) -> Result<Selection, SelectError> {
        let (real, node) = find(tree, path)?;
        let what = match node.kind {
            Kind::Directory => Selected::Directory(Directory::new(tree, &real, includes, excludes)?),
            Kind::File(_) | Kind::Symlink(_) | Kind::CharDevice { .. } | Kind::BlockDevice { .. } | Kind::Fifo => {
                Selected::File(node.clone())
            }
        };
        Ok(Selection { path: path.clone(), name: path.file_name().unwrap_or_default().to_vec(), what })
    }

    /// What a path leads to, letter by letter: no wildcards.
    ///
    /// # Errors
    /// [`SelectError::NotFound`].
    pub(crate) fn of_path(tree: &Tree, path: &str) -> Result<Selection, SelectError> {
        Selection::new(tree, &TreePath::new(path), None, None)
    }

    /// All of a tree, but for what is left out.
    ///
    /// # Errors
    /// [`SelectError::Pattern`].
    pub(crate) fn of_whole(tree: &Tree, excludes: Option<&Patterns>) -> Result<Selection, SelectError> {
        Selection::new(tree, &TreePath::root(), None, excludes)
    }

    /// A tree with what was chosen in it, and where: a directory is the root, a file has its name in it.
    pub(crate) fn as_tree(&self) -> (Tree, String) {
        match &self.what {
            Selected::Directory(directory) => (directory.files.clone(), "/".to_owned()),
            Selected::File(node) => {
                let path = "/file";
                let mut tree = Tree::empty();
                tree.insert(&TreePath::new(path), node.clone());
                (tree, path.to_owned())
            }
        }
    }

    /// A file that lies nowhere yet.
    pub(crate) fn of_file(name: &[u8], node: Node) -> Selection {
        Selection { path: TreePath::new(name), name: name.to_vec(), what: Selected::File(node) }
    }

    /// Its files of the machine.
    pub(crate) fn seen(&self) -> impl Iterator<Item = &Seen> {
        let (file, directory) = match &self.what {
            Selected::File(node) => (Some(node), None),
            Selected::Directory(directory) => (None, Some(directory.files.nodes())),
        };
        file.into_iter().chain(directory.into_iter().flatten()).filter_map(|node| match &node.content()?.place {
            Place::Seen(seen) => Some(seen),
            Place::Host(_) | Place::Blob { .. } | Place::Bytes(_) | Place::Spool(_) => None,
        })
    }

    /// Takes over what is known of its files now: extended attributes, which few of them have.
    pub(crate) fn complete(&mut self) {
        let known = |node: &Node| match &node.content()?.place {
            Place::Seen(seen) => {
                seen.file().known().map(|known| &known.xattrs).filter(|xattrs| !xattrs.is_empty()).cloned()
            }
            Place::Host(_) | Place::Blob { .. } | Place::Bytes(_) | Place::Spool(_) => None,
        };
        match &mut self.what {
            Selected::File(node) => {
                if let Some(xattrs) = known(node) {
                    node.metadata.xattrs = xattrs;
                }
            }
            Selected::Directory(directory) => {
                if !directory.files.nodes().any(|node| known(node).is_some()) {
                    return;
                }
                for (path, node) in directory.files.clone().walk(&TreePath::root()) {
                    if let Some(xattrs) = known(node) {
                        directory.files.update(&path, |node| node.metadata.xattrs = xattrs);
                    }
                }
            }
        }
    }

    /// Whether a path below a directory, or something below it, is part of the selection.
    fn has(&self, relative: &TreePath) -> bool {
        match &self.what {
            Selected::File(_) => false,
            Selected::Directory(directory) => !relative.is_root() && directory.files.get(relative).is_some(),
        }
    }
}

impl Directory {
    /// Chooses what is taken of the directory at `real`.
    fn new(
        tree: &Tree,
        real: &TreePath,
        includes: Option<&Patterns>,
        excludes: Option<&Patterns>,
    ) -> Result<Directory, PatternError> {
        let all = tree.subtree(real).unwrap_or_default();
        let metadata = tree.get(real).filter(|_| !real.is_root()).map(|node| &node.metadata);
        let time = metadata.map(|metadata| (metadata.mtime, metadata.mtime_nanos));
        let choice = match (includes, excludes) {
            (Some(_), _) => Choice::Included,
            (None, Some(_)) => Choice::Excluded,
            (None, None) => {
                return Ok(Directory { files: all, above: BTreeSet::new(), choice: Choice::Everything, time });
            }
        };
        let root = TreePath::root();
        let mut chosen = Tree::empty();
        chosen.insert(&root, all.get(&root).cloned().unwrap_or_else(|| Node::directory(0o755)));
        let mut above = BTreeSet::new();
        for (path, node) in all.walk(&root).skip(1) {
            let relative = path.relative();
            let is_included = includes.map(|patterns| patterns.excludes(relative)).transpose()?.unwrap_or(true);
            if !is_included || excludes.map(|patterns| patterns.excludes(relative)).transpose()?.unwrap_or(false) {
                continue;
            }
            for parent in path.ancestors() {
                if chosen.get(&parent).is_none()
                    && let Some(node) = all.get(&parent)
                {
                    chosen.insert(&parent, node.clone());
                    above.insert(parent);
                }
            }
            chosen.insert(&path, node.clone());
        }
        Ok(Directory { files: chosen, above, choice, time })
    }

    /// The directory itself.
    pub(crate) fn node(&self) -> &Node {
        self.files.get(&TreePath::root()).expect("every tree has a root")
    }

    /// The directory as the root, with what is copied of it.
    pub(crate) fn files(&self) -> &Tree {
        &self.files
    }

    /// Whether all that is copied was chosen itself, and nothing comes only because it is above.
    pub(crate) fn is_chosen_throughout(&self) -> bool {
        self.above.is_empty()
    }

    /// Whether patterns chose what is in it.
    pub(crate) fn choice(&self) -> Choice {
        self.choice
    }

    /// Its modification time; the root of a context or of an image has none.
    pub(crate) fn time(&self) -> Option<(i64, u32)> {
        self.time
    }

    /// What is below it and copied, with the paths relative to it: directories before what is in them.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (TreePath, &Node, Part)> {
        self.files.walk(&TreePath::root()).skip(1).map(|(path, node)| {
            let part = if self.above.contains(&path) { Part::Above } else { Part::Chosen };
            (path, node, part)
        })
    }
}
