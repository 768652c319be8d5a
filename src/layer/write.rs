//! Writing a layer: nodes of a tree, one after the other, straight into a blob.
//!
//! The archive is canonical: the same nodes in the same order give the same bytes. Format: ustar headers; a PAX header
//! only for what ustar can't express (a long or non-ASCII path or target, a number that is too large, a time before 1970,
//! an extended attribute as `SCHILY.xattr.<name>`). Names have no leading slash, directories end with one; user and
//! group names are empty; the archive ends with two empty blocks. Times are whole seconds unless asked otherwise.
//!
//! What is written can be read: every name is an [`EntryPath`], extension headers are no larger than other programs
//! accept, and the whole archive keeps to the store's limits. Attributes in which overlayfs keeps its own state are not part of an
//! image, whoever set them.
//!
//! A file's bytes go from its reader into the blob's buffer without a copy in between. A reader that has fewer or more
//! bytes than the node says is an error, so the archive that is written is never corrupt.

use std::collections::HashMap;
use std::io::Read;

use tar::{EntryType, Header};

use super::limits::{Bound, Budget, Exceeded, LARGEST_PORTABLE_HEADER, Limits};
use super::overlay::is_overlay_attribute;
use super::sink::Sink;
use super::ustar::{BLOCK, octal, set_checksum, set_name, set_target};
use super::{EntryPath, Error, Opener, pax};
use crate::oci::{Descriptor, DiffId, Layer, media_type};
use crate::progress::{Task, Work};
use crate::store::{self, BlobWriter, Store};
use crate::tree::{Content, Kind, LinkId, Metadata, Node, Tree, TreePath};

/// So much of a file is copied before it is counted, and somebody's wish to stop is looked for.
const STRETCH: u64 = 1 << 20;
/// Octal digits of the 8-byte and 12-byte fields of a header.
const LARGEST_SHORT: u64 = 0o7777777;
const LARGEST_LONG: u64 = 0o77777777777;

/// How exactly modification times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Times {
    /// Whole seconds; the rest is dropped.
    #[default]
    Seconds,
    /// With nanoseconds, in a PAX header when they are not zero.
    Nanoseconds,
}

/// A layer in the making. Entries are written in the order of the calls; callers sort, parents first.
///
/// It becomes a layer by [`LayerWriter::finish`]; dropped before, it leaves nothing.
pub struct LayerWriter<'s, S: Sink = BlobWriter> {
    sink: S,
    opener: Opener<'s>,
    /// The first path of each file with several names, as its later names refer to it.
    links: HashMap<LinkId, TreePath>,
    times: Times,
    entries: u64,
    budget: Budget,
    task: Task,
}

impl<'s> LayerWriter<'s> {
    /// Begins a layer.
    ///
    /// # Errors
    /// [`Error::Store`] where the store can't be written to.
    pub fn new(store: &'s Store) -> Result<LayerWriter<'s>, Error> {
        Ok(LayerWriter::to(store.blob_writer()?, store))
    }

    /// Ends the archive and stores it; it is then on disk. Idempotent for equal layers.
    ///
    /// # Errors
    /// [`Error::Store`] for what the disk refuses.
    pub fn finish(mut self) -> Result<Layer, Error> {
        self.write(&[0; 2 * BLOCK as usize])?;
        let (digest, size) = self.sink.commit()?;
        Ok(Layer { descriptor: Descriptor::new(media_type::LAYER, digest, size), diff_id: DiffId(digest) })
    }
}

impl<'s, S: Sink> LayerWriter<'s, S> {
    /// Begins an archive of files of this store that goes elsewhere.
    pub(crate) fn to(sink: S, store: &'s Store) -> LayerWriter<'s, S> {
        LayerWriter {
            sink,
            opener: Opener::new(store),
            links: HashMap::new(),
            times: Times::Seconds,
            entries: 0,
            budget: Budget::new(&Limits::of(store.limits())),
            task: store.meter().begin(Work::Writing, None),
        }
    }

    /// Ends an archive that goes elsewhere.
    ///
    /// # Errors
    /// What the place says.
    pub(crate) fn end(mut self) -> Result<(), Error> {
        self.write(&[0; 2 * BLOCK as usize])
    }

    /// Sets how exactly times are written.
    pub fn times(mut self, times: Times) -> LayerWriter<'s, S> {
        self.times = times;
        self
    }

