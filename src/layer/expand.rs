//! Expanding what is not stored byte for byte: compressed layers and sparse files.
//!
//! A place in a tree is an offset into an uncompressed archive. Where the store has no such bytes, they are made once and
//! kept in `expanded/`; they can be removed at any time and are made again when they are needed.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use super::{Error, Limits, decompress, sparse};
use crate::oci::{Descriptor, DiffId, Digest, Layer};
use crate::progress::{Counted, Work};
use crate::store::{self, Store, write};

/// Opens a layer's uncompressed archive, which is made when the layer is stored compressed.
///
/// # Errors
/// [`Error::DiffId`] where it is another archive than the configuration lists; [`Error::Archive`] and [`Error::Limit`] for what can't be expanded.
pub(crate) fn uncompressed(store: &Store, descriptor: &Descriptor, diff_id: DiffId) -> Result<File, Error> {
    if descriptor.digest == diff_id.0 {
        return Ok(store.open_blob(&descriptor.digest)?);
    }
    if let Some(file) = store.open_expanded(&diff_id)? {
        // There may be a copy by another blob: that this one is the same archive has to be seen once, too.
        if !store.is_known_to_expand(&descriptor.digest, &diff_id) {
            expand(store, descriptor, diff_id, |_| Ok(()))?;
        }
        return Ok(file);
    }
    let mut temporary = write::Temporary::create(&store.home().expanded_dir())?;
    expand(store, descriptor, diff_id, |piece| temporary.write(piece))?;
    temporary.persist(&store.home().expanded(&diff_id))?;
    store.remember_expanded(&diff_id);
    match store.open_expanded(&diff_id)? {
        Some(file) => Ok(file),
        None => Err(store::Error::Missing { digest: diff_id.0 }.into()),
    }
}

/// Expands a blob, which has to be the archive of this diff id. That it is, is remembered.
fn expand(
    store: &Store,
    descriptor: &Descriptor,
    diff_id: DiffId,
    mut take: impl FnMut(&[u8]) -> Result<(), store::Error>,
) -> Result<(), Error> {
    let blob = descriptor.digest.to_string();
    let unreadable = |error: io::Error| Error::unreadable(&blob, error);
    let compressed = store.open_blob(&descriptor.digest)?;
    let task = store.meter().begin(Work::Expanding, None);
    let mut decoder = decompress(compressed, &Limits::of(store.limits())).map_err(unreadable)?;
    let mut hasher = crate::oci::Hasher::of(diff_id.0.algorithm());
    let mut buffer = vec![0; 256 << 10];
    loop {
        let count = match io::Read::read(&mut decoder, &mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(error)),
        };
        task.add(count as u64)?;
        hasher.update(&buffer[..count]);
        take(&buffer[..count])?;
    }
    let actual = DiffId(hasher.finish());
    if actual != diff_id {
        return Err(Error::DiffId { blob, expected: diff_id.into(), actual: actual.into() });
    }
    store.remember_to_expand(&descriptor.digest, &diff_id);
    Ok(())
}

/// Expands a file into the store, as the layer that it has to be: one that is stored uncompressed. Nothing else gets a name.
///
/// # Errors
/// [`store::Error::Size`] and [`store::Error::Content`] for another archive, [`Error::Archive`] and [`Error::Limit`] for what can't be expanded.
pub(crate) fn into_blob(store: &Store, file: File, layer: &Layer) -> Result<(), Error> {
    let Descriptor { digest, size, .. } = layer.descriptor;
    let name = digest.to_string();
    let unreadable = |error: io::Error| Error::unreadable(&name, error);
    let task = store.meter().begin(Work::Expanding, Some(size));
    let decoder = decompress(file, &Limits::of(store.limits())).map_err(unreadable)?;
    let mut reader = Counted { reader: decoder, task: &task };
    let mut writer = store.blob_writer_by(digest.algorithm())?;
    let expanded = writer.copy_from(&mut reader, size).map_err(unreadable);
    store.meter().check().map_err(store::Error::from)?;
    let mut actual = expanded?;
    // Reads to the end as well, where the checksum is.
    actual += io::copy(&mut reader.by_ref().take(1), &mut io::sink()).map_err(unreadable)?;
    if actual != size {
        return Err(store::Error::Size { digest: digest.into(), expected: size, actual }.into());
    }
    Ok(writer.commit_as(digest)?)
}

/// Writes a sparse file in full (with holes) beside the expanded archives, once; returns the name that its place uses.
pub(super) fn expand_sparse(
    store: &Store,
    archive: &File,
    digest: Digest,
    offset: u64,
    map: &sparse::Map,
) -> Result<Digest, Error> {
    // Not the digest of the bytes, which nobody knows before reading them, but a name that is always the same.
    let name = Digest::of(format!("sparse file {digest} {offset}").as_bytes());
    store.hold(&name);
    let path = store.home().expanded_sparse(&name);
    if path.exists() {
        return Ok(name);
    }
    let mut temporary = write::Temporary::create(&store.home().expanded_dir())?;
    let task = store.meter().begin(Work::Expanding, None);
    let mut stored = Counted { reader: At { archive, position: offset }, task: &task };
    let file = temporary.file();
    let written = file.set_len(map.size).and_then(|()| sparse::lay_out(map, &mut stored, file, 0));
    written.map_err(store::Error::io("write", &path))?;
    temporary.persist(&path)?;
    Ok(name)
}

/// An archive from a place on, without moving its cursor, which others use.
struct At<'a> {
    archive: &'a File,
    position: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.archive.read_at(buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}
