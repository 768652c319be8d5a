//! Stores whose files were damaged, exchanged, or put there by somebody who knows how they are read.
//!
//! Each attack has two images without programs, `good` and `attack`, and something is done to the second. The first goes on
//! working, the second is refused with a reason, marked in the list, named by `store verify`, and can be removed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::mkfifo;
use serde_json::Value;

use crate::forge::{blob, forge};
use crate::harness::{Attack, USERS, attack};
use crate::place::Role;

/// The media type of a list of manifests.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// What lies in the place of a file.
#[derive(Clone, Copy, Debug)]
enum Instead {
    Nothing,
    Pipe,
    Zero,
    Folder,
    /// A link to the sentinel's secret.
    Link,
    /// A file that is larger than any memory, without blocks.
    Giant,
    Cut,
    Longer,
    /// A byte is another one.
    Flipped,
}

const EVERYTHING: &[Instead] = &[
    Instead::Nothing,
    Instead::Pipe,
    Instead::Zero,
    Instead::Folder,
    Instead::Link,
    Instead::Giant,
    Instead::Cut,
    Instead::Longer,
    Instead::Flipped,
];

/// What no program can read as a file of some kilobytes.
const UNREADABLE: &[Instead] = &[Instead::Pipe, Instead::Zero, Instead::Folder, Instead::Link, Instead::Giant];

fn exchange(attack: &Attack, path: &Path, instead: Instead) {
    let bytes = fs::read(path).unwrap_or_default();
    if path.symlink_metadata().is_ok() {
        fs::remove_file(path).unwrap();
    }
    match instead {
        Instead::Nothing => {}
        Instead::Pipe => mkfifo(path, Mode::from_bits_truncate(0o666)).unwrap(),
        Instead::Zero => mknod(path, SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), makedev(1, 5)).unwrap(),
        Instead::Folder => fs::create_dir(path).unwrap(),
        Instead::Link => symlink(attack.sentinel().join("secret"), path).unwrap(),
        Instead::Giant => fs::File::create(path).unwrap().set_len(1 << 40).unwrap(),
        Instead::Cut => fs::write(path, &bytes[..bytes.len() / 2]).unwrap(),
        Instead::Longer => fs::write(path, [bytes.as_slice(), b" "].concat()).unwrap(),
        Instead::Flipped => {
            let mut bytes = bytes;
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(path, bytes).unwrap();
        }
    }
    own(attack);
}

/// What was arranged in the home belongs to the user.
fn own(attack: &Attack) {
    if attack.role != Role::Self_ {
        attack.place.give(&attack.place.home());
    }
}

/// Tries `body` with the two images in the store.
pub fn with_images(idea: &str, body: impl Fn(&mut Attack)) {
    attack(idea, USERS, |attack| {
        attack.write("Dockerfile", "FROM scratch\nCOPY good /\n").write("good", "good\n").write("bad", "bad\n");
        attack.run("build -q -t good .").succeeded();
        attack.write("Dockerfile", "FROM scratch\nCOPY bad /\n");
        attack.run("build -q -t attack .").succeeded();
        attack.write("Dockerfile", "FROM attack\nCOPY good /other\n");
        body(attack);
    });
}

pub fn index(attack: &Attack) -> Value {
    serde_json::from_slice(&fs::read(attack.place.home().join("index.json")).unwrap()).unwrap()
}

/// Changes the entry of the name `attack:latest`, and takes the one without a tag away.
pub fn change_entry(attack: &Attack, change: impl Fn(&mut Value)) {
    let mut index = index(attack);
    let entries = index["manifests"].as_array_mut().unwrap();
    entries.retain(|entry| entry["annotations"]["org.opencontainers.image.ref.name"] != "attack");
    let ours = |entry: &&mut Value| entry["annotations"]["org.opencontainers.image.ref.name"] == "attack:latest";
    change(entries.iter_mut().find(ours).unwrap());
    write_index(attack, &index.to_string());
}

pub fn write_index(attack: &Attack, text: &str) {
    fs::write(attack.place.home().join("index.json"), text).unwrap();
    own(attack);
}

