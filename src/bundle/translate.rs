//! From the texts of `config.json` to a [`Blueprint`]: what each of them means, and what is refused.
//!
//! Refused is what we would have to ignore: security modules that this machine does not have, propagation of mounts to the machine, file systems
//! on devices. A value that means nothing special (an empty label, `rprivate`) is passed over.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::config::{Config, Device, Linux, Process, Rlimit};
use super::error::Error;
use super::resources;
use super::{mounts, seccomp};
use crate::container::{
    Access, Blueprint, Capabilities, CapabilitySets, IdMap, NewPrivileges, Node, NodeKind, Range, ResourceLimit,
    Setting, Space, SpaceKind, Surroundings, Task, Terminal,
};

/// What the manager's call adds to its document.
pub(crate) struct Call<'a> {
    /// The folder of the bundle, as an absolute path.
    pub(crate) bundle: &'a Path,
    pub(crate) id: &'a str,
}

/// Makes a blueprint of a container.
///
/// # Errors
/// A value is wrong, or not supported.
pub(crate) fn blueprint(config: &Config, call: &Call<'_>, surroundings: &Surroundings) -> Result<Blueprint, Error> {
    let linux = &config.linux;
    refuse_version(&config.oci_version)?;
    let root = config.root.as_ref().ok_or_else(|| Error::wrong("root", "there is none"))?;
    let process = config.process.as_ref().ok_or_else(|| {
        Error::unsupported(
            "process",
            "there is none",
            "a container without a process is not made: write `process.args`",
        )
    })?;
    refuse_labels(linux)?;
    refuse_hooks(config)?;
    let spaces = spaces(linux)?;
    let is_new = |kind| spaces.iter().any(|space| space.kind == kind && space.path.is_none());
    for (place, name) in [("hostname", &config.hostname), ("domainname", &config.domainname)] {
        if !name.is_empty() && !is_own(&spaces, SpaceKind::Uts) {
            return Err(Error::wrong(place, "it would become ours: the container has no `uts` namespace of its own"));
        }
    }
    let path = std::fs::canonicalize(call.bundle.join(&root.path))
        .map_err(Error::io("open the root file system", &call.bundle.join(&root.path)))?;
    let mounts = mounts::mounts(&config.mounts, call.bundle)?;
    resources::check_devices(linux, &mounts, surroundings)?;
    let named = |text: &String| (!text.is_empty()).then(|| text.clone());
    Ok(Blueprint {
        root: path,
        access: if root.readonly { Access::ReadOnly } else { Access::ReadWrite },
        hostname: named(&config.hostname),
        domain: named(&config.domainname),
        ids: ids(linux, is_new(SpaceKind::User))?,
        mounts,
        nodes: nodes(&linux.devices)?,
        masked: absolute("linux.maskedPaths", &linux.masked_paths)?,
        read_only: absolute("linux.readonlyPaths", &linux.readonly_paths)?,
        settings: settings(linux, &spaces)?,
        groups: resources::groups(linux, call.id, surroundings)?,
        task: task(process, linux)?,
        spaces,
    })
}

/// Makes a process of one: the first of a container, or one that joins it. The filter is the container's.
///
/// # Errors
/// As [`blueprint`].
pub(crate) fn task(process: &Process, linux: &Linux) -> Result<Task, Error> {
    for (place, label) in
        [("process.apparmorProfile", &process.apparmor_profile), ("process.selinuxLabel", &process.selinux_label)]
    {
        if !label.is_empty() && label != "unconfined" {
            return Err(Error::unsupported(place, format!("`{label}` is not applied"), LABEL_HINT));
        }
    }
    if process.args.is_empty() {
        return Err(Error::wrong("process.args", "there is no command"));
    }
    if !process.cwd.starts_with('/') {
        return Err(Error::wrong("process.cwd", format!("`{}` is not an absolute path", process.cwd)));
    }
    Ok(Task {
        args: process.args.clone(),
        env: process.env.clone(),
        cwd: process.cwd.clone(),
        terminal: if process.terminal { Terminal::Yes } else { Terminal::No },
        window: process.console_size.map(|size| (size.height, size.width)),
        uid: process.user.uid,
        gid: process.user.gid,
        groups: process.user.additional_gids.clone(),
        mask: process.user.umask,
        capabilities: capabilities(process)?,
        limits: process.rlimits.iter().map(limit).collect::<Result<_, _>>()?,
        new_privileges: if process.no_new_privileges { NewPrivileges::Forbidden } else { NewPrivileges::Allowed },
        oom_score: process.oom_score_adj,
        filter: linux.seccomp.as_ref().map(seccomp::profile).transpose()?,
    })
}

