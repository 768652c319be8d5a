//! What a container may do and use: the options of `run` that say it, for each kind of user.

use std::fs;

use crate::harness::{Place, Role, missing};
use crate::yard::roles;

/// Runs a script in a container, and gives everything that is printed, and the exit code where it is not 0.
fn run(place: &Place, options: &str, script: &str) -> String {
    let mut command = place.command(&format!("run --rm {options} layerlab/base sh -c"));
    let output = command.arg(script).output().unwrap();
    let mut text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if !output.status.success() {
        text.push_str(&format!("[{}]\n", output.status.code().unwrap_or(-1)));
    }
    text
}

#[test]
fn capabilities_are_those_asked_for() {
    const EFFECTIVE: &str = "grep CapEff /proc/self/status | cut -f 2";
    for role in roles() {
        let place = Place::of(role, "");
        assert_eq!(run(&place, "", EFFECTIVE), "00000000a80425fb\n");
        assert_eq!(run(&place, "--cap-drop ALL", EFFECTIVE), "0000000000000000\n");
        assert_eq!(run(&place, "--cap-drop all --cap-add cap_chown", EFFECTIVE), "0000000000000001\n");
        assert_eq!(run(&place, "--cap-drop CHOWN", "chown 1 /tmp 2>/dev/null || echo refused"), "refused\n");
        assert!(run(&place, "--cap-add FLY", "true").contains("unknown capability `FLY`"));
        let noted = run(&place, "--cap-add SYS_TIME", "true");
        assert_eq!(
            noted.contains("SYS_TIME of an ordinary user's container has no effect"),
            role != Role::Self_,
            "{noted}"
        );
        let mounts = run(&place, "--privileged", "mount -t tmpfs none /mnt && echo mounted");
        assert!(mounts.contains("mounted\n"), "{mounts}");
        assert_eq!(mounts.contains("gives no more than that user has"), role != Role::Self_, "{mounts}");
    }
}

#[test]
fn the_kernel_is_told_what_was_asked_for() {
    for role in roles() {
        let place = Place::of(role, "");
        assert_eq!(run(&place, "--ulimit nofile=100:200", "ulimit -n; ulimit -Hn"), "100\n200\n");
        assert_eq!(run(&place, "--shm-size 1m", "df -k /dev/shm | tail -1 | tr -s ' ' | cut -d ' ' -f 2"), "1024\n");
        assert_eq!(run(&place, "--domainname example.org", "cat /proc/sys/kernel/domainname"), "example.org\n");
        assert_eq!(run(&place, "--oom-score-adj 300", "cat /proc/self/oom_score_adj"), "300\n");
        let forwards =
            run(&place, "--network none --sysctl net.ipv4.ip_forward=1", "cat /proc/sys/net/ipv4/ip_forward");
        assert_eq!(forwards, "1\n");
        assert!(run(&place, "--sysctl vm.swappiness=1", "true").contains("is not in a separate kernel namespace"));
        let full = run(&place, "--device /dev/full:/dev/brim", "test -c /dev/brim && echo device; echo x > /dev/brim");
        assert!(full.starts_with("device\n") && full.contains("No space left on device"), "{full}");
        let groups = run(&place, "--group-add 44", "id -G");
        assert!(groups.ends_with(" 44\n"), "{role:?}: {groups}");
    }
}

#[test]
fn an_init_passes_signals_on_and_reaps() {
    for role in roles() {
        let place = Place::of(role, "");
        assert_eq!(run(&place, "--init", "cat /proc/1/comm; exit 7"), "docker-init\n[7]\n");
        assert_eq!(run(&place, "--init", "kill -9 $$"), "[137]\n");
        // Whoever is left behind does not stay as a zombie.
        let orphan = "(sh -c 'sleep 0.05 &'); sleep 0.3; grep -l '^State:.Z' /proc/[0-9]*/status; echo none";
        assert_eq!(run(&place, "--init", orphan), "none\n");
        assert!(run(&place, "--init --entrypoint nonsense", "").ends_with("[127]\n"));
        // Without a handler of its own, the program ends by the signal all the same.
        assert!(place.output("run -d --init --name quiet layerlab/base sleep 100").status.success());
        assert_eq!(place.run("stop quiet"), "quiet\n");
        assert_eq!(place.run("wait quiet"), "143\n");
        // It is kept with the container.
        place.run("start quiet");
        assert_eq!(place.run("exec quiet cat /proc/1/comm"), "docker-init\n");
        place.run("rm -f quiet");
    }
}

