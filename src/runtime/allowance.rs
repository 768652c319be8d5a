//! What a container is given of the machine, as options say it: `--ulimit`, `--sysctl`, `--device`, and the limits of control groups.

use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use super::Error;
use super::network::Mode;
use crate::container::{self, ControlGroups, DeviceAt, Identity, ResourceLimit, Resources, Setting};

/// No folder of devices is larger.
const MOST_DEVICES: usize = 256;

/// Reads `nofile=1024` or `nofile=1024:2048`; -1 is no limit.
///
/// # Errors
/// [`Error::Argument`] for a name that there is not, a soft limit above the hard one, or one that can't be had with these ids.
pub(crate) fn parse_limit(text: &str, identity: &Identity) -> Result<ResourceLimit, Error> {
    let bad = |reason: String| Error::Argument {
        message: format!("invalid argument `{text}` for --ulimit: {reason}"),
        hint: Some("write it as nofile=1024 or nofile=1024:2048, the soft limit before the hard one"),
    };
    let (name, value) = text.split_once('=').ok_or_else(|| bad("it has no `=`".to_owned()))?;
    if !ResourceLimit::names().any(|known| known == name) {
        let names = ResourceLimit::names().collect::<Vec<_>>().join(", ");
        return Err(bad(format!("there is no limit `{name}`, only {names}")));
    }
    if name == "locks" && !identity.keeps_owners() {
        let message = "`--ulimit locks` can't be had with one id: users are emulated, and each process carries its own in this limit";
        return Err(Error::argument(message, "leave it out: no Linux since 2.4 looks at it"));
    }
    let number = |text: &str| match text {
        "-1" | "unlimited" => Ok(u64::MAX),
        text => text.parse::<u64>().map_err(|_| bad(format!("`{text}` is not a number"))),
    };
    let (soft, hard) = match value.split_once(':') {
        Some((soft, hard)) => (number(soft)?, number(hard)?),
        None => (number(value)?, number(value)?),
    };
    if soft > hard {
        return Err(bad(format!("the soft limit {soft} is above the hard limit {hard}")));
    }
    Ok(ResourceLimit { name: name.to_owned(), soft, hard })
}

/// Settings of the kernel that each IPC namespace has for itself; those of networks begin with `net.`, those of queues with `fs.mqueue.`.
const OF_IPC: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

