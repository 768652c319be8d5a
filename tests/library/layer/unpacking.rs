//! Layers as directories: unpacked for overlayfs, and captured from them.

use super::*;

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
    let options =
        Capture { ownership: Ownership::Single, marks: OpaqueName::User, clamp_mtime: None, set_ids: SetIds::Kept };
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
