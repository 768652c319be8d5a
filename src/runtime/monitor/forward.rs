//! From the doors of the machine to the ports of the container.
//!
//! Every connection gets a socket in the container's network, connected to its address there, and two threads that copy, one for each
//! direction. A datagram's sender gets one for as long as it is heard of. There are never more than the descriptors of this process suffice
//! for: a connection waits until another one ends, and the datagrams of one more sender are lost, as datagrams may be.
//!
//! Who listens on 127.0.0.1 inside is not reached, as in Docker; [`super::unreached`] says so. Left out: the address of whoever connects, for
//! which the container sees its own.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::socket::{SockaddrIn, connect};

use crate::container::{SocketKind, Sockets};
use crate::runtime::ports::Door;

/// How much is copied at a time.
const PIECE: usize = 64 << 10;

/// How long the sender of datagrams is remembered when nothing more is heard of it, as Docker does.
const SILENCE: Duration = Duration::from_secs(90);

/// How many connections there are, senders of datagrams included.
static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);

/// How many of them are senders of datagrams, whom anybody can make up.
static SENDERS: AtomicUsize = AtomicUsize::new(0);

/// So many descriptors are for everything else.
const RESERVED: u64 = 96;

/// How many connections there may be: each has two descriptors, and those who ask the monitor for something need some, too.
fn most_connections() -> usize {
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    usize::try_from(soft.saturating_sub(RESERVED) / 2).unwrap_or(usize::MAX).clamp(8, 4096)
}

/// A connection, counted as long as this lives.
struct Counted(&'static AtomicUsize);

impl Counted {
    fn connection() -> Counted {
        Counted::by(&CONNECTIONS)
    }

    /// The sender of datagrams, as one more connection; `None` where there are too many: half of all is for connections.
    fn sender() -> Option<(Counted, Counted)> {
        let counted = (Counted::by(&SENDERS), Counted::by(&CONNECTIONS));
        let most = most_connections();
        let fits = SENDERS.load(Ordering::SeqCst) <= most / 2 && CONNECTIONS.load(Ordering::SeqCst) <= most;
        fits.then_some(counted)
    }

    fn by(counter: &'static AtomicUsize) -> Counted {
        counter.fetch_add(1, Ordering::SeqCst);
        Counted(counter)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Serves all doors, each in a thread of its own, until the process ends.
/// `refused` is told of a port at which nobody answered, with the machine's port that leads there.
pub(super) fn serve(
    doors: Vec<Door>,
    sockets: &Arc<Sockets>,
    address: IpAddr,
    refused: &Arc<dyn Fn(SocketAddr, u16) + Send + Sync>,
) {
    for door in doors {
        let (refused, outer) = (refused.clone(), door.bound().map_or(0, |bound| bound.address.port()));
        let sockets = sockets.clone();
        let _ = thread::Builder::new().name("door".to_owned()).spawn(move || match door {
            Door::Tcp(listener, port) => {
                for stream in listener.incoming() {
                    match stream {
                        Ok(stream) => {
                            while CONNECTIONS.load(Ordering::SeqCst) >= most_connections() {
                                thread::sleep(Duration::from_millis(10));
                            }
                            let (sockets, refused, counted) = (sockets.clone(), refused.clone(), Counted::connection());
                            let _ = thread::Builder::new().name("connection".to_owned()).spawn(move || {
                                let _counted = counted;
                                let to = SocketAddr::new(address, port);
                                match carry(&stream, to, &sockets) {
                                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                                        refused(to, outer)
                                    }
                                    Ok(()) | Err(_) => {}
                                }
                            });
                        }
                        // Out of descriptors, most likely: others will be closed.
                        Err(_) => thread::sleep(Duration::from_millis(10)),
                    }
                }
            }
            Door::Udp(socket, port) => pass_datagrams(&Arc::new(socket), SocketAddr::new(address, port), &sockets),
        });
    }
}

/// A connection, from its beginning to its end.
fn carry(outside: &TcpStream, to: SocketAddr, sockets: &Sockets) -> io::Result<()> {
    let inside = TcpStream::from(enter(SocketKind::Tcp, to, sockets)?);
    outside.set_nodelay(true)?;
    inside.set_nodelay(true)?;
    thread::scope(|scope| {
        scope.spawn(|| copy(outside, &inside));
        copy(&inside, outside);
    });
    Ok(())
}

/// Copies until the end, and passes that on.
fn copy(mut from: &TcpStream, mut to: &TcpStream) {
    let mut buffer = vec![0; PIECE];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                if to.write_all(&buffer[..count]).is_err() {
                    // Nobody takes it any more: nor will the other one get an answer.
                    let _ = from.shutdown(Shutdown::Both);
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// A socket that is connected to a port inside.
fn enter(kind: SocketKind, to: SocketAddr, sockets: &Sockets) -> io::Result<std::os::fd::OwnedFd> {
    let socket = sockets.make(kind)?;
    let SocketAddr::V4(address) = to else { return Err(io::ErrorKind::Unsupported.into()) };
    connect(socket.as_raw_fd(), &SockaddrIn::from(address))?;
    Ok(socket)
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
    let inside = Arc::new(UdpSocket::from(enter(SocketKind::Udp, to, sockets)?));
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
