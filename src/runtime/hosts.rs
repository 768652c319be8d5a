//! Lines of a container's `/etc/hosts` that somebody asks for.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use super::Error;
use super::network::Connection;
use crate::container::{self, Hostname};

/// A further line of `/etc/hosts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HostEntry {
    pub(crate) name: Hostname,
    /// `None`: this machine, as the container sees it.
    pub(crate) address: Option<IpAddr>,
}

impl HostEntry {
    /// Reads `NAME:ADDRESS` or `NAME=ADDRESS`, where the address may be `host-gateway`.
    ///
    /// # Errors
    /// [`Error::Argument`] for what is not such a text.
    pub(crate) fn parse(text: &str) -> Result<HostEntry, Error> {
        let bad = || {
            let message = format!("invalid --add-host `{}`", text.escape_debug());
            Error::argument(message, "write NAME:ADDRESS, such as db:172.18.0.5, or NAME:host-gateway for this machine")
        };
        let (name, address) = text.split_once(['=', ':']).ok_or_else(bad)?;
        let address = match address.trim_matches(['[', ']']) {
            "host-gateway" => None,
            address => Some(address.parse().map_err(|_| bad())?),
        };
        Ok(HostEntry { name: Hostname::parse(name).map_err(|_| bad())?, address })
    }

    /// The line in a container with this network; none where this machine has no address in that.
    pub(super) fn resolved(&self, connection: &Connection) -> Option<(Hostname, IpAddr)> {
        let machine = || match connection.wires().iter().find_map(|wire| wire.gateways.first()) {
            Some(gateway) => Some(*gateway),
            None if connection.network == container::Network::Host => Some(Ipv4Addr::LOCALHOST.into()),
            None => None,
        };
        Some((self.name.clone(), self.address.or_else(machine)?))
    }
}