    /// Says how many bytes the files will have, where somebody knows it, for whoever looks on.
    pub(crate) fn expecting(mut self, bytes: u64) -> LayerWriter<'s, S> {
        self.task = self.store().meter().begin(Work::Writing, Some(bytes));
        self
    }

    /// The store that the layer goes to.
    pub(crate) fn store(&self) -> &'s Store {
        self.opener.store()
    }

    /// How exactly times are written.
    pub(crate) fn precision(&self) -> Times {
        self.times
    }

    /// How many entries were written so far.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Writes one file. A second name of a file that this layer already has, whatever its kind, becomes a hard link.
    /// `content` is read only for the first name of a regular file.
    ///
    /// # Errors
    /// [`Error::Changed`] where the content has another length than the node says; [`Error::Unwritable`], [`Error::Reserved`] and [`Error::Limit`] for what a layer
    /// can't have; [`Error::Stopped`] where that was wished.
    pub(crate) fn append(&mut self, path: &TreePath, node: &Node, content: &mut dyn Read) -> Result<(), Error> {
        self.append_with(path, node, |writer, file| writer.append_file(path, &node.metadata, file, content))
    }

    /// Writes one file whose bytes are where its node says.
    ///
    /// # Errors
    /// As [`LayerWriter::append`], and for content that can't be opened.
    pub fn append_node(&mut self, path: &TreePath, node: &Node) -> Result<(), Error> {
        self.append_with(path, node, |writer, file| {
            let mut content = writer.opener.open(file).map_err(|error| at(path, error))?;
            writer.append_file(path, &node.metadata, file, &mut content)
        })
    }

    /// Writes everything at and below a path of a tree.
    ///
    /// # Errors
    /// As [`LayerWriter::append_node`], for the first file.
    pub fn append_tree(&mut self, tree: &Tree, path: &TreePath) -> Result<(), Error> {
        for (path, node) in tree.walk(path) {
            self.append_node(&path, node)?;
        }
        Ok(())
    }

    /// Writes that a name of the lower layers is gone.
    ///
    /// # Errors
    /// For a path that no layer can have.
    pub fn whiteout(&mut self, path: &TreePath) -> Result<(), Error> {
        self.append_marker(&EntryPath::whiteout(path)?)
    }

    /// Writes that everything which the lower layers have in a directory is gone.
    ///
    /// # Errors
    /// For a path that no layer can have.
    pub fn opaque(&mut self, path: &TreePath) -> Result<(), Error> {
        self.append_marker(&EntryPath::opaque(path)?)
    }

    fn append_marker(&mut self, path: &EntryPath) -> Result<(), Error> {
        self.header(path, &Metadata::root_owned(0), EntryType::Regular, 0, None, (0, 0))
    }

    /// Writes a second name of a file, and says whether it was one.
    fn append_link(&mut self, path: &TreePath, node: &Node) -> Result<bool, Error> {
        let Some(link) = node.link else {
            return Ok(false);
        };
        let Some(first) = self.links.get(&link).cloned() else {
            self.links.insert(link, path.clone());
            return Ok(false);
        };
        let name = EntryPath::file(path)?;
        self.header(&name, &node.metadata, EntryType::Link, 0, Some(first.relative()), (0, 0))?;
        Ok(true)
    }

    /// Writes one file, of whatever kind; `file` writes a regular one of which this layer has no name yet.
    fn append_with(
        &mut self,
        path: &TreePath,
        node: &Node,
        file: impl FnOnce(&mut Self, &Content) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self.append_link(path, node)? {
            return Ok(());
        }
        let (kind, target, device) = match &node.kind {
            Kind::File(content) => return file(self, content),
            Kind::Directory => (EntryType::Directory, None, (0, 0)),
            Kind::Symlink(target) => (EntryType::Symlink, Some(target.as_slice()), (0, 0)),
            Kind::CharDevice { major: 0, minor: 0 } => return Err(Error::Reserved { path: path.clone() }),
            Kind::CharDevice { major, minor } => (EntryType::Char, None, (*major, *minor)),
            Kind::BlockDevice { major, minor } => (EntryType::Block, None, (*major, *minor)),
            Kind::Fifo => (EntryType::Fifo, None, (0, 0)),
        };
        self.header(&EntryPath::file(path)?, &node.metadata, kind, 0, target, device)
    }

    fn append_file(
        &mut self,
        path: &TreePath,
        metadata: &Metadata,
        file: &Content,
        content: &mut dyn Read,
    ) -> Result<(), Error> {
        self.budget.size(file.size).map_err(|exceeded| limit(path, exceeded))?;
        self.header(&EntryPath::file(path)?, metadata, EntryType::Regular, file.size, None, (0, 0))?;
        if !S::TAKES_FILES {
            return Ok(());
        }
        let failed = |source| Error::Content { path: path.clone(), source };
        let mut copied = 0;
        while copied < file.size {
            let most = STRETCH.min(file.size - copied);
            let count = self.sink.copy_from(content, most).map_err(failed)?;
            copied += count;
            self.task.add(count)?;
            if count < most {
                return Err(changed(path, file.size, copied.to_string()));
            }
        }
        if read_some(content, &mut [0]).map_err(failed)? > 0 {
            return Err(changed(path, file.size, "more".to_string()));
        }
        self.pad(file.size)
    }

    /// Writes the header of one entry, with a PAX header before it if there is anything that ustar can't say.
    fn header(
        &mut self,
        entry: &EntryPath,
        metadata: &Metadata,
        kind: EntryType,
        size: u64,
        target: Option<&[u8]>,
        device: (u32, u32),
    ) -> Result<(), Error> {
        self.task.add(0)?;
        let path = entry.path();
        let mut name = path.relative().to_vec();
        if path.is_root() {
            name.push(b'.');
        }
        if kind == EntryType::Directory {
            name.push(b'/');
        }
        let mut header = Header::new_ustar();
        let mut records = attributes(path, metadata)?;
        self.budget.entries(1 + records.len()).map_err(|exceeded| limit(path, exceeded))?;
        if !set_name(&mut header, &name) {
            records.push((b"path".to_vec(), name.clone()));
        }
        if let Some(target) = target
            && !set_target(&mut header, target)
        {
            records.push((b"linkpath".to_vec(), target.to_vec()));
        }
        let mut number = |key: &str, value: u64, largest: u64| {
            if value > largest {
                records.push((key.as_bytes().to_vec(), value.to_string().into_bytes()));
                return 0;
            }
            value
        };
        let fields = header.as_ustar_mut().expect("the header was made as ustar");
        octal(&mut fields.uid, number("uid", u64::from(metadata.uid), LARGEST_SHORT));
        octal(&mut fields.gid, number("gid", u64::from(metadata.gid), LARGEST_SHORT));
        octal(&mut fields.size, number("size", size, LARGEST_LONG));
        octal(&mut fields.mode, u64::from(metadata.mode & 0o7777));
        octal(&mut fields.mtime, self.time(metadata, &mut records));
        // The two fields are 7 octal digits, more than a Linux device number can have.
        octal(&mut fields.dev_major, device.0.into());
        octal(&mut fields.dev_minor, device.1.into());
        header.set_entry_type(kind);
        if !records.is_empty() {
            self.pax_header(path, records)?;
        }
        set_checksum(&mut header);
        self.write(header.as_bytes())?;
        self.entries += 1;
        Ok(())
    }

    /// The time for a header's field; what the field can't have becomes a record.
    fn time(&self, metadata: &Metadata, records: &mut Vec<pax::Record>) -> u64 {
        let nanos = if self.times == Times::Nanoseconds { metadata.mtime_nanos } else { 0 };
        let whole = u64::try_from(metadata.mtime).ok().filter(|seconds| *seconds <= LARGEST_LONG);
        if whole.is_none() || nanos != 0 {
            records.push((b"mtime".to_vec(), pax::format_time(metadata.mtime, nanos).into_bytes()));
        }
        whole.unwrap_or(0)
    }

    /// Writes an extended header; its records are about the header that follows.
    fn pax_header(&mut self, path: &TreePath, mut records: Vec<pax::Record>) -> Result<(), Error> {
        records.sort();
        let mut body = Vec::new();
        for (key, value) in &records {
            pax::write_record(&mut body, key, value);
        }
        let size = body.len() as u64;
        if size > LARGEST_PORTABLE_HEADER {
            let exceeded = Exceeded { bound: Bound::Header, limit: LARGEST_PORTABLE_HEADER };
            let reason = format!("{exceeded}, and other programs read no larger ones");
            return Err(Error::Unwritable { path: path.clone(), reason });
        }
        self.budget.header(0, size).map_err(|exceeded| limit(path, exceeded))?;
        let folder = path.parent().unwrap_or_else(TreePath::root);
        let name = folder.join("PaxHeaders.0").join(path.file_name().unwrap_or(b"."));
        let mut name: Vec<u8> = name.relative().iter().copied().filter(u8::is_ascii).collect();
        name.truncate(100);
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(&name);
        header.set_mode(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(body.len() as u64);
        header.set_entry_type(EntryType::XHeader);
        let ustar = header.as_ustar_mut().expect("the header was made as ustar");
        ustar.set_device_major(0);
        ustar.set_device_minor(0);
        header.set_cksum();
        self.write(header.as_bytes())?;
        self.write(&body)?;
        self.pad(body.len() as u64)
    }

    fn pad(&mut self, size: u64) -> Result<(), Error> {
        let rest = usize::try_from(size % BLOCK).expect("a remainder of 512 is small");
        if rest == 0 { Ok(()) } else { self.write(&[0; BLOCK as usize][rest..]) }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.sink.write_all(bytes).map_err(|source| {
            store::Error::Io { operation: "write", path: self.sink.path().to_path_buf(), source }.into()
        })
    }
}

/// The records for the extended attributes that belong to an image.
fn attributes(path: &TreePath, metadata: &Metadata) -> Result<Vec<pax::Record>, Error> {
    let mut records = Vec::new();
    for (attribute, value) in metadata.xattrs.iter().filter(|(name, _)| !is_overlay_attribute(name)) {
        if attribute.contains(&b'=') {
            let attribute = String::from_utf8_lossy(attribute);
            let reason = format!("its extended attribute `{attribute}` has a `=` in its name");
            return Err(Error::Unwritable { path: path.clone(), reason });
        }
        records.push(([b"SCHILY.xattr.", attribute].concat(), value.to_vec()));
    }
    Ok(records)
}

fn read_some(reader: &mut dyn Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn limit(path: &TreePath, exceeded: Exceeded) -> Error {
    Error::Limit { name: path.to_string(), exceeded }
}

fn changed(path: &TreePath, expected: u64, actual: String) -> Error {
    Error::Changed { path: path.clone(), expected, actual }
}

/// Says of which file in the image an error is about.
fn at(path: &TreePath, error: Error) -> Error {
    match error {
        Error::Io { source, .. } => Error::Content { path: path.clone(), source },
        other => other,
    }
}
