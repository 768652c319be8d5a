//! `layerlab network create`: a network for containers that are to find each other by name.

use std::io::Write as _;
use std::net::IpAddr;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::names::labels;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::runtime::events::{self, Kind};
use crate::runtime::network::{self, Reach, Subnet, Subnet6, Wanted, WantedSixth};
use crate::world::World;

/// Create a network.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// How it works; there is only `bridge`
    #[arg(short, long, value_name = "DRIVER", default_value = "bridge", hide_default_value = true)]
    driver: String,
    /// Its addresses, such as 172.30.0.0/16; with `--ipv6` also such as fd00:30::/64
    #[arg(long, value_name = "SUBNET")]
    subnet: Vec<String>,
    /// The address of the bridge
    #[arg(long, value_name = "ADDRESS")]
    gateway: Vec<IpAddr>,
    /// Give it addresses of IPv6, too
    #[arg(long)]
    ipv6: bool,
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
        let made = network::create(world, self.wanted()?)?;
        events::of_named(world.home(), &world.clock, Kind::Network, "create", &made.id, &made.name);
        Ok(writeln!(ui.plain(), "{}", made.id)?)
    }

    /// What is asked for, with the addresses by version of IP.
    fn wanted(&self) -> Result<Wanted, Diagnostic> {
        let (mut subnet, mut gateway, mut sixth) = (None, None, WantedSixth::default());
        for text in &self.subnet {
            let is_second = match text.contains(':') {
                true => sixth.subnet.replace(text.parse::<Subnet6>().map_err(bad)?).is_some(),
                false => subnet.replace(text.parse::<Subnet>().map_err(bad)?).is_some(),
            };
            if is_second {
                return Err(Diagnostic::error(format!("a second subnet for the network: `{text}`"))
                    .hint("it has one of IPv4, and one of IPv6 with `--ipv6`"));
            }
        }
        for address in &self.gateway {
            match address {
                IpAddr::V4(address) => gateway = Some(*address),
                IpAddr::V6(address) => sixth.gateway = Some(*address),
            }
        }
        if !self.ipv6 && (sixth.subnet.is_some() || sixth.gateway.is_some()) {
            let message = "these are addresses of IPv6, which the network is not to have";
            return Err(Diagnostic::error(message).hint("add `--ipv6`"));
        }
        Ok(Wanted {
            name: self.name.clone(),
            subnet,
            gateway,
            sixth: self.ipv6.then_some(sixth),
            reach: if self.internal { Reach::Internal } else { Reach::Outside },
            labels: labels(&self.label),
        })
    }
}

fn bad(problem: String) -> Diagnostic {
    Diagnostic::error(problem).hint(
        "write an address and how many bits belong to the network: 172.30.0.0/16, from 8 to 29, or fd00:30::/64, from 8 to 125",
    )
}
