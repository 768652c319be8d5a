//! What is mounted where: Docker's defaults as tables and one list.
//!
//! Sources: OCI runtime specification, "Default Filesystems" and "Default Devices"
//! (config-linux.md), and Docker's `oci/defaults.go`. Device nodes are not made but shown from the
//! machine's /dev, and no other mount lets them have an effect: so a container of real root can't
//! reach the machine's disks, without help from a device control group.

use std::path::Path;

use super::host::{Cgroups, Host};
use super::identity::Identity;
use super::operation::{Flags, Operation, Recursion};
use super::spec::{Access, MountKind, Network, Spec};

/// Where Docker hides something.
pub(super) const MASKED: [&str; 12] = [
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
pub(super) const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The devices of every container.
const DEVICES: [&str; 6] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];

/// The symbolic links in /dev.
const DEVICE_LINKS: [(&str, &str); 6] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/dev/core", "/proc/kcore"),
    ("/dev/ptmx", "pts/ptmx"),
];

/// Everything that is mounted after the pivot, in order.
pub(super) fn mounts(spec: &Spec, identity: &Identity, host: &Host) -> Vec<Operation> {
    let mut list = vec![
        // First: the others are bound through it.
        file_system("proc", "/proc", Flags::INERT, ""),
        Operation::ForbidDevices { target: "/".to_owned(), recursion: Recursion::One },
    ];
    list.extend(devices(identity));
    list.extend(system(spec, identity, host));
    for name in ["hosts", "hostname", "resolv.conf"] {
        let target = format!("/etc/{name}");
        list.push(bind(&spec.work.join(name), &target, Access::ReadWrite, Recursion::One));
    }
    for mount in &spec.mounts {
        match &mount.kind {
            MountKind::Bind(source) => {
                list.push(bind(source, &mount.target, mount.access, Recursion::Tree));
                let target = mount.target.clone();
                list.push(Operation::ForbidDevices { target, recursion: Recursion::Tree });
            }
            MountKind::Tmpfs { options } => {
                let flags = match mount.access {
                    Access::ReadWrite => Flags::INERT,
                    Access::ReadOnly => Flags::INERT.with(libc::MS_RDONLY),
                };
                list.push(file_system("tmpfs", &mount.target, flags, options));
            }
        }
    }
    list
}

/// /dev and what belongs in it.
fn devices(identity: &Identity) -> Vec<Operation> {
    let flags = Flags(libc::MS_NOSUID | libc::MS_NODEV | libc::MS_STRICTATIME);
    let mut list = vec![file_system("tmpfs", "/dev", flags, "mode=755,size=65536k")];
    list.extend(DEVICES.map(|path| bind(Path::new(path), path, Access::ReadWrite, Recursion::One)));
    list.extend(
        DEVICE_LINKS.map(|(path, target)| Operation::Symlink { path: path.to_owned(), target: target.to_owned() }),
    );
    // Group 5 is that of terminals in every distribution; where it is not mapped it can't be named.
    let group = if maps_group(identity, 5) { ",gid=5" } else { "" };
    let terminals = format!("newinstance,ptmxmode=0666,mode=0620{group}");
    list.push(file_system("devpts", "/dev/pts", Flags::DEVICES, &terminals));
    list.push(file_system("tmpfs", "/dev/shm", Flags::INERT, "mode=1777,size=65536k"));
    list.push(file_system("mqueue", "/dev/mqueue", Flags::INERT, ""));
    list
}

/// /sys and the control groups in it.
fn system(spec: &Spec, identity: &Identity, host: &Host) -> Vec<Operation> {
    if identity.in_user_namespace() && spec.network == Network::Host {
        return vec![bind(Path::new("/sys"), "/sys", Access::ReadOnly, Recursion::Tree)];
    }
    let read_only = Flags::INERT.with(libc::MS_RDONLY);
    let mut list = vec![file_system("sysfs", "/sys", read_only, "")];
    let place = "/sys/fs/cgroup";
    match &host.cgroups {
        Cgroups::None => {}
        Cgroups::V2 => list.push(file_system("cgroup2", place, read_only, "")),
        // Only real root may mount a hierarchy of version 1.
        Cgroups::V1(_) if identity.in_user_namespace() => {}
        Cgroups::V1(hierarchies) => {
            list.push(file_system("tmpfs", place, Flags::INERT, "mode=755"));
            for hierarchy in hierarchies {
                let target = format!("{place}/{}", hierarchy.name);
                list.push(file_system("cgroup", &target, read_only, &hierarchy.options));
            }
            list.push(Operation::ProtectMount { target: place.to_owned() });
        }
    }
    list
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
    Operation::MountFileSystem { kind, target, flags, options }
}

fn bind(source: &Path, target: &str, access: Access, recursion: Recursion) -> Operation {
    Operation::Bind { source: source.to_owned(), target: target.to_owned(), access, recursion }
}
