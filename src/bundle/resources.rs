//! `linux.cgroupsPath` and `linux.resources`: which control groups a container is in, and what is written to their files.

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::config::{DeviceRule, Linux, Resources};
use super::error::Error;
use crate::container::{Cgroups, Groups, Hierarchy, Prescription, Surroundings, What};

/// Where control groups are mounted.
const PLACE: &str = "/sys/fs/cgroup";

/// The groups of a container called `id`, and their limits.
///
/// # Errors
/// There are no control groups for what is limited, or a limit is not supported.
pub(super) fn groups(linux: &Linux, id: &str, surroundings: &Surroundings) -> Result<Groups, Error> {
    let resources = linux.resources.clone().unwrap_or_default();
    let may_make = nix::unistd::Uid::effective().is_root() && !surroundings.in_user_namespace;
    // An ordinary user has none to begin with; that nodes have no effect is then a matter of the mounts alone.
    if linux.cgroups_path.is_empty() && !may_make && only_devices(&resources) {
        return Ok(Groups::default());
    }
    let path = if linux.cgroups_path.is_empty() {
        format!("oci-layerlab-{id}-{}", std::process::id())
    } else {
        linux.cgroups_path.clone()
    };
    if path.contains(':') {
        return Err(Error::unsupported(
            "linux.cgroupsPath",
            format!("`{path}` is a name for systemd"),
            "groups are made as folders: `--cgroup-manager cgroupfs` (Podman), `SystemdCgroup = false` (containerd)",
        ));
    }
    let below = super::mounts::clean(&path).unwrap_or_default();
    let below = below.trim_start_matches('/');
    if below.is_empty() {
        let message = format!("`{path}` is the group of everything, and it is stopped and ended with the container");
        return Err(Error::wrong("linux.cgroupsPath", message));
    }
    // One that is not absolute lies below ours: so what limits us limits the container.
    let own = if path.starts_with('/') {
        String::new()
    } else {
        std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default()
    };
    let paths: Vec<PathBuf> = match &surroundings.cgroups {
        Cgroups::None => Vec::new(),
        // Beside us: a group that has processes gives those below it no limits.
        Cgroups::V2 => vec![parent(Path::new(PLACE), own_group(&own, "").and_then(Path::parent)).join(below)],
        Cgroups::V1(hierarchies) => hierarchies
            .iter()
            .map(|hierarchy| {
                let controller = hierarchy.options.trim_start_matches("none,").split(',').next().unwrap_or_default();
                parent(&Path::new(PLACE).join(&hierarchy.name), own_group(&own, controller)).join(below)
            })
            .collect(),
    };
    let settings = settings(&resources, &paths, surroundings)?;
    Ok(Groups { paths, settings })
}

/// Our group in the hierarchy of a controller, as /proc/self/cgroup has it: cgroups(7).
fn own_group<'a>(text: &'a str, controller: &str) -> Option<&'a Path> {
    text.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        controllers.split(',').any(|one| one == controller).then_some(Path::new(path))
    })
}

/// The group above a container's. Where only a part of the hierarchy is mounted, ours may not be seen.
fn parent(hierarchy: &Path, own: Option<&Path>) -> PathBuf {
    let ours = own.and_then(|own| own.strip_prefix("/").ok()).map(|own| hierarchy.join(own));
    ours.filter(|ours| ours.is_dir()).unwrap_or_else(|| hierarchy.to_owned())
}

