//! Whether a root file system is, by what lies in it, an archive of images: what `import` is given by mistake.

use std::io::Read as _;

use serde_json::Value;

use crate::layer;
use crate::oci::{Index, kind};
use crate::store::Store;
use crate::tree::{Kind, Tree, TreePath};

/// More than this is not looked at.
const MOST: u64 = 16 << 20;

/// What the tree is, if it is an archive of images: `an OCI layout`, `a docker archive`.
pub(crate) fn recognise(store: &Store, tree: &Tree) -> Option<&'static str> {
    let has = |name: &str| tree.get(&TreePath::new(name)).is_some();
    let text = |name: &str| read(store, tree, name);
    if has("oci-layout") && text("index.json").is_some_and(|text| kind::parse::<Index>(&text).is_ok()) {
        return Some("an OCI layout");
    }
    let is_list = |text: Vec<u8>| {
        let list: Option<Vec<Value>> = serde_json::from_slice(&text).ok();
        list.is_some_and(|list| list.iter().any(|entry| entry.get("Config").is_some() && entry.get("Layers").is_some()))
    };
    if text("manifest.json").is_some_and(is_list) {
        return Some("a docker archive");
    }
    // Before 1.10: repository → tag → the folder of a layer.
    let names_layer = |text: Vec<u8>| {
        let repositories: Option<Value> = serde_json::from_slice(&text).ok();
        let tags = repositories.as_ref().and_then(Value::as_object)?.values().filter_map(Value::as_object);
        let mut tops = tags.flat_map(|tags| tags.values()).filter_map(Value::as_str);
        tops.any(|top| has(&format!("{top}/layer.tar"))).then_some(())
    };
    text("repositories").and_then(names_layer).map(|()| "a docker archive")
}

/// A file at the root of the tree, or its beginning.
fn read(store: &Store, tree: &Tree, name: &str) -> Option<Vec<u8>> {
    let node = tree.get(&TreePath::new(name))?;
    let Kind::File(content) = &node.kind else { return None };
    let mut bytes = Vec::new();
    layer::open(store, content).ok()?.take(MOST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
