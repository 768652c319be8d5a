//! Images, archives, records and documents of others that speak to the terminal.
//!
//! The words are those of [`crate::terminal`], which has what a Dockerfile and its programs say.

use std::fs;

use serde_json::{Value, json};

use crate::forge::{forge, forge_field, forge_layer};
use crate::harness::{USERS, attack};
use crate::terminal::{FORGED, ONE, POISON};

#[test]
fn fields_of_a_foreign_image() {
    for field in ["User", "WorkingDir", "StopSignal", "Env", "Cmd", "Entrypoint", "Labels", "Volumes", "ExposedPorts"] {
        attack("CVE-2021-25743: the configuration of a foreign image", ONE, |attack| {
            attack.write("Dockerfile", "FROM layerlab/base\n");
            let text = format!("{POISON}{FORGED}");
            forge_field(
                attack,
                field,
                match field {
                    "Env" | "Cmd" | "Entrypoint" => json!([format!("A={text}"), text]),
                    "Labels" => json!({ "a": text.clone(), text: "b" }),
                    "Volumes" | "ExposedPorts" => json!({ text: {} }),
                    _ => text.into(),
                },
            );
            attack.shows_the_image();
            attack.shows(&["run", "attack", "true"]);
            attack.write("Dockerfile", "FROM attack\nENV A=b\nLABEL a=c\nWORKDIR x\nRUN true\nUSER root\nCMD a\n");
            attack.shows_a_child();
        });
    }
}

#[test]
fn the_history_of_a_foreign_image() {
    for field in ["created", "created_by", "author", "comment"] {
        attack("CVE-2021-25743: the history of a foreign image", ONE, |attack| {
            attack.write("Dockerfile", "FROM layerlab/base\nLABEL a=b\n");
            forge(attack, |documents| {
                let history = documents.config["history"].as_array_mut().unwrap();
                history.iter_mut().for_each(|entry| entry[field] = format!("{POISON}{FORGED}").into());
            });
            attack.write("Dockerfile", "FROM attack\nLABEL c=d\n");
            attack.shows_a_child();
            attack.shows_fed(&["step", "."], "step\nhistory\nlayers\n");
        });
    }
}

#[test]
fn other_fields_of_a_foreign_image() {
    for field in ["created", "author", "architecture", "os", "variant", "unknown"] {
        attack("CVE-2021-25743: a document of a foreign image", ONE, |attack| {
            attack.write("Dockerfile", "FROM layerlab/base\n");
            forge(attack, |documents| documents.config[field] = format!("{POISON}{FORGED}").into());
            attack.shows_the_image();
            attack.write("Dockerfile", "FROM attack\nLABEL a=b\n");
            attack.shows_a_child();
        });
    }
    for field in ["mediaType", "config", "layers"] {
        attack("a media type that an error quotes", ONE, |attack| {
            attack.write("Dockerfile", "FROM layerlab/base\n");
            forge(attack, |documents| {
                let place: &mut Value = match field {
                    "config" => &mut documents.manifest["config"]["mediaType"],
                    "layers" => &mut documents.manifest["layers"][0]["mediaType"],
                    _ => &mut documents.manifest[field],
                };
                *place = format!("{POISON}{FORGED}").into();
            });
            attack.shows_the_image();
            attack.write("Dockerfile", "FROM attack\nRUN true\n");
            attack.shows_a_child();
        });
    }
}

#[test]
fn names_in_the_index() {
    attack("CVE-2021-25743: the name of an image in a foreign index", ONE, |attack| {
        attack.write("Dockerfile", "FROM layerlab/base\n");
        attack.build().succeeded();
        let path = attack.place.home().join("index.json");
        let index = fs::read_to_string(&path).unwrap();
        let poison = json!(format!("{POISON}{FORGED}")).to_string();
        fs::write(&path, index.replace("\"attack:latest\"", &poison)).unwrap();
        attack.shows_the_image();
        attack.shows(&["images"]);
        attack.shows(&["rmi", "attack"]);
        attack.shows_a_build();
    });
}

