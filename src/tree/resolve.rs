//! Symbolic links, resolved inside the tree.
//!
//! The rules are those of path_resolution(7) for a process whose root is the tree's root: an absolute target starts at
//! the root, `..` at the root stays there, and more than 40 links are an error.

use super::map::Entry;
use super::path::cleaned_components;
use super::{Error, Kind, Tree, TreePath};

/// The kernel's limit on symbolic links in one resolution (`MAXSYMLINKS`).
const MOST_LINKS: usize = 40;

/// What to do when the last component of a path is a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// Go on to its target, as `stat` does.
    Last,
    /// Stop at the link itself, as `lstat` does.
    Never,
}

#[derive(Clone, Copy, PartialEq)]
enum Missing {
    Refuse,
    Allow,
}

/// What `..` in the target of a link means.
#[derive(Clone, Copy, PartialEq)]
enum Dots {
    /// The parent of wherever the components before it lead, as for the kernel.
    Walked,
    /// It takes away the name before it, whatever that name is, or whether it is there.
    Lexical,
}

impl Tree {
    /// The path at which a file really is, with no symbolic link in it (but perhaps the last, see [`Follow`]).
    /// Every component must exist.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotADirectory`] or [`Error::Loop`] at the first component that does not lead on.
    pub fn resolve(&self, path: &TreePath, follow: Follow) -> Result<TreePath, Error> {
        self.resolve_components(path, follow, Missing::Refuse, Dots::Walked)
    }

    /// As [`Tree::resolve`], but the end of the path need not exist: what is missing is taken as it is written.
    /// A link to a missing target leads to that target.
    ///
    /// # Errors
    /// [`Error::NotADirectory`] or [`Error::Loop`].
    pub fn resolve_for_create(&self, path: &TreePath, follow: Follow) -> Result<TreePath, Error> {
        self.resolve_components(path, follow, Missing::Allow, Dots::Walked)
    }

    /// As [`Tree::resolve_for_create`] with [`Follow::Last`], but the target of each link is cleaned by its letters before it is
    /// followed: that is how BuildKit's file operations read a path, so `nothing/../file` leads to `file`.
    ///
    /// # Errors
    /// [`Error::NotADirectory`] or [`Error::Loop`].
    pub(crate) fn resolve_by_letters(&self, path: &TreePath) -> Result<TreePath, Error> {
        self.resolve_components(path, Follow::Last, Missing::Allow, Dots::Lexical)
    }

    fn resolve_components(
        &self,
        path: &TreePath,
        follow: Follow,
        missing: Missing,
        dots: Dots,
    ) -> Result<TreePath, Error> {
        let mut waiting: Vec<Vec<u8>> = path.components().map(<[u8]>::to_vec).collect();
        waiting.reverse();
        // The entries from the root to the current place; `None` where nothing exists.
        let mut here: Vec<Option<&Entry>> = vec![Some(&self.root)];
        let mut resolved = TreePath::root();
        let mut links = 0;
        while let Some(component) = waiting.pop() {
            match component.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    if here.len() > 1 {
                        here.pop();
                        resolved = resolved.parent().unwrap_or_else(TreePath::root);
                    }
                    continue;
                }
                _ => {}
            }
            let next = resolved.join(&component);
            let entry = match here.last().copied().flatten() {
                Some(directory) if !directory.node.is_directory() => {
                    return Err(Error::NotADirectory { path: resolved });
                }
                Some(directory) => directory.children.get(component.as_slice()).map(|entry| &**entry),
                None => None,
            };
            if entry.is_none() && missing == Missing::Refuse {
                return Err(Error::NotFound { path: next });
            }
            if let Some(Entry { node, .. }) = entry
                && let Kind::Symlink(target) = &node.kind
                && (follow == Follow::Last || !waiting.is_empty())
            {
                links += 1;
                if links > MOST_LINKS {
                    return Err(Error::Loop { path: path.clone() });
                }
                if target.first() == Some(&b'/') {
                    here.truncate(1);
                    resolved = TreePath::root();
                }
                let components = match dots {
                    Dots::Lexical => cleaned_components(target),
                    Dots::Walked => target.split(|byte| *byte == b'/').collect(),
                };
                waiting.extend(components.into_iter().rev().map(<[u8]>::to_vec));
                continue;
            }
            here.push(entry);
            resolved = next;
        }
        Ok(resolved)
    }
}
