//! The blobs: each is hashed.

use std::collections::{BTreeMap, BTreeSet};

use super::report::Report;
use crate::document::{self, Links};
use crate::oci::Digest;
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
        let entries = match std::fs::read_dir(store.home().blobs()) {
            Ok(entries) => entries,
            Err(error) => {
                report.error("blobs/sha256", format!("it can't be listed: {error}"));
                return blobs;
            }
        };
        let mut paths = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) => paths.push(entry.path()),
                Err(error) => report.error("blobs/sha256", format!("it can't be listed: {error}")),
            }
        }
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Ok(digest) = Digest::from_hex(&name) else {
                report.error(format!("blobs/sha256/{name}"), "its name is not a digest");
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
            match store.hash(file, Some(metadata.len())) {
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
        blobs
    }
}