/// Refuses rules about devices where nothing holds the container to them, and a device is given to it.
///
/// # Errors
/// A device that has an effect may be read or written, and by the rules it may not.
pub(super) fn check_devices(linux: &Linux, mounts: &[Prescription], surroundings: &Surroundings) -> Result<(), Error> {
    let rules = linux.resources.as_ref().map_or(&[][..], |resources| &resources.devices);
    let has_controller = |hierarchy: &Hierarchy| hierarchy.options.split(',').any(|one| one == "devices");
    let are_applied = matches!(&surroundings.cgroups, Cgroups::V1(list) if list.iter().any(has_controller));
    // Whom the machine gives its devices to, its files say; and nothing else is done for a user.
    let is_user = !nix::unistd::Uid::effective().is_root() || surroundings.in_user_namespace;
    if are_applied || is_user || rules.iter().all(|rule| rule.allow) {
        return Ok(());
    }
    let refuse = |what: String| {
        Err(Error::unsupported(
            "linux.resources.devices",
            format!("the rules forbid to read or write `{what}`, and it is given to the container"),
            "they are not applied without control groups of version 1: have the manager allow all of the device, or \
             leave it out",
        ))
    };
    for device in &linux.devices {
        let kind = if device.kind == "b" { "b" } else { "c" };
        if !is_allowed(rules, kind, device.major, device.minor) {
            return refuse(device.path.clone());
        }
    }
    for mount in mounts.iter().filter(|mount| mount.flags.have_devices()) {
        let (What::Bind { source, .. } | What::Device { source }) = &mount.what else { continue };
        let found = std::fs::metadata(source).map_err(Error::io("look at", source))?;
        let number = found.rdev();
        let (major, minor) = (i64::from(libc::major(number)), i64::from(libc::minor(number)));
        let is_fine = match found.file_type() {
            kind if kind.is_char_device() => is_allowed(rules, "c", major, minor),
            kind if kind.is_block_device() => is_allowed(rules, "b", major, minor),
            // A folder with any of them.
            _ => false,
        };
        if !is_fine {
            return refuse(source.display().to_string());
        }
    }
    Ok(())
}

/// Whether a device may be read and written: by what every container may do, or by the last rule about it.
fn is_allowed(rules: &[DeviceRule], kind: &str, major: i64, minor: i64) -> bool {
    let fits = |wanted: Option<i64>, number: i64| wanted.is_none_or(|wanted| wanted < 0 || wanted == number);
    let is_about = |rule: &DeviceRule| {
        let of = rule.kind.as_deref().filter(|of| !of.is_empty()).unwrap_or("a");
        (of == "a" || of == kind) && fits(rule.major, major) && fits(rule.minor, minor)
    };
    let is_given = |access: char| {
        let has = |rule: &DeviceRule| {
            rule.access.as_deref().filter(|text| !text.is_empty()).is_none_or(|text| text.contains(access))
        };
        rules.iter().rev().find(|rule| is_about(rule) && has(rule)).is_none_or(|rule| rule.allow)
    };
    let usual = format!("{kind} {major}:{minor} rwm");
    USUAL.contains(&usual.as_str()) || (kind == "c" && major == 136) || (is_given('r') && is_given('w'))
}

fn only_devices(resources: &Resources) -> bool {
    *resources == Resources { devices: resources.devices.clone(), ..Resources::default() }
}

/// What is written to which files.
///
/// # Errors
/// A limit is not supported, or its controller is not there.
pub(crate) fn settings(
    resources: &Resources,
    groups: &[PathBuf],
    surroundings: &Surroundings,
) -> Result<Vec<(PathBuf, String)>, Error> {
    let is_unified = matches!(surroundings.cgroups, Cgroups::V2);
    let written = if is_unified { version_two(resources)? } else { version_one(resources)? };
    let mut settings = Vec::new();
    for Written { place, controller, file, value } in written {
        let has = |group: &&PathBuf| {
            is_unified
                || group.strip_prefix(PLACE).is_ok_and(|rest| {
                    rest.iter()
                        .next()
                        .is_some_and(|name| name.to_string_lossy().split(',').any(|one| one == controller))
                })
        };
        let group = groups.iter().find(has).ok_or_else(|| {
            Error::unsupported(
                place,
                format!("there is no control group for `{controller}` here"),
                "it has to be mounted below /sys/fs/cgroup, and be root's or delegated to this user",
            )
        })?;
        settings.push((group.join(file), value));
    }
    Ok(settings)
}

/// One line for a file of a group.
struct Written {
    place: &'static str,
    controller: &'static str,
    file: String,
    value: String,
}

fn written(place: &'static str, controller: &'static str, file: &str, value: impl ToString) -> Written {
    Written { place, controller, file: file.to_owned(), value: value.to_string() }
}

fn refuse_rest(resources: &Resources) -> Result<(), Error> {
    if let Some(pages) = resources.hugepage_limits.iter().find(|pages| pages.limit != 0) {
        let message = format!("pages of {} are not limited", pages.page_size);
        return Err(Error::unsupported("linux.resources.hugepageLimits", message, "have the manager leave it out"));
    }
    Ok(())
}

