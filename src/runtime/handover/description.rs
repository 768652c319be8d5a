//! What `config.json` says of a container of ours, in the words of config.md and config-linux.md.

use std::collections::BTreeMap;

use super::filter::filter;
use crate::bundle::config::{
    Capabilities, Config, Cpu, DeviceRule, Linux, Mapping, Memory, Mount, Namespace, Pids, Process, Resources, Rlimit,
    Root, User,
};
use crate::container::{
    self, Access, Allowance, Cgroups, Hostname, Identity, Most, MountKind, NewPrivileges, Paths, Programs, Range,
    Recursion, ResourceLimit, Seccomp, Terminal, UserIds,
};
use crate::runtime::Error;

/// What is handed over, apart from the files.
pub(super) struct Described {
    pub(super) process: container::Process,
    pub(super) hostname: Hostname,
    pub(super) root: Access,
    pub(super) paths: Paths,
    pub(super) allowance: Allowance,
    pub(super) mounts: Vec<container::Mount>,
    /// Whose ids the bundle has.
    pub(super) identity: Identity,
    /// What this machine has of control groups.
    pub(super) cgroups: Cgroups,
}

impl Described {
    /// The document; `user` is who the process runs as.
    ///
    /// # Errors
    /// Something is mounted that no bundle can have.
    pub(super) fn config(&self, user: &UserIds) -> Result<Config, Error> {
        let mut mounts = self.usual_mounts();
        for mount in &self.mounts {
            mounts.push(mounted(mount)?);
        }
        Ok(Config {
            oci_version: "1.0.2".to_owned(),
            process: Some(self.process(user)),
            root: Some(Root { path: "rootfs".into(), readonly: self.root == Access::ReadOnly }),
            hostname: self.hostname.to_string(),
            mounts,
            linux: self.linux(),
            ..Config::default()
        })
    }

    fn process(&self, user: &UserIds) -> Process {
        let container::Process { args, env, cwd, terminal, rights, limits, groups, .. } = &self.process;
        let capabilities: Vec<String> = rights.capabilities.names().map(|name| format!("CAP_{name}")).collect();
        // A user other than root has none, but a set-user-id program may get them.
        let own = if user.uid == 0 { capabilities.clone() } else { Vec::new() };
        let mut env = env.clone();
        if !env.iter().any(|variable| variable.starts_with("HOME=")) {
            env.push(format!("HOME={}", user.home));
        }
        let limit = |limit: &ResourceLimit| {
            let kind = format!("RLIMIT_{}", limit.name.to_ascii_uppercase());
            Rlimit { kind, soft: limit.soft, hard: limit.hard }
        };
        // With a single id there are no further groups, and none may be set, unless they are asked for.
        let has_groups = self.identity != Identity::Single || !groups.is_empty();
        Process {
            terminal: *terminal == Terminal::Yes,
            user: User {
                uid: user.uid,
                gid: user.gid,
                umask: None,
                additional_gids: if has_groups { user.groups.clone() } else { Vec::new() },
            },
            args: args.clone(),
            env,
            cwd: if cwd.is_empty() { "/".to_owned() } else { cwd.clone() },
            capabilities: Capabilities {
                bounding: capabilities,
                effective: own.clone(),
                permitted: own,
                ..Capabilities::default()
            },
            rlimits: ResourceLimit::with_others(limits).iter().map(limit).collect(),
            no_new_privileges: rights.new_privileges == NewPrivileges::Forbidden,
            oom_score_adj: self.allowance.oom_score,
            ..Process::default()
        }
    }

    fn linux(&self) -> Linux {
        let rights = &self.process.rights;
        let all = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
        let (masked, read_only) = match self.paths {
            Paths::Protected => (all(&container::MASKED), all(&container::READ_ONLY)),
            Paths::Open => (Vec::new(), Vec::new()),
        };
        let asked = self.allowance.settings.iter().map(|set| (set.name.clone(), set.value.clone()));
        // What was asked for comes last and counts.
        let settings = container::network_settings(&self.identity).into_iter().chain(asked);
        let (uids, gids) = self.identity.ranges();
        Linux {
            namespaces: self.namespaces(),
            sysctl: settings.collect::<BTreeMap<_, _>>(),
            masked_paths: masked,
            readonly_paths: read_only,
            seccomp: match &rights.seccomp {
                Seccomp::Docker => Some(filter(&container::docker_filter(rights.capabilities))),
                Seccomp::Profile(profile) => Some(filter(profile)),
                Seccomp::Unconfined => None,
            },
            uid_mappings: uids.iter().map(mapping).collect(),
            gid_mappings: gids.iter().map(mapping).collect(),
            // An ordinary user has no control groups there, as a rule.
            resources: (!self.identity.in_user_namespace()).then(|| self.resources()),
            ..Linux::default()
        }
    }

