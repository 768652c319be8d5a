//! The store on disk: images, names, garbage, verification, crashes, and other tools that read it.

use layerlab::layer::{LayerWriter, tree_of};
use layerlab::oci::{ImageConfig, Platform, Reference};
use layerlab::store::{Home, Store};
use layerlab::tree::{Node, TreePath};

#[test]
fn an_image_is_found_by_the_name_that_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path().join("home")).unwrap();
    let store = Store::open(&home).unwrap();
    let mut writer = LayerWriter::new(&store).unwrap();
    writer
        .append_node(&TreePath::new("/a"), &Node::directory(0o755))
        .unwrap();
    writer
        .append_node(&TreePath::new("/a/b"), &Node::file(0o644, *b"hello\n"))
        .unwrap();
    let layer = writer.finish().unwrap();
    let mut config = ImageConfig::empty(&Platform::host());
    config.rootfs.diff_ids.push(layer.diff_id);
    let descriptor = store.put_image(&config, &[layer.clone()]).unwrap();
    let name = Reference::parse_normalized("first_image").unwrap();
    store.tag(&name, &descriptor).unwrap();
    assert_eq!(store.resolve(&name).unwrap(), Some(descriptor.clone()));
    assert_eq!(store.find("first_image").unwrap().manifest, descriptor);
    let tree = tree_of(&store, &[layer]).unwrap();
    assert_eq!(
        tree.get(&TreePath::new("/a/b"))
            .unwrap()
            .content()
            .unwrap()
            .size,
        6
    );
}
