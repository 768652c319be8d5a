//! What a layer does to the tree below it.

use super::*;

#[test]
fn whiteouts_hide_lower_layers_and_only_them() {
    let test = TestStore::new();
    let lower = "
        d a 755 0:0
        f a/one 644 1:2 = one
        f a/two 644 0:0 = two
        d b 700 3:3
        f b/inner 644 0:0 = inner
        f c 644 0:0 = c";
    let cases = [
        ("a name", "f a/.wh.one 0"),
        ("a folder", "f .wh.b 0"),
        ("a name that is not there", "f a/.wh.three 0"),
        ("opaque after an entry", "d a 750 0:0\nf a/new 644 0:0 = new\nf a/.wh..wh..opq 0"),
        ("opaque before an entry", "d a 750 0:0\nf a/.wh..wh..opq 0\nf a/new 644 0:0 = new"),
        ("a name made anew in the same layer", "f a/one 600 0:0 = again\nf a/.wh.one 0"),
        ("a folder made anew", "f .wh.b 0\nd b 755 0:0\nf b/other 644 0:0 = other"),
        ("below a file", "f c/.wh.x 0"),
        ("names of an old driver", "d .wh..wh.plnk 755\nf .wh..wh.aufs 0"),
        ("no name", "f a/.wh. 0"),
        ("a dot", "f a/.wh... 0"),
    ];
    let mut text = String::new();
    for (name, upper) in cases {
        writeln!(text, "# {name}\n{}", test.listing_of(&[lower, upper])).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn entries_replace_what_has_their_name() {
    let test = TestStore::new();
    let lower = "
        d dir 755 0:0
        f dir/child 644 0:0 = child
        l link -> dir
        l absolute -> /dir
        l up -> ../../dir
        l dangling -> missing/place
        f file 644 0:0 = file";
    let cases = [
        ("a folder over a folder keeps what is in it", "d dir 700 5:6"),
        ("a file over a folder", "f dir 644 0:0 = now a file"),
        ("a folder over a file", "d file 755 0:0\nf file/x 644 0:0 = x"),
        ("through a link", "f link/new 644 0:0 = new\nf absolute/new2 644 0:0 = new2\nf up/new3 644 0:0 = new3"),
        ("through a link to nothing", "f dangling/x 644 0:0 = x"),
        ("a folder over a link", "d link 755 0:0\nf link/x 644 0:0 = x"),
        ("through a file", "f file/below/x 644 0:0 = x"),
        ("the same name twice", "f twice 644 0:0 = one\nf twice 600 1:1 = two"),
        ("a folder, a file, a folder", "d dir 700 0:0\nf dir 644 0:0 = x\nd dir 711 0:0\nf dir/only 644 0:0 = x"),
        ("through a link of the same layer", "l fresh -> dir/sub\nf fresh/x 644 0:0 = x"),
        ("parents are missing", "f new/deep/x 644 7:7 = x"),
        ("the root", "d ./ 711 9:9"),
        ("a link to itself in the way", "l self -> self\nf self/x 644 0:0 = x"),
    ];
    let mut text = String::new();
    for (name, upper) in cases {
        writeln!(text, "# {name}\n{}", test.listing_of(&[lower, upper])).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn names_cannot_lead_out_of_the_root() {
    let test = TestStore::new();
    let cases = [
        "f ../../etc/passwd 644 0:0 = x",
        "f /absolute 644 0:0 = x",
        "f a/../../b 644 0:0 = x",
        "l out -> ../../../..\nf out/etc/passwd 644 0:0 = x",
        "l out -> /\nf out/x 644 0:0 = x",
        "f ../.wh.x 0",
        "f .. 644 0:0 = x",
        "h h -> ../../etc/passwd",
        "f x 644 0:0 = x\nh h -> /../x",
    ];
    let mut text = String::new();
    for upper in cases {
        writeln!(text, "# {upper}\n{}", test.listing_of(&[upper])).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn hard_links_are_one_file_with_several_names() {
    let test = TestStore::new();
    let lower = "f a 640 1:2 = content\nl sym -> a\nd dir 755 0:0";
    let cases = [
        ("in one layer", "f x 600 3:4 = x\nh y -> x\nh z -> y"),
        ("to a lower layer", "h b -> a"),
        ("to a name that the layer deletes", "f .wh.a 0\nh b -> a"),
        ("to a link of a lower layer", "h b -> sym"),
        ("to a link", "l new -> dir\nh b -> new\nh c -> b"),
        ("to a name below a link to a folder", "l way -> dir\nl way/in -> out\nh b -> way/in"),
        ("to a pipe and a device", "p pipe 600 1:1\nh again -> pipe\nc null 666 0:0 1,3\nh void -> null"),
        ("to a folder", "h b -> dir"),
        ("to nothing", "h b -> nothing"),
        ("forward", "h b -> c\nf c 644 0:0 = c"),
    ];
    let mut text = String::new();
    for (name, upper) in cases {
        writeln!(text, "# {name}\n{}", test.listing_of(&[lower, upper])).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn every_kind_of_file_keeps_its_names_through_unpacking_and_capturing() {
    let test = TestStore::new();
    let mut lines = String::from(
        "d dir 755 0:0\nf file 644 0:0 = x\nh dir/file -> file\nl link -> nowhere\nh dir/link -> link\nh third -> link
        p pipe 600 0:0\nh dir/pipe -> pipe",
    );
    if is_root() {
        lines += "\nc null 666 0:0 1,3\nh dir/null -> null\nb disk 660 0:0 8,1\nh dir/disk -> disk";
    }
    let layer = test.layer(&tar_of(&lines));
    let tree = layer::tree_of(&test.store, std::slice::from_ref(&layer)).unwrap();
    let unpacked = layer::unpack_all(&test.store, &[layer], options(), Below::default()).unwrap();
    assert_eq!(unpacked.notes, [""; 0]);
    let inode = |name: &str| unpacked.lower[0].join(name).symlink_metadata().unwrap().ino();
    for (path, node) in tree.walk(&TreePath::new("dir")).skip(1) {
        assert!(node.link.is_some(), "{path}");
        let name = String::from_utf8_lossy(path.file_name().unwrap()).into_owned();
        assert_eq!(inode(&name), inode(&format!("dir/{name}")), "{name}");
    }
    assert_eq!(inode("third"), inode("link"));

    // What a process would have made so, in a directory of its own and in a whole copy.
    let mut writer = LayerWriter::new(&test.store).unwrap();
    layer::capture(&unpacked.lower[0], &Tree::empty(), &mut writer, capture_options()).unwrap();
    let captured = writer.finish().unwrap();
    let again = layer::tree_of(&test.store, std::slice::from_ref(&captured)).unwrap();
    assert_eq!(listing(&test.store, &again), listing(&test.store, &tree));
    let mut writer = LayerWriter::new(&test.store).unwrap();
    writer.append_tree(&again, &TreePath::root()).unwrap();
    let written = writer.finish().unwrap();
    let again = layer::tree_of(&test.store, &[written]).unwrap();
    assert_eq!(listing(&test.store, &again), listing(&test.store, &tree));

    // Nothing has changed since; and one more name is a change of all names.
    let changed = |parent: &Tree| {
        let mut writer = LayerWriter::new(&test.store).unwrap();
        layer::capture_full(&unpacked.lower[0], parent, &mut writer, capture_options()).unwrap();
        writer.entries()
    };
    assert_eq!(changed(&tree), 0);
    let mut apart = tree.clone();
    apart.update(&path("/third"), |node| node.link = None);
    assert_eq!(changed(&apart), 4, "three names, and the directory of one");
}

#[test]
fn a_stream_knows_the_names_of_one_file_whatever_its_kind() {
    let test = TestStore::new();
    let file = test.folder.path().join("names.tar");
    let lines = "l link -> nowhere\nh again -> link\np pipe 600 0:0\nh pipe-again -> pipe\nl other -> nowhere";
    std::fs::write(&file, tar_of(lines)).unwrap();
    let tree = layer::tree_of(&test.store, &[archive::import(&test.store, &file).unwrap()]).unwrap();
    let link = |name: &str| tree.get(&path(name)).unwrap().link;
    assert_eq!(link("/link"), link("/again"));
    assert_eq!(link("/pipe"), link("/pipe-again"));
    assert!(link("/link").is_some() && link("/pipe").is_some() && link("/link") != link("/pipe"));
    assert_eq!(link("/other"), None);
}
