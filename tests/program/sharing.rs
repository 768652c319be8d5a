//! `--cache-to` and `--cache-from`: what one home has built, another one takes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use layerlab::oci::Digest;
use serde_json::json;

use crate::classroom::{Class, FILES};
use crate::harness::{Place, filter};
use crate::registry::{Doors, Registry};
use crate::teacher::Teacher;

#[test]
fn a_class_takes_its_steps_from_a_folder() {
    let class = Class::new(FILES);
    insta::assert_snapshot!(class.session(
        "",
        &[
            "$T build -t x --cache-to type=local,dest=$C,mode=max class",
            "$S build -t x --cache-from type=local,src=$C student",
            "$S build -t x --progress plain student",
            "echo other > student/task",
            "$S plan student",
            "$S build -t y --progress tty --cache-from type=local,src=$C student",
        ]
    ));
    let image = |who: &str| class.shell(&format!("${who} inspect -f '{{{{.Id}}}} {{{{.RepoDigests}}}}' x"));
    assert_eq!(image("S"), image("T"));
    assert_eq!(class.made("S", "x"), class.made("T", "x"));
    class.assert_whole();
}

#[test]
fn a_class_takes_its_steps_from_a_registry() {
    let Some(registry) = Registry::start(Doors::Open) else { return };
    let (class, host) = (Class::new(FILES), registry.host());
    insta::assert_snapshot!(class.session(
        &host,
        &[
            &format!("$T build -q -t {host}/class/x --cache-to type=registry,ref={host}/class/cache,mode=max class"),
            &format!("$T push -q {host}/class/x"),
            &format!("$S build --progress plain -t {host}/class/x --cache-from {host}/class/cache student"),
            // Nobody compresses or sends anything again.
            &format!("$S push {host}/class/x | grep -c 'Layer already exists'"),
            &format!("$S pull {host}/class/cache"),
            &format!("$S build -q --cache-to {host}/class/cache student"),
            &format!("$OTHER build --cache-from type=registry,ref={host}/class/cache class | grep -v '>'"),
            &format!("$OTHER build --cache-from {host}/class/x --cache-from {host}/class/none class | grep Warning"),
        ]
    ));
    let name = format!("{host}/class/x");
    assert_eq!(class.made("S", &name), class.made("T", &name));
    class.assert_whole();
}

#[test]
fn a_layerlab_that_serves_takes_caches() {
    let class = Class::new(FILES);
    let teacher = Teacher::new(Place::new(""), "--writable");
    let host = teacher.address.clone();
    insta::assert_snapshot!(class.session(
        &host,
        &[
            &format!("$T build -q --cache-to type=registry,ref={host}/class/cache,mode=max class"),
            &format!("$S build --cache-from {host}/class/cache student"),
            &format!("$T build -q --cache-to type=registry,ref={host}/class/cache,mode=max class"),
        ]
    ));
    let at_home = &teacher.place;
    at_home.run("prune --all --force");
    insta::assert_snapshot!(filter(&at_home.session(&[
        "images --format {{.Repository}}:{{.Tag}}={{.CreatedSince}}",
        "run class/cache true",
        "rmi class/cache",
        "system prune --all --force",
    ])));
    at_home.assert_whole();
    class.assert_whole();
}

/// The debugger fetches as it goes, and compares with the teacher's build.
#[test]
fn a_student_asks_why() {
    let class = Class::new(FILES);
    class.shell("$T build -q --cache-to type=local,dest=$C,mode=max class; $S build -q -f - . < /dev/null; true");
    class.place.write("student/task", "another task\nin two lines\n");
    class
        .place
        .write("commands", "why 7\nstep 7\nwhy 7\ndiff task\nls /tools\nwhy 4\nstep 2\nwhy 9\nwhy 7 --full\nquit\n");
    insta::assert_snapshot!(class.session(
        "",
        &[
            "$S build -q -t base - <<end\nFROM layerlab/base\nend",
            "$S step --script commands --cache-from type=local,src=$C student",
            "$S plan --json --cache-from type=local,src=$C student | tail -n 3 | head -n 1",
            "$S build --progress json student | grep verdict | head -n 2",
        ]
    ));
    class.assert_whole();
}

