//! Why nobody answers at a published port: what listens in the container, see proc_net(5).
//!
//! The files of /proc are the kernel's own; a container can't write to them.

use std::net::SocketAddr;

/// The state of a socket that listens.
const LISTENING: &str = "0A";

/// So much is read at most: a container may have many connections.
const MOST: u64 = 1 << 20;

/// A socket that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Listening {
    port: u16,
    /// Whether it is heard on the container's loopback address only.
    is_loopback: bool,
}

/// A sentence on it, for a container whose process 1 has this number; `None` where nothing is known.
pub(super) fn why(process: i32, wanted: SocketAddr, door: u16) -> Option<String> {
    let read = |name: &str| {
        let file = std::fs::File::open(format!("/proc/{process}/net/{name}")).ok()?;
        let mut text = String::new();
        std::io::Read::read_to_string(&mut std::io::Read::take(file, MOST), &mut text).ok()?;
        Some(text)
    };
    let mut listening: Vec<Listening> =
        ["tcp", "tcp6"].into_iter().filter_map(read).flat_map(|text| parse(&text)).collect();
    listening.sort_unstable();
    listening.dedup();
    Some(explain(&listening, wanted.port(), door))
}

fn explain(listening: &[Listening], wanted: u16, door: u16) -> String {
    let at = |port: u16| listening.iter().find(|other| other.port == port);
    if at(wanted).is_some_and(|found| found.is_loopback) {
        return format!(
            "port {wanted} can't be reached: the program in the container listens on 127.0.0.1 there, which only the container itself reaches; have it listen on 0.0.0.0"
        );
    }
    if at(door).is_some_and(|found| !found.is_loopback) && door != wanted {
        return format!(
            "nothing listens on port {wanted} in the container, but something does on {door}: a port is published as MACHINE:CONTAINER, so `-p {wanted}:{door}` may be meant"
        );
    }
    let others: Vec<String> =
        listening.iter().filter(|other| !other.is_loopback).map(|other| other.port.to_string()).collect();
    match others.as_slice() {
        [] => format!("nothing listens on port {wanted} in the container, nor on any other port"),
        [one] => format!(
            "nothing listens on port {wanted} in the container, but something does on {one}: `-p {door}:{one}` may be meant"
        ),
        several => format!("nothing listens on port {wanted} in the container; it listens on {}", several.join(", ")),
    }
}

/// The sockets that listen, of a file such as /proc/net/tcp.
fn parse(text: &str) -> Vec<Listening> {
    let line = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let (local, _, state) = (words.next()?, words.next()?, words.next()?);
        let (address, port) = local.split_once(':')?;
        // 127.0.0.1 in the order of bytes of most machines; ::1.
        let is_loopback =
            address.ends_with("7F") && address.len() == 8 || address == "00000000000000000000000001000000";
        let port = u16::from_str_radix(port, 16).ok()?;
        (state == LISTENING).then_some(Listening { port, is_loopback })
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_and_what_is_said_of_it() {
        let text = "  sl  local_address rem_address   st tx_queue\n   0: 0100007F:0050 00000000:0000 0A 0\n   1: 00000000:1F90 00000000:0000 0A 0\n   2: 00000000:1F91 00000000:0000 01 0\n";
        let listening = parse(text);
        assert_eq!(
            listening,
            [Listening { port: 80, is_loopback: true }, Listening { port: 8080, is_loopback: false }]
        );
        assert!(explain(&listening, 80, 8081).contains("listen on 0.0.0.0"));
        assert!(explain(&listening, 81, 8080).contains("`-p 81:8080` may be meant"));
        assert!(explain(&listening, 81, 9000).contains("`-p 9000:8080` may be meant"));
        assert!(explain(&[], 81, 9000).contains("nor on any other port"));
    }
}
