//! Where an archive of images is written: a tar archive, or the folder of an OCI layout.
//!
//! Nothing of the machine or the moment comes into it: owners are 0, modes and times fixed. The same images give the same bytes.

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use tar::{EntryType, Header};

use super::Error;
use crate::progress::Task;
use crate::store::{self, write};

const BLOCK: usize = 512;
/// What a header has room for.
const LONGEST_NAME: usize = 100;
/// What an entry is called that has the name of the next one.
const LONG_NAME: &[u8] = b"././@LongLink";
/// So much of a blob is copied before it is counted, and somebody's wish to stop is looked for.
const STRETCH: u64 = 4 << 20;

/// Something that files with names are put into.
pub(super) enum Bundle<'o> {
    /// A tar archive, and what messages call it.
    Tar { out: Box<dyn Write + 'o>, name: PathBuf },
    /// A folder under a temporary name, and what messages call it.
    Folder { root: PathBuf, name: PathBuf },
}

impl Bundle<'_> {
    /// Puts a folder in. Those above it have to be there.
    ///
    /// # Errors
    /// [`Error::Io`] for what can't be written.
    pub(crate) fn folder(&mut self, name: &str) -> Result<(), Error> {
        match self {
            Bundle::Tar { out, name: archive } => {
                let header = header(&format!("{name}/"), EntryType::Directory, 0o755, 0);
                out.write_all(header.as_bytes()).map_err(Error::io("write", archive))
            }
            Bundle::Folder { root, name: archive } => {
                write::create_folder(&root.join(name)).map_err(Error::outside(archive))
            }
        }
    }

    /// Puts a file in that is in memory.
    ///
    /// # Errors
    /// As [`Bundle::folder`].
    pub(crate) fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Bundle::Tar { out, name: archive } => {
                let size = bytes.len() as u64;
                let written = begin(out, name, size).and_then(|()| out.write_all(bytes));
                written.and_then(|()| pad(out, size)).map_err(Error::io("write", archive))
            }
            Bundle::Folder { root, name: archive } => {
                store::atomic_write(&root.join(name), bytes).map_err(Error::outside(archive))
            }
        }
    }

    /// Puts an open file in, of which the size is known.
    ///
    /// # Errors
    /// As [`Bundle::folder`].
    pub(crate) fn file(&mut self, name: &str, file: &File, size: u64, task: &Task) -> Result<(), Error> {
        match self {
            Bundle::Tar { out, name: archive } => {
                let written = begin(out, name, size).and_then(|()| copy(file, out, size, task));
                written.and_then(|()| pad(out, size)).map_err(Error::io("write", archive))
            }
            Bundle::Folder { root, name: archive } => {
                let path = root.join(name);
                let copy = write::Temporary::create(path.parent().unwrap_or(root));
                let mut copy = copy.map_err(Error::outside(archive))?;
                self::copy(file, copy.file(), size, task).map_err(Error::io("write", &*archive))?;
                copy.persist(&path).map_err(Error::outside(archive))
            }
        }
    }

    /// Ends it.
    ///
    /// # Errors
    /// As [`Bundle::folder`].
    pub(crate) fn finish(self) -> Result<(), Error> {
        match self {
            Bundle::Tar { mut out, name } => {
                let end = out.write_all(&[0; 2 * BLOCK]).and_then(|()| out.flush());
                end.map_err(Error::io("write", &name))
            }
            Bundle::Folder { .. } => Ok(()),
        }
    }
}

/// Begins the folder of a layout beside the place where it will be.
///
/// # Errors
/// [`Error::Exists`], and [`Error::Io`] where it can't be made.
pub(super) fn begin_folder(path: &Path) -> Result<PathBuf, Error> {
    if path.symlink_metadata().is_ok() {
        return Err(Error::Exists { path: path.to_owned() });
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    write::temporary_folder(parent).map_err(Error::outside(path))
}

fn begin(out: &mut dyn Write, name: &str, size: u64) -> io::Result<()> {
    if name.len() > LONGEST_NAME {
        // The name of a blob by SHA-512: GNU's form, which Docker and skopeo read as well.
        let long = [name.as_bytes(), b"\0"].concat();
        let mut before = header("", EntryType::GNULongName, 0o644, long.len() as u64);
        before.as_mut_bytes()[..LONG_NAME.len()].copy_from_slice(LONG_NAME);
        before.set_cksum();
        out.write_all(before.as_bytes())?;
        out.write_all(&long)?;
        pad(out, long.len() as u64)?;
    }
    out.write_all(header(name, EntryType::Regular, 0o644, size).as_bytes())
}

/// Copies a blob piece by piece, each inside the kernel where it can.
fn copy(file: &File, out: &mut (impl Write + ?Sized), size: u64, task: &Task) -> io::Result<()> {
    let mut left = size;
    while left > 0 {
        let written = io::copy(&mut file.take(left.min(STRETCH)), out)?;
        if written == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a blob became shorter while it was read"));
        }
        left -= written;
        task.add(written)?;
    }
    Ok(())
}

fn pad(out: &mut dyn Write, size: u64) -> io::Result<()> {
    let padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    out.write_all(&[0; BLOCK][..usize::try_from(padding).unwrap_or(0)])
}

fn header(name: &str, kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    let length = name.len().min(LONGEST_NAME);
    header.as_mut_bytes()[..length].copy_from_slice(&name.as_bytes()[..length]);
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    header
}
