//! `layerlab history`: the instructions that made an image.

use std::io::Write as _;

use clap::Args;
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::format::{FormatOption, Row, Table};
use crate::cli::ui::Ui;
use crate::debugger;
use crate::images::{self, Opened, Policy};
use crate::oci::{ImageConfig, Manifest, Platform};
use crate::view::pictures::{self, Within};
use crate::view::table::{self, TooWide};
use crate::view::units;
use crate::world::World;

/// The widest column of instructions, as `docker history` has it.
const WIDEST_INSTRUCTION: usize = 45;

/// The columns.
const TABLE: Table = Table {
    shown: &["ID", "CreatedSince", "CreatedBy", "Size", "Comment"],
    titles: &[
        ("ID", "IMAGE"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedBy", "CREATED BY"),
        ("Size", "SIZE"),
        ("Comment", "COMMENT"),
    ],
    too_wide: TooWide::Cut,
};
/// The same with moments in the place of spans.
const EXACT: Table = Table { shown: &["ID", "CreatedAt", "CreatedBy", "Size", "Comment"], ..TABLE };

/// Show the history of an image.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// Print whole instructions and ids
    #[arg(long)]
    no_trunc: bool,
    /// Print ids only
    #[arg(short, long)]
    quiet: bool,
    /// Print sizes and times for people: `--human=false` gives bytes and moments
    #[arg(
        short = 'H', long, value_name = "true|false", default_value_t = true, num_args = 0..=1, default_missing_value = "true",
        require_equals = true, action = clap::ArgAction::Set
    )]
    human: bool,
    #[command(flatten)]
    format: FormatOption,
    /// Draw the layers as bars, with what later layers overwrite or delete
    #[arg(long, conflicts_with_all = ["no_trunc", "quiet", "format"])]
    bars: bool,
    /// Draw the layers on one another, with the files that each changes
    #[arg(long, conflicts_with_all = ["no_trunc", "quiet", "format", "bars"])]
    stack: bool,
    /// The image
    image: String,
}

impl History {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let is_quiet = self.format.is_quiet(self.quiet, ui);
        let format = self.format.read()?;
        let found = images::by_text(&world.store, &self.image, Policy::default())?;
        if self.bars {
            let image = Opened::of(&world.store, &found, &Platform::host())?;
            let layers = debugger::weigh(world, &image.layers, image.config.history.iter())?;
            let text = pictures::layers(&ui.layout(&world.clock), &layers, Within::Image);
            return Ok(ui.out().write_all(text.as_bytes())?);
        }
        if self.stack {
            let image = Opened::of(&world.store, &found, &Platform::host())?;
            let strata = debugger::strata(world, &image.layers, image.config.history.iter())?;
            return Ok(ui.out().write_all(pictures::stack(&ui.layout(&world.clock), &strata).as_bytes())?);
        }
        let (manifest, config) = world.store.load_image(&found.manifest)?;
        let rows = || self.rows(world.clock.seconds(), &manifest, &config);
        if is_quiet {
            let mut out = ui.plain();
            return Ok(rows().try_for_each(|row| writeln!(out, "{}", row.id))?);
        }
        let table = if self.human { TABLE } else { EXACT };
        let too_wide = if self.no_trunc { TooWide::Whole } else { table.too_wide };
        format.show_long(ui, &Table { too_wide, ..table }, rows)
    }

    /// The history of an image, the last instruction first.
    fn rows(&self, now: i64, manifest: &Manifest, config: &ImageConfig) -> impl Iterator<Item = Line> {
        let mut layer = config.history.iter().filter(|entry| !entry.empty_layer).count();
        config.history.iter().rev().enumerate().map(move |(number, entry)| {
            let size = if entry.empty_layer {
                0
            } else {
                layer -= 1;
                manifest.layers.get(layer).map_or(0, |layer| layer.size)
            };
            let id = &manifest.config.digest;
            let text = entry.created_by.clone().unwrap_or_default();
            Line {
                comment: entry.comment.clone().unwrap_or_default(),
                created_at: entry.created.clone().unwrap_or_else(|| "N/A".to_owned()),
                created_by: if self.no_trunc { text } else { table::shortened(&text, WIDEST_INSTRUCTION) },
                created_since: units::ago(now, entry.created.as_deref()),
                id: match number {
                    0 if self.no_trunc => id.to_string(),
                    0 => id.short(),
                    _ => "<missing>".to_owned(),
                },
                size: if self.human { units::docker_size(size, 3) } else { size.to_string() },
            }
        })
    }
}

/// One line of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    comment: String,
    created_at: String,
    created_by: String,
    created_since: String,
    #[serde(rename = "ID")]
    id: String,
    size: String,
}

impl Row for Line {}
