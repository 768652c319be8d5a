//! `layerlab network ls`: the networks.

use std::io::Write as _;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::runtime::network::{self, PREDEFINED};
use crate::view::table::TooWide;
use crate::world::World;

/// List networks.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print ids only
    #[arg(short, long)]
    quiet: bool,
    /// Print whole ids
    #[arg(long)]
    no_trunc: bool,
}

impl List {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let written = network::list(world.home())?;
        let mut networks: Vec<(String, String)> =
            written.iter().map(|network| (network.name.clone(), network.id.clone())).collect();
        for name in PREDEFINED {
            if networks.iter().all(|(other, _)| other != name) {
                networks.push((name.to_owned(), network::predefined_id(name)));
            }
        }
        networks.sort();
        let shown = |id: &str| if self.no_trunc { id.to_owned() } else { id.chars().take(12).collect() };
        if self.quiet {
            let mut out = ui.plain();
            for (_, id) in &networks {
                writeln!(out, "{}", shown(id))?;
            }
            return Ok(());
        }
        let row = |(name, id): &(String, String)| {
            let driver = match name.as_str() {
                "host" => "host",
                "none" => "null",
                _ => "bridge",
            };
            vec![shown(id), name.clone(), driver.to_owned(), "local".to_owned()]
        };
        let rows: Vec<Vec<String>> = networks.iter().map(row).collect();
        ui.table(&["NETWORK ID", "NAME", "DRIVER", "SCOPE"], &rows, TooWide::Broken)
    }
}
