//! Images that go out and come in: `save`, `load`, and what `import` says of an archive of images.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use layerlab::oci::Digest;
use serde_json::{Value, json};

use crate::harness::{Place, missing};
use crate::tarballs::{Tar, compress, gzip};

/// An image of two layers that does not depend on the machine, under two names.
fn place_with_image() -> Place {
    let place = Place::new(
        "//- Dockerfile\nFROM scratch\nCOPY hello /\nENV A=1\nCOPY Dockerfile /\nCMD [\"/hello\"]\n//- hello\nhello\n",
    );
    place.run("build -q -t hello -t registry.example/team/hello:1 .");
    place
}

/// An empty home that reads the archives of another place.
fn load_elsewhere(archive: &Path) -> (Place, String) {
    let other = Place::new("");
    let text = other.run(&format!("load -i {}", archive.display()));
    (other, text)
}

fn ids(place: &Place) -> String {
    place.run("images -q --no-trunc")
}

#[test]
fn an_image_goes_out_and_comes_back_in_every_form() {
    let place = place_with_image();
    for format in ["docker-archive", "oci-archive", "oci-dir"] {
        assert_eq!(place.run(&format!("save --format {format} -o {format} hello registry.example/team/hello:1")), "");
        let (other, text) = load_elsewhere(&place.path(format));
        assert_eq!(text, "Loaded image: hello:latest\nLoaded image: registry.example/team/hello:1\n", "{format}");
        assert_eq!(ids(&other), ids(&place), "{format}");
        other.assert_whole();
    }
    // The same images in the same order: the same bytes.
    place.run("save -o again hello registry.example/team/hello:1");
    assert_eq!(fs::read(place.path("again")).unwrap(), fs::read(place.path("docker-archive")).unwrap());
    let piped = place.output("save hello registry.example/team/hello:1").stdout;
    assert_eq!(piped, fs::read(place.path("again")).unwrap());
    let entries = Command::new("tar").arg("-tf").arg(place.path("docker-archive")).output().unwrap();
    insta::assert_snapshot!(String::from_utf8(entries.stdout).unwrap());
}

/// Whoever has read enough of an archive is told nothing about the rest.
#[test]
fn an_archive_is_read_as_far_as_somebody_wants_it() {
    let place = Place::new("");
    let begun = "\"$L\" create --name box layerlab/base > /dev/null";
    let lines = ["save layerlab/base", "export box", "cp box:/bin -"];
    let lines = lines.map(|command| format!("{{ \"$L\" {command} | head -c 1 > /dev/null; }}"));
    let said = place.shell_session(&[begun, &lines[0], &lines[1], &lines[2]], &[]);
    insta::assert_snapshot!(said, @r#"
    $ "$L" create --name box layerlab/base > /dev/null
    $ { "$L" save layerlab/base | head -c 1 > /dev/null; }
    $ { "$L" export box | head -c 1 > /dev/null; }
    $ { "$L" cp box:/bin - | head -c 1 > /dev/null; }
    "#);
}

#[test]
fn what_can_not_be_saved_is_refused() {
    let place = place_with_image();
    let id = place.run("images -q").lines().next().unwrap().to_owned();
    fs::create_dir(place.path("folder")).unwrap();
    let text = place.session(&[
        "save nothing",
        "save --format oci-dir hello",
        "save --format oci-dir -o folder hello",
        "save -o folder hello",
        "save -o missing/folder/file hello",
        &format!("save -o by-id {id}"),
        "save -o /dev/null hello",
    ]);
    insta::assert_snapshot!(text);
    let (_, text) = load_elsewhere(&place.path("by-id"));
    assert!(text.starts_with("Loaded image ID: sha256:") && text.contains(&id), "{text}");
    let left: Vec<_> = fs::read_dir(place.path("")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".tmp")), "{left:?}");
}

