//! Compressed bytes → bytes, as a stream and within [`Limits`].
//!
//! The kind is found out from the first bytes and not from the file's name or a media type. Formats: gzip (RFC 1952, several
//! members), bzip2 (several streams), xz (several streams), zstd (RFC 8878, several frames). Each of them checks the sums
//! that its format has. A window or dictionary is bounded before it is allocated; nothing is expanded to disk or wholly
//! into memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::limits::{Bound, Bounded, Counted, Exceeded, Limits};

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    /// Not in a known way.
    None,
    /// RFC 1952.
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz, with LZMA2 inside.
    Xz,
    /// RFC 8878.
    Zstd,
}

/// Finds out the compression from the first bytes (6 are enough).
pub(crate) fn sniff(beginning: &[u8]) -> Compression {
    if beginning.starts_with(&[0x1f, 0x8b, 0x08]) {
        Compression::Gzip
    } else if beginning.starts_with(b"BZh") {
        Compression::Bzip2
    } else if beginning.starts_with(b"\xfd7zXZ\0") {
        Compression::Xz
    } else if beginning.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) || is_skippable(beginning) {
        Compression::Zstd
    } else {
        Compression::None
    }
}

/// The compressed file, read ahead and counted.
type Stored = BufReader<Counted<File>>;

/// The uncompressed bytes of a file. An error of this reader may be an [`Exceeded`].
pub struct Decompressed {
    bytes: Box<dyn Read + Send>,
    compression: Compression,
}

impl Decompressed {
    /// Reads on to the end of a compressed file, where the checksum is: only then its bytes are known to be right. What
    /// stands behind an archive that is not compressed is nobody's business, and may have no end.
    ///
    /// # Errors
    /// The file is damaged or cut off, and what the kernel refuses.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self.compression {
            Compression::None => Ok(()),
            _ => io::copy(&mut self.bytes, &mut io::sink()).map(|_| ()),
        }
    }
}

impl Read for Decompressed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(buffer)
    }
}

/// The uncompressed bytes of a file, whatever its compression.
///
/// # Errors
/// What the kernel refuses, and [`Exceeded`] for a window or a dictionary that is too large.
pub fn decompress(file: File, limits: &Limits) -> io::Result<Decompressed> {
    let count = Arc::new(AtomicU64::new(0));
    let mut stored = BufReader::with_capacity(128 << 10, Counted { inner: file, count: Arc::clone(&count) });
    let compression = sniff(stored.fill_buf()?);
    let decoder: Box<dyn Read + Send> = match compression {
        // As large as it is: it can neither expand nor surprise. Its entries are counted all the same.
        Compression::None => return Ok(Decompressed { bytes: Box::new(stored), compression }),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(stored)),
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(stored)),
        Compression::Zstd => Box::new(ZstdFrames { state: Zstd::Between(stored), limits: *limits }),
        Compression::Xz => {
            let kibibytes = u32::try_from(limits.memory >> 10).unwrap_or(u32::MAX);
            let streams = lzma_rust2::XzReader::new_mem_limit(stored, true, kibibytes);
            Box::new(XzStreams { streams, limits: *limits })
        }
    };
    Ok(Decompressed { bytes: Box::new(Bounded::new(decoder, count, limits)), compression })
}

/// Reads xz and names the bound when a dictionary is too large for it.
struct XzStreams {
    streams: lzma_rust2::XzReader<Stored>,
    limits: Limits,
}

impl Read for XzStreams {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.streams.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::OutOfMemory => Exceeded { bound: Bound::Memory, limit: self.limits.memory }.into(),
            _ => error,
        })
    }
}

/// Reads one zstd frame after the other; the decoder itself ends after the first.
struct ZstdFrames {
    state: Zstd,
    limits: Limits,
}

/// The four bytes by which a frame was recognised, and the rest of the file.
type Frame = io::Chain<io::Cursor<[u8; 4]>, Stored>;

enum Zstd {
    Between(Stored),
    Within(Box<ruzstd::decoding::StreamingDecoder<Frame, ruzstd::decoding::FrameDecoder>>),
    Ended,
}

impl Read for ZstdFrames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            self.state = match std::mem::replace(&mut self.state, Zstd::Ended) {
                Zstd::Ended => return Ok(0),
                Zstd::Between(stored) => self.begin_frame(stored)?,
                Zstd::Within(mut frame) => {
                    let count = frame.read(buffer)?;
                    if count > 0 {
                        self.state = Zstd::Within(frame);
                        return Ok(count);
                    }
                    let sums = (frame.decoder.get_checksum_from_data(), frame.decoder.get_calculated_checksum());
                    if let (Some(written), Some(computed)) = sums
                        && written != computed
                    {
                        return Err(invalid("a zstd frame has a wrong checksum"));
                    }
                    Zstd::Between(frame.into_inner().into_inner().1)
                }
            };
        }
    }
}

impl ZstdFrames {
    /// Begins the next frame, passing over those that hold no data.
    fn begin_frame(&self, mut stored: Stored) -> io::Result<Zstd> {
        use ruzstd::decoding::StreamingDecoder;
        use ruzstd::decoding::errors::FrameDecoderError;
        while !stored.fill_buf()?.is_empty() {
            let mut magic = [0; 4];
            stored.read_exact(&mut magic)?;
            if is_skippable(&magic) {
                let mut length = [0; 4];
                stored.read_exact(&mut length)?;
                io::copy(&mut (&mut stored).take(u64::from(u32::from_le_bytes(length))), &mut io::sink())?;
                continue;
            }
            let source = io::Cursor::new(magic).chain(stored);
            let frame =
                StreamingDecoder::new_with_max_window_size(source, self.limits.memory).map_err(
                    |error| match error {
                        FrameDecoderError::WindowSizeTooBig { .. } => {
                            Exceeded { bound: Bound::Memory, limit: self.limits.memory }.into()
                        }
                        error => invalid(error),
                    },
                )?;
            return Ok(Zstd::Within(Box::new(frame)));
        }
        Ok(Zstd::Ended)
    }
}

/// A frame of zstd that holds no data, RFC 8878 section 3.1.2.
fn is_skippable(beginning: &[u8]) -> bool {
    matches!(beginning, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

fn invalid(reason: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.to_string())
}
