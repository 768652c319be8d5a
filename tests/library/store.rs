//! The store on disk: images, names, garbage, verification, and other tools that read it.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use crate::store_support::{TestStore, listing};
use layerlab::layer::{self, LayerWriter};
use layerlab::oci::{Descriptor, Digest, History, ImageConfig, Layer, Platform, Reference};
use layerlab::store::{self, Home, Store};
use layerlab::tree::{Node, TreePath};
use layerlab::upkeep::verify;

pub fn name(text: &str) -> Reference {
    Reference::parse_normalized(text).unwrap()
}

pub fn layer_of(store: &Store, text: &str) -> Layer {
    let mut writer = LayerWriter::new(store).unwrap();
    writer.append_node(&TreePath::new("/a"), &Node::directory(0o755)).unwrap();
    writer.append_node(&TreePath::new("/a/b"), &Node::file(0o644, text.as_bytes())).unwrap();
    writer.finish().unwrap()
}

pub fn image_of(store: &Store, text: &str) -> Descriptor {
    let layers = [layer_of(store, text), layer_of(store, "the upper layer")];
    let mut config = ImageConfig::empty(&Platform { architecture: "amd64".into(), os: "linux".into(), variant: None });
    config.config.cmd = Some(vec!["/a/b".to_string()]);
    for layer in &layers {
        config.rootfs.diff_ids.push(layer.diff_id);
        config.history.push(History { created_by: Some("test".to_string()), ..History::default() });
    }
    store.put_image(&config, &layers).unwrap()
}

pub fn check_whole(store: &Store) {
    let report = verify(store);
    assert!(report.is_whole(), "{:#?}", report.findings);
}

#[test]
fn documents_are_canonical() {
    let test = TestStore::new();
    let descriptor = image_of(&test.store, "one");
    test.store.tag(&name("first_image"), &descriptor).unwrap();
    let (manifest, config) = test.store.load_image(&descriptor).unwrap();
    let text = [
        std::fs::read_to_string(test.store.home().root().join("oci-layout")).unwrap(),
        std::fs::read_to_string(test.store.home().index_path()).unwrap(),
        String::from_utf8(test.store.read(&descriptor, &store::documents::MANIFEST).unwrap()).unwrap(),
        String::from_utf8(test.store.read(&manifest.config, &store::documents::CONFIG).unwrap()).unwrap(),
    ];
    insta::assert_snapshot!(text.join("\n"));
    assert_eq!(config.rootfs.diff_ids.len(), 2);
    check_whole(&test.store);
}

#[test]
fn images_are_found_by_name_digest_id_and_beginning() {
    let test = TestStore::new();
    let store = &test.store;
    let (one, two) = (image_of(store, "one"), image_of(store, "two"));
    store.tag(&name("one"), &one).unwrap();
    store.tag(&name("registry.example:5000/team/two:v2"), &two).unwrap();
    store.tag(&name("also-one:edge"), &one).unwrap();
    let id = |descriptor: &Descriptor| store.load_image(descriptor).unwrap().0.config.digest;
    let mut text = String::new();
    let queries = [
        "one",
        "one:latest",
        "docker.io/library/one",
        "one:other",
        "also-one",
        "also-one:edge",
        "registry.example:5000/team/two:v2",
        "team/two:v2",
        &id(&one).hex(),
        &id(&two).to_string(),
        &one.digest.to_string(),
        &id(&one).short(),
        &two.digest.hex()[..6],
        &format!("anything@{}", two.digest),
        "",
        "sha256:",
        "not there",
    ];
    for query in queries {
        let found = match store.find(query) {
            Ok(image) => {
                let which = if image.manifest == one { "one" } else { "two" };
                let reference = image.reference.map(|reference| reference.familiar());
                format!("{which} {reference:?}")
            }
            Err(error) => error.to_string(),
        };
        writeln!(text, "{query}: {found}").unwrap();
    }
    insta::assert_snapshot!(text);
    assert_eq!(store.resolve(&name("one")).unwrap(), Some(one.clone()));
    assert_eq!(store.resolve(&name("two")).unwrap(), None);
}

