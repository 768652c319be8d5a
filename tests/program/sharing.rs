//! `--cache-to` and `--cache-from`: what one home has built, another one takes; and caches that are not what they should be.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use layerlab::oci::Digest;
use layerlab::store::{Home, Store};
use layerlab::upkeep::verify;
use serde_json::{Value, json};

use crate::harness::{Place, filter};
use crate::registry::{Doors, Registry};
use crate::teacher::Teacher;

/// Two stages; each of the RUNs leaves something else whenever it runs.
const FILES: &str = "\
//- class/Dockerfile
FROM layerlab/base AS tools
WORKDIR /tools
COPY tool .
RUN cat tool /proc/sys/kernel/random/uuid > made
FROM layerlab/base
COPY --from=tools /tools/made /made
COPY task /task
RUN cat /proc/sys/kernel/random/uuid > /id
LABEL course=one
//- class/tool
tool
//- class/task
task
";

/// A teacher and a student, who have a home each, and a folder with the same files.
struct Class {
    place: Place,
}

impl Class {
    fn new(files: &str) -> Class {
        let class = Class { place: Place::new(files) };
        class.shell("cp -r class student");
        class
    }

    fn home(&self, who: &str) -> PathBuf {
        self.place.folder().join("homes").join(who)
    }

    fn done(&self, line: &str) -> std::process::Output {
        let program = self.place.program().display().to_string();
        let as_one = |who: &str| format!("env LAYERLAB_HOME={} {program}", self.home(who).display());
        let mut shell = self.place.shell(&format!("{line} 2>&1"));
        shell.env("T", as_one("teacher")).env("S", as_one("student")).env("OTHER", as_one("other"));
        shell.env("C", self.cache().display().to_string()).output().unwrap()
    }

    /// What a line for the shell prints: `$T` is the teacher's program, `$S` the student's, `$C` a folder for a cache.
    fn shell(&self, line: &str) -> String {
        let done = self.done(line);
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{line}: {text}");
        text
    }

    /// The session of several lines.
    fn session(&self, host: &str, lines: &[&str]) -> String {
        let mut text = String::new();
        for line in lines {
            text.push_str(&format!("$ {}\n", line));
            let done = self.done(line);
            text.push_str(&String::from_utf8_lossy(&done.stdout));
            if let Some(code) = done.status.code().filter(|code| *code != 0) {
                text.push_str(&format!("[exit code {code}]\n"));
            }
        }
        let text = text.replace(&self.place.folder().display().to_string(), "/place");
        // Identifiers that nobody can foresee compress to one byte more or less.
        let without_size = |line: &str| match line.rsplit_once(" layers, ") {
            Some((rest, _)) => format!("{rest} layers, …\n"),
            None => format!("{line}\n"),
        };
        let text: String = text.lines().map(without_size).collect();
        filter(&if host.is_empty() { text } else { text.replace(host, "REGISTRY") })
    }

    fn cache(&self) -> PathBuf {
        self.place.folder().join("cache")
    }

    /// What the RUNs of an image have left.
    fn made(&self, who: &str, image: &str) -> String {
        self.shell(&format!("${who} run --rm {image} cat /made /id"))
    }

    fn assert_whole(&self) {
        for home in fs::read_dir(self.place.folder().join("homes")).unwrap() {
            let report = verify(&Store::open(&Home::open(home.unwrap().path()).unwrap()).unwrap());
            assert!(report.is_whole(), "{report:#?}");
        }
    }

    /// The documents of the cache in the folder: its manifest, and its records.
    fn documents(&self) -> (Value, Value) {
        let read = |path: PathBuf| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
        let blob = |digest: &Value| self.blob(digest.as_str().unwrap());
        let index = read(self.cache().join("index.json"));
        let manifest = read(blob(&index["manifests"][0]["digest"]));
        let document = read(blob(&manifest["config"]["digest"]));
        (manifest, document)
    }

    fn blob(&self, digest: &str) -> PathBuf {
        self.cache().join("blobs/sha256").join(digest.trim_start_matches("sha256:"))
    }

