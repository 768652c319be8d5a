//! `--cache-from` of caches that are not what they should be: damaged, forged, too large.

use std::fs;

use layerlab::oci::Digest;
use serde_json::{Value, json};

use crate::classroom::{Class, FILES};

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
