//! Making the files of one layer on disk, see `unpack.rs` for the rules.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::{self, FchmodatFlags, Mode, SFlag, UtimensatFlags};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, Whence, lseek};

use super::overlay::{Unpack, is_overlay_attribute};
use super::source::read_full;
use super::{Delta, Error, Opener, Ownership};
use crate::owner::Written;
use crate::progress::{Task, Work};
use crate::store::Store;
use crate::tree::{Content, Kind, LinkId, Metadata, Node, TreePath};

/// So much of a file is copied before it is counted, and somebody's wish to stop is looked for.
const STRETCH: u64 = 4 << 20;

/// The directory that one layer's files are made in, and what is remembered on the way.
pub(super) struct Unpacking<'s> {
    root: OwnedFd,
    root_path: PathBuf,
    options: Unpack,
    opener: Opener<'s>,
    /// The first path of each file with several names.
    links: HashMap<LinkId, TreePath>,
    /// The directory that was opened last.
    open: Option<(TreePath, OwnedFd)>,
    notes: Vec<String>,
    buffer: Vec<u8>,
    task: Task,
}

impl<'s> Unpacking<'s> {
    /// Begins in the directory, which is empty; `path` is for messages.
    pub(super) fn new(store: &'s Store, root: OwnedFd, path: &Path, options: Unpack, delta: &Delta) -> Unpacking<'s> {
        let size = |node: &Node| if let Kind::File(content) = &node.kind { content.size } else { 0 };
        let bytes = delta.own.walk(&TreePath::root()).map(|(_, node)| size(node)).sum();
        Unpacking {
            root,
            root_path: path.to_path_buf(),
            options,
            opener: Opener::new(store),
            links: HashMap::new(),
            open: None,
            notes: Vec::new(),
            buffer: vec![0; 128 << 10],
            task: store.meter().begin(Work::Unpacking, Some(bytes)),
        }
    }

    /// Makes everything, and returns what could not be made.
    pub(super) fn run(mut self, delta: &Delta) -> Result<Vec<String>, Error> {
        let mut directories = Vec::new();
        for (path, node) in delta.own.walk(&TreePath::root()) {
            self.task.add(0)?;
            if node.is_directory() {
                self.make_directory(&path)?;
                directories.push((path, node));
            } else {
                self.make_file(&path, node)?;
            }
        }
        for path in &delta.whiteouts {
            self.make_whiteout(path)?;
        }
        for (path, node) in directories.into_iter().rev() {
            let is_opaque = delta.opaques.contains(&path);
            self.finish_directory(&path, &node.metadata, is_opaque)?;
        }
        Ok(self.notes)
    }

    fn make_directory(&mut self, path: &TreePath) -> Result<(), Error> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(());
        };
        let made = stat::mkdirat(self.directory(&parent)?, OsStr::from_bytes(name), Mode::S_IRWXU);
        made.map_err(|errno| self.failed("create the directory", path, errno))
    }

    fn make_file(&mut self, path: &TreePath, node: &Node) -> Result<(), Error> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(());
        };
        let name = OsStr::from_bytes(name);
        let Some(link) = node.link else {
            return self.make_first(path, &parent, name, node).map(|_| ());
        };
        if let Some(first) = self.links.get(&link).cloned() {
            return self.make_link(path, &first);
        }
        if self.make_first(path, &parent, name, node)? == Outcome::Made {
            self.links.insert(link, path.clone());
        }
        Ok(())
    }

    /// Makes a file under the first of its names.
    fn make_first(&mut self, path: &TreePath, parent: &TreePath, name: &OsStr, node: &Node) -> Result<Outcome, Error> {
        match &node.kind {
            Kind::Directory => {}
            Kind::File(content) => self.make_regular(path, parent, name, node, content)?,
            Kind::Symlink(target) => {
                let target = OsStr::from_bytes(target);
                let made = nix::unistd::symlinkat(target, self.directory(parent)?, name);
                made.map_err(|errno| self.failed("create the symbolic link", path, errno))?;
                self.finish_by_name(path, parent, name, &node.metadata, ModeBits::None)?;
            }
            Kind::Fifo => return self.make_node(path, parent, name, node, SFlag::S_IFIFO, (0, 0)),
            Kind::CharDevice { major, minor } => {
                return self.make_node(path, parent, name, node, SFlag::S_IFCHR, (*major, *minor));
            }
            Kind::BlockDevice { major, minor } => {
                return self.make_node(path, parent, name, node, SFlag::S_IFBLK, (*major, *minor));
            }
        }
        Ok(Outcome::Made)
    }

    fn make_regular(
        &mut self,
        path: &TreePath,
        parent: &TreePath,
        name: &OsStr,
        node: &Node,
        content: &Content,
    ) -> Result<(), Error> {
        let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let made = openat(self.directory(parent)?, name, flags, Mode::S_IRUSR | Mode::S_IWUSR);
        let mut file = File::from(made.map_err(|errno| self.failed("create", path, errno))?);
        self.copy(path, content, &mut file)?;
        self.finish_open(path, &file, &node.metadata)
    }

    /// Copies the bytes: small files through a buffer, large ones inside the kernel where it can.
    fn copy(&mut self, path: &TreePath, content: &Content, file: &mut File) -> Result<(), Error> {
        let failed = |source| Error::Content { path: path.clone(), source };
        let mut done = 0;
        if content.size > self.buffer.len() as u64
            && let Some((archive, offset)) = self.opener.archive_of(content)?
        {
            done = copy_with_holes(&archive, offset, content.size, file, &self.task).map_err(failed)?;
        } else {
            let mut reader = self.opener.open(content)?;
            while done < content.size {
                let most = self.buffer.len().min(usize::try_from(content.size - done).unwrap_or(usize::MAX));
                let count = read_full(&mut reader, &mut self.buffer[..most]).map_err(failed)?;
                if count == 0 {
                    break;
                }
                file.write_all(&self.buffer[..count]).map_err(Error::io("write", self.host_path(path)))?;
                done += count as u64;
                self.task.add(count as u64)?;
            }
        }
        if done < content.size {
            return Err(Error::Changed { path: path.clone(), expected: content.size, actual: done.to_string() });
        }
        Ok(())
    }

    /// Gives a file one more name; a symbolic link is not followed.
    fn make_link(&mut self, path: &TreePath, first: &TreePath) -> Result<(), Error> {
        let first_parent = first.parent().unwrap_or_else(TreePath::root);
        let source = self.open_directory(&first_parent)?;
        let parent = path.parent().unwrap_or_else(TreePath::root);
        let name = |path: &TreePath| OsStr::from_bytes(path.file_name().unwrap_or_default()).to_os_string();
        let (old, new) = (name(first), name(path));
        let made =
            nix::unistd::linkat(&source, old.as_os_str(), self.directory(&parent)?, new.as_os_str(), AtFlags::empty());
        made.map_err(|errno| self.failed("create the hard link", path, errno))
    }

    fn make_node(
        &mut self,
        path: &TreePath,
        parent: &TreePath,
        name: &OsStr,
        node: &Node,
        kind: SFlag,
        device: (u32, u32),
    ) -> Result<Outcome, Error> {
        let number = stat::makedev(u64::from(device.0), u64::from(device.1));
        match stat::mknodat(self.directory(parent)?, name, kind, Mode::S_IRUSR | Mode::S_IWUSR, number) {
            Ok(()) => {
                self.finish_by_name(path, parent, name, &node.metadata, ModeBits::Set)?;
                Ok(Outcome::Made)
            }
            Err(Errno::EPERM) => {
                self.notes.push(format!("`{path}` is left out: device nodes can't be made without being root"));
                Ok(Outcome::LeftOut)
            }
            Err(errno) => Err(self.failed("create the device", path, errno)),
        }
    }

    fn make_whiteout(&mut self, path: &TreePath) -> Result<(), Error> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(());
        };
        if let Ok(directory) = self.open_directory(&parent) {
            let made = stat::mknodat(&directory, OsStr::from_bytes(name), SFlag::S_IFCHR, Mode::empty(), 0);
            return made.map_err(|errno| self.failed("create the whiteout", path, errno));
        }
        // Nothing that the layer has leads there, and neither does anything below it: there is nothing to hide.
        Ok(())
    }

    fn finish_open(&mut self, path: &TreePath, file: &File, metadata: &Metadata) -> Result<(), Error> {
        match self.options.ownership {
            Ownership::Kept => {
                let (uid, gid) = (Uid::from_raw(metadata.uid), Gid::from_raw(metadata.gid));
                nix::unistd::fchown(file, Some(uid), Some(gid))
                    .map_err(|errno| self.failed("set the owner of", path, errno))?;
            }
            Ownership::Single => self.write_owner(path, file, Written::AsText, metadata),
        }
        let mode = Mode::from_bits_truncate(metadata.mode);
        stat::fchmod(file, mode).map_err(|errno| self.failed("set the mode of", path, errno))?;
        self.set_attributes(path, file, metadata);
        let (modified, accessed) = times(metadata);
        stat::futimens(file, &accessed, &modified).map_err(|errno| self.failed("set the time of", path, errno))
    }

    /// Writes an owner beside a file, where the file can't have it: root, too, or a new file would look the same.
    fn write_owner(&mut self, path: &TreePath, file: &impl AsFd, written: Written, metadata: &Metadata) {
        let owner = (metadata.uid, metadata.gid);
        if let Err(error) = written.write(file, owner)
            && owner != (0, 0)
        {
            self.notes.push(format!("the owner of `{path}` is left out: {error}"));
        }
    }

    fn finish_by_name(
        &mut self,
        path: &TreePath,
        parent: &TreePath,
        name: &OsStr,
        metadata: &Metadata,
        bits: ModeBits,
    ) -> Result<(), Error> {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(self.directory(parent)?, name, flags, Mode::empty());
        let file = file.map_err(|errno| self.failed("open", path, errno))?;
        match self.options.ownership {
            Ownership::Kept => {
                let (uid, gid) = (Uid::from_raw(metadata.uid), Gid::from_raw(metadata.gid));
                nix::unistd::fchownat(&file, "", Some(uid), Some(gid), AtFlags::AT_EMPTY_PATH)
                    .map_err(|errno| self.failed("set the owner of", path, errno))?;
            }
            Ownership::Single => self.write_owner(path, &file, Written::AsCapabilities, metadata),
        }
        if bits == ModeBits::Set {
            let mode = Mode::from_bits_truncate(metadata.mode);
            let changed = stat::fchmodat(self.directory(parent)?, name, mode, FchmodatFlags::FollowSymlink);
            changed.map_err(|errno| self.failed("set the mode of", path, errno))?;
        }
        let (modified, accessed) = times(metadata);
        let changed =
            stat::utimensat(self.directory(parent)?, name, &accessed, &modified, UtimensatFlags::NoFollowSymlink);
        changed.map_err(|errno| self.failed("set the time of", path, errno))
    }

    fn finish_directory(&mut self, path: &TreePath, metadata: &Metadata, is_opaque: bool) -> Result<(), Error> {
        let directory = File::from(self.open_directory(path)?);
        if is_opaque {
            let attribute = self.options.opaque.attribute();
            let set = xattr::FileExt::set_xattr(&directory, attribute, b"y");
            set.map_err(Error::io("set `overlay.opaque` on", self.host_path(path)))?;
        }
        self.finish_open(path, &directory, metadata)
    }

    fn set_attributes(&mut self, path: &TreePath, file: &File, metadata: &Metadata) {
        for (name, value) in metadata.xattrs.iter() {
            let shown = String::from_utf8_lossy(name);
            // They would tell overlayfs what to show, which is for this program to decide and not for an image.
            if is_overlay_attribute(name) {
                self.notes.push(format!(
                    "the attribute `{shown}` of `{path}` is left out: it is for overlayfs or Layerlab alone"
                ));
                continue;
            }
            if let Err(error) = xattr::FileExt::set_xattr(file, OsStr::from_bytes(name), value) {
                self.notes.push(format!("the attribute `{shown}` of `{path}` is left out: {error}"));
            }
        }
    }

    /// The directory at a path; the last one stays open.
    fn directory(&mut self, path: &TreePath) -> Result<&OwnedFd, Error> {
        if self.open.as_ref().is_none_or(|(open, _)| open != path) {
            self.open = Some((path.clone(), self.open_directory(path)?));
        }
        let (_, directory) = self.open.as_ref().expect("the directory was just opened");
        Ok(directory)
    }

    fn open_directory(&self, path: &TreePath) -> Result<OwnedFd, Error> {
        let relative: &[u8] = if path.is_root() { b"." } else { path.relative() };
        let how = OpenHow::new().flags(OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC).resolve(
            ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_MAGICLINKS,
        );
        openat2(self.root.as_fd(), OsStr::from_bytes(relative), how)
            .map_err(|errno| self.failed("open the directory", path, errno))
    }

    fn host_path(&self, path: &TreePath) -> PathBuf {
        self.root_path.join(OsStr::from_bytes(path.relative()))
    }

    fn failed(&self, operation: &'static str, path: &TreePath, errno: Errno) -> Error {
        Error::Io { operation, path: self.host_path(path), source: errno.into() }
    }
}

