//! `linux.cgroupsPath` and `linux.resources`: which control groups a container is in, and what is written to their files.

use std::borrow::Cow;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use super::config::{DeviceRule, Linux, Resources};
use super::error::Error;
use crate::container::{
    self, Cgroups, GROUPS, GroupSetting, Groups, Hierarchy, Most, OwnGroup, Prescription, Surroundings, Version, What,
    places_of,
};

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
    let ours = if path.starts_with('/') { Vec::new() } else { places_of("self") };
    // Where only a part of a hierarchy is mounted, ours may not be seen.
    let place = |hierarchy: &Path| {
        let place = ours.iter().find(|place| place.hierarchy == hierarchy).map(|place| place.path.as_path());
        place.filter(|path| path.is_dir()).unwrap_or(hierarchy).to_owned()
    };
    let made: Vec<OwnGroup> = match &surroundings.cgroups {
        Cgroups::None => Vec::new(),
        Cgroups::V2 => {
            // Beside us: a group that has processes gives those below it no limits.
            let (hierarchy, ours) = (Path::new(GROUPS), place(Path::new(GROUPS)));
            let above = ours.parent().filter(|above| above.starts_with(hierarchy)).unwrap_or(hierarchy);
            vec![OwnGroup { path: above.join(below), controllers: Vec::new() }]
        }
        Cgroups::V1(hierarchies) => hierarchies
            .iter()
            .map(|hierarchy| OwnGroup {
                path: place(&Path::new(GROUPS).join(&hierarchy.name)).join(below),
                controllers: hierarchy.options.split(',').map(str::to_owned).collect(),
            })
            .collect(),
    };
    let mut groups = Groups { paths: made.iter().map(|group| group.path.clone()).collect(), settings: Vec::new() };
    for setting in limits(&resources, surroundings.cgroups.version())? {
        let has = |group: &&OwnGroup| {
            surroundings.cgroups == Cgroups::V2 || group.controllers.iter().any(|one| one == setting.controller)
        };
        let group = made.iter().find(has).ok_or_else(|| {
            Error::unsupported(
                "linux.resources",
                format!("there is no control group for `{}` here", setting.controller),
                "it has to be mounted below /sys/fs/cgroup, and be root's or delegated to this user",
            )
        })?;
        groups.settings.push((group.path.clone(), setting));
    }
    Ok(groups)
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

/// What is written to the files of a container's groups: what every container of ours may be limited in, and what only a bundle has.
///
/// # Errors
/// A limit is not supported.
pub(super) fn limits(resources: &Resources, version: Version) -> Result<Vec<GroupSetting>, Error> {
    let mut settings = common(resources)?.settings(version);
    settings.extend(match version {
        Version::One => only_one(resources)?,
        Version::Two => only_two(resources)?,
    });
    Ok(settings)
}

/// The limits that any container of ours can have.
fn common(resources: &Resources) -> Result<container::Resources, Error> {
    // 0 says nothing, and less than that is no limit.
    let most = |value: Option<i64>| {
        value.filter(|value| *value != 0).map(|value| u64::try_from(value).map_or(Most::Unlimited, Most::Of))
    };
    let list = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let memory = resources.memory.clone().unwrap_or_default();
    let cpu = resources.cpu.clone().unwrap_or_default();
    if let (Some(Most::Of(limit)), Some(Most::Of(both))) = (most(memory.limit), most(memory.swap))
        && both < limit
    {
        return Err(Error::wrong("linux.resources.memory.swap", "it is the sum of both, and less than `limit`"));
    }
    Ok(container::Resources {
        memory: most(memory.limit),
        memory_and_swap: most(memory.swap),
        memory_reservation: most(memory.reservation),
        cpu_quota: most(cpu.quota),
        cpu_period: cpu.period.filter(|value| *value != 0),
        cpu_shares: cpu.shares.filter(|value| *value != 0),
        cpus: list(&cpu.cpus),
        nodes: list(&cpu.mems),
        processes: resources.pids.as_ref().map(|pids| most(Some(pids.limit)).unwrap_or(Most::Unlimited)),
        io_weight: resources.block_io.as_ref().and_then(|io| io.weight).filter(|weight| *weight != 0).map(u64::from),
    })
}

