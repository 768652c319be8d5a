//! Files of the user's that are written: all of one, or none of it.
//!
//! So a new file takes the name. Other names of the old one (hard links) would go on to lead to that: such a file is refused. A symbolic link stays,
//! and what it leads to is replaced.

use std::fs::{File, Metadata, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::error::Error;

/// A file that is going to take the name of another: it lies beside it. Dropped, it is gone, and the other one is as it was.
#[derive(Debug)]
pub(crate) struct Replacement {
    /// The name that was asked for.
    path: PathBuf,
    /// What a symbolic link of that name leads to: that is replaced, the link stays.
    target: PathBuf,
    before: Option<Metadata>,
    file: NamedTempFile<File>,
}

impl Replacement {
    /// Makes the file, with nothing in it: whoever may do so may replace the other.
    ///
    /// # Errors
    /// The folder can't be written to; the name is one of something that is no file, or of a file that has others.
    pub(crate) fn begin(path: &Path) -> Result<Replacement, Error> {
        let (target, before) = replaceable(path)?;
        let io = |source| Error::Io { operation: "write", path: path.to_owned(), source };
        let folder = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        folder.metadata().map_err(io)?;
        let mode = before.as_ref().map_or(0o666, Metadata::mode) & 0o7777;
        // Opened here, so that an error does not name the temporary file.
        let open = |path: &Path| OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
        let file = tempfile::Builder::new().make_in(folder, open).map_err(io)?;
        Ok(Replacement { path: path.to_owned(), target, before, file })
    }

    /// Puts bytes into it, and gives it the name.
    ///
    /// # Errors
    /// What the system says; the other file is as it was then.
    pub(crate) fn finish(mut self, bytes: &[u8]) -> Result<(), Error> {
        let io = |source| Error::Io { operation: "write", path: self.path.clone(), source };
        self.file.write_all(bytes).map_err(io)?;
        if let Some(before) = &self.before {
            // The umask has no say in what was there before. Only root can give a file away.
            self.file.as_file().set_permissions(before.permissions()).map_err(io)?;
            let _ = fchown(self.file.as_file(), Some(before.uid()), Some(before.gid()));
        }
        self.file.as_file().sync_all().map_err(io)?;
        self.file.persist(&self.target).map_err(|error| io(error.error))?;
        Ok(())
    }
}

/// What a name leads to, and what is there now, if there is something.
fn replaceable(path: &Path) -> Result<(PathBuf, Option<Metadata>), Error> {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let before = target.metadata().ok();
    match &before {
        Some(before) if !before.is_file() => Err(Error::NotRegular(path.display().to_string())),
        Some(before) if before.nlink() > 1 => {
            Err(Error::SeveralNames { path: path.display().to_string(), names: before.nlink() })
        }
        Some(_) | None => Ok((target, before)),
    }
}

/// Whether a file may be replaced, as far as that is known before: for work that takes its time.
///
/// # Errors
/// The name is one of something that is no file, or of a file that has others.
pub(crate) fn check_replaceable(path: &Path) -> Result<(), Error> {
    replaceable(path).map(drop)
}

/// What can be done about a file with several names.
pub(crate) fn own_file(path: &str) -> String {
    format!("`cp {path} {path}.new && mv {path}.new {path}` gives this name a file of its own")
}

/// Puts bytes into a file, all or none.
///
/// # Errors
/// As [`Replacement::begin`] and [`Replacement::finish`].
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    Replacement::begin(path)?.finish(bytes)
}
