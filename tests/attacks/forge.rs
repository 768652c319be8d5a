//! Images that no builder makes: the documents of a built one, changed at will, with right digests.

use std::fs;

use layerlab::oci::Digest;
use serde_json::{Value, json};

use crate::harness::Attack;
use crate::place::Role;

/// The two documents of an image, as JSON.
pub struct Documents {
    pub manifest: Value,
    pub config: Value,
}

/// Builds the context as the image `attack`, unless that is there, then replaces its documents by what `change` makes of them.
pub fn forge(attack: &mut Attack, change: impl FnOnce(&mut Documents)) {
    let index_path = attack.place.home().join("index.json");
    if !index_path.exists() {
        attack.build().succeeded();
    }
    let mut index: Value = serde_json::from_slice(&fs::read(&index_path).unwrap()).unwrap();
    let entries = index["manifests"].as_array_mut().unwrap();
    let ours = |entry: &&Value| entry["annotations"]["org.opencontainers.image.ref.name"] == "attack:latest";
    let digest = entries.iter().find(ours).expect("the image `attack` was built")["digest"].clone();
    let manifest = read(attack, &digest);
    let config = read(attack, &manifest["config"]["digest"]);
    let mut documents = Documents { manifest, config };
    change(&mut documents);
    let (config_digest, config_size) = put(attack, documents.config.to_string().as_bytes());
    documents.manifest["config"]["digest"] = config_digest.into();
    documents.manifest["config"]["size"] = config_size.into();
    let (manifest_digest, manifest_size) = put(attack, documents.manifest.to_string().as_bytes());
    for entry in entries.iter_mut().filter(|entry| entry["digest"] == digest) {
        entry["digest"] = manifest_digest.clone().into();
        entry["size"] = manifest_size.into();
    }
    fs::write(&index_path, index.to_string()).unwrap();
}

/// Changes one field of `config.config`, the part that says how to run the image.
pub fn forge_field(attack: &mut Attack, field: &str, value: Value) {
    forge(attack, |documents| documents.config["config"][field] = value);
}

/// Puts a layer of these bytes on top of the image `attack`.
pub fn forge_layer(attack: &mut Attack, tar: &[u8]) {
    let (digest, size) = put(attack, tar);
    forge(attack, |documents| {
        let layer = json!({ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": size });
        documents.manifest["layers"].as_array_mut().unwrap().push(layer);
        documents.config["rootfs"]["diff_ids"].as_array_mut().unwrap().push(digest.into());
    });
}

/// Stores a blob under its digest, and gives that and its size.
pub fn put(attack: &Attack, bytes: &[u8]) -> (String, usize) {
    let digest = Digest::of(bytes).to_string();
    let path = blob(attack, &digest);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    if attack.role != Role::Self_ {
        attack.place.give(&attack.place.home());
    }
    (digest, bytes.len())
}

/// Where a blob lies.
pub fn blob(attack: &Attack, digest: &str) -> std::path::PathBuf {
    attack.place.home().join("blobs").join(digest.replace(':', "/"))
}

fn read(attack: &Attack, digest: &Value) -> Value {
    let path = blob(attack, digest.as_str().unwrap());
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}