#[test]
fn other_programs_read_what_is_saved_and_write_what_is_loaded() {
    let place = place_with_image();
    place.run("save -o saved.tar hello");
    let in_work = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(place.path("")).output();
        output.map(|output| (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
    };
    let policy = place.path("policy.json").display().to_string();
    fs::write(&policy, r#"{"default":[{"type":"insecureAcceptAnything"}]}"#).unwrap();
    let config = ids(&place).trim().to_owned();
    for (from, to) in [
        ("docker-archive:saved.tar", "docker-archive:by-skopeo.tar:hello:2"),
        ("docker-archive:saved.tar:hello:latest", "oci-archive:by-skopeo.oci:hello:2"),
        ("oci-archive:saved.tar", "oci:by-skopeo:hello:2"),
    ] {
        match in_work("skopeo", &["--policy", &policy, "copy", from, to]) {
            Ok((is_good, text)) => assert!(is_good, "{from}: {text}"),
            Err(_) => return missing("skopeo reads what is saved"),
        }
        let file = to.split(':').nth(1).unwrap();
        let (other, text) = load_elsewhere(&place.path(file));
        assert_eq!(text, "Loaded image: hello:2\n", "{to}");
        assert!(ids(&other).trim() == config, "{to} has another id");
        other.assert_whole();
    }
}

#[test]
fn podman_loads_what_is_saved() {
    let place = place_with_image();
    place.run("save -o saved.tar hello");
    let root = place.folder().join("podman");
    let podman = |arguments: &[&str]| {
        let mut command = Command::new("podman");
        command.args(["--storage-driver", "vfs", "--root"]).arg(&root).arg("--runroot").arg(root.join("run"));
        command.args(arguments).current_dir(place.path("")).output()
    };
    let Ok(loaded) = podman(&["load", "-i", "saved.tar"]) else {
        return missing("podman loads what is saved");
    };
    let text = String::from_utf8_lossy(&loaded.stdout).into_owned() + &String::from_utf8_lossy(&loaded.stderr);
    if !loaded.status.success() && text.contains("permitted") {
        return missing("podman works here");
    }
    assert!(text.contains("Loaded image: docker.io/library/hello:latest"), "{text}");
    let id = podman(&["images", "-q", "--no-trunc"]).unwrap();
    assert_eq!(String::from_utf8_lossy(&id.stdout), ids(&place));
    podman(&["save", "-o", "by-podman.tar", "hello"]).unwrap();
    let (other, text) = load_elsewhere(&place.path("by-podman.tar"));
    assert_eq!(text, "Loaded image: hello:latest\n");
    assert_eq!(ids(&other), ids(&place));
}

/// The pieces of a docker archive: a layer, and the configuration that lists it.
fn pieces() -> (Vec<u8>, String) {
    let layer = Tar::new().file("greeting", b"hello\n").end();
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {"Cmd": ["/greeting"], "Image": "", "Hostname": "x"},
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(&layer).to_string()]},
        "history": [{"created_by": "a hand"}],
    });
    (layer, config.to_string())
}

/// An archive as Docker before 25 writes it: folders with `layer.tar`, and a link where a layer occurs again.
fn docker_archive(layer_of: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let (layer, config) = pieces();
    let list = json!([{
        "Config": "configuration.json", "RepoTags": ["greeter:1", "other/greeter:2"], "Layers": ["second/layer.tar"],
    }]);
    Tar::new()
        .directory("first/")
        .file("first/VERSION", b"1.0")
        .file("first/layer.tar", &layer_of(layer))
        .directory("second/")
        .symlink("second/layer.tar", "../first/layer.tar")
        .file("configuration.json", config.as_bytes())
        .file("manifest.json", list.to_string().as_bytes())
        .end()
}

#[test]
fn a_docker_archive_keeps_its_id() {
    let (_, config) = pieces();
    let id = Digest::of(config.as_bytes()).to_string();
    let xz = |bytes: Vec<u8>| compress("xz", &["-c"], &bytes).unwrap_or(bytes);
    for (form, archive) in [
        ("plain layers", docker_archive(|layer| layer)),
        ("layers by gzip", docker_archive(|layer| gzip(&layer))),
        ("layers by xz", docker_archive(xz)),
        ("all of it by gzip", gzip(&docker_archive(|layer| layer))),
        ("all of it by xz", xz(docker_archive(|layer| layer))),
        ("all of it by bzip2", compress("bzip2", &["-c"], &docker_archive(|layer| layer)).unwrap_or_default()),
        ("all of it by zstd", compress("zstd", &["-c"], &docker_archive(|layer| layer)).unwrap_or_default()),
    ] {
        if archive.is_empty() {
            missing(form);
            continue;
        }
        let place = Place::new("");
        fs::write(place.path("archive"), &archive).unwrap();
        let file = fs::File::open(place.path("archive")).unwrap();
        let output = place.command("load").stdin(Stdio::from(file)).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(text, "Loaded image: greeter:1\nLoaded image: other/greeter:2\n", "{form}");
        assert_eq!(ids(&place).trim(), id, "{form}");
        place.write("Dockerfile", "FROM greeter:1\nCOPY --from=other/greeter:2 /greeting /again\n");
        assert!(!place.run("build -t built .").contains("error"), "{form}");
        place.assert_whole();
    }
}