const LABEL_HINT: &str = "Layerlab confines by namespaces, capabilities and a system call filter; it sets no label of a \
     security module: have the manager leave it out";

/// Versions whose documents mean what we take them to mean.
fn refuse_version(version: &str) -> Result<(), Error> {
    if version.starts_with("1.") {
        return Ok(());
    }
    Err(Error::unsupported("ociVersion", format!("`{version}` is not known"), "versions 1.0 to 1.2 are"))
}

fn refuse_labels(linux: &Linux) -> Result<(), Error> {
    if !linux.mount_label.is_empty() {
        let message = format!("`{}` is not applied", linux.mount_label);
        return Err(Error::unsupported("linux.mountLabel", message, LABEL_HINT));
    }
    match linux.rootfs_propagation.as_str() {
        "" | "private" | "rprivate" | "slave" | "rslave" => Ok(()),
        other => Err(Error::unsupported(
            "linux.rootfsPropagation",
            format!("`{other}` is not done"),
            "no mount of a container appears outside: only `private` and `slave` are",
        )),
    }
}

fn refuse_hooks(config: &Config) -> Result<(), Error> {
    for (place, hooks) in [
        ("hooks.createContainer", &config.hooks.create_container),
        ("hooks.startContainer", &config.hooks.start_container),
    ] {
        if !hooks.is_empty() {
            return Err(Error::unsupported(
                place,
                "no program is run inside the container before its own",
                "`prestart`, `createRuntime`, `poststart` and `poststop` are run",
            ));
        }
    }
    Ok(())
}

fn spaces(linux: &Linux) -> Result<Vec<Space>, Error> {
    let mut spaces: Vec<Space> = Vec::new();
    for (index, namespace) in linux.namespaces.iter().enumerate() {
        let place = format!("linux.namespaces[{index}]");
        let kind = match namespace.kind.as_str() {
            "pid" => SpaceKind::Pid,
            "network" => SpaceKind::Network,
            "ipc" => SpaceKind::Ipc,
            "uts" => SpaceKind::Uts,
            "mount" => SpaceKind::Mount,
            "user" => SpaceKind::User,
            "cgroup" => SpaceKind::Cgroup,
            other => {
                let message = format!("there is no namespace `{other}` here");
                return Err(Error::unsupported(place, message, "pid, network, ipc, uts, mount, user and cgroup are"));
            }
        };
        if spaces.iter().any(|space| space.kind == kind) {
            return Err(Error::wrong(place, format!("`{}` comes twice", namespace.kind)));
        }
        let path = namespace.path.clone().filter(|path| !path.as_os_str().is_empty());
        spaces.push(Space { kind, path });
    }
    match spaces.iter().find(|space| space.kind == SpaceKind::Mount) {
        Some(Space { path: None, .. }) => Ok(spaces),
        Some(_) | None => Err(Error::unsupported(
            "linux.namespaces",
            "the container would mount in a namespace of others",
            "write `{\"type\": \"mount\"}`, without a path",
        )),
    }
}

/// The ids of a new user namespace, and who maps them.
fn ids(linux: &Linux, is_new: bool) -> Result<Option<IdMap>, Error> {
    if !is_new {
        return match linux.uid_mappings.is_empty() && linux.gid_mappings.is_empty() {
            true => Ok(None),
            // Of a namespace that is joined: it has its own.
            false if linux.namespaces.iter().any(|namespace| namespace.kind == "user") => Ok(None),
            false => Err(Error::wrong("linux.uidMappings", "there is no user namespace to map them in")),
        };
    }
    let ranges = |mappings: &[super::config::Mapping]| -> Vec<Range> {
        let range =
            |one: &super::config::Mapping| Range { inside: one.container_id, outside: one.host_id, length: one.size };
        mappings.iter().map(range).collect()
    };
    let (uids, gids) = (ranges(&linux.uid_mappings), ranges(&linux.gid_mappings));
    for (place, list) in [("linux.uidMappings", &uids), ("linux.gidMappings", &gids)] {
        if !list.iter().any(|range| range.inside == 0 && range.length > 0) {
            return Err(Error::wrong(place, "nobody is 0 inside, and the set-up needs to be"));
        }
    }
    let mapper = IdMap::mapper_for(&uids, &gids);
    Ok(Some(IdMap { uids, gids, mapper }))
}