/// Of the image alone, or of all stages.
#[test]
fn less_goes_along_without_mode_max() {
    let class = Class::new(FILES);
    let mut told = BTreeMap::new();
    for mode in ["min", "max"] {
        class.shell(&format!("$T build -q --cache-to type=local,dest=$C,mode={mode} class"));
        let (manifest, document) = class.documents();
        let instructions = document["records"].as_array().unwrap().iter().map(|record| record["instruction"].clone());
        let mut instructions: Vec<String> = instructions.map(|text| text.as_str().unwrap().to_owned()).collect();
        instructions.sort();
        let blobs = fs::read_dir(class.cache().join("blobs/sha256")).unwrap().count();
        assert_eq!(blobs, manifest["layers"].as_array().unwrap().len() + 2, "nothing is left of the cache before");
        told.insert(mode, (instructions, document["layers"].as_array().unwrap().len()));
    }
    insta::assert_debug_snapshot!(told);
    class.assert_whole();
}

/// It goes to other machines: it has nothing of this one, and no secret.
#[test]
fn a_cache_tells_nothing_of_the_machine() {
    let class = Class::new(
        "//- class/Dockerfile\nFROM layerlab/base\nCOPY . /all\nRUN --mount=type=secret,id=key cat /run/secrets/key > /dev/null\n\
         //- class/a/b\nb\n//- key\nswordfish\n",
    );
    class.shell("$T build -q --secret id=key,src=key --cache-to type=local,dest=$C,mode=max class");
    let folder = class.place.folder().display().to_string();
    for blob in fs::read_dir(class.cache().join("blobs/sha256")).unwrap() {
        let bytes = fs::read(blob.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("swordfish") && !text.contains(&folder), "{text}");
    }
    let (_, document) = class.documents();
    let build = &document["build"];
    assert_eq!((&build["context"], &build["dockerfile"]), (&json!(""), &json!("Dockerfile")));
}

/// What lies in a folder: each path with the digest of its bytes, or where a link leads.
fn listing(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = path.symlink_metadata().unwrap().file_type();
        let what = match () {
            () if kind.is_dir() => "a folder".to_owned(),
            () if kind.is_symlink() => format!("-> {}", fs::read_link(&path).unwrap().display()),
            () => Digest::of(&fs::read(&path).unwrap()).to_string(),
        };
        found.insert(path.clone(), what);
        if kind.is_dir() {
            found.append(&mut listing(&path));
        }
    }
    found
}

/// Somebody's files are no cache, wherever in the folder they lie: nothing is written there, and nothing removed.
#[test]
fn a_folder_with_something_else_gets_no_cache() {
    let class = Class::new("//- class/Dockerfile\nFROM scratch\nCOPY f /\n//- class/f\nf\n");
    let mut told = String::new();
    for (name, made) in [
        ("a file", "mkdir $C; echo mine > $C/notes"),
        ("a hidden file", "mkdir $C; echo mine > $C/.notes.tmp"),
        ("an image", "$T build -q -t x class; $T save -o x.tar x; mkdir $C; tar -xf x.tar -C $C"),
        (
            "a layout without an image",
            "mkdir -p $C/blobs/sha256; echo '{\"imageLayoutVersion\":\"1.0.0\"}' > $C/oci-layout; echo '{\"schemaVersion\":2,\"manifests\":[]}' > $C/index.json; echo mine > $C/notes",
        ),
        ("an index that is none", "mkdir $C; echo mine > $C/index.json"),
        ("a file among the blobs", "mkdir -p $C/blobs/sha256; echo mine > $C/blobs/photo"),
        ("a file among the layers", "mkdir -p $C/blobs/sha256; echo mine > $C/blobs/sha256/photo"),
        ("a link to a folder", "mkdir -p $C elsewhere; echo mine > elsewhere/photo; ln -s ../work/elsewhere $C/blobs"),
        (
            "a link in a cache",
            "$T build -q --cache-to type=local,dest=$C class; mv $C/blobs/sha256 layers; ln -s ../../work/layers $C/blobs/sha256",
        ),
    ] {
        class.shell(made);
        let before = (listing(&class.cache()), listing(&class.place.path("")));
        told += &class.session("", &["$T build -q --cache-to type=local,dest=$C class"]).replacen(
            '$',
            &format!("{name}: $"),
            1,
        );
        assert_eq!((listing(&class.cache()), listing(&class.place.path(""))), before, "{name}");
        fs::remove_dir_all(class.cache()).unwrap();
        class.shell("rm -rf elsewhere layers x.tar");
    }
    insta::assert_snapshot!(told);
    class.assert_whole();
}

