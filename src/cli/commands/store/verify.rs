//! `layerlab store verify`: whether the store is whole.

use std::io::Write as _;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::ui::Ui;
use crate::shown;
use crate::upkeep::verify;
use crate::view::{Scene, units};
use crate::world::World;

/// Compute every digest again and check the chain from the index to every layer.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// List the blobs that no image needs
    #[arg(long)]
    list: bool,
}

impl Verify {
    pub(super) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        interrupts::catch(world.interrupt());
        let mut out = ui.plain().with_live(world.meter());
        out.begin(Scene::Below);
        let report = verify(&world.store);
        out.end()?;
        if world.meter().check().is_err() {
            // What could not be read was not read because of that.
            return Err(Failure::default());
        }
        for finding in &report.findings {
            writeln!(out, "{}", shown::line(&finding.to_string()))?;
        }
        if self.list {
            for (digest, bytes) in &report.unneeded {
                writeln!(out, "note: {digest}: no image needs it ({})", units::size(*bytes))?;
            }
        } else if !report.unneeded.is_empty() {
            let count = units::count(report.unneeded.len() as u64, "blob");
            let bytes = units::size(report.unneeded.values().sum());
            writeln!(
                out,
                "note: no image needs {count} ({bytes}): `--list` lists them, `layerlab store size` says what keeps them"
            )?;
        }
        let images = units::count(report.images as u64, "image");
        let blobs = units::count(report.blobs as u64, "blob");
        let whole = report.is_whole();
        let verdict = if whole { "all intact" } else { "damaged" };
        writeln!(out, "{images}, {blobs}, {}: {verdict}", units::size(report.bytes))?;
        if whole { Ok(()) } else { Err(Failure::status(1)) }
    }
}
