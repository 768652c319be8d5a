//! `layerlab history`: the instructions that made an image.

use std::io::Write as _;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::debugger;
use crate::images::{self, Opened, Policy};
use crate::oci::{ImageConfig, Manifest, Platform};
use crate::view::pictures;
use crate::view::table::{self, TooWide};
use crate::view::units;
use crate::world::World;

/// The widest column of instructions, as `docker history` has it.
const WIDEST_INSTRUCTION: usize = 45;

/// Show the history of an image.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// Print whole instructions and ids
    #[arg(long)]
    no_trunc: bool,
    /// Draw the layers as bars, with what later layers overwrite or delete
    #[arg(long, conflicts_with = "no_trunc")]
    bars: bool,
    /// The image
    image: String,
}

impl History {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let found = images::by_text(&world.store, &self.image, Policy::default())?;
        if self.bars {
            let image = Opened::of(&world.store, &found, &Platform::host())?;
            let layers = debugger::weigh(world, &image.layers, image.config.history.iter())?;
            let text = pictures::layers(&ui.layout(&world.clock), &layers);
            return Ok(ui.out().write_all(text.as_bytes())?);
        }
        let (manifest, config) = world.store.load_image(&found.manifest)?;
        let table = Table { history: self, now: world.clock.seconds(), manifest, config };
        let too_wide = if self.no_trunc { TooWide::Broken } else { TooWide::Cut };
        ui.long_table(&["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"], || table.rows(), too_wide)
    }
}

/// The history of an image, the last instruction first.
struct Table<'a> {
    history: &'a History,
    now: i64,
    manifest: Manifest,
    config: ImageConfig,
}

impl Table<'_> {
    fn rows(&self) -> impl Iterator<Item = Vec<String>> {
        let mut layer = self.config.history.iter().filter(|entry| !entry.empty_layer).count();
        self.config.history.iter().rev().enumerate().map(move |(number, entry)| {
            let size = if entry.empty_layer {
                0
            } else {
                layer -= 1;
                self.manifest.layers.get(layer).map_or(0, |layer| layer.size)
            };
            let id = &self.manifest.config.digest;
            let image = match number {
                0 if self.history.no_trunc => id.to_string(),
                0 => id.short(),
                _ => "<missing>".to_owned(),
            };
            let text = entry.created_by.clone().unwrap_or_default();
            let text = if self.history.no_trunc { text } else { table::shortened(&text, WIDEST_INSTRUCTION) };
            let created = units::ago(self.now, entry.created.as_deref());
            vec![image, created, text, units::size(size), entry.comment.clone().unwrap_or_default()]
        })
    }
}
