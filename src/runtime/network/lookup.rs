//! Questions for names that nobody here has: passed on to those whom the machine asks, and their answers passed back.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};

use super::names::{self, Unknown};

/// The longest question or answer that is passed on.
pub(super) const LONGEST: usize = 4096;

/// How long one has for an answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// So many questions of one container may wait for an answer.
const MOST: usize = 64;

/// The questions that wait for an answer, the oldest first.
#[derive(Default)]
pub(super) struct Lookups {
    pending: VecDeque<Pending>,
}

/// Who has asked.
#[derive(Clone)]
pub(super) struct Asker {
    pub(super) container: String,
    /// From which port of it.
    pub(super) from: SocketAddr,
}

/// What it is told.
pub(super) struct Answered {
    pub(super) by: Asker,
    pub(super) bytes: Vec<u8>,
}

struct Pending {
    by: Asker,
    question: Vec<u8>,
    /// Where the answer comes: a socket for each question, so that its port can't be guessed.
    socket: UdpSocket,
    until: Instant,
    /// Whom else to ask, the next one last.
    others: Vec<IpAddr>,
}

impl Lookups {
    /// Asks these, or else those whom the machine asks. Gives the answer at once where nobody can be asked.
    pub(super) fn begin(&mut self, by: Asker, question: Vec<u8>, servers: &[IpAddr]) -> Option<Answered> {
        let mut servers = if servers.is_empty() { machine_servers() } else { servers.to_vec() };
        servers.reverse();
        let waiting = self.pending.iter().filter(|pending| pending.by.container == by.container).count();
        if waiting >= MOST {
            servers.clear();
        }
        self.ask(by, question, servers)
    }

    /// What is polled, in order.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.pending.iter().map(|pending| pending.socket.as_fd())
    }

    /// When the first has had its time.
    pub(super) fn until(&self) -> Option<Instant> {
        self.pending.front().map(|pending| pending.until)
    }

    /// The answer to one of them, or else somebody else is asked.
    pub(super) fn ready(&mut self, index: usize) -> Option<Answered> {
        let pending = self.pending.get(index)?;
        let mut bytes = vec![0; LONGEST];
        match pending.socket.recv(&mut bytes) {
            Ok(length) => {
                bytes.truncate(length);
                self.pending.remove(index).map(|pending| Answered { by: pending.by, bytes })
            }
            // It was another one's place in the list a moment ago.
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
            Err(_) => {
                let Pending { by, question, others, .. } = self.pending.remove(index)?;
                self.ask(by, question, others)
            }
        }
    }

    /// Asks somebody else where the first has taken too long, and gives those answers that there will never be.
    pub(super) fn late(&mut self) -> Vec<Answered> {
        let now = Instant::now();
        let mut answers = Vec::new();
        while self.until().is_some_and(|until| until <= now) {
            if let Some(Pending { by, question, others, .. }) = self.pending.pop_front() {
                answers.extend(self.ask(by, question, others));
            }
        }
        answers
    }

    /// A container has gone.
    pub(super) fn forget(&mut self, container: &str) {
        self.pending.retain(|pending| pending.by.container != container);
    }

    fn ask(&mut self, by: Asker, question: Vec<u8>, mut others: Vec<IpAddr>) -> Option<Answered> {
        while let Some(server) = others.pop() {
            if let Ok(socket) = send(server, &question) {
                self.pending.push_back(Pending { by, question, socket, until: Instant::now() + PATIENCE, others });
                return None;
            }
        }
        names::unknown(&question, Unknown::NobodyToAsk).map(|bytes| Answered { by, bytes })
    }
}

fn send(server: IpAddr, question: &[u8]) -> std::io::Result<UdpSocket> {
    let any: IpAddr = match server {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.set_nonblocking(true)?;
    socket.connect((server, 53))?;
    socket.send(question)?;
    Ok(socket)
}

/// Whom this machine asks, see resolv.conf(5).
fn machine_servers() -> Vec<IpAddr> {
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    text.lines().filter_map(|line| line.strip_prefix("nameserver")?.trim().parse().ok()).collect()
}
