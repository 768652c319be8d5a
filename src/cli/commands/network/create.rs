//! `layerlab network create`: a network for containers that are to find each other by name.

use std::io::Write as _;
use std::net::Ipv4Addr;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::names::labels;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::runtime::events::{self, Kind};
use crate::runtime::network::{self, Reach, Subnet};
use crate::world::World;

/// Create a network.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// How it works; there is only `bridge`
    #[arg(short, long, value_name = "DRIVER", default_value = "bridge", hide_default_value = true)]
    driver: String,
    /// Its addresses, such as 172.30.0.0/16
    #[arg(long, value_name = "SUBNET")]
    subnet: Option<String>,
    /// The address of the bridge
    #[arg(long, value_name = "ADDRESS")]
    gateway: Option<Ipv4Addr>,
    /// Give it no way out
    #[arg(long)]
    internal: bool,
    /// Label the network
    #[arg(long, value_name = "NAME[=VALUE]")]
    label: Vec<String>,
    /// Its name
    #[arg(value_name = "NETWORK")]
    name: String,
}

impl Create {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        if self.driver != "bridge" {
            return Err(Diagnostic::error(format!("there is no network driver `{}`", self.driver.escape_debug()))
                .hint("`bridge` is the only one; `host` and `none` are networks that are always there")
                .into());
        }
        let subnet = self.subnet.as_deref().map(str::parse::<Subnet>).transpose().map_err(|problem| {
            Diagnostic::error(problem)
                .hint("write an address and how many bits belong to the network, from 8 to 29: 172.30.0.0/16")
        })?;
        let labels = labels(&self.label);
        let reach = if self.internal { Reach::Internal } else { Reach::Outside };
        let wanted = network::Wanted { name: self.name.clone(), subnet, gateway: self.gateway, reach, labels };
        let made = network::create(world, wanted)?;
        events::of_named(world.home(), &world.clock, Kind::Network, "create", &made.id, &made.name);
        Ok(writeln!(ui.plain(), "{}", made.id)?)
    }
}
