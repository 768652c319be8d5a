//! What stands where a directory is needed, in words.

use std::fmt;

use crate::tree::{Follow, Kind, Readable, Tree, TreePath};

/// Something that is not a directory, in the place or on the way of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The directory that is needed, as it was named.
    pub(crate) wanted: TreePath,
    /// The part of `wanted` that is, or leads to, what stands in the way.
    named: TreePath,
    /// Where that is, links resolved.
    at: TreePath,
    kind: Option<Kind>,
}

impl Obstacle {
    /// Describes what is at `at`, a path without links, and keeps `wanted` from being a directory.
    pub(crate) fn new(tree: &Tree, wanted: &TreePath, at: &TreePath) -> Obstacle {
        let leads_there =
            |path: &TreePath| path == at || tree.resolve(path, Follow::Last).is_ok_and(|real| real == *at);
        let mut way = wanted.ancestors();
        way.push(wanted.clone());
        let named = way.into_iter().find(leads_there).unwrap_or_else(|| wanted.clone());
        Obstacle { wanted: wanted.clone(), named, at: at.clone(), kind: tree.get(at).map(|node| node.kind.clone()) }
    }

    /// Whether the obstacle is in the place itself, and not on the way to it.
    pub(crate) fn is_in_place(&self) -> bool {
        self.named == self.wanted
    }

    /// What can be done about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match &self.kind {
            Some(Kind::Symlink(target)) => Some(format!(
                "a directory can't take the place of a link: remove the link first, or copy to where it leads, `{}`",
                target_of(&self.at, target)
            )),
            _ => None,
        }
    }
}

/// `/x` is a file; `/x` leads to `/y`, which is a file; `/x/y` lies below `/x`, which is a file.
impl fmt::Display for Obstacle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Obstacle { wanted, named, at, kind } = self;
        write!(formatter, "`{wanted}` ")?;
        if named != wanted {
            write!(formatter, "lies below `{named}`, which ")?;
        }
        if at != named {
            write!(formatter, "leads to `{at}`, which ")?;
        }
        write!(formatter, "is {}", kind.as_ref().map_or_else(|| "not there".to_owned(), noun))
    }
}

/// A kind of file with its article.
pub(crate) fn noun(kind: &Kind) -> String {
    match kind {
        Kind::Directory => "a directory".into(),
        Kind::File(_) => "a file".into(),
        Kind::Symlink(target) => format!("a symbolic link to `{}`", Readable(target)),
        Kind::CharDevice { .. } | Kind::BlockDevice { .. } => "a device".into(),
        Kind::Fifo => "a named pipe".into(),
    }
}

/// The path that the target of a link means, by its letters.
pub(crate) fn target_of(link: &TreePath, target: &[u8]) -> TreePath {
    match target.first() {
        Some(b'/') => TreePath::new(target),
        _ => link.parent().unwrap_or_else(TreePath::root).join(target),
    }
}