#[test]
fn what_is_not_shared_is_refused() {
    let place = Place::new("");
    for (options, said) in [
        ("--pid host", "`--pid=host` is not possible"),
        ("--ipc host", "`--ipc=host` is not possible"),
        ("--isolation hyperv", "`--isolation=hyperv` is not possible"),
        ("--security-opt apparmor=mine", "profiles of AppArmor and labels of SELinux are not set"),
        ("-w relative", "the working directory `relative` is not an absolute path"),
        ("--ulimit nofile=9:3", "the soft limit 9 is above the hard limit 3"),
        ("--device /etc/passwd:/dev/users", "it is not a device"),
    ] {
        let shown = run(&place, options, "true");
        assert!(shown.contains(said) && shown.ends_with("[125]\n"), "{options}:\n{shown}");
    }
}

#[test]
fn a_file_gets_the_id() {
    let place = Place::new("//- labels\n# none\na=b\n");
    assert_eq!(place.run("run --rm --cidfile id --label-file labels layerlab/base true"), "");
    assert_eq!(fs::read_to_string(place.path("id")).unwrap().len(), 64);
    assert!(place.run("run --rm --cidfile id layerlab/base true").contains("container ID file `id` is there already"));
    assert!(place.run("run --rm --cidfile other no/image true").contains("no/image"));
    assert!(!place.path("other").exists());
}

/// Whether root's limits can be tried here.
fn has_groups() -> bool {
    let has = nix::unistd::geteuid().is_root() && std::path::Path::new("/sys/fs/cgroup").read_dir().is_ok();
    if !has {
        missing("control groups: there are none, or the tests don't run as root");
    }
    has
}

/// The control groups of containers that are there, in any hierarchy.
fn groups() -> Vec<std::path::PathBuf> {
    fn look(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>, depth: u32) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
            match entry.file_name().to_string_lossy().starts_with("layerlab-") {
                true => found.push(entry.path()),
                false if depth > 0 => look(&entry.path(), found, depth - 1),
                false => {}
            }
        }
    }
    let mut found = Vec::new();
    look("/sys/fs/cgroup".as_ref(), &mut found, 4);
    found
}

#[test]
fn what_is_used_has_a_bound() {
    if !has_groups() {
        return;
    }
    let place = Place::new("");
    // A fork bomb has as many processes as it may, and hurts nobody.
    let bomb = "f() { f | f & }; f 2>/dev/null; sleep 0.5; ls -d /proc/[0-9]* | wc -l";
    let count = run(&place, "--pids-limit 20", bomb);
    assert!(count.contains("fork") || count.trim().parse::<u32>().is_ok_and(|count| count <= 20), "{count}");
    // A hog is killed, and that is said.
    let hog = "dd if=/dev/zero of=/dev/null bs=200M count=1 2>/dev/null; echo $?";
    let hogged = run(&place, "--memory 16m --memory-swap 16m", hog);
    assert!(hogged.contains("137\n") && hogged.contains("it had used all the memory"), "{hogged}");
    // It is in its group before it begins.
    assert_eq!(run(&place, "--cpus 0.5 -m 64m", "grep -c ':/$' /proc/self/cgroup > /tmp/a; echo $?"), "0\n");
    // A group is removed with its container.
    assert!(
        place
            .run("run --name dead -m 16m --memory-swap 16m layerlab/base dd if=/dev/zero of=/dev/null bs=99M count=1")
            .contains("[exit code 137]")
    );
    let found: serde_json::Value = serde_json::from_str(&place.run("inspect dead")).unwrap();
    assert_eq!(found[0]["State"]["OOMKilled"], true);
    assert_eq!(found[0]["HostConfig"]["Memory"], 16 << 20);
    place.run("rm dead");
}

