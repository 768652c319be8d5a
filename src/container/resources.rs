//! How much of the machine a container may use, as control groups limit it, and which files of them say so.
//!
//! ```text
//! option                 version 1                              version 2
//! --memory               memory.limit_in_bytes                  memory.max
//! --memory-swap          memory.memsw.limit_in_bytes (total)    memory.swap.max (without the memory)
//! --memory-reservation   memory.soft_limit_in_bytes             memory.low
//! --cpus                 cpu.cfs_period_us, cpu.cfs_quota_us    cpu.max
//! --cpu-shares           cpu.shares (2 to 262144)               cpu.weight (1 to 10000)
//! --cpuset-cpus, -mems   cpuset.cpus, cpuset.mems               the same
//! --pids-limit           pids.max                               pids.max
//! --blkio-weight         blkio.bfq.weight or blkio.weight       io.bfq.weight or io.weight
//! ```
//!
//! Sources: the kernel's admin-guide/cgroup-v1 and cgroup-v2.rst; how shares become a weight is runc's rule. Left out: limits of single
//! devices, of kernel memory and of real-time scheduling.

use serde::{Deserialize, Serialize};

/// What is asked for; nothing is limited where nothing was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resources {
    /// Bytes.
    pub(crate) memory: Option<u64>,
    /// Bytes of memory and swap space together.
    pub(crate) memory_and_swap: Option<Most>,
    /// Bytes that are left to it when memory is short.
    pub(crate) memory_reservation: Option<u64>,
    /// The time of processors, in microseconds, within each period.
    pub(crate) cpu_quota: Option<u64>,
    /// Microseconds.
    pub(crate) cpu_period: Option<u64>,
    /// Its part where processors are short; others have 1024.
    pub(crate) cpu_shares: Option<u64>,
    /// Which processors: `0-3,5`.
    pub(crate) cpus: Option<String>,
    /// The memory of which nodes.
    pub(crate) nodes: Option<String>,
    /// Processes and threads.
    pub(crate) processes: Option<u64>,
    /// Its part where disks are short: 10 to 1000.
    pub(crate) io_weight: Option<u64>,
}

/// A limit that may also be taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Most {
    Bytes(u64),
    Unlimited,
}

/// Which of the two interfaces of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    One,
    Two,
}

/// One file of a control group and what is written to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSetting {
    /// The option that wants it.
    pub(crate) option: &'static str,
    pub(crate) controller: &'static str,
    /// The first of these that the kernel has.
    pub(crate) files: &'static [&'static str],
    pub(crate) value: String,
    /// Whether the container may do without, where the kernel has no such file.
    pub(crate) may_lack: bool,
}

/// Docker's period.
const PERIOD: u64 = 100_000;