/// What every container may do, whatever the rules: use its terminals and the nodes that it is given, and make nodes, which have no effect.
const USUAL: [&str; 11] = [
    "c *:* m",
    "b *:* m",
    "c 1:3 rwm",
    "c 1:5 rwm",
    "c 1:7 rwm",
    "c 1:8 rwm",
    "c 1:9 rwm",
    "c 5:0 rwm",
    "c 5:1 rwm",
    "c 5:2 rwm",
    "c 136:* rwm",
];

fn version_one(resources: &Resources) -> Result<Vec<Written>, Error> {
    refuse_rest(resources)?;
    if !resources.unified.is_empty() {
        let hint = "this machine has control groups of version 1";
        return Err(Error::unsupported("linux.resources.unified", "these are files of version 2", hint));
    }
    let mut list = Vec::new();
    for rule in &resources.devices {
        let file = if rule.allow { "devices.allow" } else { "devices.deny" };
        list.push(written("linux.resources.devices", "devices", file, device(rule)));
    }
    if !resources.devices.is_empty() {
        list.extend(USUAL.map(|rule| written("linux.resources.devices", "devices", "devices.allow", rule)));
    }
    if let Some(memory) = &resources.memory {
        let place = "linux.resources.memory";
        let mut add = |file: &str, value: Option<i64>| {
            if let Some(value) = value.filter(|value| *value != 0) {
                list.push(written(place, "memory", file, value));
            }
        };
        add("memory.limit_in_bytes", memory.limit);
        add("memory.memsw.limit_in_bytes", memory.swap);
        add("memory.soft_limit_in_bytes", memory.reservation);
        if let Some(value) = memory.swappiness {
            list.push(written(place, "memory", "memory.swappiness", value));
        }
        if memory.disable_oom_killer == Some(true) {
            list.push(written(place, "memory", "memory.oom_control", 1));
        }
    }
    if let Some(cpu) = &resources.cpu {
        let place = "linux.resources.cpu";
        let shares = cpu.shares.filter(|value| *value != 0);
        list.extend(shares.map(|value| written(place, "cpu", "cpu.shares", value)));
        let period = cpu.period.filter(|value| *value != 0);
        list.extend(period.map(|value| written(place, "cpu", "cpu.cfs_period_us", value)));
        let quota = cpu.quota.filter(|value| *value != 0);
        list.extend(quota.map(|value| written(place, "cpu", "cpu.cfs_quota_us", value)));
    }
    list.extend(of_both(resources));
    if let Some(weight) = resources.block_io.as_ref().and_then(|io| io.weight).filter(|weight| *weight != 0) {
        list.push(written("linux.resources.blockIO", "blkio", "blkio.weight", weight));
    }
    Ok(list)
}

/// What both versions have under one name.
fn of_both(resources: &Resources) -> Vec<Written> {
    let cpu = resources.cpu.as_ref();
    let lists = [
        ("cpuset.cpus", cpu.and_then(|cpu| cpu.cpus.as_ref())),
        ("cpuset.mems", cpu.and_then(|cpu| cpu.mems.as_ref())),
    ];
    let lists = lists.into_iter().filter_map(|(file, list)| Some((file, list.filter(|list| !list.is_empty())?)));
    let mut written_to: Vec<Written> =
        lists.map(|(file, list)| written("linux.resources.cpu", "cpuset", file, list)).collect();
    written_to.extend(
        resources.pids.as_ref().map(|pids| written("linux.resources.pids", "pids", "pids.max", most(pids.limit))),
    );
    written_to
}

