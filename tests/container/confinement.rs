//! What a container is confined to, read from inside and put beside Docker's defaults.
//!
//! The result is the table of the book's chapter, `confinement.md` here. A row holds Docker's value, and what of ours differs has to
//! be named as stronger, with a reason: everything else fails as weaker. `LAYERLAB_BLESS=1` writes the table anew.
//!
//! The same table has to come out on every machine. So a path that the kernel does not have counts as hidden, and a limit counts
//! as Docker's when it is not above it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::Uid;

use crate::harness::{Container, again, missing};

/// Something that can be read from inside.
struct Row {
    what: &'static str,
    docker: &'static str,
    /// Values that are stronger than Docker's, and why they differ.
    stronger: &'static [(&'static str, &'static str)],
}

const fn same(what: &'static str, docker: &'static str) -> Row {
    Row { what, docker, stronger: &[] }
}

const fn or(what: &'static str, docker: &'static str, stronger: &'static [(&'static str, &'static str)]) -> Row {
    Row { what, docker, stronger }
}

const INERT: &str = "rw nosuid nodev noexec";

const ETC: &[(&str, &str)] = &[(INERT, "nothing in it is meant to be executed")];

/// Docker's defaults, for `docker run --network host`.
const TABLE: &[Row] = &[
    same("capabilities: inheritable", "none"),
    same("capabilities: permitted", "the 14 of Docker"),
    same("capabilities: effective", "the 14 of Docker"),
    same("capabilities: bounding", "the 14 of Docker"),
    same("capabilities: ambient", "none"),
    same("no_new_privs", "0"),
    same("system call filter", "Docker's profile"),
    or("user namespace", "the machine's", &[("own", "an ordinary user needs one")]),
    same("mount namespace", "own"),
    same("process id namespace", "own"),
    same("IPC namespace", "own"),
    same("host name namespace", "own"),
    same("control group namespace", "own"),
    same("network namespace, --network none", "own"),
    or("mount: /", "rw", &[("rw nodev", "device nodes of an image have no effect, without a device control group")]),
    same("mount: /proc", "rw nosuid nodev noexec"),
    or("mount: /dev", "rw nosuid", &[("rw nosuid nodev", "the nodes are mounts of their own; others have no effect")]),
    same("mount: /dev/pts", "rw nosuid noexec"),
    same("mount: /dev/shm", INERT),
    same("size of /dev/shm", "64 MiB"),
    same("mount: /dev/mqueue", INERT),
    same("mount: /sys", "ro nosuid nodev noexec"),
    same("mount: /sys/fs/cgroup", "ro nosuid nodev noexec"),
    or("mount: /etc/hosts", "rw", ETC),
    or("mount: /etc/hostname", "rw", ETC),
    or("mount: /etc/resolv.conf", "rw", ETC),
    same("other mounts", "none"),
    same("hidden: /proc/acpi", "yes"),
    same("hidden: /proc/asound", "yes"),
    same("hidden: /proc/interrupts", "yes"),
    same("hidden: /proc/kcore", "yes"),
    same("hidden: /proc/keys", "yes"),
    same("hidden: /proc/latency_stats", "yes"),
    same("hidden: /proc/sched_debug", "yes"),
    same("hidden: /proc/scsi", "yes"),
    same("hidden: /proc/timer_list", "yes"),
    same("hidden: /proc/timer_stats", "yes"),
    same("hidden: /sys/devices/system/cpu/cpu*/thermal_throttle", "yes"),
    same("hidden: /sys/devices/virtual/powercap", "yes"),
    same("hidden: /sys/firmware", "yes"),
    same("read-only: /proc/bus", "yes"),
    same("read-only: /proc/fs", "yes"),
    same("read-only: /proc/irq", "yes"),
    same("read-only: /proc/sys", "yes"),
    same("read-only: /proc/sysrq-trigger", "yes"),
    same("in /dev", "core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero"),
    same("device: null", "1:3 mode 666"),
    same("device: zero", "1:5 mode 666"),
    same("device: full", "1:7 mode 666"),
    same("device: random", "1:8 mode 666"),
    same("device: urandom", "1:9 mode 666"),
    same("device: tty", "5:0 mode 666"),
    same("a change of a device node reaches the machine", "no"),
    same("a device node that the container makes works", "no"),
    same("limit: Max cpu time", "unlimited : unlimited"),
    same("limit: Max file size", "unlimited : unlimited"),
    same("limit: Max data size", "unlimited : unlimited"),
    same("limit: Max stack size", "8388608 : unlimited"),
    or("limit: Max core file size", "unlimited : unlimited", &[("0 : unlimited", "the file would land in a layer")]),
    same("limit: Max resident set", "unlimited : unlimited"),
    same("limit: Max processes", "unlimited : unlimited"),
    same("limit: Max open files", "1024 : 524288"),
    same("limit: Max locked memory", "8388608 : 8388608"),
    same("limit: Max address space", "unlimited : unlimited"),
    same("limit: Max file locks", "unlimited : unlimited"),
    same("limit: Max pending signals", "unlimited : unlimited"),
    same("limit: Max msgqueue size", "819200 : 819200"),
    same("limit: Max nice priority", "0 : 0"),
    same("limit: Max realtime priority", "0 : 0"),
    same("limit: Max realtime timeout", "unlimited : unlimited"),
    same("score before the out-of-memory killer", "0"),
    same("file creation mask", "0022"),
    same("descriptors beside 0, 1 and 2", "none"),
    same("file of the runtime within reach", "no"),
];

