//! `layerlab store size`: what takes how much room, for what it is kept, and how much of it can go.

use std::io::Write as _;

use clap::Args;
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::images::Error;
use crate::images::collection::{self, size_of};
use crate::store::{Reason, Sort, Stored};
use crate::view::{json, table, units};
use crate::world::World;

/// Show what takes how much room, for what it is kept, and how much of it can go.
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
        let survey = collection::survey(&world.store).map_err(Error::from)?;
        let mut rows: Vec<Row> = ROWS.iter().map(|(what, _)| Row { what, count: 0, bytes: 0, can_go: 0 }).collect();
        for file in &survey.files {
            let Some(row) = ROWS.iter().position(|(_, belongs)| belongs(file)) else { continue };
            let is_folder = matches!(file.sort, Sort::Unpacked | Sort::UnpackedChain);
            let bytes = if is_folder { size_of(&file.path) } else { file.bytes };
            rows[row].count += 1;
            rows[row].bytes += bytes;
            let is_kept = file.reason == Some(Reason::Container)
                || !is_folder && file.sort != Sort::Expanded && file.reason == Some(Reason::Named);
            let stays = file.in_use || is_kept;
            // While an image is damaged, nothing is removed.
            rows[row].can_go += if stays || !survey.damaged.is_empty() { 0 } else { bytes };
        }
        let home = world.home();
        for (what, folder) in [
            ("records of the cache and past builds", vec![home.cache_dir(), home.builds_dir()]),
            ("containers", vec![home.containers_dir()]),
            ("volumes", vec![home.volumes_dir()]),
        ] {
            let count =
                folder.iter().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten()).count();
            rows.push(Row { what, count, bytes: folder.iter().map(|folder| size_of(folder)).sum(), can_go: 0 });
        }
        if self.json {
            return Ok(writeln!(ui.plain(), "{}", json::pretty(&rows)?)?);
        }
        let total = (rows.iter().map(|row| row.bytes).sum(), rows.iter().map(|row| row.can_go).sum());
        let mut cells: Vec<Vec<String>> = rows.iter().map(|row| row.cells()).collect();
        cells.push(vec!["together".to_owned(), String::new(), units::size(total.0), units::size(total.1)]);
        Ok(write!(ui.plain(), "{}", table::render(&["WHAT", "COUNT", "SIZE", "CAN GO"], &cells))?)
    }
}

impl Row {
    fn cells(&self) -> Vec<String> {
        vec![self.what.to_owned(), self.count.to_string(), units::size(self.bytes), units::size(self.can_go)]
    }
}

/// Whether a file belongs to a line.
type Belongs = fn(&Stored) -> bool;

/// The lines, and which files belong to each.
const ROWS: &[(&str, Belongs)] = &[
    ("blobs of images with a name", |file| is_blob(file, Some(Reason::Named))),
    ("blobs of containers", |file| is_blob(file, Some(Reason::Container))),
    ("blobs of images without a name", |file| is_blob(file, Some(Reason::Unnamed))),
    ("layers that only the cache keeps", |file| is_blob(file, Some(Reason::Cache))),
    ("blobs that only a running process uses", |file| is_blob(file, Some(Reason::InUse))),
    ("blobs that nothing needs", |file| is_blob(file, None)),
    ("uncompressed copies of layers", |file| file.sort == Sort::Expanded),
    ("unpacked copies of layers", |file| matches!(file.sort, Sort::Unpacked | Sort::UnpackedChain)),
    ("proofs of layers", |file| file.sort == Sort::Proof),
];

fn is_blob(file: &Stored, reason: Option<Reason>) -> bool {
    file.sort == Sort::Blob && file.reason == reason
}
