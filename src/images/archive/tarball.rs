//! Where an archive of images is written: a tar archive, or the folder of an OCI layout.
//!
//! Nothing of the machine or the moment comes into it: owners are 0, modes and times fixed. The same images give the same bytes.

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use tar::{EntryType, Header};

use super::Error;
use crate::store::{self, write};

const BLOCK: usize = 512;

/// Something that files with names are put into.
pub(super) enum Bundle<'o> {
    /// A tar archive, and what messages call it.
    Tar { out: Box<dyn Write + 'o>, name: PathBuf },
    /// A folder under a temporary name.
    Folder(PathBuf),
}

impl Bundle<'_> {
    /// Puts a folder in. Those above it have to be there.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Store`] for what can't be written.
    pub(crate) fn folder(&mut self, name: &str) -> Result<(), Error> {
        match self {
            Bundle::Tar { out, name: archive } => {
                let header = header(&format!("{name}/"), EntryType::Directory, 0o755, 0);
                header.and_then(|header| out.write_all(header.as_bytes())).map_err(Error::io("write", archive))
            }
            Bundle::Folder(root) => Ok(write::create_folder(&root.join(name))?),
        }
    }

    /// Puts a file in that is in memory.
    ///
    /// # Errors
    /// As [`Bundle::folder`].
    pub(crate) fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Bundle::Tar { out, name: archive } => {
                append(out, name, bytes, bytes.len() as u64).map_err(Error::io("write", archive))
            }
            Bundle::Folder(root) => Ok(store::atomic_write(&root.join(name), bytes)?),
        }
    }

    /// Puts an open file in, of which the size is known.
    ///
    /// # Errors
    /// As [`Bundle::folder`].
    pub(crate) fn file(&mut self, name: &str, file: File, size: u64) -> Result<(), Error> {
        match self {
            Bundle::Tar { out, name: archive } => append(out, name, file, size).map_err(Error::io("write", archive)),
            Bundle::Folder(root) => {
                let path = root.join(name);
                let mut copy = write::Temporary::create(path.parent().unwrap_or(root))?;
                io::copy(&mut file.take(size), copy.file()).map_err(Error::io("write", &path))?;
                Ok(copy.persist(&path)?)
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
            Bundle::Folder(_) => Ok(()),
        }
    }
}

/// Begins the folder of a layout beside the place where it will be.
///
/// # Errors
/// [`Error::Exists`], and [`Error::Store`] where it can't be made.
pub(super) fn begin_folder(path: &Path) -> Result<PathBuf, Error> {
    if path.symlink_metadata().is_ok() {
        return Err(Error::Exists { path: path.to_owned() });
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(write::temporary_folder(parent)?)
}

fn append(out: &mut dyn Write, name: &str, bytes: impl io::Read, size: u64) -> io::Result<()> {
    out.write_all(header(name, EntryType::Regular, 0o644, size)?.as_bytes())?;
    let written = io::copy(&mut bytes.take(size), out)?;
    if written != size {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a blob became shorter while it was read"));
    }
    let padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    out.write_all(&[0; BLOCK][..usize::try_from(padding).unwrap_or(0)])
}

fn header(name: &str, kind: EntryType, mode: u32, size: u64) -> io::Result<Header> {
    let mut header = Header::new_gnu();
    header.set_path(name)?;
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    Ok(header)
}
