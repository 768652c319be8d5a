//! `layerlab history`: the instructions that made an image.

use std::io::Write as _;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::debugger;
use crate::images::{self, Opened, Policy};
use crate::oci::Platform;
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
        let now = world.clock.seconds();
        let mut sizes = manifest.layers.iter().map(|layer| layer.size);
        let mut rows: Vec<Vec<String>> = config
            .history
            .iter()
            .map(|entry| {
                let size = if entry.empty_layer { 0 } else { sizes.next().unwrap_or(0) };
                let text = entry.created_by.clone().unwrap_or_default();
                let text = if self.no_trunc { text } else { table::shortened(&text, WIDEST_INSTRUCTION) };
                let created = units::ago(now, entry.created.as_deref());
                vec![
                    "<missing>".to_owned(),
                    created,
                    text,
                    units::size(size),
                    entry.comment.clone().unwrap_or_default(),
                ]
            })
            .collect();
        rows.reverse();
        if let Some(first) = rows.first_mut() {
            let id = manifest.config.digest;
            first[0] = if self.no_trunc { id.to_string() } else { id.short() };
        }
        let too_wide = if self.no_trunc { TooWide::Broken } else { TooWide::Cut };
        ui.table(&["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"], &rows, too_wide)
    }
}
