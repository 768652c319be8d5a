//! From the doors of the machine to the ports of the container.
//!
//! Every connection gets a socket in the container's network, connected to its address there, see [`inside`](super::inside);
//! [`exchange`](super::exchange) copies between the two. A datagram's sender gets one for as long as it is heard of, and a thread. There are never more than the descriptors of this
//! process suffice for: a connection waits until another one ends, and the datagrams of one more sender are lost, as datagrams may be.
//!
//! Who listens on 127.0.0.1 inside is not reached, as in Docker; [`super::unreached`] says so. Left out: the address of whoever connects, for
//! which the container sees its own.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{Shutdown, SockaddrIn, connect, shutdown};

use super::crowd::{Counted, PIECE};
use super::exchange::{Entrance, Exchange, Refused};
use super::inside::Inside;
use crate::container::SocketKind;
use crate::runtime::ports::Door;

/// How long the sender of datagrams is remembered when nothing more is heard of it, as Docker does.
const SILENCE: Duration = Duration::from_secs(90);

/// Serves all doors, in threads of their own, until the process ends.
/// `refused` is told of a port at which nobody answered, with the machine's port that leads there.
///
/// # Errors
/// They can't be waited for.
pub(super) fn serve(doors: Vec<Door>, inside: &Arc<Inside>, refused: &Refused) -> io::Result<()> {
    let mut entrances = Vec::new();
    for door in doors {
        let outer = door.bound().map_or(0, |bound| bound.address.port());
        match door {
            Door::Tcp(listener, port) => {
                entrances.push(Entrance { listener, outer, port });
            }
            Door::Udp(socket, port) => {
                let (socket, inside) = (Arc::new(socket), inside.clone());
                thread::Builder::new()
                    .name("datagrams".to_owned())
                    .spawn(move || pass_datagrams(&socket, port, &inside))?;
            }
        }
    }
    if !entrances.is_empty() {
        let exchange = Exchange::new(entrances, inside.clone(), refused.clone())?;
        thread::Builder::new().name("connections".to_owned()).spawn(|| exchange.serve())?;
    }
    Ok(())
}

/// A socket for datagrams that is connected to a port inside.
fn enter(port: u16, inside: &Inside) -> io::Result<UdpSocket> {
    let (socket, to) = inside.end(SocketKind::Udp, port)?;
    connect(socket.as_raw_fd(), &SockaddrIn::from(to))?;
    Ok(socket.into())
}

fn pass_datagrams(outside: &Arc<UdpSocket>, port: u16, inside: &Inside) {
    let senders = Senders::default();
    let mut buffer = vec![0; PIECE];
    loop {
        let Ok((count, sender)) = outside.recv_from(&mut buffer) else {
            // Not as fast as possible: it may be an error that stays.
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        let known = held(&senders).get(&sender).cloned();
        if known.is_some_and(|known| passes(&known, &buffer[..count])) {
            continue;
        }
        // Datagrams may be lost.
        if let Ok(new) = new_sender(sender, outside, port, inside, &senders) {
            let _ = new.send(&buffer[..count]);
        }
    }
}

/// Sends a datagram inside, where the address that this socket is for is still the container's. Else nothing more comes from it.
fn passes(inside: &UdpSocket, datagram: &[u8]) -> bool {
    match inside.send(datagram) {
        Ok(_) => true,
        // Nobody had listened when one was sent before.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => true,
        Err(error) => {
            let is_gone = [Errno::EINVAL, Errno::EADDRNOTAVAIL, Errno::ENETUNREACH, Errno::EHOSTUNREACH];
            let is_gone = error.raw_os_error().is_some_and(|number| is_gone.contains(&Errno::from_raw(number)));
            if is_gone {
                let _ = shutdown(inside.as_raw_fd(), Shutdown::Both);
            }
            !is_gone
        }
    }
}

/// The sockets inside, by who sends to them.
type Senders = Arc<Mutex<HashMap<SocketAddr, Arc<UdpSocket>>>>;

/// A socket inside for a sender, and a thread that passes the answers back.
fn new_sender(
    sender: SocketAddr,
    outside: &Arc<UdpSocket>,
    port: u16,
    inside: &Inside,
    senders: &Senders,
) -> io::Result<Arc<UdpSocket>> {
    let counted = Counted::sender().ok_or(io::ErrorKind::QuotaExceeded)?;
    let new = Arc::new(enter(port, inside)?);
    held(senders).insert(sender, new.clone());
    let (answers, outside, known) = (new.clone(), outside.clone(), senders.clone());
    let spawned = thread::Builder::new().name("datagrams".to_owned()).spawn(move || {
        let _counted = counted;
        answer(&answers, &outside, sender);
        // Another one may have its place by now.
        let mut known = held(&known);
        if known.get(&sender).is_some_and(|other| Arc::ptr_eq(other, &answers)) {
            known.remove(&sender);
        }
    });
    if let Err(error) = spawned {
        held(senders).remove(&sender);
        return Err(error);
    }
    Ok(new)
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
