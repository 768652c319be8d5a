//! How much an archive may ask for: bounds on what somebody else's bytes can make this program write, keep or wait for.
//!
//! A few kilobytes can describe exabytes: compression repeats, a sparse file names its holes, a header announces sizes.
//! Every decoder takes [`Limits`] and every reader of entries keeps a `Budget`, so no archive is read without them. What
//! this program writes keeps to the same bounds: it can always be read again.
//!
//! | bound | variable that raises it |
//! |---|---|
//! | bytes of the archive, and of the files in it with their holes | `LAYERLAB_MAX_ARCHIVE_SIZE` |
//! | how many times its compressed size it may expand to | `LAYERLAB_MAX_ARCHIVE_RATIO` |
//! | entries, parts of sparse files and extended attributes | `LAYERLAB_MAX_ARCHIVE_ENTRIES` |
//! | extension headers of one entry: long names, attributes | `LAYERLAB_MAX_ARCHIVE_HEADER` |
//! | extension headers of all entries | `LAYERLAB_MAX_ARCHIVE_METADATA` |
//! | memory of a decompressor | `LAYERLAB_MAX_ARCHIVE_MEMORY` |
//! | bytes of all layers of an image together | `LAYERLAB_MAX_IMAGE_SIZE` |
//! | entries of all layers of an image together | `LAYERLAB_MAX_IMAGE_ENTRIES` |
//! | layers of an image that comes from elsewhere | `LAYERLAB_MAX_IMAGE_LAYERS` |
//!
//! How long and how deep a path may be has no variable: the first is the kernel's bound, the second that of a thread's
//! stack (see [`super::names`]).

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::limits::{self, Limit};
use crate::size::Bytes;

const GIB: u64 = 1 << 30;

/// The largest extension header that other programs read: Go's `archive/tar` refuses what is larger, and with it Docker,
/// containerd and Podman. So it is also the largest that is ever written.
pub(super) const LARGEST_PORTABLE_HEADER: u64 = 1 << 20;

/// The ratio counts from here on: so much is expanded of any archive, however small it is.
pub(super) const FREE_OF_RATIO: u64 = GIB;
/// The same for sparse files, whose holes take no room but are read as zeros again and again.
const HOLES_FREE_OF_RATIO: u64 = 8 * GIB;

/// Bounds on one archive, and on those of one image together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the archive, uncompressed, and bytes of its files, holes included.
    pub size: u64,
    /// How many times its stored size an archive of more than 1 GiB, or with sparse files of more than 8 GiB, may have.
    pub ratio: u64,
    /// Entries, with the parts of sparse files and the extended attributes.
    pub entries: u64,
    /// Bytes of the extension headers of one entry.
    pub header: u64,
    /// Bytes of the extension headers of all entries.
    pub metadata: u64,
    /// Bytes that a decompressor may keep.
    pub memory: u64,
    /// Bytes of all archives of an image, uncompressed.
    pub image_size: u64,
    /// Entries of all archives of an image.
    pub image_entries: u64,
    /// Layers of an image that comes from elsewhere: a build may make more.
    pub image_layers: u64,
}

impl Default for Limits {
    /// Several times what the largest images in use have.
    fn default() -> Limits {
        Limits::of(&limits::Limits::default())
    }
}

impl Limits {
    /// Those of the bounds in force that are about archives.
    pub fn of(limits: &limits::Limits) -> Limits {
        Limits {
            size: limits.most(Bound::Size.limit()),
            ratio: limits.most(Bound::Ratio.limit()),
            entries: limits.most(Bound::Entries.limit()),
            header: limits.most(Bound::Header.limit()),
            metadata: limits.most(Bound::Metadata.limit()),
            memory: limits.most(Bound::Memory.limit()),
            image_size: limits.most(Bound::ImageSize.limit()),
            image_entries: limits.most(Bound::ImageEntries.limit()),
            image_layers: limits.most(Bound::ImageLayers.limit()),
        }
    }
}

