//! Stores whose files were damaged, exchanged, or put there by somebody who knows how they are read.
//!
//! Each attack has two images without programs, `good` and `attack`, and something is done to the second. The first goes on
//! working, the second is refused with a reason, marked in the list, named by `store verify`, and can be removed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::mkfifo;
use serde_json::{Value, json};

use crate::forge::{blob, forge, put};
use crate::harness::{Attack, USERS, attack};
use crate::place::Role;

/// The media type of a list of manifests.
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

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
fn with_images(idea: &str, body: impl Fn(&mut Attack)) {
    attack(idea, USERS, |attack| {
        attack.write("Dockerfile", "FROM scratch\nCOPY good /\n").write("good", "good\n").write("bad", "bad\n");
        attack.run("build -q -t good .").succeeded();
        attack.write("Dockerfile", "FROM scratch\nCOPY bad /\n");
        attack.run("build -q -t attack .").succeeded();
        attack.write("Dockerfile", "FROM attack\nCOPY good /other\n");
        body(attack);
    });
}

fn index(attack: &Attack) -> Value {
    serde_json::from_slice(&fs::read(attack.place.home().join("index.json")).unwrap()).unwrap()
}

/// Changes the entry of the name `attack:latest`, and takes the one without a tag away.
fn change_entry(attack: &Attack, change: impl Fn(&mut Value)) {
    let mut index = index(attack);
    let entries = index["manifests"].as_array_mut().unwrap();
    entries.retain(|entry| entry["annotations"]["org.opencontainers.image.ref.name"] != "attack");
    let ours = |entry: &&mut Value| entry["annotations"]["org.opencontainers.image.ref.name"] == "attack:latest";
    change(entries.iter_mut().find(ours).unwrap());
    write_index(attack, &index.to_string());
}

fn write_index(attack: &Attack, text: &str) {
    fs::write(attack.place.home().join("index.json"), text).unwrap();
    own(attack);
}

/// The blobs of the image `attack`: manifest, configuration, layer.
fn parts(attack: &Attack) -> [PathBuf; 3] {
    let index = index(attack);
    let ours = |entry: &&Value| entry["annotations"]["org.opencontainers.image.ref.name"] == "attack:latest";
    let entry = index["manifests"].as_array().unwrap().iter().find(ours).unwrap();
    let manifest = blob(attack, entry["digest"].as_str().unwrap());
    let document: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    let part = |descriptor: &Value| blob(attack, descriptor["digest"].as_str().unwrap());
    [manifest, part(&document["config"]), part(&document["layers"][0])]
}

/// The image can't be used, everything else can, and it can be removed.
fn only_the_image_is_refused(attack: &mut Attack) {
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
fn a_manifest_is_an_index_too() {
    // CVE-2021-41190: one reader checks the manifest, the other runs what the index leads to.
    let both = |attack: &mut Attack| {
        forge(attack, |documents| {
            let config = documents.manifest["config"].clone();
            documents.manifest["manifests"] = json!([config]);
        });
    };
    with_images("CVE-2021-41190: a manifest with the fields of an index", |attack| {
        both(attack);
        attack.run("inspect attack").refused("`manifests`");
        attack.run("store verify").refused("damaged");
        only_the_image_is_refused(attack);
    });
    with_images("CVE-2021-41190: the same, listed as an index", |attack| {
        both(attack);
        change_entry(attack, |entry| entry["mediaType"] = INDEX.into());
        attack.run("inspect attack").refused("image index");
        only_the_image_is_refused(attack);
    });
    with_images("CVE-2021-41190: a document says that it is of another kind", |attack| {
        forge(attack, |documents| documents.manifest["mediaType"] = INDEX.into());
        attack.run("inspect attack").refused("says that it is");
        only_the_image_is_refused(attack);
    });
    with_images("CVE-2021-41190: the list of images is a manifest, too", |attack| {
        let mut index = index(attack);
        index["layers"] = json!([]);
        write_index(attack, &index.to_string());
        attack.run("images").refused("`layers`");
        attack.run("store verify").refused("`layers`");
    });
}

#[test]
fn an_entry_is_listed_as_what_it_is_not() {
    for media_type in ["application/vnd.oci.image.layer.v1.tar", "text/html", "", "a\u{1b}[2Jb"] {
        with_images(&format!("a manifest that is listed as `{}`", media_type.escape_debug()), |attack| {
            change_entry(attack, |entry| entry["mediaType"] = media_type.into());
            attack.run("inspect attack").refused("not an image manifest");
            only_the_image_is_refused(attack);
        });
    }
    with_images("an artifact with a configuration that is none", |attack| {
        forge(attack, |documents| {
            documents.manifest["config"]["mediaType"] = "application/vnd.oci.empty.v1+json".into()
        });
        attack.run("inspect attack").refused("not an image configuration");
        only_the_image_is_refused(attack);
    });
}

#[test]
fn a_size_is_no_size() {
    for size in [json!(-1), json!(1e30), json!(u64::MAX), json!("17"), json!(null), json!(0.5)] {
        with_images(&format!("a layer of the size {size}"), |attack| {
            forge(attack, |documents| documents.manifest["layers"][0]["size"] = size.clone());
            attack.run("images").succeeded().says("<damaged>");
            only_the_image_is_refused(attack);
        });
    }
    with_images("sizes whose sum is larger than any number", |attack| {
        forge(attack, |documents| {
            let mut layer = documents.manifest["layers"][0].clone();
            layer["size"] = i64::MAX.into();
            documents.manifest["layers"] = json!([layer, layer, layer, layer]);
            let diff_id = documents.config["rootfs"]["diff_ids"][0].clone();
            documents.config["rootfs"]["diff_ids"] = json!([diff_id, diff_id, diff_id, diff_id]);
        });
        attack.run("images").succeeded();
        attack.run("inspect attack").succeeded();
        attack.run("run attack /x").refused("its descriptor says 9223372036854775807");
    });
    with_images("a manifest whose entry says that it has forty gigabytes", |attack| {
        change_entry(attack, |entry| entry["size"] = (40u64 << 30).into());
        attack.run("inspect attack").refused("LAYERLAB_MAX_MANIFEST");
        only_the_image_is_refused(attack);
    });
}

#[test]
fn a_document_is_nested_without_an_end() {
    with_images("JSON of a hundred thousand brackets", |attack| {
        let deep = "[".repeat(100_000);
        let (digest, size) = put(attack, deep.as_bytes());
        change_entry(attack, |entry| {
            entry["digest"] = digest.clone().into();
            entry["size"] = size.into();
        });
        attack.run("inspect attack").refused("not a valid image manifest");
        attack.run("store verify").refused("damaged");
        only_the_image_is_refused(attack);
        write_index(attack, &format!(r#"{{"schemaVersion":2,"manifests":{deep}"#));
        attack.run("images").refused("index.json");
        attack.run("store verify").refused("index.json");
    });
}

#[test]
fn an_index_lists_an_index_that_lists_an_index() {
    for depth in [20, 1000] {
        with_images("a chain of indexes, for a stack without an end", |attack| {
            let entry = index(attack)["manifests"][0].clone();
            let mut descriptor = json!({ "mediaType": MANIFEST, "digest": entry["digest"], "size": entry["size"] });
            for _ in 0..depth {
                let text = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor] }).to_string();
                let path = blob(attack, &layerlab::oci::Digest::of(text.as_bytes()).to_string());
                fs::write(path, &text).unwrap();
                let digest = layerlab::oci::Digest::of(text.as_bytes()).to_string();
                descriptor = json!({ "mediaType": INDEX, "digest": digest, "size": text.len() });
            }
            change_entry(attack, |entry| {
                entry["mediaType"] = INDEX.into();
                entry["digest"] = descriptor["digest"].clone();
                entry["size"] = descriptor["size"].clone();
            });
            attack.run("run attack /x").refused("nested");
            attack.run("store verify").refused("nested");
            only_the_image_is_refused(attack);
        });
    }
}

