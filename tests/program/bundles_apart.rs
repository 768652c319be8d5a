//! What a bundle must not do to others, and what is left of one that was ended in the middle: namespaces and control groups of others, ids
//! that are nobody's, fields that would be ignored, kills.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::bundle::{Change, as_mapped, bundle, config, create, is_root, oci, status, text, until};
use crate::harness::Place;

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
