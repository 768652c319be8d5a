//! Chains of layers as overlayfs takes them: none twice, not too many, and no slower than they are long.

use super::*;

/// What a process sees of unpacked layers, file by file; `None` where no overlay can be mounted.
fn seen(test: &TestStore, lower: &[std::path::PathBuf]) -> Option<String> {
    if !is_root() {
        eprintln!("SKIPPED: mounting an overlay needs root");
        return None;
    }
    let root = test.folder.path().join("root");
    std::fs::create_dir_all(&root).unwrap();
    // By file descriptors, as the paths of many layers do not fit into mount(2)'s one page.
    let lowers: Vec<String> = (0..lower.len()).map(|number| format!("l/{number}")).collect();
    let links = test.folder.path().join("l");
    let _ = std::fs::remove_dir_all(&links);
    std::fs::create_dir_all(&links).unwrap();
    for (number, folder) in lower.iter().enumerate() {
        symlink(folder, links.join(number.to_string())).unwrap();
    }
    std::fs::create_dir_all(test.folder.path().join("empty")).unwrap();
    let command = format!(
        "mount -t overlay overlay -o lowerdir={}:empty root && cd root && find . -type f | sort | while read -r f; \
         do echo \"$f $(cat \"$f\")\"; done",
        lowers.join(":")
    );
    let output = std::process::Command::new("unshare")
        .args(["-m", "sh", "-ec", &command])
        .current_dir(test.folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// What the tree has, in the same form.
fn expected(test: &TestStore, layers: &[layerlab::oci::Layer]) -> String {
    let tree = layer::tree_of(&test.store, layers).unwrap();
    let mut lines: Vec<String> = tree
        .walk(&TreePath::root())
        .filter_map(|(path, node)| {
            let mut text = String::new();
            layer::open(&test.store, node.content()?).unwrap().read_to_string(&mut text).unwrap();
            Some(format!(".{path} {text}\n"))
        })
        .collect();
    lines.sort();
    lines.concat()
}

fn assert_seen(test: &TestStore, layers: &[layerlab::oci::Layer]) -> Vec<std::path::PathBuf> {
    let lower = layer::unpack_all(&test.store, layers, options(), Below::default()).unwrap().lower;
    assert_eq!(layer::already_unpacked(&test.store, layers, options()).unwrap(), lower);
    if let Some(seen) = seen(test, &lower) {
        let mut lines: Vec<&str> = seen.lines().collect();
        lines.sort_unstable();
        let sorted: String = lines.iter().map(|line| format!("{line}\n")).collect();
        assert_eq!(sorted, expected(test, layers));
    }
    lower
}

#[test]
fn a_layer_that_comes_again_is_given_once() {
    let test = TestStore::new();
    let added = test.layer(&tar_of("f f 644 0:0 = f"));
    let removed = test.layer(&tar_of("f .wh.f 0"));
    let other = test.layer(&tar_of("f g 644 0:0 = g"));
    let empty = test.layer(&tar_of(""));
    let opaque = test.layer(&tar_of("d d 755 0:0\nf d/.wh..wh..opq 0\nf d/new 644 0:0 = new"));
    let in_folder = test.layer(&tar_of("d d 755 0:0\nf d/old 644 0:0 = old"));
    let chains: &[&[&layerlab::oci::Layer]] = &[
        &[&added, &removed, &added],
        &[&added, &removed, &added, &removed],
        &[&added, &added],
        &[&empty, &added, &empty, &empty],
        &[&removed, &added, &other, &removed, &other],
        &[&in_folder, &opaque, &in_folder, &opaque, &added],
        &[&opaque, &in_folder, &opaque, &in_folder],
    ];
    for chain in chains {
        let layers: Vec<layerlab::oci::Layer> = chain.iter().map(|layer| (*layer).clone()).collect();
        let lower = assert_seen(&test, &layers);
        let mut distinct = lower.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), lower.len());
    }
}

