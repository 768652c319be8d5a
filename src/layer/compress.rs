//! Bytes → gzip, on all processors and with bounded memory; the same bytes, however many processors there are.
//!
//! RFC 1952 around RFC 1951: one member, in whose header nothing depends on time or machine. The input is cut into chunks of a fixed size. Each is
//! compressed by itself and ends at the boundary of a byte ("sync flush"), so that the pieces behind one another are one stream, as in pigz.
//!
//! ```text
//! chunk 1 ─▶ hand ─▶ piece ╮
//! chunk 2 ─▶ hand ─▶ piece ├─▶ in order
//! chunk 3 ─▶ hand ─▶ piece ╯
//! ```
//!
//! The bytes are those of one version of the library: a layer that a registry has is recognised by what was remembered of it
//! (`registry/known.rs`), not by compressing it again.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// Bytes that are compressed at a time.
const CHUNK: usize = 1 << 20;
/// The level of gzip and of Docker.
const LEVEL: u32 = 6;
/// RFC 1952, section 2.3.1: deflate, no flags, no time, no hint about the level, made by nobody knows which system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Bytes to compress, and where the piece is to be given.
struct Job {
    chunk: Vec<u8>,
    flush: FlushCompress,
    piece: Sender<io::Result<Piece>>,
}

/// A chunk, compressed.
struct Piece {
    bytes: Vec<u8>,
    sum: Crc,
}

/// Compresses all that a reader gives, with so many threads.
///
/// # Errors
/// What the reader or the writer says.
pub(crate) fn gzip(reader: &mut dyn Read, writer: &mut dyn Write, hands: usize) -> io::Result<()> {
    let (jobs, waiting) = channel::<Job>();
    let waiting = Mutex::new(waiting);
    std::thread::scope(|scope| {
        for _ in 0..hands.max(1) {
            std::thread::Builder::new().name("gzip".to_owned()).spawn_scoped(scope, || work(&waiting))?;
        }
        // Given away, so that the threads end with it.
        feed(reader, writer, jobs, hands.max(1) * 2)
    })
}

/// Hands chunks out and writes the pieces in their order; `most` are under way at a time.
fn feed(reader: &mut dyn Read, writer: &mut dyn Write, jobs: Sender<Job>, most: usize) -> io::Result<()> {
    writer.write_all(&HEADER)?;
    let mut sum = Crc::new();
    let mut under_way: VecDeque<Receiver<io::Result<Piece>>> = VecDeque::new();
    let mut take = |piece: Receiver<io::Result<Piece>>| {
        let piece = piece.recv().map_err(|_| io::Error::other("a thread that compresses has ended"))??;
        sum.combine(&piece.sum);
        writer.write_all(&piece.bytes)
    };
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        Read::take(&mut *reader, CHUNK as u64).read_to_end(&mut chunk)?;
        let is_last = chunk.len() < CHUNK;
        let flush = if is_last { FlushCompress::Finish } else { FlushCompress::Sync };
        let (piece, receiver) = channel();
        jobs.send(Job { chunk, flush, piece }).map_err(|_| io::Error::other("no thread compresses"))?;
        under_way.push_back(receiver);
        if is_last {
            break;
        }
        if under_way.len() >= most
            && let Some(piece) = under_way.pop_front()
        {
            take(piece)?;
        }
    }
    under_way.into_iter().try_for_each(&mut take)?;
    writer.write_all(&sum.sum().to_le_bytes())?;
    writer.write_all(&sum.amount().to_le_bytes())
}

/// Compresses what waits, until there will be no more.
fn work(waiting: &Mutex<Receiver<Job>>) {
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
    while let Some(job) = next() {
        // Nobody waits for it where the writer has failed.
        let _ = job.piece.send(compress(&job.chunk, job.flush));
    }
}

fn compress(chunk: &[u8], flush: FlushCompress) -> io::Result<Piece> {
    // A new one each time: what `reset` leaves of an earlier chunk changes a byte in some of the next.
    let mut compressor = Compress::new(Compression::new(LEVEL), false);
    let mut sum = Crc::new();
    sum.update(chunk);
    // Room for what can't be compressed.
    let mut bytes = Vec::with_capacity(chunk.len() + chunk.len() / 64 + 1024);
    loop {
        let done = compressor.total_in() as usize;
        let status = compressor.compress_vec(&chunk[done..], &mut bytes, flush).map_err(io::Error::other)?;
        // As long as there was room left, nothing is kept back.
        if status == Status::StreamEnd || bytes.len() < bytes.capacity() {
            return Ok(Piece { bytes, sum });
        }
        bytes.reserve(64 << 10);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::{CHUNK, gzip};
    use crate::oci::Digest;

    fn compressed(bytes: &[u8], hands: usize) -> Vec<u8> {
        let mut out = Vec::new();
        gzip(&mut &*bytes, &mut out, hands).unwrap();
        out
    }

    /// Bytes that look like text and like noise by turns.
    fn bytes(length: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        };
        (0..length).map(|at| if at / 5000 % 3 == 0 { next() as u8 } else { b'a' + (next() % 4) as u8 }).collect()
    }

    #[test]
    fn what_was_compressed_comes_back_and_is_always_the_same() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 17] {
            let bytes = bytes(length);
            let one = compressed(&bytes, 1);
            assert!([2, 5].iter().all(|hands| compressed(&bytes, *hands) == one), "{length}");
            let mut back = Vec::new();
            flate2::read::GzDecoder::new(&*one).read_to_end(&mut back).unwrap();
            assert!(back == bytes, "{length}");
        }
    }

    #[test]
    fn noise_and_zeros_come_back() {
        let mut noise = bytes(15000);
        noise.truncate(5000);
        for bytes in [noise.repeat(500), vec![0; 3 * CHUNK]] {
            let mut back = Vec::new();
            flate2::read::GzDecoder::new(&*compressed(&bytes, 3)).read_to_end(&mut back).unwrap();
            assert!(back == bytes);
        }
    }

    /// Whoever gets another digest here has another version of the library: what was pushed before is sent again after that.
    #[test]
    fn the_bytes_are_those_of_this_version() {
        insta::assert_snapshot!(Digest::of(&compressed(&bytes(3 * CHUNK + 5), 2)), @"sha256:d0489a086bae2507c3df8a41db8677d3d27715287ae52795cff13f6165006dc9");
    }

    #[test]
    fn who_fails_is_heard() {
        struct Broken;
        impl std::io::Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("broken"))
            }
        }
        let mut input = (&[0_u8; 10][..]).chain(Broken);
        assert_eq!(gzip(&mut input, &mut Vec::new(), 2).unwrap_err().to_string(), "broken");
    }
}
