//! The doorman and the workers.
//!
//! One thread, the doorman, has every connection on which nothing is under way: it takes new ones and waits for the heads of requests. A
//! connection with a request goes into the queue, and a worker answers it. So a client that says nothing, or says it slowly, has no worker.
//!
//! Where there are too many connections, the address that has most of them loses one: nobody is locked out by what another one holds.

use std::cmp::Reverse;
use std::io::{self, Read as _};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Request;
use super::answer::{Answer, Sent};
use super::body::Body;
use super::connection::{Arrived, Connection};
use super::desk::{Desk, Job};
use super::head::Misunderstood;

/// How many connections there are at most.
const MOST: usize = 512;
/// How many new ones are taken before the others have their turn.
const AT_ONCE: usize = 64;
/// How often the doorman looks who is overdue.
const ROUND: Duration = Duration::from_secs(1);

/// What is said to a client whose address has most of the connections, where there are too many.
const TOO_MANY: Misunderstood = Misunderstood { status: 503, reason: "there are too many connections" };
/// What is said to a client whose request no worker has taken in time.
const TOO_LONG: Misunderstood = Misunderstood { status: 503, reason: "it has waited too long for its turn" };

/// What answers requests.
pub(crate) trait Site: Sync {
    /// What is kept of a request until its answer was sent.
    type Note;

    /// Answers a request. Of the body it reads what it needs.
    fn answer(&self, request: &mut Request<'_>) -> (Answer, Self::Note);

    /// Is told what became of an answer.
    fn answered(&self, note: Self::Note, sent: &Sent);

    /// Is told of a request that nobody could understand, or that there was no room for (503).
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
        let desk = Desk::new(ring, self.crew.share);
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
            let ready = {
                let look = |fd| PollFd::new(fd, PollFlags::POLLIN);
                let mut polled = vec![look(end), look(bell.as_fd()), look(self.listener.as_fd())];
                polled.extend(waiting.iter().map(|connection| look(connection.as_fd())));
                let is_idle = waiting.is_empty() && desk.number() == 0;
                let patience = if is_idle { PollTimeout::NONE } else { patience() };
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
                self.accept(&mut waiting, desk, site);
            }
            for connection in desk.overdue(now) {
                refuse(&connection, TOO_LONG, site);
            }
        }
    }

    /// Takes new connections, each in the place of another one where there are too many.
    fn accept<S: Site>(&self, waiting: &mut Vec<Connection>, desk: &Desk, site: &S) {
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
            if waiting.len() + desk.number() > MOST
                && let Some(surplus) = surplus(waiting, desk)
            {
                refuse(&surplus, TOO_MANY, site);
            }
        }
    }
}

/// The connection that goes where there are too many: of the address that has most of them, the one that has waited longest for a request,
/// or else the one that has come last into the queue.
fn surplus(waiting: &mut Vec<Connection>, desk: &Desk) -> Option<Connection> {
    let mut held = desk.held();
    for connection in &*waiting {
        *held.entry(connection.peer).or_default() += 1;
    }
    let held = |peer: IpAddr| held.get(&peer).copied().unwrap_or_default();
    let waits = waiting.iter().enumerate();
    let waits = waits.max_by_key(|(_, connection)| (held(connection.peer), Reverse(connection.waits_since())));
    let queued = desk.queued().into_iter().max_by_key(|peer| held(*peer));
    match (waits, queued) {
        (Some((_, connection)), Some(peer)) if held(peer) > held(connection.peer) => desk.withdraw(peer),
        (Some((index, _)), _) => Some(waiting.swap_remove(index)),
        (None, Some(peer)) => desk.withdraw(peer),
        (None, None) => None,
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

/// Says why a request is not answered, as far as the kernel takes it at once: nobody waits for such a client.
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
