//! What an archive may ask for, and what it gets: bounds, compressions, holes.

use layerlab::diagnostic::Explained as _;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use super::*;
use crate::tarballs::{Entry, Tar, compress, gzip};

/// Reads an archive to its end: the names and sizes in it, or the error.
fn read_all(test: &TestStore, bytes: &[u8], limits: &Limits) -> String {
    let file = test.folder.path().join("archive");
    std::fs::write(&file, bytes).unwrap();
    let read = || -> Result<String, layer::Error> {
        let mut archive = archive::read(&file, limits)?;
        let mut text = String::new();
        while let Some((path, node)) = archive.next_entry()? {
            let size = std::io::copy(&mut archive.content(), &mut std::io::sink());
            match (node.content(), size) {
                (Some(_), Ok(size)) => write!(text, "{path} {size}; ").unwrap(),
                (None, _) => write!(text, "{path}; ").unwrap(),
                (_, Err(error)) => write!(text, "{path}: {error}; ").unwrap(),
            }
        }
        Ok(text)
    };
    read().unwrap_or_else(|error| {
        let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{error}{hint}").replace(&file.display().to_string(), "ARCHIVE")
    })
}

#[test]
fn each_bound_is_named_with_the_way_to_raise_it() {
    let test = TestStore::new();
    let limits = Limits {
        size: 1 << 20,
        ratio: 100,
        entries: 10,
        header: 1 << 10,
        metadata: 2 << 10,
        memory: 1 << 20,
        ..Limits::default()
    };
    let mut text = String::new();
    let mut check = |name: &str, bytes: &[u8]| {
        writeln!(text, "# {name}\n{}\n", read_all(&test, bytes, &limits)).unwrap();
    };
    check("a large file", &Tar::new().file("zeros", &vec![0; (1 << 20) + 1]).end());
    check("a large hole", &Tar::new().gnu_sparse("hole", (1 << 20) + 1, &[(0, 1)], b"x").end());
    check("large together", &Tar::new().file("a", &vec![0; 1 << 19]).file("b", &vec![0; (1 << 19) + 1]).end());
    check("large and compressed", &gzip(&Tar::new().file("zeros", &vec![0; 2 << 20]).end()));
    let mut many = Tar::new();
    for number in 0..11 {
        many.file(&number.to_string(), b"");
    }
    check("many entries", &many.end());
    let parts: String = (0..11).map(|number| format!("{},1,", number * 2)).collect();
    check("many parts", &Tar::new().pax_sparse("parts", "100", parts.trim_end_matches(','), b"xxxxxxxxxxx").end());
    let names: Vec<String> = (0..11).map(|number| format!("SCHILY.xattr.user.{number}")).collect();
    let records: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"x".as_slice())).collect();
    check("many attributes", &Tar::new().pax(&records).file("x", b"").end());
    let value = vec![b'v'; 600];
    let record: &[(&str, &[u8])] = &[("SCHILY.xattr.user.a", &value)];
    check("a large extension header in two parts", &Tar::new().pax(record).pax(record).file("x", b"").end());
    check("a long name", &Tar::new().sized(b'L', "././@LongLink", &vec![b'n'; 2000]).file("x", b"").end());
    let mut metadata = Tar::new();
    for number in 0..4 {
        metadata.pax(record).file(&number.to_string(), b"");
    }
    check("extension headers together", &metadata.end());
    for (program, arguments) in [("xz", ["-9"].as_slice()), ("zstd", &["--long=23", "-c"])] {
        match compress(program, arguments, &Tar::new().file("x", &vec![b'x'; 2000]).end()) {
            Some(bytes) => check(&format!("{program} with a large window"), &bytes),
            None => eprintln!("SKIPPED: `{program}` is not installed"),
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_bound_that_is_kept_is_not_felt() {
    let test = TestStore::new();
    let limits = Limits { size: 1 << 20, entries: 10, header: 1 << 10, ..Limits::default() };
    let archive = Tar::new().file("zeros", &vec![0; (1 << 20) - 1]).gnu_sparse("hole", 1, &[(0, 1)], b"x").end();
    assert_eq!(read_all(&test, &archive, &limits), "/zeros 1048575; /hole 1; ");
}

#[test]
fn sparse_maps_with_impossible_numbers_are_refused_at_once() {
    let test = TestStore::new();
    let mut text = String::new();
    let begun = Instant::now();
    let mut check = |name: &str, tar: &mut Tar| {
        let bytes = tar.end();
        let streamed = read_all(&test, &bytes, &limits());
        let layer = test.layer(&bytes);
        let merged = layer::tree_of(&test.store, std::slice::from_ref(&layer)).map(|_| "read".to_string());
        let merged = merged.unwrap_or_else(|error| error.to_string()).replace(&layer.diff_id.to_string(), "ARCHIVE");
        writeln!(text, "# {name}\n{streamed}").unwrap();
        if !streamed.starts_with(&merged) {
            writeln!(text, "as a layer: {merged}").unwrap();
        }
        text.push('\n');
    };
    let exabytes = "9000000000000000000";
    check("9 EB in one hole", Tar::new().pax_sparse("x", exabytes, "0,1", b"x"));
    check("9 EB of them", Tar::new().pax_sparse("x", exabytes, "8999999999999999999,1", b"x"));
    check("9 EB, old format", Tar::new().gnu_sparse("x", 9_000_000_000_000_000_000, &[(0, 1)], b"x"));
    check("overflow", Tar::new().pax_sparse("x", "10", "18446744073709551615,2", b"xx"));
    check("negative", Tar::new().pax_sparse("x", "10", "-1,2", b"xx"));
    check("negative size", Tar::new().pax_sparse("x", "-10", "0,2", b"xx"));
    check("overlapping", Tar::new().pax_sparse("x", "10", "0,4,2,2", b"xxxxxx"));
    check("unsorted", Tar::new().pax_sparse("x", "10", "4,2,0,2", b"xxxx"));
    check("more stored than mapped", Tar::new().pax_sparse("x", "10", "0,2", b"xxxx"));
    check("less stored than mapped", Tar::new().pax_sparse("x", "10", "0,8", b"xxxx"));
    check("an odd map", Tar::new().pax_sparse("x", "10", "0,2,4", b"xx"));
    check("no size", Tar::new().pax(&[("GNU.sparse.map", b"0,2")]).file("x", b"xx"));
    check("no map", Tar::new().pax(&[("GNU.sparse.size", b"9")]).file("x", b""));
    let version: &[(&str, &[u8])] =
        &[("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0"), ("GNU.sparse.realsize", b"100")];
    let block = |text: &str| format!("{text:\n<512}").into_bytes();
    check("1.0, an endless map", Tar::new().pax(version).file("x", &block("99999999\n0")));
    check("1.0, a map without an end", Tar::new().pax(version).file("x", &[b'1'; 512]));
    check(
        "1.0, numbers of 30 digits",
        Tar::new().pax(version).file("x", &block("1\n100000000000000000000000000000\n1")),
    );
    check("1.0, cut in the map", Tar::new().pax(version).file("x", b"3\n1\n"));
    let numbers: String = (0..300).map(|number| format!("{number}\n")).collect();
    check(
        "1.0, a map longer than the file",
        Tar::new().pax(version).file("x", &block(&format!("250\n{numbers}"))[..512]),
    );
    assert!(begun.elapsed() < Duration::from_secs(10));
    insta::assert_snapshot!(text);
}

/// 256 MiB with some bytes in the middle, in 2 kB.
fn mostly_hole() -> Vec<u8> {
    Tar::new().gnu_sparse("big", 256 << 20, &[(100 << 20, 4), ((256 << 20) - 3, 3)], b"datend!").end()
}

#[test]
fn holes_stay_holes() {
    let test = TestStore::within(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
    let foreign = test.layer(&mostly_hole());
    let file = test.folder.path().join("archive.tar");
    std::fs::write(&file, mostly_hole()).unwrap();
    let imported = archive::import(&test.store, &file).unwrap();
    for layer in [foreign, imported] {
        let tree = layer::tree_of(&test.store, std::slice::from_ref(&layer)).unwrap();
        let content = tree.get(&path("/big")).unwrap().content().unwrap();
        assert_eq!(content.size, 256 << 20);
        let lower = layer::unpack_all(&test.store, &[layer], options(), Below::default()).unwrap().lower;
        let unpacked = lower[0].join("big");
        let mut bytes = [0; 8];
        let file = std::fs::File::open(&unpacked).unwrap();
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut bytes, (100 << 20) - 2).unwrap();
        assert_eq!(&bytes, b"\0\0date\0\0");
        let mut end = [0; 3];
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut end, (256 << 20) - 3).unwrap();
        assert_eq!(&end, b"nd!");
    }
    assert!(room_of(test.folder.path()) < 32 << 20, "{} bytes", room_of(test.folder.path()));
}

/// What everything below a folder takes on the disk.
fn room_of(folder: &Path) -> u64 {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| match entry.file_type().unwrap().is_dir() {
            true => room_of(&entry.path()),
            false => entry.path().symlink_metadata().unwrap().blocks() * 512,
        })
        .sum()
}

