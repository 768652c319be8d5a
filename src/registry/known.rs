//! Which repositories have a layer: what a pull or a push has seen, so that the next push need not send it.
//!
//! A registry can use a blob of one of its repositories in another ("Mounted from library/nginx"), but has to be told which. Below
//! `distribution/` in the home is a file for each layer:
//!
//! ```json
//! {"repositories":["docker.io/library/nginx"]}
//! ```
//!
//! It is a memory and nothing more: what it says may have changed in the registry, so it is never relied on, and it may be removed at any time.

use serde::{Deserialize, Serialize};

use crate::document::{self, Links};
use crate::limits::Limit;
use crate::oci::{Digest, Manifest, to_json};
use crate::store::{Store, atomic_replace};

/// What is remembered of a blob.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Memory {
    /// Registry and repository, the latest last.
    repositories: Vec<String>,
}

/// How many repositories are remembered of a blob.
const MOST: usize = 16;
const LIMIT: Limit = Limit::bytes("memory of a layer's repositories", "LAYERLAB_MAX_DISTRIBUTION", 64 << 10);

/// Remembers that a repository has the layers of an image.
pub(super) fn note(store: &Store, registry: &str, repository: &str, manifest: &Manifest) {
    let folder = store.home().distribution_dir();
    if crate::store::write::create_folder(&folder).is_err() {
        return;
    }
    let name = format!("{registry}/{repository}");
    for layer in &manifest.layers {
        let mut memory = read(store, &layer.digest);
        if memory.repositories.last() == Some(&name) {
            continue;
        }
        memory.repositories.retain(|other| *other != name);
        memory.repositories.push(name.clone());
        let surplus = memory.repositories.len().saturating_sub(MOST);
        memory.repositories.drain(..surplus);
        // Without it the next push sends more than it need.
        let _ = atomic_replace(&folder.join(layer.digest.hex()), &to_json(&memory));
    }
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
