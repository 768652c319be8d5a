//! What the doorman and the workers hand to each other: requests one way, connections that are kept the other.
//!
//! The queue is short, since connections are few ([`super::server`]): it is looked through, not indexed.

use std::collections::{HashMap, VecDeque};
use std::io::Write as _;
use std::net::{IpAddr, Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::head::Head;

/// How long a request waits for a worker.
const QUEUED: Duration = Duration::from_secs(120);

/// A connection with a request.
pub(super) struct Job {
    pub(super) id: u64,
    pub(super) connection: Connection,
    pub(super) head: Head,
    /// Since when it waits for a worker.
    since: Instant,
}

/// Where they meet.
pub(super) struct Desk {
    state: Mutex<State>,
    is_work: Condvar,
    /// Wakes the doorman.
    ring: UnixStream,
    /// How many requests of one address are answered at the same time.
    share: usize,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    /// What workers have: for whom, and how it is broken off.
    busy: HashMap<u64, (IpAddr, Arc<TcpStream>)>,
    returned: Vec<Connection>,
    next: u64,
    is_ended: bool,
}

impl Desk {
    /// An empty one. `ring` wakes the doorman; `share` is how many requests of one address are answered at the same time.
    pub(super) fn new(ring: UnixStream, share: usize) -> Desk {
        Desk { state: Mutex::default(), is_work: Condvar::new(), ring, share }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many connections are not with the doorman.
    pub(super) fn number(&self) -> usize {
        let state = self.state();
        state.queue.len() + state.busy.len() + state.returned.len()
    }

    /// How many each address has of them.
    pub(super) fn held(&self) -> HashMap<IpAddr, usize> {
        let state = self.state();
        let queued = state.queue.iter().map(|job| job.connection.peer);
        let returned = state.returned.iter().map(|connection| connection.peer);
        let mut held = HashMap::new();
        for peer in queued.chain(returned).chain(state.busy.values().map(|(peer, _)| *peer)) {
            *held.entry(peer).or_default() += 1;
        }
        held
    }

    /// The addresses of those that wait for a worker.
    pub(super) fn queued(&self) -> Vec<IpAddr> {
        self.state().queue.iter().map(|job| job.connection.peer).collect()
    }

    /// Takes back the request of an address that has come last.
    pub(super) fn withdraw(&self, peer: IpAddr) -> Option<Connection> {
        let mut state = self.state();
        let index = state.queue.iter().rposition(|job| job.connection.peer == peer)?;
        state.queue.remove(index).map(|job| job.connection)
    }

    /// Takes back the requests that have waited too long for a worker.
    pub(super) fn overdue(&self, now: Instant) -> Vec<Connection> {
        let mut state = self.state();
        // They stand in the order in which they came.
        let count = state.queue.partition_point(|job| now.duration_since(job.since) > QUEUED);
        state.queue.drain(..count).map(|job| job.connection).collect()
    }

    /// Puts a request into the queue.
    pub(super) fn put(&self, connection: Connection, head: Head) {
        let mut state = self.state();
        let id = state.next;
        state.next += 1;
        state.queue.push_back(Job { id, connection, head, since: Instant::now() });
        self.is_work.notify_one();
    }

    /// The next request, of whoever has not too many already; `None` when it is over.
    pub(super) fn take(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            if state.is_ended {
                return None;
            }
            let has_its_share =
                |peer: IpAddr| state.busy.values().filter(|(own, _)| *own == peer).count() >= self.share;
            if let Some(index) = state.queue.iter().position(|job| !has_its_share(job.connection.peer))
                && let Some(job) = state.queue.remove(index)
            {
                state.busy.insert(job.id, (job.connection.peer, job.connection.stream()));
                return Some(job);
            }
            state = self.is_work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A request was answered.
    pub(super) fn done(&self, id: u64, kept: Option<Connection>) {
        let mut state = self.state();
        state.busy.remove(&id);
        state.returned.extend(kept);
        // Another request of the same address may wait for that, and a place for a connection is free.
        self.is_work.notify_one();
        drop(state);
        // Where it can't be written, the doorman was rung already.
        let _ = (&self.ring).write(&[1]);
    }

    /// The connections that wait for the next request.
    pub(super) fn returned(&self) -> Vec<Connection> {
        std::mem::take(&mut self.state().returned)
    }

    /// Breaks off what is under way, and sends the workers home.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.is_ended = true;
        state.queue.clear();
        for (_, stream) in state.busy.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.is_work.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    const NEAR: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const FAR: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    fn desk_with(peers: &[IpAddr]) -> Desk {
        let desk = Desk::new(UnixStream::pair().expect("a pair").0, 1);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
        for peer in peers {
            let stream = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
            let (head, _) = Head::read(b"GET / HTTP/1.1\r\n\r\n").expect("it is right").expect("it is whole");
            desk.put(Connection::new(stream, *peer).expect("a connection"), head);
        }
        desk
    }

    #[test]
    fn a_request_does_not_wait_for_ever() {
        let desk = desk_with(&[NEAR, FAR]);
        let now = Instant::now();
        assert!(desk.overdue(now).is_empty());
        assert_eq!(desk.overdue(now + QUEUED * 2).len(), 2);
        assert_eq!(desk.number(), 0);
    }

    #[test]
    fn what_has_come_last_of_an_address_is_taken_back() {
        let desk = desk_with(&[NEAR, NEAR, FAR]);
        assert_eq!((desk.held()[&NEAR], desk.held()[&FAR]), (2, 1));
        assert!(desk.withdraw(NEAR).is_some());
        assert_eq!(desk.queued(), [NEAR, FAR]);
        // A worker has its share of one address, and then of the others.
        let ids = [desk.take().map(|job| job.id), desk.take().map(|job| job.id)];
        assert_eq!(ids, [Some(0), Some(2)]);
    }
}
