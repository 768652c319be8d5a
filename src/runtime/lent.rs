//! What a container may have of the machine while a student's home is graded: a closed list.
//!
//! A container that a student has made may ask for anything: folders and devices of the machine, its network, every capability. Started or entered
//! by a check, it would have that with the rights of whoever grades, and show a file of theirs in what the check prints. So `lesson grade` says
//! which containers were there before its checks, and which folder is the student's. Of those containers a check uses only the ones that have no more
//! than Docker gives everybody, and of the machine the student's folder. What a check makes itself is the teacher's.
//!
//! ```text
//! LAYERLAB_GRADED=FILE    /home/ada/lesson    the student's folder
//!                         0f3c…  17ab…        the ids of the containers, each behind a byte 0, since a folder's name may have anything else
//! ```
//!
//! [`excess`] names each part of a record: a new one has to be put on the list, or refused.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::Error;
use super::network::Mode;
use super::record::Record;
use super::volume::Volume;
use crate::container::{Allowance, Capabilities, NewPrivileges, Paths, Process, ResourceLimit, Rights, Seccomp};

/// The variable that names the file.
pub(crate) const GRADED: &str = "LAYERLAB_GRADED";

const NETWORK: &str = "the network of this machine";

/// What the file says.
pub(crate) fn told(folder: &Path, ids: &BTreeSet<String>) -> Vec<u8> {
    let ids = ids.iter().flat_map(|id| [b"\0", id.as_bytes()].concat());
    folder.as_os_str().as_bytes().iter().copied().chain(ids).collect()
}

/// Whether a student is graded.
pub(super) fn is_grading() -> bool {
    file().is_some()
}

fn file() -> Option<PathBuf> {
    std::env::var_os(GRADED).filter(|file| !file.is_empty()).map(PathBuf::from)
}

/// Refuses a container of a student's who is graded, where it has more than any of theirs may have.
///
/// # Errors
/// It has; the file that says whose it is can't be read.
pub(crate) fn check(record: &Record) -> Result<(), Error> {
    match whose(record)? {
        Whose::Students { folder } => match excess(record, &folder) {
            Some(more) => Err(refused(record, &more)),
            None => Ok(()),
        },
        Whose::Graders => Ok(()),
    }
}

/// The same where it turns out to be in the machine's network, whatever its record says.
///
/// # Errors
/// It is the student's.
pub(super) fn check_in_machines_network(record: &Record) -> Result<(), Error> {
    match whose(record)? {
        Whose::Students { .. } => Err(refused(record, NETWORK)),
        Whose::Graders => Ok(()),
    }
}

enum Whose {
    /// A student's, who has this folder.
    Students { folder: PathBuf },
    /// Whoever runs the program has made it.
    Graders,
}

fn whose(record: &Record) -> Result<Whose, Error> {
    let Some(file) = file() else { return Ok(Whose::Graders) };
    let text = std::fs::read(&file).map_err(Error::io("read", &file))?;
    let mut parts = text.split(|byte| *byte == b'\0');
    let folder = parts.next().unwrap_or_default();
    if !parts.any(|id| id == record.id.as_bytes()) {
        return Ok(Whose::Graders);
    }
    Ok(Whose::Students { folder: OsStr::from_bytes(folder).into() })
}

fn refused(record: &Record, more: &str) -> Error {
    let message = format!("`{}` is the student's, and has {more}: no check uses it", record.name);
    Error::argument(message, "let the check make a container of the image, with the student's folder alone")
}

/// What a container has that none of a student's may have, in words; `folder` is the student's.
fn excess(record: &Record, folder: &Path) -> Option<String> {
    let Record {
        volumes,
        network,
        process,
        paths,
        allowance,
        // What is only told, is of the container's own files, or takes from it.
        schema: _,
        id: _,
        name: _,
        created: _,
        image: _,
        layers: _,
        ownership: _,
        entrypoint: _,
        hostname: _,
        names: _,
        hosts: _,
        ports: _,
        exposed: _,
        root: _,
        input: _,
        stop_signal: _,
        stop_timeout: _,
        care: _,
        labels: _,
        when_ended: _,
    } = record;
    let of_volumes = || volumes.iter().find_map(|volume| excess_of_volume(volume, folder));
    let of_paths = || match paths {
        Paths::Protected => None,
        Paths::Open => Some("/proc and /sys as this machine has them".to_owned()),
    };
    of_volumes()
        .or_else(|| excess_of_network(network))
        .or_else(|| excess_of_process(process))
        .or_else(of_paths)
        .or_else(|| excess_of_allowance(allowance))
}

/// Of the machine a volume has only what is the student's, and that only where it is our own: what a container makes there with our rights, such as a
/// set-user-id program, another user could execute.
fn excess_of_volume(volume: &Volume, folder: &Path) -> Option<String> {
    let path = volume.path()?;
    match path.canonicalize() {
        Ok(real) if real.starts_with(folder) && is_ours(folder) => None,
        Ok(real) if real.starts_with(folder) => Some(format!("`{}`, which belongs to another user", path.display())),
        Ok(_) | Err(_) => Some(format!("`{}` of this machine", path.display())),
    }
}

fn is_ours(folder: &Path) -> bool {
    folder.metadata().is_ok_and(|found| found.uid() == rustix::process::geteuid().as_raw())
}

fn excess_of_network(network: &Mode) -> Option<String> {
    match network {
        Mode::Host => Some(NETWORK.to_owned()),
        Mode::Container(neighbour) if neighbour.is_machines => Some(NETWORK.to_owned()),
        Mode::Container(_) | Mode::None | Mode::Networks(_) => None,
    }
}

fn excess_of_process(process: &Process) -> Option<String> {
    let Process {
        rights,
        limits,
        // What runs inside, and as whom.
        args: _,
        env: _,
        secrets: _,
        cwd: _,
        user: _,
        groups: _,
        terminal: _,
        init: _,
    } = process;
    let Rights { capabilities, seccomp, new_privileges: NewPrivileges::Allowed | NewPrivileges::Forbidden } = rights;
    let more = capabilities.beyond(Capabilities::docker());
    if more != Capabilities::none() {
        return Some(format!("more capabilities than others ({more})"));
    }
    match seccomp {
        Seccomp::Docker => {}
        Seccomp::Unconfined => return Some("no system call filter".to_owned()),
        Seccomp::Profile(_) => return Some("a system call filter of its own".to_owned()),
    }
    let raised = limits.iter().find(|limit| limit.is_above_ours());
    raised.map(|limit: &ResourceLimit| format!("a higher limit than whoever grades (`{}`)", limit.name))
}

fn excess_of_allowance(allowance: &Allowance) -> Option<String> {
    let Allowance {
        devices,
        settings,
        oom_score,
        // A part of what there is, never more.
        resources: _,
        shared_memory: _,
        domain: _,
    } = allowance;
    let device = devices.first().map(|device| format!("`{}` of this machine", device.source.display()));
    let setting = || settings.first().map(|setting| format!("a setting of the kernel (`{}`)", setting.name));
    let score =
        || oom_score.filter(|score| *score < 0).map(|_| "a place behind others when memory is short".to_owned());
    device.or_else(setting).or_else(score)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_the_students_is_read_as_it_was_told() {
        let ids = BTreeSet::from(["0f".to_owned(), "17".to_owned()]);
        assert_eq!(told(Path::new("/a\nb"), &ids), b"/a\nb\x000f\x0017");
    }
}
