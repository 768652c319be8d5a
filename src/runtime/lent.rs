//! What a container has of the machine, and when that is not lent to it: while a student's home is graded.
//!
//! A container that a student has made may name any folder of the machine. Started by a check, it would have it with the rights of whoever
//! grades, and show a file of theirs in what the check prints. So `lesson grade` says which containers were there before its checks, and which folder is
//! the student's: of the machine they get that one only. What a check makes itself is the teacher's.
//!
//! ```text
//! LAYERLAB_GRADED=FILE    /home/ada/lesson          the student's folder
//!                         0f3c…                     the ids of the containers, a line for each
//! ```

use std::path::{Path, PathBuf};

use super::Error;
use super::network::Mode;
use super::record::Record;
use super::volume::Volume;

/// The variable that names the file.
pub(crate) const GRADED: &str = "LAYERLAB_GRADED";

/// Refuses a container of a student's who is graded, where it has more of the machine than the student's folder.
///
/// # Errors
/// It has; the file that says whose it is can't be read.
pub(crate) fn check(record: &Record) -> Result<(), Error> {
    let Some(file) = std::env::var_os(GRADED).filter(|file| !file.is_empty()).map(PathBuf::from) else {
        return Ok(());
    };
    let text = std::fs::read_to_string(&file).map_err(Error::io("read", &file))?;
    let (work, ids) = text.split_once('\n').unwrap_or((&text, ""));
    if !ids.lines().any(|id| id == record.id) {
        return Ok(());
    }
    let is_elsewhere = |path: &&Path| path.canonicalize().map_or(true, |real| !real.starts_with(work));
    let folder = record.volumes.iter().filter_map(Volume::path).find(is_elsewhere);
    let device = record.allowance.devices.first().map(|device| device.source.as_path());
    let lent = match folder.or(device) {
        Some(path) => format!("`{}`", path.display()),
        None if matches!(record.network, Mode::Host) => "the network".to_owned(),
        None => return Ok(()),
    };
    let message = format!("`{}` is the student's, and has {lent} of this machine: no check uses it", record.name);
    Err(Error::argument(message, "let the check make a container of the image, with the student's folder alone"))
}
