//! `layerlab logout`: nobody to a registry from now on.

use clap::Args;

use super::login::server;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::registry::Registries;
use crate::registry::settings::HUB;
use crate::world::World;

/// Log out from a registry.
#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// The registry (default: Docker Hub)
    #[arg(value_name = "SERVER")]
    server: Option<String>,
}

impl Logout {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let server = server(self.server.as_deref());
        let registries = Registries::open(world.home(), world.meter())?;
        let shown = if server == HUB { "https://index.docker.io/v1/" } else { &server };
        if registries.keyring.forget(&server)? {
            ui.lines(&format!("Removing login credentials for {shown}\n"))
        } else {
            ui.lines(&format!("Not logged in to {shown}\n"))
        }
    }
}
