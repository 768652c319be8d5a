//! Control groups of containers: where one may be made, made, limited, looked at, and removed.
//!
//! ```text
//! version 1, root            /sys/fs/cgroup/<controller>/<our own group>/layerlab-<id>, for each controller that is needed
//! version 2, root            /sys/fs/cgroup/layerlab-<id>
//! version 2, another user    <our own group>/layerlab-<id>, where that group is delegated to the user
//! ```
//!
//! A group belongs to whoever has its directory locked (flock(2)): the process that watches over the container, for as long as that is. The kernel
//! gives the lock back when that process is killed. So a group of ours that can be locked is a remainder, and whoever makes or prepares
//! the next container removes it.
//!
//! Only the container's own processes are in it, not those of ours that watch over them: a container that has used up its memory or its
//! processes does not take its keeper with it, and a limit of 50 processes means 50.
//!
//! Sources: cgroups(7), the kernel's cgroup-v2.rst ("No Internal Process Constraint", "Delegation").

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::unistd::Uid;
use rustix::fs::{FlockOperation, flock};

use super::error::{Error, Failure, errno};
use super::freeze;
use super::hierarchies::{CALLERS, Cgroups, ControlGroups, OwnGroup, PREFIX, hierarchy_of, places_of};
use super::resources::{GroupSetting, Resources, Version};

/// Controllers that a container's groups have, as far as there are some: to limit something now or later, to pause it, to count what it uses.
const CONTROLLERS: [&str; 7] = ["memory", "pids", "cpu", "cpuset", "blkio", "freezer", "cpuacct"];

/// The list of a group's processes.
const PROCESSES: &str = "cgroup.procs";

/// How long the kernel may take to notice that a group is empty, and its processes to end.
const A_WHILE: Duration = Duration::from_secs(2);
const A_MOMENT: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_millis(2);
const TRIES: u32 = 100;

/// A container's groups: which are made, and what is written to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Groups {
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) settings: Vec<(PathBuf, GroupSetting)>,
}

impl Groups {
    /// Those of a container called `name`. What can't be limited is left out: see [`check`].
    pub(crate) fn plan(host: &ControlGroups, name: &str, resources: &Resources) -> Groups {
        let settings = resources.settings_with_swap(host.mounted.version());
        let group_for = |controller: &str| {
            let own = host.own.iter().find(|own| own.controllers.iter().any(|one| one == controller));
            own.map(|own| own.path.join(name))
        };
        let mut groups = Groups::default();
        for setting in settings {
            if let Some(path) = group_for(setting.controller) {
                groups.settings.push((path, setting));
            }
        }
        groups.paths = CONTROLLERS.into_iter().filter_map(group_for).collect();
        // One of version 2 is found once for each controller.
        if let (Version::Two, Some(own)) = (host.mounted.version(), host.own.first()) {
            groups.paths.push(own.path.join(name));
        }
        groups.paths.sort();
        groups.paths.dedup();
        groups
    }
}

/// Whether all that is asked for can be limited here.
///
/// # Errors
/// [`Error::Limit`], with the setting that would allow it.
pub(crate) fn check(host: &ControlGroups, resources: &Resources) -> Result<(), Error> {
    for setting in resources.settings_with_swap(host.mounted.version()) {
        let has = |own: &OwnGroup| own.controllers.iter().any(|one| one == setting.controller);
        if setting.may_lack || host.own.iter().any(has) {
            continue;
        }
        let is_root = Uid::effective().is_root();
        let hint = match &host.mounted {
            Cgroups::None => "no control groups are mounted at /sys/fs/cgroup",
            Cgroups::V1(_) if is_root => "the kernel has no such controller, or it is not mounted below /sys/fs/cgroup",
            Cgroups::V2 if is_root => "the kernel has no such controller: see /sys/fs/cgroup/cgroup.controllers",
            Cgroups::V1(_) => {
                "this machine has control groups of version 1, where only root limits: \
                 `systemd.unified_cgroup_hierarchy=1` on the kernel's command line gives version 2"
            }
            Cgroups::V2 if host.own.is_empty() => {
                "no control group is delegated to this user: `systemd-run --user --scope -p Delegate=yes COMMAND` \
                 runs a command in one that is"
            }
            Cgroups::V2 => {
                "this controller is not delegated to this user: `Delegate=cpu cpuset io memory pids` in \
                 /etc/systemd/system/user@.service.d/delegate.conf does that"
            }
        };
        return Err(Error::Limit { option: setting.option, controller: setting.controller, hint });
    }
    Ok(())
}

