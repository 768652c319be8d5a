//! Which control groups the machine has, and in which of them we may make others.
//!
//! Version 1 has a hierarchy for each controller or a few of them, version 2 has one for all. Found in the texts of /proc/self/mountinfo and
//! /proc/self/cgroup, see cgroups(7).

use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, Uid, access};

use super::error::Error;
use super::resources::Version;

/// The machine's control groups, as far as we have to do with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlGroups {
    /// How they are mounted.
    pub mounted: Cgroups,
    /// Those that we may make groups in, one for each hierarchy; none where nothing is delegated.
    pub own: Vec<OwnGroup>,
}

/// How the machine mounts its control groups, see cgroups(7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cgroups {
    /// Not at all.
    None,
    /// One hierarchy a controller.
    V1(Vec<Hierarchy>),
    /// One hierarchy.
    V2,
}

/// One mounted hierarchy of version 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// Its directory's name, such as `cpu,cpuacct`.
    pub name: String,
    /// The mount options that select it, such as `cpu,cpuacct` or `none,name=systemd`.
    pub options: String,
}

/// A group that we may make groups in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnGroup {
    /// Its directory.
    pub path: PathBuf,
    /// What can be limited in it.
    pub controllers: Vec<String>,
}

/// What the names of containers' groups begin with.
pub(super) const PREFIX: &str = "layerlab-";

/// Where control groups are mounted.
pub(crate) const PLACE: &str = "/sys/fs/cgroup";

/// Where the processes of a delegated group go, as version 2 wants limited groups beside processes nowhere but at the root.
pub(super) const CALLERS: &str = "layerlab-callers";

impl ControlGroups {
    /// Looks at those of this machine.
    ///
    /// # Errors
    /// It is not known what is mounted.
    pub(crate) fn detect() -> Result<ControlGroups, Error> {
        Ok(ControlGroups::of(&mountinfo()?))
    }

    /// Those of this machine. `mountinfo` is the text of that file.
    pub(crate) fn of(mountinfo: &str) -> ControlGroups {
        let mounted = mounted_cgroups(mountinfo);
        let own = own(&mounted, &fs::read_to_string("/proc/self/cgroup").unwrap_or_default());
        ControlGroups { mounted, own }
    }
}

impl Cgroups {
    pub(crate) fn version(&self) -> Version {
        match self {
            Cgroups::V2 => Version::Two,
            Cgroups::V1(_) | Cgroups::None => Version::One,
        }
    }
}

/// What is mounted on this machine. It decides what a container may not see, so without it there is no container; and a mount
/// point may be called anything.
pub(super) fn mountinfo() -> Result<String, Error> {
    let path = Path::new("/proc/self/mountinfo");
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The group that a process is in, in one of the hierarchies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The directory of the hierarchy.
    pub(crate) hierarchy: PathBuf,
    pub(crate) path: PathBuf,
}

/// The groups that a process is in: the one of this number, or `self`.
pub(crate) fn places_of(process: &str) -> Vec<Place> {
    let text = fs::read_to_string(format!("/proc/{process}/cgroup")).unwrap_or_default();
    places(&text, &mountinfo().map_or(Cgroups::None, |mountinfo| mounted_cgroups(&mountinfo)))
}

/// Those of the text of /proc/PID/cgroup: `number:controllers:path` a line.
fn places(text: &str, mounted: &Cgroups) -> Vec<Place> {
    let places = text.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?.trim_start_matches('/'));
        let hierarchy = match mounted {
            Cgroups::None => return None,
            Cgroups::V2 if controllers.is_empty() => PathBuf::from(PLACE),
            Cgroups::V2 => return None,
            Cgroups::V1(hierarchies) => {
                let is_this = |hierarchy: &&Hierarchy| hierarchy.options.trim_start_matches("none,") == controllers;
                Path::new(PLACE).join(&hierarchies.iter().find(is_this)?.name)
            }
        };
        Some(Place { path: hierarchy.join(path), hierarchy })
    });
    places.collect()
}

/// The hierarchy that a group is in, by its path.
pub(super) fn hierarchy_of(group: &Path) -> PathBuf {
    let is_unified = Path::new(PLACE).join("cgroup.controllers").exists();
    let name = group.strip_prefix(PLACE).ok().and_then(|rest| rest.iter().next()).filter(|_| !is_unified);
    name.map_or_else(|| PathBuf::from(PLACE), |name| Path::new(PLACE).join(name))
}

/// The groups of a container, by a process of it; none where it has none of its own.
pub(crate) fn groups_of(process: i32) -> Vec<PathBuf> {
    let is_own = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX) && name != CALLERS)
    };
    places_of(&process.to_string()).into_iter().map(|place| place.path).filter(is_own).collect()
}

