//! One connection: its bytes, and how long anybody waits for them.

use std::io::{self, Read, Write as _};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::head::{Head, LONGEST, Misunderstood};

/// How long a connection may be without a request.
const IDLE: Duration = Duration::from_secs(60);
/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(15);
/// How long a worker waits for the next bytes, in either direction.
const QUIET: Duration = Duration::from_secs(30);
/// How many bytes have to pass in that time, so that no worker is held by a trickle.
const LEAST: u64 = 64 << 10;
/// How much of a body that nobody reads is taken, so that the answer before it is not lost, and for how long.
const UNREAD: u64 = 256 << 10;
const LINGER: Duration = Duration::from_secs(2);

/// What is said to a client that tries TLS.
const NO_TLS: &str = "it tries HTTPS, and there is only HTTP here";

/// A connection with a client.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Arc<TcpStream>,
    pub(super) peer: IpAddr,
    /// What has come and was not used yet.
    buffer: Vec<u8>,
    /// How much of that was searched for the end of a head.
    searched: usize,
    /// Since when it waits for a request.
    waits_since: Instant,
    /// Since when the head of one is coming.
    head_since: Option<Instant>,
}

/// What the doorman finds when a connection has something to say.
pub(super) enum Arrived {
    /// Not yet all of a head.
    Part,
    /// A head.
    Request(Box<Head>),
    /// Something that is no head, or too much of one.
    Nonsense(Misunderstood),
    /// The client has left.
    Nobody,
}

