//! Connections through the doors: one thread for all of them, which waits for everything at once.
//!
//! ```text
//! whoever connects ──▶ outside end │ read, write what is taken at once, keep the rest │ inside end ──▶ the container
//! ```
//!
//! What one end has not taken yet is kept, and nothing more is read from the other end until it has: so a connection never has more than one
//! [`PIECE`] a direction. The end of a direction is passed on by itself, so that a question may end before its answer begins. See epoll(7).

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::Arc;
use std::thread;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{SockaddrIn, connect};

use super::crowd::{Counted, PIECE, is_full};
use super::inside::Inside;
use crate::container::SocketKind;

/// How many events are taken at a time.
const EVENTS: usize = 64;

/// How often one direction goes on before the others have their turn.
const TURNS: usize = 8;

/// How long nobody is let in where there are too many connections, or too few descriptors, in milliseconds.
const PAUSE: u8 = 10;

/// Who is told of a port at which nobody answered, with the machine's port that leads there.
pub(super) type Refused = Arc<dyn Fn(u16, u16) + Send + Sync>;

/// A door, and where it leads.
pub(super) struct Entrance {
    pub(super) listener: TcpListener,
    /// The machine's port.
    pub(super) outer: u16,
    /// The container's.
    pub(super) port: u16,
}

/// All connections of a container.
pub(super) struct Exchange {
    epoll: Epoll,
    entrances: Vec<Entrance>,
    /// Whether somebody may come in.
    is_open: bool,
    inside: Arc<Inside>,
    refused: Refused,
    pairs: HashMap<u64, Pair>,
    /// The number of the next connection.
    next: u64,
    /// What is copied passes through here.
    piece: Vec<u8>,
}

/// A connection: what is read from one end is written to the other.
struct Pair {
    ends: [End; 2],
    /// Whether the inside end is not connected yet.
    is_connecting: bool,
    entrance: usize,
    _counted: Counted,
}

struct End {
    socket: TcpStream,
    /// What is still to be written to it.
    rest: Vec<u8>,
    /// Nothing more comes from it.
    is_read: bool,
    /// It was told that nothing more comes.
    is_shut: bool,
    /// What it is waited for.
    awaited: EpollFlags,
}

impl End {
    fn new(socket: TcpStream) -> io::Result<End> {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        Ok(End { socket, rest: Vec::new(), is_read: false, is_shut: false, awaited: EpollFlags::empty() })
    }
}

/// How a direction came to rest.
#[derive(PartialEq)]
enum Flow {
    Waits,
    /// One of the ends is broken.
    Broken,
}

impl Exchange {
    pub(super) fn new(entrances: Vec<Entrance>, inside: Arc<Inside>, refused: Refused) -> io::Result<Exchange> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        for entrance in &entrances {
            entrance.listener.set_nonblocking(true)?;
        }
        let (pairs, next, piece) = (HashMap::new(), entrances.len() as u64, vec![0; PIECE]);
        Ok(Exchange { epoll, entrances, is_open: false, inside, refused, pairs, next, piece })
    }

    /// Serves all of them, until the process ends.
    pub(super) fn serve(mut self) {
        let mut events = [EpollEvent::empty(); EVENTS];
        loop {
            self.set_open(!is_full());
            let timeout = if self.is_open { EpollTimeout::NONE } else { EpollTimeout::from(PAUSE) };
            let count = match self.epoll.wait(&mut events, timeout) {
                Ok(count) => count,
                Err(Errno::EINTR) => continue,
                // It can't be waited for any more.
                Err(_) => return,
            };
            for event in &events[..count] {
                match usize::try_from(event.data()) {
                    Ok(entrance) if entrance < self.entrances.len() => self.let_in(entrance),
                    _ => self.go_on(event.data() / 2),
                }
            }
        }
    }

    /// Waits for whoever comes, or does not.
    fn set_open(&mut self, is_open: bool) {
        if is_open == self.is_open {
            return;
        }
        for (number, entrance) in self.entrances.iter().enumerate() {
            let _ = match is_open {
                true => self.epoll.add(&entrance.listener, EpollEvent::new(EpollFlags::EPOLLIN, number as u64)),
                false => self.epoll.delete(&entrance.listener),
            };
        }
        self.is_open = is_open;
    }

    /// Takes one who comes, and begins to connect it inside.
    fn let_in(&mut self, entrance: usize) {
        let Entrance { listener, port, .. } = &self.entrances[entrance];
        let outside = match listener.accept() {
            Ok((outside, _)) => outside,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            // Out of descriptors, most likely: others will be closed.
            Err(_) => return thread::sleep(std::time::Duration::from_millis(PAUSE.into())),
        };
        // Without an address of its own, the container is not reached.
        let Ok((socket, to)) = self.inside.end(SocketKind::Tcp, *port) else { return };
        let (Ok(outside), Ok(inside)) = (End::new(outside), End::new(TcpStream::from(socket))) else { return };
        let is_connecting = match connect(inside.socket.as_raw_fd(), &SockaddrIn::from(to)) {
            Ok(()) => false,
            Err(Errno::EINPROGRESS) => true,
            Err(errno) => return self.tell(entrance, &errno.into()),
        };
        let number = self.next;
        self.next += 1;
        self.pairs
            .insert(number, Pair { ends: [outside, inside], is_connecting, entrance, _counted: Counted::connection() });
        self.go_on(number);
    }

    fn tell(&self, entrance: usize, error: &io::Error) {
        if error.kind() == io::ErrorKind::ConnectionRefused {
            let Entrance { outer, port, .. } = self.entrances[entrance];
            let refused = self.refused.clone();
            // It has to look around in the container.
            let _ = thread::Builder::new().name("refused".to_owned()).spawn(move || refused(port, outer));
        }
    }

    /// Copies what can be copied of a connection, and waits for the rest.
    fn go_on(&mut self, number: u64) {
        let Some(pair) = self.pairs.get_mut(&number) else { return };
        if pair.is_connecting {
            match pair.is_connected() {
                Ok(true) => pair.is_connecting = false,
                Ok(false) => {}
                Err(error) => {
                    let entrance = pair.entrance;
                    self.end(number);
                    return self.tell(entrance, &error);
                }
            }
        }
        let [outside, inside] = &mut pair.ends;
        let is_broken = !pair.is_connecting
            && (copy(outside, inside, &mut self.piece) == Flow::Broken
                || copy(inside, outside, &mut self.piece) == Flow::Broken);
        let is_over = pair.ends.iter().all(|end| end.is_read && end.is_shut);
        if is_broken || is_over || pair.wait(&self.epoll, number).is_err() {
            self.end(number);
        }
    }

    /// Closes a connection. A copy of this process may have its descriptors for a moment, and they would be waited for as long.
    fn end(&mut self, number: u64) {
        let Some(pair) = self.pairs.remove(&number) else { return };
        for end in pair.ends.iter().filter(|end| !end.awaited.is_empty()) {
            let _ = self.epoll.delete(end.socket.as_fd());
        }
    }
}

