//! Bundles of the OCI runtime specification: run by us, by runc and by crun with the same result; and we in runc's place, under Podman and
//! containerd.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Place, Role, missing};

/// Where Debian's package `busybox-static` has it.
const BUSYBOX: &str = "/bin/busybox";

/// A document as `runc spec` writes it, with a command and what a test changes in it.
fn config(command: &str, change: impl FnOnce(&mut Value)) -> String {
    let capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
    let mut config = json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": {"uid": 0, "gid": 0},
            "args": ["sh", "-c", command],
            "env": ["PATH=/bin", "TERM=xterm", "HOME=/"],
            "cwd": "/",
            "capabilities": {"bounding": capabilities, "effective": capabilities, "permitted": capabilities},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1000, "soft": 1000}],
            "noNewPrivileges": true,
        },
        "root": {"path": "rootfs", "readonly": true},
        "hostname": "kitchen",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
             "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
             "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
            {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
             "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
        ],
        "linux": {
            "namespaces": [
                {"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"},
            ],
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    });
    change(&mut config);
    config.to_string()
}

/// What a test changes in a document.
type Change = fn(&mut Value);

/// The same as an ordinary user of one id has it.
fn as_user(config: &mut Value) {
    let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
    namespaces.push(json!({"type": "user"}));
    config["linux"]["uidMappings"] = json!([{"containerID": 0, "hostID": 1000, "size": 1}]);
    config["linux"]["gidMappings"] = json!([{"containerID": 0, "hostID": 1000, "size": 1}]);
}

/// As one with a range of ids.
fn as_mapped(config: &mut Value) {
    as_user(config);
    for mappings in ["uidMappings", "gidMappings"] {
        let list = config["linux"][mappings].as_array_mut().unwrap();
        list.push(json!({"containerID": 1, "hostID": 100_000, "size": 65_536}));
    }
}

/// Writes a bundle.
fn bundle(place: &Place, name: &str, config: &str) -> PathBuf {
    let folder = place.path(name);
    let programs = folder.join("rootfs/bin");
    fs::create_dir_all(&programs).unwrap();
    fs::copy(BUSYBOX, programs.join("busybox")).unwrap();
    for program in
        ["sh", "cat", "grep", "hostname", "id", "ls", "sleep", "stat", "touch", "mount", "tty", "ps", "kill", "env"]
    {
        symlink("busybox", programs.join(program)).unwrap();
    }
    for mount_point in ["proc", "dev", "sys", "tmp"] {
        fs::create_dir(folder.join("rootfs").join(mount_point)).unwrap();
    }
    fs::write(folder.join("config.json"), config).unwrap();
    place.give(&folder);
    folder
}

fn is_root() -> bool {
    nix::unistd::Uid::effective().is_root()
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn text(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let status = output.status.code().map_or("no code".to_owned(), |code| code.to_string());
    format!("{}{}[{status}]", text(&output.stdout), text(&output.stderr))
}

/// Waits until something is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(60), "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn oci(place: &Place, arguments: &str) -> Output {
    place.output(&format!("oci --root {} {arguments}", place.folder().join("home/state").display()))
}

/// Has a container created. It keeps the streams that it is given, so these lead nowhere.
fn create(place: &Place, arguments: &str) {
    let mut command = place.command(&format!("oci --root {} {arguments}", place.folder().join("home/state").display()));
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(status.success(), "{arguments}: {status}");
}

fn status(place: &Place, id: &str) -> String {
    let state: Value = serde_json::from_slice(&oci(place, &format!("state {id}")).stdout).unwrap_or_default();
    state["status"].as_str().unwrap_or("none").to_owned()
}

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
fn one_that_waits_is_deleted() {
    let place = Place::new("");
    bundle(&place, "b", &config("echo never", |_| {}));
    create(&place, "create --bundle b one");
    assert_eq!(text(&oci(&place, "delete one")), "[0]");
    assert_eq!(status(&place, "one"), "none");
}