    fn namespaces(&self) -> Vec<Namespace> {
        let user = if self.identity.in_user_namespace() { &["user"][..] } else { &[] };
        let kinds = ["pid", "network", "ipc", "uts", "mount", "cgroup"].iter().chain(user);
        kinds.map(|kind| Namespace { kind: (*kind).to_owned(), path: None }).collect()
    }

    /// What its control group limits. Devices other than the usual ones have no effect.
    fn resources(&self) -> Resources {
        let own = &self.allowance.resources;
        // What is 0 or empty is as a new group has it.
        let signed = |most: Option<Most>| match most? {
            Most::Of(0) => None,
            Most::Of(number) => Some(i64::try_from(number).unwrap_or(i64::MAX)),
            Most::Unlimited => Some(-1),
        };
        let listed = |list: &Option<String>| list.clone().filter(|list| !list.is_empty());
        let memory = Memory {
            limit: signed(own.memory),
            reservation: signed(own.memory_reservation),
            swap: signed(own.memory_and_swap),
            ..Memory::default()
        };
        let cpu = Cpu {
            shares: own.cpu_shares.filter(|shares| *shares > 0),
            quota: signed(own.cpu_quota),
            period: own.cpu_period.filter(|period| *period > 0),
            cpus: listed(&own.cpus),
            mems: listed(&own.nodes),
        };
        let deny = DeviceRule { allow: false, kind: None, major: None, minor: None, access: Some("rwm".to_owned()) };
        Resources {
            devices: vec![deny],
            memory: (memory != Memory::default()).then_some(memory),
            cpu: (cpu != Cpu::default()).then_some(cpu),
            pids: signed(own.processes).map(|limit| Pids { limit }),
            ..Resources::default()
        }
    }

    /// What every container of ours has mounted.
    fn usual_mounts(&self) -> Vec<Mount> {
        let memory = format!("size={}k", self.allowance.shared_memory.div_ceil(1024));
        // Only where there is such a group.
        let group = if self.identity == Identity::Single { "mode=0620" } else { "mode=0620,gid=5" };
        let mount = |destination: &str, kind: &str, options: &str| Mount {
            destination: destination.to_owned(),
            kind: kind.to_owned(),
            source: kind.to_owned(),
            options: options.split(',').map(str::to_owned).collect(),
        };
        let mut mounts = vec![
            mount("/proc", "proc", "nosuid,noexec,nodev"),
            mount("/dev", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"),
            mount("/dev/pts", "devpts", &format!("nosuid,noexec,newinstance,ptmxmode=0666,{group}")),
            mount("/dev/shm", "tmpfs", &format!("nosuid,noexec,nodev,mode=1777,{memory}")),
            mount("/dev/mqueue", "mqueue", "nosuid,noexec,nodev"),
            mount("/sys", "sysfs", "nosuid,noexec,nodev,ro"),
        ];
        // Only real root may mount a hierarchy of version 1.
        if self.cgroups == Cgroups::V2 || !self.identity.in_user_namespace() && self.cgroups != Cgroups::None {
            mounts.push(mount("/sys/fs/cgroup", "cgroup", "nosuid,noexec,nodev,ro"));
        }
        mounts
    }
}

/// A volume.
fn mounted(mount: &container::Mount) -> Result<Mount, Error> {
    let access = if mount.access == Access::ReadOnly { "ro" } else { "rw" };
    let (kind, source, options) = match &mount.kind {
        MountKind::Settled { path, recursion } => {
            let bind = if *recursion == Recursion::Tree { "rbind" } else { "bind" };
            ("bind", path.display().to_string(), vec![bind, "rprivate", "nodev", access])
        }
        MountKind::Tmpfs { options, programs } => {
            let programs = if *programs == Programs::Executed { "exec" } else { "noexec" };
            let asked = options.split(',').filter(|option| !option.is_empty());
            let list = ["nosuid", "nodev", programs, access].into_iter().chain(asked).collect();
            ("tmpfs", "tmpfs".to_owned(), list)
        }
        MountKind::Bind(_)
        | MountKind::Script(_)
        | MountKind::Below { .. }
        | MountKind::Memory { .. }
        | MountKind::Secret(_) => {
            let message = format!("what is mounted on `{}` can't be in a bundle", mount.target);
            return Err(Error::argument(message, "volumes, folders of this machine and memory can"));
        }
    };
    let options = options.into_iter().map(str::to_owned).collect();
    Ok(Mount { destination: mount.target.clone(), kind: kind.to_owned(), source, options })
}

fn mapping(range: &Range) -> Mapping {
    Mapping { container_id: range.inside, host_id: range.outside, size: range.length }
}
