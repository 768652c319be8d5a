//! Layers: written, merged with whiteouts, hostile, compressed, sparse, unpacked, captured.

mod bounds;
mod chain;
mod names;

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use crate::store_support::{TestStore, archive as tar_of, listing};
use layerlab::layer::{self, Below, Capture, LayerWriter, Limits, OpaqueName, Ownership, Times, Unpack, archive};
use layerlab::oci::{Digest, media_type};
use layerlab::tree::{Change, Content, Kind, LinkId, Node, Place, Tree, TreePath};

fn path(text: &str) -> TreePath {
    TreePath::new(text)
}

fn limits() -> Limits {
    Limits::default()
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// How tests unpack: as root with owners, else without.
fn options() -> Unpack {
    if is_root() {
        Unpack { ownership: Ownership::Kept, opaque: OpaqueName::Trusted }
    } else {
        Unpack { ownership: Ownership::Single, opaque: OpaqueName::User }
    }
}

fn capture_options() -> Capture {
    Capture { ownership: options().ownership, marks: options().opaque, clamp_mtime: None }
}

// Merging

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

// Writing

fn long_path() -> String {
    format!("/{}/{}", "directory".repeat(12), "name".repeat(30))
}

/// A tree with everything that an archive can hold.
fn rich_tree() -> Tree {
    let mut tree = Tree::empty();
    let mut add = |name: &str, node: Node| tree.insert(&path(name), node);
    add("/dir", Node::directory(0o1777));
    add("/dir/empty", Node::file(0o644, *b""));
    add("/dir/block", Node::file(0o600, [7u8; 512]));
    add("/dir/setuid", Node::file(0o4755, [1u8; 513]));
    add("/umlaut-ä/naïve", Node::file(0o644, *b"utf-8"));
    add(&long_path(), Node::file(0o644, *b"long"));
    add("/long-target", Node::symlink("t/".repeat(90)));
    add("/short-target", Node::symlink("/dir"));
    add("/fifo", Node { kind: Kind::Fifo, ..Node::file(0o622, *b"") });
    add("/null", Node { kind: Kind::CharDevice { major: 1, minor: 3 }, ..Node::file(0o666, *b"") });
    add("/disk", Node { kind: Kind::BlockDevice { major: 8, minor: 1 }, ..Node::file(0o660, *b"") });
    let mut owned = Node::file(0o644, *b"owned");
    (owned.metadata.uid, owned.metadata.gid) = (u32::MAX - 1, 3_000_000);
    (owned.metadata.mtime, owned.metadata.mtime_nanos) = (-12, 500_000_000);
    add("/big-owner", owned);
    let mut capable = Node::file(0o755, *b"capable");
    capable.metadata.xattrs.insert(b"security.capability".to_vec(), b"\x01\0\0\x02\n\0=\n".to_vec());
    capable.metadata.xattrs.insert(b"user.note".to_vec(), b"\n\n".to_vec());
    add("/capable", capable);
    let shared = Content { size: 6, place: Place::Bytes(Arc::from(*b"shared")) };
    let link = Some(LinkId::new(1, 2));
    for name in ["/link-one", "/link-two", "/dir/link-three"] {
        add(name, Node { kind: Kind::File(shared.clone()), link, ..Node::file(0o644, *b"") });
    }
    tree
}

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

// Reading

#[test]
fn broken_archives_are_refused_with_a_reason() {
    let test = TestStore::new();
    let good = tar_of("d a 755 0:0\nf a/b 644 0:0 = content");
    let mut text = String::new();
    let mut check = |name: &str, bytes: &[u8]| {
        let layer = test.layer(bytes);
        let result = match layer::tree_of(&test.store, std::slice::from_ref(&layer)) {
            Ok(tree) => listing(&test.store, &tree),
            Err(error) => format!("{error}\n").replace(&layer.diff_id.to_string(), "LAYER"),
        };
        writeln!(text, "# {name}\n{result}").unwrap();
    };
    check("empty", b"");
    check("no end", &good[..2048 - 512]);
    check("cut in a header", &good[..700]);
    check("cut in a file", &good[..1026]);
    check("not an archive", &[b'x'; 1024]);
    let mut changed = good.clone();
    changed[0] = b'z';
    check("a changed header", &changed);
    let with_header = |change: &dyn Fn(&mut tar::Header), body: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_path("name").unwrap();
        header.set_mode(0o644);
        header.set_size(body.len() as u64);
        change(&mut header);
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend_from_slice(body);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    };
    check("an impossible size", &with_header(&|header| header.set_size(u64::MAX), b""));
    check("a size beyond the end", &with_header(&|header| header.set_size(1 << 40), b""));
    check("an unknown type", &with_header(&|header| header.set_entry_type(tar::EntryType::new(b'Q')), b""));
    check(
        "an extension at the end",
        &with_header(&|header| header.set_entry_type(tar::EntryType::XHeader), b"12 path=abc\n"),
    );
    let pax = |body: &[u8]| {
        let mut bytes = with_header(&|header| header.set_entry_type(tar::EntryType::XHeader), body);
        bytes.extend(with_header(&|_| (), b"hello"));
        bytes
    };
    check("a malformed extension", &pax(b"99 path=abc\n"));
    check("an extension with a zero in a name", &pax(b"13 path=a\0bc\n"));
    check("an extension with a wrong number", &pax(b"9 uid=-1\n"));
    check("an extension with a wrong time", &pax(b"13 mtime=1.x\n"));
    check("a sparse map that overlaps", &pax(b"21 GNU.sparse.size=9\n26 GNU.sparse.map=0,4,2,1\n"));
    check("a sparse map beyond the end", &pax(b"21 GNU.sparse.size=3\n22 GNU.sparse.map=0,5\n"));
    let huge = with_header(
        &|header| {
            header.set_entry_type(tar::EntryType::XHeader);
            header.set_size(1 << 30);
        },
        b"",
    );
    check("an extension of a gigabyte", &huge);
    insta::assert_snapshot!(text);
}

