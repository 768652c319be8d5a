//! The body of a request: so many bytes, or chunks until an empty one (RFC 9112, section 7.1).

use std::io::{self, Read};

use super::connection::{Connection, Pace};
use super::head::Length;

/// The longest line before a chunk, with what else it says.
const LONGEST_LINE: usize = 1 << 10;
/// The longest fields after the last chunk.
const LONGEST_TRAILER: usize = 8 << 10;

/// What of it is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Nothing,
    /// So many bytes, after which nothing comes.
    Bytes(u64),
    /// So many bytes of a chunk, after which the next one comes.
    Chunk(u64),
    /// The line of the next chunk, before which a line ends unless it is the first one.
    Line {
        is_first: bool,
    },
}

/// The body of a request, read from the connection as it comes.
pub(crate) struct Body<'c> {
    connection: &'c mut Connection,
    left: Left,
    /// Whether the client waits for a word before it sends anything.
    waits: bool,
    pace: Pace,
}

impl<'c> Body<'c> {
    pub(super) fn new(connection: &'c mut Connection, length: Length, waits: bool) -> Body<'c> {
        let left = match length {
            Length::Nothing | Length::Exactly(0) => Left::Nothing,
            Length::Exactly(bytes) => Left::Bytes(bytes),
            Length::Chunks => Left::Line { is_first: true },
        };
        Body { connection, left, waits, pace: Pace::new() }
    }

    /// How long it is, where that was said.
    pub(crate) fn length(&self) -> Option<u64> {
        match self.left {
            Left::Nothing => Some(0),
            Left::Bytes(bytes) => Some(bytes),
            Left::Chunk(_) | Left::Line { .. } => None,
        }
    }

    /// Reads all of it, if it is not longer than this; `None` if it is.
    ///
    /// # Errors
    /// What reading says.
    pub(crate) fn whole(&mut self, most: u64) -> io::Result<Option<Vec<u8>>> {
        if self.length().is_some_and(|length| length > most) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        self.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok((bytes.len() as u64 <= most).then_some(bytes))
    }

    /// Whether nothing of it is left, so that the next request can follow.
    pub(super) fn is_over(&self) -> bool {
        self.left == Left::Nothing
    }

    /// Finds where the next chunk begins.
    fn next_chunk(&mut self, is_first: bool) -> io::Result<()> {
        let broken = || io::Error::new(io::ErrorKind::InvalidData, "a chunk of the body is broken");
        if !is_first {
            let mut end = [0; 2];
            for byte in &mut end {
                self.more(0)?;
                self.connection.read(std::slice::from_mut(byte))?;
            }
            if end != *b"\r\n" {
                return Err(broken());
            }
        }
        let mut known = 0;
        loop {
            let bytes = self.more(known)?;
            known = bytes.len();
            match httparse::parse_chunk_size(bytes) {
                Ok(httparse::Status::Complete((line, 0))) => {
                    self.connection.pass(line);
                    return self.trailer();
                }
                Ok(httparse::Status::Complete((line, size))) => {
                    self.connection.pass(line);
                    self.left = Left::Chunk(size);
                    return Ok(());
                }
                Ok(httparse::Status::Partial) if known < LONGEST_LINE => {}
                Ok(httparse::Status::Partial) | Err(_) => return Err(broken()),
            }
        }
    }

    /// What is there of the lines around chunks, with at least one byte more than `known`. It is nothing of the body, so it brings the
    /// body no further: who sends only that is too slow.
    fn more(&mut self, known: usize) -> io::Result<&[u8]> {
        self.pace.passed(0)?;
        self.connection.more(known)
    }

    /// Passes over the fields after the last chunk, to the empty line.
    fn trailer(&mut self) -> io::Result<()> {
        let (mut line, mut length) = (0, 0);
        loop {
            let mut byte = 0;
            self.more(0)?;
            self.connection.read(std::slice::from_mut(&mut byte))?;
            length += 1;
            match byte {
                b'\n' if line == 0 => break,
                b'\n' => line = 0,
                b'\r' => {}
                _ => line += 1,
            }
            if length > LONGEST_TRAILER {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the body's end is too long"));
            }
        }
        self.left = Left::Nothing;
        Ok(())
    }
}

impl Read for Body<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if bytes.is_empty() || self.left == Left::Nothing {
            return Ok(0);
        }
        if std::mem::take(&mut self.waits) {
            self.connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        if let Left::Line { is_first } = self.left {
            self.next_chunk(is_first)?;
        }
        let (Left::Bytes(left) | Left::Chunk(left)) = self.left else { return Ok(0) };
        let most = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let count = self.connection.read(&mut bytes[..most])?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the client left before the end of the body"));
        }
        self.pace.passed(count as u64)?;
        let rest = left - count as u64;
        self.left = match (self.left, rest) {
            (Left::Bytes(_), 0) => Left::Nothing,
            (Left::Bytes(_), _) => Left::Bytes(rest),
            (_, 0) => Left::Line { is_first: false },
            (_, _) => Left::Chunk(rest),
        };
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn lines_around_chunks_bring_a_body_no_further() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
        let mut client = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
        let (stream, peer) = listener.accept().expect("a connection");
        let mut connection = Connection::new(stream, peer.ip()).expect("a connection");
        connection.begin_waiting_for_bytes().expect("it is open");
        client.write_all(b"2;x=y\r\nab\r\n0\r\nA: b\r\n\r\n").expect("it is open");
        let mut body = Body::new(&mut connection, Length::Chunks, false);
        let slow = || Pace::since(Instant::now() - Duration::from_secs(600));
        let is_late = |result: io::Result<()>| result.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut);
        body.pace = slow();
        assert!(is_late(body.next_chunk(true)), "the line of a chunk");
        body.pace = Pace::new();
        assert_eq!(body.read(&mut [0; 9]).expect("a chunk"), 2);
        body.pace = slow();
        assert!(is_late(body.next_chunk(false)), "the end of a chunk");
        assert!(is_late(body.trailer()), "the fields after the last one");
        body.pace = Pace::new();
        assert_eq!(body.read(&mut [0; 9]).expect("the end"), 0);
        assert!(body.is_over());
    }
}