/// Copies a part of an archive into an empty file, and returns how many bytes there were. Where the archive has a hole, the
/// file gets one; the rest is copied by copy_file_range(2), which `io::copy` uses between files.
fn copy_with_holes(archive: &File, offset: u64, size: u64, file: &mut File, task: &Task) -> io::Result<u64> {
    let end = offset.saturating_add(size).min(archive.metadata()?.len());
    let mut position = offset;
    while position < end {
        let data = match seek(archive, position, Whence::SeekData) {
            Ok(data) => data.min(end),
            // A hole to the end.
            Err(Errno::ENXIO) => break,
            // A file system that knows no holes.
            Err(_) => position,
        };
        if data == end {
            break;
        }
        let hole = seek(archive, data, Whence::SeekHole).unwrap_or(end).min(end);
        task.add(data - position)?;
        let mut source = archive;
        source.seek(SeekFrom::Start(data))?;
        file.seek(SeekFrom::Start(data - offset))?;
        position = data;
        while position < hole {
            let wanted = STRETCH.min(hole - position);
            let count = io::copy(&mut source.take(wanted), file)?;
            position += count;
            task.add(count)?;
            if count < wanted {
                return Ok(position - offset);
            }
        }
    }
    let length = end.saturating_sub(offset);
    file.set_len(length)?;
    Ok(length)
}

/// lseek(2), with a position that is known to be inside a file.
fn seek(file: &File, position: u64, whence: Whence) -> Result<u64, Errno> {
    let position = i64::try_from(position).map_err(|_| Errno::EOVERFLOW)?;
    lseek(file, position, whence).map(i64::unsigned_abs)
}

/// Whether a file is there now, so that it can get further names.
#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Made,
    LeftOut,
}

/// Whether a kind of file has a mode of its own; a symbolic link has not.
#[derive(Clone, Copy, PartialEq)]
enum ModeBits {
    Set,
    None,
}

fn times(metadata: &Metadata) -> (TimeSpec, TimeSpec) {
    let modified = TimeSpec::new(metadata.mtime, i64::from(metadata.mtime_nanos));
    (modified, modified)
}

/// Opens a directory that files are made in.
pub(super) fn open_root(path: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat(AT_FDCWD, path, flags, Mode::empty()).map_err(failed("open", path))
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(Errno) -> Error {
    move |errno| Error::Io { operation, path: path.to_path_buf(), source: errno.into() }
}
