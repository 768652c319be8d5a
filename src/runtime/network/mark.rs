//! Who keeps a bridge that is on the machine: told by its name, and by a socket that ends with the keeper.
//!
//! ```text
//! `ll-3f2a1b-1`   a bridge of the keeper `3f2a1b`, which has a socket of the abstract name `layerlab-networks/3f2a1b`
//! ```
//!
//! Abstract names, see unix(7), belong to a network namespace, as interfaces do: whoever sees the bridge sees the socket, whatever else is
//! mounted there. The kernel closes the socket however the keeper ends. Nothing else has to be written on a bridge, so no moment comes in
//! which one is there and nobody knows whose.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use super::firewall::BRIDGE;
use crate::oci::Digest;
use crate::world::World;

/// The beginning of the names of our cables.
const CABLE: &str = "lv-";

/// So many digits has the name of a keeper: with the number of a bridge it has to fit into the 15 bytes of an interface's name.
const DIGITS: usize = 6;

/// So many names are tried. Somebody else on the machine may have any of them.
const TRIES: usize = 16;

/// The name of a keeper of networks. No other one on this machine has it meanwhile.
pub(super) struct Mark {
    name: String,
    /// Nobody listens at it.
    _socket: UnixDatagram,
}

impl Mark {
    /// Chooses one.
    ///
    /// # Errors
    /// As bind(2).
    pub(super) fn choose(world: &World) -> io::Result<Mark> {
        let mut taken = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..TRIES {
            // With the number of the process: a copy that fork(2) makes of another has the same ids before it.
            let number = std::process::id();
            let digest = Digest::of(format!("{} {number}", world.clock.new_id()).as_bytes());
            let name: String = digest.hex().chars().take(DIGITS).collect();
            match bind(&name) {
                Ok(socket) => return Ok(Mark { name, _socket: socket }),
                Err(error) => taken = error,
            }
        }
        Err(taken)
    }

    pub(super) fn bridge(&self, number: usize) -> String {
        format!("{BRIDGE}{}-{:x}", self.name, number & 0xf_ffff)
    }

    pub(super) fn cable(&self, number: usize) -> String {
        format!("{CABLE}{}-{:x}", self.name, number & 0xf_ffff)
    }
}

/// Whether an interface is a bridge of a keeper that is no more.
pub(super) fn is_left_behind(interface: &str) -> bool {
    let keeper = interface.strip_prefix(BRIDGE).and_then(|rest| rest.split_once('-')).map(|(keeper, _)| keeper);
    // Somebody may do as if it were there, and then it stays; nobody can do as if it were not.
    keeper.is_some_and(|keeper| keeper.len() == DIGITS && bind(keeper).is_ok())
}

fn bind(name: &str) -> io::Result<UnixDatagram> {
    UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(format!("layerlab-networks/{name}"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bridge_is_left_behind_when_its_keeper_has_gone() {
        let name = format!("{:06x}", std::process::id());
        let mark = Mark { _socket: bind(&name).expect("a socket"), name };
        let bridge = mark.bridge(usize::MAX);
        assert_eq!((bridge.len(), mark.cable(usize::MAX).len()), (15, 15), "the longest names of interfaces");
        assert!(!is_left_behind(&bridge));
        drop(mark);
        assert!(is_left_behind(&bridge));
        for other in ["ll-", "ll-0123-1", "docker0", "ll-0123456"] {
            assert!(!is_left_behind(other), "{other}");
        }
    }
}
