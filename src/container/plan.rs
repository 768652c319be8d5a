//! From a specification to the list of operations.
//!
//! Planning is pure: it looks at the [`Spec`], the [`Identity`] and the facts in [`Host`], touches no file and makes no
//! system call, so the same input gives the same list. Every difference between root and an ordinary user, and every fallback, is
//! decided here and can be read in the plan. The lists of devices, mounts, masked and read-only paths are Docker's defaults
//! (OCI runtime specification, "Linux Default Filesystems" and "Default Devices").

use std::path::{Path, PathBuf};

use super::host::{Cgroups, Host, OverlaySupport};
use super::identity::{Identity, Range};
use super::operation::{Flags, Namespace, Operation, Overlay, OverlayInterface, Phase, Recursion};
use super::spec::{
    Access, Durability, MountKind, Network, NewPrivileges, Paths, Seccomp, Spec, Terminal,
};

/// A container's set-up as data: printed by `Display`, executed by [`run`](super::run()).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Every operation with its phase, in the order of execution.
    pub operations: Vec<(Phase, Operation)>,
    /// What the plan lacks here and why.
    pub notes: Vec<String>,
    /// The identity it was made for.
    pub identity: Identity,
    /// How the root file system comes about, and so how its changes are found.
    pub root: RootKind,
    /// The directory that takes the changes.
    pub upper: PathBuf,
}

/// How the root file system comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootKind {
    /// The upper directory holds the changes only.
    Overlay,
    /// The upper directory holds everything: changes are found by comparing all of it with the layers below.
    Copy,
}

impl Plan {
    /// The operations of one phase.
    pub fn of(&self, phase: Phase) -> impl Iterator<Item = &Operation> {
        self.operations
            .iter()
            .filter(move |(of, _)| *of == phase)
            .map(|(_, operation)| operation)
    }

    /// Every path inside the container that the set-up mounts on or makes, outside of what is mounted, in
    /// the order of the plan. What of them the image lacked is removed from the upper directory again after the run, where it is
    /// still empty; a capture that looks at the upper directory earlier has to leave them out itself.
    pub fn mount_points(&self) -> Vec<&str> {
        let mut points: Vec<&str> = Vec::new();
        for (_, operation) in &self.operations {
            let target = match operation {
                Operation::MountFileSystem { target, .. } | Operation::Bind { target, .. } => {
                    target
                }
                _ => continue,
            };
            let below = |point: &&str| {
                target
                    .strip_prefix(*point)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            if !points.iter().any(below) {
                points.push(target);
            }
        }
        points
    }
}

/// Where Docker hides something.
const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// What Docker makes read-only.
const READ_ONLY: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// The devices of every container, with their numbers (devices.txt of the kernel).
const DEVICES: [(&str, u32, u32); 6] = [
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
];

/// The symbolic links in /dev.
const DEVICE_LINKS: [(&str, &str); 6] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/dev/core", "/proc/kcore"),
    ("/dev/ptmx", "pts/ptmx"),
];

/// Makes the list of operations for `spec` as `identity` on `host`.
pub fn plan(spec: &Spec, identity: &Identity, host: &Host) -> Plan {
    let mut planner = Planner {
        spec,
        identity,
        host,
        operations: Vec::new(),
        notes: Vec::new(),
    };
    planner.outside();
    planner.entering();
    let root = planner.inside();
    planner.mounts();
    planner.protection();
    planner.leaving();
    Plan {
        operations: planner.operations,
        notes: planner.notes,
        identity: identity.clone(),
        root,
        upper: spec.upper.clone(),
    }
}

struct Planner<'a> {
    spec: &'a Spec,
    identity: &'a Identity,
    host: &'a Host,
    operations: Vec<(Phase, Operation)>,
    notes: Vec<String>,
}