impl Connection {
    /// Takes a connection that was just made.
    pub(super) fn new(stream: TcpStream, peer: IpAddr) -> io::Result<Connection> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(QUIET))?;
        stream.set_write_timeout(Some(QUIET))?;
        stream.set_nonblocking(true)?;
        let waits_since = Instant::now();
        Ok(Connection {
            stream: Arc::new(stream),
            peer,
            buffer: Vec::new(),
            searched: 0,
            waits_since,
            head_since: None,
        })
    }

    /// The stream, for who ends the connection from outside.
    pub(super) fn stream(&self) -> Arc<TcpStream> {
        Arc::clone(&self.stream)
    }

    /// Takes what has come, without waiting.
    pub(super) fn arrive(&mut self) -> Arrived {
        let mut piece = [0; 4096];
        match (&*self.stream).read(&mut piece) {
            Ok(0) => return Arrived::Nobody,
            Ok(count) => self.buffer.extend_from_slice(&piece[..count]),
            Err(error) if is_retried(&error) => return Arrived::Part,
            Err(_) => return Arrived::Nobody,
        }
        self.head_since.get_or_insert_with(Instant::now);
        self.next()
    }

    /// The next head among the bytes that are there.
    pub(super) fn next(&mut self) -> Arrived {
        // Each byte is looked at once for the end of a head, however few come at a time; only then is it read.
        // The first byte of TLS (RFC 8446, 5.1): whoever tries it first is told at once, and does not wait for a time-out.
        if self.buffer.first() == Some(&0x16) {
            return Arrived::Nonsense(Misunderstood { status: 400, reason: NO_TLS });
        }
        let new = &self.buffer[self.searched.min(self.buffer.len())..];
        let has_end = new.windows(2).any(|two| two == b"\n\n" || two == b"\n\r");
        self.searched = self.buffer.len().saturating_sub(1);
        let head = match has_end || self.buffer.len() >= LONGEST {
            true => Head::read(&self.buffer),
            false => return Arrived::Part,
        };
        match head {
            Ok(Some((head, length))) => {
                self.buffer.drain(..length);
                self.searched = 0;
                self.head_since = None;
                Arrived::Request(Box::new(head))
            }
            Ok(None) if self.buffer.len() >= LONGEST => {
                Arrived::Nonsense(Misunderstood { status: 431, reason: "the head of the request is too long" })
            }
            Ok(None) => Arrived::Part,
            Err(misunderstood) => Arrived::Nonsense(misunderstood),
        }
    }

    /// Whether nobody waits any longer for a request; and what is said of it, where one had begun.
    pub(super) fn overdue(&self, now: Instant) -> Option<Option<Misunderstood>> {
        match self.head_since {
            Some(since) if now.duration_since(since) > HEAD => {
                Some(Some(Misunderstood { status: 408, reason: "the request came too slowly" }))
            }
            None if now.duration_since(self.waits_since) > IDLE => Some(None),
            Some(_) | None => None,
        }
    }

    /// Since when it waits.
    pub(super) fn waits_since(&self) -> Instant {
        self.waits_since
    }

    /// From now on a worker waits for its bytes.
    pub(super) fn begin_waiting_for_bytes(&self) -> io::Result<()> {
        self.stream.set_nonblocking(false)
    }

    /// From now on the doorman waits for its next request.
    pub(super) fn begin_waiting_for_request(&mut self) -> io::Result<()> {
        self.waits_since = Instant::now();
        self.head_since = (!self.buffer.is_empty()).then_some(self.waits_since);
        self.stream.set_nonblocking(true)
    }

    /// Reads bytes that the client has sent: those that are there, or the next ones.
    pub(super) fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.buffer.is_empty() {
            return (&*self.stream).read(bytes).map_err(quiet);
        }
        let count = bytes.len().min(self.buffer.len());
        bytes[..count].copy_from_slice(&self.buffer[..count]);
        self.buffer.drain(..count);
        Ok(count)
    }

    /// What is there, with at least one byte more than `known`.
    pub(super) fn more(&mut self, known: usize) -> io::Result<&[u8]> {
        if self.buffer.len() <= known {
            let mut piece = [0; 1024];
            match (&*self.stream).read(&mut piece).map_err(quiet)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.buffer.extend_from_slice(&piece[..count]),
            }
        }
        Ok(&self.buffer)
    }

    /// Passes over bytes that are there.
    pub(super) fn pass(&mut self, count: usize) {
        self.buffer.drain(..count);
    }

    /// Sends bytes, never slower than a trickle.
    pub(super) fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        let mut pace = Pace::new();
        while !bytes.is_empty() {
            match (&*self.stream).write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) if count == bytes.len() => return Ok(()),
                Ok(count) => {
                    bytes = &bytes[count..];
                    pace.passed(count as u64)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(quiet(error)),
            }
        }
        Ok(())
    }

    /// Sends bytes of a file, from where it stands: in the kernel, and never slower than a trickle.
    pub(super) fn send_file(&self, file: &std::fs::File, length: u64, sent: &mut u64) -> io::Result<()> {
        /// So much is sent between two looks at the clock.
        const PIECE: usize = 256 << 10;
        let mut pace = Pace::new();
        while *sent < length {
            let piece = usize::try_from(length - *sent).unwrap_or(PIECE).min(PIECE);
            // SAFETY: sendfile(2) from an open file to an open socket. Without an offset it reads from where the file stands; it changes no
            // memory.
            let count =
                unsafe { libc::sendfile(self.stream.as_raw_fd(), file.as_raw_fd(), std::ptr::null_mut(), piece) };
            match u64::try_from(count) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    *sent += count;
                    pace.passed(count)?;
                }
                Err(_) => {
                    let error = io::Error::last_os_error();
                    if error.kind() != io::ErrorKind::Interrupted {
                        return Err(quiet(error));
                    }
                }
            }
        }
        Ok(())
    }

    /// Ends the connection so that what was sent arrives: a client that is still sending would not see it if its bytes were refused.
    pub(super) fn close(self) {
        if self.stream.shutdown(Shutdown::Write).is_err() || self.stream.set_nonblocking(false).is_err() {
            return;
        }
        let begun = Instant::now();
        let mut left = UNREAD;
        let mut piece = [0; 4096];
        while left > 0 {
            let Some(patience) = LINGER.checked_sub(begun.elapsed()).filter(|rest| !rest.is_zero()) else { return };
            if self.stream.set_read_timeout(Some(patience)).is_err() {
                return;
            }
            match (&*self.stream).read(&mut piece) {
                Ok(0) | Err(_) => return,
                Ok(count) => left = left.saturating_sub(count as u64),
            }
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Whether the bytes of a body or of an answer pass fast enough.
pub(super) struct Pace {
    since: Instant,
    passed: u64,
}

impl Pace {
    pub(super) fn new() -> Pace {
        Pace::since(Instant::now())
    }

    /// One of which nothing has passed since then.
    pub(super) fn since(since: Instant) -> Pace {
        Pace { since, passed: 0 }
    }

    /// Counts bytes.
    ///
    /// # Errors
    /// Too few have passed in the time in which some must.
    pub(super) fn passed(&mut self, count: u64) -> io::Result<()> {
        self.passed += count;
        if self.since.elapsed() < QUIET {
            return Ok(());
        }
        if self.passed < LEAST {
            return Err(io::ErrorKind::TimedOut.into());
        }
        *self = Pace::new();
        Ok(())
    }
}

fn is_retried(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// A time-out of a socket is EAGAIN to the kernel.
fn quiet(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}
