//! What a process changed, from the upper directory of an overlay, as a layer.
//!
//! Specification: kernel, Documentation/filesystems/overlayfs.rst; the choices are those of BuildKit's overlay differ:
//!
//! - Entries are in the order of a walk. The directories that lead to a changed file are in the layer too, as the upper
//!   directory has them: with the new modification time that the change gave them.
//! - What is equal to the lower layers' file (owner, mode, time, attributes, bytes) is left out; overlayfs copies a file
//!   up when it is only opened for writing. A file that got another name stays, with both of its names, so that the
//!   hard link can be made wherever the layer is unpacked.
//! - An opaque directory becomes deletions of the names that it hides, not an opaque mark.
//! - Sockets are left out, and the root directory itself: the upper directory stands for it and was made by this program.
//!   Of the extended attributes, `security.capability` and `user.*` are kept, except for those in which an overlay keeps its
//!   state: a process may set `user.overlay.opaque` where that is not a mark, but elsewhere it would be one.
//!
//! [`capture_full`] does the same where there was no overlay but a copy of the whole file system: what is missing from the
//! copy was deleted.
//!
//! The process must have ended: files that change meanwhile are an error. Left out: overlays mounted with
//! `redirect_dir=on` or `metacopy=on`; a directory that only they can make is refused.

use std::collections::{BTreeMap, HashMap};
use std::fs::Metadata as HostMetadata;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::sink::Sink;
use super::source::read_full;
use super::upper::{Below, Capture, Upper, is_kept_attribute, link_of, maker};
use super::{Error, LayerWriter, open};
use crate::progress::{Task, Work};
use crate::store::Store;
use crate::tree::{Change, Content, DEEPEST, Kind, LinkId, Node, Tree, TreePath};

/// Writes what the upper directory of an overlay says about the tree below it, and returns it as changes.
///
/// The nodes of the changes name files of the upper directory; for a tree of lasting places, finish the layer and apply it.
///
/// # Errors
/// [`Error::Io`] for what can't be read, [`Error::Unwritable`] and [`Error::Reserved`] for what no layer can have, [`Error::Stopped`] where that was wished.
pub fn capture<S: Sink>(
    upper: &Path,
    parent: &Tree,
    writer: &mut LayerWriter<'_, S>,
    options: Capture,
) -> Result<Vec<Change>, Error> {
    Capturing::new(upper, parent, writer, options, Below::Merged).run()
}

/// As [`capture`], where the directory is a whole file system that began as a copy of the tree.
///
/// # Errors
/// As [`capture`].
pub fn capture_full<S: Sink>(
    root: &Path,
    parent: &Tree,
    writer: &mut LayerWriter<'_, S>,
    options: Capture,
) -> Result<Vec<Change>, Error> {
    Capturing::new(root, parent, writer, options, Below::Hidden).run()
}

/// What a name in a directory is about.
enum Found {
    File(PathBuf, HostMetadata),
    Gone,
}

/// A directory that is being walked.
struct Open {
    path: TreePath,
    below: Below,
    names: std::collections::btree_map::IntoIter<Vec<u8>, Found>,
}

struct Capturing<'a, 's, S: Sink> {
    store: &'s Store,
    parent: &'a Tree,
    writer: &'a mut LayerWriter<'s, S>,
    changes: Vec<Change>,
    /// Directories on the way that are not in the layer yet, because nothing in them was.
    waiting: Vec<(TreePath, Node)>,
    root: PathBuf,
    upper: Upper<'a>,
    /// The names of each file that has several; listed when the first such file is met.
    names: Option<HashMap<LinkId, Vec<TreePath>>>,
    task: Task,
}

impl<'a, 's, S: Sink> Capturing<'a, 's, S> {
    fn new(
        root: &Path,
        parent: &'a Tree,
        writer: &'a mut LayerWriter<'s, S>,
        options: Capture,
        start: Below,
    ) -> Capturing<'a, 's, S> {
        let upper = Upper { parent, options, start, maker: maker(root), precision: writer.precision() };
        Capturing {
            task: writer.store().meter().begin(Work::Comparing, None),
            store: writer.store(),
            parent,
            writer,
            changes: Vec::new(),
            waiting: Vec::new(),
            root: root.to_path_buf(),
            upper,
            names: None,
        }
    }

