//! Addresses of IPv6, for a network that has some beside those of IPv4.
//!
//! Nobody says which, most of the time: then they are of RFC 4193, private ones that nobody else has chosen, as the 40 bits in them come of the
//! network's id.
//!
//! Left out: ways out for an ordinary user's networks, and ports that are published at a container's address of IPv6: they lead to that of IPv4.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::oci::Digest;
use crate::runtime::Error;

/// What a network has of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sixth {
    pub(crate) subnet: Subnet6,
    /// The address of the bridge.
    pub(crate) gateway: Ipv6Addr,
}

/// What somebody wants of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WantedSixth {
    pub(crate) subnet: Option<Subnet6>,
    pub(crate) gateway: Option<Ipv6Addr>,
}

/// A run of addresses that begin with the same bits: `fd00:1:2:3::/64`, see RFC 4291.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Subnet6 {
    first: Ipv6Addr,
    prefix: u8,
}

impl Sixth {
    /// Those that are wanted, for the network of this id.
    ///
    /// # Errors
    /// The gateway is none of them, or this machine has no IPv6.
    pub(super) fn of(wanted: WantedSixth, id: &str) -> Result<Sixth, Error> {
        if !Path::new("/proc/sys/net/ipv6").exists() {
            return Err(Error::argument("this machine has no IPv6", "create the network without `--ipv6`"));
        }
        let subnet = wanted.subnet.unwrap_or_else(|| Subnet6::unique(id));
        let gateway = wanted.gateway.unwrap_or_else(|| subnet.nth(1));
        if !subnet.has(gateway) {
            let message = format!("the gateway {gateway} is not in the subnet {subnet}");
            return Err(Error::argument(message, "choose one of its addresses"));
        }
        Ok(Sixth { subnet, gateway })
    }

    /// The address that is asked for, or the first that is free, on the network of this name.
    pub(super) fn free_address(
        &self,
        name: &str,
        wanted: Option<Ipv6Addr>,
        taken: &BTreeSet<Ipv6Addr>,
    ) -> Result<Ipv6Addr, Error> {
        let is_free = |address: &Ipv6Addr| *address != self.gateway && !taken.contains(address);
        match wanted {
            Some(address) if !self.subnet.has(address) => {
                let message = format!("{address} is not an address of the network `{name}`, {}", self.subnet);
                Err(Error::argument(message, "choose one of its addresses, or let one be chosen"))
            }
            Some(address) if !is_free(&address) => {
                let message = format!("the address {address} is in use");
                Err(Error::argument(message, "choose another one, or let one be chosen"))
            }
            Some(address) => Ok(address),
            None => self.subnet.hosts().find(is_free).ok_or_else(|| {
                Error::argument(format!("no address is left on the network `{name}`"), "create a larger network")
            }),
        }
    }
}

impl Subnet6 {
    pub(crate) fn prefix(self) -> u8 {
        self.prefix
    }

    /// One that nobody else has, for the network of this id.
    fn unique(id: &str) -> Subnet6 {
        let digest = Digest::of(format!("layerlab addresses {id}").as_bytes());
        let bits = u128::from_str_radix(digest.hex().get(..10).unwrap_or_default(), 16).unwrap_or(0);
        Subnet6 { first: Ipv6Addr::from(0xfd << 120 | bits << 80), prefix: 64 }
    }

    fn nth(self, number: u128) -> Ipv6Addr {
        Ipv6Addr::from(u128::from(self.first) | number)
    }

    /// Every address for somebody: not the first, which is that of any router.
    pub(super) fn hosts(self) -> impl Iterator<Item = Ipv6Addr> {
        (1..=self.rest()).map(move |number| self.nth(number))
    }

    /// Whether somebody may have this address.
    pub(crate) fn has(self, address: Ipv6Addr) -> bool {
        address != self.first && u128::from(address) & !self.rest() == u128::from(self.first)
    }

    /// Whether an address belongs to both.
    pub(crate) fn overlaps(self, address: IpAddr, prefix: u8) -> bool {
        let IpAddr::V6(address) = address else { return false };
        // What begins with no bits at all is the way to everywhere else.
        let shared = self.prefix.min(prefix);
        shared > 0 && (u128::from(address) ^ u128::from(self.first)).checked_shr(128 - u32::from(shared)) == Some(0)
    }

    /// The bits that those in it do not share.
    fn rest(self) -> u128 {
        u128::MAX.checked_shr(self.prefix.into()).unwrap_or(0)
    }
}

impl FromStr for Subnet6 {
    type Err = String;

    fn from_str(text: &str) -> Result<Subnet6, String> {
        let bad = || format!("`{}` is not a subnet", text.escape_debug());
        let (address, prefix) = text.split_once('/').ok_or_else(bad)?;
        let (address, prefix) = (address.parse::<Ipv6Addr>(), prefix.parse::<u8>());
        let (Ok(address), Ok(prefix @ 8..=125)) = (address, prefix) else { return Err(bad()) };
        let mut subnet = Subnet6 { first: address, prefix };
        subnet.first = Ipv6Addr::from(u128::from(address) & !subnet.rest());
        // What ends with an address of IPv4, this machine, those on one cable, many at once.
        match subnet.first.segments()[0] {
            0 | 0xfe80..=0xfebf | 0xff00.. => {
                Err(format!("`{subnet}` is no range for a network: its addresses have a meaning of their own"))
            }
            _ => Ok(subnet),
        }
    }
}

impl TryFrom<String> for Subnet6 {
    type Error = String;

    fn try_from(text: String) -> Result<Subnet6, String> {
        text.parse()
    }
}

impl From<Subnet6> for String {
    fn from(subnet: Subnet6) -> String {
        subnet.to_string()
    }
}

impl fmt::Display for Subnet6 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.first, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_a_subnet() {
        let subnet: Subnet6 = "fd00:1::5/64".parse().expect("a subnet");
        let address = |text: &str| text.parse::<Ipv6Addr>().expect("an address");
        assert_eq!(subnet.to_string(), "fd00:1::/64");
        assert!(
            subnet.has(address("fd00:1::1")) && !subnet.has(address("fd00:1::")) && !subnet.has(address("fd00:2::1"))
        );
        assert_eq!(subnet.hosts().next(), Some(address("fd00:1::1")));
        let overlaps = |text: &str, prefix| subnet.overlaps(text.parse().expect("an address"), prefix);
        assert!(overlaps("fd00::", 16) && overlaps("fd00:1::8", 128) && !overlaps("fd00:2::", 64));
        assert!(!overlaps("::", 0), "the way to everywhere else");
        for bad in ["", "fd00::", "fd00::/126", "fd00::/7", "10.0.0.0/16", "fe80::/64", "ff02::/16", "::1/64"] {
            assert!(bad.parse::<Subnet6>().is_err(), "{bad}");
        }
        let (one, other) = (Subnet6::unique("a"), Subnet6::unique("b"));
        assert!(one != other && one.to_string().starts_with("fd") && one.to_string().ends_with("::/64"));
        assert_eq!(one.to_string().parse(), Ok(one));
    }
}
