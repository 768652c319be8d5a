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

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::most::Most;

/// What is asked for; nothing is limited where nothing was. A number that is 0 and a list that is empty mean what a new group has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resources {
    /// Bytes.
    pub(crate) memory: Option<Most>,
    /// Bytes of memory and swap space together.
    pub(crate) memory_and_swap: Option<Most>,
    /// Bytes that are left to it when memory is short.
    pub(crate) memory_reservation: Option<Most>,
    /// The time of processors, in microseconds, within each period.
    pub(crate) cpu_quota: Option<Most>,
    /// Microseconds.
    pub(crate) cpu_period: Option<u64>,
    /// Its part where processors are short; others have 1024.
    pub(crate) cpu_shares: Option<u64>,
    /// Which processors: `0-3,5`.
    pub(crate) cpus: Option<String>,
    /// The memory of which nodes.
    pub(crate) nodes: Option<String>,
    /// Processes and threads.
    pub(crate) processes: Option<Most>,
    /// Its part where disks are short: 10 to 1000.
    pub(crate) io_weight: Option<u64>,
}

/// Which of the two interfaces of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    One,
    Two,
}

impl Version {
    /// What is written for no limit.
    const fn unlimited(self) -> &'static str {
        match self {
            Version::One => "-1",
            Version::Two => "max",
        }
    }
}

/// One limit of a control group: the files that the kernel may have for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSetting {
    /// The option that wants it.
    pub(crate) option: &'static str,
    pub(crate) controller: &'static str,
    /// The first of these that the kernel has, with what is written to it; nothing is what the group above has.
    pub(crate) files: Vec<(Cow<'static, str>, String)>,
    /// Whether the container may do without, where the kernel has no such file.
    pub(crate) may_lack: bool,
}

impl GroupSetting {
    /// The file that most kernels have, and what is written to it.
    pub(super) fn first(&self) -> (&str, &str) {
        self.files.first().map_or(("", ""), |(file, value)| (file, value))
    }
}

/// Docker's period.
const PERIOD: u64 = 100_000;

/// A new group's part of the processors, by each version.
const SHARES: u64 = 1024;
const WEIGHT: u64 = 100;