    /// Walks the directory with a stack of its own: a process can nest directories deeper than a thread's stack allows.
    fn run(mut self) -> Result<Vec<Change>, Error> {
        let mut open = vec![self.enter(&self.root, TreePath::root(), self.upper.start)?];
        while let Some(directory) = open.last_mut() {
            self.task.add(1)?;
            let (path, below) = (&directory.path, directory.below);
            match directory.names.next() {
                Some((name, Found::Gone)) => {
                    let path = path.join(&name);
                    self.deletion(&path)?;
                }
                Some((name, Found::File(host, metadata))) => {
                    let path = path.join(&name);
                    if let Some(below) = self.file(&host, &path, &metadata, below)? {
                        open.push(self.enter(&host, path, below)?);
                    }
                }
                None => {
                    if self.waiting.last().is_some_and(|(waiting, _)| waiting == path) {
                        self.waiting.pop();
                    }
                    open.pop();
                }
            }
        }
        Ok(self.changes)
    }

    fn enter(&self, host: &Path, path: TreePath, below: Below) -> Result<Open, Error> {
        if path.components().count() > DEEPEST {
            let reason = format!("it is more than {DEEPEST} directories deep");
            return Err(Error::Unwritable { path, reason });
        }
        let names = self.list(host, &path, below)?.into_iter();
        Ok(Open { path, below, names })
    }

    /// Everything that a directory says, sorted: its files, and the names that it hides.
    fn list(&self, host: &Path, path: &TreePath, below: Below) -> Result<BTreeMap<Vec<u8>, Found>, Error> {
        let mut found = BTreeMap::new();
        if below == Below::Hidden {
            let names = self.parent.children(path).map(|(name, _)| (name.to_vec(), Found::Gone));
            found.extend(names);
        }
        for entry in std::fs::read_dir(host).map_err(Error::io("list", host))? {
            let entry = entry.map_err(Error::io("list", host))?;
            let metadata = entry.path().symlink_metadata().map_err(Error::io("read", entry.path()))?;
            let name = entry.file_name().into_vec();
            let is_gone = metadata.file_type().is_socket() || self.upper.is_whiteout(&entry.path(), &metadata)?;
            found.insert(name, if is_gone { Found::Gone } else { Found::File(entry.path(), metadata) });
        }
        Ok(found)
    }

    /// Whether a file with several names has them in this directory only: the tree does not know all of them as one file.
    fn has_new_name(&mut self, link: LinkId) -> Result<bool, Error> {
        let names = match &self.names {
            Some(names) => names,
            None => self.names.insert(collect_names(&self.root)?),
        };
        let mut before = names.get(&link).into_iter().flatten().map(|path| self.parent.get(path)?.link);
        let first = before.next().flatten();
        Ok(first.is_none() || before.any(|other| other != first))
    }

    fn deletion(&mut self, path: &TreePath) -> Result<(), Error> {
        let Some(node) = self.parent.get(path) else {
            return Ok(());
        };
        self.write_waiting(path)?;
        self.writer.whiteout(path)?;
        self.changes.push(Change::Deleted { path: path.clone(), node: node.clone() });
        Ok(())
    }

