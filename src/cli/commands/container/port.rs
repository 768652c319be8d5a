//! `layerlab port`: where the ports of a container are reached.

use std::io::Write as _;

use clap::Args;

use super::inspect::bound;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::runtime;
use crate::world::World;

/// Show where the published ports of a container are reached.
#[derive(Debug, Args)]
pub(crate) struct Port {
    /// The container
    container: String,
    /// Only this port of the container, such as 80 or 53/udp
    port: Option<String>,
}

impl Port {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let stored = runtime::find(world, &self.container)?;
        let mut out = ui.plain();
        let Some(port) = &self.port else {
            for bound in bound(&stored.status) {
                writeln!(out, "{} -> {}", bound.inside(), bound.address)?;
            }
            return Ok(());
        };
        let wanted = if port.contains('/') { port.clone() } else { format!("{port}/tcp") };
        let found: Vec<_> = bound(&stored.status).iter().filter(|bound| bound.inside() == wanted).collect();
        if found.is_empty() {
            return Err(Diagnostic::error(format!("no public port `{wanted}` published for {}", self.container)).into());
        }
        for bound in found {
            writeln!(out, "{}", bound.address)?;
        }
        Ok(())
    }
}