fn nodes(devices: &[Device]) -> Result<Vec<Node>, Error> {
    let node = |(index, device): (usize, &Device)| {
        let place = format!("linux.devices[{index}]");
        let kind = match device.kind.as_str() {
            "c" | "u" => NodeKind::Character,
            "b" => NodeKind::Block,
            "p" => NodeKind::Pipe,
            other => {
                let message = format!("a node of type `{other}` is not made");
                return Err(Error::unsupported(place, message, "`c`, `u`, `b` and `p` are"));
            }
        };
        if mounts::clean(&device.path).as_deref() != Some(device.path.as_str()) {
            return Err(Error::wrong(place, format!("`{}` is not a plain absolute path", device.path)));
        }
        let number =
            |number: i64| u32::try_from(number).map_err(|_| Error::wrong(&*place, "its numbers are too large"));
        Ok(Node {
            path: device.path.clone(),
            kind,
            major: number(device.major)?,
            minor: number(device.minor)?,
            mode: device.file_mode.unwrap_or(0o666) & 0o777,
            uid: device.uid.unwrap_or(0),
            gid: device.gid.unwrap_or(0),
        })
    };
    devices.iter().enumerate().map(node).collect()
}

fn absolute(place: &str, paths: &[String]) -> Result<Vec<String>, Error> {
    match paths.iter().position(|path| !path.starts_with('/')) {
        Some(index) => Err(Error::wrong(format!("{place}[{index}]"), "it is not an absolute path")),
        None => Ok(paths.to_vec()),
    }
}

/// Whether the container has another namespace of this kind than we have: what is changed there does not change the machine.
fn is_own(spaces: &[Space], kind: SpaceKind) -> bool {
    let Some(space) = spaces.iter().find(|space| space.kind == kind) else { return false };
    let Some(path) = &space.path else { return true };
    let known = |path: &Path| std::fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    let ours = known(&Path::new("/proc/self/ns").join(kind.file()));
    known(path).is_some_and(|joined| Some(joined) != ours)
}

/// Only those that a namespace of the container's own has: others would change the machine.
fn settings(linux: &Linux, spaces: &[Space]) -> Result<Vec<Setting>, Error> {
    const IPC: [&str; 8] = ["msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"];
    let mut settings = Vec::new();
    for (name, value) in &linux.sysctl {
        let dotted = name.replace('/', ".");
        let rest = dotted.strip_prefix("kernel.").unwrap_or_default();
        let kind = match dotted.split('.').next() {
            Some("net") => SpaceKind::Network,
            Some("fs") if dotted.starts_with("fs.mqueue.") => SpaceKind::Ipc,
            Some("kernel") if IPC.contains(&rest) => SpaceKind::Ipc,
            Some("kernel") if rest == "domainname" => SpaceKind::Uts,
            _ => {
                let message = "it is a setting of the whole machine";
                return Err(Error::wrong(format!("linux.sysctl.{name}"), message));
            }
        };
        if !is_own(spaces, kind) {
            let message = "without a namespace of the container's own it would change the machine";
            return Err(Error::wrong(format!("linux.sysctl.{name}"), message));
        }
        if dotted.split('.').any(str::is_empty) {
            return Err(Error::wrong(format!("linux.sysctl.{name}"), "it is not a name"));
        }
        settings.push(Setting { name: dotted, value: value.clone() });
    }
    Ok(settings)
}

fn capabilities(process: &Process) -> Result<CapabilitySets, Error> {
    let set = |place: &str, names: &[String]| {
        names.iter().try_fold(Capabilities::none(), |set, name| {
            set.with(name).ok_or_else(|| {
                Error::wrong(format!("process.capabilities.{place}"), format!("`{name}` is not a capability"))
            })
        })
    };
    let sets = &process.capabilities;
    Ok(CapabilitySets {
        bounding: set("bounding", &sets.bounding)?,
        effective: set("effective", &sets.effective)?,
        permitted: set("permitted", &sets.permitted)?,
        inheritable: set("inheritable", &sets.inheritable)?,
        ambient: set("ambient", &sets.ambient)?,
    })
}

fn limit(limit: &Rlimit) -> Result<ResourceLimit, Error> {
    let name = limit.kind.strip_prefix("RLIMIT_").map(str::to_ascii_lowercase);
    let known = name.filter(|name| ResourceLimit::is_known(name));
    let name = known.ok_or_else(|| Error::wrong("process.rlimits", format!("`{}` is not a limit", limit.kind)))?;
    Ok(ResourceLimit { name, soft: limit.soft, hard: limit.hard })
}
