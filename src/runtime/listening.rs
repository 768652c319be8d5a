//! Who listens in a network: the sockets of /proc/PID/net, see proc_net(5).
//!
//! These files are the kernel's own; a container can't write to them.

use std::fs::File;
use std::io::Read as _;
use std::net::{IpAddr, SocketAddr};

use crate::oci::Protocol;

/// So much is read at most: a container may have many connections.
const MOST: u64 = 1 << 20;

/// The sockets that wait for others, in the network of a process: for TCP those that listen, for UDP those that are connected with nobody.
/// `None` where that can't be read.
pub(super) fn listening(process: i32, protocol: Protocol) -> Option<Vec<SocketAddr>> {
    let (names, state) = match protocol {
        Protocol::Udp => (["udp", "udp6"], "07"),
        Protocol::Tcp | Protocol::Sctp => (["tcp", "tcp6"], "0A"),
    };
    let read = |name: &str| {
        let mut text = String::new();
        File::open(format!("/proc/{process}/net/{name}")).ok()?.take(MOST).read_to_string(&mut text).ok()?;
        Some(text)
    };
    let texts: Vec<String> = names.into_iter().filter_map(read).collect();
    let mut found: Vec<SocketAddr> = texts.iter().flat_map(|text| parse(text, state)).collect();
    found.sort_unstable();
    found.dedup();
    (!texts.is_empty()).then_some(found)
}

/// The addresses of the sockets in this state, in a file such as /proc/net/tcp.
fn parse(text: &str, wanted: &str) -> Vec<SocketAddr> {
    let line = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let (local, _, state) = (words.next()?, words.next()?, words.next()?);
        let (address, port) = local.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        (state == wanted).then_some(SocketAddr::new(address_of(address)?, port))
    };
    text.lines().filter_map(line).collect()
}

/// An address as these files have it: words of 32 bits, each in the order of bytes of the machine.
fn address_of(digits: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(digits.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    match digits.len() {
        8 => word(0).map(IpAddr::from),
        32 => {
            let words: Vec<u8> = (0..4).map(word).collect::<Option<Vec<_>>>()?.concat();
            <[u8; 16]>::try_from(words).ok().map(IpAddr::from)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[cfg(target_endian = "little")]
    #[test]
    fn what_listens() {
        let text = "  sl  local_address rem_address   st tx_queue\n   0: 0100007F:0050 00000000:0000 0A 0\n   1: 00000000:1F90 00000000:0000 0A 0\n   2: 00000000:1F91 00000000:0000 01 0\n   3: 00000000000000000000000001000000:0051 00000000000000000000000000000000:0000 0A 0\n";
        let found: Vec<String> = parse(text, "0A").iter().map(ToString::to_string).collect();
        assert_eq!(found, ["127.0.0.1:80", "0.0.0.0:8080", "[::1]:81"]);
        assert_eq!(parse(text, "01").len(), 1);
    }
}
