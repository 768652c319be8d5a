//! What `run` and `create` are told of a container's network.

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::container::Network;
use crate::runtime::Published;

/// The options of it.
#[derive(Debug, Args)]
pub(super) struct Networking {
    /// The network: `host`, `none`, or `private`, which is used when a port is published
    #[arg(long, alias = "net", value_name = "MODE")]
    network: Option<Network>,
    /// What is published.
    #[arg(
        short,
        long,
        value_name = "PORT",
        help = "Publish a port of the container: [IP:][MACHINE:]CONTAINER[/PROTOCOL]"
    )]
    publish: Vec<String>,
    /// Publish every port that the image exposes, at free ports of this machine
    #[arg(short = 'P', long)]
    publish_all: bool,
}

/// What they come to.
pub(super) struct Connections {
    pub(super) network: Network,
    pub(super) ports: Vec<Published>,
    /// Whether what the image exposes is published too.
    pub(super) publish_all: bool,
}

impl Networking {
    /// Reads them; what can't be had beside the network asked for is told.
    ///
    /// # Errors
    /// A port can't be understood.
    pub(super) fn connections(&self, ui: &Ui) -> Result<Connections, Failure> {
        let mut ports = Published::parse_all(&self.publish)?;
        let is_published = self.publish_all || !ports.is_empty();
        let network = self.network.unwrap_or(if is_published { Network::Private } else { Network::Host });
        if is_published && network != Network::Private {
            // As Docker: there is nothing to be published.
            ui.note(&format!("warning: published ports are discarded when using the network `{}`", network.name()));
            ports.clear();
        }
        Ok(Connections { network, ports, publish_all: self.publish_all && network == Network::Private })
    }
}

impl ValueEnum for Network {
    fn value_variants<'a>() -> &'a [Network] {
        &[Network::Host, Network::None, Network::Private]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}