#[test]
fn what_would_be_ignored_is_refused_with_its_place() {
    let cases: &[(Change, &str)] = &[
        (|config| config["linux"]["timeOffsets"] = json!({}), "linux.timeOffsets"),
        (|config| config["linux"]["namespaces"][1]["kind"] = json!("x"), "linux.namespaces[1].kind"),
        (|config| config["linux"]["namespaces"] = json!([{"type": "pid"}]), "linux.namespaces"),
        (|config| config["linux"]["namespaces"][0]["type"] = json!("time"), "linux.namespaces[0]"),
        (|config| config["process"]["apparmorProfile"] = json!("docker-default"), "process.apparmorProfile"),
        (|config| config["process"]["selinuxLabel"] = json!("a:b:c"), "process.selinuxLabel"),
        (|config| config["process"]["terminal"] = json!("yes"), "process.terminal"),
        (|config| config["process"]["cwd"] = json!("bin"), "process.cwd"),
        (|config| config["process"]["args"] = json!([]), "process.args"),
        (|config| config["process"]["capabilities"]["bounding"] = json!(["CAP_FLY"]), "process.capabilities.bounding"),
        (|config| config["process"]["rlimits"][0]["type"] = json!("RLIMIT_FLY"), "process.rlimits"),
        (|config| config["linux"]["rootfsPropagation"] = json!("shared"), "linux.rootfsPropagation"),
        (|config| config["linux"]["sysctl"] = json!({"vm.swappiness": "1"}), "linux.sysctl.vm.swappiness"),
        (|config| config["linux"]["sysctl"] = json!({"net/../kernel.core_pattern": "1"}), "linux.sysctl"),
        (|config| config["linux"]["maskedPaths"] = json!(["etc"]), "linux.maskedPaths[0]"),
        (|config| config["linux"]["cgroupsPath"] = json!("system.slice:a:b"), "linux.cgroupsPath"),
        (|config| config["linux"]["cgroupsPath"] = json!("/a/.."), "linux.cgroupsPath"),
        (
            |config| {
                config["linux"]["namespaces"][1]["path"] = json!("/proc/self/ns/net");
                config["linux"]["sysctl"] = json!({"net.ipv4.ip_default_ttl": "77"});
            },
            "linux.sysctl.net.ipv4.ip_default_ttl",
        ),
        (
            |config| {
                config["hostname"] = json!("");
                config["domainname"] = json!("kitchen.example");
                drop(config["linux"]["namespaces"].as_array_mut().unwrap().remove(3));
            },
            "domainname",
        ),
        (
            |config| {
                let test = json!({"index": 1, "op": "SCMP_CMP_EQ", "value": 7});
                let tests = vec![test; 1000];
                config["linux"]["seccomp"] = json!({
                    "defaultAction": "SCMP_ACT_ALLOW",
                    "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "args": tests}],
                });
            },
            "linux.seccomp.syscalls",
        ),
        (|config| config["linux"]["intelRdt"] = json!({}), "linux.intelRdt"),
        (|config| config["linux"]["devices"] = json!([{"type": "c", "path": "/dev/../x"}]), "linux.devices[0]"),
        (|config| config["mounts"][2]["options"] = json!(["rshared"]), "mounts[2].options"),
        (|config| config["mounts"][4]["type"] = json!("ext4"), "mounts[4].type"),
        (|config| config["mounts"][4]["uidMappings"] = json!([]), "mounts[4].uidMappings"),
        (|config| config["mounts"][4]["destination"] = json!("/"), "mounts[4].destination"),
        (|config| drop(config["mounts"].as_array_mut().unwrap().remove(1)), "mounts"),
        (|config| config["hooks"] = json!({"startContainer": [{"path": "/bin/true"}]}), "hooks.startContainer"),
        (
            |config| config["linux"]["seccomp"] = json!({"defaultAction": "SCMP_ACT_NOTIFY"}),
            "linux.seccomp.defaultAction",
        ),
        (
            |config| {
                config["linux"]["seccomp"] = json!({
                    "defaultAction": "SCMP_ACT_ALLOW",
                    "syscalls": [{"names": ["read"], "action": "SCMP_ACT_FLY"}],
                });
            },
            "linux.seccomp.syscalls[0].action",
        ),
        (|config| config["ociVersion"] = json!("2.0.0"), "ociVersion"),
        (|config| config["windows"] = json!({}), "windows"),
    ];
    let place = Place::new("");
    let folder = bundle(&place, "b", "");
    for (change, expected) in cases {
        fs::write(folder.join("config.json"), config("true", change)).unwrap();
        let shown = text(&oci(&place, "run --bundle b one"));
        assert!(shown.contains(expected) && shown.ends_with("[1]"), "{expected}: {shown}");
        assert_eq!(status(&place, "one"), "none");
    }
    for name in ["../x", "a/b", "", "-", "..", "a b"] {
        let output = place.command("oci --root state run --bundle b").arg(name).output().unwrap();
        assert!(!output.status.success(), "{name}");
    }
}

#[test]
fn a_namespace_is_joined_only_if_it_is_of_the_type_that_is_meant() {
    if !is_root() {
        return;
    }
    let place = Place::new("");
    let joining = |path: &str| config("echo inside", |config| config["linux"]["namespaces"][1]["path"] = json!(path));
    let folder = bundle(&place, "b", &joining("/proc/self/ns/uts"));
    let shown = text(&oci(&place, "run --bundle b one"));
    assert!(shown.contains("setns") && !shown.contains("inside"), "{shown}");
    fs::write(folder.join("config.json"), joining("/proc/self/ns/net")).unwrap();
    assert_eq!(text(&oci(&place, "run --bundle b one")), "inside\n[0]");
}