/// What is left of an export that was killed goes with the next one; what somebody has called nearly so stays.
#[test]
fn what_a_killed_export_has_left_is_swept() {
    let class = Class::new(FILES);
    let left = ["blobs/sha256/.4000000-3.tmp", ".4000000-4.tmp"].map(|name| class.cache().join(name));
    let made = "mkdir -p $C/blobs/sha256; touch $C/lock $C/.4000000-4.tmp; echo half > $C/blobs/sha256/.4000000-3.tmp";
    for line in [made, "touch $C/.4000000-4.tmp $C/.4000000-x.tmp; echo half > $C/blobs/sha256/.4000000-3.tmp"] {
        class.shell(line);
        class.shell("$T build -q --cache-to type=local,dest=$C,mode=max class");
        assert!(!left.iter().any(|path| path.exists()), "{line}: {:#?}", listing(&class.cache()));
    }
    assert!(class.cache().join(".4000000-x.tmp").exists());
    class.assert_whole();
}

#[test]
fn a_cache_that_is_not_there_is_a_warning_and_one_that_can_not_be_written_an_error() {
    let class = Class::new("//- class/Dockerfile\nFROM scratch\nCOPY f /\n//- class/f\nf\n//- file\nfile\n");
    insta::assert_snapshot!(class.session(
        "",
        &[
            "$T build --cache-from localhost:1/x class",
            "$T build --cache-to type=registry,ref=localhost:1/x class",
            "$T build --cache-to type=registry,ref=localhost:1/x,ignore-error=true class",
            "$T build -q --cache-to type=local,dest=file class",
            "$T build --cache-from type=inline class",
            "$T build --cache-to type=inline class",
            "$T build --cache-to type=gha,mode=max class",
            "$T build --cache-to type=local,src=x class",
            "$T build --cache-to type=registry class",
            "$T build --cache-from UPPER class",
        ]
    ));
    class.assert_whole();
}

#[test]
fn who_may_not_write_a_cache_is_told_so() {
    let Some(registry) = Registry::start(Doors::Password) else { return };
    let (class, host) = (Class::new("//- class/Dockerfile\nFROM scratch\nCOPY f /\n//- class/f\nf\n"), registry.host());
    insta::assert_snapshot!(class.session(
        &host,
        &[
            &format!("$T build -q --cache-to {host}/x class"),
            &format!("echo chalk | $T login -u teacher --password-stdin {host} > /dev/null 2>&1"),
            &format!("$T build -q --cache-to {host}/x class"),
            &format!("env HOME=/nowhere $S build --cache-from {host}/x student"),
            &format!("$S build --cache-from {host}/x student | grep -i cache"),
        ]
    ));
    class.assert_whole();
}

/// A step is taken again where its layer does not come, also when only the image needs it.
#[test]
fn a_layer_that_does_not_come_is_made() {
    for (stage, instruction) in [("last", "RUN cat /proc/sys/kernel/random/uuid > /id"), ("first", "COPY tool .")] {
        let Some(registry) = Registry::start(Doors::Open) else { return };
        let (class, host) = (Class::new(FILES), registry.host());
        class.shell(&format!(
            "$T build -q --cache-to type=registry,ref={host}/c,mode=max class && $T build -q --cache-to type=local,dest=$C,mode=max class"
        ));
        let (_, document) = class.documents();
        let records = document["records"].as_array().unwrap();
        let record = records.iter().find(|record| record["instruction"] == instruction).unwrap();
        let layers = document["layers"].as_array().unwrap();
        let layer = layers.iter().find(|layer| layer["diff_id"] == record["result"]["layer"]["diff_id"]).unwrap();
        fs::remove_file(registry.blob(layer["blob"]["digest"].as_str().unwrap())).unwrap();
        let text = class.session(&host, &[&format!("$S build -t x --cache-from {host}/c student")]);
        insta::assert_snapshot!(format!("a_layer_that_does_not_come_is_made_{stage}"), text);
        // From the other cache it comes.
        let text = class.session(
            &host,
            &[&format!("$OTHER build -t x --cache-from {host}/c --cache-from type=local,src=$C student | grep -E 'Warning|Running'; true")],
        );
        assert_eq!(text.lines().count(), 1, "{text}");
        class.assert_whole();
    }
}
