//! Archives that ask for too much: room, memory, time.
//!
//! Each comes in by the ways of [`crate::archives`].

use std::fs;

use crate::archives::{Way, by_every_way, give, refused, refused_or_copied};
use crate::harness::{USERS, attack};
use crate::place::missing;
use crate::tarballs::{Entry, Tar, compress, gzip};

const SIZE: &str = "raise the limit: set LAYERLAB_MAX_ARCHIVE_SIZE";

#[test]
fn a_sparse_file_has_exabytes() {
    let exabytes = 9_000_000_000_000_000_000;
    let digits = exabytes.to_string();
    let records: &[(&str, &[u8])] = &[
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"x"),
        ("GNU.sparse.realsize", digits.as_bytes()),
    ];
    let mut map = b"1\n0\n1\n".to_vec();
    map.resize(512, 0);
    map.push(b'x');
    let archives = [
        ("GNU's old format", Tar::new().gnu_sparse("x", exabytes, &[(0, 1)], b"x").end()),
        ("a PAX header", Tar::new().pax_sparse("x", &digits, "0,1", b"x").end()),
        ("format 1.0", Tar::new().pax(records).file("x", &map).end()),
    ];
    refused("a sparse bomb", &archives, SIZE);
    let archives =
        [("60 GiB within the bound on the size", Tar::new().gnu_sparse("x", 60 << 30, &[(0, 1)], b"x").end())];
    refused("a sparse bomb", &archives, "raise the limit: set LAYERLAB_MAX_ARCHIVE_RATIO");
}

#[test]
fn a_hole_takes_no_room() {
    let archive = Tar::new().gnu_sparse("x", 128 << 20, &[((128 << 20) - 1, 1)], b"x").end();
    by_every_way("holes stay holes", &[("128 MiB", archive)], |_, outcome| {
        outcome.succeeded();
    });
}

#[test]
fn a_sparse_map_is_nonsense() {
    let sparse = |size: &str, map: &str, stored: &[u8]| Tar::new().pax_sparse("x", size, map, stored).end();
    let archives = [
        ("a negative offset", sparse("10", "-1,2", b"xx")),
        ("an overflow", sparse("10", "18446744073709551615,2", b"xx")),
        ("parts that overlap", sparse("10", "0,4,2,2", b"xxxxxx")),
        ("parts out of order", sparse("10", "4,2,0,2", b"xxxx")),
        ("a part beyond the end", sparse("3", "0,4", b"xxxx")),
        ("a negative size", sparse("-1", "0,1", b"x")),
    ];
    refused_or_copied("CVE-2018-20482 and its kin: a sparse map is nonsense", &archives);
}

/// A compressed bomb is refused when it has expanded so far.
fn bomb(program: &str, arguments: &[&str]) {
    let zeros = vec![0; 4 << 20];
    let tar = Tar::new().file("zeros", &zeros).end();
    let Some(archive) = compress(program, arguments, &tar) else {
        return missing(&format!("`{program}` is not installed"));
    };
    for way in [Way::Import, Way::Add] {
        attack(&format!("a bomb of {program}, by {way:?}"), USERS, |attack| {
            fs::write(attack.path("archive.tar"), &archive).unwrap();
            attack.write("Dockerfile", "FROM scratch\nADD archive.tar /\n");
            let arguments = if way == Way::Import { "import archive.tar attack" } else { "build ." };
            let mut command = attack.place.command(arguments);
            command.env("LAYERLAB_MAX_ARCHIVE_SIZE", "1M");
            attack.run_command(command).refused(SIZE).says("1 MiB");
        });
    }
}

#[test]
fn a_compressed_archive_expands_without_end() {
    bomb("gzip", &["-9"]);
    bomb("bzip2", &["-9"]);
    bomb("xz", &["-9"]);
    bomb("zstd", &["-19"]);
}