/// The groups that we may make groups in, one for each hierarchy. `text` is that of /proc/self/cgroup: `number:controllers:path` a line.
fn own(cgroups: &Cgroups, text: &str) -> Vec<OwnGroup> {
    let path_of = |controller: &str| {
        text.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let (controllers, path) = (fields.next()?, fields.next()?);
            controllers.split(',').any(|one| one == controller).then_some(path)
        })
    };
    let below = |root: &Path, path: &str| root.join(path.trim_start_matches('/'));
    let groups: Vec<OwnGroup> = match cgroups {
        Cgroups::None => Vec::new(),
        Cgroups::V2 => path_of("").map(|path| unified(&below(Path::new(PLACE), path))).into_iter().collect(),
        Cgroups::V1(hierarchies) => hierarchies
            .iter()
            .filter_map(|hierarchy| {
                let controllers: Vec<String> = hierarchy.options.split(',').map(str::to_owned).collect();
                let path = below(&Path::new(PLACE).join(&hierarchy.name), path_of(controllers.first()?)?);
                Some(OwnGroup { path, controllers })
            })
            .collect(),
    };
    let is_ours = |group: &OwnGroup| {
        let writable = |path: &Path| access(path, AccessFlags::W_OK).is_ok();
        writable(&group.path) && writable(&group.path.join("cgroup.procs"))
    };
    groups.into_iter().filter(is_ours).collect()
}

/// The group of version 2 for groups of ours. Root takes the root group, which may have processes beside groups.
fn unified(own: &Path) -> OwnGroup {
    let own = if own.file_name().is_some_and(|name| name == CALLERS) { own.parent().unwrap_or(own) } else { own };
    let path = if Uid::effective().is_root() { Path::new(PLACE) } else { own };
    let controllers = fs::read_to_string(path.join("cgroup.controllers")).unwrap_or_default();
    OwnGroup { path: path.to_path_buf(), controllers: controllers.split_whitespace().map(str::to_owned).collect() }
}

/// Finds the hierarchies below /sys/fs/cgroup in the text of a mountinfo file, see
/// proc_pid_mountinfo(5).
pub(super) fn mounted_cgroups(mountinfo: &str) -> Cgroups {
    let mut hierarchies = Vec::new();
    for line in mountinfo.lines() {
        let Some((left, right)) = line.split_once(" - ") else {
            continue;
        };
        let Some(target) = left.split(' ').nth(4) else {
            continue;
        };
        let mut right = right.split(' ');
        let (kind, super_options) = (right.next().unwrap_or(""), right.nth(1).unwrap_or(""));
        match (kind, target.strip_prefix("/sys/fs/cgroup")) {
            ("cgroup2", Some("")) => return Cgroups::V2,
            ("cgroup", Some(name)) if name.len() > 1 => {
                let options: Vec<&str> = super_options
                    .split(',')
                    .filter(|option| !matches!(*option, "rw" | "ro" | "xattr" | "clone_children" | "noprefix"))
                    .filter(|option| !option.starts_with("release_agent="))
                    .collect();
                let named = options.iter().any(|option| option.starts_with("name="));
                let options = if named { format!("none,{}", options.join(",")) } else { options.join(",") };
                hierarchies.push(Hierarchy { name: name[1..].to_owned(), options });
            }
            // Mounts of other kinds, and those that are elsewhere.
            _ => {}
        }
    }
    if hierarchies.is_empty() { Cgroups::None } else { Cgroups::V1(hierarchies) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Cgroups, Hierarchy, mounted_cgroups, places};

    #[test]
    fn a_process_has_a_place_in_each_hierarchy() {
        let hierarchy = |name: &str, options: &str| Hierarchy { name: name.to_owned(), options: options.to_owned() };
        let mounted =
            Cgroups::V1(vec![hierarchy("cpu,cpuacct", "cpu,cpuacct"), hierarchy("systemd", "none,name=systemd")]);
        let text = "4:cpu,cpuacct:/a\n1:name=systemd:/b\n0::/c/d\n";
        let found = |mounted| places(text, mounted).into_iter().map(|place| place.path).collect::<Vec<_>>();
        assert_eq!(found(&mounted), [Path::new("/sys/fs/cgroup/cpu,cpuacct/a"), Path::new("/sys/fs/cgroup/systemd/b")]);
        assert_eq!(found(&Cgroups::V2), [Path::new("/sys/fs/cgroup/c/d")]);
        assert!(found(&Cgroups::None).is_empty());
    }

    #[test]
    fn hierarchies_of_version_one_are_told_from_the_unified_one() {
        let one = "34 31 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
                   40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd\n";
        let expected = [("memory", "memory"), ("systemd", "none,name=systemd")];
        let expected = expected.map(|(name, options)| Hierarchy { name: name.to_owned(), options: options.to_owned() });
        assert_eq!(mounted_cgroups(one), Cgroups::V1(expected.to_vec()));
        let two = "29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
        assert_eq!(mounted_cgroups(two), Cgroups::V2);
        assert_eq!(mounted_cgroups(""), Cgroups::None);
    }
}