type Facts = BTreeMap<String, String>;

/// Prints what a container shows, each fact on a line of its own after this mark.
const MARK: &str = "FACT\t";

#[test]
fn no_row_is_weaker_than_dockers() {
    let name = "confinement::no_row_is_weaker_than_dockers";
    if std::env::var_os("LAYERLAB_TEST_ROLE").is_some() {
        for (what, value) in facts() {
            println!("\n{MARK}{what}\t{value}");
        }
        return;
    }
    if !Uid::effective().is_root() {
        return missing(&format!("{name}: only root can become the others"));
    }
    let columns = [facts(), facts_as(name, "mapped"), facts_as(name, "single")];
    let mut table =
        "| | Docker | root | user, mapped ids | user, one id | why |\n|---|---|---|---|---|---|\n".to_owned();
    let mut weaker = Vec::new();
    for row in TABLE {
        let mut notes = Vec::new();
        write!(table, "| {} | {}", row.what, row.docker).unwrap();
        for (column, who) in columns.iter().zip(["root", "mapped", "single"]) {
            let value = column.get(row.what).unwrap_or_else(|| panic!("nothing tells {} as {who}", row.what));
            match row.stronger.iter().find(|(stronger, _)| stronger == value) {
                Some((_, why)) => notes.push(*why),
                None if value == row.docker => {}
                None => weaker.push(format!("{}: Docker: {}, as {who}: {value}", row.what, row.docker)),
            }
            write!(table, " | {value}").unwrap();
        }
        writeln!(table, " | {} |", notes.first().unwrap_or(&"")).unwrap();
    }
    assert!(weaker.is_empty(), "weaker than Docker, or stronger without a reason: {weaker:#?}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/container/confinement.md");
    if std::env::var_os("LAYERLAB_BLESS").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    let shown = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(shown, table, "{} is out of date: LAYERLAB_BLESS=1 writes it anew", path.display());
}

fn facts_as(name: &str, role: &str) -> Facts {
    let output = again(name, role).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "as {role}: {text}{}", String::from_utf8_lossy(&output.stderr));
    let facts = text.lines().filter_map(|line| line.strip_prefix(MARK)?.split_once('\t'));
    facts.map(|(what, value)| (what.to_owned(), value.to_owned())).collect()
}

/// Everything that the table asks for, of containers run by whoever this is.
fn facts() -> Facts {
    let mut facts = Facts::new();
    let said = sections(&Container::new(SCRIPT).output());
    status(&said["status"], &mut facts);
    namespaces(&said["namespaces"], &mut facts);
    mounts(&said["mounts"], &said["thermal"], &mut facts);
    devices(&said, &mut facts);
    limits(&said["limits"], &mut facts);
    let mut fact = |what: &str, value: &str| drop(facts.insert(what.to_owned(), value.to_owned()));
    let own_score: i32 = std::fs::read_to_string("/proc/self/oom_score_adj").unwrap().trim().parse().unwrap();
    let expected = own_score.max(0).to_string();
    fact("score before the out-of-memory killer", if said["score"] == expected { "0" } else { &said["score"] });
    fact("file creation mask", &said["mask"]);
    fact("size of /dev/shm", if said["shm"] == "16384 4096" { "64 MiB" } else { &said["shm"] });
    // The fourth is the directory that ls itself reads.
    fact("descriptors beside 0, 1 and 2", if said["descriptors"] == "0 1 2 3" { "none" } else { &said["descriptors"] });
    let alone = Container::new("readlink /proc/self/ns/net")
        .with(|container| container.sandbox.network = layerlab::container::Network::None)
        .output();
    let ours = std::fs::read_link("/proc/self/ns/net").unwrap();
    fact("network namespace, --network none", if Path::new(alone.trim()) == ours { "the machine's" } else { "own" });
    fact("file of the runtime within reach", if runtime_is_within_reach() { "yes" } else { "no" });
    facts
}