impl Resources {
    /// Whether nothing is limited.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Resources::default()
    }

    /// What no group can keep, if there is such a thing.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        let number = |limit: Option<Most>| limit.and_then(Most::number);
        match (number(self.memory), number(self.memory_and_swap), number(self.memory_reservation)) {
            (None, Some(_), _) => Some("`--memory-swap` needs `--memory`"),
            (Some(memory), Some(total), _) if total < memory => Some("`--memory-swap` is lower than `--memory`"),
            (Some(memory), _, Some(reservation)) if reservation > memory => {
                Some("`--memory-reservation` is higher than `--memory`")
            }
            (..) => None,
        }
    }

    /// Lays what is newly asked for over it. What takes a limit away that there was not changes nothing.
    pub(crate) fn update(&mut self, newer: &Resources) {
        fn lay<T: Clone + PartialEq>(below: &mut Option<T>, over: &Option<T>, nothing: &T) {
            if over.is_some() && (below.is_some() || over.as_ref() != Some(nothing)) {
                below.clone_from(over);
            }
        }
        let Resources { memory, memory_and_swap, memory_reservation, cpu_quota, cpu_period, cpu_shares, .. } = newer;
        let Resources { cpus, nodes, processes, io_weight, .. } = newer;
        let none = &Most::Unlimited;
        if *memory == Some(*none) {
            // Without a limit of memory there is none for both together.
            lay(&mut self.memory_and_swap, memory, none);
        }
        lay(&mut self.memory, memory, none);
        self.memory_and_swap = memory_and_swap.or(self.memory_and_swap);
        lay(&mut self.memory_reservation, memory_reservation, none);
        lay(&mut self.cpu_quota, cpu_quota, none);
        lay(&mut self.cpu_period, cpu_period, &0);
        lay(&mut self.cpu_shares, cpu_shares, &0);
        lay(&mut self.cpus, cpus, &String::new());
        lay(&mut self.nodes, nodes, &String::new());
        lay(&mut self.processes, processes, none);
        lay(&mut self.io_weight, io_weight, &0);
    }

    /// As [`Resources::settings`], for a container of ours: Docker gives as much swap space as memory, where nothing is said about it.
    pub(super) fn settings_with_swap(&self, version: Version) -> Vec<GroupSetting> {
        let both = self.memory.map(|memory| match memory {
            Most::Of(memory) => Most::Of(memory.saturating_mul(2)),
            Most::Unlimited => Most::Unlimited,
        });
        let with_swap = Resources { memory_and_swap: self.memory_and_swap.or(both), ..self.clone() };
        let is_implied = with_swap.memory_and_swap != self.memory_and_swap || self.memory == Some(Most::Unlimited);
        let mut settings = with_swap.settings(version);
        for setting in settings.iter_mut().filter(|setting| is_implied && setting.option == "--memory-swap") {
            // Not every kernel counts it.
            setting.may_lack = true;
        }
        settings
    }

    /// What is written where, in an order in which a new group takes it.
    pub(crate) fn settings(&self, version: Version) -> Vec<GroupSetting> {
        let mut settings = self.memory_settings(version);
        settings.extend(self.cpu_settings(version));
        let mut add = |option, controller, files| {
            settings.push(GroupSetting { option, controller, files, may_lack: false });
        };
        if let Some(cpus) = &self.cpus {
            add("--cpuset-cpus", "cpuset", vec![("cpuset.cpus".into(), cpus.clone())]);
        }
        if let Some(nodes) = &self.nodes {
            add("--cpuset-mems", "cpuset", vec![("cpuset.mems".into(), nodes.clone())]);
        }
        if let Some(processes) = self.processes {
            add("--pids-limit", "pids", vec![("pids.max".into(), processes.or("max"))]);
        }
        if let Some(weight) = self.io_weight {
            let or = |usual: u64| if weight == 0 { usual } else { weight }.to_string();
            match version {
                Version::One => {
                    let files = vec![("blkio.bfq.weight".into(), or(100)), ("blkio.weight".into(), or(500))];
                    add("--blkio-weight", "blkio", files);
                }
                Version::Two => {
                    // The rule of runc: 10 to 1000 becomes 1 to 10000.
                    let of_all = if weight == 0 { WEIGHT } else { 1 + weight.saturating_sub(10) * 9999 / 990 };
                    let files = vec![("io.bfq.weight".into(), or(WEIGHT)), ("io.weight".into(), of_all.to_string())];
                    add("--blkio-weight", "io", files);
                }
            }
        }
        settings
    }

    fn memory_settings(&self, version: Version) -> Vec<GroupSetting> {
        let setting = |option, file, value| GroupSetting {
            option,
            controller: "memory",
            files: vec![(Cow::Borrowed(file), value)],
            may_lack: false,
        };
        let [limit, both, reserved] = match version {
            Version::One => ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.soft_limit_in_bytes"],
            Version::Two => ["memory.max", "memory.swap.max", "memory.low"],
        };
        let mut settings = Vec::new();
        if let Some(memory) = self.memory {
            settings.push(setting("--memory", limit, memory.or(version.unlimited())));
        }
        if let Some(total) = self.memory_and_swap {
            let memory = self.memory.and_then(Most::number).unwrap_or(0);
            let total = match (version, total) {
                (Version::Two, Most::Of(total)) => Most::Of(total.saturating_sub(memory)),
                (Version::One | Version::Two, total) => total,
            };
            settings.push(setting("--memory-swap", both, total.or(version.unlimited())));
        }
        if let Some(reservation) = self.memory_reservation {
            let none = match version {
                Version::One => "-1",
                Version::Two => "0",
            };
            settings.push(setting("--memory-reservation", reserved, reservation.or(none)));
        }
        settings
    }

    fn cpu_settings(&self, version: Version) -> Vec<GroupSetting> {
        let setting = |option, file, value: String| GroupSetting {
            option,
            controller: "cpu",
            files: vec![(Cow::Borrowed(file), value)],
            may_lack: false,
        };
        let mut settings = Vec::new();
        // 0 is what a new group has.
        let period = self.cpu_period.map(|period| if period == 0 { PERIOD } else { period });
        match (version, self.cpu_quota, period) {
            (_, None, None) => {}
            (Version::One, quota, period) => {
                settings.extend(period.map(|period| setting("--cpu-period", "cpu.cfs_period_us", period.to_string())));
                settings.extend(quota.map(|quota| setting("--cpus", "cpu.cfs_quota_us", quota.or("-1"))));
            }
            (Version::Two, quota, period) => {
                let quota = quota.unwrap_or(Most::Unlimited).or("max");
                let value = period.map_or_else(|| quota.clone(), |period| format!("{quota} {period}"));
                settings.push(setting("--cpus", "cpu.max", value));
            }
        }
        settings.extend(self.cpu_shares.map(|shares| {
            let clamped = shares.clamp(2, 262_144);
            match (version, shares) {
                (Version::One, 0) => setting("--cpu-shares", "cpu.shares", SHARES.to_string()),
                (Version::Two, 0) => setting("--cpu-shares", "cpu.weight", WEIGHT.to_string()),
                (Version::One, _) => setting("--cpu-shares", "cpu.shares", clamped.to_string()),
                (Version::Two, _) => {
                    // The rule of runc.
                    let weight = 1 + (clamped - 2) * 9999 / 262_142;
                    setting("--cpu-shares", "cpu.weight", weight.to_string())
                }
            }
        }));
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::{Most, Resources, Version};

    fn written(resources: &Resources, version: Version) -> Vec<String> {
        let settings = resources.settings_with_swap(version);
        settings.iter().map(|setting| format!("{} {}", setting.files[0].0, setting.files[0].1)).collect()
    }

    #[test]
    fn options_become_files() {
        let resources = Resources {
            memory: Some(Most::Of(64 << 20)),
            cpu_quota: Some(Most::Of(50_000)),
            cpu_shares: Some(1024),
            cpus: Some("0-1".to_owned()),
            processes: Some(Most::Of(50)),
            ..Resources::default()
        };
        assert_eq!(
            written(&resources, Version::One),
            [
                "memory.limit_in_bytes 67108864",
                "memory.memsw.limit_in_bytes 134217728",
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
                "cpu.max 50000",
                "cpu.weight 39",
                "cpuset.cpus 0-1",
                "pids.max 50"
            ]
        );
    }

    #[test]
    fn newer_limits_lie_over_older_ones() {
        let of = |number| Some(Most::Of(number));
        let mut resources = Resources { memory: of(1), processes: of(2), ..Resources::default() };
        let newer = Resources { memory: of(3), memory_and_swap: Some(Most::Unlimited), ..Resources::default() };
        resources.update(&newer);
        assert_eq!((resources.memory, resources.processes), (of(3), of(2)));
        assert_eq!(resources.memory_and_swap, Some(Most::Unlimited));
        assert!(!resources.is_empty() && Resources::default().is_empty());
    }

    #[test]
    fn a_limit_is_taken_away_where_there_is_one() {
        let none = Resources {
            memory: Some(Most::Unlimited),
            processes: Some(Most::Unlimited),
            cpu_quota: Some(Most::Unlimited),
            cpu_shares: Some(0),
            cpus: Some(String::new()),
            io_weight: Some(0),
            ..Resources::default()
        };
        let mut resources = Resources::default();
        resources.update(&none);
        assert!(resources.is_empty());
        let of = |number| Some(Most::Of(number));
        let (memory, memory_and_swap) = (of(1 << 30), of(1 << 31));
        resources.update(&Resources { memory, memory_and_swap, cpu_quota: of(1000), ..Resources::default() });
        resources.update(&none);
        assert_eq!(
            written(&resources, Version::One),
            ["memory.limit_in_bytes -1", "memory.memsw.limit_in_bytes -1", "cpu.cfs_quota_us -1"]
        );
        assert_eq!(written(&resources, Version::Two), ["memory.max max", "memory.swap.max max", "cpu.max max"]);
    }

    #[test]
    fn the_weight_of_disks_is_another_number_in_each_file() {
        let resources = Resources { io_weight: Some(500), ..Resources::default() };
        let files = |version| resources.settings(version).remove(0).files;
        assert_eq!(files(Version::Two)[1], ("io.weight".into(), "4950".to_owned()));
        assert_eq!(files(Version::Two)[0], ("io.bfq.weight".into(), "500".to_owned()));
        assert_eq!(files(Version::One)[1], ("blkio.weight".into(), "500".to_owned()));
    }

    #[test]
    fn limits_that_an_earlier_version_wrote_are_read() {
        let read = |text: &str| serde_json::from_str::<Resources>(text).unwrap();
        let earlier = r#"{"memory":64,"memory_and_swap":{"bytes":128},"processes":7}"#;
        let resources = read(earlier);
        assert_eq!((resources.memory, resources.memory_and_swap), (Some(Most::Of(64)), Some(Most::Of(128))));
        let none = Resources { memory_and_swap: Some(Most::Unlimited), ..resources };
        assert_eq!(read(&serde_json::to_string(&none).unwrap()), none);
        assert_eq!(read(r#"{"memory_and_swap":"unlimited"}"#).memory_and_swap, Some(Most::Unlimited));
    }
}