#[test]
fn any_chain_of_few_layers_looks_as_its_tree() {
    let test = TestStore::new();
    // Everything that can stand in the way of something: files, folders, deletions, opaque marks.
    let layers: Vec<layerlab::oci::Layer> = [
        "f a 644 0:0 = file",
        "d a 755 0:0\nf a/x 644 0:0 = x",
        "d a 755 0:0\nd a/y 755 0:0\nf a/y/z 644 0:0 = z",
        "f .wh.a 0",
        "d a 755 0:0\nf a/.wh.x 0",
        "d a 755 0:0\nf a/.wh..wh..opq 0\nf a/w 644 0:0 = w",
        "d a 755 0:0\nf a/y 644 0:0 = a file where others have a folder",
    ]
    .iter()
    .map(|text| test.layer(&tar_of(text)))
    .collect();
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    for _ in 0..60 {
        let length = 3 + numbers.below(5);
        let chain: Vec<layerlab::oci::Layer> =
            (0..length).map(|_| layers[usize::try_from(numbers.below(7)).unwrap()].clone()).collect();
        assert_seen(&test, &chain);
    }
}

#[test]
fn a_long_chain_is_bundled_at_its_bottom() {
    let test = TestStore::new();
    let mut layers = Vec::new();
    for number in 0..321 {
        let text = match number {
            // What lies in the bundle is deleted, changed and hidden above it.
            310 => "f .wh.f-3 0\nf f-4 644 0:0 = again".to_string(),
            _ => format!("f f-{number} 644 0:0 = {number}"),
        };
        layers.push(test.layer(&tar_of(&text)));
    }
    for (length, directories) in [(200, 200), (201, 102), (299, 200), (300, 101), (321, 122)] {
        let lower = assert_seen(&test, &layers[..length]);
        assert_eq!(lower.len(), directories, "{length} layers");
        assert!(lower.len() <= layer::MOST_LOWER);
    }
    // The tree below may be known already.
    let first = layer::first_missing(&test.store, &layers[..320], options());
    assert_eq!(first, 320);
    layers.push(test.layer(&tar_of("f last 644 0:0 = last")));
    let count = layer::first_missing(&test.store, &layers, options());
    assert_eq!(count, 321);
    let below = Below { count, tree: layer::tree_of(&test.store, &layers[..count]).unwrap() };
    let lower = layer::unpack_all(&test.store, &layers, options(), below).unwrap().lower;
    assert!(lower[0].join("last").is_file());
}

/// Times what must grow with the size of its input and no faster:
/// `cargo test --test library layer growth -- --ignored --nocapture`.
#[test]
#[ignore = "it measures"]
fn growth() {
    let time = |what: &str, run: &mut dyn FnMut()| {
        let begun = std::time::Instant::now();
        run();
        println!("{what}: {:.0} ms", begun.elapsed().as_secs_f64() * 1000.0);
    };
    for length in [10, 100, 1000] {
        let test = TestStore::new();
        let layers: Vec<layerlab::oci::Layer> = (0..length)
            .map(|number| test.layer(&tar_of(&format!("f f-{number} 644 0:0 = x\nf .wh.f-{number}x 0"))))
            .collect();
        time(&format!("merge {length} layers"), &mut || drop(layer::tree_of(&test.store, &layers).unwrap()));
        time(&format!("unpack {length} layers"), &mut || {
            drop(layer::unpack_all(&test.store, &layers, options(), Below::default()).unwrap());
        });
        time(&format!("find {length} unpacked layers"), &mut || {
            drop(layer::already_unpacked(&test.store, &layers, options()).unwrap());
        });
    }
    for entries in [1000, 10_000, 100_000] {
        for (what, name) in [("flat", String::new()), ("in 400 folders", "d/".repeat(400))] {
            let test = TestStore::new();
            let mut writer = LayerWriter::new(&test.store).unwrap();
            let mut layer = None;
            time(&format!("write {entries} entries, {what}"), &mut || {
                for number in 0..entries {
                    writer.append_node(&path(&format!("/{name}{number}")), &Node::file(0o644, *b"")).unwrap();
                }
            });
            time("  store them", &mut || {
                layer = Some(std::mem::replace(&mut writer, LayerWriter::new(&test.store).unwrap()).finish().unwrap())
            });
            let layer = layer.take().unwrap();
            time("  merge them", &mut || drop(layer::tree_of(&test.store, std::slice::from_ref(&layer)).unwrap()));
            let mut writer = LayerWriter::new(&test.store).unwrap();
            for number in 0..entries {
                writer.whiteout(&path(&format!("/{name}{number}"))).unwrap();
            }
            let gone = writer.finish().unwrap();
            time("  merge as many deletions", &mut || {
                drop(layer::tree_of(&test.store, &[layer.clone(), gone.clone()]).unwrap());
            });
        }
    }
}
