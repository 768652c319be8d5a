//! Archives of images that lead out, lie about what they hold, or hold something else for each reader.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use layerlab::oci::Digest;
use serde_json::{Value, json};

use crate::harness::{Attack, USERS, attack};
use crate::place::Role;
use crate::tarballs::{Entry, Tar, compress, gzip};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// Loads an archive, which has to be refused with these words, and to leave no image behind.
fn refused(attack: &mut Attack, archive: &[u8], why: &str) {
    fs::write(attack.path("archive.tar"), archive).unwrap();
    attack.run("load -i archive.tar").refused(why);
    let images = attack.run("images -q").text;
    assert!(images.is_empty(), "an image was named: {images}");
    let left = fs::read_dir(attack.place.home().join("tmp")).unwrap().count();
    assert_eq!(left, 0, "something is left in tmp/");
}

/// The files of a docker archive.
pub fn docker(list: &Value, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = Tar::new();
    for (name, bytes) in files {
        tar.file(name, bytes);
    }
    tar.file("manifest.json", list.to_string().as_bytes()).end()
}

pub fn layer() -> Vec<u8> {
    Tar::new().file("file", b"text").end()
}

/// A configuration that lists layers of these bytes.
pub fn config(layers: &[&[u8]]) -> String {
    let diff_ids: Vec<String> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
    json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": diff_ids}}).to_string()
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": Digest::of(bytes).to_string(), "size": bytes.len()})
}

/// An OCI archive of these blobs, whose index lists these descriptors.
fn oci(entries: &[Value], blobs: &[&[u8]]) -> Vec<u8> {
    let mut tar = Tar::new();
    tar.file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    tar.file("index.json", json!({"schemaVersion": 2, "manifests": entries}).to_string().as_bytes());
    for blob in blobs {
        tar.file(&format!("blobs/sha256/{}", Digest::of(blob).hex()), blob);
    }
    tar.end()
}

#[test]
fn names_in_an_archive_lead_to_files_of_the_machine() {
    attack("CVE-2019-14271 and its like: names and links that leave the archive", USERS, |attack| {
        let secret = attack.sentinel().join("secret").display().to_string();
        let (layer, config) = (layer(), config(&[&layer()]));
        for outside in [secret.as_str(), "/etc/passwd", "../../../../etc/passwd", "/proc/self/environ"] {
            let list = json!([{"Config": outside, "Layers": []}]);
            refused(attack, &docker(&list, &[]), "is missing");
            let list = json!([{"Config": "c.json", "Layers": [outside]}]);
            refused(attack, &docker(&list, &[("c.json", config.as_bytes())]), "is missing");
            for kind in [b'1', b'2'] {
                let mut tar = Tar::new();
                tar.file("c.json", config.as_bytes());
                tar.entry(&Entry { target: outside, ..Entry::new(kind, "l/layer.tar") });
                let list = json!([{"Config": "c.json", "Layers": ["l/layer.tar"]}]);
                tar.file("manifest.json", list.to_string().as_bytes());
                refused(attack, &tar.end(), "is missing");
            }
            let entry = Entry { target: outside, ..Entry::new(b'2', "manifest.json") };
            refused(attack, &Tar::new().entry(&entry).end(), "is not an archive of images");
        }
        let mut tar = Tar::new();
        tar.symlink("a/layer.tar", "../b/layer.tar").symlink("b/layer.tar", "../a/layer.tar");
        tar.file("c.json", config.as_bytes()).file("l", &layer);
        let list = json!([{"Config": "c.json", "Layers": ["a/layer.tar"]}]);
        refused(attack, &tar.file("manifest.json", list.to_string().as_bytes()).end(), "is missing");
        let written = Tar::new().file("../../../../../../../tmp/layerlab-was-here", b"x").end();
        refused(attack, &written, "is not an archive of images");
        assert!(!std::path::Path::new("/tmp/layerlab-was-here").exists());
    });
}