impl Pair {
    /// Whether the inside end is connected by now.
    fn is_connected(&self) -> io::Result<bool> {
        let socket = &self.ends[1].socket;
        match socket.take_error()? {
            Some(error) => Err(error),
            None => match socket.peer_addr() {
                Ok(_) => Ok(true),
                Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
                Err(error) => Err(error),
            },
        }
    }

    /// Waits for what can bring it further.
    fn wait(&mut self, epoll: &Epoll, number: u64) -> nix::Result<()> {
        let has_rest = [!self.ends[0].rest.is_empty(), !self.ends[1].rest.is_empty()];
        for (side, end) in self.ends.iter_mut().enumerate() {
            let mut awaited = EpollFlags::empty();
            awaited.set(EpollFlags::EPOLLIN, !self.is_connecting && !end.is_read && !has_rest[1 - side]);
            awaited.set(EpollFlags::EPOLLOUT, has_rest[side] || self.is_connecting && side == 1);
            if awaited == end.awaited {
                continue;
            }
            let mut event = EpollEvent::new(awaited, number * 2 + side as u64);
            match (end.awaited.is_empty(), awaited.is_empty()) {
                (true, _) => epoll.add(end.socket.as_fd(), event)?,
                // One that hangs up would be told of all the time.
                (false, true) => epoll.delete(end.socket.as_fd())?,
                (false, false) => epoll.modify(end.socket.as_fd(), &mut event)?,
            }
            end.awaited = awaited;
        }
        Ok(())
    }
}

/// Copies from one end to the other, and passes the end on when all is copied.
fn copy(from: &mut End, to: &mut End, piece: &mut [u8]) -> Flow {
    let flow = copy_some(from, to, piece);
    if from.is_read && to.rest.is_empty() && !to.is_shut {
        let _ = to.socket.shutdown(Shutdown::Write);
        to.is_shut = true;
    }
    flow
}

/// Copies as long as both go on, for some turns.
fn copy_some(from: &mut End, to: &mut End, piece: &mut [u8]) -> Flow {
    for _ in 0..TURNS {
        if !to.rest.is_empty() {
            match write(&to.socket, &to.rest) {
                Ok(0) => return Flow::Waits,
                Ok(count) => drop(to.rest.drain(..count)),
                Err(_) => return Flow::Broken,
            }
            continue;
        }
        if from.is_read {
            return Flow::Waits;
        }
        match (&from.socket).read(piece) {
            Ok(0) => from.is_read = true,
            Ok(count) => match write(&to.socket, &piece[..count]) {
                Ok(written) => to.rest.extend_from_slice(&piece[written..count]),
                Err(_) => return Flow::Broken,
            },
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Flow::Waits,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Flow::Broken,
        }
    }
    Flow::Waits
}

/// Writes what is taken at once; 0 where that is nothing.
fn write(mut to: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match to.write(bytes) {
        Ok(count) => Ok(count),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(0),
        Err(error) => Err(error),
    }
}
