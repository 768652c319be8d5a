//! The cache's files, damaged or forged: records, listings, past builds. They may cost time; they never give a wrong
//! layer, and never stop a build.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use layerlab::oci::Digest;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::harness::{Attack, Outcome, ROOT, USERS, attack};

/// Two commands, of which the second depends on the first, and a copy.
const DOCKERFILE: &str =
    "FROM layerlab/base\nRUN echo one > /a\nCOPY file /file\nRUN cat /a /file > /b\nRUN echo other > /c\n";

/// What `/b` holds when all is right.
const RIGHT: &str = "one\nfile\n";

fn built(attack: &mut Attack) {
    attack.write("Dockerfile", DOCKERFILE).write("file", "file\n");
    attack.build().succeeded();
}

/// The records, each with its path.
fn records(attack: &Attack) -> Vec<(PathBuf, serde_json::Value)> {
    let folder = attack.place.home().join("cache");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.map(|path| (path.clone(), serde_json::from_slice(&fs::read(path).unwrap()).unwrap())).collect()
}

/// Whatever lies in the cache, a build gives the right files, and `plan` tells something.
fn still_right(attack: &mut Attack) {
    attack.run("plan .").succeeded();
    attack.build().succeeded();
    let shown = attack.run("run attack cat /b");
    assert_eq!(shown.succeeded().text, RIGHT);
    attack.place.assert_whole();
}

/// Changes every record.
fn change(attack: &Attack, change: impl Fn(&mut serde_json::Value)) {
    for (path, mut record) in records(attack) {
        change(&mut record);
        fs::write(path, serde_json::to_vec(&record).unwrap()).unwrap();
    }
}

/// Puts something else in the place of every record.
fn replace(attack: &Attack, put: impl Fn(&PathBuf)) {
    for (path, _) in records(attack) {
        fs::remove_file(&path).unwrap();
        put(&path);
    }
}

#[test]
fn records_that_are_cut_off() {
    attack("a record of which a loss of power left the half", USERS, |attack| {
        built(attack);
        for (path, _) in records(attack) {
            let bytes = fs::read(&path).unwrap();
            fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        }
        still_right(attack);
    });
}

#[test]
fn records_that_are_no_records() {
    for text in ["", "null", "[]", "{}", "\0\0\0\0", "{\"schema\":2}"] {
        attack("a record that is something else", ROOT, |attack| {
            built(attack);
            replace(attack, |path| fs::write(path, text).unwrap());
            still_right(attack);
        });
    }
}

#[test]
fn records_of_an_earlier_version() {
    attack("a cache that an earlier version left", USERS, |attack| {
        built(attack);
        change(attack, |record| {
            record["schema"] = 2.into();
            for ingredient in record["ingredients"].as_array_mut().into_iter().flatten() {
                if let Some(setting) = ingredient.as_object_mut().and_then(|fields| fields.remove("setting")) {
                    ingredient["name"] = setting;
                }
            }
        });
        still_right(attack);
    });
}

#[test]
fn records_that_never_end_to_open() {
    attack("a record that is a deeply nested document", ROOT, |attack| {
        built(attack);
        replace(attack, |path| fs::write(path, "[".repeat(1 << 20)).unwrap());
        still_right(attack);
    });
}

#[test]
fn records_of_another_step() {
    attack("a record under the name of another", USERS, |attack| {
        built(attack);
        let all = records(attack);
        for (index, (path, _)) in all.iter().enumerate() {
            fs::write(path, serde_json::to_vec(&all[(index + 1) % all.len()].1).unwrap()).unwrap();
        }
        still_right(attack);
    });
}

#[test]
fn records_with_another_key() {
    attack("a record of another step, renamed inside, too", USERS, |attack| {
        built(attack);
        let all = records(attack);
        for (index, (path, record)) in all.iter().enumerate() {
            let mut other = all[(index + 1) % all.len()].1.clone();
            other["key"] = record["key"].clone();
            fs::write(path, serde_json::to_vec(&other).unwrap()).unwrap();
        }
        still_right(attack);
    });
}

#[test]
fn records_with_the_layer_of_another() {
    attack("a record that names another step's layer", USERS, |attack| {
        built(attack);
        let all = records(attack);
        for (index, (path, record)) in all.iter().enumerate() {
            let mut record = record.clone();
            record["result"] = all[(index + 1) % all.len()].1["result"].clone();
            fs::write(path, serde_json::to_vec(&record).unwrap()).unwrap();
        }
        still_right(attack);
    });
}

#[test]
fn records_without_their_layer() {
    attack("a record that says that a step changed nothing", USERS, |attack| {
        built(attack);
        change(attack, |record| record["result"]["layer"] = serde_json::Value::Null);
        still_right(attack);
    });
}

#[test]
fn records_with_another_diff_id() {
    attack("a record whose layer has another checksum when it is unpacked", USERS, |attack| {
        built(attack);
        let digest = Digest::of(b"something else").to_string();
        change(attack, |record| {
            if record["result"]["layer"].is_object() {
                record["result"]["layer"]["diff_id"] = digest.clone().into();
            }
        });
        still_right(attack);
    });
}

