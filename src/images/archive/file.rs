//! A file of the user's that an archive is written to: it is there whole or as it was before.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use super::Error;
use crate::store::write::Temporary;

/// How much is gathered before it is written.
const GATHERED: usize = 256 << 10;

/// Writes a file. It gets its name when it is whole, and the mode of the file that had the name. What a link leads to is replaced, and not the
/// link; a device or a pipe is written to.
///
/// # Errors
/// [`Error::Exists`] for a folder; [`Error::Io`]; what `fill` says.
pub(crate) fn write_whole<E: From<Error>>(
    path: &Path,
    fill: impl FnOnce(Box<dyn Write + '_>) -> Result<(), E>,
) -> Result<(), E> {
    let is_special = path.metadata().is_ok_and(|found| {
        let kind = found.file_type();
        kind.is_char_device() || kind.is_fifo() || kind.is_block_device()
    });
    if is_special {
        let out = OpenOptions::new().write(true).open(path).map_err(Error::io("open", path))?;
        return fill(Box::new(out));
    }
    if path.is_dir() {
        return Err(Error::Exists { path: path.to_owned() }.into());
    }
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = Temporary::create(parent).map_err(Error::outside(path))?;
    let mut out = BufWriter::with_capacity(GATHERED, temporary.file());
    fill(Box::new(&mut out))?;
    out.flush().map_err(Error::io("write", path))?;
    drop(out);
    if let Ok(before) = path.metadata() {
        // As if it were the same file with another content.
        temporary.file().set_permissions(before.permissions()).map_err(Error::io("set the mode of", path))?;
    }
    Ok(temporary.persist(path).map_err(Error::outside(path))?)
}