#[test]
fn an_index_lists_itself() {
    with_images("an index under a name that it contains", |attack| {
        let digest = format!("sha256:{}", "a".repeat(64));
        let text = json!({ "schemaVersion": 2, "manifests": [{ "mediaType": INDEX, "digest": digest, "size": 200 }] });
        let text = format!("{:200}", text.to_string());
        fs::write(blob(attack, &digest), text).unwrap();
        change_entry(attack, |entry| {
            entry["mediaType"] = INDEX.into();
            entry["digest"] = digest.clone().into();
            entry["size"] = 200.into();
        });
        attack.run("store verify").refused("damaged");
        only_the_image_is_refused(attack);
    });
}

#[test]
fn a_name_is_a_path_or_an_escape_sequence() {
    let names = [
        "../../../x",
        "/etc/passwd",
        "a\u{1b}]0;title\u{7}",
        "a\nfake  latest  000000000000",
        "",
        "UPPER",
        "a b",
        "\u{202e}x",
    ];
    for name in names {
        with_images(&format!("the name `{}` in the list of images", name.escape_debug()), |attack| {
            change_entry(attack, |entry| {
                entry["annotations"] =
                    json!({ "org.opencontainers.image.ref.name": name, "io.containerd.image.name": name });
            });
            let list = attack.run("images");
            list.succeeded().says("<none>");
            assert!(!list.text.contains('\u{1b}') && !list.text.contains("fake"), "{}", list.text);
            attack.run("store verify").succeeded().says("can't be used as the name of an image");
            let digest = index(attack)["manifests"].as_array().unwrap().iter().find_map(|entry| {
                let is_ours = entry["annotations"]["io.containerd.image.name"] == name;
                is_ours.then(|| entry["digest"].as_str().unwrap().to_owned())
            });
            attack.run(&format!("rmi {}", digest.unwrap())).succeeded().says("Deleted");
            assert!(!attack.run("images").text.contains("<none>"));
        });
    }
}

#[test]
fn a_name_is_there_twice() {
    with_images("two images of one name", |attack| {
        change_entry(attack, |entry| {
            entry["annotations"]["io.containerd.image.name"] = "docker.io/library/good:latest".into();
        });
        attack.run("images").succeeded();
        attack.run("inspect good").succeeded();
        attack.run("rmi good").succeeded();
    });
    with_images("a field that is there twice", |attack| {
        let text = index(attack).to_string().replacen("\"size\":", "\"size\":1,\"size\":", 1);
        write_index(attack, &text);
        attack.run("images").refused("duplicate field `size`");
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
