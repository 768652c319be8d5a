//! The facts about the machine that a container of a [`Blueprint`](super::blueprint::Blueprint) depends on.

use std::path::Path;

use super::error::Error;
use super::hierarchies::{self, Cgroups};
use super::host;

/// See [`Host`](super::Host), which has those of our own containers.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) cgroups: Cgroups,
    /// The number of the last capability that the kernel knows.
    pub(crate) last_capability: u8,
    /// Whether we are not in the machine's own user namespace, where nobody may make device nodes.
    pub(crate) in_user_namespace: bool,
}

impl Surroundings {
    /// Looks at the machine.
    ///
    /// # Errors
    /// A file of /proc can't be read.
    pub(crate) fn look() -> Result<Surroundings, Error> {
        Ok(Surroundings {
            cgroups: hierarchies::mounted_cgroups(&hierarchies::mountinfo()?),
            last_capability: host::number_in("/proc/sys/kernel/cap_last_cap")?,
            in_user_namespace: in_user_namespace()?,
        })
    }
}

/// Whether we are not in the machine's own user namespace.
///
/// # Errors
/// A file of /proc can't be read.
fn in_user_namespace() -> Result<bool, Error> {
    let path = Path::new("/proc/self/uid_map");
    let map = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    let all: Vec<&str> = map.split_whitespace().collect();
    Ok(all != ["0", "0", "4294967295"])
}

/// Whether we are the machine's root: that of its own user namespace. Where that can't be told, we are not.
pub(crate) fn is_root_of_the_machine() -> bool {
    nix::unistd::Uid::effective().is_root() && !in_user_namespace().unwrap_or(true)
}
