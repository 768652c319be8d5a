//! A bundle of the OCI runtime specification, and the command line of its runtime.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::Place;

/// Where Debian's package `busybox-static` has it.
pub const BUSYBOX: &str = "/bin/busybox";

/// A document as `runc spec` writes it, with a command and what a test changes in it.
pub fn config(command: &str, change: impl FnOnce(&mut Value)) -> String {
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
pub type Change = fn(&mut Value);

/// The same as an ordinary user of one id has it.
pub fn as_user(config: &mut Value) {
    let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
    namespaces.push(json!({"type": "user"}));
    config["linux"]["uidMappings"] = json!([{"containerID": 0, "hostID": 1000, "size": 1}]);
    config["linux"]["gidMappings"] = json!([{"containerID": 0, "hostID": 1000, "size": 1}]);
}

/// As one with a range of ids.
pub fn as_mapped(config: &mut Value) {
    as_user(config);
    for mappings in ["uidMappings", "gidMappings"] {
        let list = config["linux"][mappings].as_array_mut().unwrap();
        list.push(json!({"containerID": 1, "hostID": 100_000, "size": 65_536}));
    }
}

/// Writes a bundle.
pub fn bundle(place: &Place, name: &str, config: &str) -> PathBuf {
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

pub fn is_root() -> bool {
    nix::unistd::Uid::effective().is_root()
}

pub fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

pub fn text(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let status = output.status.code().map_or("no code".to_owned(), |code| code.to_string());
    format!("{}{}[{status}]", text(&output.stdout), text(&output.stderr))
}

/// Waits until something is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(60), "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn oci(place: &Place, arguments: &str) -> Output {
    place.output(&format!("oci --root {} {arguments}", place.folder().join("home/state").display()))
}

/// Has a container created. It keeps the streams that it is given, so these lead nowhere.
pub fn create(place: &Place, arguments: &str) {
    let mut command = place.command(&format!("oci --root {} {arguments}", place.folder().join("home/state").display()));
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(status.success(), "{arguments}: {status}");
}

pub fn status(place: &Place, id: &str) -> String {
    let state: Value = serde_json::from_slice(&oci(place, &format!("state {id}")).stdout).unwrap_or_default();
    state["status"].as_str().unwrap_or("none").to_owned()
}
