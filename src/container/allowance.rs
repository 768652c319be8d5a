//! What a container is given beyond a room of its own, or is kept from: shares of the machine, devices, settings of the kernel.
//!
//! All of it is asked for by options of `run`, and without them there is Docker's default, which is also that of a RUN. It is data that is
//! kept in a container's record: what comes of it are operations, those of [`tuning`](super::tuning) among them.

use std::path::PathBuf;

use nix::sys::resource::{Resource, getrlimit};
use serde::{Deserialize, Serialize};

use super::limits::{self, Limit};
use super::resources::Resources;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Allowance {
    /// What its control group limits.
    pub(crate) resources: Resources,
    /// How many bytes /dev/shm holds.
    pub(crate) shared_memory: u64,
    /// The NIS domain name.
    pub(crate) domain: Option<String>,
    /// Settings of the kernel for this container, in order.
    pub(crate) settings: Vec<Setting>,
    /// Devices of the machine.
    pub(crate) devices: Vec<DeviceAt>,
    /// Its place before the out-of-memory killer, see proc_pid_oom_score_adj(5).
    pub(crate) oom_score: Option<i32>,
}

impl Allowance {
    /// What Docker gives by default.
    pub(crate) fn docker() -> Allowance {
        Allowance {
            resources: Resources::default(),
            shared_memory: 64 << 20,
            domain: None,
            settings: Vec::new(),
            devices: Vec::new(),
            oom_score: None,
        }
    }
}

/// A setting of the kernel, as sysctl(8) names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Setting {
    /// With dots, such as `net.ipv4.ip_forward`.
    pub(crate) name: String,
    pub(crate) value: String,
}

/// A device node of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeviceAt {
    pub(crate) source: PathBuf,
    /// Below the container's /dev.
    pub(crate) target: String,
}

/// A limit of a process's resources, as `--ulimit` has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResourceLimit {
    /// One that [is known](ResourceLimit::is_known).
    pub(crate) name: String,
    /// What applies; the highest number means none.
    pub(crate) soft: u64,
    /// What a process may raise it to.
    pub(crate) hard: u64,
}

/// Docker's name of a resource, that in /proc/self/limits, and the kernel's.
const RESOURCES: [(&str, &str, Resource); 15] = [
    ("core", "Max core file size", Resource::RLIMIT_CORE),
    ("cpu", "Max cpu time", Resource::RLIMIT_CPU),
    ("data", "Max data size", Resource::RLIMIT_DATA),
    ("fsize", "Max file size", Resource::RLIMIT_FSIZE),
    ("locks", "Max file locks", Resource::RLIMIT_LOCKS),
    ("memlock", "Max locked memory", Resource::RLIMIT_MEMLOCK),
    ("msgqueue", "Max msgqueue size", Resource::RLIMIT_MSGQUEUE),
    ("nice", "Max nice priority", Resource::RLIMIT_NICE),
    ("nofile", "Max open files", Resource::RLIMIT_NOFILE),
    ("nproc", "Max processes", Resource::RLIMIT_NPROC),
    ("rss", "Max resident set", Resource::RLIMIT_RSS),
    ("rtprio", "Max realtime priority", Resource::RLIMIT_RTPRIO),
    ("rttime", "Max realtime timeout", Resource::RLIMIT_RTTIME),
    ("sigpending", "Max pending signals", Resource::RLIMIT_SIGPENDING),
    ("stack", "Max stack size", Resource::RLIMIT_STACK),
];

/// The one that `--ulimit` does not have in Docker. A bundle may limit it.
const ADDRESSES: (&str, &str, Resource) = ("as", "Max address space", Resource::RLIMIT_AS);

impl ResourceLimit {
    /// The names that `--ulimit` has.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        RESOURCES.iter().map(|(name, ..)| *name)
    }

    /// Whether the kernel has a limit of this name.
    pub(crate) fn is_known(name: &str) -> bool {
        Self::all().any(|(known, ..)| *known == name)
    }

    fn all() -> impl Iterator<Item = &'static (&'static str, &'static str, Resource)> {
        RESOURCES.iter().chain([&ADDRESSES])
    }

    /// Those that were asked for, and Docker's or ours for the others: the lower ones.
    pub(crate) fn with_others(asked: &[ResourceLimit]) -> Vec<ResourceLimit> {
        let known: Vec<Limit> = asked.iter().filter_map(ResourceLimit::limit).collect();
        let others = limits::others_than(&known).into_iter().filter_map(|limit| {
            let (name, ..) = Self::all().find(|(.., resource)| *resource == limit.resource)?;
            let (soft, hard) = getrlimit(limit.resource).ok()?;
            Some(ResourceLimit { name: (*name).to_owned(), soft: soft.min(limit.soft), hard: hard.min(limit.hard) })
        });
        asked.iter().cloned().chain(others).collect()
    }

    /// Whether it lets a process have more than we may ourselves. One that the kernel does not know is above everything.
    pub(crate) fn is_above_ours(&self) -> bool {
        let ours = self.limit().and_then(|limit| getrlimit(limit.resource).ok());
        ours.is_none_or(|(_, hard)| self.soft > hard || self.hard > hard)
    }

    /// As the kernel takes it; `None` for a name that there is not.
    pub(super) fn limit(&self) -> Option<Limit> {
        let (_, name, resource) = Self::all().find(|(name, ..)| *name == self.name)?;
        Some(Limit { resource: *resource, name, soft: self.soft, hard: self.hard })
    }
}
