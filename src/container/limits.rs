//! How much the container may use: resource limits, and its place before the out-of-memory killer.
//!
//! Docker sets neither of them and gives a container what its daemon has, which is what systemd gives a service. Ours would be
//! those of whoever calls us, so a build could end differently in another shell. So each limit becomes the lower one of Docker's
//! and the caller's: never more than Docker allows, and never more than we were allowed ourselves.
//!
//! The score of the out-of-memory killer is Docker's 0, but never lower than the caller's: a container that is started by
//! something the kernel spares is not spared itself.

use std::fmt;

use nix::errno::Errno;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};

use super::error::Failure;

/// A resource limit, see getrlimit(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Which one.
    pub(crate) resource: Resource,
    /// As in /proc/self/limits.
    pub(crate) name: &'static str,
    /// What applies.
    pub(crate) soft: u64,
    /// What a process may raise it to.
    pub(crate) hard: u64,
}

/// Docker's limits, as a service of systemd 252 has them. All others are unlimited there, so the caller's hold.
const DOCKER: [Limit; 7] = [
    limit("Max stack size", Resource::RLIMIT_STACK, 8 << 20, RLIM_INFINITY),
    // Docker's is unlimited. But the file of a crash would become part of a layer.
    limit("Max core file size", Resource::RLIMIT_CORE, 0, RLIM_INFINITY),
    limit("Max open files", Resource::RLIMIT_NOFILE, 1024, 524_288),
    limit("Max locked memory", Resource::RLIMIT_MEMLOCK, 8 << 20, 8 << 20),
    limit("Max msgqueue size", Resource::RLIMIT_MSGQUEUE, 819_200, 819_200),
    limit("Max nice priority", Resource::RLIMIT_NICE, 0, 0),
    limit("Max realtime priority", Resource::RLIMIT_RTPRIO, 0, 0),
];

const fn limit(name: &'static str, resource: Resource, soft: u64, hard: u64) -> Limit {
    Limit { resource, name, soft, hard }
}

/// Docker's limits of all that are not limited in another way.
pub(super) fn others_than(asked: &[Limit]) -> Vec<Limit> {
    let is_asked = |limit: &Limit| asked.iter().any(|other| other.resource == limit.resource);
    DOCKER.iter().filter(|limit| !is_asked(limit)).copied().collect()
}

/// Sets limits that were asked for.
pub(super) fn set(limits: &[Limit]) -> Result<(), Failure> {
    for limit in limits {
        setrlimit(limit.resource, limit.soft, limit.hard).map_err(|errno| {
            let failure = Failure::call(&format!("setrlimit ({})", limit.name), errno);
            match errno {
                Errno::EPERM => {
                    failure.hint("only root may raise a hard limit: `ulimit -H -a` shows what this user has")
                }
                _ => failure,
            }
        })?;
    }
    Ok(())
}

/// Lowers what is above these limits.
pub(super) fn lower(limits: &[Limit]) -> Result<(), Failure> {
    for limit in limits {
        let refused = |call: &str, errno| Failure::call(&format!("{call} ({})", limit.name), errno);
        let (soft, hard) = getrlimit(limit.resource).map_err(|errno| refused("getrlimit", errno))?;
        setrlimit(limit.resource, soft.min(limit.soft), hard.min(limit.hard))
            .map_err(|errno| refused("setrlimit", errno))?;
    }
    Ok(())
}

/// A limit; the highest number means none.
pub(super) struct Bound(pub(super) u64);

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            libc::RLIM_INFINITY => write!(formatter, "unlimited"),
            number => write!(formatter, "{number}"),
        }
    }
}