#[test]
fn records_with_odd_numbers_and_times() {
    attack("a record with numbers and times that no clock gives", ROOT, |attack| {
        built(attack);
        change(attack, |record| {
            record["result"]["milliseconds"] = u64::MAX.into();
            record["result"]["build"] = u64::MAX.into();
            record["result"]["created"] = "99999-99-99T99:99:99Z\u{1b}[2J".into();
        });
        let planned = attack.run("plan .");
        assert!(!planned.text.contains('\u{1b}'), "{}", planned.text);
        still_right(attack);
    });
}

#[test]
fn records_that_are_links() {
    attack("a record that is a link to a file of the user's", USERS, |attack| {
        built(attack);
        let secret = attack.sentinel().join("secret");
        replace(attack, |path| symlink(&secret, path).unwrap());
        still_right(attack);
    });
}

#[test]
fn records_that_wait_for_somebody() {
    attack("a record that is a pipe", USERS, |attack| {
        built(attack);
        replace(attack, |path| mkfifo(path, Mode::from_bits_truncate(0o666)).unwrap());
        attack.run("plan .");
        attack.build();
    });
}

#[test]
fn records_that_are_folders() {
    attack("a record that is a folder", USERS, |attack| {
        built(attack);
        replace(attack, |path| fs::create_dir(path).unwrap());
        attack.run("plan .");
        attack.build();
    });
}

/// The listings, of which `plan` tells which file has changed.
fn change_listings(attack: &Attack, put: impl Fn(&PathBuf)) {
    let folder = attack.place.home().join("cache/listings");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        fs::remove_file(&path).unwrap();
        put(&path);
    }
}

#[test]
fn listings_that_are_gone_or_something_else() {
    attack("a listing that is gone, damaged, or a link to a secret", USERS, |attack| {
        built(attack);
        let secret = attack.sentinel().join("secret");
        let puts: [&dyn Fn(&PathBuf); 3] =
            [&|_| {}, &|path| fs::write(path, "f 644 0:0 99999999999999999999 sha256:0 file\n").unwrap(), &|path| {
                symlink(&secret, path).unwrap()
            }];
        for put in puts {
            change_listings(attack, put);
            attack.write("file", "changed\n");
            let planned = attack.run("plan .");
            assert!(!planned.succeeded().text.contains("sentinel"), "{}", planned.text);
            attack.write("file", "file\n");
            still_right(attack);
            // The next round begins with listings that are there.
            attack.run("build --no-cache --progress quiet .").succeeded();
        }
    });
}

#[test]
fn past_builds_that_no_build_was() {
    attack("a past build with odd steps, or one that is none", USERS, |attack| {
        built(attack);
        let path = attack.place.home().join("builds/1.json");
        let build: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let mut odd = build.clone();
        for step in odd["steps"].as_array_mut().unwrap() {
            step["stage_index"] = u32::MAX.into();
            step["number"] = u64::MAX.into();
            step["instruction"] = "\u{1b}]0;owned\u{7}RUN".into();
            step["milliseconds"] = u64::MAX.into();
        }
        let mut swapped = build.clone();
        let keys: Vec<serde_json::Value> =
            build["steps"].as_array().unwrap().iter().map(|step| step["key"].clone()).collect();
        for (step, key) in swapped["steps"].as_array_mut().unwrap().iter_mut().zip(keys.into_iter().rev()) {
            step["key"] = key;
        }
        for text in [odd.to_string(), swapped.to_string(), "{".into(), "[".repeat(1 << 20)] {
            fs::write(&path, text).unwrap();
            attack.write("Dockerfile", &DOCKERFILE.replace("one", "two"));
            let planned = attack.run("plan .");
            assert!(!planned.succeeded().text.contains('\u{1b}'), "{}", planned.text);
            attack.write("Dockerfile", DOCKERFILE);
            still_right(attack);
        }
    });
}

#[test]
fn digests_of_the_context_that_are_damaged() {
    attack("the remembered digests of the context, cut off or replaced", USERS, |attack| {
        built(attack);
        let folder = attack.place.home().join("cache/stat");
        let files: Vec<PathBuf> = match fs::read_dir(&folder) {
            Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
            Err(_) => vec![folder],
        };
        for file in files {
            let Ok(bytes) = fs::read(&file) else { continue };
            for bytes in [&bytes[..bytes.len() / 2], &[][..], &[0xff; 4096][..]] {
                fs::write(&file, bytes).unwrap();
                still_right(attack);
            }
        }
    });
}