#[test]
fn groups_are_changed_and_swept() {
    if !has_groups() {
        return;
    }
    let place = Place::new("");
    let ours = |id: &str| groups().into_iter().filter(|path| path.to_string_lossy().contains(id)).collect::<Vec<_>>();
    let id = place.run("run -d --name box --pids-limit 30 layerlab/base sleep 1000");
    let id = id.get(..12).unwrap().to_owned();
    let pids = ours(&id).into_iter().find(|path| path.join("pids.max").exists()).unwrap();
    assert_eq!(fs::read_to_string(pids.join("pids.max")).unwrap(), "30\n");
    // Process 1 alone: none of ours.
    assert_eq!(fs::read_to_string(pids.join("pids.current")).unwrap(), "1\n");
    assert_eq!(place.run("update --pids-limit 40 --memory 64m box"), "box\n");
    assert_eq!(fs::read_to_string(pids.join("pids.max")).unwrap(), "40\n");
    // What is changed is checked and written together with what was there: nothing else falls back to what is usual.
    assert_eq!(place.run("update --memory 128m --memory-swap 200m box"), "box\n");
    assert!(place.run("update --memory 256m box").contains("`--memory-swap` is lower than `--memory`"));
    assert_eq!(place.run("update --cpu-period 50000 --cpu-quota 25000 box"), "box\n");
    assert_eq!(place.run("update --cpu-quota 30000 box"), "box\n");
    let cpu = ours(&id).into_iter().find(|path| path.join("cpu.cfs_quota_us").exists());
    if let Some(cpu) = cpu {
        let read = |name: &str| fs::read_to_string(cpu.join(name)).unwrap();
        assert_eq!((read("cpu.cfs_period_us"), read("cpu.cfs_quota_us")), ("50000\n".into(), "30000\n".into()));
    }
    // One that is paused can be limited as well.
    assert_eq!(place.run("pause box"), "box\n");
    assert_eq!(place.run("update --pids-limit 25 box"), "box\n");
    assert_eq!(fs::read_to_string(pids.join("pids.max")).unwrap(), "25\n");
    assert_eq!(place.run("unpause box"), "box\n");
    assert_eq!(place.run("exec box echo inside"), "inside\n");
    // Its monitor is killed: what it leaves goes with the next container.
    kill_monitor(&place, "box");
    let begin = std::time::Instant::now();
    while !ours(&id).is_empty() {
        run(&place, "", "true");
        assert!(begin.elapsed() < std::time::Duration::from_secs(60), "{:?}", ours(&id));
    }
    assert_eq!(run(&place, "--pids-limit 5", "echo fine"), "fine\n");
    place.run("rm -f box");
    // One that lies frozen meanwhile goes when it is removed.
    place.run("run -d --name frozen --pids-limit 30 layerlab/base sleep 1000");
    assert_eq!(place.run("pause frozen"), "frozen\n");
    let process = kill_monitor(&place, "frozen");
    place.run("rm -f frozen");
    let begin = std::time::Instant::now();
    while fs::exists(format!("/proc/{process}")).unwrap() {
        assert!(begin.elapsed() < std::time::Duration::from_secs(60), "it is there yet");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn a_limit_can_be_taken_away() {
    if !has_groups() {
        return;
    }
    let place = Place::new("");
    let limits =
        "--pids-limit 30 --memory 64m --memory-reservation 32m --cpu-period 50000 --cpu-quota 25000 --cpu-shares 7";
    let id = place.run(&format!("run -d --name box {limits} layerlab/base sleep 1000"));
    let id = id.get(..12).unwrap().to_owned();
    let read = |name: &str| {
        let found = groups().into_iter().filter(|path| path.to_string_lossy().contains(&id));
        found.map(|path| path.join(name)).find_map(|path| fs::read_to_string(path).ok())
    };
    // Before anything is changed, all of it is looked at.
    assert!(place.run("update --pids-limit 20 --cpuset-cpus 0-65000 box").contains("this machine has 0"));
    assert!(place.run("run --cpuset-cpus 65000 --name lost layerlab/base true").contains("for --cpuset-cpus"));
    assert!(!place.run("ps -a").contains("lost"));
    assert_eq!(read("pids.max").unwrap(), "30\n");
    assert_eq!(place.run("update --pids-limit -1 --memory 0 --memory-reservation 0 --cpu-shares 0 box"), "box\n");
    assert_eq!(read("pids.max").unwrap(), "max\n");
    if let Some(bytes) = read("memory.limit_in_bytes") {
        assert!(bytes.trim().parse::<u64>().unwrap() > 1 << 50, "{bytes}");
        assert!(read("memory.soft_limit_in_bytes").unwrap().trim().parse::<u64>().unwrap() > 1 << 50);
        assert_eq!(read("cpu.shares").unwrap(), "1024\n");
        assert_eq!(read("cpu.cfs_quota_us").unwrap(), "25000\n");
        assert_eq!(place.run("update --cpus 0.29 box"), "box\n");
        assert_eq!(
            (read("cpu.cfs_period_us").unwrap(), read("cpu.cfs_quota_us").unwrap()),
            ("100000\n".into(), "29000\n".into())
        );
    }
    assert_eq!(place.run("update --cpus 0 box"), "box\n");
    if let Some(quota) = read("cpu.cfs_quota_us") {
        assert_eq!(quota, "-1\n");
    }
    let found: serde_json::Value = serde_json::from_str(&place.run("inspect box")).unwrap();
    assert_eq!(found[0]["HostConfig"]["Memory"], 0);
    assert_eq!(found[0]["HostConfig"]["NanoCpus"], 0);
    // What was written down is what it is started with.
    assert_eq!(place.run("update --pids-limit 33 box"), "box\n");
    assert_eq!(place.run("restart -t 0 box"), "box\n");
    assert_eq!(read("pids.max").unwrap(), "33\n");
    place.run("rm -f box");
    // A new one asks for nothing where a limit is 0.
    assert_eq!(run(&place, "--memory 0 --cpus 0 --pids-limit -1", "echo free"), "free\n");
    assert!(run(&place, "--cpu-quota 999", "true").contains("at least 1000"));
}

/// Kills the monitor of a container that runs. Gives the container's first process.
fn kill_monitor(place: &Place, name: &str) -> i32 {
    let process: i32 = place.run(&format!("inspect -f {{{{.State.Pid}}}} {name}")).trim().parse().unwrap();
    let parent = |process: i32| {
        let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        text.rsplit(')').next().unwrap().split_whitespace().nth(1).unwrap().parse::<i32>().unwrap()
    };
    let monitor = parent(parent(parent(process)));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(monitor), nix::sys::signal::Signal::SIGKILL).unwrap();
    process
}

#[test]
fn a_user_without_groups_is_told_what_would_allow_a_limit() {
    for role in roles().into_iter().filter(|role| *role != Role::Self_) {
        let place = Place::of(role, "");
        let refused = run(&place, "--memory 64m", "true");
        assert!(refused.contains("`--memory` can't be kept") && refused.ends_with("[125]\n"), "{refused}");
        assert!(refused.contains("hint: "), "{refused}");
        // Nothing is left of it.
        assert_eq!(place.run("ps -a -q"), "");
    }
    let place = Place::new("");
    for (options, said) in [
        // It is the kernel that refuses it, when the group is made.
        ("--pids-limit 99999999999", if has_groups() { "pids.max" } else { "can't be kept" }),
        ("--cpuset-cpus 4000", if has_groups() { "this machine has 0" } else { "can't be kept" }),
        ("--memory 1m", "the least memory limit is 6 MiB"),
        ("--memory-swap 64m", "`--memory-swap` needs `--memory`"),
        ("--cpus 9999", "the range of `--cpus` is from 0.01"),
        ("--cpuset-cpus x", "invalid argument `x` for --cpuset-cpus"),
        ("--restart sometimes", "invalid restart policy `sometimes`"),
        ("--log-driver syslog", "there is no log driver `syslog`"),
    ] {
        let shown = run(&place, options, "true");
        assert!(shown.contains(said) && shown.ends_with("[125]\n"), "{options}:\n{shown}");
    }
}

#[test]
fn what_is_used_is_shown() {
    for role in roles() {
        let place = Place::of(role, "");
        place.run("run -d --name idle layerlab/base sleep 1000");
        let shown = place.run("stats --no-stream");
        let titles: Vec<&str> = shown.lines().next().unwrap_or_default().split("  ").map(str::trim).collect();
        let titles: Vec<&str> = titles.into_iter().filter(|title| !title.is_empty()).collect();
        let expected = ["CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS"];
        assert_eq!(titles, expected, "{shown}");
        assert!(shown.contains("idle"), "{shown}");
        assert_eq!(place.run("stats --no-stream --format {{.Container}}/{{.PIDs}} idle"), "idle/1\n");
        place.run("stop -t 0 idle");
        assert!(!place.run("stats --no-stream").contains("idle"));
        assert_eq!(place.run("stats --no-stream --all --format {{.Name}}/{{.PIDs}} idle"), "idle/0\n");
        assert!(place.run("stats --no-stream nobody").contains("no such container: nobody"));
        if role == Role::Self_ && has_groups() {
            place.run("run -d --name bound --memory 64m layerlab/base sleep 1000");
            assert!(place.run("stats --no-stream --format {{.MemUsage}} bound").ends_with(" / 64MiB\n"));
        }
        place.run("rm -f idle bound");
    }
}
