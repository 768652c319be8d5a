//! Runs of addresses: what belongs to a network.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A run of addresses that begin with the same bits: `172.18.0.0/16`, see RFC 4632.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Subnet {
    first: Ipv4Addr,
    prefix: u8,
}

/// Where networks get their addresses from when nobody says which, as in Docker: private ones of RFC 1918 that homes and offices seldom use.
/// The first is for the network `bridge`.
pub(super) fn pool() -> impl Iterator<Item = Subnet> {
    let large = (17..32).map(|second| Subnet { first: Ipv4Addr::new(172, second, 0, 0), prefix: 16 });
    let small = (0..16).map(|third| Subnet { first: Ipv4Addr::new(192, 168, third * 16, 0), prefix: 20 });
    large.chain(small)
}

impl Subnet {
    pub(crate) fn prefix(self) -> u8 {
        self.prefix
    }

    /// The address of the bridge where nobody says which: the first.
    pub(crate) fn gateway(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.first) + 1)
    }

    /// Every address for somebody: not the first, which is the network's name, nor the last, which means all.
    pub(crate) fn hosts(self) -> impl Iterator<Item = Ipv4Addr> {
        let first = u32::from(self.first);
        (first + 1..first | self.rest()).map(Ipv4Addr::from)
    }

    /// Whether somebody may have this address.
    pub(crate) fn has(self, address: Ipv4Addr) -> bool {
        let number = u32::from(address);
        number & !self.rest() == u32::from(self.first)
            && number != u32::from(self.first)
            && number & self.rest() != self.rest()
    }

    /// Whether an address belongs to both.
    pub(crate) fn overlaps(self, address: IpAddr, prefix: u8) -> bool {
        let IpAddr::V4(address) = address else { return false };
        // What begins with no bits at all is the way to everywhere else.
        let shared = self.prefix.min(prefix);
        shared > 0 && (u32::from(address) ^ u32::from(self.first)).checked_shr(32 - u32::from(shared)) == Some(0)
    }

    /// The bits that those in it do not share.
    fn rest(self) -> u32 {
        u32::MAX.checked_shr(self.prefix.into()).unwrap_or(0)
    }
}

impl FromStr for Subnet {
    type Err = String;

    fn from_str(text: &str) -> Result<Subnet, String> {
        let bad = || format!("`{}` is not a subnet", text.escape_debug());
        let (address, prefix) = text.split_once('/').ok_or_else(bad)?;
        let (address, prefix) = (address.parse::<Ipv4Addr>(), prefix.parse::<u8>());
        let (Ok(address), Ok(prefix @ 8..=29)) = (address, prefix) else { return Err(bad()) };
        let mut subnet = Subnet { first: address, prefix };
        subnet.first = Ipv4Addr::from(u32::from(address) & !subnet.rest());
        // This machine, everybody, many at once: to route these to a bridge would take them from the machine.
        match subnet.first.octets()[0] {
            0 | 127 | 224.. => {
                Err(format!("`{subnet}` is no range for a network: its addresses have a meaning of their own"))
            }
            _ => Ok(subnet),
        }
    }
}

impl TryFrom<String> for Subnet {
    type Error = String;

    fn try_from(text: String) -> Result<Subnet, String> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> String {
        subnet.to_string()
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.first, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_a_subnet() {
        let subnet: Subnet = "10.1.2.3/29".parse().expect("a subnet");
        assert_eq!(subnet.to_string(), "10.1.2.0/29");
        assert_eq!(subnet.gateway(), Ipv4Addr::new(10, 1, 2, 1));
        assert_eq!(subnet.hosts().count(), 6);
        assert!(subnet.has(Ipv4Addr::new(10, 1, 2, 6)) && !subnet.has(Ipv4Addr::new(10, 1, 2, 7)));
        assert!(!subnet.has(Ipv4Addr::new(10, 1, 2, 0)) && !subnet.has(Ipv4Addr::new(10, 1, 3, 1)));
        let overlaps = |text: &str, prefix| subnet.overlaps(text.parse().expect("an address"), prefix);
        assert!(overlaps("10.0.0.0", 8) && overlaps("10.1.2.4", 30) && !overlaps("10.1.3.0", 24));
        assert!(!overlaps("0.0.0.0", 0), "the way to everywhere else");
        for bad in ["", "10.0.0.0", "10.0.0.0/30", "10.0.0.0/7", "x/16", "fd00::/64"] {
            assert!(bad.parse::<Subnet>().is_err(), "{bad}");
        }
        let all: Vec<Subnet> = pool().collect();
        assert_eq!(all.len(), 31);
    }
}
