//! Bundles of the OCI runtime specification: run by us, by runc and by crun with the same result.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::bundle::{
    Change, as_mapped, as_user, bundle, config, create, is_installed, is_root, oci, status, text, until,
};
use crate::harness::{Place, Role, missing};

#[test]
fn a_bundle_runs_for_every_user() {
    let command = "hostname; id -u; tty; cat /proc/1/comm; touch /x; echo kept > /dev/null && grep Seccomp: /proc/self/status; exit 3";
    let expected = "kitchen\n0\nnot a tty\nsh\nSeccomp:\t0\ntouch: /x: Read-only file system\n[3]";
    for (role, change) in [(Role::Self_, (|_| {}) as Change), (Role::Single, as_user), (Role::Mapped, as_mapped)] {
        let place = Place::of(role, "");
        bundle(&place, "b", &config(command, change));
        assert_eq!(text(&oci(&place, "run --bundle b one")), expected, "{role:?}");
        assert_eq!(text(&oci(&place, "list")), "[0]", "{role:?}");
    }
}

#[test]
fn a_container_is_created_started_and_deleted() {
    let place = Place::new("");
    bundle(&place, "b", &config("echo begun; sleep 1000", |_| {}));
    create(&place, "create --bundle b --pid-file pid one");
    let number = fs::read_to_string(place.path("pid")).unwrap();
    assert_eq!(status(&place, "one"), "created");
    assert!(text(&oci(&place, "create --bundle b one")).contains("container with id `one` already exists"));
    assert_eq!(text(&oci(&place, "start one")), "[0]");
    assert_eq!(status(&place, "one"), "running");
    assert!(text(&oci(&place, "start one")).contains("cannot start container `one`: it is running"));
    assert!(text(&oci(&place, "delete one")).contains("it is running"));

    // A process that joins it sees what it sees, and nothing of ours.
    fs::write(
        place.path("process.json"),
        json!({"args": ["sh", "-c", "hostname; cat /proc/1/comm; exit 5"], "cwd": "/", "env": ["PATH=/bin"],
               "user": {"uid": 7, "gid": 8}})
        .to_string(),
    )
    .unwrap();
    assert_eq!(text(&oci(&place, "exec --process process.json one")), "kitchen\nsleep\n[5]");
    assert!(text(&oci(&place, "exec one no-such-program")).contains("executable file not found in $PATH"));

    assert_eq!(text(&oci(&place, "kill one KILL")), "[0]");
    until("the container has stopped", || status(&place, "one") == "stopped");
    assert!(text(&oci(&place, "kill one TERM")).contains("container not running"));
    assert_eq!(text(&oci(&place, "delete one")), "[0]");
    assert!(text(&oci(&place, "state one")).contains("container `one` does not exist"));
    assert_eq!(text(&oci(&place, "delete --force one")), "[0]");
    assert!(!Path::new("/proc").join(number.trim()).join("root/proc").exists(), "it is gone");
}

#[test]
fn a_hook_may_ask_for_its_container_and_each_is_run() {
    let place = Place::new("");
    let program = place.program().display().to_string();
    let root = place.folder().join("home/state").display().to_string();
    let note = place.path("note").display().to_string();
    let change = |config: &mut Value| {
        for hook in ["createRuntime", "poststart"] {
            let line = format!("{program} oci --root {root} state one | grep status >> {note}");
            config["hooks"][hook] = json!([
                {"path": "/bin/false"},
                {"path": "/bin/sh", "args": ["sh", "-c", line], "env": ["PATH=/usr/bin:/bin"]},
            ]);
        }
        config["hooks"]["createRuntime"].as_array_mut().unwrap().remove(0);
    };
    bundle(&place, "b", &config("sleep 1000", change));
    create(&place, "create --bundle b one");
    create(&place, "start one");
    assert_eq!(text(&oci(&place, "delete --force one")), "[0]");
    let note = fs::read_to_string(place.path("note")).unwrap();
    let told: Vec<&str> = note.split('"').filter(|word| word.ends_with("ing")).collect();
    assert_eq!(told, ["creating", "running"], "{note}");
}

#[test]
fn a_hook_that_fails_after_the_start_is_a_warning() {
    let place = Place::new("");
    let change = |config: &mut Value| {
        for hook in ["poststart", "poststop"] {
            config["hooks"][hook] = json!([{"path": "/bin/false"}]);
        }
    };
    bundle(&place, "b", &config("exit 3", change));
    let warning = "warning: hook `/bin/false` failed: exit status: 1\n";
    let shown = text(&oci(&place, "--log log.json --log-format json run --bundle b one"));
    assert_eq!(shown, format!("{warning}{warning}[3]"));
    let log = fs::read_to_string(place.path("log.json")).unwrap();
    let levels = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["level"].clone());
    assert_eq!(levels.collect::<Vec<_>>(), ["warning", "warning"], "{log}");
}

