//! `layerlab store`: look after the store.

use std::io::Write as _;

use clap::{Args, Subcommand};

use super::Failure;
use crate::build::World;
use crate::store::{Severity, verify};

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
    pub(super) fn run(&self, world: World<'_>) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        match self.command {
            What::Path => writeln!(out, "{}", world.home.root().display())?,
            What::Verify => {
                let report = verify(world.store);
                for finding in &report.findings {
                    writeln!(out, "{:?} {}: {}", finding.severity, finding.blob, finding.message)?;
                }
                if report.findings.iter().any(|finding| finding.severity == Severity::Error) {
                    writeln!(out, "the store is damaged")?;
                    return Err(Failure::Status(1));
                }
                writeln!(out, "the store is whole")?;
            }
        }
        Ok(())
    }
}