#[test]
fn one_thing_that_reads_as_two() {
    attack("inputs that are equal when they are written one behind the other", ROOT, |attack| {
        let line = "f 644 0:0 1 sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b b";
        let pairs: [(&str, &str); 6] = [
            (
                "RUN [\"sh\", \"-c\", \"echo $0-$1 > /b\", \"a\", \"bc\"]",
                "RUN [\"sh\", \"-c\", \"echo $0-$1 > /b\", \"ab\", \"c\"]",
            ),
            ("ENV A=1 B=2\nRUN echo \"$A-$B\" > /b", "ENV A=\"1 B=2\"\nRUN echo \"$A-$B\" > /b"),
            ("ENV A=1\nENV AB=2\nRUN echo \"$A-$AB\" > /b", "ENV A=1AB=2\nRUN echo \"$A-$AB\" > /b"),
            ("COPY <<x <<y /d/\nx\ny\nx\ny\ny\nRUN cat /d/x > /b", "COPY <<x <<y /d/\nx\nx\ny\ny\nRUN cat /d/x > /b"),
            ("WORKDIR /w\nUSER 1\nRUN pwd > /tmp/b; id -u >> /tmp/b", "WORKDIR /w1\nRUN pwd > /tmp/b; id -u >> /tmp/b"),
            ("COPY names /d\nRUN ls /d > /b", "COPY two /d\nRUN ls /d > /b"),
        ];
        attack.write(&format!("names/a\n{line}"), "1").write("two/a", "1").write("two/b", "1");
        for (one, other) in pairs {
            let mut ids = Vec::new();
            for text in [one, other] {
                attack.write("Dockerfile", &format!("FROM layerlab/base\nRUN mkdir -p -m 1777 /tmp\n{text}\n"));
                let built = attack.run("build --progress quiet .");
                let fresh = attack.run("build --progress quiet --no-cache .");
                assert_eq!(built.text, fresh.text, "{text}");
                ids.push(built.text);
            }
            assert_ne!(ids[0], ids[1], "{one}");
        }
    });
}

/// A cache in the folder `shared` of the context's neighbour, of which `change` rewrites the document; then a build with it.
fn shared(attack: &mut Attack, change: impl Fn(String) -> String) -> Outcome {
    let folder = attack.place.folder().join("home/shared");
    let _ = fs::remove_dir_all(&folder);
    let to = format!("build -q --cache-to type=local,dest={} -t attack .", folder.display());
    attack.run(&to).succeeded();
    let blob = |digest: &serde_json::Value| {
        folder.join("blobs/sha256").join(digest.as_str().unwrap().trim_start_matches("sha256:"))
    };
    let read = |path: PathBuf| fs::read_to_string(path).unwrap();
    let parsed = |text: String| -> serde_json::Value { serde_json::from_str(&text).unwrap() };
    let mut index = parsed(read(folder.join("index.json")));
    let mut manifest = parsed(read(blob(&index["manifests"][0]["digest"])));
    let put = |descriptor: &mut serde_json::Value, text: String| {
        descriptor["digest"] = Digest::of(text.as_bytes()).to_string().into();
        descriptor["size"] = text.len().into();
        fs::write(blob(&descriptor["digest"]), text).unwrap();
    };
    let document = change(read(blob(&manifest["config"]["digest"])));
    put(&mut manifest["config"], document);
    put(&mut index["manifests"][0], manifest.to_string());
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
    attack.run(&format!("build --no-cache -t attack --cache-from type=local,src={} .", folder.display()))
}

#[test]
fn shared_caches_that_fill_the_memory() {
    attack("a document of a shared cache that takes many times its bytes when it is read", ROOT, |attack| {
        attack.write("Dockerfile", DOCKERFILE).write("file", "file\n");
        attack.run("build -q .").succeeded();
        // Far below the limit on its bytes, all of them.
        let list = |one: &str| format!("[{}{one}]", format!("{one},").repeat((16 << 20) / (one.len() + 1)));
        let fields = || -> String { (0..2_500_000).map(|number| format!("\"{number}\":0,")).collect() };
        // One at a time, so that the tests' own process stays small: what it starts is counted with its memory.
        let floods: [(&str, &dyn Fn() -> String); 7] = [
            ("\"milliseconds\":", &|| format!("\"told\":{},\"milliseconds\":", list("[]"))),
            ("\"milliseconds\":", &|| format!("\"told\":{},\"milliseconds\":", list("{\"a\":0}"))),
            ("\"milliseconds\":", &|| format!("\"told\":{{{}\"a\":0}},\"milliseconds\":", fields())),
            ("\"milliseconds\":", &|| format!("\"told\":{},\"milliseconds\":", list("\"\""))),
            ("\"kind\":\"parent\",", &|| format!("\"odd\":{},\"kind\":\"parent\",", list("[]"))),
            ("\"schema\":1,", &|| format!("\"odd\":{},\"schema\":1,", list("[]"))),
            ("\"records\":[", &|| format!("\"records\":[{},", &list("null")[1..].trim_end_matches(']'))),
        ];
        for (before, after) in floods {
            let built = shared(attack, |document| {
                assert!(document.contains(before), "{before}: {document}");
                document.replacen(before, &after(), 1)
            });
            built.succeeded().says("is not used: ");
        }
        // What is small is read.
        let built = shared(attack, |document| document);
        assert!(!built.succeeded().text.contains("is not used"), "{}", built.text);
        attack.place.assert_whole();
    });
}