fn setting(
    option: &'static str,
    controller: &'static str,
    file: impl Into<Cow<'static, str>>,
    value: impl ToString,
) -> GroupSetting {
    GroupSetting { option, controller, files: vec![(file.into(), value.to_string())], may_lack: false }
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

/// What only version 1 has.
fn only_one(resources: &Resources) -> Result<Vec<GroupSetting>, Error> {
    refuse_rest(resources)?;
    if !resources.unified.is_empty() {
        let hint = "this machine has control groups of version 1";
        return Err(Error::unsupported("linux.resources.unified", "these are files of version 2", hint));
    }
    let mut list = Vec::new();
    let mut devices =
        |file: &'static str, rule: String| list.push(setting("linux.resources.devices", "devices", file, rule));
    for rule in &resources.devices {
        devices(if rule.allow { "devices.allow" } else { "devices.deny" }, device(rule));
    }
    if !resources.devices.is_empty() {
        USUAL.into_iter().for_each(|rule| devices("devices.allow", rule.to_owned()));
    }
    let memory = resources.memory.clone().unwrap_or_default();
    let place = "linux.resources.memory";
    list.extend(memory.swappiness.map(|value| setting(place, "memory", "memory.swappiness", value)));
    if memory.disable_oom_killer == Some(true) {
        list.push(setting(place, "memory", "memory.oom_control", 1));
    }
    Ok(list)
}

/// What only version 2 has. Rules about devices are a program of the kernel's there: [`check_devices`] refuses those that would matter.
fn only_two(resources: &Resources) -> Result<Vec<GroupSetting>, Error> {
    refuse_rest(resources)?;
    let memory = resources.memory.clone().unwrap_or_default();
    if memory.swappiness.is_some() || memory.disable_oom_killer == Some(true) {
        let hint = "version 2 of control groups has neither `swappiness` nor `disableOOMKiller`";
        return Err(Error::unsupported("linux.resources.memory", "a setting of version 1", hint));
    }
    let mut list = Vec::new();
    for (file, value) in &resources.unified {
        if file.contains('/') || !file.contains('.') {
            return Err(Error::wrong("linux.resources.unified", format!("`{file}` is not a file of a group")));
        }
        list.push(setting("linux.resources.unified", "", file.clone(), value));
    }
    Ok(list)
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
    fn a_bundle_says_the_same_as_options() {
        let read = |text: &str| serde_json::from_str::<Resources>(text).unwrap();
        let written = |text: &str, version| {
            let settings = limits(&read(text), version).unwrap();
            settings.iter().map(|one| format!("{} {}", one.files[0].0, one.files[0].1)).collect::<Vec<_>>()
        };
        let text = r#"{"memory": {"limit": 64, "swap": -1}, "cpu": {"quota": 5000}, "pids": {"limit": 0}}"#;
        let one =
            ["memory.limit_in_bytes 64", "memory.memsw.limit_in_bytes -1", "cpu.cfs_quota_us 5000", "pids.max max"];
        assert_eq!(written(text, Version::One), one);
        assert_eq!(
            written(text, Version::Two),
            ["memory.max 64", "memory.swap.max max", "cpu.max 5000", "pids.max max"]
        );
        assert_eq!(written(r#"{"memory": {"limit": 64, "swappiness": 3}}"#, Version::One)[1], "memory.swappiness 3");
        assert_eq!(written(r#"{"unified": {"memory.high": "9"}}"#, Version::Two), ["memory.high 9"]);
        for bad in [r#"{"memory": {"limit": 64, "swap": 63}}"#, r#"{"memory": {"swappiness": 3}}"#] {
            assert!(limits(&read(bad), Version::Two).is_err(), "{bad}");
        }
        assert!(limits(&read(r#"{"unified": {"memory.high": "9"}}"#), Version::One).is_err());
    }
}
