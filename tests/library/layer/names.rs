//! Which names can be in a layer that is written, and what is made of those that are read.

use super::*;
use crate::tarballs::{Entry, Tar};
use layerlab::diagnostic::Explained as _;

/// Paths that no layer can have, and why.
const IMPOSSIBLE: &[&str] =
    &["/.wh.x", "/etc/.wh.passwd", "/.wh.", "/.wh..", "/.wh...", "/.wh..wh..opq", "/a/.wh..wh.plnk/x", "/.wh.folder/x"];

#[test]
fn a_name_that_would_delete_is_not_written() {
    let test = TestStore::new();
    let mut text = String::new();
    for name in IMPOSSIBLE {
        let mut writer = LayerWriter::new(&test.store).unwrap();
        let error = writer.append_node(&path(name), &Node::file(0o644, *b"")).unwrap_err();
        writeln!(text, "{error} ({})", error.hint().unwrap()).unwrap();
        assert!(writer.append_node(&path(name), &Node::directory(0o755)).is_err(), "{name}");
        assert!(writer.append_node(&path(name), &Node::symlink("x")).is_err(), "{name}");
        assert!(writer.whiteout(&path(name)).is_err(), "{name}");
        assert!(writer.opaque(&path(name)).is_err(), "{name}");
    }
    let long = [format!("/{}", "n".repeat(256)), format!("/{}", "n/".repeat(501)), format!("/{}", "name/".repeat(900))];
    for name in long {
        let mut writer = LayerWriter::new(&test.store).unwrap();
        let error = writer.append_node(&path(&name), &Node::file(0o644, *b"")).unwrap_err().to_string();
        writeln!(text, "{error}").unwrap();
    }
    insta::assert_snapshot!(text);
    for good in [".wh", ".white", "x.wh.y", "...", &"n".repeat(255)] {
        let mut writer = LayerWriter::new(&test.store).unwrap();
        writer.append_node(&path(good), &Node::file(0o644, *b"")).unwrap();
        writer.whiteout(&path(good)).unwrap();
        layer::tree_of(&test.store, &[writer.finish().unwrap()]).unwrap();
    }
}

