//! The pipe through which a lesson reads what a command prints.

use std::fs::{File, Metadata};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;

/// The variable with the pipe of a lesson, which is shown on a terminal as it is: `COLUMNS` says how wide that is.
const WATCHED: &str = "LAYERLAB_LESSON_OUTPUT";

/// Whether a stream is that pipe.
pub(super) fn is_watched(stream: &impl AsFd) -> bool {
    let Some(path) = std::env::var_os(WATCHED) else { return false };
    let stream = stream.as_fd().try_clone_to_owned().and_then(|copy| File::from(copy).metadata());
    let same = |one: &Metadata, other: &Metadata| (one.dev(), one.ino()) == (other.dev(), other.ino());
    matches!((stream, std::fs::metadata(path)), (Ok(one), Ok(other)) if same(&one, &other))
}