/// The blobs of the image `attack`: manifest, configuration, layer.
pub fn parts(attack: &Attack) -> [PathBuf; 3] {
    let index = index(attack);
    let ours = |entry: &&Value| entry["annotations"]["org.opencontainers.image.ref.name"] == "attack:latest";
    let entry = index["manifests"].as_array().unwrap().iter().find(ours).unwrap();
    let manifest = blob(attack, entry["digest"].as_str().unwrap());
    let document: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    let part = |descriptor: &Value| blob(attack, descriptor["digest"].as_str().unwrap());
    [manifest, part(&document["config"]), part(&document["layers"][0])]
}

/// The image can't be used, everything else can, and it can be removed.
pub fn only_the_image_is_refused(attack: &mut Attack) {
    attack.run("run attack /x").refused("");
    attack.run("build -q .").refused("");
    attack.run("images").succeeded().says("good");
    attack.run("tag good again").succeeded();
    attack.run("rmi attack").succeeded();
    let list = attack.run("images");
    assert!(!list.text.contains("attack"), "{}", list.text);
}

#[test]
fn a_manifest_is_something_else() {
    for instead in EVERYTHING {
        with_images(&format!("{instead:?} in the place of a manifest"), |attack| {
            exchange(attack, &parts(attack)[0], *instead);
            attack.run("images").succeeded().says("<damaged>");
            attack.run("inspect attack").refused("blob sha256:");
            attack.run("store verify").refused("damaged");
            only_the_image_is_refused(attack);
        });
    }
}

#[test]
fn a_configuration_is_something_else() {
    for instead in [Instead::Nothing, Instead::Pipe, Instead::Giant, Instead::Flipped] {
        with_images(&format!("{instead:?} in the place of a configuration"), |attack| {
            exchange(attack, &parts(attack)[1], instead);
            attack.run("images").succeeded().says("<damaged>");
            attack.run("history attack").refused("blob sha256:");
            attack.run("store verify").refused("damaged");
            only_the_image_is_refused(attack);
        });
    }
}

#[test]
fn a_layer_is_something_else() {
    for instead in EVERYTHING {
        with_images(&format!("{instead:?} in the place of a layer"), |attack| {
            exchange(attack, &parts(attack)[2], *instead);
            attack.run("run attack /x").refused("blob sha256:");
            attack.run("store verify").refused("damaged");
            only_the_image_is_refused(attack);
        });
    }
}

#[test]
fn the_list_of_images_is_something_else() {
    for file in ["index.json", "oci-layout"] {
        for instead in UNREADABLE {
            with_images(&format!("{instead:?} in the place of {file}"), |attack| {
                exchange(attack, &attack.place.home().join(file), *instead);
                for command in
                    ["images", "inspect good", "tag good new", "rmi good", "build -q -t new .", "run good /x"]
                {
                    attack.run(command).refused(file);
                }
                attack.run("store verify").refused(file);
            });
        }
    }
}

#[test]
fn what_can_be_made_again_is_something_else() {
    for instead in UNREADABLE {
        with_images(&format!("{instead:?} in the place of records and proofs"), |attack| {
            for folder in ["builds", "proven", "cache"] {
                for entry in fs::read_dir(attack.place.home().join(folder)).unwrap().flatten() {
                    // The cache of file digests has a test of its own.
                    if entry.path().is_file() && entry.file_name() != "stat" {
                        exchange(attack, &entry.path(), *instead);
                    }
                }
            }
            attack.run("images").succeeded();
            attack.run("plan .").succeeded();
            attack.run("rmi good").succeeded();
            attack.run("store verify").succeeded();
        });
    }
}

#[test]
fn a_lock_is_a_link_out_of_the_home() {
    with_images("the file that locking makes is made elsewhere", |attack| {
        for lock in ["store.lock", "index.lock", "index.spare"] {
            let path = attack.place.home().join(lock);
            let _ = fs::remove_file(&path);
            symlink(attack.sentinel().join(format!("made-by-{lock}")), path).unwrap();
        }
        attack.run("images").refused("store.lock");
        fs::remove_file(attack.place.home().join("store.lock")).unwrap();
        attack.run("tag good new").refused("index.lock");
        fs::remove_file(attack.place.home().join("index.lock")).unwrap();
        attack.run("tag good new").succeeded();
    });
}