#[test]
fn marks_are_read_in_every_form() {
    let test = TestStore::new();
    let lower = "d a 755 0:0\nf a/one 644 0:0 = one\nf a/two 644 0:0 = two\nf b 644 0:0 = b";
    let cases = [
        ("a deletion that is a folder", "d a/.wh.one 755 0:0"),
        ("a deletion that is a folder with something in it", "d a/.wh.one 755 0:0\nf a/.wh.one/x 644 0:0 = x"),
        ("a deletion that is a link", "l a/.wh.one -> /etc"),
        ("a deletion that is a hard link", "h a/.wh.one -> a/two"),
        ("a hard link to a deletion", "f a/.wh.one 0\nh c -> a/.wh.one"),
        ("an opaque mark that is a folder", "d a/.wh..wh..opq 755 0:0"),
        ("an opaque mark at the root", "f .wh..wh..opq 0\nf new 644 0:0 = new"),
        ("state of an old driver", "d .wh..wh.plnk 755 0:0\nf .wh..wh.plnk/12.34 644 0:0 = x\nf .wh..wh.aufs 0"),
        ("a device that is a deletion on disk", "c a/one 0 0:0 0,0"),
        ("the name of nothing", "f a/.wh. 0"),
        ("a deletion of the parent", "f a/.wh... 0"),
        ("a deletion that climbs", "f ../../.wh.b 0"),
        ("names that are empty or dots", "d . 700 0:0\nd ./ 711 0:0\nd ./a/./ 750 0:0\nf ./a//three 644 0:0 = 3"),
        ("absolute names", "f /a/.wh.one 0\nf //a//three 644 0:0 = 3"),
    ];
    let mut text = String::new();
    for (name, upper) in cases {
        writeln!(text, "# {name}\n{}", test.listing_of(&[lower, upper])).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn what_can_be_imported_can_be_read() {
    let test = TestStore::new();
    let long = "n".repeat(256);
    let (deep, far) = ("d/".repeat(501), "name-of-50-bytes-----------------------------------/".repeat(82));
    let value = vec![b'v'; 400_000];
    let attribute: &[(&str, &[u8])] = &[("SCHILY.xattr.user.a", &value)];
    let others: &[(&str, &[u8])] = &[("SCHILY.xattr.user.b", &value), ("SCHILY.xattr.user.c", &value)];
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a deletion", Tar::new().file("etc/.wh.passwd", b"").end()),
        ("an opaque mark", Tar::new().file(".wh..wh..opq", b"").end()),
        ("no name", Tar::new().file(".wh.", b"").end()),
        ("dots", Tar::new().file("a/.wh...", b"").end()),
        ("a folder that is a deletion", Tar::new().directory(".wh.x/").file(".wh.x/y", b"").end()),
        ("a link to itself on the way", Tar::new().symlink("s", "s").file("s/x", b"").end()),
        ("a long name", Tar::new().pax(&[("path", long.as_bytes())]).file("x", b"").end()),
        ("a deep path", Tar::new().pax(&[("path", deep.as_bytes())]).file("x", b"").end()),
        ("a long path", Tar::new().pax(&[("path", far.as_bytes())]).file("x", b"").end()),
        ("a path that a link makes long", {
            let name = "n".repeat(90);
            let mut tar = Tar::new();
            tar.symlink("0", "/");
            for number in 1..60 {
                tar.symlink(&number.to_string(), &format!("{}/{name}", number - 1));
            }
            tar.file("59/x", b"").end()
        }),
        ("large attributes in two headers", Tar::new().pax(attribute).pax(others).file("x", b"").end()),
        ("a hard link to a folder", Tar::new().directory("d").hard_link("h", "d").end()),
        ("a hard link to nothing", Tar::new().hard_link("h", "nothing").end()),
        ("a hard link to itself", Tar::new().hard_link("h", "h").end()),
        ("a hard link to the root", Tar::new().hard_link("h", "/").end()),
        ("a name with a zero", Tar::new().pax(&[("path", b"a\0b")]).file("x", b"").end()),
        ("an unknown type", Tar::new().entry(&Entry::new(b'Z', "x")).end()),
    ];
    let mut text = String::new();
    for (name, bytes) in cases {
        let file = test.folder.path().join("archive.tar");
        std::fs::write(&file, bytes).unwrap();
        let result = archive::import(&test.store, &file);
        let result = result.map_or_else(
            |error| error.to_string(),
            |layer| listing(&test.store, &layer::tree_of(&test.store, &[layer]).unwrap()),
        );
        let result = result.replace(&file.display().to_string(), "ARCHIVE");
        writeln!(text, "# {name}\n{result}").unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn attributes_of_overlayfs_are_no_part_of_a_layer() {
    let test = TestStore::new();
    let mut node = Node::file(0o644, *b"x");
    for name in ["trusted.overlay.opaque", "user.overlay.redirect", "user.overlay.overlay.whiteout", "user.overlayfs"] {
        node.metadata.xattrs.insert(name.into(), b"y".to_vec());
    }
    let mut writer = LayerWriter::new(&test.store).unwrap();
    writer.append_node(&path("/f"), &node).unwrap();
    let tree = layer::tree_of(&test.store, &[writer.finish().unwrap()]).unwrap();
    assert_eq!(listing(&test.store, &tree), "d 0755 0:0 /\n- 0644 0:0 /f \"x\" user.overlayfs=y\n");
}

#[test]
fn a_process_cannot_speak_for_the_overlay() {
    let test = TestStore::new();
    let lower = test.layer(&tar_of("d d 755 0:0\nf d/kept 644 0:0 = kept\nf e 644 0:0 = e"));
    let parent = layer::tree_of(&test.store, std::slice::from_ref(&lower)).unwrap();
    let upper = test.folder.path().join("upper");
    std::fs::create_dir_all(upper.join("d")).unwrap();
    std::fs::write(upper.join("e"), b"").unwrap();
    // The marks of the other kind of overlay, as a process in the container can set them.
    let (marks, foreign) = match is_root() {
        true => (OpaqueName::Trusted, "user.overlay."),
        false => (OpaqueName::User, "user.overlay.overlay."),
    };
    for (file, name, value) in
        [("d", "opaque", "y"), ("d", "redirect", "/e"), ("e", "whiteout", "y"), ("e", "metacopy", "")]
    {
        xattr::set(upper.join(file), format!("{foreign}{name}"), value.as_bytes()).unwrap();
    }
    xattr::set(upper.join("e"), "user.note", b"hello").unwrap();
    let mut writer = LayerWriter::new(&test.store).unwrap();
    layer::capture(&upper, &parent, &mut writer, Capture { marks, ..capture_options() }).unwrap();
    let after = layer::tree_of(&test.store, &[lower, writer.finish().unwrap()]).unwrap();
    let text = listing(&test.store, &after);
    assert!(text.contains("/d/kept \"kept\"") && text.contains("/e \"\" user.note=hello"), "{text}");
    assert!(!text.contains("overlay"), "{text}");
}

#[test]
fn a_process_that_makes_a_reserved_name_is_told_so() {
    let test = TestStore::new();
    let upper = test.folder.path().join("upper");
    std::fs::create_dir_all(upper.join("etc")).unwrap();
    std::fs::write(upper.join("etc/.wh.passwd"), b"").unwrap();
    for capture in [layer::capture, layer::capture_full] {
        let mut writer = LayerWriter::new(&test.store).unwrap();
        let error = capture(&upper, &Tree::empty(), &mut writer, capture_options()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`/etc/.wh.passwd` can't be in a layer: names that begin with `.wh.` stand for deleted files there"
        );
    }
}