/// One of the bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// [`Limits::size`]
    Size,
    /// [`Limits::ratio`]
    Ratio,
    /// [`Limits::entries`]
    Entries,
    /// [`Limits::header`]
    Header,
    /// [`Limits::metadata`]
    Metadata,
    /// [`Limits::memory`]
    Memory,
    /// [`Limits::image_size`]
    ImageSize,
    /// [`Limits::image_entries`]
    ImageEntries,
    /// [`Limits::image_layers`]
    ImageLayers,
    /// [`Limits::ratio`], of all archives of an image together.
    ImageRatio,
}

const SIZE: Limit = Limit::bytes("archive", "LAYERLAB_MAX_ARCHIVE_SIZE", 64 << 30);
const RATIO: Limit = Limit::number("compression of an archive", "LAYERLAB_MAX_ARCHIVE_RATIO", 250);
const ENTRIES: Limit = Limit::number("entries of an archive", "LAYERLAB_MAX_ARCHIVE_ENTRIES", 1_000_000);
const HEADER: Limit = Limit::bytes("extension headers of an entry", "LAYERLAB_MAX_ARCHIVE_HEADER", 1 << 20);
const METADATA: Limit = Limit::bytes("extension headers of an archive", "LAYERLAB_MAX_ARCHIVE_METADATA", 256 << 20);
/// `xz -9` takes 64 MiB, `zstd --ultra -22` 128 MiB.
const MEMORY: Limit = Limit::bytes("memory of a decompressor", "LAYERLAB_MAX_ARCHIVE_MEMORY", 256 << 20);
const IMAGE_SIZE: Limit = Limit::bytes("layers of an image", "LAYERLAB_MAX_IMAGE_SIZE", 256 << 30);
const IMAGE_ENTRIES: Limit = Limit::number("entries of an image's layers", "LAYERLAB_MAX_IMAGE_ENTRIES", 2_000_000);
/// Docker's own limit has been 127, and lower ones.
const IMAGE_LAYERS: Limit = Limit::number("number of an image's layers", "LAYERLAB_MAX_IMAGE_LAYERS", 1000);

impl Bound {
    /// All of them.
    pub const ALL: [Bound; 10] = [
        Bound::Size,
        Bound::Ratio,
        Bound::Entries,
        Bound::Header,
        Bound::Metadata,
        Bound::Memory,
        Bound::ImageSize,
        Bound::ImageEntries,
        Bound::ImageLayers,
        Bound::ImageRatio,
    ];

    /// The variable that sets it, and the usual bound.
    pub fn limit(self) -> &'static Limit {
        match self {
            Bound::Size => &SIZE,
            Bound::Ratio => &RATIO,
            Bound::Entries => &ENTRIES,
            Bound::Header => &HEADER,
            Bound::Metadata => &METADATA,
            Bound::Memory => &MEMORY,
            Bound::ImageSize => &IMAGE_SIZE,
            Bound::ImageEntries => &IMAGE_ENTRIES,
            Bound::ImageLayers => &IMAGE_LAYERS,
            Bound::ImageRatio => &RATIO,
        }
    }
}

/// An archive asks for more than a bound allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// Which bound.
    pub(crate) bound: Bound,
    /// Where it is.
    pub(crate) limit: u64,
}

impl Exceeded {
    /// How to go on, if the archive is to be trusted.
    pub(crate) fn hint(&self) -> String {
        format!("if you trust it, raise the limit: set {} to a larger number", self.bound.limit().variable)
    }

    /// The bound that an error of a reader is about, if it is one of these.
    pub(super) fn within(error: &io::Error) -> Option<Exceeded> {
        error.get_ref()?.downcast_ref::<Exceeded>().copied()
    }
}

impl std::error::Error for Exceeded {}

impl From<Exceeded> for io::Error {
    fn from(exceeded: Exceeded) -> io::Error {
        io::Error::other(exceeded)
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.limit;
        let bytes = Bytes(limit);
        match self.bound {
            Bound::Size => write!(formatter, "the archive holds more than {bytes}"),
            Bound::Ratio => write!(formatter, "the archive expands to more than {limit} times its size"),
            Bound::Entries => write!(formatter, "the archive has more than {limit} entries"),
            Bound::Header => write!(formatter, "the extension headers of an entry have more than {bytes}"),
            Bound::Metadata => write!(formatter, "the extension headers of the archive have more than {bytes}"),
            Bound::Memory => write!(formatter, "decompressing the archive takes more than {bytes} of memory"),
            Bound::ImageSize => write!(formatter, "with this layer, the image has more than {bytes}"),
            Bound::ImageEntries => write!(formatter, "with this layer, the image has more than {limit} entries"),
            Bound::ImageLayers => write!(formatter, "the image has more than {limit} layers"),
            Bound::ImageRatio => {
                write!(formatter, "with this layer, the image expands to more than {limit} times its size")
            }
        }
    }
}