#[test]
fn every_cut_and_every_flipped_byte_is_an_answer_and_not_a_panic() {
    let test = TestStore::new();
    let mut writer = LayerWriter::new(&test.store).unwrap();
    writer.append_tree(&rich_tree(), &TreePath::root()).unwrap();
    let layer = writer.finish().unwrap();
    let bytes = std::fs::read(test.store.blob_path(&layer.descriptor.digest)).unwrap();
    let file = test.folder.path().join("broken.tar");
    let read = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        let mut archive = archive::read(&file, &limits()).unwrap();
        while let Ok(Some(_)) = archive.next_entry() {
            let _ = archive.content().read_to_end(&mut Vec::new());
        }
    };
    for length in (0..bytes.len()).step_by(97) {
        read(&bytes[..length]);
    }
    for position in (0..bytes.len()).step_by(31) {
        let mut changed = bytes.clone();
        changed[position] ^= 0x81;
        read(&changed);
    }
}

#[test]
fn compressed_layers_are_expanded_once_and_checked() {
    let test = TestStore::new();
    let plain = tar_of("f a 644 0:0 = hello");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&plain).unwrap();
    let gzip = encoder.finish().unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(plain.as_slice(), ruzstd::encoding::CompressionLevel::Fastest);
    for (media_type, stored) in [(media_type::LAYER_GZIP, &gzip), (media_type::LAYER_ZSTD, &zstd)] {
        let layer = test.compressed_layer(media_type, stored, &plain);
        let tree = layer::tree_of(&test.store, std::slice::from_ref(&layer)).unwrap();
        assert!(listing(&test.store, &tree).contains("hello"));
        assert!(test.store.home().expanded(&layer.diff_id).exists());
        std::fs::remove_file(test.store.home().expanded(&layer.diff_id)).unwrap();
        let mut wrong = layer.clone();
        wrong.diff_id.0 = Digest::of(b"something else");
        let error = layer::tree_of(&test.store, &[wrong]).unwrap_err();
        assert!(error.to_string().contains("configuration lists"), "{error}");
    }
    assert_eq!(std::fs::read_dir(test.store.home().expanded_dir()).unwrap().count(), 0);
}

/// Runs a program, and says loudly when it is not there.
fn run(program: &str, arguments: &[&str], folder: &Path) -> bool {
    match std::process::Command::new(program).args(arguments).current_dir(folder).output() {
        Ok(output) => {
            assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
            true
        }
        Err(_) => {
            eprintln!("SKIPPED: `{program}` is not installed");
            false
        }
    }
}