#[test]
fn an_import_keeps_the_digest_of_what_a_sparse_file_holds() {
    let test = TestStore::new();
    let file = test.folder.path().join("archive.tar");
    let import = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        archive::import(&test.store, &file).unwrap().diff_id
    };
    let sparse = import(&Tar::new().gnu_sparse("f", 300_000, &[(200_000, 3)], b"abc").end());
    let mut whole = vec![0; 300_000];
    whole[200_000..200_003].copy_from_slice(b"abc");
    assert_eq!(import(&Tar::new().file("f", &whole).end()), sparse);
}

const COMPRESSIONS: &[(&str, &[&str])] = &[("gzip", &["-c"]), ("bzip2", &["-c"]), ("xz", &["-c"]), ("zstd", &["-c"])];

#[test]
fn compressed_archives_may_come_in_pieces_but_with_nothing_else_after_them() {
    let test = TestStore::new();
    let tar = Tar::new().file("a", &[b'a'; 3000]).file("b", b"b").end();
    for (program, arguments) in COMPRESSIONS {
        let Some(one) = compress(program, arguments, &tar[..1500]) else {
            eprintln!("SKIPPED: `{program}` is not installed");
            continue;
        };
        let other = compress(program, arguments, &tar[1500..]).unwrap();
        let expected = "/a 3000; /b 1; ";
        assert_eq!(read_all(&test, &[one.as_slice(), &other].concat(), &limits()), expected, "{program}");
        let garbage = [one.as_slice(), &other, &[0; 700], b"garbage"].concat();
        assert!(read_all(&test, &garbage, &limits()) != expected, "{program} with garbage");
        let cut = [one.as_slice(), &other[..other.len() / 2]].concat();
        assert!(read_all(&test, &cut, &limits()) != expected, "{program}, cut");
    }
}

