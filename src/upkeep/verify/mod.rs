//! Proving that a store is whole: everything is read again and compared with what names it.
//!
//! What is checked:
//!
//! - the layout file and the index: form, media types, names;
//! - every blob: its name is the digest of its bytes;
//! - everything that the index leads to: it is there, has the size that its descriptor says, and is a valid document of
//!   its media type;
//! - every image: the configuration lists as many layers as the manifest, each layer's uncompressed bytes have the listed
//!   diff id, and the archive can be read from its first to its last entry;
//! - expanded copies: their bytes have the digest in their name;
//! - volumes: what is written down of each can be read, and its folder is one.
//!
//! Compressed layers are expanded into the store on the way, as every reader does.
//!
//! Blobs that nothing leads to are listed; they are not errors. Left out: what containers have put into volumes, which nobody can know; unpacked layers, caches and containers, which
//! other modules keep and can make again.

mod blobs;
mod images;
mod report;

use self::blobs::Blobs;
pub use self::report::{Finding, Report, Severity};
use crate::document::{self, Links};
use crate::oci::{Algorithm, Digest, validate};
use crate::runtime::volume::kept;
use crate::store::documents::{self, LAYOUT};
use crate::store::{Store, write};

/// Checks everything in a store. Never fails: what can't be read is a finding.
pub fn verify(store: &Store) -> Report {
    let mut report = Report::default();
    layout(store, &mut report);
    let blobs = Blobs::read(store, &mut report);
    let reached = images::follow(store, &blobs, &mut report);
    expanded(store, &mut report);
    volumes(store, &mut report);
    let unneeded = blobs.present.iter().filter(|(digest, _)| !reached.contains(digest));
    report.unneeded = unneeded.map(|(digest, bytes)| (*digest, *bytes)).collect();
    report.findings.sort();
    report.findings.dedup();
    report
}

/// Checks the layout file.
fn layout(store: &Store, report: &mut Report) {
    match documents::read_file(&store.home().root().join("oci-layout"), store.home().bound(&LAYOUT)) {
        Ok(text) => {
            for finding in validate::layout(&text) {
                report.error("oci-layout", finding);
            }
        }
        Err(error) => report.error("oci-layout", error),
    }
}

/// Checks what is written down of volumes.
fn volumes(store: &Store, report: &mut Report) {
    match kept::list(store.home()) {
        Ok((_, damaged)) => damaged.iter().for_each(|error| report.error("volumes", error)),
        Err(error) => report.error("volumes", error),
    }
}

/// Checks the uncompressed copies of layers.
fn expanded(store: &Store, report: &mut Report) {
    for entry in std::fs::read_dir(store.home().expanded_dir()).into_iter().flatten().flatten() {
        let path = entry.path();
        if write::is_temporary(&entry.file_name()) || path.extension().is_none_or(|ending| ending != "tar") {
            continue;
        }
        let name = format!("expanded/{}", entry.file_name().to_string_lossy());
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let (file, metadata) = match document::open(&path, Links::Refuse) {
            Ok(opened) => opened,
            Err(error) => {
                report.error(name, error);
                continue;
            }
        };
        let algorithm = Digest::from_hex(&stem).map_or(Algorithm::Sha256, |digest| digest.algorithm());
        match store.hash(algorithm, file, Some(metadata.len())) {
            Ok((actual, _)) if actual.hex() == stem => {}
            Ok((actual, _)) => report.error(name, format!("its content has the digest {actual}")),
            Err(error) => report.error(name, format!("it can't be read: {error}")),
        }
    }
}