#[test]
fn archives_of_gnu_tar_are_read_in_every_format() {
    let test = TestStore::new();
    let folder = test.folder.path().join("source");
    let long = format!("{}/{}", "l".repeat(120), "n".repeat(130));
    std::fs::create_dir_all(folder.join(&long).parent().unwrap()).unwrap();
    std::fs::write(folder.join(&long), b"long name").unwrap();
    let sparse = std::fs::File::create(folder.join("sparse")).unwrap();
    sparse.set_len(3 << 20).unwrap();
    for megabyte in 0..3u64 {
        std::os::unix::fs::FileExt::write_all_at(&sparse, &[megabyte as u8 + 1; 4096], (megabyte << 20) + 65536)
            .unwrap();
    }
    std::fs::hard_link(folder.join(&long), folder.join("again")).unwrap();
    symlink("s".repeat(200), folder.join("symlink")).unwrap();
    let formats: [&[&str]; 6] = [
        &["--format=gnu"],
        &["--format=gnu", "--sparse"],
        &["--format=pax"],
        &["--format=pax", "--sparse", "--sparse-version=0.0"],
        &["--format=pax", "--sparse", "--sparse-version=0.1"],
        &["--format=pax", "--sparse", "--sparse-version=1.0"],
    ];
    let mut first: Option<String> = None;
    for format in formats {
        let mut arguments = vec!["--sort=name", "--owner=0", "--group=0", "--mode=u=rwX,go=rX", "-cf", "../out.tar"];
        arguments.extend(format);
        arguments.extend(["-C", ".", "."]);
        if !run("tar", &arguments, &folder) {
            return;
        }
        let file = test.folder.path().join("out.tar");
        let layer = test.layer(&std::fs::read(&file).unwrap());
        let tree = layer::tree_of(&test.store, &[layer]).unwrap();
        let text = listing(&test.store, &tree);
        assert_eq!(*first.get_or_insert_with(|| text.clone()), text, "{format:?}");
        // The same as a stream.
        let mut archive = archive::read(&file, &limits()).unwrap();
        while let Some((path, node)) = archive.next_entry().unwrap() {
            if let Some(content) = node.content() {
                let mut bytes = Vec::new();
                archive.content().read_to_end(&mut bytes).unwrap();
                let mut expected = Vec::new();
                let known = tree.get(&path).unwrap().content().unwrap();
                layer::open(&test.store, known).unwrap().read_to_end(&mut expected).unwrap();
                assert_eq!(known.size, content.size);
                assert!(bytes == expected || bytes.is_empty(), "{path} {format:?}");
            }
        }
    }
    assert!(first.unwrap().contains("/sparse [3145728 bytes"));
}

#[test]
fn archives_are_known_by_their_first_bytes() {
    let test = TestStore::new();
    let folder = test.folder.path();
    std::fs::write(folder.join("plain.tar"), tar_of("d a 755 1:2\nf a/b 644 0:0 = hello\nh c -> a/b")).unwrap();
    std::fs::write(folder.join("text"), "not an archive").unwrap();
    let mut names = vec!["plain.tar".to_string(), "text".to_string()];
    for (program, ending) in [("gzip", "gz"), ("bzip2", "bz2"), ("xz", "xz"), ("zstd", "zst")] {
        for name in ["plain.tar", "text"] {
            if run(program, &["-k", name], folder) {
                names.push(format!("{name}.{ending}"));
            }
        }
    }
    for name in names {
        let file = folder.join(&name);
        assert_eq!(
            archive::is_archive(&file, std::fs::File::open(&file).unwrap(), &limits()).unwrap(),
            name.starts_with("plain"),
            "{name}"
        );
        if name.starts_with("plain") {
            let mut archive = archive::read(&file, &limits()).unwrap();
            let mut text = String::new();
            while let Some((path, node)) = archive.next_entry().unwrap() {
                let mut bytes = String::new();
                archive.content().read_to_string(&mut bytes).unwrap();
                write!(text, "{path} {} {bytes};", node.metadata.uid).unwrap();
            }
            assert_eq!(text, "/a 1 ;/a/b 0 hello;/c 0 ;", "{name}");
        }
    }
}

// Unpacking and capturing

/// What is really on disk, with the marks of overlayfs.
fn on_disk(folder: &Path) -> String {
    fn visit(folder: &Path, name: &str, text: &mut String) {
        let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()).collect();
        entries.sort_by_key(|entry| entry.file_name());
        for entry in entries {
            let metadata = entry.path().symlink_metadata().unwrap();
            let name = format!("{name}/{}", entry.file_name().to_string_lossy());
            write!(text, "{:06o} {}:{} {name}", metadata.mode(), metadata.uid(), metadata.gid()).unwrap();
            if metadata.nlink() > 1 && !metadata.is_dir() {
                write!(text, " ({} names)", metadata.nlink()).unwrap();
            }
            if metadata.mode() & libc::S_IFMT == libc::S_IFCHR || metadata.mode() & libc::S_IFMT == libc::S_IFBLK {
                write!(text, " {},{}", libc::major(metadata.rdev()), libc::minor(metadata.rdev())).unwrap();
            }
            if !metadata.is_symlink() {
                for attribute in xattr::list(entry.path()).unwrap() {
                    write!(text, " {}", attribute.to_string_lossy()).unwrap();
                }
            }
            text.push('\n');
            if metadata.is_dir() {
                visit(&entry.path(), &name, text);
            }
        }
    }
    let mut text = String::new();
    visit(folder, "", &mut text);
    text
}

