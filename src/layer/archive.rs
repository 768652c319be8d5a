//! Archives of the build context, as `ADD` unpacks them, and of root file systems, as `import` takes them: tar, plain or
//! compressed. They are read as a stream; see [`decompress`](mod@super::decompress) for the compressions.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::decompress::Decompressed;
use super::entry::RawKind;
use super::read::Entries;
use super::source::StreamSource;
use super::{EntryPath, Error, LayerWriter, Limits, apply, decompress, sparse};
use crate::oci::Layer;
use crate::store::Store;
use crate::tree::{Content, Kind, LinkId, Metadata, Node, Place, Tree, TreePath};

/// Whether an open file is an archive that [`of_file`] can take apart: after decompression its first block is a header.
/// A compressed file with something else inside is not. `path` is for messages.
///
/// # Errors
/// [`Error::Limit`] for an archive of which no more may be read.
pub fn is_archive(path: &Path, file: File, limits: &Limits) -> Result<bool, Error> {
    let Ok(decoder) = decompress(file, limits) else {
        return Ok(false);
    };
    let mut entries = Entries::new(StreamSource(decoder), &path.display().to_string(), limits);
    match entries.next_entry() {
        // It is one, of which no more than this may be read.
        Err(error @ Error::Limit { .. }) => Err(error),
        first => Ok(matches!(first, Ok(Some(_)))),
    }
}

/// Begins to read an archive of the machine.
///
/// # Errors
/// [`Error::Unreadable`] for what can't be opened, otherwise as [`of_file`].
pub fn read(path: &Path, limits: &Limits) -> Result<Archive, Error> {
    let unreadable = |source| Error::Unreadable { operation: "open", name: path.display().to_string(), source };
    of_file(path, File::open(path).map_err(unreadable)?, limits)
}

/// Begins to read an archive that is open. `path` is for messages.
///
/// # Errors
/// [`Error::Limit`] and [`Error::Archive`] for a compression that can't be begun.
pub(crate) fn of_file(path: &Path, file: File, limits: &Limits) -> Result<Archive, Error> {
    let name = path.display().to_string();
    let decoder = decompress(file, limits).map_err(|error| Error::unreadable(&name, error))?;
    Ok(Archive {
        entries: Entries::new(StreamSource(decoder), &name, limits),
        seen: HashMap::new(),
        files: 0,
        map: None,
    })
}

/// Takes an archive as a layer, entry by entry, in the archive's order and with its owners. The root directory is not part
/// of it.
///
/// The layer can be read and unpacked: an archive whose entries contradict each other is refused here, and not when the
/// image is used.
///
/// # Errors
/// For an archive that is broken or asks for too much, and for entries that contradict each other.
pub fn import(store: &Store, path: &Path) -> Result<Layer, Error> {
    import_from(store, read(path, &Limits::of(store.limits()))?)
}

/// Takes an archive that is begun as a layer.
///
/// # Errors
/// As [`import`].
pub(crate) fn import_from(store: &Store, mut archive: Archive) -> Result<Layer, Error> {
    let mut writer = LayerWriter::new(store)?;
    while let Some((path, node)) = archive.next_entry()? {
        if !path.is_root() {
            EntryPath::file(&path)?;
            writer.append(&path, &node, &mut archive.content())?;
        }
    }
    let layer = writer.finish()?;
    apply(store, &layer.descriptor, layer.diff_id, &mut Tree::empty())?;
    Ok(layer)
}

/// What an archive says of one path.
#[derive(Debug)]
pub(crate) enum Member {
    /// A file of any kind, as yet with this name alone. The place of its bytes means nothing, they come from
    /// [`Archive::content`].
    Node(Node),
    /// Another name of the file at this path, which need not be in the archive, with what the file is to have from now on.
    HardLink(TreePath, Metadata),
}

