//! Layers as they are written: other programs read them, and a tree comes back from them.

use super::*;

/// A tree with everything that an archive can hold.

#[test]
fn a_tree_comes_back_from_its_archive() {
    let test = TestStore::new();
    let tree = rich_tree();
    let mut writer = LayerWriter::new(&test.store).unwrap().times(Times::Nanoseconds);
    writer.append_tree(&tree, &TreePath::root()).unwrap();
    let layer = writer.finish().unwrap();
    let again = layer::tree_of(&test.store, std::slice::from_ref(&layer)).unwrap();
    assert_eq!(listing(&test.store, &tree), listing(&test.store, &again));
    assert_eq!(again.get(&path("/big-owner")).unwrap().metadata, tree.get(&path("/big-owner")).unwrap().metadata);
    // The same tree gives the same bytes, also when its files lie in another archive.
    let mut writer = LayerWriter::new(&test.store).unwrap().times(Times::Nanoseconds);
    writer.append_tree(&again, &TreePath::root()).unwrap();
    assert_eq!(writer.finish().unwrap(), layer);
}

#[test]
fn other_programs_read_the_archive() {
    let test = TestStore::new();
    let mut writer = LayerWriter::new(&test.store).unwrap();
    writer.append_tree(&rich_tree(), &TreePath::root()).unwrap();
    writer.whiteout(&path("/dir/gone")).unwrap();
    writer.opaque(&path("/dir")).unwrap();
    let layer = writer.finish().unwrap();
    let output = std::process::Command::new("tar")
        .args(["--numeric-owner", "--full-time", "--utc", "-tvf"])
        .arg(test.store.blob_path(&layer.descriptor.digest))
        .env("LC_ALL", "C.UTF-8")
        .output();
    let Ok(output) = output else {
        eprintln!("SKIPPED: GNU tar is not installed");
        return;
    };
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stdout));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_path_of_every_length_survives() {
    let test = TestStore::new();
    let mut writer = LayerWriter::new(&test.store).unwrap();
    let mut paths = Vec::new();
    for length in (90..300).chain([1000, 4000]) {
        for split in [1, 10, 50, 99, 100, 101, 150, 154, 155, 156] {
            let mut name = vec![b'x'; length];
            name.iter_mut().skip(split).step_by(split.max(40)).for_each(|byte| *byte = b'/');
            paths.push(TreePath::new(name));
        }
    }
    paths.sort();
    paths.dedup();
    paths.retain({
        let all = paths.clone();
        move |path| !all.iter().any(|other| other != path && other.starts_with(path))
    });
    for path in &paths {
        writer.append_node(path, &Node::file(0o644, path.as_bytes())).unwrap();
    }
    let tree = layer::tree_of(&test.store, &[writer.finish().unwrap()]).unwrap();
    for path in &paths {
        let mut bytes = Vec::new();
        let content = tree.get(path).unwrap().content().unwrap();
        layer::open(&test.store, content).unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, path.as_bytes());
    }
}

#[test]
fn a_file_that_changed_is_refused() {
    let test = TestStore::new();
    let file = test.folder.path().join("file");
    let node = |size| {
        let place = Place::Host(Arc::from(file.as_path()));
        Node { kind: Kind::File(Content { size, place }), ..Node::file(0o644, *b"") }
    };
    std::fs::write(&file, b"12345").unwrap();
    let mut text = String::new();
    for size in [4, 5, 6, 0] {
        let mut writer = LayerWriter::new(&test.store).unwrap();
        let result = writer.append_node(&path("/file"), &node(size)).map(|()| "written");
        writeln!(text, "{size}: {}", result.map_or_else(|error| error.to_string(), str::to_string)).unwrap();
    }
    std::fs::remove_file(&file).unwrap();
    symlink("/etc/passwd", &file).unwrap();
    let error = LayerWriter::new(&test.store).unwrap().append_node(&path("/file"), &node(5)).unwrap_err();
    writeln!(text, "a link in its place: {error}").unwrap();
    insta::assert_snapshot!(text);
    assert_eq!(std::fs::read_dir(test.store.home().temporary()).unwrap().count(), 0);
}