const LOWER: &str = "
    d etc 755 0:0
    f etc/passwd 644 0:0 = root:x
    f etc/shadow 640 0:42 = secret
    d tmp 1777 0:0
    d var 711 5:5
    d var/lib 755 6:6
    f var/lib/data 600 6:6 = data
    f bin 4755 0:0 = program
    h bin2 -> bin
    l link -> var/lib";
const UPPER: &str = "
    f var/lib/new 644 0:0 = new
    f link/through 644 0:0 = through
    f etc/.wh.shadow 0
    f tmp/.wh..wh..opq 0
    h hard -> etc/passwd
    h hard-link -> link
    c null 666 0:0 1,3
    c zero 666 0:0 0,0
    h null-again -> null";

#[test]
fn layers_are_unpacked_for_overlayfs() {
    if !is_root() {
        eprintln!("SKIPPED: unpacking with owners and devices needs root");
        return;
    }
    let test = TestStore::new();
    let layers = [test.layer(&tar_of(LOWER)), test.layer(&tar_of(UPPER))];
    let unpacked = layer::unpack_all(&test.store, &layers, options(), Below::default()).unwrap();
    let mut text = String::new();
    for folder in &unpacked.lower {
        let name = folder.file_name().unwrap().to_string_lossy();
        writeln!(text, "# {}\n{}", name.split('-').next().unwrap().get(..5).unwrap(), on_disk(folder)).unwrap();
    }
    writeln!(text, "{}", unpacked.notes.join("\n")).unwrap();
    insta::assert_snapshot!(text);
    let time = unpacked.lower[1].join("etc").metadata().unwrap().mtime();
    assert_eq!(time, 1_700_000_000);
    // Again: nothing is done.
    assert_eq!(layer::unpack_all(&test.store, &layers, options(), Below::default()).unwrap().lower, unpacked.lower);
}

#[test]
fn a_rich_tree_survives_unpacking_and_capturing() {
    let test = TestStore::new();
    let mut tree = rich_tree();
    // What only root can have, and what has no place on disk.
    if !is_root() {
        tree.remove(&path("/null"));
        tree.remove(&path("/disk"));
        tree.remove(&path("/big-owner"));
        tree.remove(&path("/capable"));
    } else {
        tree.update(&path("/capable"), |node| {
            node.metadata.xattrs.insert(b"security.capability".to_vec(), capability());
        });
    }
    let mut writer = LayerWriter::new(&test.store).unwrap().times(Times::Nanoseconds);
    writer.append_tree(&tree, &TreePath::root()).unwrap();
    let layer = writer.finish().unwrap();
    let merged = layer::tree_of(&test.store, std::slice::from_ref(&layer)).unwrap();
    let unpacked = layer::unpack_all(&test.store, std::slice::from_ref(&layer), options(), Below::default()).unwrap();
    assert_eq!(unpacked.notes, Vec::<String>::new());
    // Captured over nothing, everything is in the layer and all of it is new.
    let mut writer = LayerWriter::new(&test.store).unwrap().times(Times::Nanoseconds);
    writer.append_node(&TreePath::root(), merged.get(&TreePath::root()).unwrap()).unwrap();
    layer::capture(&unpacked.lower[0], &Tree::empty(), &mut writer, capture_options()).unwrap();
    assert_eq!(writer.finish().unwrap(), layer);
    // Captured over itself, nothing is.
    for capture in [layer::capture, layer::capture_full] {
        let mut writer = LayerWriter::new(&test.store).unwrap().times(Times::Nanoseconds);
        let changes = capture(&unpacked.lower[0], &merged, &mut writer, capture_options()).unwrap();
        assert_eq!((changes, writer.entries()), (Vec::new(), 0));
    }
}