#[test]
fn a_damaged_byte_in_a_compressed_layer_is_noticed() {
    let test = TestStore::new();
    let noise: Vec<u8> = (0u32..2000).flat_map(|number| number.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect();
    for (program, arguments) in COMPRESSIONS {
        let Some(good) = compress(program, arguments, &noise) else {
            eprintln!("SKIPPED: `{program}` is not installed");
            continue;
        };
        let file = test.folder.path().join("damaged");
        let read = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            let mut expanded = Vec::new();
            let mut decoder = layer::decompress(std::fs::File::open(&file).unwrap(), &limits())?;
            decoder.read_to_end(&mut expanded).map(|_| expanded)
        };
        assert_eq!(read(&good).unwrap(), noise, "{program}");
        for position in (40..good.len() - 40).step_by(487) {
            let mut damaged = good.clone();
            damaged[position] ^= 0x10;
            assert!(read(&damaged).is_err(), "{program}: byte {position}");
        }
        for length in (7..good.len()).step_by(1009) {
            assert!(read(&good[..length]).is_err(), "{program}: cut to {length} bytes");
        }
    }
}

#[test]
fn an_archive_ends_where_others_say_it_ends() {
    let test = TestStore::new();
    let mut text = String::new();
    let mut check = |name: &str, bytes: &[u8]| {
        writeln!(text, "# {name}\n{}", read_all(&test, bytes, &limits())).unwrap();
    };
    let good = Tar::new().file("a", b"content").clone();
    check("no empty blocks", &good.0);
    check("cut in the last padding", &good.0[..512 + 7]);
    check("cut in the middle of the padding", &good.0[..512 + 100]);
    check("cut in the content", &good.0[..512 + 6]);
    let one_block = [good.0.as_slice(), &[0; 512]].concat();
    check("one empty block", &one_block);
    check("one empty block, then an entry", &[one_block.as_slice(), &Tar::new().file("hidden", b"").end()].concat());
    check("two empty blocks, then an entry", &[&good.end()[..], &Tar::new().file("hidden", b"").end()].concat());
    check("half an empty block", &good.end()[..good.0.len() + 100]);
    insta::assert_snapshot!(text);
}

#[test]
fn the_size_of_an_entry_is_what_others_take_it_for() {
    let test = TestStore::new();
    let mut text = String::new();
    let mut check = |name: &str, tar: &mut Tar| {
        writeln!(text, "# {name}\n{}", read_all(&test, &tar.end(), &limits())).unwrap();
    };
    let inner = Tar::new().file("inner", b"").bytes();
    let with_size = |kind, name: &'static str| Entry { size: 512, target: "a", ..Entry::new(kind, name) };
    check("a file whose name ends with a slash", Tar::new().file("td/", b"bytes").file("after", b"x"));
    check("an old directory", Tar::new().sized(0, "td/", b"").file("td/x", b"x"));
    check("an old directory with bytes", Tar::new().sized(0, "td/", b"bytes").file("td/x", b"x"));
    check("a directory with a size", Tar::new().entry(&with_size(b'5', "d")).file("after", b"x"));
    check("a hard link with a size", Tar::new().file("a", b"").entry(&with_size(b'1', "h")).file("after", b"x"));
    check("a symbolic link with a size", Tar::new().entry(&with_size(b'2', "s")).file("after", b"x"));
    check("a device with a size", Tar::new().entry(&with_size(b'3', "c")).file("after", b"x"));
    // One reader sees a file with 512 bytes, the other an empty file and one more entry.
    check(
        "an extension header that says another size than the header",
        Tar::new().pax(&[("size", b"512")]).entry(&Entry::new(b'0', "outer")).raw(&inner).file("after", b"x"),
    );
    check(
        "an extension header that says no size",
        Tar::new().pax(&[("size", b"")]).file("outer", b"12345").file("after", b"x"),
    );
    check("a wrong size", Tar::new().pax(&[("size", b"99999999999999999999")]).file("outer", b"").file("after", b""));
    check(
        "an extension header about an extension header",
        Tar::new().pax(&[("size", b"0")]).pax(&[("path", b"renamed")]).file("x", b"").file("after", b""),
    );
    insta::assert_snapshot!(text);
}
