//! Why nobody answers at a published port: what listens in the container.

use std::net::SocketAddr;

use crate::oci::Protocol;
use crate::runtime::listening::listening;

/// A sentence on it, for a container whose process 1 has this number; `None` where nothing is known.
pub(super) fn why(process: i32, wanted: u16, door: u16) -> Option<String> {
    Some(explain(&listening(process, Protocol::Tcp)?, wanted, door))
}

fn explain(listening: &[SocketAddr], wanted: u16, door: u16) -> String {
    let at = |port: u16| listening.iter().find(|other| other.port() == port);
    if at(wanted).is_some_and(|found| found.ip().is_loopback()) {
        return format!(
            "port {wanted} can't be reached: the program in the container listens on 127.0.0.1 there, which only the container itself reaches; have it listen on 0.0.0.0"
        );
    }
    if at(door).is_some_and(|found| !found.ip().is_loopback()) && door != wanted {
        return format!(
            "nothing listens on port {wanted} in the container, but something does on {door}: a port is published as MACHINE:CONTAINER, so `-p {wanted}:{door}` may be meant"
        );
    }
    let others: Vec<String> =
        listening.iter().filter(|other| !other.ip().is_loopback()).map(|other| other.port().to_string()).collect();
    match others.as_slice() {
        [] => format!("nothing listens on port {wanted} in the container, nor on any other port"),
        [one] => format!(
            "nothing listens on port {wanted} in the container, but something does on {one}: `-p {door}:{one}` may be meant"
        ),
        several => format!("nothing listens on port {wanted} in the container; it listens on {}", several.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{SocketAddr, explain};

    #[test]
    fn what_listens_and_what_is_said_of_it() {
        let listening: Vec<SocketAddr> =
            ["127.0.0.1:80", "0.0.0.0:8080"].iter().map(|text| text.parse().expect("an address")).collect();
        assert!(explain(&listening, 80, 8081).contains("listen on 0.0.0.0"));
        assert!(explain(&listening, 81, 8080).contains("`-p 81:8080` may be meant"));
        assert!(explain(&listening, 81, 9000).contains("`-p 9000:8080` may be meant"));
        assert!(explain(&[], 81, 9000).contains("nor on any other port"));
    }
}