/// Makes groups, and locks them for as long as what is given lives.
pub(super) fn create(paths: &[PathBuf]) -> Result<Vec<OwnedFd>, Failure> {
    if let Some(parent) = paths.first().and_then(|path| path.parent()) {
        enable_controllers(parent)?;
    }
    paths.iter().map(|path| make(path)).collect()
}

/// Makes one and locks it. One that somebody has swept between the two is made again. Others can't list it, and so not open it to lock it;
/// what they know by name in it they can read.
fn make(path: &Path) -> Result<OwnedFd, Failure> {
    for turn in 0..TRIES {
        if turn > 0 {
            // Who sweeps needs a moment.
            std::thread::sleep(PAUSE);
        }
        match DirBuilder::new().mode(0o711).create(path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(Failure::io("mkdir", path, &error));
            }
            Ok(()) | Err(_) => {}
        }
        let Ok(directory) = File::open(path) else { continue };
        let is_ours = flock(&directory, FlockOperation::NonBlockingLockExclusive).is_ok();
        if is_ours && is_still_there(&directory, path) {
            init_cpuset(path)?;
            return Ok(directory.into());
        }
    }
    Err(Failure::refused("lock", path, Errno::EBUSY).hint("another container has this control group"))
}

fn is_still_there(directory: &File, path: &Path) -> bool {
    match (directory.metadata(), fs::metadata(path)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

/// A group of version 1 has no processors and no memory at first, and takes no process then.
pub(super) fn init_cpuset(path: &Path) -> Result<(), Failure> {
    for name in ["cpuset.cpus", "cpuset.mems"] {
        let file = path.join(name);
        let is_empty = fs::read_to_string(&file).is_ok_and(|text| text.trim().is_empty());
        // In version 2 an empty file means the parent's.
        if !is_empty || path.join("cgroup.controllers").exists() {
            continue;
        }
        let inherited = path.parent().and_then(|parent| fs::read_to_string(parent.join(name)).ok());
        fs::write(&file, inherited.unwrap_or_default().trim()).map_err(|error| Failure::io("write", &file, &error))?;
    }
    Ok(())
}

/// Has the groups below one of version 2 limited. What the kernel does not want is told by whoever writes the limit.
fn enable_controllers(parent: &Path) -> Result<(), Failure> {
    let Ok(available) = fs::read_to_string(parent.join("cgroup.controllers")) else { return Ok(()) };
    let control = parent.join("cgroup.subtree_control");
    let enabled = fs::read_to_string(&control).unwrap_or_default();
    let wanted = ["cpu", "cpuset", "io", "memory", "pids"].into_iter().filter(|one| {
        let is_in = |text: &str| text.split_whitespace().any(|other| other == *one);
        is_in(&available) && !is_in(&enabled)
    });
    for controller in wanted {
        let enable = || fs::write(&control, format!("+{controller}"));
        if let Err(error) = enable()
            && errno(&error) == Errno::EBUSY
        {
            // Processes are in the way: whoever is delegated a group may put them into one below it.
            move_processes(parent)?;
            let _ = enable();
        }
    }
    Ok(())
}

fn move_processes(parent: &Path) -> Result<(), Failure> {
    let below = parent.join(CALLERS);
    fs::create_dir_all(&below).map_err(|error| Failure::io("mkdir", &below, &error))?;
    let text = fs::read_to_string(parent.join(PROCESSES)).unwrap_or_default();
    for process in text.lines() {
        // One that has ended meanwhile is not in the way any more.
        let _ = fs::write(below.join(PROCESSES), process);
    }
    Ok(())
}

/// Writes one limit.
pub(super) fn limit(group: &Path, setting: &GroupSetting) -> Result<(), Failure> {
    let mut files = setting.files.iter().map(|(name, value)| (group.join(name.as_ref()), value));
    let Some((file, value)) = files.find(|(file, _)| file.exists()) else {
        if setting.may_lack {
            return Ok(());
        }
        let file = group.join(setting.first().0);
        return Err(
            Failure::refused("find", &file, Errno::ENOENT).hint("the kernel was built, or started, without this limit")
        );
    };
    match write(&file, value) {
        Err(_) if setting.may_lack => Ok(()),
        Err(error) => {
            let failure = Failure::io(&format!("write `{value}` to"), &file, &error);
            Err(match errno(&error) {
                Errno::EINVAL | Errno::ERANGE => failure.hint("the kernel does not take this value"),
                Errno::EBUSY => failure.hint("the container uses more than that already"),
                _ => failure,
            })
        }
        Ok(()) => Ok(()),
    }
}

/// Writes a value; nothing is what the group above has.
fn write(file: &Path, value: &str) -> std::io::Result<()> {
    if !value.is_empty() {
        return fs::write(file, value);
    }
    let above = file.parent().and_then(Path::parent).zip(file.file_name()).map(|(above, name)| above.join(name));
    // In version 2 an empty line means just that.
    let is_unified = file.with_file_name("cgroup.controllers").exists();
    let inherited = above.filter(|_| !is_unified).and_then(|above| fs::read_to_string(above).ok());
    fs::write(file, inherited.as_deref().unwrap_or("\n"))
}

/// Changes what a container of ours may use.
pub(super) fn update(groups: &[PathBuf], resources: &Resources) -> Result<(), Failure> {
    let is_unified = groups.iter().any(|group| group.join("cgroup.controllers").exists());
    limit_all(groups, &resources.settings_with_swap(if is_unified { Version::Two } else { Version::One }))
}

/// Changes the limits of groups that are in use: all of them, or none. What depends on the order is tried once more behind the others.
///
/// # Errors
/// There is no group for one of them, or the kernel refuses it.
pub(crate) fn limit_all(groups: &[PathBuf], settings: &[GroupSetting]) -> Result<(), Failure> {
    let mut placed = Vec::new();
    for setting in settings {
        let file = |group: &PathBuf| {
            setting.files.iter().map(|(name, _)| group.join(name.as_ref())).find(|file| file.exists())
        };
        match groups.iter().find_map(|group| Some((group, file(group)?))) {
            Some((group, file)) => placed.push((group, setting, fs::read_to_string(&file).unwrap_or_default(), file)),
            None if setting.may_lack => {}
            None => {
                let message =
                    format!("change the limit of {} of a container that was started without it", setting.option);
                return Err(Failure::call(&message, Errno::ENOENT).hint("stop the container, update it, and start it"));
            }
        }
    }
    let (_, again): (Vec<_>, Vec<_>) = placed.iter().partition(|(group, setting, ..)| limit(group, setting).is_ok());
    let changed = again.into_iter().try_for_each(|(group, setting, ..)| limit(group, setting));
    if changed.is_err() {
        // Twice, as there too the order may matter.
        for (_, _, before, file) in placed.iter().chain(&placed) {
            let _ = write(file, before.lines().next().unwrap_or_default());
        }
    }
    changed
}

/// Puts the process that calls this into a group.
pub(super) fn join(path: &Path) -> Result<(), Failure> {
    let file = path.join(PROCESSES);
    // `0` is the process that writes.
    fs::write(&file, "0").map_err(|error| Failure::refused("write", &file, errno(&error)))
}

/// Opens what a process writes to that enters these groups.
pub(super) fn open_lists(groups: &[PathBuf]) -> Result<Vec<File>, Failure> {
    let open = |group: &PathBuf| {
        let file = group.join(PROCESSES);
        File::options().write(true).open(&file).map_err(|error| Failure::io("open", &file, &error))
    };
    groups.iter().map(open).collect()
}

/// Puts the process that calls this into groups by their open lists.
pub(super) fn enter(lists: &[File]) -> Result<(), Failure> {
    for list in lists {
        (&*list).write_all(b"0").map_err(|error| Failure::call("write to cgroup.procs", errno(&error)))?;
    }
    Ok(())
}

/// Puts processes that run into groups, and those that they make meanwhile. `members` lists them.
pub(super) fn gather(groups: &[PathBuf], members: impl Fn() -> Vec<i32>) -> Result<(), Failure> {
    groups.iter().try_for_each(|group| gather_in(group, &members))
}

fn gather_in(group: &Path, members: &impl Fn() -> Vec<i32>) -> Result<(), Failure> {
    let file = group.join(PROCESSES);
    for _ in 0..TRIES {
        let inside: BTreeSet<i32> = processes_of(group)?.into_iter().collect();
        let outside: Vec<i32> = members().into_iter().filter(|process| !inside.contains(process)).collect();
        if outside.is_empty() {
            return Ok(());
        }
        for process in outside {
            match fs::write(&file, process.to_string()) {
                Err(error) if errno(&error) != Errno::ESRCH => return Err(Failure::io("write", &file, &error)),
                Ok(()) | Err(_) => {}
            }
        }
    }
    Err(Failure::refused("write", &file, Errno::EAGAIN)
        .hint("the container makes processes faster than they are moved"))
}

/// Puts whoever is in these groups where we are ourselves, and removes the groups.
pub(super) fn give_back(groups: &[PathBuf]) {
    let ours = places_of("self");
    for group in groups {
        let Some(place) = ours.iter().find(|place| place.hierarchy == hierarchy_of(group)) else { continue };
        for process in processes_of(group).unwrap_or_default() {
            // One that has ended needs no place.
            let _ = fs::write(place.path.join(PROCESSES), process.to_string());
        }
        let _ = remove(group);
    }
}

fn processes_of(group: &Path) -> Result<Vec<i32>, Failure> {
    let file = group.join(PROCESSES);
    let text = fs::read_to_string(&file).map_err(|error| Failure::io("read", &file, &error))?;
    Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
}

/// Whether the kernel has killed a process of a group because memory ran out in it.
pub(super) fn ran_out_of_memory(groups: &[PathBuf]) -> bool {
    let killed = |file: PathBuf| {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().any(|line| line.strip_prefix("oom_kill ").is_some_and(|count| count.trim() != "0"))
    };
    groups.iter().any(|group| killed(group.join("memory.events")) || killed(group.join("memory.oom_control")))
}

/// Removes a group with all that are below it. The kernel may need a moment to notice that one is empty.
pub(super) fn remove(path: &Path) -> Result<(), Failure> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    for below in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove(&below.path())?;
    }
    let begin = Instant::now();
    loop {
        let patience = if processes_of(path).is_ok_and(|there| there.is_empty()) { A_WHILE } else { A_MOMENT };
        match fs::remove_dir(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) if errno(&error) == Errno::EBUSY && begin.elapsed() < patience => {}
            removed => return removed.map_err(|error| Failure::io("rmdir", path, &error)),
        }
        std::thread::sleep(PAUSE);
    }
}

/// Removes what killed processes have left behind. What can't be removed now is tried again by the next one.
pub(crate) fn sweep(host: &ControlGroups) {
    let left = |own: &OwnGroup| -> Vec<String> {
        let entries = fs::read_dir(&own.path).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| name.starts_with(PREFIX) && name != CALLERS).collect()
    };
    for own in &host.own {
        for name in left(own) {
            let path = own.path.join(name);
            if let Ok(directory) = File::open(&path)
                && flock(&directory, FlockOperation::NonBlockingLockExclusive).is_ok()
            {
                freeze::let_end(std::slice::from_ref(&path));
                let _ = fs::remove_dir(&path);
            }
        }
    }
}

/// The name of a container's group.
pub(crate) fn name(id: &str) -> String {
    format!("{PREFIX}{}-{}", id.chars().take(12).collect::<String>(), std::process::id())
}
