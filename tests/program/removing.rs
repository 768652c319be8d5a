//! Removing while others work, making room, and what a killed process leaves.

use std::fs;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Place, Role, missing};

/// Starts the program, and waits until a container of it runs.
fn start(place: &Place, arguments: &[&str]) -> Child {
    let mut command: Command = place.command("");
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let containers = place.home().join("containers");
    let begun = Instant::now();
    while fs::read_dir(&containers).map_or(0, Iterator::count) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "no container has begun");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

fn end(child: Child) -> String {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{text}");
    text
}

#[test]
fn nothing_is_removed_that_a_build_uses() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nCOPY note /note\nRUN rm -r /root; sleep 2; echo done > /done\nRUN cat /note /done\n\
         //- note\nhello\n",
    );
    place.run("build -q -t other .");
    let building = start(&place, &["build", "-q", "--no-cache", "-t", "late", "."]);
    for _ in 0..2 {
        for command in ["rmi -f other", "rmi layerlab/base", "prune --all"] {
            place.run(command);
        }
    }
    end(building);
    assert_eq!(place.run("run late cat /note /done"), "hello\ndone\n");
    place.assert_whole();
}

#[test]
fn nothing_is_removed_that_a_container_uses() {
    let place = Place::new("//- Dockerfile\nFROM layerlab/base\nRUN rm -r /root\nCOPY note /note\n//- note\nhello\n");
    place.run("build -q -t image .");
    let wait = "until test -e /go/on; do sleep 0.05; done; cat /note; ls / | grep -c root; true";
    let (volume, _) = (format!("{}:/go", place.path("go").display()), fs::create_dir(place.path("go")));
    let running = start(&place, &["run", "--rm", "-v", &volume, "image", "sh", "-c", wait]);
    while place.run("ps -q").is_empty() {}
    for command in ["rmi image", "rmi -f image"] {
        let text = place.run(command);
        assert!(text.contains("is used by the running container"), "{text}");
    }
    place.run("rmi layerlab/base");
    place.run("prune --all");
    fs::write(place.path("go/on"), "").unwrap();
    assert_eq!(end(running), "hello\n0\n");
    place.run("rmi image");
    place.run("prune --all");
    for folder in ["blobs/sha256", "unpacked", "expanded", "leases"] {
        let left = fs::read_dir(place.home().join(folder)).unwrap().flatten();
        let left: Vec<_> = left.map(|entry| entry.file_name()).filter(|name| name != ".lock").collect();
        assert!(left.is_empty(), "{folder}: {left:?}");
    }
    place.assert_whole();
}

#[test]
fn what_a_killed_build_has_written_can_go() {
    let place = Place::new("//- Dockerfile\nFROM layerlab/base\nCOPY note /note\nRUN sleep 60\n//- note\nhello\n");
    let mut building = start(&place, &["build", "."]);
    building.kill().unwrap();
    building.wait().unwrap();
    // Its container ends with it, and then its lease is nobody's.
    let begun = Instant::now();
    while !place.run("prune --all").contains("reclaimed space: 0B") {
        assert!(begun.elapsed() < Duration::from_secs(60), "something stays");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(fs::read_dir(place.home().join("leases")).unwrap().count(), 0);
    place.run("rmi layerlab/base");
    assert_eq!(fs::read_dir(place.home().join("blobs/sha256")).unwrap().count(), 0);
    place.assert_whole();
}

#[test]
fn room_is_made_and_said() {
    let place = Place::new(
        "//- Dockerfile\nFROM scratch\nCOPY one /\nCOPY two /\n//- one\nthe first file\n//- two\nthe second file\n",
    );
    place.run("build -q -t kept .");
    place.write("two", &"another second file\n".repeat(300));
    place.run("build -q .");
    let text = place.session(&[
        "store size",
        "prune --dry-run",
        "prune --cache --all --dry-run",
        "prune --keep-storage 1kB --dry-run",
        "prune --until 0s --dry-run --json",
        "prune --until 7x",
        "prune --all --until 7d",
        "image prune --force",
        "store verify",
        "store verify --list",
        "prune --all",
        "store size",
        "store verify",
        "images",
    ]);
    // What a record and a proof hold depends on the folder.
    let filtered: Vec<String> = text
        .lines()
        .map(|line| match line {
            line if ["cache records", "proofs of", "total "].iter().any(|what| line.starts_with(what)) => {
                line.split("  ").next().unwrap_or_default().to_owned() + " …"
            }
            line if line.trim_start().starts_with("\"bytes\": ") => line.split_once(": ").unwrap().0.to_owned() + ": …",
            line if line.contains("eclaimed: ") || line.contains("reclaimed space: ") => {
                line.split_once(": ").unwrap().0.to_owned() + ": …"
            }
            line => line.to_owned(),
        })
        .collect();
    insta::assert_snapshot!(filtered.join("\n"));
    place.assert_whole();
}

#[test]
fn what_a_stopped_container_needs_stays() {
    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY note /note\n//- note\nhello\n");
    place.run("build -q -t image .");
    let id = place.run("create image /note").trim().to_owned();
    let container = place.home().join("containers").join(id);
    assert!(place.run("rmi image").contains("stopped container"), "a container uses it");
    place.run("rmi -f image");
    place.run("prune --all");
    let blobs = || fs::read_dir(place.home().join("blobs/sha256")).unwrap().count();
    assert_eq!(blobs(), 3, "manifest, configuration, layer");
    assert!(place.run("store size").contains("blobs of containers                      3"));
    // Where nobody can tell what it needs, nothing goes.
    fs::write(container.join("container.json"), "{").unwrap();
    let text = place.run("prune --all");
    assert!(text.contains("container.json") && text.contains("[exit code 1]"), "{text}");
    assert_eq!(blobs(), 3);
    fs::remove_dir_all(&container).unwrap();
    place.run("prune --all");
    assert_eq!(blobs(), 0);
    place.assert_whole();
}

#[test]
fn the_root_file_system_of_a_running_container_stays() {
    let mut roles = vec![Role::Self_];
    if nix::unistd::geteuid().is_root() {
        roles.extend([Role::Mapped, Role::Single]);
    } else {
        missing("a container of another user: the tests don't run as root");
    }
    for role in roles {
        let place = Place::of(role, "//- Dockerfile\nFROM layerlab/base\nRUN echo whole > /note\n");
        place.run("build -q -t named .");
        // Its layers are those of images with names, too.
        place.run("run -d --name one named sleep 100");
        for prune in ["prune --all", "system prune -a -f", "image prune -a -f"] {
            assert!(!place.run(prune).contains("error"), "{role:?} {prune}");
            assert_eq!(place.run("exec one cat /note"), "whole\n", "{role:?} after {prune}");
        }
        place.run("rm -f one");
        assert!(place.run("prune --all").contains("unpacked copies of layers"), "{role:?}");
        place.assert_whole();
    }
}

#[test]
fn what_a_reproducible_build_has_just_used_stays() {
    // The build's own time is years ago; it is the real one that counts.
    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY note /note\n//- note\nhello\n");
    let mut building = place.command("build -q .");
    building.env("SOURCE_DATE_EPOCH", "1000");
    assert!(building.status().unwrap().success());
    let foreseen = place.run("prune --dry-run");
    assert!(!foreseen.contains("steps of the cache"), "{foreseen}");
    let foreseen = place.run("prune --until 0s --dry-run");
    assert!(
        foreseen.lines().any(|line| line.split_whitespace().eq(["steps", "of", "the", "cache", "1"])),
        "{foreseen}"
    );
}
