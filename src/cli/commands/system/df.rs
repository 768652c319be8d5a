//! `layerlab system df`: how much room images, containers, volumes and the cache take, and how much of that can be freed.

use std::collections::HashMap;

use clap::Args;
use serde::Serialize;

use super::detail;
use super::room::{Everything, ImageSize};
use crate::cli::failure::Failure;
use crate::cli::format::{FormatOption, Row, Table};
use crate::cli::ui::Ui;
use crate::oci::Digest;
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
    too_wide: TooWide::Whole,
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

impl Df {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let format = self.format.read()?;
        let all = Everything::of(world)?;
        if self.verbose {
            return detail::show(world, ui, &all);
        }
        let lines = [
            ("Images", image_sum(&all)),
            ("Containers", container_sum(&all)),
            ("Local Volumes", volume_sum(&all)),
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

fn image_sum(all: &Everything) -> Sum {
    let bytes = |images: &mut dyn Iterator<Item = &ImageSize>| -> u64 {
        let blobs: HashMap<Digest, u64> = images.flat_map(|image| image.blobs.clone()).collect();
        blobs.values().sum()
    };
    let whole = bytes(&mut all.images.iter());
    let used = bytes(&mut all.images.iter().filter(|image| image.containers > 0));
    let active = all.images.iter().filter(|image| image.containers > 0).count();
    Sum { count: all.images.len(), active, bytes: whole, free: whole - used }
}

fn container_sum(all: &Everything) -> Sum {
    let resting = all.containers.iter().filter(|(stored, _)| !stored.is_running());
    Sum {
        count: all.containers.len(),
        active: all.containers.iter().filter(|(stored, _)| stored.is_running()).count(),
        bytes: all.containers.iter().map(|(_, bytes)| bytes).sum(),
        free: resting.map(|(_, bytes)| bytes).sum(),
    }
}

fn volume_sum(all: &Everything) -> Sum {
    Sum {
        count: all.volumes.len(),
        active: all.volumes.values().filter(|(users, _)| *users > 0).count(),
        bytes: all.volumes.values().map(|(_, bytes)| bytes).sum(),
        free: all.volumes.values().filter(|(users, _)| *users == 0).map(|(_, bytes)| bytes).sum(),
    }
}