impl Resources {
    /// Whether nothing is limited.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Resources::default()
    }

    /// What no group can keep, if there is such a thing.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        match (self.memory, self.memory_and_swap, self.memory_reservation) {
            (None, Some(Most::Bytes(_)), _) => Some("`--memory-swap` needs `--memory`"),
            (Some(memory), Some(Most::Bytes(total)), _) if total < memory => {
                Some("`--memory-swap` is lower than `--memory`")
            }
            (Some(memory), _, Some(reservation)) if reservation > memory => {
                Some("`--memory-reservation` is higher than `--memory`")
            }
            (..) => None,
        }
    }

    /// Lays what is newly asked for over it.
    pub(crate) fn update(&mut self, newer: &Resources) {
        let Resources { memory, memory_and_swap, memory_reservation, cpu_quota, cpu_period, cpu_shares, .. } = newer;
        let Resources { cpus, nodes, processes, io_weight, .. } = newer;
        self.memory = memory.or(self.memory);
        self.memory_and_swap = memory_and_swap.or(self.memory_and_swap);
        self.memory_reservation = memory_reservation.or(self.memory_reservation);
        self.cpu_quota = cpu_quota.or(self.cpu_quota);
        self.cpu_period = cpu_period.or(self.cpu_period);
        self.cpu_shares = cpu_shares.or(self.cpu_shares);
        self.cpus = cpus.clone().or(self.cpus.take());
        self.nodes = nodes.clone().or(self.nodes.take());
        self.processes = processes.or(self.processes);
        self.io_weight = io_weight.or(self.io_weight);
    }

    /// What is written where, in an order in which a new group takes it.
    pub(crate) fn settings(&self, version: Version) -> Vec<GroupSetting> {
        let mut settings = self.memory_settings(version);
        settings.extend(self.cpu_settings(version));
        let mut add = |option, controller, files, value: String| {
            settings.push(GroupSetting { option, controller, files, value, may_lack: false });
        };
        if let Some(cpus) = &self.cpus {
            add("--cpuset-cpus", "cpuset", &["cpuset.cpus"][..], cpus.clone());
        }
        if let Some(nodes) = &self.nodes {
            add("--cpuset-mems", "cpuset", &["cpuset.mems"][..], nodes.clone());
        }
        if let Some(processes) = self.processes {
            add("--pids-limit", "pids", &["pids.max"][..], processes.to_string());
        }
        if let Some(weight) = self.io_weight {
            match version {
                Version::One => {
                    add("--blkio-weight", "blkio", &["blkio.bfq.weight", "blkio.weight"][..], weight.to_string());
                }
                Version::Two => add("--blkio-weight", "io", &["io.bfq.weight", "io.weight"][..], weight.to_string()),
            }
        }
        settings
    }

    fn memory_settings(&self, version: Version) -> Vec<GroupSetting> {
        let setting = |option, file: &'static [&'static str], value: String| GroupSetting {
            option,
            controller: "memory",
            files: file,
            value,
            may_lack: false,
        };
        let mut settings = Vec::new();
        if let Some(memory) = self.memory {
            let file = match version {
                Version::One => &["memory.limit_in_bytes"][..],
                Version::Two => &["memory.max"],
            };
            settings.push(setting("--memory", file, memory.to_string()));
        }
        // Docker gives as much swap space as memory, where nothing is said about it.
        let implied = self.memory.map(|memory| Most::Bytes(memory.saturating_mul(2)));
        if let Some(total) = self.memory_and_swap.or(implied) {
            let (file, value) = match (version, total) {
                (Version::One, Most::Unlimited) => (&["memory.memsw.limit_in_bytes"][..], "-1".to_owned()),
                (Version::One, Most::Bytes(total)) => (&["memory.memsw.limit_in_bytes"][..], total.to_string()),
                (Version::Two, Most::Unlimited) => (&["memory.swap.max"][..], "max".to_owned()),
                (Version::Two, Most::Bytes(total)) => {
                    (&["memory.swap.max"][..], total.saturating_sub(self.memory.unwrap_or(0)).to_string())
                }
            };
            let may_lack = self.memory_and_swap.is_none();
            settings.push(GroupSetting { may_lack, ..setting("--memory-swap", file, value) });
        }
        if let Some(reservation) = self.memory_reservation {
            let file = match version {
                Version::One => &["memory.soft_limit_in_bytes"][..],
                Version::Two => &["memory.low"],
            };
            settings.push(setting("--memory-reservation", file, reservation.to_string()));
        }
        settings
    }

    fn cpu_settings(&self, version: Version) -> Vec<GroupSetting> {
        let setting = |option, files, value| GroupSetting { option, controller: "cpu", files, value, may_lack: false };
        let mut settings = Vec::new();
        let period = self.cpu_period.unwrap_or(PERIOD);
        match (version, self.cpu_quota, self.cpu_period) {
            (_, None, None) => {}
            (Version::One, quota, _) => {
                settings.push(setting("--cpu-period", &["cpu.cfs_period_us"][..], period.to_string()));
                if let Some(quota) = quota {
                    settings.push(setting("--cpus", &["cpu.cfs_quota_us"][..], quota.to_string()));
                }
            }
            (Version::Two, quota, _) => {
                let quota = quota.map_or("max".to_owned(), |quota| quota.to_string());
                settings.push(setting("--cpus", &["cpu.max"][..], format!("{quota} {period}")));
            }
        }
        if let Some(shares) = self.cpu_shares {
            let shares = shares.clamp(2, 262_144);
            settings.push(match version {
                Version::One => setting("--cpu-shares", &["cpu.shares"][..], shares.to_string()),
                Version::Two => {
                    let weight = 1 + (shares - 2) * 9999 / 262_142;
                    setting("--cpu-shares", &["cpu.weight"][..], weight.to_string())
                }
            });
        }
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::{Most, Resources, Version};

    fn written(resources: &Resources, version: Version) -> Vec<String> {
        let settings = resources.settings(version);
        settings.iter().map(|setting| format!("{} {}", setting.files[0], setting.value)).collect()
    }

    #[test]
    fn options_become_files() {
        let resources = Resources {
            memory: Some(64 << 20),
            cpu_quota: Some(50_000),
            cpu_shares: Some(1024),
            cpus: Some("0-1".to_owned()),
            processes: Some(50),
            ..Resources::default()
        };
        assert_eq!(
            written(&resources, Version::One),
            [
                "memory.limit_in_bytes 67108864",
                "memory.memsw.limit_in_bytes 134217728",
                "cpu.cfs_period_us 100000",
                "cpu.cfs_quota_us 50000",
                "cpu.shares 1024",
                "cpuset.cpus 0-1",
                "pids.max 50",
            ]
        );
        assert_eq!(
            written(&resources, Version::Two),
            [
                "memory.max 67108864",
                "memory.swap.max 67108864",
                "cpu.max 50000 100000",
                "cpu.weight 39",
                "cpuset.cpus 0-1",
                "pids.max 50"
            ]
        );
    }

    #[test]
    fn newer_limits_lie_over_older_ones() {
        let mut resources = Resources { memory: Some(1), processes: Some(2), ..Resources::default() };
        let newer = Resources { memory: Some(3), memory_and_swap: Some(Most::Unlimited), ..Resources::default() };
        resources.update(&newer);
        assert_eq!((resources.memory, resources.processes), (Some(3), Some(2)));
        assert_eq!(resources.memory_and_swap, Some(Most::Unlimited));
        assert!(!resources.is_empty() && Resources::default().is_empty());
    }
}
