//! `layerlab network rm`: networks that are not needed any more.

use std::io::Write as _;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::runtime;
use crate::runtime::events::{self, Kind};
use crate::runtime::network;
use crate::world::World;

/// Remove networks.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Say nothing of networks that are not there
    #[arg(short, long)]
    force: bool,
    /// The networks
    #[arg(required = true, value_name = "NETWORK")]
    networks: Vec<String>,
}

impl Remove {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let mut diagnostics = Vec::new();
        for name in &self.networks {
            match self.remove(world, name) {
                Ok(()) => writeln!(ui.plain(), "{}", crate::shown::line(name))?,
                Err(failure) => diagnostics.extend(failure.diagnostics),
            }
        }
        if diagnostics.is_empty() { Ok(()) } else { Err(Failure::messages(diagnostics)) }
    }

    fn remove(&self, world: &World, name: &str) -> Result<(), Failure> {
        if network::PREDEFINED.contains(&name) {
            return Err(Diagnostic::error(format!("the network `{name}` is always there and can't be removed")).into());
        }
        let network = match network::find(world, name) {
            Err(runtime::Error::NoNetwork(_)) if self.force => return Ok(()),
            found => found?,
        };
        let users = runtime::remove_network(world, &network)?;
        match users.first() {
            None => {
                events::of_named(world.home(), &world.clock, Kind::Network, "destroy", &network.id, &network.name);
                Ok(())
            }
            Some(first) => Err(Diagnostic::error(format!("the network `{name}` is in use by {}", users.join(", ")))
                .hint(format!("stop or disconnect its containers first: `layerlab network disconnect {name} {first}`"))
                .into()),
        }
    }
}
