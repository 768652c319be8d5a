//! Homes that somebody else prepared: what is swept, closed and locked in them may not be files of the machine.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{Attack, USERS, attack};

/// Every folder of a home that something is made, closed or removed in.
const FOLDERS: &[&str] =
    &["blobs", "blobs/sha256", "builds", "cache", "containers", "expanded", "proven", "tmp", "unpacked", "volumes"];

const DOCKERFILE: &str = "FROM layerlab/base\nCOPY note /note\nRUN echo hello > /file\n";

fn built(attack: &mut Attack) {
    attack.write("Dockerfile", DOCKERFILE).write("note", "text\n");
    attack.build().succeeded();
}

/// A folder of the sentinel with what each sweep looks for: names of temporary files, a folder that could be a dead container's.
fn precious(attack: &Attack) -> PathBuf {
    let folder = attack.sentinel().join("folder");
    for name in [".1-1.tmp", ".notes.tmp"] {
        fs::write(folder.join(name), "precious\n").unwrap();
    }
    for name in [".1-2.tmp", "0123456789ab"] {
        fs::create_dir(folder.join(name)).unwrap();
        fs::write(folder.join(name).join("file"), "precious\n").unwrap();
    }
    if attack.role != crate::place::Role::Self_ {
        attack.place.give(&folder);
    }
    folder
}

#[test]
fn a_folder_of_the_home_is_a_link() {
    for name in FOLDERS {
        attack(&format!("`{name}` of the home leads to the user's own files"), USERS, |attack| {
            let (folder, link) = (precious(attack), attack.place.home().join(name));
            built(attack);
            fs::remove_dir_all(&link).unwrap();
            symlink(&folder, &link).unwrap();
            for command in ["build --no-cache .", "images", "run layerlab/base true", "rmi attack", "store verify"] {
                attack.run(command).refused("is a symbolic link, not a folder of the store itself");
            }
        });
    }
}

#[test]
fn files_of_somebody_else_are_called_temporary() {
    attack("a sweep takes whatever ends with `.tmp`", USERS, |attack| {
        built(attack);
        let (ours, others) = (attack.place.home().join(".1-1.tmp"), attack.place.home().join(".notes.tmp"));
        for path in [&ours, &others] {
            fs::write(path, "text\n").unwrap();
        }
        attack.run("images").succeeded();
        assert!(!ours.exists() && others.exists());
    });
}

#[test]
fn a_volume_of_the_home_is_a_link() {
    attack("a named volume leads to the user's own files", USERS, |attack| {
        let sentinel = attack.sentinel();
        attack.run("images").succeeded();
        symlink(&sentinel, attack.place.home().join("volumes/evil")).unwrap();
        attack.run("run -v evil:/data layerlab/base touch /data/new").refused("is a symbolic link");
    });
}

#[test]
fn a_past_build_has_the_largest_number() {
    attack("numbers of builds that nobody counts to", USERS, |attack| {
        built(attack);
        for name in ["18446744073709551615", "18446744073709551614", "4294967295", "+7", "007", "-1"] {
            fs::write(attack.place.home().join(format!("builds/{name}.json")), "{}").unwrap();
        }
        for _ in 0..2 {
            attack.build().succeeded();
        }
        attack.run("plan .").succeeded();
    });
}

#[test]
fn a_list_of_what_is_used_is_no_file() {
    attack("what has the name of a process's list, and no process has made", USERS, |attack| {
        built(attack);
        for name in ["99999-0", "99999-1"] {
            attack.run("tag attack other").succeeded();
            let path = attack.place.home().join("leases").join(name);
            match name {
                "99999-0" => fs::create_dir(&path).unwrap(),
                _ => symlink(attack.sentinel().join("folder"), &path).unwrap(),
            }
            attack.run("rmi other").succeeded().says("Untagged: other:latest");
            attack.run("prune").succeeded().says("not a regular file");
            attack.run("store size").succeeded();
            assert!(path.symlink_metadata().is_ok());
        }
        attack.run("rmi attack").succeeded().says("Untagged: attack:latest").says("Deleted: sha256:");
    });
}

#[test]
fn a_removal_waits_for_a_lock_that_somebody_keeps() {
    attack("a lock that is never given back: Ctrl-C is heard all the same", USERS, |attack| {
        built(attack);
        let lock = fs::File::open(attack.place.home().join("store.lock")).unwrap();
        lock.lock_shared().unwrap();
        let mut command = attack.place.command("rmi attack");
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        // What was done is said before the rest is begun.
        assert_eq!(line, "Untagged: attack:latest\n");
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        drop(lock);
        attack.run("store verify").succeeded();
        attack.run("prune --all").succeeded();
    });
}