fn capability() -> Vec<u8> {
    // Version 2, effective, cap_net_bind_service.
    [0x0200_0001u32, 1 << 10, 0, 0, 0].iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn describe(changes: &[Change]) -> String {
    let line = |change: &Change| match change {
        Change::Added { path, .. } => format!("A {path}\n"),
        Change::Modified { path, .. } if change.is_directory_time() => format!("M {path} (time)\n"),
        Change::Modified { path, .. } => format!("M {path}\n"),
        Change::Deleted { path, .. } => format!("D {path}\n"),
    };
    changes.iter().map(line).collect()
}

fn entries_of(test: &TestStore, layer: &layerlab::oci::Layer) -> String {
    let mut archive = archive::read(&test.store.blob_path(&layer.descriptor.digest), &limits()).unwrap();
    let mut text = String::new();
    while let Some((path, _)) = archive.next_entry().unwrap() {
        writeln!(text, "{path}").unwrap();
    }
    text
}

/// Makes a change in a copy of a file system or in a real overlay, and shows how it is captured.
fn check_capture(script: &str, is_overlay: bool) -> String {
    let test = TestStore::new();
    let lower = test.layer(&tar_of(LOWER));
    let parent = layer::tree_of(&test.store, std::slice::from_ref(&lower)).unwrap();
    let unpacked = layer::unpack_all(&test.store, std::slice::from_ref(&lower), options(), Below::default())
        .unwrap()
        .lower
        .remove(0);
    let [root, upper, work] = ["root", "upper", "work"].map(|name| test.folder.path().join(name));
    let show = |folder: &Path| folder.display().to_string();
    for folder in [&root, &upper, &work] {
        std::fs::create_dir(folder).unwrap();
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let command = if is_overlay {
        let options = format!("lowerdir={},upperdir={},workdir={}", show(&unpacked), show(&upper), show(&work));
        format!("mount -t overlay overlay -o {options} {} && cd {} && {script}", show(&root), show(&root))
    } else {
        format!("cp -a {}/. {} && cd {} && {script}", show(&unpacked), show(&root), show(&root))
    };
    let output = std::process::Command::new("unshare").args(["-m", "sh", "-ec", &command]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut writer = LayerWriter::new(&test.store).unwrap();
    let options = capture_options();
    let changes = if is_overlay {
        layer::capture(&upper, &parent, &mut writer, options).unwrap()
    } else {
        layer::capture_full(&root, &parent, &mut writer, options).unwrap()
    };
    let layer = writer.finish().unwrap();
    // The captured layer over its parent is the file system that the process left.
    let after = layer::tree_of(&test.store, &[lower, layer.clone()]).unwrap();
    format!("{}-\n{}-\n{}", describe(&changes), entries_of(&test, &layer), listing(&test.store, &after))
}

#[test]
fn changes_of_a_process_are_captured() {
    if !is_root() {
        eprintln!("SKIPPED: mounting an overlay needs root");
        return;
    }
    let scripts = [
        ("nothing", "true"),
        ("a new file", "echo new > etc/new"),
        (
            "a change that is taken back",
            "cp -a etc/passwd tmp/keep; chmod 600 etc/passwd; chmod 644 etc/passwd; rm tmp/keep",
        ),
        ("other bytes of the same size and time", "printf 'toor:x' > etc/passwd; touch -d @1700000000 etc/passwd etc"),
        ("a deleted file", "rm etc/shadow"),
        ("a deleted folder", "rm -r var"),
        ("a folder made anew", "rm -r var/lib; mkdir var/lib; echo x > var/lib/x"),
        (
            "a folder made anew with the same file",
            "cp -a var/lib/data tmp/; rm -r var/lib; mkdir var/lib; mv tmp/data var/lib/",
        ),
        ("a file becomes a folder", "rm etc/passwd; mkdir etc/passwd; echo x > etc/passwd/x"),
        ("a folder becomes a file", "rm -r var; echo x > var"),
        ("a renamed folder", "mv var moved"),
        ("an owner and a mode", "chown 7:8 etc/passwd; chmod 700 var"),
        ("a further name", "ln etc/passwd etc/second"),
        ("a link and a pipe", "ln -s x etc/sym; mkfifo etc/pipe"),
        ("a capability", "echo x > tmp/cap; setfattr -n user.note -v hello tmp/cap || true"),
    ];
    let mut text = String::new();
    for (name, script) in scripts {
        let overlay = check_capture(script, true);
        let full = check_capture(script, false);
        writeln!(text, "# {name}\n{overlay}").unwrap();
        if overlay != full {
            writeln!(text, "## as a whole copy\n{full}").unwrap();
        }
    }
    // Only times depend on the clock, and they are not in the listings.
    insta::assert_snapshot!(text);
}

#[test]
fn later_times_are_clamped() {
    let test = TestStore::new();
    let upper = test.folder.path().join("upper");
    std::fs::create_dir(&upper).unwrap();
    std::fs::write(upper.join("file"), b"x").unwrap();
    let mut writer = LayerWriter::new(&test.store).unwrap();
    let options = Capture { clamp_mtime: Some(1000), ..capture_options() };
    layer::capture(&upper, &Tree::empty(), &mut writer, options).unwrap();
    let tree = layer::tree_of(&test.store, &[writer.finish().unwrap()]).unwrap();
    assert_eq!(tree.get(&path("/file")).unwrap().metadata.mtime, 1000);
}

#[test]
fn deep_directories_do_not_exhaust_the_stack() {
    let test = TestStore::new();
    let mut tree = Tree::empty();
    tree.insert(&path(&"/d".repeat(500)), Node::file(0o644, *b"deep"));
    let mut writer = LayerWriter::new(&test.store).unwrap();
    writer.append_tree(&tree, &TreePath::root()).unwrap();
    let layer = writer.finish().unwrap();
    let again = layer::tree_of(&test.store, std::slice::from_ref(&layer)).unwrap();
    assert_eq!(layerlab::tree::diff(&Tree::empty(), &again).len(), 500);
    let deeper = "/d".repeat(501);
    let mut writer = LayerWriter::new(&test.store).unwrap();
    let error = writer.append_node(&path(&deeper), &Node::file(0o644, *b"deeper")).unwrap_err();
    assert!(error.to_string().ends_with("it is more than 500 directories deep"), "{error}");
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut tar::Header::new_gnu(), &deeper[1..], &b""[..]).unwrap();
    let error = layer::tree_of(&test.store, &[test.layer(&builder.into_inner().unwrap())]).unwrap_err();
    assert!(error.to_string().ends_with("it is more than 500 directories deep"), "{error}");
    // Deeper than the kernel's longest path, through links that lead on.
    let mut lines = String::new();
    for number in 0..60 {
        writeln!(
            lines,
            "l {number} -> {}{}",
            if number == 0 { String::new() } else { format!("{}/", number - 1) },
            "x/".repeat(40)
        )
        .unwrap();
        writeln!(lines, "f {number}/file 644 0:0 = x").unwrap();
    }
    let error = layer::tree_of(&test.store, &[test.layer(&tar_of(&lines))]).unwrap_err();
    assert!(error.to_string().ends_with("it is more than 500 directories deep"), "{error}");
    for depth in [499, 600] {
        let upper = test.folder.path().join(format!("upper-{depth}"));
        std::fs::create_dir_all(upper.join("d/".repeat(depth))).unwrap();
        let mut writer = LayerWriter::new(&test.store).unwrap();
        let result = layer::capture(&upper, &Tree::empty(), &mut writer, capture_options());
        assert_eq!(result.is_ok(), depth < 500);
    }
}

/// The part of [`an_ordinary_user_keeps_owners_in_the_tree`] that runs inside a user namespace.
#[test]
#[ignore = "it is started by another test, inside of a user namespace"]
fn inside_of_a_user_namespace() {
    let options = Unpack { ownership: Ownership::Single, opaque: OpaqueName::User };
    let test = TestStore::new();
    let lower = [test.layer(&tar_of(LOWER)), test.layer(&tar_of(UPPER))];
    let parent = layer::tree_of(&test.store, &lower).unwrap();
    let unpacked = layer::unpack_all(&test.store, &lower, options, Below::default()).unwrap();
    let mut text = format!("{}\n\n", unpacked.notes.join("\n"));
    writeln!(text, "# the upper layer\n{}", on_disk(&unpacked.lower[0])).unwrap();
    let [root, upper, work] = ["root", "upper", "work"].map(|name| test.folder.path().join(name));
    for folder in [&root, &upper, &work] {
        std::fs::create_dir(folder).unwrap();
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let show = |folder: &Path| folder.display().to_string();
    let lowers: Vec<String> = unpacked.lower.iter().map(|folder| show(folder)).collect();
    let command = format!(
        "mount -t overlay overlay -o userxattr,lowerdir={},upperdir={},workdir={} {root} && cd {root} &&
        find . | sort && echo new >> etc/passwd && rm -r var/lib && mkdir var/lib && echo x > var/lib/x &&
        chmod u+s hard && setfattr -n user.note -v hello hard",
        lowers.join(":"),
        show(&upper),
        show(&work),
        root = show(&root),
    );
    let output = std::process::Command::new("unshare").args(["-m", "sh", "-ec", &command]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    writeln!(text, "# what a process sees\n{}", String::from_utf8_lossy(&output.stdout)).unwrap();
    let mut writer = LayerWriter::new(&test.store).unwrap();
    let options = Capture { ownership: Ownership::Single, marks: OpaqueName::User, clamp_mtime: None };
    let changes = layer::capture(&upper, &parent, &mut writer, options).unwrap();
    let layer = writer.finish().unwrap();
    let after = layer::tree_of(&test.store, &[&lower[..], &[layer]].concat()).unwrap();
    writeln!(text, "# what was captured\n{}\n# the tree above\n{}", describe(&changes), listing(&test.store, &after))
        .unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn an_ordinary_user_keeps_owners_in_the_tree() {
    let output = std::process::Command::new("unshare")
        .arg("-Ur")
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", &crate::test_name(module_path!(), "inside_of_a_user_namespace"), "--nocapture"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    if text.contains("unshare failed") {
        eprintln!("SKIPPED: no user namespaces: {text}");
        return;
    }
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}{text}");
}

/// A sequence of numbers that looks random and is always the same (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[test]
fn many_trees_survive_writing_indexing_unpacking_and_capturing() {
    if !is_root() {
        eprintln!("SKIPPED: owners need root");
        return;
    }
    for seed in 1u64..16 {
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15 ^ (seed << 20));
        let test = TestStore::new();
        let mut tree = Tree::empty();
        let mut layers = Vec::new();
        for round in 0..3 {
            let before = tree.clone();
            for _ in 0..30 {
                let name: String = (0..1 + numbers.below(4)).map(|_| format!("/{}", numbers.below(4))).collect();
                let bytes = vec![b'a' + round; usize::try_from(numbers.below(1500)).unwrap()];
                let mut node = match numbers.below(8) {
                    0 | 1 => Node::directory(0o700 + u32::try_from(numbers.below(64)).unwrap()),
                    2 => Node::symlink(format!("{}/../x", numbers.below(9))),
                    3 => Node { kind: Kind::Fifo, ..Node::file(0o600, *b"") },
                    4 => {
                        tree.remove(&path(&name));
                        continue;
                    }
                    _ => Node::file(0o4600 + u32::try_from(numbers.below(64)).unwrap(), bytes),
                };
                node.metadata.uid = u32::try_from(numbers.below(3)).unwrap();
                node.metadata.mtime = i64::try_from(numbers.below(2_000_000_000)).unwrap();
                tree.insert(&path(&name), node);
            }
            // The layer is made of the difference between the trees.
            let mut writer = LayerWriter::new(&test.store).unwrap();
            for change in layerlab::tree::diff(&before, &tree) {
                match change {
                    Change::Added { path, node } | Change::Modified { path, after: node, .. } => {
                        writer.append_node(&path, &node).unwrap();
                    }
                    Change::Deleted { path, .. } => writer.whiteout(&path).unwrap(),
                }
            }
            layers.push(writer.finish().unwrap());
            let merged = layer::tree_of(&test.store, &layers).unwrap();
            assert_eq!(listing(&test.store, &tree), listing(&test.store, &merged), "seed {seed}, round {round}");
        }
        // The kernel's view of the unpacked layers, captured as a whole, is the tree.
        let lower = layer::unpack_all(&test.store, &layers, options(), Below::default()).unwrap().lower;
        let root = test.folder.path().join("root");
        std::fs::create_dir(&root).unwrap();
        let lowers: Vec<String> = lower.iter().map(|folder| folder.display().to_string()).collect();
        let command = format!(
            "mkdir {root}/merged {root}/copy && mount -t overlay overlay -o lowerdir={} {root}/merged &&
            cp -a {root}/merged/. {root}/copy",
            lowers.join(":"),
            root = root.display(),
        );
        let output = std::process::Command::new("unshare").args(["-m", "sh", "-ec", &command]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut writer = LayerWriter::new(&test.store).unwrap();
        let changes = layer::capture_full(&root.join("copy"), &tree, &mut writer, capture_options()).unwrap();
        assert_eq!(describe(&changes), "", "seed {seed}");
    }
}

/// Times what should be fast; `cargo test --release --test library layer speed -- --ignored --nocapture`.
#[test]
#[ignore = "it measures and needs a release build"]
fn speed() {
    let test = TestStore::within(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
    let source = test.folder.path().join("source");
    let mut tree = Tree::empty();
    for number in 0..20_000 {
        let name = format!("/module-{:02}/package-{:02}/file-{number}.js", number % 20, number / 20 % 20);
        let file = source.join(&name[1..]);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, format!("{number}\n").repeat(100 + number % 300)).unwrap();
        let size = file.metadata().unwrap().len();
        let content = Content { size, place: Place::Host(Arc::from(file)) };
        tree.insert(&path(&name), Node { kind: Kind::File(content), ..Node::file(0o644, *b"") });
    }
    let processor = || {
        let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF).unwrap();
        [usage.user_time(), usage.system_time()]
            .iter()
            .map(|time| time.tv_sec() as f64 * 1000.0 + time.tv_usec() as f64 / 1000.0)
            .sum::<f64>()
    };
    let time = |what: &str, run: &mut dyn FnMut()| {
        for _ in 0..3 {
            let (start, before) = (std::time::Instant::now(), processor());
            run();
            let elapsed = start.elapsed().as_secs_f64() * 1000.0;
            println!("{what}: {elapsed:.1} ms, {:.1} ms of processor", processor() - before);
        }
    };
    let mut layers = Vec::new();
    let mut salt = 0;
    time("write 20,000 files", &mut || {
        salt += 1;
        tree.update(&path("/module-00"), |node| node.metadata.mtime = salt);
        let mut writer = LayerWriter::new(&test.store).unwrap();
        writer.append_tree(&tree, &TreePath::root()).unwrap();
        let start = std::time::Instant::now();
        layers = vec![writer.finish().unwrap()];
        println!("  of it finish: {:.1} ms", start.elapsed().as_secs_f64() * 1000.0);
    });
    println!("  {} bytes", layers[0].descriptor.size);
    let mut merged = Tree::empty();
    time("index 20,000 files", &mut || merged = layer::tree_of(&test.store, &layers).unwrap());
    let mut again = merged.clone();
    time("compare with one file changed", &mut || {
        salt += 1;
        again.update(&path("/module-03/package-00/file-3.js"), |node| node.metadata.mtime = salt);
        assert_eq!(layerlab::tree::diff(&merged, &again).len(), 1);
    });
    time("compare with itself read again", &mut || {
        let other = layer::tree_of(&test.store, &layers).unwrap();
        assert_eq!(layerlab::tree::diff(&merged, &other).len(), 0);
    });
    time("copy 20,000 files from a layer", &mut || {
        salt += 1;
        let mut copy = merged.clone();
        copy.update(&path("/module-00"), |node| node.metadata.mtime = salt);
        let mut writer = LayerWriter::new(&test.store).unwrap();
        writer.append_tree(&copy, &TreePath::root()).unwrap();
        writer.finish().unwrap();
    });
    time("unpack 20,000 files", &mut || {
        salt += 1;
        let destination = test.folder.path().join(format!("unpacked-{salt}"));
        layer::unpack(&test.store, &layers[0], &Tree::empty(), &destination, options()).unwrap();
    });
    let memory = || {
        let status = std::fs::read_to_string("/proc/self/statm").unwrap();
        status.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    };
    let before = memory();
    let trees: Vec<Tree> = (0..5).map(|_| layer::tree_of(&test.store, &layers).unwrap()).collect();
    println!("memory: {} bytes a file", (memory() - before) / 20_000 / trees.len() as u64);
    let big = source.join("big");
    let output = std::process::Command::new("dd")
        .args(["if=/dev/urandom", "bs=1M", "count=512", &format!("of={}", big.display())])
        .output();
    assert!(output.unwrap().status.success());
    let node = |mtime| {
        let content = Content { size: 512 << 20, place: Place::Host(Arc::from(big.as_path())) };
        let mut node = Node { kind: Kind::File(content), ..Node::file(0o644, *b"") };
        node.metadata.mtime = mtime;
        node
    };
    time("write 512 MiB", &mut || {
        salt += 1;
        let mut writer = LayerWriter::new(&test.store).unwrap();
        writer.append_node(&path("/big"), &node(salt)).unwrap();
        let start = std::time::Instant::now();
        let layer = writer.finish().unwrap();
        println!("  of it finish: {:.1} ms", start.elapsed().as_secs_f64() * 1000.0);
        std::fs::remove_file(test.store.blob_path(&layer.descriptor.digest)).unwrap();
    });
}
