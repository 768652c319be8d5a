//! Where an address is: which part of the network a request may be sent to.
//!
//! A registry's answer may name another server: a redirect, a service of tokens. Whoever writes that answer could have us ask a service
//! that only this machine or its network can reach, such as the metadata of a cloud's machine at 169.254.169.254. So what an answer names
//! has to be public, or in the same zone as the registry itself, which the user has named.
//!
//! Addresses: RFC 6890 and the IANA registries of special-purpose addresses. Left out: names; they are judged by the addresses that they
//! have at the moment of the connection (`http`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A part of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    /// The internet.
    Public,
    /// The networks of organisations and homes.
    Private,
    /// The wire that this machine is connected to.
    Link,
    /// Where clouds tell a machine its secrets, which is not always on the wire.
    Metadata,
    /// This machine.
    Loopback,
    /// No single machine: groups, broadcasts, examples.
    Nowhere,
}

impl Zone {
    /// The zone of an address.
    pub(super) fn of(address: IpAddr) -> Zone {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }

    /// Why it may not be asked.
    pub(super) fn refusal(self) -> &'static str {
        match self {
            Zone::Public => "its address is public",
            Zone::Private => "its address is of a private network",
            Zone::Link => "its address is link-local",
            Zone::Metadata => "this is where clouds hand out the credentials of a machine",
            Zone::Loopback => "its address is this machine's",
            Zone::Nowhere => "its address is not that of one machine",
        }
    }
}

/// Where machines of Amazon, Google, Microsoft, Alibaba, Oracle and others ask for what they are, and with which credentials.
const METADATA_V4: [[u8; 4]; 5] =
    [[169, 254, 169, 254], [169, 254, 170, 2], [168, 63, 129, 16], [100, 100, 100, 200], [192, 0, 0, 192]];
const METADATA_V6: [u16; 8] = [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254];

fn of_v4(address: Ipv4Addr) -> Zone {
    match address.octets() {
        octets if METADATA_V4.contains(&octets) => Zone::Metadata,
        // 0.0.0.0 is this machine to connect(2).
        [0 | 127, ..] => Zone::Loopback,
        [169, 254, ..] => Zone::Link,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Zone::Private,
        // What providers share, and what benchmarks use.
        [100, 64..=127, ..] | [198, 18..=19, ..] => Zone::Private,
        [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [224..=255, ..] => Zone::Nowhere,
        _ => Zone::Public,
    }
}

fn of_v6(address: Ipv6Addr) -> Zone {
    if let Some(inner) = embedded(address) {
        return of_v4(inner);
    }
    match address.segments() {
        METADATA_V6 => Zone::Metadata,
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Zone::Loopback,
        [0xfe80..=0xfebf, ..] => Zone::Link,
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Zone::Private,
        [0x2001, 0xdb8, ..] | [0xff00..=0xffff, ..] => Zone::Nowhere,
        _ => Zone::Public,
    }
}

/// The address of version 4 that one of version 6 stands for: mapped, translated (RFC 6052, 8215, 2765), or behind 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => Some(of(high, low)),
        [0, 0, 0, 0, 0, 0, high, low] if high > 0 => Some(of(high, low)),
        [0x64, 0xff9b, 0 | 1, 0, 0, 0, high, low] => Some(of(high, low)),
        [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Zone;

    #[test]
    fn addresses_are_where_they_are() {
        for (address, zone) in [
            ("8.8.8.8", Zone::Public),
            ("2606:4700::1", Zone::Public),
            ("127.8.0.1", Zone::Loopback),
            ("0.0.0.0", Zone::Loopback),
            ("::1", Zone::Loopback),
            ("::", Zone::Loopback),
            ("::ffff:127.0.0.1", Zone::Loopback),
            ("::7f00:1", Zone::Loopback),
            ("64:ff9b::7f00:1", Zone::Loopback),
            ("2002:7f00:1::", Zone::Loopback),
            ("::ffff:0:169.254.169.254", Zone::Metadata),
            ("64:ff9b:1::169.254.169.254", Zone::Metadata),
            ("10.1.2.3", Zone::Private),
            ("172.31.0.1", Zone::Private),
            ("172.32.0.1", Zone::Public),
            ("192.168.1.1", Zone::Private),
            ("100.64.0.1", Zone::Private),
            ("fd00::1", Zone::Private),
            ("169.254.1.1", Zone::Link),
            ("169.254.169.254", Zone::Metadata),
            ("::ffff:169.254.169.254", Zone::Metadata),
            ("100.100.100.200", Zone::Metadata),
            ("168.63.129.16", Zone::Metadata),
            ("192.0.0.192", Zone::Metadata),
            ("fd00:ec2::254", Zone::Metadata),
            ("fe80::1", Zone::Link),
            ("224.0.0.1", Zone::Nowhere),
            ("255.255.255.255", Zone::Nowhere),
            ("ff02::1", Zone::Nowhere),
        ] {
            assert_eq!(Zone::of(address.parse().expect(address)), zone, "{address}");
        }
    }
}
