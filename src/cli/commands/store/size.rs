//! `layerlab store size`: what takes how much room, for what it is kept, and how much of it can go.

use std::io::Write as _;

use clap::Args;
use serde::Serialize;

use super::names::name;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::runtime::mounts;
use crate::store::{Reason, Sort};
use crate::upkeep::prune::{Held, held};
use crate::upkeep::size_of;
use crate::view::table::TooWide;
use crate::view::{json, units};
use crate::world::World;

/// Show what takes up space, what keeps it, and how much can be freed.
#[derive(Debug, Args)]
pub(crate) struct Size {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One line of the table.
#[derive(Serialize)]
struct Row {
    what: &'static str,
    count: usize,
    bytes: u64,
    /// What `prune --all` would remove of it.
    can_go: u64,
}

impl Size {
    pub(super) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let mut rows: Vec<Row> = LINES.iter().map(|line| Row::new(line_of(line.0, line.1))).collect();
        for file in held(&world.store)? {
            let what = line_of(file.sort, file.reason);
            let row = rows.iter().position(|row| row.what == what).unwrap_or(rows.len());
            if row == rows.len() {
                rows.push(Row::new(what));
            }
            rows[row].add(&file);
        }
        let home = world.home();
        for (what, folder) in [
            ("cache records and past builds", vec![home.cache_dir(), home.builds_dir()]),
            ("containers", vec![home.containers_dir()]),
            ("volumes", vec![home.volumes_dir()]),
        ] {
            let entries = folder.iter().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
            // The lock is nobody's volume.
            let count = entries.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b".")).count();
            rows.push(Row { what, count, bytes: folder.iter().map(|folder| size_of(folder)).sum(), can_go: 0 });
        }
        let caches = mounts::cache::list(home)?;
        if !caches.is_empty() {
            let bytes = caches.iter().map(|cache| size_of(&cache.path)).sum();
            rows.push(Row { what: "cache mounts", count: caches.len(), bytes, can_go: bytes });
        }
        if self.json {
            return Ok(writeln!(ui.plain(), "{}", json::pretty(&rows)?)?);
        }
        let total = (rows.iter().map(|row| row.bytes).sum(), rows.iter().map(|row| row.can_go).sum());
        let mut cells: Vec<Vec<String>> = rows.iter().map(|row| row.cells()).collect();
        cells.push(vec!["total".to_owned(), String::new(), units::size(total.0), units::size(total.1)]);
        ui.table(&["WHAT", "COUNT", "SIZE", "RECLAIMABLE"], &cells, TooWide::Cut)
    }
}

impl Row {
    fn new(what: &'static str) -> Row {
        Row { what, count: 0, bytes: 0, can_go: 0 }
    }

    fn add(&mut self, file: &Held) {
        self.count += 1;
        self.bytes += file.bytes;
        self.can_go += if file.can_go { file.bytes } else { 0 };
    }

    fn cells(&self) -> Vec<String> {
        vec![self.what.to_owned(), self.count.to_string(), units::size(self.bytes), units::size(self.can_go)]
    }
}

/// The lines in their order, each by a file that belongs to it.
const LINES: &[(Sort, Option<Reason>)] = &[
    (Sort::Blob, Some(Reason::Named)),
    (Sort::Blob, Some(Reason::Container)),
    (Sort::Blob, Some(Reason::Unnamed)),
    (Sort::Blob, Some(Reason::Cache)),
    (Sort::Blob, Some(Reason::InUse)),
    (Sort::Blob, None),
    (Sort::Expanded, None),
    (Sort::Unpacked, None),
    (Sort::Proof, None),
];

/// The line that a file belongs to: blobs by the reason that they are kept for.
fn line_of(sort: Sort, reason: Option<Reason>) -> &'static str {
    match (sort, reason) {
        (Sort::Blob, Some(Reason::Named)) => "blobs of images with a name",
        (Sort::Blob, Some(Reason::Container)) => "blobs of containers",
        (Sort::Blob, Some(Reason::Unnamed)) => "blobs of images without a name",
        (Sort::Blob, Some(Reason::Cache)) => "layers that only the cache keeps",
        (Sort::Blob, Some(Reason::InUse)) => "blobs that only a running process uses",
        (Sort::Blob, None) => "blobs that nothing needs",
        (Sort::Expanded | Sort::Unpacked | Sort::UnpackedChain | Sort::Proof, _) => name(sort),
    }
}
