//! Bytes → gzip, on all processors and with bounded memory; the same bytes, however many processors there are.
//!
//! RFC 1952, section 2.2: members, one behind another. The input is cut into chunks of a fixed size, and each becomes a member, in whose header
//! nothing depends on time or machine.
//!
//! ```text
//! chunk 1 ─▶ hand ─▶ member ╮
//! chunk 2 ─▶ hand ─▶ member ├─▶ in order
//! chunk 3 ─▶ hand ─▶ member ╯
//! ```
//!
//! Pieces of one member, as pigz writes them, would do as well. But the library that compresses fastest compresses only wholes; and who reads
//! layers reads all members, as gzip(1) and Go's `compress/gzip` do.
//!
//! The bytes are those of one version of the library: a layer that a registry has is recognised by what was remembered of it
//! (`registry/known.rs`), not by compressing it again.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use libdeflater::{CompressionLvl, Compressor};

/// Bytes that are compressed at a time.
const CHUNK: usize = 1 << 20;
/// The fastest of its levels: twice as fast as the sixth, and larger by a twentieth.
const LEVEL: i32 = 1;

/// Bytes to compress, and where the member is to be given.
struct Job {
    chunk: Vec<u8>,
    member: Sender<io::Result<Vec<u8>>>,
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

/// Hands chunks out and writes the members in their order; `most` are under way at a time.
fn feed(reader: &mut dyn Read, writer: &mut dyn Write, jobs: Sender<Job>, most: usize) -> io::Result<()> {
    let mut under_way: VecDeque<Receiver<io::Result<Vec<u8>>>> = VecDeque::new();
    let mut take = |member: Receiver<io::Result<Vec<u8>>>| {
        let member = member.recv().map_err(|_| io::Error::other("a thread that compresses has ended"))??;
        writer.write_all(&member)
    };
    for is_first in std::iter::once(true).chain(std::iter::repeat(false)) {
        let mut chunk = Vec::with_capacity(CHUNK);
        Read::take(&mut *reader, CHUNK as u64).read_to_end(&mut chunk)?;
        // Of nothing there is a member, too.
        if chunk.is_empty() && !is_first {
            break;
        }
        let (member, receiver) = channel();
        jobs.send(Job { chunk, member }).map_err(|_| io::Error::other("no thread compresses"))?;
        under_way.push_back(receiver);
        if under_way.len() >= most
            && let Some(member) = under_way.pop_front()
        {
            take(member)?;
        }
    }
    under_way.into_iter().try_for_each(take)
}

/// Compresses what waits, until there will be no more.
fn work(waiting: &Mutex<Receiver<Job>>) {
    let level = CompressionLvl::new(LEVEL).expect("the library has this level");
    let mut compressor = Compressor::new(level);
    let mut room = vec![0; compressor.gzip_compress_bound(CHUNK)];
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
    while let Some(job) = next() {
        // Nobody waits for it where the writer has failed.
        let _ = job.member.send(compress(&mut compressor, &job.chunk, &mut room));
    }
}

fn compress(compressor: &mut Compressor, chunk: &[u8], room: &mut [u8]) -> io::Result<Vec<u8>> {
    let size = compressor.gzip_compress(chunk, room).map_err(io::Error::other)?;
    Ok(room[..size].to_vec())
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
            flate2::read::MultiGzDecoder::new(&*one).read_to_end(&mut back).unwrap();
            assert!(back == bytes, "{length}");
        }
    }

    #[test]
    fn noise_and_zeros_come_back() {
        let mut noise = bytes(15000);
        noise.truncate(5000);
        for bytes in [noise.repeat(500), vec![0; 3 * CHUNK]] {
            let mut back = Vec::new();
            flate2::read::MultiGzDecoder::new(&*compressed(&bytes, 3)).read_to_end(&mut back).unwrap();
            assert!(back == bytes);
        }
    }

    /// Whoever gets another digest here has another version of the library: what was pushed before is sent again after that.
    #[test]
    fn the_bytes_are_those_of_this_version() {
        insta::assert_snapshot!(Digest::of(&compressed(&bytes(3 * CHUNK + 5), 2)), @"sha256:e6960bf2244fb9260556517096954bef14b45128a5b2aafb11aed82c53930ca6");
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