#[test]
fn a_compressed_archive_expands_to_thousands_of_times_its_size() {
    // 1.2 GiB of zeros in a megabyte, the quickest of the bombs.
    let piece = gzip(&vec![0; 16 << 20]);
    let mut archive = gzip(&Tar::new().entry(&Entry { size: 75 * (16 << 20), ..Entry::new(b'0', "zeros") }).bytes());
    for _ in 0..75 {
        archive.extend_from_slice(&piece);
    }
    attack("a gzip bomb within the bound on the size", &[crate::place::Role::Self_], |attack| {
        fs::write(attack.path("archive.tar"), &archive).unwrap();
        attack
            .run("import archive.tar attack")
            .refused("expands to more than 250 times its size")
            .says("LAYERLAB_MAX_ARCHIVE_RATIO");
    });
}

#[test]
fn a_decompressor_wants_memory() {
    let tar = Tar::new().file("x", b"x").end();
    for (program, arguments) in
        [("xz", ["--lzma2=dict=1536MiB"].as_slice()), ("zstd", &["--ultra", "-22", "--long=31", "-c"])]
    {
        let Some(archive) = compress(program, arguments, &tar) else {
            missing(&format!("`{program}` is not installed, or has too little memory"));
            continue;
        };
        attack(&format!("a dictionary or window of gigabytes in {program}"), USERS, |attack| {
            let outcome = give(attack, Way::Import, &archive);
            assert!(
                outcome.status.success() || outcome.text.contains("LAYERLAB_MAX_ARCHIVE_MEMORY"),
                "{}",
                outcome.text
            );
        });
    }
}

#[test]
fn an_archive_has_entries_without_end() {
    let mut tar = Tar::new();
    for number in 0..2000 {
        tar.file(&number.to_string(), b"");
    }
    let archive = tar.end();
    attack("so many entries that listing them fills the memory", USERS, |attack| {
        fs::write(attack.path("archive.tar"), &archive).unwrap();
        let mut command = attack.place.command("import archive.tar attack");
        command.env("LAYERLAB_MAX_ARCHIVE_ENTRIES", "1000");
        attack.run_command(command).refused("more than 1000 entries").says("LAYERLAB_MAX_ARCHIVE_ENTRIES");
    });
}

#[test]
fn an_extension_header_is_enormous() {
    let huge = Tar::new().entry(&Entry { size: 4 << 30, ..Entry::new(b'x', "x") }).bytes();
    let long_name = Tar::new().entry(&Entry { size: 4 << 30, ..Entry::new(b'L', "x") }).bytes();
    let value = vec![b'v'; 700_000];
    let record: &[(&str, &[u8])] = &[("SCHILY.xattr.user.a", &value)];
    let two = Tar::new().pax(record).pax(record).file("x", b"").end();
    let archives = [("PAX", huge), ("a long name", long_name), ("PAX in two parts", two)];
    refused("an extension header of gigabytes", &archives, "LAYERLAB_MAX_ARCHIVE_HEADER");
}

#[test]
fn a_limit_that_is_not_a_number_is_a_mistake() {
    attack("a bound must not be lifted by a slip", USERS, |attack| {
        for value in ["", "lots", "-1", "1e9", "99999999999999999999T"] {
            let mut command = attack.place.command("images");
            command.env("LAYERLAB_MAX_ARCHIVE_SIZE", value);
            attack.run_command(command).refused("LAYERLAB_MAX_ARCHIVE_SIZE");
        }
    });
}

#[test]
fn a_compressed_archive_has_frames_of_nothing() {
    // Millions of frames that hold no data, one inside another's place: each is passed over, and nothing is kept.
    let mut archive = Vec::new();
    for _ in 0..500_000 {
        archive.extend_from_slice(&[0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]);
    }
    attack("zstd frames without data", USERS, |attack| {
        // An archive without entries is an image without files.
        give(attack, Way::Import, &archive).succeeded();
    });
    let empty = gzip(b"");
    let archive = empty.repeat(100_000);
    attack("gzip members without data", USERS, |attack| {
        assert!(!give(attack, Way::Import, &archive).text.contains("panicked"));
    });
}
