//! What is mounted where: Docker's defaults as tables and one list.
//!
//! Sources: OCI runtime specification, "Default Filesystems" and "Default Devices"
//! (config-linux.md), and Docker's `oci/defaults.go`. Root's device nodes are made in a file system of their own, an ordinary
//! user's are the machine's, read-only; and no other mount lets nodes have an effect. So a container of real root can't
//! reach the machine's disks, without help from a device control group, and nobody can change the machine's nodes.

use std::path::{Path, PathBuf};

use super::allowance::DeviceAt;
use super::hierarchies::Cgroups;
use super::host::Host;
use super::identity::Identity;
use super::operation::{Device, Flags, Links, Operation, Place};
use super::sandbox::Recursion;
use super::sandbox::{Etc, Mount, MountKind, Network, Programs, Sandbox};
use super::tuning::Tuning;

/// Where Docker hides something.
pub(crate) const MASKED: [&str; 12] = [
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
pub(crate) const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Where a volume or a file of an image may not come to lie: what programs and the set-up itself rely on. /dev/shm is not
/// among them, as in Docker.
pub(super) const CLOSED: [&str; 4] = ["/proc", "/dev", "/dev/pts", "/dev/mqueue"];

/// The devices of every container.
pub(super) const DEVICES: [Device; 6] = [
    NULL,
    Device { name: "zero", major: 1, minor: 5 },
    Device { name: "full", major: 1, minor: 7 },
    Device { name: "random", major: 1, minor: 8 },
    Device { name: "urandom", major: 1, minor: 9 },
    Device { name: "tty", major: 5, minor: 0 },
];

/// The one that also covers what is hidden.
pub(super) const NULL: Device = Device { name: "null", major: 1, minor: 3 };

/// The symbolic links in /dev.
pub(super) const DEVICE_LINKS: [(&str, &str); 6] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/dev/core", "/proc/kcore"),
    ("/dev/ptmx", "pts/ptmx"),
];

/// What is mounted: how each mount is made, and where it is attached.
#[derive(Default)]
pub(super) struct Mounts {
    /// Executed while the machine's files are still seen. No name of the image is involved.
    pub(crate) made: Vec<Operation>,
    /// Executed in the new root: first what programs rely on, and then what an image can have an influence on.
    pub(crate) system: Vec<Operation>,
    /// See `system`. In between, paths are hidden and made read-only.
    pub(crate) others: Vec<Operation>,
}

/// Everything that is mounted in the container's root, in order.
pub(super) fn mounts(sandbox: &Sandbox, identity: &Identity, host: &Host) -> Mounts {
    let mut mounts = Mounts::default();
    // First: a new proc may be made only while the machine's is seen.
    mounts.system(file_system("proc", "/proc", Flags::INERT, ""), "/proc", Place::Directory);
    mounts.devices(sandbox, identity);
    mounts.sysfs(sandbox, identity, host);
    let mut others = etc(sandbox);
    for mount in sandbox.mounts.iter().filter(|mount| mount.target != SHARED_MEMORY) {
        if let Some(operation) = asked_for(mount, sandbox) {
            others.push((mount.target.clone(), operation));
        }
    }
    // As in Docker, whichever order they were named in: what is mounted in another mount comes after it.
    others.sort_by_key(|(target, _)| Path::new(target).components().count());
    for (target, operation) in others {
        mounts.made.push(operation);
        mounts.others.push(Operation::Attach { target, place: Place::Image });
    }
    mounts
}

/// How a mount that was asked for is made; `None` for what `devices` makes.
fn asked_for(mount: &Mount, sandbox: &Sandbox) -> Option<Operation> {
    Some(match &mount.kind {
        MountKind::Bind(source) => {
            clone(source, &mount.target, Flags::NO_DEVICES.for_access(mount.access), Recursion::Tree)
        }
        MountKind::Below { folder, path } => Operation::CloneBelow {
            folder: folder.clone(),
            path: path.clone(),
            target: mount.target.clone(),
            flags: Flags::NO_DEVICES.for_access(mount.access),
        },
        MountKind::Settled { path, recursion } => Operation::CloneMount {
            source: path.clone(),
            target: mount.target.clone(),
            flags: Flags::NO_DEVICES.for_access(mount.access),
            recursion: *recursion,
            links: Links::Refused,
        },
        MountKind::Tmpfs { options, programs } => {
            let flags = match programs {
                Programs::Executed => Flags::HARMLESS,
                Programs::Refused => Flags::INERT,
            };
            file_system("tmpfs", &mount.target, flags.for_access(mount.access), options)
        }
        MountKind::Memory { options } => Operation::MakeMemory {
            target: mount.target.clone(),
            flags: Flags::UNPRIVILEGED.for_access(mount.access),
            options: options.clone(),
        },
        MountKind::Secret(file) => {
            Operation::MakeSecret { target: mount.target.clone(), file: file.clone(), place: device_place(sandbox) }
        }
        MountKind::Script(_) => return None,
    })
}

