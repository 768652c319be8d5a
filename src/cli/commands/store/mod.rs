//! `layerlab store`: look after the store.

use std::io::Write as _;

use clap::{Args, Subcommand};

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::shown;
use crate::store::verify;
use crate::view::units;
use crate::world::World;

/// Look after the store.
#[derive(Debug, Args)]
pub struct StoreCommand {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Hash everything again and check the chain from the index to every layer
    Verify,
    /// Print the store's folder
    Path,
}

impl StoreCommand {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let mut out = ui.plain();
        match self.command {
            What::Path => writeln!(out, "{}", world.home().root().display())?,
            What::Verify => {
                let report = verify(&world.store);
                for finding in &report.findings {
                    writeln!(out, "{}", shown::line(&finding.to_string()))?;
                }
                let images = units::count(report.images as u64, "image");
                let blobs = units::count(report.blobs as u64, "blob");
                let whole = report.is_whole();
                let verdict = if whole { "whole" } else { "damaged" };
                writeln!(out, "{images}, {blobs}, {}: {verdict}", units::size(report.bytes))?;
                if !whole {
                    return Err(Failure::status(1));
                }
            }
        }
        Ok(())
    }
}