/// Prints sections, each below a line `== NAME`.
const SCRIPT: &str = r#"
echo "== status"; cat /proc/self/status
echo "== namespaces"; for name in user mnt pid ipc uts cgroup; do echo $name $(readlink /proc/self/ns/$name); done
echo "== mounts"; cat /proc/self/mountinfo
echo "== thermal"; for path in /sys/devices/system/cpu/cpu*/thermal_throttle; do test -e $path && echo $path; done
echo "== dev"; echo $(ls /dev)
echo "== nodes"; for name in null zero full random urandom tty; do stat -c "%n %t:%T %a" /dev/$name; done
echo "== changes"; for name in null zero full random urandom tty; do chmod 606 /dev/$name; chown 1 /dev/$name; touch -d @1 /dev/$name; done 2>&1
echo "== made"; for place in /dev /dev/shm /tmp; do mknod $place/node c 1 5 && head -c 1 $place/node && echo works; done 2>&1
echo "== limits"; cat /proc/self/limits
echo "== score"; cat /proc/self/oom_score_adj
echo "== mask"; umask
echo "== shm"; stat -f -c "%b %S" /dev/shm
echo "== descriptors"; echo $(ls /proc/self/fd)
"#;

fn sections(text: &str) -> BTreeMap<String, String> {
    let parts = text.split("== ").skip(1).map(|part| part.split_once('\n').unwrap());
    parts.map(|(name, text)| (name.to_owned(), text.trim_end().to_owned())).collect()
}

fn status(text: &str, facts: &mut Facts) {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    for (name, field_name) in [
        ("inheritable", "CapInh:"),
        ("permitted", "CapPrm:"),
        ("effective", "CapEff:"),
        ("bounding", "CapBnd:"),
        ("ambient", "CapAmb:"),
    ] {
        let value = match field(field_name).as_str() {
            "0000000000000000" => "none".to_owned(),
            "00000000a80425fb" => "the 14 of Docker".to_owned(),
            other => other.to_owned(),
        };
        facts.insert(format!("capabilities: {name}"), value);
    }
    facts.insert("no_new_privs".into(), field("NoNewPrivs:"));
    let filter = if field("Seccomp:") == "2" { "Docker's profile" } else { "none" };
    facts.insert("system call filter".into(), filter.into());
}

fn namespaces(text: &str, facts: &mut Facts) {
    let names = BTreeMap::from([
        ("user", "user"),
        ("mnt", "mount"),
        ("pid", "process id"),
        ("ipc", "IPC"),
        ("uts", "host name"),
        ("cgroup", "control group"),
    ]);
    for (name, inside) in text.lines().filter_map(|line| line.split_once(' ')) {
        let outside = std::fs::read_link(format!("/proc/self/ns/{name}")).unwrap();
        let value = if Path::new(inside) == outside { "the machine's" } else { "own" };
        facts.insert(format!("{} namespace", names[name]), value.into());
    }
}

/// One line of mountinfo: place, flags, kind, and what of its file system is shown.
struct Mounted<'a> {
    place: &'a str,
    flags: String,
    kind: &'a str,
    shows: &'a str,
}

