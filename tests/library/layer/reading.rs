//! Archives as they are read: broken, compressed, of other programs.

use super::*;

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
    check("the id of an owner that nobody has", &pax(b"18 uid=4294967295\n"));
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
