//! What takes up room in the home: images, containers, volumes and the cache.

use std::collections::{BTreeMap, HashMap};

use crate::cli::commands::container;
use crate::cli::failure::Failure;
use crate::oci::{Digest, Reference};
use crate::runtime::volume::{going, kept};
use crate::runtime::{self, Stored};
use crate::store::Reason;
use crate::upkeep::prune::held;
use crate::upkeep::size_of;
use crate::world::World;

/// An image, with what it takes.
pub(super) struct ImageSize {
    pub(super) names: Vec<String>,
    pub(super) id: Digest,
    pub(super) created: Option<String>,
    /// Its layers' blobs, each with its size.
    pub(super) blobs: HashMap<Digest, u64>,
    pub(super) containers: usize,
}

/// Everything that takes room.
pub(super) struct Everything {
    pub(super) images: Vec<ImageSize>,
    pub(super) containers: Vec<(Stored, u64)>,
    /// By name: how many containers use it, and its bytes.
    pub(super) volumes: BTreeMap<String, (usize, u64)>,
    /// Of the cache: how many files, their bytes, and what of them can go.
    pub(super) cache: (usize, u64, u64),
}

impl Everything {
    /// Looks all of it up.
    ///
    /// # Errors
    /// Something in the home can't be read.
    pub(super) fn of(world: &World) -> Result<Everything, Failure> {
        let (containers, _) = runtime::list(world)?;
        let users = going::users(world.home())?;
        let (volumes, _) = kept::list(world.home())?;
        let volume = |volume: kept::Kept| {
            let bytes = world.identity.within(|| size_of(&kept::data(world.home(), &volume.name)))?;
            let users = users.get(&volume.name).map_or(0, Vec::len);
            Ok((volume.name, (users, bytes)))
        };
        let mut cache = (0, 0, 0);
        for file in held(&world.store)?.iter().filter(|file| file.reason == Some(Reason::Cache)) {
            cache = (cache.0 + 1, cache.1 + file.bytes, cache.2 + if file.can_go { file.bytes } else { 0 });
        }
        Ok(Everything {
            images: images(world, &containers)?,
            volumes: volumes.into_iter().map(volume).collect::<Result<_, Failure>>()?,
            containers: containers
                .into_iter()
                .map(|stored| container::size::sizes(world, &stored).map(|(written, _)| (stored, written)))
                .collect::<Result<_, _>>()?,
            cache,
        })
    }
}

/// The images, each once. What is damaged is for `store verify`.
fn images(world: &World, containers: &[Stored]) -> Result<Vec<ImageSize>, Failure> {
    let mut images: Vec<ImageSize> = Vec::new();
    let mut places: HashMap<Digest, usize> = HashMap::new();
    for image in world.store.images()? {
        let digest = image.manifest.digest;
        let name = image.reference.as_ref().map(Reference::familiar);
        if let Some(place) = places.get(&digest) {
            images[*place].names.extend(name);
            continue;
        }
        let Ok((manifest, config)) = world.store.load_image(&image.manifest) else { continue };
        places.insert(digest, images.len());
        images.push(ImageSize {
            names: name.into_iter().collect(),
            id: manifest.config.digest,
            created: config.created.clone(),
            blobs: manifest.layers.iter().map(|layer| (layer.digest, layer.size)).collect(),
            containers: containers.iter().filter(|stored| stored.record.image.manifest.digest == digest).count(),
        });
    }
    Ok(images)
}