fn mounts(text: &str, thermal: &str, facts: &mut Facts) {
    let mut found: Vec<Mounted<'_>> = Vec::new();
    for line in text.lines() {
        let (left, right) = line.split_once(" - ").unwrap();
        let fields: Vec<&str> = left.split(' ').collect();
        let flags = fields[5].split(',').filter(|flag| ["rw", "ro", "nosuid", "nodev", "noexec"].contains(flag));
        let flags = flags.collect::<Vec<_>>().join(" ");
        found.push(Mounted { place: fields[4], flags, kind: right.split(' ').next().unwrap(), shows: fields[3] });
    }
    let last = |place: &str| found.iter().rev().find(|mount| mount.place == place);
    // A machine without control groups has none to show.
    let default = |place: &str| if place == "/sys/fs/cgroup" { "ro nosuid nodev noexec" } else { "nothing there" };
    for place in TABLE.iter().filter_map(|row| row.what.strip_prefix("mount: ")) {
        let flags = last(place).map_or(default(place), |mount| &mount.flags);
        facts.insert(format!("mount: {place}"), flags.to_owned());
    }
    let exists = |path: &str| Path::new(path).exists();
    let is_cover = |mount: &Mounted<'_>| match mount.kind {
        "tmpfs" => mount.flags == "ro nosuid nodev noexec" || mount.shows == "/null",
        "devtmpfs" => mount.shows == "/null" && mount.flags.starts_with("ro"),
        _ => false,
    };
    let hidden = |path: &str| !exists(path) || last(path).is_some_and(is_cover);
    for path in TABLE.iter().filter_map(|row| row.what.strip_prefix("hidden: ")) {
        let all = if path.contains('*') { thermal.lines().all(hidden) } else { hidden(path) };
        facts.insert(format!("hidden: {path}"), if all { "yes" } else { "no" }.into());
    }
    for path in TABLE.iter().filter_map(|row| row.what.strip_prefix("read-only: ")) {
        let protected = !exists(path) || last(path).is_some_and(|mount| mount.flags.starts_with("ro"));
        facts.insert(format!("read-only: {path}"), if protected { "yes" } else { "no" }.into());
    }
    let named = |mount: &&Mounted<'_>| {
        let place = mount.place;
        TABLE.iter().filter_map(|row| row.what.split_once(": ")).any(|(_, known)| known == place)
            || place.strip_prefix("/dev/").is_some_and(|name| exists(&format!("/dev/{name}")))
            || place.starts_with("/sys/fs/cgroup/") && mount.flags.starts_with("ro")
    };
    // What a mount covers does not count, nor does what lies below it.
    let covered = |mount: &&Mounted<'_>| {
        Path::new(mount.place).ancestors().any(|above| last(above.to_str().unwrap()).is_some_and(is_cover))
    };
    let others: Vec<&str> =
        found.iter().filter(|mount| !named(mount) && !covered(mount)).map(|mount| mount.place).collect();
    facts.insert("other mounts".into(), if others.is_empty() { "none".into() } else { others.join(" ") });
}

fn devices(said: &BTreeMap<String, String>, facts: &mut Facts) {
    facts.insert("in /dev".into(), said["dev"].clone());
    for line in said["nodes"].lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let name = fields[0].trim_start_matches("/dev/");
        facts.insert(format!("device: {name}"), format!("{} mode {}", fields[1], fields[2]));
        // Whoever this is, the container has tried to change it.
        let outside = std::fs::metadata(fields[0]).unwrap();
        let changed = outside.mode() & 0o777 == 0o606 || outside.uid() == 1 || outside.mtime() == 1;
        let value = facts.entry("a change of a device node reaches the machine".into()).or_insert("no".into());
        if changed {
            *value = "yes".into();
        }
    }
    let made = if said["made"].contains("works") { "yes" } else { "no" };
    facts.insert("a device node that the container makes works".into(), made.into());
}

fn limits(text: &str, facts: &mut Facts) {
    let number = |text: &str| if text == "unlimited" { u64::MAX } else { text.parse().unwrap() };
    for row in TABLE {
        let Some(name) = row.what.strip_prefix("limit: ") else { continue };
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let found: Vec<&str> = line.split_whitespace().take(2).collect();
        let docker: Vec<&str> = row.docker.split(" : ").collect();
        let within = found.iter().zip(&docker).all(|(found, docker)| number(found) <= number(docker));
        let value = match (within, name) {
            (true, "Max core file size") if found[0] == "0" => "0 : unlimited".into(),
            (true, _) => row.docker.into(),
            (false, _) => found.join(" : "),
        };
        facts.insert(row.what.into(), value);
    }
}

/// Whether a process of the container, or what it executes, is the file of the program that set the container up.
fn runtime_is_within_reach() -> bool {
    let own = std::fs::metadata("/proc/self/exe").unwrap();
    let seen = Container::new("for process in /proc/[0-9]*; do stat -L -c %i $process/exe; done").output();
    let executed = Container::new("")
        .with(|container| container.process.args = vec!["/proc/self/exe".into(), "--list".into()])
        .run();
    let ran = executed.result.is_ok() && executed.stdout.contains("no_row_is_weaker_than_dockers");
    seen.lines().any(|inode| inode == own.ino().to_string()) || ran
}