#[test]
fn entries_of_an_archive() {
    attack("CVE-2024-52005: names and links in an archive", USERS, |attack| {
        attack.write("Dockerfile", "FROM layerlab/base\n");
        attack.build().succeeded();
        let mut tar = tar::Builder::new(Vec::new());
        for (kind, name) in [(tar::EntryType::Regular, "file"), (tar::EntryType::Symlink, "link")] {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(0o644);
            header.set_size(0);
            header.set_username(&POISON[..20]).unwrap();
            let path = format!("poison/{name}{}{FORGED}", POISON.replace('/', ""));
            match kind {
                tar::EntryType::Symlink => tar.append_link(&mut header, path, format!("/{POISON}")).unwrap(),
                _ => tar.append_data(&mut header, path, &b""[..]).unwrap(),
            }
        }
        let tar = tar.into_inner().unwrap();
        forge_layer(attack, &tar);
        attack.write("Dockerfile", "FROM attack\nRUN mv /poison /moved\n");
        attack.shows_a_build();
        fs::write(attack.path("archive.tar"), &tar).unwrap();
        attack.shows(&["import", "archive.tar", "imported"]);
        attack.write("Dockerfile", "FROM layerlab/base\nADD archive.tar /poison\n");
        attack.shows_a_build();
    });
}

#[test]
fn archives_that_are_refused() {
    for name in ["../POISON", "dev/POISON"] {
        attack("a refusal quotes the entry", ONE, |attack| {
            let mut header = tar::Header::new_gnu();
            let name = name.replace("POISON", &POISON.replace('/', ""));
            header.set_size(0);
            header.set_entry_type(tar::EntryType::Link);
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.as_gnu_mut().unwrap().linkname[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            let mut tar = tar::Builder::new(Vec::new());
            tar.append(&header, &b""[..]).unwrap();
            fs::write(attack.path("archive.tar"), tar.into_inner().unwrap()).unwrap();
            attack.shows(&["import", "archive.tar", "imported"]);
            attack.write("Dockerfile", "FROM layerlab/base\nADD archive.tar /\n");
            attack.shows_a_build();
        });
    }
}

#[test]
fn records_of_the_cache() {
    attack("CVE-2021-25743: records that another program wrote", ONE, |attack| {
        attack.write("Dockerfile", "FROM layerlab/base\nENV A=b\nCOPY file /\nRUN echo a\n").write("file", "text\n");
        attack.build().succeeded();
        for folder in ["cache", "builds"] {
            for entry in fs::read_dir(attack.place.home().join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_none_or(|extension| extension != "json") {
                    continue;
                }
                let mut value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
                poison(&mut value);
                fs::write(&path, value.to_string()).unwrap();
            }
        }
        attack.shows_a_build();
        attack.write("Dockerfile", "FROM layerlab/base\nENV A=c\nCOPY file /\nRUN echo b\n").write("file", "other\n");
        attack.shows(&["plan", "."]);
        attack.shows_fed(&["step", "."], "why 2\nwhy 3\nwhy 4\nwhy 2 --against 1\nwhy 4 --against 1\nplan\n");
    });
}

/// Puts the poison behind every text of a document that no program compares with something.
fn poison(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| {
            if !["key", "kind", "outcome", "stage", "context", "dockerfile"].contains(&name.as_str()) {
                poison(value);
            }
        }),
        Value::Array(items) => items.iter_mut().for_each(poison),
        Value::String(text) if !text.contains("sha256:") && !text.contains("vnd.oci") => {
            text.push_str(POISON);
            text.push_str(FORGED);
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn documents_that_are_broken() {
    for file in ["index.json", "oci-layout", "cache/0.json", "builds/1.json", "stand-ins.toml"] {
        attack("a message about a broken document quotes it", ONE, |attack| {
            attack.write("Dockerfile", "FROM fedora\nENV A=b\n");
            attack.shows(&["images"]);
            let path = attack.place.home().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, format!("{{ \"{POISON}\": {POISON} }}")).unwrap();
            attack.shows_the_image();
            attack.shows(&["build", "--stand-ins", "."]);
            attack.shows(&["plan", "."]);
        });
    }
}
