//! Which repositories have a layer: what a pull or a push has seen, so that the next push need not send it.
//!
//! A registry can use a blob of one of its repositories in another ("Mounted from library/nginx"), but has to be told which. Below
//! `distribution/` in the home is a file for each layer:
//!
//! ```json
//! {"repositories":["docker.io/library/nginx"]}
//! {"repositories":[],"compressed":{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:…","size":1234}}
//! ```
//!
//! The second is that of a layer that was stored here and compressed for a push: where the registry still has what it became, nothing is compressed
//! again, and the digest stays the same also when another version of this program would compress otherwise.
//!
//! It is a memory and nothing more: what it says may have changed in the registry, so it is never relied on, and it may be removed at any time. What is
//! said of a layer that is not here any more, nor is what one here was compressed to, goes with `prune`, or when there are too many files.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::document::{self, Links};
use crate::limits::Limit;
use crate::oci::{Descriptor, Digest, to_json};
use crate::store::write::{create_folder, remove_file};
use crate::store::{Store, atomic_replace};

/// What is remembered of a blob.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Memory {
    /// Registry and repository, the latest last.
    #[serde(default)]
    repositories: Vec<String>,
    /// What it was pushed as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    compressed: Option<Descriptor>,
}

/// How many repositories are remembered of a blob.
const MOST: usize = 16;
/// From how many files on it is looked what of them can go.
const MANY: usize = 4096;
const LIMIT: Limit = Limit::bytes("memory of a layer's repositories", "LAYERLAB_MAX_DISTRIBUTION", 64 << 10);

/// Remembers that a repository has these blobs, the layers of an image.
pub(super) fn note(store: &Store, registry: &str, repository: &str, blobs: impl IntoIterator<Item = Digest>) {
    let name = format!("{registry}/{repository}");
    for digest in blobs {
        let mut memory = read(store, &digest);
        if memory.repositories.last() == Some(&name) {
            continue;
        }
        memory.repositories.retain(|other| *other != name);
        memory.repositories.push(name.clone());
        let surplus = memory.repositories.len().saturating_sub(MOST);
        memory.repositories.drain(..surplus);
        write(store, &digest, &memory);
    }
    let files = std::fs::read_dir(store.home().distribution_dir()).into_iter().flatten();
    if files.take(MANY + 1).count() > MANY {
        forget_gone(store);
    }
}

/// Forgets what is remembered of blobs that are not in the store, and are not what one there was compressed to. What can't be removed stays.
pub(crate) fn forget_gone(store: &Store) {
    let files = std::fs::read_dir(store.home().distribution_dir()).into_iter().flatten().flatten();
    let named = files.filter_map(|file| Some((Digest::from_hex(file.file_name().to_str()?).ok()?, file.path())));
    let (here, gone): (Vec<_>, Vec<_>) = named.partition(|(digest, _)| store.has(digest));
    let needed: HashSet<Digest> =
        here.iter().filter_map(|(digest, _)| compressed(store, digest)).map(|blob| blob.digest).collect();
    for (_, path) in gone.iter().filter(|(digest, _)| !needed.contains(digest)) {
        let _ = remove_file(path);
    }
}

/// Remembers what a layer that is stored uncompressed was compressed to.
pub(super) fn note_compressed(store: &Store, digest: &Digest, compressed: &Descriptor) {
    let memory = read(store, digest);
    if memory.compressed.as_ref() != Some(compressed) {
        write(store, digest, &Memory { compressed: Some(compressed.clone()), ..memory });
    }
}

/// What a layer that is stored uncompressed was compressed to once.
pub(super) fn compressed(store: &Store, digest: &Digest) -> Option<Descriptor> {
    read(store, digest).compressed
}

/// Whether any registry had a blob as it is.
pub(super) fn is_in_a_registry(store: &Store, digest: &Digest) -> bool {
    !read(store, digest).repositories.is_empty()
}

/// The repositories of a registry that had a blob, the latest first.
pub(super) fn repositories(store: &Store, registry: &str, digest: &Digest) -> Vec<String> {
    let all = read(store, digest).repositories.into_iter().rev();
    all.filter_map(|name| Some(name.strip_prefix(registry)?.strip_prefix('/')?.to_owned())).collect()
}

fn read(store: &Store, digest: &Digest) -> Memory {
    let path = store.home().distribution_dir().join(digest.hex());
    let text = document::read(&path, store.home().bound(&LIMIT), Links::Refuse);
    text.ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

fn write(store: &Store, digest: &Digest, memory: &Memory) {
    let folder = store.home().distribution_dir();
    // Without it the next push does and sends more than it need.
    let _ = create_folder(&folder).and_then(|()| atomic_replace(&folder.join(digest.hex()), &to_json(memory)));
}