#[test]
fn a_name_moves_from_one_image_to_the_next() {
    let test = TestStore::new();
    let store = &test.store;
    let (one, two) = (image_of(store, "one"), image_of(store, "two"));
    store.tag(&name("app"), &one).unwrap();
    store.tag(&name("app:v1"), &one).unwrap();
    let index = std::fs::read(store.home().index_path()).unwrap();
    store.tag(&name("app:v1"), &one).unwrap();
    assert_eq!(std::fs::read(store.home().index_path()).unwrap(), index, "naming again changes nothing");
    store.tag(&name("app"), &two).unwrap();
    let names = |store: &Store| {
        let images = store.images().unwrap();
        let name = |image: &store::Image| image.reference.as_ref().unwrap().familiar();
        images.iter().map(|image| format!("{} {}", name(image), image.manifest == two)).collect::<Vec<_>>()
    };
    assert_eq!(names(store), ["app:v1 false", "app:latest true"]);
    assert!(store.untag(&name("app")).unwrap());
    assert!(!store.untag(&name("app")).unwrap());
    assert_eq!(names(store), ["app:v1 false"]);
}

#[test]
fn garbage_is_what_no_name_and_no_root_leads_to() {
    let test = TestStore::new();
    let store = &test.store;
    let (one, two, three) = (image_of(store, "one"), image_of(store, "two"), image_of(store, "three"));
    let loose = layer_of(store, "loose");
    let kept = layer_of(store, "kept");
    store.tag(&name("one"), &one).unwrap();
    store.name_all([(&two, [].as_slice())]).unwrap();
    let other = Store::open(store.home()).unwrap();
    other.load_image(&three).unwrap();
    let collected = collect(store, std::slice::from_ref(&kept));
    assert_eq!(collected.blobs().collect::<Vec<_>>(), [loose.descriptor.digest], "another uses three");
    assert!(collected.in_use.contains(&three.digest) && collected.in_use.len() == 3, "{:?}", collected.in_use);
    other.load_image(&three).unwrap();
    drop(other);
    // Manifest, configuration and own layer.
    let collected = collect(store, std::slice::from_ref(&kept));
    assert!(collected.blobs().count() == 3 && collected.blobs().any(|blob| blob == three.digest));
    assert!(store.has(&kept.descriptor.digest));
    store.load_image(&two).unwrap();
    check_whole(store);
    store.unlist(&[two.digest].into()).unwrap();
    assert_eq!(collect(store, &[]).blobs().count(), 4);
    let again = collect(store, &[]);
    assert!(again.files.is_empty() && again.damaged.is_empty());
    check_whole(store);
}

/// Removes what no name and none of these layers needs.
pub fn collect(store: &Store, roots: &[Layer]) -> store::Collected {
    let roots = || Ok::<_, store::Error>(store::Roots { cached: roots.to_vec(), ..store::Roots::default() });
    store.collect(&Default::default(), roots, |file| file.reason.is_none()).unwrap()
}

