//! A layer of the store → a gzip file: hashed on both sides, counted and told of.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use super::{Error, compress};
use crate::oci::{Descriptor, Hasher, media_type};
use crate::progress::{Task, Work};
use crate::store::{self, Store};

/// Compresses a layer that is stored as plain tar into an empty file, on all processors. Gives it as it is there; `tell` is told how many of its
/// bytes are done.
///
/// # Errors
/// What the store and the disk say, and that it should stop.
pub(crate) fn pack(
    store: &Store,
    layer: &Descriptor,
    file: &mut File,
    path: &Path,
    tell: &dyn Fn(u64),
) -> Result<Descriptor, Error> {
    let archive = store.open_blob(&layer.digest)?;
    let task = store.meter().begin(Work::Writing, Some(layer.size));
    let mut archive =
        Archive { file: archive, task: &task, tell, done: 0, hasher: Hasher::of(layer.digest.algorithm()) };
    let mut packed = Packed { file, size: 0, hasher: Hasher::new() };
    let hands = std::thread::available_parallelism().map_or(1, usize::from);
    let done = compress::gzip(&mut archive, &mut packed, hands);
    store.meter().check().map_err(store::Error::from)?;
    done.map_err(store::Error::io("write", path))?;
    let actual = archive.hasher.finish();
    if actual != layer.digest {
        return Err(store::Error::Content { digest: layer.digest.into(), actual: actual.into() }.into());
    }
    let (size, digest) = (packed.size, packed.hasher.finish());
    Ok(Descriptor::new(media_type::LAYER_GZIP, digest, size))
}

/// A layer that is read to be compressed: hashed, counted and told of.
struct Archive<'a> {
    file: File,
    task: &'a Task,
    tell: &'a dyn Fn(u64),
    done: u64,
    hasher: Hasher,
}

impl Read for Archive<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.task.add(count as u64)?;
        self.hasher.update(&buffer[..count]);
        self.done += count as u64;
        (self.tell)(self.done);
        Ok(count)
    }
}

/// What it becomes: hashed, too.
struct Packed<'p> {
    file: &'p mut File,
    size: u64,
    hasher: Hasher,
}

impl Write for Packed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