/// One of the container's own files of /etc.
#[derive(Debug, Clone, Copy)]
pub(super) enum EtcFile {
    Hosts,
    Hostname,
    Resolver,
}

impl EtcFile {
    /// Those that a container has.
    pub(crate) fn of(etc: Etc) -> &'static [EtcFile] {
        match etc {
            Etc::Launch => &[EtcFile::Hosts, EtcFile::Hostname, EtcFile::Resolver],
            Etc::Build => &[EtcFile::Hosts, EtcFile::Resolver],
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            EtcFile::Hosts => "hosts",
            EtcFile::Hostname => "hostname",
            EtcFile::Resolver => "resolv.conf",
        }
    }
}

/// What is mounted in /etc, by target.
fn etc(sandbox: &Sandbox) -> Vec<(String, Operation)> {
    let flags = match sandbox.etc {
        Etc::Launch => Flags::INERT,
        Etc::Build => Flags::INERT.and(Flags::READ_ONLY),
    };
    let mount = |file: &EtcFile| {
        let target = format!("/etc/{}", file.name());
        let operation = clone(&sandbox.etc_files().join(file.name()), &target, flags, Recursion::One);
        (target, operation)
    };
    EtcFile::of(sandbox.etc).iter().map(mount).collect()
}

impl Mounts {
    fn system(&mut self, operation: Operation, target: &str, place: Place) {
        self.made.push(operation);
        self.attach(target, place);
    }

    fn attach(&mut self, target: &str, place: Place) {
        self.system.push(Operation::Attach { target: target.to_owned(), place });
    }

    /// /dev and what belongs in it.
    fn devices(&mut self, sandbox: &Sandbox, identity: &Identity) {
        // nodev, although the nodes have to work: they are mounts of their own, and what the container makes beside them is
        // without effect.
        let flags = Flags(libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_STRICTATIME);
        self.system(file_system("tmpfs", "/dev", flags, "mode=755,size=65536k"), "/dev", Place::Directory);
        if identity.in_user_namespace() {
            let flags = Flags::DEVICES.and(Flags::READ_ONLY);
            self.made.extend(DEVICES.map(|device| Operation::CloneDevice { device, flags }));
        } else {
            self.made.push(Operation::MakeDevices { devices: &DEVICES, place: device_place(sandbox) });
        }
        DEVICES.iter().for_each(|device| self.attach(&device.path(), IN_DEV));
        self.made.extend(
            DEVICE_LINKS.map(|(path, target)| Operation::Symlink { path: path.to_owned(), target: target.to_owned() }),
        );
        // Group 5 is that of terminals in every distribution; where it is not mapped it can't be named.
        let group = if maps_group(identity, 5) { ",gid=5" } else { "" };
        let terminals = format!("newinstance,ptmxmode=0666,mode=0620{group}");
        self.system(file_system("devpts", "/dev/pts", Flags::DEVICES, &terminals), "/dev/pts", IN_DEV);
        // What was asked for in its place is mounted instead of it, as in Docker.
        let asked = sandbox.mounts.iter().rev().find(|mount| mount.target == SHARED_MEMORY);
        let memory = asked.and_then(|mount| asked_for(mount, sandbox)).unwrap_or_else(|| {
            let shared = format!("mode=1777,size={}k", sandbox.allowance.shared_memory.div_ceil(1024));
            file_system("tmpfs", SHARED_MEMORY, Flags::INERT, &shared)
        });
        self.system(memory, SHARED_MEMORY, IN_DEV);
        self.system(file_system("mqueue", "/dev/mqueue", Flags::INERT, ""), "/dev/mqueue", IN_DEV);
        for DeviceAt { source, target } in &sandbox.allowance.devices {
            let tuning = Tuning::Device { source: source.clone(), target: target.clone() };
            self.system(Operation::Tune(tuning), target, IN_DEV);
        }
        for mount in &sandbox.mounts {
            if let MountKind::Script(source) = &mount.kind {
                let flags = Flags(libc::MOUNT_ATTR_NOSUID).and(Flags::NO_DEVICES).and(Flags::READ_ONLY);
                self.system(clone(source, &mount.target, flags, Recursion::One), &mount.target, IN_DEV);
            }
        }
    }

