//! Layers are proven once: their bytes are hashed when they are first used, and that is remembered.
//!
//! A blob may have been put here by another program, or damaged since. Hashing every layer for each container would cost
//! more than all the rest of its start, so a proof holds as long as the file looks the same to stat(2): the same device,
//! inode, size, and times of change. Writing to a file changes these, and restoring them takes more than an accident.
//! What this program writes itself it hashes while writing, and proves with that.
//!
//! What this module keeps is who proved what; [`super::proving`] reads the layers.
//!
//! On disk: `proven/<hex>`, one short line. It can be recreated, so it is not synchronised, a damaged one counts as none,
//! and where the home can't be written to, the proof lasts as long as the process.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::atomic_replace;
use crate::limits::Limit;
use crate::oci::{Algorithm, Digest, Hasher};
use crate::tree::FileIdentity;

/// Seven numbers and the spaces between them are not longer.
const LONGEST_PROOF: usize = 256;

/// A layer, which has to be read to its end before it is used.
pub(crate) const LAYER: Limit = Limit::bytes("layer", "LAYERLAB_MAX_LAYER", 64 << 30);

/// What this process has seen proven.
#[derive(Debug, Default)]
pub(super) struct Proven(Mutex<HashMap<Digest, FileIdentity>>);

/// A proof's line: the numbers of a file's identity.
fn line_of(identity: &FileIdentity) -> String {
    identity.numbers().map(|number| number.to_string()).join(" ")
}

impl Proven {
    pub(super) fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, FileIdentity>> {
        // The map is whole even where another thread has panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Remembers on disk that a file has the content that a proof is named after. That the home can't be written to is no
/// error: the next process will read the layer once more.
pub(super) fn remember(proof: &Path, metadata: &Metadata) {
    let _ = atomic_replace(proof, line_of(&FileIdentity::of(metadata)).as_bytes());
}

/// Whether a file was proven before and has not changed since.
pub(super) fn is_proven(path: &Path, proof: &Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|metadata| metadata.is_file() && is_remembered(proof, FileIdentity::of(&metadata)))
}

/// Whether a proof says exactly this. It is asked for each layer of each build, so it is three system calls and not seven; whatever lies
/// there instead of a file has other bytes, or none at once.
pub(super) fn is_remembered(proof: &Path, identity: FileIdentity) -> bool {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let Ok(mut file) = File::options().read(true).custom_flags(flags).open(proof) else { return false };
    let expected = line_of(&identity);
    let mut line = [0; LONGEST_PROOF];
    file.read(&mut line).is_ok_and(|length| &line[..length] == expected.as_bytes())
}

/// The digest and the size of what a reader gives.
pub(super) fn hash(algorithm: Algorithm, mut reader: impl Read) -> io::Result<(Digest, u64)> {
    let mut hasher = Hasher::of(algorithm);
    let mut buffer = vec![0; 256 << 10];
    let mut size = 0;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok((hasher.finish(), size)),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                size += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
