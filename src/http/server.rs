//! The doorman and the workers.
//!
//! One thread, the doorman, has every connection on which nothing is under way: it takes new ones and waits for the heads of requests. A
//! connection with a request goes into the queue, and a worker answers it. So a client that says nothing, or says it slowly, has no worker.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Request;
use super::answer::{Answer, Sent};
use super::body::Body;
use super::connection::{Arrived, Connection};
use super::head::{Head, Misunderstood};

/// How many connections there are at most.
const MOST: usize = 512;
/// How many new ones are taken before the others have their turn.
const AT_ONCE: usize = 64;
/// How often the doorman looks who is overdue.
const ROUND: Duration = Duration::from_secs(1);

/// What answers requests.
pub(crate) trait Site: Sync {
    /// What is kept of a request until its answer was sent.
    type Note;

    /// Answers a request. Of the body it reads what it needs.
    fn answer(&self, request: &mut Request<'_>) -> (Answer, Self::Note);

    /// Is told what became of an answer.
    fn answered(&self, note: Self::Note, sent: &Sent);

    /// Is told of a request that nobody could understand.
    fn misunderstood(&self, peer: IpAddr, status: u16, reason: &'static str);
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crew {
    /// How many requests are answered at the same time.
    pub(crate) workers: usize,
    /// How many of them are for one address: a client may ask for much at once, and the others still have their turn.
    pub(crate) share: usize,
}

/// A server that listens.
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
    crew: Crew,
}

impl Server {
    /// Listens at an address.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn listen(address: SocketAddr, crew: Crew) -> io::Result<Server> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Server { listener, crew })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers requests until something can be read from `end`. What is under way then is broken off.
    ///
    /// # Errors
    /// What the kernel says of descriptors and threads.
    pub(crate) fn run<S: Site>(&self, site: &S, end: BorrowedFd<'_>) -> io::Result<()> {
        let (bell, ring) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        ring.set_nonblocking(true)?;
        let desk = Desk { state: Mutex::default(), is_work: Condvar::new(), ring, share: self.crew.share };
        std::thread::scope(|scope| {
            for number in 0..self.crew.workers {
                let worker = std::thread::Builder::new().name(format!("worker-{number}"));
                let started = worker.spawn_scoped(scope, || {
                    while let Some(job) = desk.take() {
                        desk.done(job.id, work(job, site));
                    }
                });
                if let Err(error) = started {
                    desk.end();
                    return Err(error);
                }
            }
            let ended = self.keep_the_door(&desk, site, end, &bell);
            desk.end();
            ended
        })
    }

    fn keep_the_door<S: Site>(&self, desk: &Desk, site: &S, end: BorrowedFd<'_>, bell: &UnixStream) -> io::Result<()> {
        let mut waiting: Vec<Connection> = Vec::new();
        loop {
            let is_room = waiting.len() + desk.number() < MOST || !waiting.is_empty();
            let ready = {
                let look = |fd| PollFd::new(fd, PollFlags::POLLIN);
                let listener = if is_room { PollFlags::POLLIN } else { PollFlags::empty() };
                let mut polled = vec![look(end), look(bell.as_fd()), PollFd::new(self.listener.as_fd(), listener)];
                polled.extend(waiting.iter().map(|connection| look(connection.as_fd())));
                let patience = if waiting.is_empty() { PollTimeout::NONE } else { patience() };
                match poll(&mut polled, patience) {
                    Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                    Err(errno) => return Err(errno.into()),
                }
                polled.iter().map(|one| one.any().unwrap_or(false)).collect::<Vec<bool>>()
            };
            if ready[0] {
                return Ok(());
            }
            let now = Instant::now();
            let mut kept = Vec::with_capacity(waiting.len());
            for (connection, is_ready) in waiting.into_iter().zip(&ready[3..]) {
                kept.extend(look_at(connection, *is_ready, now, desk, site));
            }
            waiting = kept;
            if ready[1] {
                while matches!((&mut &*bell).read(&mut [0; 64]), Ok(count) if count > 0) {}
                waiting.append(&mut desk.returned());
            }
            if ready[2] {
                self.accept(&mut waiting, desk);
            }
        }
    }

    /// Takes new connections. Where there are too many, those go that have waited longest for a request.
    fn accept(&self, waiting: &mut Vec<Connection>, desk: &Desk) {
        for _ in 0..AT_ONCE {
            let (stream, peer) = match self.listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {
                    // It was that of one connection; or there is no descriptor left, and then it does not help to ask at once.
                    std::thread::sleep(Duration::from_millis(10));
                    return;
                }
            };
            waiting.extend(Connection::new(stream, peer.ip().to_canonical()));
            if waiting.len() + desk.number() <= MOST {
                continue;
            }
            let oldest = waiting.iter().enumerate().min_by_key(|(_, connection)| connection.waits_since());
            match oldest.map(|(index, _)| index) {
                Some(index) => drop(waiting.swap_remove(index)),
                None => return,
            }
        }
    }
}

fn patience() -> PollTimeout {
    PollTimeout::try_from(ROUND).unwrap_or(PollTimeout::MAX)
}

/// Looks at a connection that waits for a request; gives it back if it goes on waiting.
fn look_at<S: Site>(
    mut connection: Connection,
    is_ready: bool,
    now: Instant,
    desk: &Desk,
    site: &S,
) -> Option<Connection> {
    let misunderstood = match is_ready.then(|| connection.arrive()) {
        Some(Arrived::Request(head)) => {
            desk.put(connection, *head);
            return None;
        }
        Some(Arrived::Nobody) => return None,
        Some(Arrived::Nonsense(misunderstood)) => misunderstood,
        Some(Arrived::Part) | None => match connection.overdue(now) {
            None => return Some(connection),
            Some(None) => return None,
            Some(Some(misunderstood)) => misunderstood,
        },
    };
    refuse(&connection, misunderstood, site);
    None
}

/// Says that a request is not understood, as far as the kernel takes it at once: nobody waits for such a client.
fn refuse<S: Site>(connection: &Connection, Misunderstood { status, reason }: Misunderstood, site: &S) {
    let answer = Answer::bytes(status, "text/plain; charset=utf-8", format!("{reason}\n").into_bytes());
    let _ = answer.send(connection, &super::Method::Get, false);
    site.misunderstood(connection.peer, status, reason);
}

/// Answers the request of a connection, and those that have come behind it; gives the connection back where it is kept.
fn work<S: Site>(job: Job, site: &S) -> Option<Connection> {
    let Job { mut connection, mut head, .. } = job;
    connection.begin_waiting_for_bytes().ok()?;
    loop {
        let peer = connection.peer;
        let body = Body::new(&mut connection, head.length, head.waits());
        let mut request = Request { head: &head, peer, body };
        let (answer, note) = site.answer(&mut request);
        let is_kept = request.body.is_over() && head.is_kept();
        let sent = answer.send(&connection, &head.method, is_kept);
        site.answered(note, &sent);
        if !is_kept || !sent.is_whole {
            connection.close();
            return None;
        }
        match connection.next() {
            Arrived::Request(next) => head = *next,
            Arrived::Part => {
                connection.begin_waiting_for_request().ok()?;
                return Some(connection);
            }
            Arrived::Nonsense(misunderstood) => {
                refuse(&connection, misunderstood, site);
                return None;
            }
            Arrived::Nobody => return None,
        }
    }
}

/// A connection with a request.
struct Job {
    id: u64,
    connection: Connection,
    head: Head,
}

/// What the doorman and the workers hand to each other.
struct Desk {
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
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many connections are not with the doorman.
    fn number(&self) -> usize {
        let state = self.state();
        state.queue.len() + state.busy.len() + state.returned.len()
    }

    fn put(&self, connection: Connection, head: Head) {
        let mut state = self.state();
        let id = state.next;
        state.next += 1;
        state.queue.push_back(Job { id, connection, head });
        self.is_work.notify_one();
    }

    /// The next request, of whoever has not too many already; `None` when it is over.
    fn take(&self) -> Option<Job> {
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
    fn done(&self, id: u64, kept: Option<Connection>) {
        let mut state = self.state();
        state.busy.remove(&id);
        state.returned.extend(kept);
        // Another request of the same address may wait for that, and a place for a connection is free.
        self.is_work.notify_one();
        drop(state);
        // Where it can't be written, the doorman was rung already.
        let _ = (&self.ring).write(&[1]);
    }

    fn returned(&self) -> Vec<Connection> {
        std::mem::take(&mut self.state().returned)
    }

    /// Breaks off what is under way, and sends the workers home.
    fn end(&self) {
        let mut state = self.state();
        state.is_ended = true;
        state.queue.clear();
        for (_, stream) in state.busy.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.is_work.notify_all();
    }
}