/// What one archive has used of its limits so far.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    entries: u64,
    size: u64,
    metadata: u64,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Budget {
        Budget { limits: *limits, entries: 0, size: 0, metadata: 0 }
    }

    /// Counts entries, or what takes as much memory as one.
    pub(super) fn entries(&mut self, count: usize) -> Result<(), Exceeded> {
        spend(&mut self.entries, count as u64, Bound::Entries, self.limits.entries)
    }

    /// Counts the bytes of a file.
    pub(super) fn size(&mut self, bytes: u64) -> Result<(), Exceeded> {
        spend(&mut self.size, bytes, Bound::Size, self.limits.size)
    }

    /// Counts the bytes of a sparse file, after so much of the archive.
    pub(super) fn sparse(&mut self, bytes: u64, position: u64) -> Result<(), Exceeded> {
        self.size(bytes)?;
        let ratio = self.limits.ratio;
        if self.size > HOLES_FREE_OF_RATIO && self.size / ratio.max(1) > position {
            return Err(Exceeded { bound: Bound::Ratio, limit: ratio });
        }
        Ok(())
    }

    /// Counts an extension header of an entry that has `before` bytes of them already.
    pub(super) fn header(&mut self, before: u64, bytes: u64) -> Result<(), Exceeded> {
        spend(&mut { before }, bytes, Bound::Header, self.limits.header)?;
        spend(&mut self.metadata, bytes, Bound::Metadata, self.limits.metadata)
    }
}

fn spend(used: &mut u64, amount: u64, bound: Bound, limit: u64) -> Result<(), Exceeded> {
    *used = used.saturating_add(amount);
    if *used > limit { Err(Exceeded { bound, limit }) } else { Ok(()) }
}

/// Counts what is read from a compressed file.
pub(super) struct Counted<R> {
    pub(super) inner: R,
    pub(super) count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// What a decompressor gives, as far as size and ratio allow.
pub(super) struct Bounded<R> {
    decoder: R,
    limits: Limits,
    /// How much of the compressed file was read.
    stored: Arc<AtomicU64>,
    expanded: u64,
}

impl<R> Bounded<R> {
    pub(super) fn new(decoder: R, stored: Arc<AtomicU64>, limits: &Limits) -> Bounded<R> {
        Bounded { decoder, limits: *limits, stored, expanded: 0 }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(buffer)?;
        spend(&mut self.expanded, count as u64, Bound::Size, self.limits.size)?;
        let ratio = self.limits.ratio;
        if self.expanded > FREE_OF_RATIO && self.expanded / ratio.max(1) > self.stored.load(Ordering::Relaxed) {
            return Err(Exceeded { bound: Bound::Ratio, limit: ratio }.into());
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1 << 10;

    #[test]
    fn a_variable_changes_the_bound_it_names() {
        let limits = limits::Limits::from_variables([("LAYERLAB_MAX_ARCHIVE_SIZE", "1G")]);
        assert_eq!(limits.map(|limits| Limits::of(&limits)), Ok(Limits { size: GIB, ..Limits::default() }));
    }

    #[test]
    fn the_ratio_counts_from_a_gibibyte_on() {
        let stored = Arc::new(AtomicU64::new(KIB));
        let limits = Limits::default();
        let mut reader = Bounded::new(io::repeat(0), Arc::clone(&stored), &limits);
        let read = io::copy(&mut reader, &mut io::sink()).unwrap_err();
        assert_eq!(Exceeded::within(&read), Some(Exceeded { bound: Bound::Ratio, limit: 250 }));
        assert!(reader.expanded > FREE_OF_RATIO && reader.expanded < FREE_OF_RATIO + (1 << 20));
        stored.store(GIB, Ordering::Relaxed);
        assert!(reader.read(&mut [0; 10]).is_ok());
    }
}
