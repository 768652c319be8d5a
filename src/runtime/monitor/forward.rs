//! From the doors of the machine to the ports of the container.
//!
//! Every connection gets a socket in the container's network, connected to its address there; [`exchange`](super::exchange) copies between
//! the two. A datagram's sender gets one for as long as it is heard of, and a thread. There are never more than the descriptors of this
//! process suffice for: a connection waits until another one ends, and the datagrams of one more sender are lost, as datagrams may be.
//!
//! Who listens on 127.0.0.1 inside is not reached, as in Docker; [`super::unreached`] says so. Left out: the address of whoever connects, for
//! which the container sees its own.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::socket::{SockaddrIn, connect};

use super::crowd::{Counted, PIECE};
use super::exchange::{Entrance, Exchange, Refused};
use crate::container::{SocketKind, Sockets};
use crate::runtime::ports::Door;

/// How long the sender of datagrams is remembered when nothing more is heard of it, as Docker does.
const SILENCE: Duration = Duration::from_secs(90);

/// Serves all doors, in threads of their own, until the process ends.
/// `refused` is told of a port at which nobody answered, with the machine's port that leads there.
///
/// # Errors
/// They can't be waited for.
pub(super) fn serve(doors: Vec<Door>, sockets: &Arc<Sockets>, address: IpAddr, refused: &Refused) -> io::Result<()> {
    let mut entrances = Vec::new();
    for door in doors {
        let outer = door.bound().map_or(0, |bound| bound.address.port());
        match door {
            Door::Tcp(listener, port) => {
                entrances.push(Entrance { listener, outer, to: SocketAddr::new(address, port) });
            }
            Door::Udp(socket, port) => {
                let (socket, sockets) = (Arc::new(socket), sockets.clone());
                thread::Builder::new()
                    .name("datagrams".to_owned())
                    .spawn(move || pass_datagrams(&socket, SocketAddr::new(address, port), &sockets))?;
            }
        }
    }
    if !entrances.is_empty() {
        let exchange = Exchange::new(entrances, sockets.clone(), refused.clone())?;
        thread::Builder::new().name("connections".to_owned()).spawn(|| exchange.serve())?;
    }
    Ok(())
}

/// A socket for datagrams that is connected to a port inside.
fn enter(to: SocketAddr, sockets: &Sockets) -> io::Result<UdpSocket> {
    let socket = sockets.make(SocketKind::Udp)?;
    let SocketAddr::V4(address) = to else { return Err(io::ErrorKind::Unsupported.into()) };
    connect(socket.as_raw_fd(), &SockaddrIn::from(address))?;
    Ok(socket.into())
}

fn pass_datagrams(outside: &Arc<UdpSocket>, to: SocketAddr, sockets: &Arc<Sockets>) {
    let senders = Senders::default();
    let mut buffer = vec![0; PIECE];
    loop {
        let Ok((count, sender)) = outside.recv_from(&mut buffer) else {
            // Not as fast as possible: it may be an error that stays.
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        let known = held(&senders).get(&sender).cloned();
        let inside = match known {
            Some(inside) => inside,
            None => match new_sender(sender, outside, to, sockets, &senders) {
                Ok(inside) => inside,
                // Datagrams may be lost.
                Err(_) => continue,
            },
        };
        let _ = inside.send(&buffer[..count]);
    }
}

/// The sockets inside, by who sends to them.
type Senders = Arc<Mutex<HashMap<SocketAddr, Arc<UdpSocket>>>>;

/// A socket inside for a sender, and a thread that passes the answers back.
fn new_sender(
    sender: SocketAddr,
    outside: &Arc<UdpSocket>,
    to: SocketAddr,
    sockets: &Sockets,
    senders: &Senders,
) -> io::Result<Arc<UdpSocket>> {
    let counted = Counted::sender().ok_or(io::ErrorKind::QuotaExceeded)?;
    let inside = Arc::new(enter(to, sockets)?);
    held(senders).insert(sender, inside.clone());
    let (answers, outside, known) = (inside.clone(), outside.clone(), senders.clone());
    let spawned = thread::Builder::new().name("datagrams".to_owned()).spawn(move || {
        let _counted = counted;
        answer(&answers, &outside, sender);
        held(&known).remove(&sender);
    });
    if let Err(error) = spawned {
        held(senders).remove(&sender);
        return Err(error);
    }
    Ok(inside)
}

fn held(senders: &Senders) -> MutexGuard<'_, HashMap<SocketAddr, Arc<UdpSocket>>> {
    senders.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes answers back to a sender, until there were none for a while.
fn answer(inside: &UdpSocket, outside: &UdpSocket, sender: SocketAddr) {
    let mut buffer = vec![0; PIECE];
    if inside.set_read_timeout(Some(SILENCE)).is_err() {
        return;
    }
    while let Ok(count) = inside.recv(&mut buffer) {
        let _ = outside.send_to(&buffer[..count], sender);
    }
}