#[test]
fn a_user_namespace_is_joined_and_its_root_is_become() {
    if !is_root() {
        return;
    }
    let place = Place::new("");
    let mut owner = Command::new("unshare")
        .args(["--user", "sh", "-c", "echo; exec sleep 1000"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    owner.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
    for map in ["uid_map", "gid_map"] {
        fs::write(format!("/proc/{}/{map}", owner.id()), "0 100000 65536").unwrap();
    }
    let path = format!("/proc/{}/ns/user", owner.id());
    let change = |config: &mut Value| {
        config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "user", "path": path}));
    };
    bundle(&place, "b", &config("id -u; cat /proc/self/uid_map; echo > /dev/null", change));
    // Whoever is root there is nobody here.
    fs::set_permissions(place.folder(), fs::Permissions::from_mode(0o755)).unwrap();
    let shown = text(&oci(&place, "run --bundle b one"));
    owner.kill().unwrap();
    owner.wait().unwrap();
    let words: Vec<&str> = shown.split_whitespace().collect();
    assert_eq!(words, ["0", "0", "100000", "65536", "[0]"], "{shown}");
}

#[test]
fn ids_that_the_kernel_refuses_are_told() {
    if !is_root() {
        return;
    }
    let place = Place::new("");
    let change = |config: &mut Value| {
        as_mapped(config);
        config["linux"]["uidMappings"][1]["containerID"] = json!(0);
    };
    bundle(&place, "b", &config("true", change));
    let shown = text(&oci(&place, "run --bundle b one"));
    assert!(shown.contains("uid_map"), "{shown}");
    assert_eq!(status(&place, "one"), "none");
}

#[test]
fn a_control_group_is_one_containers() {
    if !is_root() || !Path::new("/sys/fs/cgroup").is_dir() {
        return;
    }
    let place = Place::new("");
    let name = format!("/layerlab-test-{}", std::process::id());
    bundle(&place, "b", &config("sleep 1000", |config| config["linux"]["cgroupsPath"] = json!(name)));
    create(&place, "create --bundle b one");
    create(&place, "start one");
    let shown = text(&oci(&place, "run --bundle b two"));
    assert!(shown.contains("EBUSY") || shown.contains("there are processes in it"), "{shown}");
    assert_eq!(text(&oci(&place, "delete --force two")), "[0]");
    assert_eq!(status(&place, "one"), "running");
    assert_eq!(text(&oci(&place, "delete --force one")), "[0]");
    let left = glob(&name);
    assert!(left.is_empty(), "{left:?}");
}

/// The control groups of that name, in every hierarchy.
fn glob(name: &str) -> Vec<PathBuf> {
    let hierarchies = fs::read_dir("/sys/fs/cgroup").unwrap().flatten().map(|entry| entry.path());
    let all = hierarchies.chain([PathBuf::from("/sys/fs/cgroup")]).map(|folder| folder.join(&name[1..]));
    all.filter(|group| group.is_dir()).collect()
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
fn one_whose_creator_is_killed_is_deleted() {
    let place = Place::new("");
    // A hook that tells that it is there, and ends when the creator has.
    let note = place.path("note").display().to_string();
    let change = |config: &mut Value| {
        let line = format!("cat > {note}; while kill -0 $PPID 2> /dev/null; do sleep 0.05; done");
        config["hooks"]["createRuntime"] =
            json!([{"path": "/bin/sh", "args": ["sh", "-c", line], "env": ["PATH=/usr/bin:/bin"]}]);
    };
    bundle(&place, "b", &config("true", change));
    let state = place.folder().join("home/state").display().to_string();
    let mut command = place.command(&format!("oci --root {state} create --bundle b one"));
    let mut creator = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut number = 0;
    until("the hook is told", || {
        let told: Value = serde_json::from_slice(&fs::read(place.path("note")).unwrap_or_default()).unwrap_or_default();
        number = told["pid"].as_i64().unwrap_or_default();
        number > 0
    });
    assert_eq!(status(&place, "one"), "creating");
    creator.kill().unwrap();
    creator.wait().unwrap();
    until("its process has ended", || status(&place, "one") == "stopped");
    assert_eq!(text(&oci(&place, "delete one")), "[0]");
    assert_eq!(status(&place, "one"), "none");
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
            let theirs = command.arg(format!("layerlab-test-{}-{index}", std::process::id())).output().unwrap();
            assert_eq!(ours, text(&theirs), "{name}: we and {peer}");
        }
    }
}
