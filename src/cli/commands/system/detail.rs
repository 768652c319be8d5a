//! `layerlab system df -v`: every image, container and volume with what it takes.

use std::collections::HashMap;
use std::io::Write as _;

use super::room::{Everything, ImageSize};
use crate::cli::commands::container::row::{Detail, Line};
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::oci::Digest;
use crate::view::table::TooWide;
use crate::view::units;
use crate::world::World;

/// Shows the tables, one below the other.
pub(super) fn show(world: &World, ui: &Ui, all: &Everything) -> Result<(), Failure> {
    let mut out = ui.plain();
    writeln!(out, "Images space usage:\n")?;
    let header = ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SHARED SIZE", "UNIQUE SIZE", "CONTAINERS"];
    ui.table(&header, &images(world, &all.images), TooWide::Whole)?;
    writeln!(out, "\nContainers space usage:\n")?;
    let container = |(stored, written): &(_, u64)| {
        let line = Line::of(world, stored, Detail { whole: false, sizes: false })?;
        let size = units::docker_size(*written, 4);
        Ok(vec![line.id, line.image, line.command, line.local_volumes, size, line.running_for, line.status, line.names])
    };
    let rows: Vec<Vec<String>> = all.containers.iter().map(container).collect::<Result<_, Failure>>()?;
    let header = ["CONTAINER ID", "IMAGE", "COMMAND", "LOCAL VOLUMES", "SIZE", "CREATED", "STATUS", "NAMES"];
    ui.table(&header, &rows, TooWide::Whole)?;
    writeln!(out, "\nLocal Volumes space usage:\n")?;
    let volume = |(name, (users, bytes)): (&String, &(usize, u64))| {
        vec![name.clone(), users.to_string(), units::docker_size(*bytes, 4)]
    };
    let rows: Vec<Vec<String>> = all.volumes.iter().map(volume).collect();
    ui.table(&["VOLUME NAME", "LINKS", "SIZE"], &rows, TooWide::Whole)?;
    let (count, bytes, _) = all.cache;
    writeln!(out, "\nBuild cache usage: {} in {}", units::docker_size(bytes, 4), units::count(count as u64, "layer"))?;
    Ok(())
}

/// A line for each name of an image.
fn images(world: &World, images: &[ImageSize]) -> Vec<Vec<String>> {
    let mut users: HashMap<Digest, usize> = HashMap::new();
    for digest in images.iter().flat_map(|image| image.blobs.keys()) {
        *users.entry(*digest).or_default() += 1;
    }
    let now = world.clock.seconds();
    let mut rows = Vec::new();
    for image in images {
        let shared: u64 = image.blobs.iter().filter(|(digest, _)| users[*digest] > 1).map(|(_, size)| size).sum();
        let all: u64 = image.blobs.values().sum();
        let nameless = ["<none>:<none>".to_owned()];
        for name in if image.names.is_empty() { &nameless[..] } else { &image.names } {
            let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "<none>"));
            rows.push(vec![
                repository.to_owned(),
                tag.to_owned(),
                image.id.short(),
                units::ago(now, image.created.as_deref()),
                units::docker_size(all, 4),
                units::docker_size(shared, 4),
                units::docker_size(all - shared, 4),
                image.containers.to_string(),
            ]);
        }
    }
    rows
}