    /// Writes other documents in the place of these, with the right digests.
    fn forge(&self, mut manifest: Value, document: &Value) {
        let put = |value: &Value| {
            let bytes = serde_json::to_vec(value).unwrap();
            let digest = Digest::of(&bytes).to_string();
            fs::write(self.blob(&digest), &bytes).unwrap();
            (digest, bytes.len())
        };
        let (digest, size) = put(document);
        manifest["config"]["digest"] = json!(digest);
        manifest["config"]["size"] = json!(size);
        let (digest, size) = put(&manifest);
        let entry = json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": size});
        let index =
            json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry]});
        fs::write(self.cache().join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
    }
}

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

/// Each is wrong in one way: the build says so, takes the steps itself, and gives a whole image.
#[test]
fn a_bad_cache_costs_time_and_nothing_else() {
    type Spoil = fn(&Class);
    let cases: &[(&str, Spoil)] = &[
        ("no folder", |class| fs::remove_dir_all(class.cache()).unwrap()),
        ("an empty folder", |class| {
            fs::remove_dir_all(class.cache()).unwrap();
            fs::create_dir(class.cache()).unwrap();
        }),
        ("no manifest", |class| fs::write(class.cache().join("index.json"), "{").unwrap()),
        ("an image", |class| {
            fs::remove_dir_all(class.cache()).unwrap();
            class.shell("$T build -q -t x class; $T save -o x.tar x; mkdir $C; tar -xf x.tar -C $C");
        }),
        ("records that are damaged", |class| {
            let (manifest, mut document) = class.documents();
            for record in document["records"].as_array_mut().unwrap() {
                record["result"]["created"] = json!("1999-01-01T00:00:00Z");
            }
            class.forge(manifest, &document);
        }),
        ("another version", |class| {
            let (manifest, mut document) = class.documents();
            document["schema"] = json!(2);
            class.forge(manifest, &document);
        }),
        ("no layers at all", |class| {
            let (manifest, document) = class.documents();
            for layer in document["layers"].as_array().unwrap() {
                fs::remove_file(class.blob(layer["blob"]["digest"].as_str().unwrap())).unwrap();
            }
            class.forge(manifest, &document);
        }),
        ("layers that are not listed", |class| {
            let (mut manifest, document) = class.documents();
            manifest["layers"] = json!([]);
            class.forge(manifest, &document);
        }),
        ("one layer in the place of all", |class| {
            let (manifest, mut document) = class.documents();
            let records = document["records"].as_array().unwrap();
            let smallest = records.iter().find(|record| record["instruction"] == "WORKDIR /tools").unwrap();
            let layers = document["layers"].as_array().unwrap();
            let is_it = |layer: &&Value| layer["diff_id"] == smallest["result"]["layer"]["diff_id"];
            let first = layers.iter().find(is_it).unwrap()["blob"].clone();
            for layer in document["layers"].as_array_mut().unwrap() {
                layer["blob"] = first.clone();
            }
            class.forge(manifest, &document);
        }),
        ("layers that are damaged", |class| {
            let (_, document) = class.documents();
            for layer in document["layers"].as_array().unwrap() {
                let path = class.blob(layer["blob"]["digest"].as_str().unwrap());
                let mut bytes = fs::read(&path).unwrap();
                *bytes.last_mut().unwrap() ^= 1;
                fs::write(path, bytes).unwrap();
            }
        }),
        ("a link in the place of a layer", |class| {
            let (_, document) = class.documents();
            for layer in document["layers"].as_array().unwrap() {
                let path = class.blob(layer["blob"]["digest"].as_str().unwrap());
                fs::remove_file(&path).unwrap();
                std::os::unix::fs::symlink("/etc/passwd", path).unwrap();
            }
        }),
    ];
    let mut told = String::new();
    for (name, spoil) in cases {
        let class = Class::new(FILES);
        class.shell("$T build -q --cache-to type=local,dest=$C,mode=max class");
        spoil(&class);
        let text = class.session("", &["$S build -t x --progress plain --cache-from type=local,src=$C student | grep -E 'WARNING|import|fetched|CACHED|CANCELED|DONE|image'"]);
        told.push_str(&format!("{name}\n{}\n", text.split_once('\n').unwrap().1));
        let made = class.made("S", "x");
        assert!(made.starts_with("tool\n"), "{name}: {made}");
        class.assert_whole();
    }
    insta::assert_snapshot!(told);
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

/// The student has a layer that was damaged since, and the teacher's cache the right one.
#[test]
fn a_damaged_layer_comes_again_from_the_cache() {
    for (name, cache) in [("with the cache", "--cache-from type=local,src=$C"), ("without it", "")] {
        let class = Class::new(FILES);
        class.shell("$T build -q -t x --cache-to type=local,dest=$C,mode=max class");
        class.shell("$S build -q -t x --cache-from type=local,src=$C student");
        let (right, id) = (class.made("S", "x"), class.shell("$S inspect -f '{{.Id}}' x"));
        let (_, document) = class.documents();
        for record in document["records"].as_array().unwrap() {
            let Some(digest) = record["result"]["layer"]["diff_id"].as_str() else { continue };
            let path = class.home("student").join("blobs/sha256").join(digest.trim_start_matches("sha256:"));
            // A layer of another stage has not come.
            let Ok(mut bytes) = fs::read(&path) else { continue };
            *bytes.iter_mut().find(|byte| **byte != 0).unwrap() ^= 1;
            fs::write(&path, bytes).unwrap();
        }
        let text = class.session(
            "",
            &[&format!("$S build -t x --progress plain {cache} student | grep -E 'WARNING|fetched|CACHED|DONE|ERROR'")],
        );
        insta::assert_snapshot!(format!("a_damaged_layer_comes_again_{}", name.replace(' ', "_")), text);
        let made = class.made("S", "x");
        if cache.is_empty() {
            // The image from before stays damaged.
            assert!(made.starts_with("tool\n") && made != right, "{made}");
        } else {
            assert_eq!((made, class.shell("$S inspect -f '{{.Id}}' x")), (right, id));
            class.assert_whole();
        }
    }
}

/// A record with a seal that is right. The layer: its digest and its size.
fn record(key: &str, ingredients: &Value, layer: &Option<(String, u64)>) -> Value {
    timed(key, ingredients, layer, ("2023-11-14T22:13:20Z", 0))
}

/// The same, made at a time and in so many milliseconds.
fn timed(key: &str, ingredients: &Value, layer: &Option<(String, u64)>, (created, milliseconds): (&str, u64)) -> Value {
    let layer = match layer {
        Some((digest, size)) => format!(
            r#"{{"descriptor":{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{digest}","size":{size}}},"diff_id":"{digest}"}}"#
        ),
        None => "null".to_owned(),
    };
    let result = format!(r#"{{"layer":{layer},"created":"{created}","build":1,"milliseconds":{milliseconds}}}"#);
    let seal = Digest::of(format!(r#"["{key}",{result}]"#).as_bytes()).to_string();
    let result: Value = serde_json::from_str(&result).unwrap();
    json!({"schema": 3, "key": key, "instruction": "RUN true", "ingredients": ingredients, "result": result, "seal": seal})
}

/// A record may name any layer that its cache has. It gets one of the steps of this Dockerfile, and is said to be imported; nothing else is to be had by it.
#[test]
fn a_record_that_lies_is_bounded() {
    let class = Class::new(FILES);
    class.shell("$T build -q --cache-to type=local,dest=$C,mode=max class");
    let (manifest, mut document) = class.documents();
    let layer_of = |document: &Value, instruction: &str| {
        let records = document["records"].as_array().unwrap();
        let found = records.iter().find(|record| record["instruction"] == instruction).unwrap();
        let layer = &found["result"]["layer"]["descriptor"];
        (layer["digest"].as_str().unwrap().to_owned(), layer["size"].as_u64().unwrap())
    };
    let (task, (made, size)) = (layer_of(&document, "COPY task /task"), layer_of(&document, "COPY tool ."));
    for one in document["records"].as_array_mut().unwrap() {
        let layer = match one["instruction"].as_str().unwrap() {
            // What changes no file gets none.
            "LABEL course=one" => Some(task.clone()),
            // Another size than it has.
            "COPY task /task" => Some((task.0.clone(), task.1 + 512)),
            // More than any file may have.
            "WORKDIR /tools" => Some((made.clone(), (1 << 63) - 1)),
            // That of another step.
            "RUN cat /proc/sys/kernel/random/uuid > /id" => Some((made.clone(), size)),
            _ => continue,
        };
        *one = record(one["key"].as_str().unwrap(), &one["ingredients"].clone(), &layer);
    }
    class.forge(manifest, &document);
    insta::assert_snapshot!(
        class.session("", &["$S build -t x --cache-from type=local,src=$C student", "$S run x ls /"])
    );
    class.assert_whole();
}

/// The time of a record goes into the image, and how long it took is added up.
#[test]
fn times_that_no_clock_gives_are_not_believed() {
    let class = Class::new(FILES);
    class.shell("$T build -q --cache-to type=local,dest=$C,mode=max class");
    let (manifest, document) = class.documents();
    let mut told = String::new();
    for (created, milliseconds) in [
        ("2023-11-14T22:13:20Z", 1000),
        ("9999-12-31T23:59:59Z", 0),
        ("1969-12-31T23:59:59Z", 0),
        ("2023-13-32T22:13:20Z", 0),
        ("00000000000000000000", 0),
        ("2023-11-14T22:13:20Z", u64::MAX),
    ] {
        let mut document = document.clone();
        for one in document["records"].as_array_mut().unwrap() {
            let result = &one["result"]["layer"]["descriptor"];
            let layer = result["digest"].as_str().map(|digest| (digest.to_owned(), result["size"].as_u64().unwrap()));
            let layer = layer.filter(|_| one["result"]["layer"].is_object());
            *one = timed(one["key"].as_str().unwrap(), &one["ingredients"].clone(), &layer, (created, milliseconds));
        }
        for step in document["build"]["steps"].as_array_mut().unwrap() {
            step["milliseconds"] = json!(milliseconds);
        }
        document["build"]["started"] = json!(created);
        class.forge(manifest.clone(), &document);
        let _ = fs::remove_dir_all(class.home("student"));
        let line = "$S build -t x --times --cache-from type=local,src=$C student 2>&1 | grep -E 'Warning|Using cache' | sort | uniq -c";
        told += &format!("{created} {milliseconds}\n{}", class.session("", &[line]).split_once('\n').unwrap().1);
        class.shell("$S inspect x | grep -v 9999 | grep -c Created; $S plan --cache-from type=local,src=$C student");
    }
    insta::assert_snapshot!(told);
    class.assert_whole();
}

/// Whatever the texts of a cache are, none paints or becomes a path.
#[test]
fn texts_of_a_cache_are_shown_harmless() {
    let class = Class::new(FILES);
    class.shell("$T build -q --cache-to type=local,dest=$C,mode=max class");
    let (manifest, mut document) = class.documents();
    let hostile = "COPY \u{1b}[31m../../../etc/passwd\u{202e} /task";
    for step in document["build"]["steps"].as_array_mut().unwrap() {
        step["stage"] = json!(hostile);
        step["instruction"] = json!(hostile);
        for roots in step.get_mut("roots").and_then(Value::as_array_mut).into_iter().flatten() {
            roots["source"] = json!(hostile);
            roots["runs"] = json!([{"folder": hostile, "entries": u64::MAX}]);
        }
    }
    // The step that is compared with the student's has a record of the cache's own making.
    let text = serde_json::to_string(hostile).unwrap();
    let listing = format!("sha256:{}", "1".repeat(64));
    let ingredients = format!(
        r#"[{{"kind":"instruction","text":{text}}},{{"kind":"environment","name":{text},"value":{text}}},{{"kind":"files","name":{text},"listing":"{listing}","files":1,"bytes":1}}]"#
    );
    let key = Digest::of(ingredients.as_bytes()).to_string();
    let forged = record(&key, &serde_json::from_str(&ingredients).unwrap(), &None);
    document["records"].as_array_mut().unwrap().push(forged);
    for step in document["build"]["steps"].as_array_mut().unwrap() {
        if step["key"].is_string() {
            step["key"] = json!(key);
        }
    }
    document["build"]["number"] = json!(u64::MAX);
    document["build"]["started"] = json!(hostile);
    class.forge(manifest, &document);
    class.place.write("student/task", "other\n");
    class.place.write("commands", "why 7\nstep 8\nwhy\nquit\n");
    let text = class.shell("$S step --script commands --cache-from type=local,src=$C student");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    class.assert_whole();
}

#[test]
fn what_is_too_large_is_refused() {
    let class = Class::new(FILES);
    class.shell("$T build -q --cache-to type=local,dest=$C,mode=max class");
    insta::assert_snapshot!(class.session("", &[
        "LAYERLAB_MAX_SHARED_CACHE=1000 $S build --cache-from type=local,src=$C student | grep Warning",
        "LAYERLAB_MAX_LAYER=2000 $S build --no-cache --cache-from type=local,src=$C student | grep -E 'Warning|error'",
    ]));
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
