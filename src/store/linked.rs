//! Symbolic links in a home that somebody else has made: behind one lies what is not the home's.
//!
//! The folders of a home are looked at whenever it is opened, and documents are read through no link. What lies in those folders and is made into a
//! root file system, a volume or a cache is a folder of ours as long as nobody else can write the home.

use std::io::ErrorKind;
use std::path::PathBuf;

use super::{Error, Home};
use crate::oci::Algorithm;

/// The first place of a home that is a link, as deep as the home itself has put something there: what images and containers have made lies deeper.
///
/// # Errors
/// A folder can't be listed.
pub(crate) fn linked_place(home: &Home) -> Result<Option<PathBuf>, Error> {
    let mut folders: Vec<PathBuf> = home.folders().into_iter().map(|(folder, _)| folder).collect();
    folders.extend([home.root().to_owned(), home.distribution_dir(), home.blobs_by(Algorithm::Sha512)]);
    let have_folders = [home.containers_dir(), home.volumes_dir(), home.mount_caches_dir()];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            entries => entries.map_err(Error::io("list", &folder))?,
        };
        for entry in entries {
            let entry = entry.map_err(Error::io("list", &folder))?;
            let kind = entry.file_type().map_err(Error::io("look at", entry.path()))?;
            if kind.is_symlink() {
                return Ok(Some(entry.path()));
            }
            if kind.is_dir() && have_folders.contains(&folder) {
                folders.push(entry.path());
            }
        }
    }
    Ok(None)
}
