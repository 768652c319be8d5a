//! The home is its owner's alone.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use crate::harness::{Place, Role, missing};

/// The folders that nobody else may enter; the empty name is the home itself.
const CLOSED: [&str; 4] = ["", "unpacked", "containers", "volumes"];

fn modes(home: &Path) -> Vec<u32> {
    CLOSED.iter().map(|folder| fs::metadata(home.join(folder)).unwrap().mode() & 0o7777).collect()
}

#[test]
fn a_home_is_closed_to_others() {
    for role in [Role::Self_, Role::Mapped, Role::Single] {
        let place = Place::of(role, "");
        place.run("run -v named:/data layerlab/base true");
        assert_eq!(modes(&place.home()), [0o700; 4], "{role:?}");
        // One that an older version made, open, and without one of its folders.
        for folder in CLOSED {
            fs::set_permissions(place.home().join(folder), fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::remove_dir_all(place.home().join("volumes")).unwrap();
        assert_eq!(place.run("run layerlab/base echo fine"), "fine\n");
        assert_eq!(modes(&place.home()), [0o700; 4], "{role:?}");
        if !nix::unistd::geteuid().is_root() {
            return missing("homes of users: only root can become one");
        }
    }
}

#[test]
fn a_mask_of_the_shell_opens_and_closes_nothing_more() {
    let place = Place::new("");
    for (mask, home) in [("000", "open"), ("077", "closed"), ("0177", "odd")] {
        let mut command = Command::new("sh");
        let script = format!("umask {mask}; exec \"$@\"");
        let inner = place.command("images");
        command.args(["-c", &script, "sh"]).arg(inner.get_program());
        command.arg("--home").arg(place.path(home)).arg("images").current_dir(place.path(""));
        let output = command.output().unwrap();
        if mask != "0177" || nix::unistd::geteuid().is_root() {
            assert!(output.status.success(), "{mask}: {}", String::from_utf8_lossy(&output.stderr));
            assert!(modes(&place.path(home)).iter().all(|mode| mode & 0o077 == 0), "{mask}");
        }
    }
}

/// CVE-2021-41091: a set-user-id program of an image, executed by another user of the machine.
#[test]
fn other_users_do_not_reach_the_programs_of_images() {
    if !nix::unistd::geteuid().is_root() {
        return missing("other users of the machine: only root can become one");
    }
    for role in [Role::Self_, Role::Single] {
        let place = Place::of(
            role,
            "//- Dockerfile\nFROM layerlab/base\nRUN cp /bin/busybox /bin/root && chmod 4755 /bin/root\n",
        );
        place.run("build --progress quiet -t setuid .");
        place.run("run -v kept:/data setuid sh -c cp</bin/root>/data/root");
        assert_eq!(place.run("run setuid true"), "");
        let mut found = Vec::new();
        programs(&place.home(), &mut found);
        assert!(!found.is_empty(), "{role:?}: no unpacked set-user-id program to try");
        for program in found {
            let other = Command::new("setpriv")
                // By another program: setpriv itself still has root's rights when it executes one.
                .args(["--reuid=1001", "--regid=1001", "--clear-groups", "env"])
                .arg(&program)
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&other.stderr).into_owned();
            assert!(!other.status.success() && text.contains("Permission denied"), "{role:?}: {program:?}: {text}");
        }
    }
}

fn programs(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = path.symlink_metadata().unwrap();
        if kind.is_dir() {
            programs(&path, found);
        } else if kind.is_file() && kind.mode() & 0o4000 != 0 {
            found.push(path);
        }
    }
}