fn version_two(resources: &Resources) -> Result<Vec<Written>, Error> {
    refuse_rest(resources)?;
    // Rules about devices are a program of the kernel's in version 2: `check_devices` refuses those that would matter.
    let mut list = Vec::new();
    if let Some(memory) = &resources.memory {
        let place = "linux.resources.memory";
        let limit = memory.limit.filter(|value| *value != 0);
        list.extend(limit.map(|value| written(place, "memory", "memory.max", most(value))));
        if let Some(swap) = memory.swap.filter(|value| *value != 0) {
            // There it is the sum of both.
            let alone = if swap < 0 { swap } else { swap - limit.unwrap_or(0).max(0) };
            if swap > 0 && alone < 0 {
                return Err(Error::wrong(format!("{place}.swap"), "it is the sum of both, and less than `limit`"));
            }
            list.push(written(place, "memory", "memory.swap.max", most_or_none(alone)));
        }
        let reservation = memory.reservation.filter(|value| *value != 0);
        list.extend(reservation.map(|value| written(place, "memory", "memory.low", most(value))));
        if memory.swappiness.is_some() || memory.disable_oom_killer == Some(true) {
            let hint = "version 2 of control groups has neither `swappiness` nor `disableOOMKiller`";
            return Err(Error::unsupported(place, "a setting of version 1", hint));
        }
    }
    if let Some(cpu) = &resources.cpu {
        let place = "linux.resources.cpu";
        if let Some(shares) = cpu.shares.filter(|value| *value != 0) {
            // The rule of runc: 2 to 262144 becomes 1 to 10000.
            list.push(written(place, "cpu", "cpu.weight", 1 + (shares.clamp(2, 262_144) - 2) * 9999 / 262_142));
        }
        let (quota, period) = (cpu.quota.filter(|value| *value != 0), cpu.period.filter(|value| *value != 0));
        if quota.is_some() || period.is_some() {
            let value = format!("{} {}", most(quota.unwrap_or(-1)), period.unwrap_or(100_000));
            list.push(written(place, "cpu", "cpu.max", value));
        }
    }
    list.extend(of_both(resources));
    if let Some(weight) = resources.block_io.as_ref().and_then(|io| io.weight).filter(|weight| *weight != 0) {
        list.push(written("linux.resources.blockIO", "io", "io.bfq.weight", weight));
    }
    for (file, value) in &resources.unified {
        if file.contains('/') || !file.contains('.') {
            return Err(Error::wrong("linux.resources.unified", format!("`{file}` is not a file of a group")));
        }
        list.push(written("linux.resources.unified", "", file, value));
    }
    Ok(list)
}

fn most(value: i64) -> String {
    if value > 0 { value.to_string() } else { "max".to_owned() }
}

fn most_or_none(value: i64) -> String {
    if value >= 0 { value.to_string() } else { "max".to_owned() }
}

/// A rule as version 1 reads it.
fn device(rule: &DeviceRule) -> String {
    let number =
        |number: Option<i64>| number.filter(|number| *number >= 0).map_or("*".to_owned(), |one| one.to_string());
    let kind = rule.kind.as_deref().filter(|kind| !kind.is_empty()).unwrap_or("a");
    let access = rule.access.as_deref().filter(|access| !access.is_empty()).unwrap_or("rwm");
    format!("{kind} {}:{} {access}", number(rule.major), number(rule.minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(allow: bool, major: Option<i64>, access: &str) -> DeviceRule {
        let kind = major.map(|_| "c".to_owned());
        DeviceRule { allow, kind, major, minor: None, access: Some(access.to_owned()) }
    }

    #[test]
    fn the_last_rule_about_a_device_counts() {
        let rules = [rule(false, None, "rwm"), rule(true, Some(10), "r"), rule(true, Some(11), "rwm")];
        assert!(!is_allowed(&rules, "c", 10, 237), "to be read only");
        assert!(is_allowed(&rules, "c", 11, 0) && !is_allowed(&rules, "b", 11, 0));
        assert!(is_allowed(&rules, "c", 1, 3) && is_allowed(&rules, "c", 136, 7) && !is_allowed(&rules, "c", 1, 1));
        assert!(is_allowed(&[], "b", 8, 0));
    }

    #[test]
    fn our_own_group_is_found_by_its_controller() {
        let text = "4:cpu,cpuacct:/a\n1:name=systemd:/b\n0::/c/d\n";
        assert_eq!(own_group(text, "cpu"), Some(Path::new("/a")));
        assert_eq!(own_group(text, "name=systemd"), Some(Path::new("/b")));
        assert_eq!(own_group(text, "").and_then(Path::parent), Some(Path::new("/c")));
        assert_eq!(own_group(text, "memory"), None);
    }
}
