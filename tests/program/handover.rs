//! `bundle`: a container or an image written for another engine, which runs it with the same result as we do.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::Command;

use crate::bundle::{is_installed, is_root, oci, text};
use crate::harness::{Place, Role, filter, missing};
use crate::yard::{Yard, roles};

/// What a process sees of its container, in lines.
const LOOK: &str = "cat /kept /data/file; id; pwd; echo $COLOUR; hostname; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; \
    ls /dev | grep -vx core; ls /proc/kcore /sys/firmware; mount | cut -d' ' -f3 | grep -E '^/(proc|dev|data|scratch)?$' | sort | uniq; \
    ulimit -a; ls /proc/self/ns; cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range; \
    cut -d: -f3 /proc/self/cgroup | sort -u; ls /sys/fs/cgroup | grep -v ^net_; touch /data/new /x && echo written; unshare -U true; exit 7";

/// Another engine in the place.
fn run(place: &Place, peer: &str, folder: &str) -> String {
    if peer == "layerlab" {
        return text(&oci(place, &format!("run --bundle {folder} one")));
    }
    // crun can't do anything where version 2 of control groups is mounted beside version 1.
    let mut command = Command::new("unshare");
    let script = "umount /sys/fs/cgroup/unified 2> /dev/null; exec \"$@\"";
    command.args(["--mount", "sh", "-c", script, "sh", peer, "--root"]).arg(place.path("peer"));
    command.arg("run").arg("--bundle").arg(place.path(folder));
    // The control groups of a name go a moment after its container.
    text(&command.arg(format!("layerlab-bundle-{}-{folder}-{peer}", std::process::id())).output().unwrap())
}

#[test]
fn a_container_runs_under_another_engine_as_under_ours() {
    if !is_root() {
        return missing("containers handed over to runc and crun, as root");
    }
    let yard = Yard::new(Role::Self_);
    let place = &yard.0;
    place.write("data/file", "of the machine\n");
    let options =
        "--name box -e COLOUR=red -w /tmp -h host --tmpfs /scratch --memory 64m --ulimit nofile=512 --cap-drop net_raw";
    for (name, more) in [
        ("root", ""),
        ("user", "-u 12:34"),
        ("groups", "-u 12:34 --group-add 56"),
        ("tight", "--read-only --security-opt no-new-privileges"),
    ] {
        let volume = format!("-v {}:/data:ro", place.path("data").display());
        let options = format!("{options} {volume} {more}");
        let seen = yard.run_script(&options, &format!("echo kept > /kept 2> /dev/null; {LOOK}"));
        assert_eq!(place.run(&format!("bundle box {name}")), "");
        let own = run(place, "layerlab", name);
        assert!(own.ends_with("[7]") && own.contains("of the machine") && own.contains("red"), "{name}: {own}");
        assert_eq!(own.trim_end_matches("[7]"), seen, "{name}: `run` and the bundle");
        for peer in ["runc", "crun"].into_iter().filter(|peer| is_installed(peer)) {
            assert_eq!(run(place, peer, name), own, "{name}: we and {peer}");
        }
        place.run("rm box");
    }
}

#[test]
fn an_image_is_a_bundle_too() {
    for role in roles() {
        let yard = Yard::new(role);
        let place = &yard.0;
        place.write("app/Dockerfile", "FROM layerlab/base\nRUN echo made > /made\nWORKDIR /w\nENV A=b\nCMD [\"sh\", \"-c\", \"cat /made; pwd; echo $A; id -u\"]\n");
        place.give(&place.path(""));
        place.run("build --progress quiet -t app app");
        let form = if role == Role::Single { "--rootless " } else { "" };
        let mut said = place.session(&[&format!("bundle {form}app out"), "bundle app out", "bundle nothing other"]);
        if role != Role::Mapped {
            said += &text(&oci(place, "run --bundle out one"));
        }
        assert!(role == Role::Mapped || said.ends_with("made\n/w\nb\n0\n[0]"), "{said}");
        insta::allow_duplicates! {
            insta::assert_snapshot!(filter(said.split("made\n").next().unwrap()).replace("--rootless ", ""));
        }
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_bundle_is_closed_to_others() {
    let yard = Yard::new(Role::Self_);
    let place = &yard.0;
    place.run("create --name box layerlab/base true");
    assert_eq!(place.run("bundle box above/new"), "");
    fs::create_dir(place.path("empty")).unwrap();
    fs::set_permissions(place.path("empty"), Permissions::from_mode(0o755)).unwrap();
    assert_eq!(place.run("bundle box empty/"), "");
    for folder in ["above/new", "empty"] {
        assert_eq!(mode(&place.path(folder)), 0o700, "{folder}");
        assert_eq!(mode(&place.path(folder).join("config.json")), 0o600, "{folder}");
    }
    place.write("open/file", "");
    fs::set_permissions(place.path("open"), Permissions::from_mode(0o755)).unwrap();
    symlink("closed", place.path("link")).unwrap();
    place.write("closed/file", "");
    fs::set_permissions(place.path("closed"), Permissions::from_mode(0o700)).unwrap();
    let said = place.session(&["bundle box open", "bundle box link", "bundle box closed", "bundle box closed"]);
    insta::assert_snapshot!(filter(&said));
    assert_eq!(fs::read_dir(place.path("open")).unwrap().count(), 1);
}

#[test]
fn nothing_is_written_to_the_folder_of_another_user() {
    if !is_root() {
        return missing("a folder of another user, as root");
    }
    let yard = Yard::new(Role::Self_);
    let place = &yard.0;
    place.run("create --name box layerlab/base true");
    fs::create_dir(place.path("theirs")).unwrap();
    fs::set_permissions(place.path("theirs"), Permissions::from_mode(0o700)).unwrap();
    chown(place.path("theirs"), Some(1234), Some(1234)).unwrap();
    let said = place.run("bundle box theirs");
    assert!(said.contains("`theirs` belongs to another user"), "{said}");
    assert_eq!(fs::read_dir(place.path("theirs")).unwrap().count(), 0);
}

#[test]
fn nothing_is_left_of_a_bundle_that_can_not_be() {
    for role in roles() {
        let yard = Yard::new(role);
        let place = &yard.0;
        place.write("app/Dockerfile", "FROM layerlab/base\nUSER ghost\n");
        fs::create_dir(place.path("there")).unwrap();
        if role != Role::Self_ {
            place.give(&place.path(""));
        }
        place.run("build --progress quiet -t app app");
        for folder in ["there", "new"] {
            let said = place.run(&format!("bundle app {folder}"));
            assert!(said.contains("no user `ghost`"), "{said}");
        }
        assert_eq!(fs::read_dir(place.path("there")).unwrap().count(), 0);
        assert!(!place.path("new").exists());
    }
}
