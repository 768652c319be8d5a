//! What a RUN has mounted besides its root: files of elsewhere, caches, memory, secrets, an agent's socket.
//!
//! ```text
//! Wanted ──provide──▶ Provided { mounts of the sandbox, and what must be held as long as the container runs }
//! ```
//!
//! Files of the context, of a stage or of an image are copied into the container's folder: they are those that the key was made of, with
//! the owners that they have in an image, and what is written to them goes away with the folder. A cache is a folder of the home that
//! stays, see [`cache`]; a secret is in memory only; an agent is reached through a socket of our own, see [`agent`].
//!
//! Left out: an overlay in place of the copy, which would be faster for a large image.

pub(crate) mod agent;
pub(crate) mod cache;

use std::path::PathBuf;

use super::folder::Folder;
use super::{Error, unpacked};
use crate::container::{Access, Mount, MountKind, SecretFile};
use crate::layer::{self, Unpack};
use crate::store::Lock;
use crate::tree::Tree;
use crate::world::World;

use agent::Agent;
use cache::Cache;

/// A mount that is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// An absolute path inside.
    pub(crate) target: String,
    pub(crate) what: What,
}

/// What is mounted.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// What a path leads to in a tree: all of it, or its only file.
    Files {
        tree: Tree,
        path: String,
        access: Access,
    },
    Cache(Cache),
    /// An empty directory in memory, of at most so many bytes.
    Memory {
        size: Option<u64>,
        access: Access,
    },
    Secret(SecretFile),
    Agent(Agent),
}

/// What was made for a container. It is to be held until that has ended.
#[derive(Default)]
pub(crate) struct Provided {
    pub(crate) mounts: Vec<Mount>,
    /// What could not be made as it is elsewhere, a sentence each.
    pub(crate) notes: Vec<String>,
    _locks: Vec<Lock>,
    _agents: Vec<agent::Proxy>,
}

/// Makes what is wanted ready, in the container's folder. Waits for caches that others have locked.
///
/// # Errors
/// A file can't be copied or made, or somebody wished to stop.
pub(crate) fn provide(world: &World, folder: &Folder, wanted: &[Wanted]) -> Result<Provided, Error> {
    let mut provided = Provided::default();
    let caches = wanted.iter().filter_map(|wanted| match &wanted.what {
        What::Cache(cache) => Some(cache),
        What::Files { .. } | What::Memory { .. } | What::Secret(_) | What::Agent(_) => None,
    });
    let claimed = cache::claim_all(world, caches)?;
    for (number, Wanted { target, what }) in wanted.iter().enumerate() {
        let (kind, access) = match what {
            What::Files { tree, path, access } => {
                let place = folder.path().join(format!("files-{number}"));
                provided.notes.extend(copy(world, tree, &place)?);
                (MountKind::Below { folder: place, path: path.clone() }, *access)
            }
            What::Cache(cache) => {
                let place = claimed.files_of(world, cache);
                (MountKind::Below { folder: place, path: cache.source.clone() }, cache.access)
            }
            What::Memory { size, access } => {
                let options = size.map_or_else(|| "mode=1777".to_owned(), |size| format!("mode=1777,size={size}"));
                (MountKind::Memory { options }, *access)
            }
            What::Secret(file) => (MountKind::Secret(file.clone()), Access::ReadOnly),
            What::Agent(agent) => {
                let name = format!("agent-{number}");
                provided._agents.push(agent::serve(world, agent, folder.path(), &name)?);
                (MountKind::Below { folder: folder.path().to_path_buf(), path: name }, Access::ReadOnly)
            }
        };
        provided.mounts.push(Mount { kind, target: target.clone(), access });
    }
    provided._locks = claimed.into_locks();
    Ok(provided)
}

/// Makes the files of a tree in a new directory, as whoever the container's root is.
fn copy(world: &World, tree: &Tree, place: &PathBuf) -> Result<Vec<String>, Error> {
    let options = Unpack { ownership: unpacked::ownership(&world.identity), opaque: unpacked::marks(&world.identity) };
    std::fs::create_dir(place).map_err(Error::io("create", place))?;
    Ok(world.identity.within(|| layer::make_files(&world.store, tree, place, options))??)
}
