//! Paths inside an image.

use std::cmp::Ordering;
use std::fmt;

use crate::shown;

/// An absolute path inside an image: bytes, without `.`, `..`, empty components and a slash at the end.
///
/// The root is `/`. The order is that of a walk: a directory, then what is in it, then its next sibling.
/// `Display` escapes what is not printable UTF-8, so it is for people, not for use as a path.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TreePath(Vec<u8>);

impl TreePath {
    /// The path `/`.
    pub fn root() -> TreePath {
        TreePath(b"/".to_vec())
    }

    /// Makes a path absolute and cleans it by its letters alone: `a//./b/../c` becomes `/a/c`, and `..` stops at the root.
    pub fn new(path: impl AsRef<[u8]>) -> TreePath {
        TreePath::root().join(path)
    }

    /// A path that is text, made absolute and clean: text that can be used as a path again.
    pub(crate) fn cleaned(path: &str) -> String {
        String::from_utf8(TreePath::new(path).0).expect("cleaning text by its `/` leaves text")
    }

    /// The path with its leading slash.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path without its leading slash, as tar archives name files; empty for the root.
    pub fn relative(&self) -> &[u8] {
        &self.0[1..]
    }

    /// Whether this is `/`.
    pub(crate) fn is_root(&self) -> bool {
        self.0.len() == 1
    }

    /// The names from the root down; none for the root.
    pub(crate) fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.relative().split(|byte| *byte == b'/').filter(|component| !component.is_empty())
    }

    /// The last name; `None` for the root.
    pub fn file_name(&self) -> Option<&[u8]> {
        self.components().next_back()
    }

    /// The directory that holds the file; `None` for the root.
    pub fn parent(&self) -> Option<TreePath> {
        if self.is_root() {
            return None;
        }
        let slash = self.0.iter().rposition(|byte| *byte == b'/').expect("every path begins with a slash");
        Some(TreePath(self.0[..slash.max(1)].to_vec()))
    }

    /// All directories above the file, from the root down, without the file itself.
    pub(crate) fn ancestors(&self) -> Vec<TreePath> {
        let mut ancestors: Vec<TreePath> = std::iter::successors(self.parent(), TreePath::parent).collect();
        ancestors.reverse();
        ancestors
    }

    /// The path with more components below it, cleaned like [`TreePath::new`].
    pub(crate) fn join(&self, path: impl AsRef<[u8]>) -> TreePath {
        let mut joined = self.clone();
        for component in path.as_ref().split(|byte| *byte == b'/') {
            joined.push(component);
        }
        joined
    }

    /// The path of a file in this directory by its name in a tree, which needs no cleaning.
    pub(super) fn child(&self, name: &[u8]) -> TreePath {
        let mut path = Vec::with_capacity(self.0.len() + 1 + name.len());
        path.extend_from_slice(&self.0);
        if !self.is_root() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        TreePath(path)
    }

    /// Whether the file is `directory` itself or below it.
    pub fn starts_with(&self, directory: &TreePath) -> bool {
        directory.is_root()
            || self.0.strip_prefix(directory.0.as_slice()).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
    }

    /// Adds one component that a caller may not have checked.
    fn push(&mut self, component: &[u8]) {
        match component {
            b"" | b"." => {}
            b".." => *self = self.parent().unwrap_or_else(TreePath::root),
            name => {
                if !self.is_root() {
                    self.0.push(b'/');
                }
                self.0.extend_from_slice(name);
            }
        }
    }
}

/// The components of a path that are left when it is cleaned by its letters alone: no empty ones, no `.`, and each `..` takes the
/// name before it along. Those that have none before them stay, at the front.
pub(crate) fn cleaned_components(path: &[u8]) -> Vec<&[u8]> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for component in path.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." if kept.last().is_some_and(|last| *last != b"..") => drop(kept.pop()),
            other => kept.push(other),
        }
    }
    kept
}

impl Ord for TreePath {
    fn cmp(&self, other: &TreePath) -> Ordering {
        // Paths of one tree begin alike, and eight bytes at a time are compared quicker than one.
        let (ours, _) = self.0.as_chunks::<8>();
        let (theirs, _) = other.0.as_chunks::<8>();
        let alike = 8 * ours.iter().zip(theirs).take_while(|(one, two)| one == two).count();
        // A slash sorts before every other byte, so that `/a/b` comes before `/a-b`.
        let key = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
        self.0[alike..].iter().map(key).cmp(other.0[alike..].iter().map(key))
    }
}

impl PartialOrd for TreePath {
    fn partial_cmp(&self, other: &TreePath) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The bytes of a name as text, for whoever makes it harmless: what is not UTF-8 in it becomes `\\x…`.
pub(crate) fn name_text(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

/// Bytes of a path or of a link's target, as a message has them: with escapes for what is not printable UTF-8.
pub(crate) struct Readable<'b>(pub(crate) &'b [u8]);

impl fmt::Display for TreePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Readable(&self.0).fmt(formatter)
    }
}

impl fmt::Display for Readable<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if character.is_control() || shown::is_harmful(character) {
                    write!(formatter, "{}", character.escape_default())?;
                } else {
                    write!(formatter, "{character}")?;
                }
            }
            for byte in chunk.invalid() {
                write!(formatter, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{self}`")
    }
}

impl From<&str> for TreePath {
    fn from(path: &str) -> TreePath {
        TreePath::new(path)
    }
}