    /// /sys and the control groups in it.
    fn sysfs(&mut self, sandbox: &Sandbox, identity: &Identity, host: &Host) {
        let flags = Flags::INERT.and(Flags::READ_ONLY);
        let shares = identity.in_user_namespace() && sandbox.network == Network::Host;
        let sysfs = if shares {
            clone(Path::new("/sys"), "/sys", flags, Recursion::Tree)
        } else {
            file_system("sysfs", "/sys", flags, "")
        };
        self.system(sysfs, "/sys", Place::Directory);
        let place = "/sys/fs/cgroup";
        match &host.cgroups.mounted {
            Cgroups::None => {}
            Cgroups::V2 => self.system(file_system("cgroup2", place, flags, ""), place, IN_SYS),
            // Only real root may mount a hierarchy of version 1. What the machine's /sys shows of them is read-only.
            Cgroups::V1(_) if identity.in_user_namespace() => {}
            Cgroups::V1(hierarchies) => {
                self.system(file_system("tmpfs", place, Flags::INERT, "mode=755"), place, IN_SYS);
                for hierarchy in hierarchies {
                    let target = format!("{place}/{}", hierarchy.name);
                    let made = file_system("cgroup", &target, flags, &hierarchy.options);
                    self.system(made, &target, Place::In("/sys/fs/cgroup"));
                }
                self.system.push(Operation::ProtectMount { target: place.to_owned() });
            }
        }
    }
}

/// The one place in /dev where something else may be mounted.
const SHARED_MEMORY: &str = "/dev/shm";

const IN_DEV: Place = Place::In("/dev");
const IN_SYS: Place = Place::In("/sys");

/// Where the file system of root's device nodes is attached while they are made, or that of a secret: mounts can be made only of what is attached.
///
/// On overlayfs' own scratch directory, which nobody names any more by then: one of their own would have to be made and removed on the disk,
/// which takes 0.3 ms of a RUN on ext4.
pub(super) fn device_place(sandbox: &Sandbox) -> PathBuf {
    sandbox.overlay_work()
}

/// What is hidden: Docker's list, and what the machine's own /sys has mounted in it, where that is shown.
pub(super) fn masked(sandbox: &Sandbox, identity: &Identity, host: &Host) -> Vec<String> {
    let mut paths: Vec<String> = MASKED.map(str::to_owned).into();
    paths.extend(host.thermal.iter().cloned());
    if identity.in_user_namespace() && sandbox.network == Network::Host {
        let in_cgroups = |path: &String| Path::new(path).starts_with("/sys/fs/cgroup");
        paths.extend(host.below_sys.iter().filter(|path| !in_cgroups(path)).cloned());
    }
    paths
}

fn maps_group(identity: &Identity, group: u32) -> bool {
    match identity {
        Identity::Root => true,
        Identity::Mapped { gid_ranges, .. } => {
            gid_ranges.iter().any(|range| range.inside <= group && group - range.inside < range.length)
        }
        Identity::Single => false,
    }
}

fn file_system(kind: &'static str, target: &str, flags: Flags, options: &str) -> Operation {
    let (target, options) = (target.to_owned(), options.to_owned());
    Operation::MakeFileSystem { kind, source: kind.to_owned(), target, flags, options }
}

fn clone(source: &Path, target: &str, flags: Flags, recursion: Recursion) -> Operation {
    let (source, target) = (source.to_owned(), target.to_owned());
    Operation::CloneMount { source, target, flags, recursion, links: Links::Followed }
}
