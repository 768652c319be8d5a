//! Files in a learner's folder: each is written as a whole or not at all, and none through a link.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::error::Error;

/// Makes the folders of a path below another folder, and follows no link there: nothing outside of it changes.
pub(super) fn make_folders(work: &Path, below: &Path) -> Result<(), Error> {
    let mut folder = work.to_owned();
    for part in below.components() {
        folder.push(part);
        match folder.symlink_metadata() {
            Ok(found) if found.is_symlink() => return Err(Error::Link(folder)),
            Ok(_) => {}
            Err(_) => std::fs::create_dir(&folder).map_err(Error::io("make", &folder))?,
        }
    }
    Ok(())
}

/// A path that nothing has yet: this one, or with a number.
pub(super) fn free(path: &Path) -> PathBuf {
    let numbered = (2..).map(|number| PathBuf::from(format!("{}-{number}", path.display())));
    let mut paths = std::iter::once(path.to_owned()).chain(numbered);
    paths.find(|path| path.symlink_metadata().is_err()).unwrap_or_else(|| path.to_owned())
}

/// Writes a file as a whole or not at all, with the mode that it has, or this one. Where a link stands, the file takes its place: nothing outside
/// of the folder changes.
pub(super) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".layerlab-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    let modes = path.symlink_metadata().ok().filter(|found| found.is_file()).map_or(mode, |found| found.mode());
    file.as_file().set_permissions(Permissions::from_mode(modes & 0o777))?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
