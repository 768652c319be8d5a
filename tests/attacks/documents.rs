//! Documents of a store that say what is not true, each in its own right form: kinds, sizes, names, and documents that never end.
//!
//! As in [`crate::store`], only the image that they belong to is refused.

use std::fs;

use serde_json::json;

use crate::forge::{blob, forge, put};
use crate::harness::Attack;
use crate::store::{INDEX, MANIFEST, change_entry, index, only_the_image_is_refused, with_images, write_index};

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
