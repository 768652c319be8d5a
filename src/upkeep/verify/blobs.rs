//! The blobs: each is hashed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::report::Report;
use crate::document::{self, Links};
use crate::oci::{Algorithm, Digest};
use crate::store::Store;
use crate::store::proof::LAYER;

/// The blobs of a store.
pub(super) struct Blobs {
    /// Those that are there, with their sizes.
    pub(super) present: BTreeMap<Digest, u64>,
    /// Those that are not what their names say.
    pub(super) damaged: BTreeSet<Digest>,
}

impl Blobs {
    /// Hashes every blob.
    pub(super) fn read(store: &Store, report: &mut Report) -> Blobs {
        let mut blobs = Blobs { present: BTreeMap::new(), damaged: BTreeSet::new() };
        for (algorithm, folder) in store.home().blob_folders() {
            blobs.read_folder(store, algorithm, &folder, report);
        }
        blobs
    }

    fn read_folder(&mut self, store: &Store, algorithm: Algorithm, folder: &Path, report: &mut Report) {
        let shown = format!("blobs/{}", algorithm.name());
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return report.error(shown, format!("it can't be listed: {error}")),
        };
        let mut paths = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) => paths.push(entry.path()),
                Err(error) => report.error(&shown, format!("it can't be listed: {error}")),
            }
        }
        paths.sort();
        let blobs = self;
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let digest = Digest::from_hex(&name).ok().filter(|digest| digest.algorithm() == algorithm);
            let Some(digest) = digest else {
                report.error(format!("{shown}/{name}"), "its name is not a digest");
                continue;
            };
            let (file, metadata) = match document::open(&path, Links::Refuse) {
                Ok(opened) => opened,
                Err(error) => {
                    report.error(digest, error);
                    continue;
                }
            };
            if let Err(error) = document::check(&path, metadata.len(), store.home().bound(&LAYER)) {
                blobs.present.insert(digest, metadata.len());
                blobs.damaged.insert(digest);
                report.error(digest, error);
                continue;
            }
            match store.hash(algorithm, file, Some(metadata.len())) {
                Ok((actual, size)) => {
                    blobs.present.insert(digest, size);
                    report.blobs += 1;
                    report.bytes += size;
                    if actual == digest {
                        store.remember(&digest, &metadata);
                    } else {
                        blobs.damaged.insert(digest);
                        report.error(digest, format!("its content has the digest {actual}"));
                    }
                }
                Err(error) => report.error(digest, format!("it can't be read: {error}")),
            }
        }
    }
}