#[test]
fn an_archive_from_before_docker_1_10_becomes_an_image() {
    let place = Place::new("");
    let (layer, _) = pieces();
    let bottom = json!({"id": "aaa", "created": "2014-01-01T00:00:00Z", "os": "linux", "architecture": "amd64",
        "container_config": {"Cmd": ["/bin/sh", "-c", "#(nop) ADD file:1 in /"]}});
    let top = json!({"id": "bbb", "parent": "aaa", "created": "2014-01-02T00:00:00Z", "os": "linux",
        "architecture": "amd64", "throwaway": true, "config": {"Cmd": ["/greeting"], "Env": ["A=1"]},
        "container_config": {"Cmd": ["/bin/sh", "-c", "#(nop) CMD [\"/greeting\"]"]}});
    let archive = Tar::new()
        .file("repositories", br#"{"greeter":{"old":"bbb"}}"#)
        .file("aaa/json", bottom.to_string().as_bytes())
        .file("aaa/layer.tar", &layer)
        .file("bbb/json", top.to_string().as_bytes())
        .file("bbb/layer.tar", &Tar::new().end())
        .end();
    fs::write(place.path("old.tar"), archive).unwrap();
    let text = place.session(&["load -i old.tar", "history --no-trunc greeter:old", "inspect greeter:old"]);
    insta::assert_snapshot!(text);
    place.assert_whole();
}

#[test]
fn of_an_index_with_the_blobs_of_one_platform_that_one_is_taken() {
    let place = place_with_image();
    place.run("save --format oci-dir -o layout hello");
    let read = |path: &str| -> Value { serde_json::from_slice(&fs::read(place.path(path)).unwrap()).unwrap() };
    let put = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        fs::write(place.path(&format!("layout/blobs/sha256/{}", digest.hex())), bytes).unwrap();
        json!({"digest": digest.to_string(), "size": bytes.len()})
    };
    let mut index = read("layout/index.json");
    let mut own = index["manifests"][0].clone();
    let annotations = own.as_object_mut().unwrap().remove("annotations").unwrap();
    own["platform"] = json!({"os": "linux", "architecture": layerlab::oci::Platform::host().architecture});
    let foreign = json!({"mediaType": own["mediaType"], "digest": Digest::of(b"elsewhere").to_string(), "size": 9,
        "platform": {"os": "linux", "architecture": "s390x"}});
    let kind = "application/vnd.oci.image.index.v1+json";
    let mut platforms =
        put(json!({"schemaVersion": 2, "mediaType": kind, "manifests": [foreign, own]}).to_string().as_bytes());
    platforms["mediaType"] = kind.into();
    platforms["annotations"] = annotations;
    index["manifests"] = json!([platforms]);
    fs::write(place.path("layout/index.json"), index.to_string()).unwrap();
    let (other, text) = load_elsewhere(&place.path("layout"));
    assert_eq!(text, "Loaded image: hello:latest\n");
    assert_eq!(ids(&other), ids(&place));
    other.assert_whole();
    // Without the own one there is nothing to take.
    let only = json!({"schemaVersion": 2, "mediaType": kind, "manifests": [foreign]}).to_string();
    let mut platforms = put(only.as_bytes());
    platforms["mediaType"] = kind.into();
    index["manifests"] = json!([platforms]);
    fs::write(place.path("layout/index.json"), index.to_string()).unwrap();
    let (_, text) = load_elsewhere(&place.path("layout"));
    assert!(text.contains("has no image for linux/") && text.contains("(it has linux/s390x)"), "{text}");
}

#[test]
fn import_refuses_an_archive_of_images() {
    let place = place_with_image();
    place.run("save -o docker.tar hello");
    place.run("save --format oci-archive -o oci.tar hello");
    fs::write(place.path("docker-before-25.tar"), docker_archive(|layer| layer)).unwrap();
    place.write("root/manifest.json", "{\"Config\": \"of something else\"}");
    let tar = Command::new("tar")
        .args(["--mtime=@0", "-cf", "root.tar", "-C", "root", "."])
        .current_dir(place.path(""))
        .status();
    assert!(tar.unwrap().success());
    let text = place.session(&[
        "import docker.tar wrong",
        "import oci.tar wrong",
        "import docker-before-25.tar wrong",
        "import root.tar right",
        "load -i root.tar",
        "load -i Dockerfile",
        "load -i missing.tar",
        "load",
        "images",
    ]);
    insta::assert_snapshot!(text);
    place.assert_whole();
}

#[test]
fn an_index_of_another_platform_goes_in_and_comes_out() {
    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY note /note\n//- note\nhello\n");
    place.run("build -q -t note .");
    place.run("save --format oci-dir -o out note");
    // The image stays as it is; an index says that it is for a machine that this is not.
    let blob = |bytes: &[u8]| {
        let digest = layerlab::oci::Digest::of(bytes);
        std::fs::write(place.path(&format!("out/blobs/sha256/{}", digest.hex())), bytes).unwrap();
        digest.to_string()
    };
    let index = std::fs::read(place.path("out/index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    let mut entry = index["manifests"][0].clone();
    entry["platform"] = serde_json::json!({"os": "linux", "architecture": "s390x"});
    entry.as_object_mut().unwrap().remove("annotations");
    let media_type = "application/vnd.oci.image.index.v1+json";
    let inner = serde_json::json!({"schemaVersion": 2, "mediaType": media_type, "manifests": [entry]}).to_string();
    let outer = serde_json::json!({"schemaVersion": 2, "manifests": [{
        "mediaType": media_type, "digest": blob(inner.as_bytes()), "size": inner.len(),
        "annotations": {"org.opencontainers.image.ref.name": "other:1"},
    }]});
    std::fs::write(place.path("out/index.json"), outer.to_string()).unwrap();
    assert_eq!(place.run("load -i out").lines().next(), Some("Loaded image: other:1"));
    for format in ["oci-archive", "oci-dir"] {
        let saved = place.output(&format!("save --format {format} -o saved-{format} other:1"));
        assert!(saved.status.success(), "{format}: {}", String::from_utf8_lossy(&saved.stderr));
    }
    let refused = place.run("save -o saved.tar other:1");
    assert!(refused.contains("has no image for"), "{refused}");
    place.assert_whole();
}