#[test]
fn blobs_are_not_what_their_names_say() {
    attack("a blob with another content, another size, or two contents", USERS, |attack| {
        let (layer, config) = (layer(), config(&[&layer()]));
        let manifest =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(CONFIG, config.as_bytes()),
            "layers": [descriptor(LAYER, &layer)]})
            .to_string();
        let good = [config.as_bytes(), &layer, manifest.as_bytes()];
        let entry = descriptor(MANIFEST, manifest.as_bytes());
        let name = format!("blobs/sha256/{}", Digest::of(&layer).hex());
        let other = Tar::new().file("other", b"text").end();
        let mut swapped = Tar(oci(std::slice::from_ref(&entry), &good[..1]));
        swapped.0.truncate(swapped.0.len() - 1024);
        refused(attack, &swapped.clone().file(&name, &other).end(), "its content has the digest");
        // A link in the place of a blob.
        let mut linked = swapped.clone();
        linked.file("other.tar", &other).symlink(&name, "../../other.tar");
        linked.file(&format!("blobs/sha256/{}", Digest::of(manifest.as_bytes()).hex()), manifest.as_bytes());
        refused(attack, &linked.end(), "its ");
        let mut short = entry.clone();
        short["size"] = 3.into();
        refused(attack, &oci(&[short], &good), "its descriptor says 3");
        refused(attack, &oci(std::slice::from_ref(&entry), &good[1..]), "is missing");
        // A document that is one thing to its index and another by its own words.
        let mut as_index = entry.clone();
        as_index["mediaType"] = INDEX.into();
        refused(attack, &oci(&[as_index], &good), "it says that it is");
        // The same name twice: the one who reads the first sees another image than the one who reads the last.
        let list = |layer: &str| json!([{"Config": "c.json", "RepoTags": ["a:b"], "Layers": [layer]}]).to_string();
        let twice = Tar::new()
            .file("manifest.json", list("one.tar").as_bytes())
            .file("c.json", config.as_bytes())
            .file("one.tar", &layer)
            .file("manifest.json", list("two.tar").as_bytes())
            .end();
        refused(attack, &twice, "twice");
    });
}

#[test]
fn layers_are_others_than_the_configuration_lists() {
    attack("a docker archive whose layers are swapped, missing or too many", USERS, |attack| {
        let (layer, other) = (layer(), Tar::new().file("other", b"text").end());
        let listed = config(&[&layer]);
        let archive = |layers: &[&str]| {
            let list = json!([{"Config": "c.json", "RepoTags": ["attack:1"], "Layers": layers}]);
            docker(&list, &[("c.json", listed.as_bytes()), ("layer.tar", &layer), ("other.tar", &other)])
        };
        refused(attack, &archive(&["other.tar"]), "diff id");
        refused(attack, &archive(&[]), "layers");
        refused(attack, &archive(&["layer.tar", "layer.tar"]), "layers");
        let not_tar = config(&[b"not a tar"]);
        let list = json!([{"Config": "c.json", "RepoTags": ["attack:1"], "Layers": ["l"]}]);
        let archive = docker(&list, &[("c.json", not_tar.as_bytes()), ("l", b"not a tar")]);
        refused(attack, &archive, "not a readable tar archive");
        // What an import may not have, a loaded layer may not have either.
        let climbing = Tar::new().file("a", b"x").symlink("a/b", "/etc").hard_link("c", "nowhere").end();
        let listed = config(&[&climbing]);
        let archive = docker(&list, &[("c.json", listed.as_bytes()), ("l", &climbing)]);
        refused(attack, &archive, "");
    });
}

#[test]
fn an_archive_holds_a_name_that_is_none() {
    attack("names of images that are paths, options or control characters", USERS, |attack| {
        let (layer, listed) = (layer(), config(&[&layer()]));
        for name in ["../../etc", "UPPER", "a b", "--help", "x\u{1b}[2J", "", "a@sha256:00", &"a/".repeat(50)] {
            let list = json!([{"Config": "c.json", "RepoTags": [name], "Layers": ["l"]}]);
            let archive = docker(&list, &[("c.json", listed.as_bytes()), ("l", &layer)]);
            refused(attack, &archive, "is not an image name");
        }
    });
}