#[test]
fn an_error_is_in_the_log_as_managers_read_it() {
    let place = Place::new("");
    bundle(&place, "b", &config("true", |config| config["process"]["args"] = json!(["no-such-program"])));
    assert_eq!(oci(&place, "--log log.json --log-format json run --bundle b one").status.code(), Some(127));
    let log = fs::read_to_string(place.path("log.json")).unwrap();
    let line: Value = serde_json::from_str(log.trim()).unwrap();
    assert_eq!(line["level"], "error");
    assert!(line["msg"].as_str().unwrap().contains("executable file not found in $PATH"), "{log}");
}

#[test]
fn a_filter_refuses_what_it_says() {
    let command =
        "mkdir() { busybox mkdir $1; }; mkdir /tmp/a; busybox chmod 700 /tmp; echo $?; grep Seccomp: /proc/self/status";
    let place = Place::new("");
    let change = |config: &mut Value| {
        config["root"]["readonly"] = json!(false);
        config["linux"]["seccomp"] = json!({
            "defaultAction": "SCMP_ACT_ALLOW",
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_AARCH64"],
            "syscalls": [
                {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
                {"names": ["chmod"], "action": "SCMP_ACT_ERRNO",
                 "args": [{"index": 1, "value": 0o777, "valueTwo": 0o700, "op": "SCMP_CMP_MASKED_EQ"}]},
                {"names": ["fchmodat"], "action": "SCMP_ACT_ERRNO",
                 "args": [{"index": 2, "value": 0o777, "valueTwo": 0o700, "op": "SCMP_CMP_MASKED_EQ"}]},
            ],
        });
    };
    bundle(&place, "b", &config(command, change));
    let shown = text(&oci(&place, "run --bundle b one"));
    assert!(shown.contains("can't create directory '/tmp/a': No space left on device"), "{shown}");
    assert!(shown.contains("1\nSeccomp:\t2\n") && shown.contains("Operation not permitted"), "{shown}");
}

#[test]
fn a_filter_older_than_what_we_call_hinders_only_the_command() {
    let command = "grep -E '^(CapPrm|CapEff|Seccomp:)' /proc/self/status; id -u; pwd";
    let older = |config: &mut Value| {
        config["process"]["noNewPrivileges"] = json!(false);
        config["process"]["cwd"] = json!("/bin");
        config["linux"]["seccomp"] = json!({
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": ["openat2", "close_range", "pidfd_open", "faccessat2"], "action": "SCMP_ACT_ERRNO"}],
        });
    };
    let another = |config: &mut Value| config["process"]["user"] = json!({"uid": 7, "gid": 8});
    type Also<'a> = &'a dyn Fn(&mut Value);
    let root = "CapPrm:\t0000000020000420\nCapEff:\t0000000020000420\nSeccomp:\t2\n0\n/bin\n[0]";
    let user = "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nSeccomp:\t2\n7\n/bin\n[0]";
    let cases: [(Role, Also<'_>, &str); 4] = [
        (Role::Self_, if is_root() { &|_| {} } else { &as_user }, root),
        (Role::Single, &as_user, root),
        (Role::Mapped, &as_mapped, root),
        (Role::Mapped, &|config| [as_mapped, another].iter().for_each(|change| change(config)), user),
    ];
    for (role, also, expected) in cases {
        let place = Place::of(role, "");
        let change = |config: &mut Value| {
            older(config);
            also(config);
        };
        bundle(&place, "b", &config(command, change));
        assert_eq!(text(&oci(&place, "run --bundle b one")), expected, "{role:?}");
    }
}

#[test]
fn a_pipe_is_made_and_a_mount_has_the_name_that_is_asked_for() {
    let command = "test -p /dev/dose && stat -c '%a %u' /dev/dose; grep -o ' - tmpfs shm ' /proc/self/mountinfo; \
        (echo through > /dev/dose &); cat /dev/dose";
    for (role, change) in [(Role::Self_, (|_| {}) as Change), (Role::Single, as_user), (Role::Mapped, as_mapped)] {
        let place = Place::of(role, "");
        let change = |config: &mut Value| {
            change(config);
            config["linux"]["devices"] = json!([{"type": "p", "path": "/dev/dose", "fileMode": 0o620}]);
        };
        bundle(&place, "b", &config(command, change));
        assert_eq!(text(&oci(&place, "run --bundle b one")), "620 0\n - tmpfs shm \nthrough\n[0]", "{role:?}");
    }
}

#[test]
fn a_limit_that_docker_has_no_name_for_holds() {
    let place = Place::new("");
    let change = |config: &mut Value| {
        config["process"]["rlimits"] = json!([{"type": "RLIMIT_AS", "soft": 1 << 30, "hard": 2u64 << 30}]);
    };
    bundle(&place, "b", &config("ulimit -v; ulimit -H -v", change));
    assert_eq!(text(&oci(&place, "run --bundle b one")), "1048576\n2097152\n[0]");
}

#[test]
fn hooks_are_told_of_the_container() {
    let place = Place::new("");
    let note = place.path("note").display().to_string();
    let change = |config: &mut Value| {
        for hook in ["prestart", "createRuntime", "poststart", "poststop"] {
            let line = format!("echo {hook} $(cat) >> {note}");
            config["hooks"][hook] =
                json!([{"path": "/bin/sh", "args": ["sh", "-c", line], "env": ["PATH=/usr/bin:/bin"]}]);
        }
    };
    let folder = bundle(&place, "b", &config("true", change));
    assert_eq!(text(&oci(&place, "run --bundle b one")), "[0]");
    let note = fs::read_to_string(place.path("note")).unwrap();
    let told: Vec<(&str, bool)> =
        note.lines().filter_map(|line| Some((line.split_once(' ')?.0, line.contains("\"id\": \"one\"")))).collect();
    assert_eq!(told, [("prestart", true), ("createRuntime", true), ("poststart", true), ("poststop", true)]);
    // One that fails ends it.
    let failing = |config: &mut Value| config["hooks"]["prestart"] = json!([{"path": "/bin/false"}]);
    fs::write(folder.join("config.json"), config("echo never", failing)).unwrap();
    let shown = text(&oci(&place, "run --bundle b two"));
    assert!(shown.contains("hook `/bin/false` failed") && !shown.contains("never"), "{shown}");
    assert_eq!(status(&place, "two"), "none");
}

/// What a bundle shows that does not depend on who runs it.
const LOOK: &str = "hostname; id; env; ls /; ls /dev | grep -v -E '^(core|console)$'; stat -c '%a %t %T %n' /dev/null /dev/zero /dev/full /dev/tty; \
    grep -E '^(Cap|NoNewPrivs|Seccomp:|Groups)' /proc/self/status; cat /proc/sys/kernel/hostname; cat /proc/keys /sys/firmware/acpi 2>&1 | cat; \
    touch /proc/sys/kernel/hostname /x 2>&1; ls /proc/self/fd | busybox wc -l; cat /proc/self/limits | grep -E 'open files'; \
    ls /sys/class/net | grep -x -e lo -e eth0; mount | busybox cut -d' ' -f3 | grep -E '^/(proc|dev|sys)?$' | busybox sort | busybox uniq; umask; exit 7";

#[test]
fn the_same_bundle_gives_the_same_under_runc_and_crun() {
    if !is_root() {
        return missing("runc beside us, as root");
    }
    type Change = fn(&mut Value);
    let cases: &[(&str, Change)] = &[
        ("as it is", |_| {}),
        ("writable", |config| config["root"]["readonly"] = json!(false)),
        ("another user", |config| {
            config["process"]["user"] = json!({"uid": 12, "gid": 34, "additionalGids": [56, 78], "umask": 0o27});
        }),
        ("capabilities of a user", |config| {
            config["process"]["user"]["uid"] = json!(5);
            for set in ["inheritable", "ambient"] {
                config["process"]["capabilities"][set] = json!(["CAP_NET_BIND_SERVICE"]);
            }
        }),
        ("no capability", |config| config["process"]["capabilities"] = json!({})),
        ("new privileges", |config| config["process"]["noNewPrivileges"] = json!(false)),
        ("the machine's network", |config| {
            config["linux"]["namespaces"].as_array_mut().unwrap().retain(|one| one["type"] != "network");
        }),
        ("a working directory that is made", |config| {
            config["root"]["readonly"] = json!(false);
            config["process"]["cwd"] = json!("/new/folder");
        }),
        ("another device", |config| {
            config["linux"]["devices"] = json!([{"type": "c", "path": "/dev/more", "major": 1, "minor": 5, "fileMode": 0o640, "uid": 1, "gid": 2}]);
        }),
        ("a directory of the machine", |config| {
            config["mounts"].as_array_mut().unwrap().push(
                json!({"destination": "/tmp/here", "type": "bind", "source": "rootfs/bin", "options": ["rbind", "ro"]}),
            );
            config["root"]["readonly"] = json!(false);
        }),
    ];
    let peers: Vec<&str> = ["runc", "crun"].into_iter().filter(|program| is_installed(program)).collect();
    if peers.len() < 2 {
        missing("the same bundle under runc and crun: one of the two is not installed");
    }
    for (index, (name, change)) in cases.iter().enumerate() {
        let place = Place::new("");
        bundle(&place, "b", &config(LOOK, change));
        let ours = text(&oci(&place, "run --bundle b one"));
        assert!(ours.ends_with("[7]"), "{name}: {ours}");
        for peer in &peers {
            // crun can't do anything where version 2 of control groups is mounted beside version 1.
            let mut command = Command::new("unshare");
            command.args([
                "--mount",
                "sh",
                "-c",
                "umount /sys/fs/cgroup/unified 2> /dev/null; exec \"$@\"",
                "sh",
                peer,
            ]);
            command.arg("--root").arg(place.path("peer")).arg("run").arg("--bundle").arg(place.path("b"));
            // The control groups of a name go a moment after its container.
            let id = format!("layerlab-test-{}-{index}-{peer}", std::process::id());
            let theirs = command.arg(id).output().unwrap();
            assert_eq!(ours, text(&theirs), "{name}: we and {peer}");
        }
    }
}