/// An archive that is being read.
pub struct Archive {
    entries: Entries<StreamSource<Decompressed>>,
    /// What hard links may name.
    seen: HashMap<TreePath, Node>,
    /// How many files there were, each with an id by its number.
    files: u64,
    /// The map of the current entry, when it is a sparse file.
    map: Option<sparse::Map>,
}

impl Archive {
    /// The next entry; `None` at the end.
    ///
    /// The path is cleaned by its letters. Everything but a directory has a link id, which a hard link to it has too; the place
    /// of its bytes means nothing, they come from [`Archive::content`].
    ///
    /// # Errors
    /// As [`Archive::next_member`]; [`Error::Entry`] for a hard link to what was not before it.
    pub fn next_entry(&mut self) -> Result<Option<(TreePath, Node)>, Error> {
        let Some((path, member)) = self.next_member()? else {
            return Ok(None);
        };
        let node = match member {
            Member::Node(node) if node.is_directory() => node,
            Member::Node(node) => {
                self.files += 1;
                Node { link: Some(LinkId::new(u64::MAX, self.files)), ..node }
            }
            Member::HardLink(target, _) => match self.seen.get(&target) {
                Some(node) => node.clone(),
                None => {
                    let reason = format!("a hard link to `{target}`, which is not in the archive before it");
                    return Err(Error::Entry { path, reason });
                }
            },
        };
        if !node.is_directory() {
            self.seen.insert(path.clone(), node.clone());
        }
        Ok(Some((path, node)))
    }

    /// The next entry as the archive has it, hard links not looked up; `None` at the end of the archive, when the whole of a
    /// compressed file has proved to be undamaged.
    ///
    /// # Errors
    /// [`Error::Archive`], [`Error::Entry`] or [`Error::Limit`] for an archive that is broken or asks for too much.
    pub(crate) fn next_member(&mut self) -> Result<Option<(TreePath, Member)>, Error> {
        let Some(raw) = self.entries.next_entry()? else {
            self.entries.source().0.finish().map_err(|error| self.entries.unreadable(error))?;
            return Ok(None);
        };
        let path = TreePath::new(&raw.name);
        self.map = None;
        let kind = match raw.kind {
            RawKind::Directory => Kind::Directory,
            RawKind::File => Kind::File(unplaced(raw.stored)),
            RawKind::Sparse(map) => {
                let content = unplaced(map.size);
                self.map = Some(map);
                Kind::File(content)
            }
            RawKind::Symlink(target) => Kind::Symlink(target),
            RawKind::CharDevice(major, minor) => Kind::CharDevice { major, minor },
            RawKind::BlockDevice(major, minor) => Kind::BlockDevice { major, minor },
            RawKind::Fifo => Kind::Fifo,
            RawKind::HardLink(target) => {
                return Ok(Some((path, Member::HardLink(TreePath::new(target), raw.metadata))));
            }
        };
        Ok(Some((path, Member::Node(Node::new(raw.metadata, kind)))))
    }

    /// The bytes of the current entry, as many as its node says; nothing for a hard link.
    pub fn content(&mut self) -> impl Read + '_ {
        sparse::Expanded::new(self.entries.content(), self.map.take())
    }

    /// Puts the bytes of the current entry into a file, from an offset on, and returns how many there are. What the archive
    /// does not store stays a hole, also at the end: the file may be shorter than that.
    ///
    /// # Errors
    /// [`Error::Archive`] where the archive ends too early, [`Error::Unreadable`] for what the kernel refuses.
    pub(crate) fn spool(&mut self, file: &File, offset: u64) -> Result<u64, Error> {
        let stored = self.entries.stored();
        let map = self.map.take().unwrap_or_else(|| sparse::Map { size: stored, parts: vec![(0, stored)] });
        sparse::lay_out(&map, &mut self.entries.content(), file, offset)
            .map_err(|error| self.entries.unreadable(error))?;
        Ok(map.size)
    }
}

/// A file whose bytes are still in the stream.
fn unplaced(size: u64) -> Content {
    Content { size, place: Place::Bytes(Arc::from([])) }
}