#[test]
fn an_archive_asks_for_too_much() {
    attack("documents, nesting and compression without an end", USERS, |attack| {
        let large = vec![b' '; 17 << 20];
        refused(attack, &Tar::new().file("manifest.json", &large).end(), "LAYERLAB_MAX_ARCHIVE_LIST");
        let list = json!([{"Config": "c.json", "Layers": []}]);
        refused(attack, &docker(&list, &[("c.json", &vec![b' '; 9 << 20])]), "LAYERLAB_MAX_CONFIG");
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        refused(attack, &Tar::new().file("manifest.json", deep.as_bytes()).end(), "manifest.json");
        // Indexes in indexes: each lists the one before it.
        let mut blobs: Vec<Vec<u8>> = Vec::new();
        let mut entry = descriptor(MANIFEST, b"{}");
        for _ in 0..20 {
            let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).to_string();
            entry = descriptor(INDEX, index.as_bytes());
            blobs.push(index.into_bytes());
        }
        let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
        refused(attack, &oci(&[entry], &blobs), "nested");
        // Chains of parents that lead back.
        let circle = Tar::new()
            .file("repositories", br#"{"a":{"b":"x"}}"#)
            .file("x/json", br#"{"parent":"y"}"#)
            .file("y/json", br#"{"parent":"x"}"#)
            .end();
        refused(attack, &circle, "no end");
        let mut bomb = Tar::new();
        bomb.entry(&Entry { size: 1 << 40, ..Entry::new(b'0', "layer.tar") });
        let mut bytes = bomb.bytes();
        bytes.resize(8 << 20, 0);
        fs::write(attack.path("archive.tar"), gzip(&bytes)).unwrap();
        attack.run("load -i archive.tar").refused("");
    });
}

#[test]
fn a_layout_folder_has_links_instead_of_files() {
    attack("a folder of which the blobs, or the folders of the blobs, are links", USERS, |attack| {
        let layout = |attack: &Attack| {
            let _ = fs::remove_dir_all(attack.path("layout"));
            fs::create_dir_all(attack.path("layout")).unwrap();
            fs::write(attack.path("layout/oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        };
        let secret = attack.sentinel().join("secret");
        let bytes = fs::read(&secret).unwrap();
        let index = json!({"schemaVersion": 2, "manifests": [descriptor(MANIFEST, &bytes)]}).to_string();
        let name = Digest::of(&bytes).hex();
        layout(attack);
        fs::write(attack.path("layout/index.json"), &index).unwrap();
        fs::create_dir_all(attack.path("layout/blobs/sha256")).unwrap();
        symlink(&secret, attack.path(&format!("layout/blobs/sha256/{name}"))).unwrap();
        attack.run("load -i layout").refused("symbolic link");
        layout(attack);
        fs::write(attack.path("layout/index.json"), &index).unwrap();
        fs::create_dir_all(attack.path("blobs/sha256")).unwrap();
        fs::write(attack.path(&format!("blobs/sha256/{name}")), &bytes).unwrap();
        symlink("../blobs", attack.path("layout/blobs")).unwrap();
        attack.run("load -i layout").refused("");
        layout(attack);
        symlink("/dev/zero", attack.path("layout/index.json")).unwrap();
        attack.run("load -i layout").refused("");
        layout(attack);
        nix::unistd::mkfifo(&attack.path("layout/index.json"), nix::sys::stat::Mode::from_bits_truncate(0o644))
            .unwrap();
        attack.run("load -i layout").refused("");
    });
}

#[test]
fn an_archive_is_saved_through_a_link() {
    attack("a link in the place of the archive that is written", USERS, |attack| {
        attack.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
        attack.build().succeeded();
        let before = fs::read(attack.sentinel().join("secret")).unwrap();
        attack.run("save --format oci-dir -o /proc/self/cwd/../sentinel attack").refused("already exists");
        assert_eq!(fs::read(attack.sentinel().join("secret")).unwrap(), before);
    });
    attack("an archive that nobody else may read is written anew", USERS, |attack| {
        attack.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n").write("out.tar", "");
        attack.build().succeeded();
        fs::set_permissions(attack.path("out.tar"), fs::Permissions::from_mode(0o600)).unwrap();
        attack.run("save -o out.tar attack").succeeded();
        let written = fs::metadata(attack.path("out.tar")).unwrap();
        assert!(written.len() > 0 && written.permissions().mode() & 0o777 == 0o600);
    });
}

#[test]
fn a_refusal_is_about_the_place_that_was_named() {
    attack("advice that leads elsewhere", USERS, |attack| {
        attack.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
        attack.build().succeeded();
        let outcome = attack.run("save -o /dev/full attack");
        outcome.refused("can't write `/dev/full`: No space left on device (ENOSPC)").says("free some space");
        assert!(!outcome.text.contains("--home"), "{}", outcome.text);
        attack.run("save --format oci-dir -o nowhere/x attack").refused("can't create `nowhere/x`: No such file");
        attack.run("save -o nowhere/x attack").refused("can't create `nowhere/x`: No such file");
        attack.run("step --script .").refused("can't read `.`: Is a directory (EISDIR)");
    });
    attack("a folder that is somebody else's, as a volume", &[Role::Single], |attack| {
        let outcome = attack.run("run -v /proc/1/new:/x layerlab/base true");
        outcome.refused("`/proc/1/new`");
        assert!(!outcome.text.contains("--home"), "{}", outcome.text);
    });
}

#[test]
fn compressed_bytes_are_others_than_were_compressed() {
    attack("an archive whose checksum is wrong, or cut off: a broken download", USERS, |attack| {
        let tar = Tar::new().file("etc/note", &b"hello world ".repeat(1000)).end();
        let mut compressed: Vec<(String, Vec<u8>)> = vec![("gzip".into(), gzip(&tar))];
        for (program, arguments) in [("bzip2", &["-c"] as &[&str]), ("xz", &["-c"]), ("zstd", &["-c", "--check"])] {
            compressed.extend(compress(program, arguments, &tar).map(|bytes| (program.to_owned(), bytes)));
        }
        attack.write("Dockerfile", "FROM scratch\nADD archive /\n");
        for (program, whole) in compressed {
            let mut damaged = whole.clone();
            // The sum is in the last bytes of all four formats, or is cut off.
            let sum = damaged.len() - 5;
            damaged[sum] ^= 1;
            for bytes in [&damaged, &whole[..whole.len() - 3]] {
                fs::write(attack.path("archive"), bytes).unwrap();
                attack.run(&format!("import archive {program}:1")).refused("archive");
                // Where not even the first header can be decompressed, ADD takes it for a file that is not an archive.
                if program == "gzip" {
                    attack.build().refused("archive");
                }
            }
        }
        assert_eq!(attack.run("images -q").text, "");
    });
}

#[test]
fn names_of_an_archive_do_not_fit_into_the_list() {
    attack("an archive of which some names could be given, and then no more", USERS, |attack| {
        let (layer, config) = (layer(), config(&[&layer()]));
        let tags: Vec<String> = (0..60).map(|number| format!("p{number}:1")).collect();
        let list = json!([{"Config": "c", "RepoTags": tags, "Layers": ["l"]}]);
        let archive = docker(&list, &[("c", config.as_bytes()), ("l", &layer)]);
        fs::write(attack.path("archive.tar"), &archive).unwrap();
        let mut command = attack.place.command("load -i archive.tar");
        command.env("LAYERLAB_MAX_INDEX", "9000");
        attack.run_command(command).refused("LAYERLAB_MAX_INDEX");
        assert_eq!(attack.run("images -q").text, "");
        attack.run("load -i archive.tar").succeeded();
        assert_eq!(attack.run("images").text.lines().count(), 61);
    });
}

#[test]
fn an_archive_lists_what_is_no_image() {
    attack("an artifact and an index of nothing, each with the name of an image", USERS, |attack| {
        let named = |mut entry: Value, name: &str| {
            entry["annotations"] = json!({"org.opencontainers.image.ref.name": name});
            entry
        };
        let empty = descriptor("application/vnd.oci.empty.v1+json", b"{}");
        let artifact =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "x/y", "config": empty, "layers": []});
        let nothing = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []});
        for (media_type, document) in [(MANIFEST, artifact), (INDEX, nothing)] {
            let text = document.to_string();
            let entry = named(descriptor(media_type, text.as_bytes()), "name:1");
            refused(attack, &oci(&[entry], &[b"{}", text.as_bytes()]), "lists no image");
        }
    });
}

#[test]
fn a_docker_archive_lies_there_as_a_folder() {
    attack("the files of a Docker archive, unpacked", USERS, |attack| {
        fs::create_dir(attack.path("folder")).unwrap();
        fs::write(attack.path("folder/c"), config(&[&layer()])).unwrap();
        fs::write(attack.path("folder/l"), layer()).unwrap();
        let list = json!([{"Config": "c", "RepoTags": ["a:1"], "Layers": ["l"]}]);
        fs::write(attack.path("folder/manifest.json"), list.to_string()).unwrap();
        attack.run("load -i folder").refused("pack a Docker archive with tar");
    });
}
