//! `layerlab network connect` and `disconnect`: cables put in and pulled out, while a container runs or for when it does.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use clap::Args;

use crate::cli::failure::Failure;
use crate::runtime;
use crate::runtime::network::Attachment;
use crate::world::World;

/// Connect a container to a network.
#[derive(Debug, Args)]
pub(crate) struct Connect {
    /// Give it a further name there
    #[arg(long, value_name = "NAME")]
    alias: Vec<String>,
    /// Give it this address
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<Ipv4Addr>,
    /// Give it this address of IPv6
    #[arg(long, value_name = "ADDRESS")]
    ip6: Option<Ipv6Addr>,
    /// The network
    network: String,
    /// The container
    container: String,
}

impl Connect {
    pub(in crate::cli) fn run(&self, world: &Arc<World>) -> Result<(), Failure> {
        let (network, aliases) = (self.network.clone(), self.alias.clone());
        let attachment = Attachment { network, aliases, address: self.ip, sixth: self.ip6 };
        Ok(runtime::connect(world, &self.container, attachment)?)
    }
}

/// Disconnect a container from a network.
#[derive(Debug, Args)]
pub(crate) struct Disconnect {
    /// Do it also where the network is not there any more
    #[arg(short, long)]
    force: bool,
    /// The network
    network: String,
    /// The container
    container: String,
}

impl Disconnect {
    pub(in crate::cli) fn run(&self, world: &Arc<World>) -> Result<(), Failure> {
        match runtime::disconnect(world, &self.container, &self.network) {
            Err(runtime::Error::NoNetwork(_)) if self.force => Ok(()),
            done => Ok(done?),
        }
    }
}
