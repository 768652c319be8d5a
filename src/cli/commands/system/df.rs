//! `layerlab system df`: how much room images, containers, volumes and the cache take, and how much of that can be freed.

use std::collections::{BTreeMap, HashMap};

use clap::Args;
use serde::Serialize;

use super::detail;
use crate::cli::commands::container;
use crate::cli::failure::Failure;
use crate::cli::format::{FormatOption, Row, Table};
use crate::cli::ui::Ui;
use crate::oci::{Digest, Reference};
use crate::runtime::volume::{going, kept};
use crate::runtime::{self, Stored};
use crate::store::Reason;
use crate::upkeep::prune::held;
use crate::upkeep::size_of;
use crate::view::table::TooWide;
use crate::view::units;
use crate::world::World;

/// Show how much room images, containers, volumes and the cache take.
///
/// Example: `docker system df --format '{{.Type}}: {{.Size}}'`
#[derive(Debug, Args)]
pub(crate) struct Df {
    /// List every image, container and volume
    #[arg(short, long, conflicts_with = "format")]
    verbose: bool,
    #[command(flatten)]
    format: FormatOption,
}

/// The columns.
const TABLE: Table = Table {
    shown: &["Type", "TotalCount", "Active", "Size", "Reclaimable"],
    titles: &[
        ("Type", "TYPE"),
        ("TotalCount", "TOTAL"),
        ("Active", "ACTIVE"),
        ("Size", "SIZE"),
        ("Reclaimable", "RECLAIMABLE"),
    ],
    too_wide: TooWide::Broken,
};

/// A line of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    active: String,
    reclaimable: String,
    size: String,
    total_count: String,
    #[serde(rename = "Type")]
    kind: &'static str,
}

impl Row for Line {}

/// What there is of a kind.
#[derive(Debug, Default)]
struct Sum {
    count: usize,
    active: usize,
    bytes: u64,
    /// Of them, what could be freed.
    free: u64,
}

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

impl Df {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let format = self.format.read()?;
        let all = Everything::of(world)?;
        if self.verbose {
            return detail::show(world, ui, &all);
        }
        let lines = [
            ("Images", all.image_sum()),
            ("Containers", all.container_sum()),
            ("Local Volumes", all.volume_sum()),
            ("Build Cache", Sum { count: all.cache.0, active: 0, bytes: all.cache.1, free: all.cache.2 }),
        ]
        .map(|(kind, sum)| sum.line(kind));
        format.show(ui, &TABLE, &lines)
    }
}

impl Sum {
    fn line(&self, kind: &'static str) -> Line {
        let size = |bytes| units::docker_size(bytes, 4);
        let share = (self.free * 100).checked_div(self.bytes);
        Line {
            active: self.active.to_string(),
            reclaimable: match share {
                Some(share) if kind != "Build Cache" => format!("{} ({share}%)", size(self.free)),
                Some(_) | None => size(self.free),
            },
            size: size(self.bytes),
            total_count: self.count.to_string(),
            kind,
        }
    }
}

impl Everything {
    fn of(world: &World) -> Result<Everything, Failure> {
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

    fn image_sum(&self) -> Sum {
        let bytes = |images: &mut dyn Iterator<Item = &ImageSize>| -> u64 {
            let blobs: HashMap<Digest, u64> = images.flat_map(|image| image.blobs.clone()).collect();
            blobs.values().sum()
        };
        let all = bytes(&mut self.images.iter());
        let used = bytes(&mut self.images.iter().filter(|image| image.containers > 0));
        let active = self.images.iter().filter(|image| image.containers > 0).count();
        Sum { count: self.images.len(), active, bytes: all, free: all - used }
    }

    fn container_sum(&self) -> Sum {
        let resting = self.containers.iter().filter(|(stored, _)| !stored.is_running());
        Sum {
            count: self.containers.len(),
            active: self.containers.iter().filter(|(stored, _)| stored.is_running()).count(),
            bytes: self.containers.iter().map(|(_, bytes)| bytes).sum(),
            free: resting.map(|(_, bytes)| bytes).sum(),
        }
    }

    fn volume_sum(&self) -> Sum {
        Sum {
            count: self.volumes.len(),
            active: self.volumes.values().filter(|(users, _)| *users > 0).count(),
            bytes: self.volumes.values().map(|(_, bytes)| bytes).sum(),
            free: self.volumes.values().filter(|(users, _)| *users == 0).map(|(_, bytes)| bytes).sum(),
        }
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
