//! Reading a text that a user names, most often the Dockerfile: from the context, from elsewhere, from a stream.
//!
//! The context may be untrusted. What lies in it under its name may be a pipe, a device, or a link to a file
//! that is nobody's business, a line of which would stand in a message: none of these is read. What the user names outside
//! the context is theirs to name, and so is a stream that they opened (`-f -`, `-f /dev/stdin`, `-f <(command)`).

use std::fs::File;
use std::path::{Component, Path, PathBuf};

use super::Error;
use crate::document::{self, Links};
use crate::limits::{Bound, Limit, Limits};

/// BuildKit's messages hold 16 MiB at most, and so no larger Dockerfile.
pub(crate) const DOCKERFILE: Limit = Limit::bytes("Dockerfile", "LAYERLAB_MAX_DOCKERFILE", 16 << 20);

/// Reads a Dockerfile from a stream, such as standard input, to its end.
///
/// # Errors
/// [`Error::Dockerfile`]: it is too long, or can't be read.
pub(crate) fn read_stream(stream: impl std::io::Read, name: &str, limits: &Limits) -> Result<Vec<u8>, Error> {
    document::read_to_end(stream, Path::new(name), limits.bound(&DOCKERFILE)).map_err(Error::Dockerfile)
}

/// Reads a text by its path. In `context` it may be a link only to a file of the context.
///
/// # Errors
/// [`Error::Dockerfile`]: it is missing, not a regular file, or too large. [`Error::LeadsOut`] for a link.
pub(crate) fn read(path: &Path, context: Option<&Path>, bound: Bound) -> Result<Vec<u8>, Error> {
    if let Some(stream) = open_stream(path)? {
        return document::read_to_end(stream, path, bound).map_err(Error::Dockerfile);
    }
    let target = context.map_or(Ok(None), |context| target_in(path, context))?;
    let bytes = match target {
        // What leads there was followed already.
        Some(target) => document::read(&target, bound, Links::Refuse),
        None => document::read(path, bound, Links::Follow),
    };
    bytes.map_err(Error::Dockerfile)
}

/// The stream that a path names which the caller has opened: standard input, or what a shell makes of `<(command)`. `None` for another path.
///
/// # Errors
/// [`Error::Dockerfile`]: it can't be opened.
pub(crate) fn open_stream(path: &Path) -> Result<Option<File>, Error> {
    if path != Path::new("/dev/stdin") && !path.starts_with("/dev/fd") && !path.starts_with("/proc/self/fd") {
        return Ok(None);
    }
    let failed = |source| Error::Dockerfile(document::Error::Io { operation: "open", path: path.to_owned(), source });
    File::open(path).map(Some).map_err(failed)
}

/// The file that a path in the context leads to; `None` for a path outside it, and for one that leads nowhere.
fn target_in(path: &Path, context: &Path) -> Result<Option<PathBuf>, Error> {
    let (Ok(absolute), Ok(folder)) = (std::path::absolute(path), std::path::absolute(context)) else { return Ok(None) };
    let Ok(root) = context.canonicalize() else { return Ok(None) };
    // The path as it is written decides: a link in the context that leads out is still a path in the context.
    let is_inside = match absolute.strip_prefix(&folder) {
        Ok(rest) if !rest.components().any(|part| part == Component::ParentDir) => true,
        _ => absolute
            .parent()
            .and_then(|parent| parent.canonicalize().ok())
            .is_some_and(|parent| parent.starts_with(&root)),
    };
    let Ok(target) = absolute.canonicalize() else { return Ok(None) };
    if is_inside && !target.starts_with(&root) {
        return Err(Error::LeadsOut { path: path.to_owned() });
    }
    Ok(is_inside.then_some(target))
}
