//! Many containers, and parts that are killed: nothing is left behind, neither process nor mount, control group or file.
//!
//! `LAYERLAB_LOAD=10` makes it ten times as much.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::Role;
use crate::yard::{PATIENCE, Yard, roles};

/// So many times as much.
fn scale() -> usize {
    std::env::var("LAYERLAB_LOAD").map_or(1, |text| text.parse().expect("LAYERLAB_LOAD is a number"))
}

/// What there is of a place on the machine.
struct Remains {
    processes: Vec<i32>,
    mounts: usize,
    groups: Vec<PathBuf>,
    files: BTreeSet<PathBuf>,
}

impl Remains {
    fn of(yard: &Yard, ids: &BTreeSet<String>) -> Remains {
        let home = yard.0.home();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mut files = BTreeSet::new();
        list(&home, &home, &mut files);
        let mut groups = Vec::new();
        groups_of(Path::new("/sys/fs/cgroup"), ids, &mut groups);
        Remains {
            processes: processes(&home),
            mounts: mounts.lines().filter(|line| line.contains(home.to_str().unwrap())).count(),
            groups,
            files,
        }
    }

    /// Waits until there is no more than this: who was told to end may need a moment.
    fn wait_for_at_most(&self, yard: &Yard, ids: &BTreeSet<String>) {
        let end = Instant::now() + PATIENCE;
        loop {
            let now = Remains::of(yard, ids);
            let is_more = !now.processes.is_empty() || now.mounts > self.mounts || !now.groups.is_empty();
            if !is_more && now.files.is_subset(&self.files) {
                return;
            }
            if Instant::now() > end {
                let more: Vec<_> = now.files.difference(&self.files).collect();
                panic!("left behind: {:?}, {} mounts, {:?}, {more:#?}", now.processes, now.mounts, now.groups);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The processes that have to do with a home: an open file, a mount or a variable names it.
fn processes(home: &Path) -> Vec<i32> {
    let numbers = fs::read_dir("/proc").unwrap().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let name = home.to_str().unwrap().as_bytes();
    let has = |path: PathBuf| fs::read(path).is_ok_and(|text| text.windows(name.len()).any(|window| window == name));
    let opens = |entry: fs::DirEntry| fs::read_link(entry.path()).is_ok_and(|path| path.starts_with(home));
    let is_ours = |number: &i32| {
        let folder = PathBuf::from(format!("/proc/{number}"));
        *number != std::process::id() as i32
            && (has(folder.join("environ"))
                || has(folder.join("mountinfo"))
                || fs::read_dir(folder.join("fd")).is_ok_and(|entries| entries.flatten().any(opens)))
    };
    numbers.filter(is_ours).collect()
}

/// The files of a home, but for what images are made of.
fn list(home: &Path, folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path().strip_prefix(home).unwrap().to_owned();
        if !path.starts_with("blobs") && !path.starts_with("unpacked") {
            if entry.file_type().unwrap().is_dir() {
                list(home, &entry.path(), found);
            }
            found.insert(path);
        }
    }
}

/// The control groups of these containers.
fn groups_of(folder: &Path, ids: &BTreeSet<String>, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
        let name = entry.file_name().into_string().unwrap_or_default();
        if ids.iter().any(|id| name.contains(&id[..12])) {
            found.push(entry.path());
        }
        groups_of(&entry.path(), ids, found);
    }
}

/// A place in which everything has been done once, and what there is of it then.
fn begin(role: Role) -> (Yard, Remains) {
    let yard = Yard::new(role);
    assert_eq!(yard.0.run(&format!("run -d --name first {} layerlab/base true", limits(role))).trim().len(), 64);
    assert_eq!(yard.0.run("wait first"), "0\n");
    assert_eq!(yard.0.run("rm first"), "first\n");
    let end = Instant::now() + PATIENCE;
    while !processes(&yard.0.home()).is_empty() {
        assert!(Instant::now() < end, "the first container's processes stay");
        std::thread::sleep(Duration::from_millis(20));
    }
    let before = Remains::of(&yard, &BTreeSet::new());
    (yard, before)
}

/// Limits where there may be any, so that there are control groups.
fn limits(role: Role) -> &'static str {
    if role == Role::Self_ && nix::unistd::geteuid().is_root() { "--memory 64m --pids-limit 50" } else { "" }
}

fn ids(yard: &Yard) -> BTreeSet<String> {
    yard.0.run("ps -a -q --no-trunc").lines().map(str::to_owned).collect()
}

#[test]
fn many_containers_leave_nothing() {
    for role in roles() {
        let many = scale() * if role == Role::Self_ { 100 } else { 20 };
        let (yard, before) = begin(role);
        for number in 0..many {
            let limits = limits(role);
            let id = yard.0.run(&format!("run -d --init --name many{number} {limits} layerlab/base sleep 1000"));
            assert_eq!(id.trim().len(), 64, "{number}: {id}");
        }
        let ids = ids(&yard);
        assert_eq!(ids.len(), many);
        assert_eq!(yard.0.run("ps -q").lines().count(), many);
        let names: Vec<String> = (0..many).map(|number| format!("many{number}")).collect();
        let names = names.join(" ");
        assert_eq!(yard.0.run(&format!("stop {names}")).lines().count(), many);
        assert_eq!(yard.0.run("ps -q"), "");
        assert_eq!(yard.0.run(&format!("rm {names}")).lines().count(), many);
        before.wait_for_at_most(&yard, &ids);
        yard.0.assert_whole();
    }
}

#[test]
fn short_runs_in_a_row_leave_nothing() {
    for role in roles() {
        let many = scale() * if role == Role::Self_ { 100 } else { 20 };
        let (yard, before) = begin(role);
        for number in 0..many {
            let shown = yard.0.run(&format!("run --rm {} layerlab/base echo {number}", limits(role)));
            assert_eq!(shown, format!("{number}\n"));
        }
        before.wait_for_at_most(&yard, &BTreeSet::new());
        yard.0.assert_whole();
    }
}

/// Whichever process it is, and whenever it comes: of a container that starts, or that runs.
#[test]
fn who_is_killed_leaves_nothing_that_a_sweep_does_not_find() {
    for role in roles() {
        let (yard, before) = begin(role);
        let home = yard.0.home();
        let mut all = BTreeSet::new();
        for round in 0..12 * scale() {
            // Earlier and later in its start.
            let mut line = yard.0.command(&format!("run -d {} layerlab/base sleep 1000", limits(role)));
            let mut client = line.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(7 * (round as u64 % 12)));
            let found = processes(&home);
            if let Some(number) = found.get(round % found.len().max(1)) {
                let _ = kill(Pid::from_raw(*number), Signal::SIGKILL);
            }
            let _ = client.wait();
            all.extend(ids(&yard));
        }
        // Each part of some that run: monitor, keeper, guard, network, the program itself.
        for round in 0..8 * scale() {
            yard.0.run(&format!("run -d {} layerlab/base sleep 1000", limits(role)));
            let found = processes(&home);
            let _ = kill(Pid::from_raw(found[round % found.len()]), Signal::SIGKILL);
            all.extend(ids(&yard));
        }
        let left: Vec<String> = ids(&yard).into_iter().collect();
        if !left.is_empty() {
            assert_eq!(yard.0.run(&format!("rm -f {}", left.join(" "))).lines().count(), left.len());
        }
        assert_eq!(yard.0.run(&format!("run --rm {} layerlab/base echo after", limits(role))), "after\n");
        before.wait_for_at_most(&yard, &all);
        yard.0.assert_whole();
    }
}
