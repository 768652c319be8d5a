//! The upkeep of the store: whether it is whole, and what of it may be removed.
//!
//! Both look at more than the store itself knows. Whether an image is whole shows only when its layers are read; and what may go depends
//! on the cache and on the containers.
//!
//! Read [`prune`](mod@prune) for what may go, [`verify`](mod@verify) for what has to be true of a store.

pub(crate) mod prune;
mod verify;

use std::collections::BTreeSet;
use std::path::Path;

pub use self::verify::{Finding, Report, Severity, verify};
use crate::cache::{self, Downloaded, Downloads, Records};
use crate::diagnostic::Explained;
use crate::oci::Layer;
use crate::runtime;
use crate::store::{self, Roots, Sort, Store, Stored, Survey};

/// Why it can't be told what may be removed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store can't be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The cache can't be read or written.
    #[error(transparent)]
    Cache(#[from] cache::Error),
    /// What a container needs can't be read: nobody knows what may be removed.
    #[error(transparent)]
    Containers(#[from] runtime::Error),
}

impl Explained for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::Store(error) => error.hint(),
            Error::Cache(error) => error.hint(),
            Error::Containers(error) => error.hint(),
        }
    }
}

/// Looks for what each file of the store is kept.
///
/// # Errors
/// [`Error::Store`], [`Error::Cache`] and [`Error::Containers`] for what can't be read.
fn survey(store: &Store) -> Result<Survey, Error> {
    store.survey(&BTreeSet::new(), || roots(store))
}

/// What the cache's records and the containers need.
fn roots(store: &Store) -> Result<Roots, Error> {
    let records = Records::open(store.home()).all()?;
    let downloaded = Downloads::open(store.home()).all()?;
    roots_with(store, records.into_iter().filter_map(|record| record.result.layer).collect(), &downloaded)
}

/// What the containers need, layers of the cache, and what URLs had.
fn roots_with(store: &Store, cached: Vec<Layer>, downloaded: &[Downloaded]) -> Result<Roots, Error> {
    let (mut images, mut layers) = (Vec::new(), Vec::new());
    for container in runtime::roots(store.home())? {
        images.push(container.image.manifest);
        layers.extend(container.layers);
    }
    let downloaded = downloaded.iter().map(|found| found.digest).collect();
    Ok(Roots { images, layers, cached, downloaded })
}

/// The bytes of a file, or of all files in a folder.
fn bytes_of(file: &Stored) -> u64 {
    match file.sort {
        Sort::Unpacked | Sort::UnpackedChain => size_of(&file.path),
        Sort::Blob | Sort::Expanded | Sort::Proof => file.bytes,
    }
}

/// The bytes of all files in a folder. What can't be looked at counts as nothing.
pub(crate) fn size_of(folder: &Path) -> u64 {
    let mut sum = 0;
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => waiting.push(entry.path()),
                Ok(metadata) if metadata.is_file() => sum += metadata.len(),
                Ok(_) | Err(_) => {}
            }
        }
    }
    sum
}
