//! The files of a source as a key has them: a line for each, and which of them are second names of another.

use std::collections::HashMap;

use super::selection::{Choice, Selected, Selection};
use crate::cache::{Draft, Entry, EntryKind, Listing, Roots};
use crate::machine::Error;
use crate::machine::inputs::Inputs;
use crate::tree::{Kind, LinkId, Node, TreePath, name_text};

/// The files of one source, as the key has them.
pub(super) struct Listed {
    pub(crate) listing: Listing,
    /// Which of them are second names of another, as `second = first`.
    pub(crate) hard_links: Vec<String>,
}

/// Everything about the files of a source that its key is made of.
///
/// # Errors
/// For content that can't be read.
pub(super) fn list(selections: &[Selection], mut roots: Roots, inputs: &Inputs) -> Result<Listed, Error> {
    let mut list = List::default();
    for selection in selections {
        let before = list.entries;
        let folder = match &selection.what {
            Selected::File(node) => {
                list.push(inputs, &selection.name, node)?;
                folder_of(&selection.path)
            }
            Selected::Directory(directory) => {
                // Where patterns choose, names are relative to where the copy starts.
                let is_whole = directory.choice() != Choice::Included;
                let (name, folder) = match selection.path.file_name() {
                    Some(name) if is_whole => (name, folder_of(&selection.path)),
                    _ => (&b""[..], text_of(&selection.path)),
                };
                // The directory itself: a file and a directory with only such a file in it are not the same to copy.
                if is_whole {
                    list.push(inputs, if name.is_empty() { b"." } else { name }, directory.node())?;
                }
                let mut first_names = HashMap::new();
                let mut whole = name.to_vec();
                for (path, node, _) in directory.entries() {
                    list.note_link(&path, node, &mut first_names);
                    whole.truncate(name.len());
                    whole.extend_from_slice(if name.is_empty() { path.relative() } else { path.as_bytes() });
                    list.push(inputs, &whole, node)?;
                }
                folder
            }
        };
        roots.push(folder, list.entries - before);
    }
    let listing = list.draft.finish(roots).map_err(spool_error)?;
    Ok(Listed { listing, hard_links: list.hard_links })
}

/// A listing as it grows.
#[derive(Default)]
struct List {
    draft: Draft,
    entries: u64,
    hard_links: Vec<String>,
    /// The entry that was written last: its memory serves the next.
    entry: Option<Entry>,
}

impl List {
    fn push(&mut self, inputs: &Inputs, path: &[u8], node: &Node) -> Result<(), Error> {
        let kind = match &node.kind {
            Kind::File(content) => EntryKind::File { size: content.size, digest: inputs.digest(content)? },
            Kind::Directory => EntryKind::Directory,
            Kind::Symlink(target) => EntryKind::Symlink { target: target.clone() },
            Kind::CharDevice { major, minor } => EntryKind::CharDevice { major: *major, minor: *minor },
            Kind::BlockDevice { major, minor } => EntryKind::BlockDevice { major: *major, minor: *minor },
            Kind::Fifo => EntryKind::Fifo,
        };
        let metadata = &node.metadata;
        let (mode, uid, gid) = (metadata.mode, metadata.uid, metadata.gid);
        let xattrs = metadata.xattrs.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        let mut whole = self.entry.take().map(|entry| entry.path).unwrap_or_default();
        whole.clear();
        whole.extend_from_slice(path);
        let entry = self.entry.insert(Entry { path: whole, mode, uid, gid, kind, xattrs });
        self.entries += 1;
        self.draft.push(entry).map_err(spool_error)
    }

    /// Notes a second name of a file. The names of a link or a device are copied as files of their own.
    fn note_link(&mut self, path: &TreePath, node: &Node, first_names: &mut HashMap<LinkId, TreePath>) {
        let (Kind::File(_), Some(link)) = (&node.kind, node.link) else { return };
        let first = first_names.entry(link).or_insert_with(|| path.clone());
        if first != path {
            self.hard_links.push(format!("{} = {}", path.relative().escape_ascii(), first.relative().escape_ascii()));
        }
    }
}

fn spool_error(source: std::io::Error) -> Error {
    Error::Io { operation: "write the listing to", path: std::env::temp_dir(), source }
}

/// The folder that a path lies in, as [`Roots`] have it.
fn folder_of(path: &TreePath) -> String {
    path.parent().map_or_else(String::new, |folder| text_of(&folder))
}

fn text_of(path: &TreePath) -> String {
    name_text(path.relative())
}