/// Reads `net.ipv4.ip_forward=1`.
///
/// # Errors
/// [`Error::Argument`] for a setting that the container would share with the machine.
pub(crate) fn parse_setting(text: &str, network: &Mode) -> Result<Setting, Error> {
    let bad = |message: String, hint| Err(Error::argument(message, hint));
    let Some((name, value)) = text.split_once('=') else {
        return bad(format!("invalid argument `{text}` for --sysctl"), "write it as net.ipv4.ip_forward=1");
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if name.split('.').any(|part| part.is_empty() || !part.bytes().all(is_plain)) {
        return bad(format!("invalid argument `{text}` for --sysctl"), "a setting is a name with dots");
    }
    if name.starts_with("net.") && network.is_machines() {
        return bad(
            format!("sysctl `{name}` is not allowed with the network `host`: it would change the machine's"),
            "give the container a network of its own",
        );
    }
    if name.starts_with("net.") || name.starts_with("fs.mqueue.") || OF_IPC.contains(&name) {
        return Ok(Setting { name: name.to_owned(), value: value.to_owned() });
    }
    bad(
        format!("sysctl `{name}` is not in a separate kernel namespace"),
        "only net.*, fs.mqueue.* and the kernel.msg*, kernel.sem and kernel.shm* settings belong to a container",
    )
}

/// Reads `/dev/fuse`, `/dev/sda:/dev/xvda` or `/dev/sda:/dev/xvda:rwm`. A folder means the devices in it.
///
/// # Errors
/// [`Error::Argument`] for what is not a device, or can't be given in this way.
pub(crate) fn parse_device(text: &str) -> Result<Vec<DeviceAt>, Error> {
    let bad = |reason: String, hint| Error::argument(format!("invalid argument `{text}` for --device: {reason}"), hint);
    let parts: Vec<&str> = text.split(':').collect();
    let is_mode = |text: &str| !text.is_empty() && text.bytes().all(|byte| b"rwm".contains(&byte));
    let (source, target, mode) = match parts.as_slice() {
        [source] => (*source, *source, "rwm"),
        [source, mode] if is_mode(mode) => (*source, *source, *mode),
        [source, target] => (*source, *target, "rwm"),
        [source, target, mode] if is_mode(mode) => (*source, *target, *mode),
        _ => return Err(bad("not a device".to_owned(), "write it as /dev/fuse or /dev/sda:/dev/xvda:rwm")),
    };
    if !mode.contains('r') || !mode.contains('w') {
        return Err(bad(
            format!("a device can't be given for `{mode}` alone"),
            "leave the permissions away: the node's own mode says who may read and write",
        ));
    }
    if !target.strip_prefix("/dev/").is_some_and(|name| name.split('/').all(is_name)) {
        return Err(bad(format!("`{target}` is not below /dev"), "devices are below the container's /dev"));
    }
    let kind = |path: &Path| fs::metadata(path).map(|found| found.file_type());
    let is_device = |path: &Path| kind(path).is_ok_and(|kind| kind.is_char_device() || kind.is_block_device());
    let found = kind(Path::new(source)).map_err(|error| {
        bad(crate::errno::describe(&error), "the device has to be there when the container is made")
    })?;
    if !found.is_dir() {
        if !is_device(Path::new(source)) {
            return Err(bad("it is not a device".to_owned(), "a folder or file of this machine is mounted with `-v`"));
        }
        return Ok(vec![DeviceAt { source: source.into(), target: target.to_owned() }]);
    }
    let mut devices = Vec::new();
    for entry in fs::read_dir(source).map_err(Error::io("list", source))?.flatten().take(MOST_DEVICES) {
        if let (true, Ok(name)) = (is_device(&entry.path()), entry.file_name().into_string()) {
            devices.push(DeviceAt { source: entry.path(), target: format!("{}/{name}", target.trim_end_matches('/')) });
        }
    }
    devices.sort_by(|one, other| one.target.cmp(&other.target));
    Ok(devices)
}

fn is_name(part: &str) -> bool {
    !part.is_empty() && part != "." && part != ".."
}

/// Every device of the machine that has no place in a container by itself.
pub(crate) fn all_devices() -> Vec<DeviceAt> {
    /// What a container has already, or has its own.
    const OWN: [&str; 16] = [
        "null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "mqueue", "console", "fd", "stdin",
        "stdout", "stderr", "core",
    ];
    let names =
        fs::read_dir("/dev").into_iter().flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut devices: Vec<DeviceAt> = names
        .filter(|name| !OWN.contains(&name.as_str()))
        .filter_map(|name| parse_device(&format!("/dev/{name}")).ok())
        .flatten()
        .take(MOST_DEVICES)
        .collect();
    devices.sort_by(|one, other| one.target.cmp(&other.target));
    devices
}

/// Refuses limits that this machine can't keep, or that contradict each other.
///
/// # Errors
/// [`Error::Argument`], [`container::Error::Limit`].
pub(crate) fn check_resources(resources: &Resources) -> Result<(), Error> {
    if let Some(contradiction) = resources.contradiction() {
        return Err(Error::argument(contradiction, "`--memory-swap` is the bound of memory and swap space together"));
    }
    let host = ControlGroups::detect()?;
    container::check_limits(&host, resources)?;
    match container::lacking_in_cpuset(&host, resources) {
        Some((option, list, available)) => Err(Error::argument(
            format!("invalid argument `{list}` for {option}: this machine has {available}"),
            "write a list of those, such as 0-2,4",
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read() {
        let read = |text| parse_limit(text, &Identity::Root).map(|limit| (limit.name, limit.soft, limit.hard)).ok();
        assert_eq!(read("nofile=100:200"), Some(("nofile".to_owned(), 100, 200)));
        assert_eq!(read("core=-1"), Some(("core".to_owned(), u64::MAX, u64::MAX)));
        assert!(["nofile", "nofile=2:1", "flights=3", "nofile=x"].into_iter().all(|text| read(text).is_none()));
    }

    #[test]
    fn settings_of_the_machine_are_refused() {
        let ok = |text| parse_setting(text, &Mode::None).is_ok();
        assert!(["net.ipv4.ip_forward=1", "kernel.shmmax=9", "fs.mqueue.msg_max=5"].into_iter().all(ok));
        assert!(!["kernel.panic=1", "vm.swappiness=1", "net", "net..x=1", "net/../vm.x=1"].into_iter().any(ok));
        assert!(parse_setting("net.ipv4.ip_forward=1", &Mode::Host).is_err());
    }

    #[test]
    fn devices_are_looked_at() {
        assert_eq!(parse_device("/dev/null:/dev/other:rwm").unwrap()[0].target, "/dev/other");
        for bad in ["/etc/passwd", "/dev/null:/etc/null", "/dev/null:/dev/../x", "/dev/null::", "/dev/null:r"] {
            assert!(parse_device(bad).is_err(), "{bad}");
        }
    }
}