#[test]
fn blobs_of_a_damaged_image_are_kept() {
    with_images("a removal takes the layers of an image whose manifest can't be read", |attack| {
        let [manifest, config, layer] = parts(attack);
        let saved = fs::read(&manifest).unwrap();
        // Nothing but the image needs the layer.
        fs::remove_dir_all(attack.place.home().join("cache")).unwrap();
        exchange(attack, &manifest, Instead::Flipped);
        attack.run("rmi good").succeeded().says("nothing is deleted while an image is damaged");
        assert!(config.exists() && layer.exists());
        fs::write(&manifest, saved).unwrap();
        attack.run("inspect attack").succeeded();
        attack.run("store verify").succeeded();
    });
}

#[test]
fn a_home_cannot_be_written_to() {
    attack("a home of somebody else", &[Role::Single, Role::Mapped], |attack| {
        attack.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
        attack.build().succeeded();
        let home = attack.place.home();
        let mut folders = vec![home.clone()];
        while let Some(folder) = folders.pop() {
            std::os::unix::fs::chown(&folder, Some(0), Some(0)).unwrap();
            fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
            for entry in fs::read_dir(folder).unwrap().flatten() {
                match entry.file_type().unwrap().is_dir() {
                    true => folders.push(entry.path()),
                    false => std::os::unix::fs::chown(entry.path(), Some(0), Some(0)).unwrap(),
                }
            }
        }
        for command in ["images", "inspect attack", "history attack", "plan .", "store verify", "store path"] {
            attack.run(command).succeeded();
        }
        for command in ["rmi attack", "tag attack other", "build -q .", "run attack /x"] {
            attack.run(command).refused("Permission denied (EACCES)");
        }
    });
}

#[test]
fn a_limit_is_not_a_number() {
    with_images("limits of the environment", |attack| {
        for (value, why) in [("many", "not a number"), ("-1", "not a number"), ("10", "LAYERLAB_MAX_MANIFEST")] {
            let mut command = attack.place.command("inspect good");
            command.env("LAYERLAB_MAX_MANIFEST", value);
            attack.run_command(command).refused(why);
        }
        let mut command = attack.place.command("inspect good");
        command.env("LAYERLAB_MAX_MANIFEST", "1G");
        attack.run_command(command).succeeded();
    });
}

#[test]
fn a_clock_is_wrong() {
    with_images("times before 1970 and after the year 9999", |attack| {
        for created in ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "+999999-01-01T00:00:00Z", "never", "\u{1b}[2J"]
        {
            forge(attack, |documents| {
                documents.config["created"] = created.into();
                documents.config["history"][0]["created"] = created.into();
            });
            attack.run("images").succeeded();
            attack.run("history attack").succeeded();
        }
        for epoch in ["253402300799", "253402300800", "-1", "0", "9223372036854775808", ""] {
            let mut command = attack.place.command("build -q --no-cache .");
            command.env("SOURCE_DATE_EPOCH", epoch);
            let outcome = attack.run_command(command);
            let is_time = matches!(epoch, "253402300799" | "0" | "");
            assert_eq!(outcome.status.success(), is_time, "{epoch}: {}", outcome.text);
        }
    });
}

#[test]
fn images_are_removed_while_they_are_used() {
    with_images("removals beside builds and lists", |attack| {
        attack.write("Dockerfile", "FROM scratch\nCOPY good /\nCOPY bad /\n");
        let place = &attack.place;
        std::thread::scope(|scope| {
            for worker in 0..3 {
                scope.spawn(move || {
                    for round in 0..8 {
                        let name = format!("image-{worker}-{round}");
                        for command in [format!("build -q -t {name} ."), "images".to_owned(), format!("rmi {name}")] {
                            let output = place.output(&command);
                            let text = String::from_utf8_lossy(&output.stderr);
                            assert!(output.status.success(), "{command}: {text}");
                        }
                    }
                });
            }
        });
        attack.run("inspect good").succeeded();
        attack.run("store verify").succeeded();
    });
}