    /// Captures one file; of a directory, says how what is in it is to be taken.
    fn file(
        &mut self,
        host: &Path,
        path: &TreePath,
        metadata: &HostMetadata,
        below: Below,
    ) -> Result<Option<Below>, Error> {
        let node = self.upper.node(host, path, metadata)?;
        let before = self.parent.get(path);
        let is_equal = match before {
            Some(before) => self.is_equal(before, &node, path)?,
            None => false,
        };
        let has_new_name = match (is_equal, node.link) {
            (true, Some(link)) => self.has_new_name(link)?,
            _ => false,
        };
        if !is_equal || has_new_name {
            self.write_waiting(path)?;
            let written = self.clamped(&node);
            self.writer.append_node(path, &written)?;
            if !is_equal {
                self.changes.push(match before {
                    Some(before) => Change::Modified { path: path.clone(), before: before.clone(), after: written },
                    None => Change::Added { path: path.clone(), node: written },
                });
            }
        }
        if !node.is_directory() {
            return Ok(None);
        }
        if is_equal {
            self.waiting.push((path.clone(), node));
        }
        let is_merged =
            below == Below::Merged && before.is_some_and(Node::is_directory) && !self.upper.is_opaque(host)?;
        Ok(Some(if is_merged { Below::Merged } else { Below::Hidden }))
    }

    /// Writes the directories that lead to a path, as far as the layer does not have them.
    fn write_waiting(&mut self, path: &TreePath) -> Result<(), Error> {
        for (directory, node) in std::mem::take(&mut self.waiting) {
            debug_assert!(path.starts_with(&directory), "a directory waits only while it is being listed");
            let written = self.clamped(&node);
            self.writer.append_node(&directory, &written)?;
        }
        Ok(())
    }

    /// Whether a file is what the tree has, to the last byte.
    fn is_equal(&self, before: &Node, now: &Node, path: &TreePath) -> Result<bool, Error> {
        let mut known = before.metadata.clone();
        known.xattrs = before.metadata.xattrs.iter().filter(|(name, _)| is_kept_attribute(name)).map(owned).collect();
        if known != now.metadata {
            return Ok(false);
        }
        match (&before.kind, &now.kind) {
            (Kind::File(before), Kind::File(now)) if before.size == now.size => self.same_bytes(before, now, path),
            (Kind::File(_), Kind::File(_)) => Ok(false),
            (before, now) => Ok(before == now),
        }
    }

    fn same_bytes(&self, before: &Content, now: &Content, path: &TreePath) -> Result<bool, Error> {
        let failed = |source| Error::Content { path: path.clone(), source };
        let mut readers = [open(self.store, before)?, open(self.store, now)?];
        let mut buffers = [vec![0; 64 << 10], vec![0; 64 << 10]];
        loop {
            self.store.meter().check()?;
            let left = read_full(&mut readers[0], &mut buffers[0]).map_err(failed)?;
            let right = read_full(&mut readers[1], &mut buffers[1]).map_err(failed)?;
            if buffers[0][..left] != buffers[1][..right] {
                return Ok(false);
            }
            if left == 0 {
                return Ok(true);
            }
        }
    }

    fn clamped(&self, node: &Node) -> Node {
        let mut node = node.clone();
        if let Some(latest) = self.upper.options.clamp_mtime
            && (node.metadata.mtime, node.metadata.mtime_nanos) > (latest, 0)
        {
            node.metadata.mtime = latest;
            node.metadata.mtime_nanos = 0;
        }
        node
    }
}

/// Lists the names of every file below a directory that has more than one.
fn collect_names(root: &Path) -> Result<HashMap<LinkId, Vec<TreePath>>, Error> {
    let mut names: HashMap<LinkId, Vec<TreePath>> = HashMap::new();
    let mut waiting = vec![(root.to_path_buf(), TreePath::root())];
    while let Some((host, path)) = waiting.pop() {
        for entry in std::fs::read_dir(&host).map_err(Error::io("list", &host))? {
            let entry = entry.map_err(Error::io("list", &host))?;
            let metadata = entry.path().symlink_metadata().map_err(Error::io("read", entry.path()))?;
            let path = path.join(entry.file_name().into_vec());
            if metadata.is_dir() {
                waiting.push((entry.path(), path));
            } else if let Some(link) = link_of(&metadata) {
                names.entry(link).or_default().push(path);
            }
        }
    }
    Ok(names)
}

fn owned((name, value): (&[u8], &[u8])) -> (Vec<u8>, Vec<u8>) {
    (name.to_vec(), value.to_vec())
}