impl Planner<'_> {
    fn push(&mut self, phase: Phase, operation: Operation) {
        self.operations.push((phase, operation));
    }

    fn outside(&mut self) {
        self.push(
            Phase::Outside,
            Operation::CreateDirectory { path: self.root() },
        );
        self.push(
            Phase::Outside,
            Operation::CreateDirectory {
                path: self.spec.work.join("overlay"),
            },
        );
        let hosts = super::network::hosts(&self.spec.hostname, &self.spec.extra_hosts);
        let files = [
            ("hosts", hosts),
            ("hostname", format!("{}\n", self.spec.hostname)),
            (
                "resolv.conf",
                super::network::resolver(self.spec.network, &self.host.resolver),
            ),
        ];
        for (name, content) in files {
            let path = self.spec.work.join(name);
            self.push(Phase::Outside, Operation::WriteFile { path, content });
        }
        if self.host.own_cgroups.is_empty() {
            self.notes
                .push("no control group: none is delegated to this user".to_owned());
        } else {
            let paths = self.host.own_cgroups.clone();
            self.push(Phase::Outside, Operation::CreateCgroup { paths });
        }
    }

    fn entering(&mut self) {
        if !self.host.own_cgroups.is_empty() {
            let paths = self.host.own_cgroups.clone();
            self.push(Phase::Entering, Operation::JoinCgroup { paths });
        }
        let single = |outside| {
            vec![Range {
                inside: 0,
                outside,
                length: 1,
            }]
        };
        match self.identity {
            Identity::Root => {}
            Identity::Mapped {
                uid_ranges,
                gid_ranges,
            } => self.push(
                Phase::Entering,
                Operation::EnterUserNamespace {
                    uid_ranges: uid_ranges.clone(),
                    gid_ranges: gid_ranges.clone(),
                    helpers: true,
                },
            ),
            Identity::Single => self.push(
                Phase::Entering,
                Operation::EnterUserNamespace {
                    uid_ranges: single(self.host.uid),
                    gid_ranges: single(self.host.gid),
                    helpers: false,
                },
            ),
        }
        let mut namespaces = vec![Namespace::Pid, Namespace::Uts, Namespace::Ipc];
        match self.spec.network {
            Network::Host => {}
            Network::None => namespaces.push(Namespace::Network),
        }
        // After the group was joined: the group we are in now becomes the root of what is seen inside.
        namespaces.push(Namespace::Cgroup);
        self.push(Phase::Entering, Operation::Unshare { namespaces });
        self.push(Phase::Entering, Operation::ForkInit);
    }

    fn inside(&mut self) -> RootKind {
        self.push(Phase::Inside, Operation::UnshareMounts);
        let kind = self.root_file_system();
        self.push(
            Phase::Inside,
            Operation::SetHostname {
                name: self.spec.hostname.clone(),
            },
        );
        match self.spec.network {
            Network::Host => {}
            Network::None => self.push(Phase::Inside, Operation::LoopbackUp),
        }
        // Filled in when the mounts are known, at its place before the pivot.
        self.push(Phase::Inside, Operation::OpenSources { paths: Vec::new() });
        self.push(Phase::Inside, Operation::PivotRoot { root: self.root() });
        kind
    }

    fn root_file_system(&mut self) -> RootKind {
        let interface = match &self.host.overlay {
            OverlaySupport::Fsconfig => OverlayInterface::Fsconfig,
            OverlaySupport::Options => OverlayInterface::Options,
            OverlaySupport::Refused(reason) => {
                self.notes
                    .push(format!("layers are copied, because {reason}"));
                let operation = Operation::CopyLayers {
                    lower: self.spec.lower.clone(),
                    upper: self.spec.upper.clone(),
                    root: self.root(),
                    marker: self.spec.work.join("copied"),
                };
                self.push(Phase::Inside, operation);
                return RootKind::Copy;
            }
        };
        // A user namespace can't set the trusted.* attributes in which overlayfs keeps its marks. The other three are off
        // so that upper holds whole files and whole directories: a layer has no way to say "renamed from".
        let mut options = match self.identity {
            Identity::Root => vec!["redirect_dir=off", "metacopy=off", "index=off"],
            Identity::Mapped { .. } | Identity::Single => vec!["userxattr"],
        };
        match self.spec.durability {
            Durability::Scratch => options.push("volatile"),
            Durability::Kept => {}
        }
        let mut lower = self.spec.lower.clone();
        if lower.is_empty() {
            // overlayfs wants at least one: the empty directory on which the root is mounted.
            lower.push(self.root());
        }
        let overlay = Overlay {
            lower,
            upper: self.spec.upper.clone(),
            work: self.spec.work.join("overlay"),
            root: self.root(),
            options,
            interface,
        };
        self.push(Phase::Inside, Operation::MountOverlay { overlay });
        RootKind::Overlay
    }

    fn mounts(&mut self) {
        let file_system = |kind, target: &str, flags, options: &str| Operation::MountFileSystem {
            kind,
            target: target.to_owned(),
            flags,
            options: options.to_owned(),
        };
        let devices = Flags(libc::MS_NOSUID).with(libc::MS_STRICTATIME);
        let mut list = vec![
            file_system("proc", "/proc", Flags::INERT, ""),
            file_system("tmpfs", "/dev", devices, "mode=755,size=65536k"),
        ];
        for (path, major, minor) in DEVICES {
            list.push(match self.identity {
                Identity::Root => Operation::MakeDevice {
                    path: path.to_owned(),
                    major,
                    minor,
                },
                Identity::Mapped { .. } | Identity::Single => {
                    bind(Path::new(path), path, Access::ReadWrite, Recursion::One)
                }
            });
        }
        for (path, target) in DEVICE_LINKS {
            list.push(Operation::Symlink {
                path: path.to_owned(),
                target: target.to_owned(),
            });
        }
        let group = if self.maps_group(5) { ",gid=5" } else { "" };
        let terminals = format!("newinstance,ptmxmode=0666,mode=0620{group}");
        list.push(file_system(
            "devpts",
            "/dev/pts",
            Flags::DEVICES,
            &terminals,
        ));
        list.push(file_system(
            "tmpfs",
            "/dev/shm",
            Flags::INERT,
            "mode=1777,size=65536k",
        ));
        list.push(file_system("mqueue", "/dev/mqueue", Flags::INERT, ""));
        let read_only = Flags::INERT.with(libc::MS_RDONLY);
        if self.identity.in_user_namespace() && self.spec.network == Network::Host {
            list.push(bind(
                Path::new("/sys"),
                "/sys",
                Access::ReadOnly,
                Recursion::Tree,
            ));
        } else {
            list.push(file_system("sysfs", "/sys", read_only, ""));
            match &self.host.cgroups {
                Cgroups::None => {}
                Cgroups::V2 => list.push(file_system("cgroup2", "/sys/fs/cgroup", read_only, "")),
                // Only real root may mount a hierarchy of version 1.
                Cgroups::V1(_) if self.identity.in_user_namespace() => {}
                Cgroups::V1(hierarchies) => {
                    list.push(file_system(
                        "tmpfs",
                        "/sys/fs/cgroup",
                        Flags::INERT,
                        "mode=755",
                    ));
                    for hierarchy in hierarchies {
                        let target = format!("/sys/fs/cgroup/{}", hierarchy.name);
                        list.push(file_system(
                            "cgroup",
                            &target,
                            read_only,
                            &hierarchy.options,
                        ));
                    }
                    list.push(Operation::ProtectMount {
                        target: "/sys/fs/cgroup".to_owned(),
                    });
                }
            }
        }
        for name in ["hosts", "hostname", "resolv.conf"] {
            let source = self.spec.work.join(name);
            list.push(bind(
                &source,
                &format!("/etc/{name}"),
                Access::ReadWrite,
                Recursion::One,
            ));
        }
        for mount in &self.spec.mounts {
            list.push(match &mount.kind {
                MountKind::Bind(source) => {
                    bind(source, &mount.target, mount.access, Recursion::Tree)
                }
                MountKind::Tmpfs { options } => {
                    let flags = match mount.access {
                        Access::ReadWrite => Flags::INERT,
                        Access::ReadOnly => read_only,
                    };
                    file_system("tmpfs", &mount.target, flags, options)
                }
            });
        }
        let sources: Vec<PathBuf> = list
            .iter()
            .filter_map(|operation| match operation {
                Operation::Bind { source, .. } => Some(source.clone()),
                _ => None,
            })
            .collect();
        for (_, operation) in &mut self.operations {
            if let Operation::OpenSources { paths } = operation {
                *paths = sources.clone();
            }
        }
        for operation in list {
            self.push(Phase::Rooted, operation);
        }
        if self.spec.terminal == Terminal::Yes {
            self.push(Phase::Rooted, Operation::NewSession { terminal: true });
        } else {
            self.push(Phase::Rooted, Operation::NewSession { terminal: false });
        }
        self.push(Phase::Rooted, Operation::DetachOldRoot);
    }

    fn protection(&mut self) {
        // Before the root may become read-only.
        let path = if self.spec.cwd.is_empty() {
            "/"
        } else {
            &self.spec.cwd
        }
        .to_owned();
        self.push(Phase::Rooted, Operation::CreateWorkingDirectory { path });
        match self.spec.security.paths {
            Paths::Open => {}
            Paths::Protected => {
                for path in READ_ONLY {
                    self.push(
                        Phase::Rooted,
                        Operation::ProtectPath {
                            path: path.to_owned(),
                        },
                    );
                }
                let thermal = self.host.thermal.iter().map(String::as_str);
                let masked: Vec<&str> = MASKED.into_iter().chain(thermal).collect();
                for path in masked {
                    self.push(
                        Phase::Rooted,
                        Operation::MaskPath {
                            path: path.to_owned(),
                        },
                    );
                }
            }
        }
        match self.spec.root {
            Access::ReadWrite => {}
            Access::ReadOnly => self.push(
                Phase::Rooted,
                Operation::ProtectMount {
                    target: "/".to_owned(),
                },
            ),
        }
    }

    fn leaving(&mut self) {
        let security = &self.spec.security;
        let cwd = if self.spec.cwd.is_empty() {
            "/"
        } else {
            &self.spec.cwd
        }
        .to_owned();
        let mut list = vec![
            Operation::NewKeyring,
            Operation::ResolveUser {
                user: self.spec.user.clone(),
            },
            Operation::BoundCapabilities {
                keep: security.capabilities,
            },
        ];
        match security.new_privileges {
            NewPrivileges::Allowed => {}
            NewPrivileges::Forbidden => list.push(Operation::ForbidNewPrivileges),
        }
        match security.seccomp {
            Seccomp::Docker => list.push(Operation::InstallFilter {
                capabilities: security.capabilities,
            }),
            Seccomp::Unconfined => {}
        }
        list.extend([
            Operation::SwitchUser,
            Operation::ChangeDirectory { path: cwd },
            Operation::LimitCapabilities {
                keep: security.capabilities,
            },
            Operation::CleanUp,
            Operation::Execute {
                args: self.spec.args.clone(),
                env: self.spec.env.clone(),
            },
        ]);
        for operation in list {
            self.push(Phase::Leaving, operation);
        }
    }

    fn root(&self) -> PathBuf {
        self.spec.work.join("root")
    }

    fn maps_group(&self, group: u32) -> bool {
        match self.identity {
            Identity::Root => true,
            Identity::Mapped { gid_ranges, .. } => gid_ranges
                .iter()
                .any(|range| range.inside <= group && group - range.inside < range.length),
            Identity::Single => false,
        }
    }
}

fn bind(source: &Path, target: &str, access: Access, recursion: Recursion) -> Operation {
    Operation::Bind {
        source: source.to_owned(),
        target: target.to_owned(),
        access,
        recursion,
    }
}