#[test]
fn a_folder_with_other_files_is_refused_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.txt"), "precious").unwrap();
    let error = Home::open(folder.path()).unwrap_err();
    assert!(error.to_string().ends_with("is not empty and is not a layerlab store"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    std::fs::write(folder.path().join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    assert!(Home::open(folder.path()).is_err());
}

#[test]
fn the_home_is_where_the_environment_says() {
    let place = |set: &[(&str, &str)]| {
        let variable = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        Home::default_path(variable).map(|path| path.display().to_string()).map_err(|error| error.to_string())
    };
    let text = [
        place(&[("LAYERLAB_HOME", "/a"), ("XDG_DATA_HOME", "/b"), ("HOME", "/c")]),
        place(&[("LAYERLAB_HOME", ""), ("XDG_DATA_HOME", "/b"), ("HOME", "/c")]),
        place(&[("HOME", "/c")]),
        place(&[]),
    ];
    insta::assert_debug_snapshot!(text);
}

#[test]
fn damage_of_every_kind_is_found() {
    let mut text = String::new();
    let mut check = |what: &str, damage: &dyn Fn(&Store, &Descriptor)| {
        let test = TestStore::new();
        let image = image_of(&test.store, "one");
        test.store.tag(&name("one:v1"), &image).unwrap();
        check_whole(&test.store);
        damage(&test.store, &image);
        let report = verify(&test.store);
        writeln!(text, "# {what}: {}", if report.is_whole() { "whole" } else { "damaged" }).unwrap();
        for finding in report.findings {
            writeln!(text, "{finding}").unwrap();
        }
        for digest in report.unneeded.keys() {
            writeln!(text, "unneeded: {digest}").unwrap();
        }
    };
    let overwrite =
        |store: &Store, digest: &Digest, bytes: &[u8]| std::fs::write(store.blob_path(digest), bytes).unwrap();
    let first_layer = |store: &Store, image: &Descriptor| store.load_image(image).unwrap().0.layers[0].clone();
    check("nothing", &|_, _| ());
    check("a blob that nothing needs", &|store, _| {
        store.put_bytes("text/plain", b"unused").unwrap();
    });
    check("a changed byte in a layer", &|store, image| {
        let layer = first_layer(store, image);
        let mut bytes = std::fs::read(store.blob_path(&layer.digest)).unwrap();
        bytes[600] ^= 1;
        overwrite(store, &layer.digest, &bytes);
    });
    check("a layer that was cut", &|store, image| {
        let layer = first_layer(store, image);
        overwrite(store, &layer.digest, b"short");
    });
    check("a layer that is gone", &|store, image| {
        std::fs::remove_file(store.blob_path(&first_layer(store, image).digest)).unwrap();
    });
    check("a manifest that is gone", &|store, image| {
        std::fs::remove_file(store.blob_path(&image.digest)).unwrap();
    });
    check("a manifest that is no JSON", &|store, image| {
        let size = usize::try_from(image.size).unwrap();
        overwrite(store, &image.digest, &vec![b'x'; size]);
    });
    check("a configuration with other layers", &|store, image| {
        let (manifest, mut config) = store.load_image(image).unwrap();
        config.rootfs.diff_ids.pop();
        let config = store.put_bytes(&manifest.config.media_type, &layerlab::oci::to_json(&config)).unwrap();
        let manifest = layerlab::oci::Manifest { config, ..manifest };
        let image = store.put_bytes(&image.media_type, &layerlab::oci::to_json(&manifest)).unwrap();
        store.tag(&name("two:v2"), &image).unwrap();
    });
    check("a layer with another diff id", &|store, image| {
        let (manifest, mut config) = store.load_image(image).unwrap();
        config.rootfs.diff_ids[0] = config.rootfs.diff_ids[1];
        let config = store.put_bytes(&manifest.config.media_type, &layerlab::oci::to_json(&config)).unwrap();
        let manifest = layerlab::oci::Manifest { config, ..manifest };
        let image = store.put_bytes(&image.media_type, &layerlab::oci::to_json(&manifest)).unwrap();
        store.tag(&name("two:v2"), &image).unwrap();
    });
    check("a layer that is no archive", &|store, _| {
        let descriptor = store.put_bytes(layerlab::oci::media_type::LAYER, &[b'x'; 700]).unwrap();
        let layer = Layer { diff_id: layerlab::oci::DiffId(descriptor.digest), descriptor };
        let mut config = ImageConfig::empty(&Platform::host());
        config.architecture = "amd64".to_string();
        config.rootfs.diff_ids.push(layer.diff_id);
        let image = store.put_image(&config, &[layer]).unwrap();
        store.tag(&name("two:v2"), &image).unwrap();
    });
    check("a wrong size in the index", &|store, _| {
        let path = store.home().index_path();
        let index = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, index.replace("\"size\":", "\"size\":1")).unwrap();
    });
    check("an index that is no JSON", &|store, _| std::fs::write(store.home().index_path(), "{").unwrap());
    check("another layout", &|store, _| {
        std::fs::write(store.home().root().join("oci-layout"), r#"{"imageLayoutVersion":"9"}"#).unwrap();
    });
    check("a file with another name", &|store, _| {
        std::fs::write(store.home().blobs().join("README"), "").unwrap();
    });
    insta::assert_snapshot!(text);
}

// Other tools

/// Runs a tool and returns what it says; `None`, said loudly, when it is not installed.
fn tool(program: &str, arguments: &[&str], folder: &Path) -> Option<String> {
    let output = match Command::new(program).args(arguments).current_dir(folder).output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("SKIPPED: `{program}` is not installed");
            return None;
        }
        Err(error) => panic!("{program}: {error}"),
    };
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {text}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn other_tools_find_an_image_by_the_name_that_people_type() {
    // Some tools make a name of the path, so there must be no capital letter in it.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("other-tools-{}", std::process::id()));
    let test = TestStore::within(tempfile::Builder::new().rand_bytes(0).prefix(&folder).tempdir().unwrap());
    let image = image_of(&test.store, "one");
    for text in ["first_image", "ghcr.io/me/app:1.2", "localhost:5000/x/y"] {
        test.store.tag(&name(text), &image).unwrap();
    }
    let folder = test.folder.path();
    let home = test.store.home().root().display().to_string();
    let is_root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0;
    let names = ["first_image", "first_image:latest", "ghcr.io/me/app:1.2", "localhost:5000/x/y"];
    for (number, text) in names.into_iter().enumerate() {
        if let Some(answer) = tool("skopeo", &["inspect", &format!("oci:{home}:{text}")], folder) {
            assert!(answer.contains(&image.digest.to_string()), "{answer}");
        }
        let (bundle, source) = (format!("bundle-{number}"), format!("{home}:{text}"));
        let mut arguments = vec!["unpack"];
        if !is_root {
            arguments.push("--rootless");
        }
        arguments.extend(["--image", &source, &bundle]);
        if tool("umoci", &arguments, folder).is_some() {
            let file = folder.join(&bundle).join("rootfs/a/b");
            assert_eq!(std::fs::read_to_string(file).unwrap(), "the upper layer");
        }
        if is_root {
            for program in ["buildah", "podman"] {
                let arguments = [
                    "--root",
                    "storage",
                    "--runroot",
                    "run",
                    "--storage-driver",
                    "vfs",
                    "pull",
                    "-q",
                    &format!("oci:{home}:{text}"),
                ];
                tool(program, &arguments, folder);
            }
        }
    }
    check_whole(&test.store);
}

#[test]
fn images_that_other_tools_put_into_the_store_are_used() {
    let test = TestStore::new();
    let store = &test.store;
    let image = image_of(store, "one");
    store.tag(&name("first_image"), &image).unwrap();
    let folder = test.folder.path();
    let home = store.home().root().display().to_string();
    // By way of another layout, because blobs that are already there are not compressed.
    let copy = |from: &str, to: &str| tool("skopeo", &["--insecure-policy", "copy", "-q", from, to], folder).is_some();
    let target = format!("oci:{home}:copied:v1");
    if !copy(&format!("oci:{home}:first_image"), "oci:other:x") || !copy("oci:other:x", &target) {
        return;
    }
    let found = store.find("copied:v1").unwrap();
    let (manifest, config) = store.load_image(&found.manifest).unwrap();
    assert!(manifest.layers[0].media_type.ends_with("+gzip"), "{manifest:?}");
    let tree = layer::tree_of(store, &store.layers(&manifest, &config)).unwrap();
    let text = listing(store, &tree);
    assert!(text.contains("the upper layer"), "{text}");
    check_whole(store);
    if tool("umoci", &["tag", "--image", &format!("{home}:copied:v1"), "again"], folder).is_some() {
        assert_eq!(store.find("again").unwrap().manifest.digest, found.manifest.digest);
    }
    store.untag(&name("copied:v1")).unwrap();
    store.untag(&name("again")).unwrap();
    assert!(collect(store, &[]).blobs().next().is_some());
    assert!(std::fs::read_dir(store.home().expanded_dir()).unwrap().count() == 2, "the same layers are still in use");
    check_whole(store);
}
