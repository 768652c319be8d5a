//! Archives that lead out, or say one thing to one reader and another to the next.
//!
//! Each comes in by the three ways that there are: `import`, ADD, and as a layer of an image that is run.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use crate::forge::forge_layer;
use crate::harness::{Attack, Outcome, USERS, attack};
use crate::tarballs::{Entry, Tar, gzip};

/// The ways in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    Import,
    Add,
    Layer,
}

const WAYS: [Way; 3] = [Way::Import, Way::Add, Way::Layer];

/// Gives an archive to the program by one way, and uses what came of it. The context has the folder of the base image.
pub fn give(attack: &mut Attack, way: Way, bytes: &[u8]) -> Outcome {
    match way {
        Way::Import => {
            fs::write(attack.path("archive.tar"), bytes).unwrap();
            let outcome = attack.run("import archive.tar attack");
            if outcome.status.success() {
                attack.write("Dockerfile", "FROM layerlab/base\nCOPY --from=attack / /\nRUN true\n");
                return attack.run("build -t used .");
            }
            outcome
        }
        Way::Add => {
            fs::write(attack.path("archive.tar"), bytes).unwrap();
            attack.write("Dockerfile", "FROM layerlab/base\nADD archive.tar /into/\nRUN true\n");
            attack.build()
        }
        Way::Layer => {
            forge(attack, bytes);
            attack.run("run attack true")
        }
    }
}

/// Makes the image `attack`: the base image with one more layer.
pub fn forge(attack: &mut Attack, layer: &[u8]) {
    attack.write("Dockerfile", "FROM layerlab/base\n");
    attack.build().succeeded();
    forge_layer(attack, layer);
}

/// Tries archives by every way: what each is, and its bytes.
pub fn by_every_way(idea: &str, archives: &[(&str, Vec<u8>)], expect: impl Fn(Way, &Outcome)) {
    for way in WAYS {
        attack(&format!("{idea}, by {way:?}"), USERS, |attack| {
            for (what, archive) in archives {
                let outcome = give(attack, way, archive);
                println!("{what}, by {way:?}: {}", outcome.status);
                expect(way, &outcome);
            }
            let room = room_of(&attack.place.home());
            assert!(room < 64 << 20, "{idea}: it takes {} MiB", room >> 20);
        });
    }
}

/// The archives are refused, by every way, with a message that says `why`.
pub fn refused(idea: &str, archives: &[(&str, Vec<u8>)], why: &str) {
    by_every_way(idea, archives, |_, outcome| {
        outcome.refused(why);
    });
}

/// The archives are refused, except for ADD, which copies as a file what is not an archive to it.
pub fn refused_or_copied(idea: &str, archives: &[(&str, Vec<u8>)]) {
    by_every_way(idea, archives, |way, outcome| {
        assert!(way == Way::Add || !outcome.status.success(), "{idea}: {}", outcome.text);
    });
}

/// What everything below a folder takes on the disk.
pub fn room_of(folder: &std::path::Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => room_of(&entry.path()),
            _ => entry.path().symlink_metadata().map_or(0, |found| found.blocks() * 512),
        })
        .sum()
}

/// An archive that tries to write outside, in many ways; `{s}` is the sentinel's folder.
fn climbing(sentinel: &str) -> Vec<(&'static str, Tar)> {
    let up = "../".repeat(20);
    let text = b"overwritten\n";
    let long = |key: &str, value: String, then: &dyn Fn(&mut Tar)| {
        let mut tar = Tar::new();
        tar.pax(&[(key, value.as_bytes())]);
        then(&mut tar);
        tar
    };
    let through = |target: String| {
        let mut tar = long("linkpath", target, &|tar| {
            tar.symlink("out", "x");
        });
        tar.file("out/secret", text).file("out/folder/file", text).clone()
    };
    vec![
        (
            "Zip Slip: `..` in a name",
            long("path", format!("{up}{sentinel}/secret"), &|tar| {
                tar.file("x", text);
            }),
        ),
        (
            "an absolute name",
            long("path", format!("{sentinel}/secret"), &|tar| {
                tar.file("x", text);
            }),
        ),
        ("CVE-2021-32760, CVE-2018-1002200: through a link", through(sentinel.to_owned())),
        ("through a link that climbs", through(format!("{up}{sentinel}"))),
        ("through a link to /proc", through(format!("/proc/self/root{sentinel}"))),
        ("CVE-2021-32803: a folder, then a link in its place", {
            let mut tar = Tar::new();
            tar.directory("out/");
            tar.0.extend(through(sentinel.to_owned()).0);
            tar
        }),
        ("a hard link to a file outside", {
            let mut tar = long("linkpath", format!("{sentinel}/secret"), &|tar| {
                tar.hard_link("h", "x");
            });
            tar.file("h", text).clone()
        }),
        ("a hard link through a link", {
            let mut tar = long("linkpath", sentinel.to_owned(), &|tar| {
                tar.symlink("out", "x");
            });
            tar.hard_link("h", "out/secret").file("h", text).clone()
        }),
        ("CVE-2019-14271: names that a helper would load", {
            Tar::new().directory("lib").file("lib/libnss_files.so.2", text).file("etc/nsswitch.conf", text).clone()
        }),
        (
            "a deletion outside",
            long("path", format!("{up}{sentinel}/.wh.secret"), &|tar| {
                tar.file("x", b"");
            }),
        ),
        ("an opaque mark through a link", {
            let mut tar = long("linkpath", sentinel.to_owned(), &|tar| {
                tar.symlink("out", "x");
            });
            tar.file("out/.wh..wh..opq", b"").clone()
        }),
    ]
}

#[test]
fn an_entry_climbs_out() {
    for way in WAYS {
        attack(&format!("an entry that climbs, by {way:?}"), USERS, |attack| {
            let sentinel = attack.sentinel().display().to_string();
            for (what, tar) in climbing(&sentinel) {
                // Refused or kept inside: the harness compares the sentinel.
                let outcome = give(attack, way, &tar.end());
                println!("{what}, by {way:?}: {}", outcome.status);
            }
        });
    }
}

#[test]
fn a_device_node_is_in_an_archive() {
    let archive =
        Tar::new().device(b'4', "disk", (8, 0)).device(b'3', "mem", (1, 1)).device(b'6', "pipe", (0, 0)).end();
    by_every_way("the machine's disk and memory as nodes of an image", &[("nodes", archive)], |_, outcome| {
        assert!(!outcome.text.contains("panicked"));
    });
    attack("a node of an image gives no access", USERS, |attack| {
        forge(attack, &Tar::new().device(b'3', "mem", (1, 1)).device(b'3', "zero", (1, 5)).end());
        attack.run("run attack head -c 1 /zero").refused("/zero");
        attack.run("run attack head -c 1 /mem").refused("/mem");
    });
}

#[test]
fn a_privilege_is_in_an_archive() {
    let mut tar = Tar::new();
    tar.entry(&Entry { mode: 0o6755, ..Entry::new(b'0', "setuid") });
    tar.pax(&[("SCHILY.xattr.security.capability", b"\x01\0\0\x02\xff\xff\xff\xff\0\0\0\0\xff\xff\xff\xff\0\0\0\0")]);
    tar.file("capable", b"");
    tar.pax(&[("SCHILY.xattr.security.selinux", b"x"), ("SCHILY.xattr.trusted.x", b"x"), ("SCHILY.xattr.", b"x")]);
    tar.file("labelled", b"");
    by_every_way("CVE-2021-41091: set-user-id files and capabilities", &[("all of them", tar.end())], |_, outcome| {
        outcome.succeeded();
    });
}

// Marks

#[test]
fn a_file_is_called_like_a_deletion() {
    for name in
        ["etc/.wh.passwd", ".wh.etc", "etc/.wh..wh..opq", ".wh.", ".wh..", "a/.wh...", ".wh.a/b", ".wh..wh.plnk/1"]
    {
        let archive = Tar::new().file(name, b"").end();
        for way in [Way::Import, Way::Add] {
            attack(&format!("a file called `{name}` would delete, by {way:?}"), USERS, |attack| {
                give(attack, way, &archive).refused("names that begin with `.wh.`");
            });
        }
    }
}

#[test]
fn a_file_of_the_context_is_called_like_a_deletion() {
    attack("COPY of a name that would delete", USERS, |attack| {
        attack.write("c/.wh.passwd", "").write("c/sub/.wh..wh..opq", "");
        for dockerfile in [
            "FROM layerlab/base\nCOPY c/.wh.passwd /etc/\n",
            "FROM layerlab/base\nCOPY c /etc/\n",
            "FROM layerlab/base\nCOPY --link c /etc/\n",
            "FROM layerlab/base\nCOPY c/.wh.passwd /etc/.wh.group\n",
            "FROM layerlab/base\nCOPY Dockerfile /etc/.wh.group\n",
            "FROM layerlab/base\nCOPY <<.wh.passwd /etc/\ntext\n.wh.passwd\n",
            "FROM layerlab/base\nCOPY <<EOF /etc/.wh..wh..opq\ntext\nEOF\n",
            "FROM layerlab/base\nADD c/.wh.passwd /x/\n",
            "FROM layerlab/base\nWORKDIR /.wh.etc\n",
            "FROM layerlab/base\nWORKDIR /a/.wh.../b\n",
            "FROM layerlab/base\nRUN touch /etc/.wh.passwd\n",
            "FROM layerlab/base\nRUN mkdir /.wh.etc && touch /.wh.etc/x\n",
            "FROM layerlab/base\nRUN touch /etc/.wh..wh..opq\n",
        ] {
            attack.write("Dockerfile", dockerfile);
            let outcome = attack.build();
            outcome.refused("names that begin with `.wh.`").says("hint: give the file another name");
        }
        attack.place.assert_whole();
    });
}

#[test]
fn a_copied_context_may_hold_what_is_left_out() {
    attack("a name that would delete is no harm where it is not copied", USERS, |attack| {
        attack.write("c/.wh.passwd", "").write("c/kept", "kept\n").write(".dockerignore", "**/.wh.*\n");
        attack.write("Dockerfile", "FROM layerlab/base\nCOPY c /c\nRUN test -s /c/kept && test -s /etc/passwd\n");
        attack.build().succeeded();
    });
}

#[test]
fn a_device_is_a_deletion() {
    let archive = Tar::new().directory("etc").device(b'3', "etc/passwd", (0, 0)).end();
    for way in [Way::Import, Way::Add] {
        attack(&format!("a character device 0:0 is overlayfs' deletion, by {way:?}"), USERS, |attack| {
            give(attack, way, &archive).refused("character devices 0:0 stand for deleted files");
        });
    }
    attack("a character device 0:0 in a layer hides the same in the tree and in a container", USERS, |attack| {
        forge(attack, &archive);
        attack.run("run attack test ! -e /etc/passwd").succeeded();
        attack.write("Dockerfile", "FROM attack\nCOPY --from=attack /etc/passwd /x\n");
        attack.run("build .").refused("/etc/passwd");
    });
}

#[test]
fn an_attribute_speaks_for_the_overlay() {
    let mut tar = Tar::new();
    for prefix in ["trusted.overlay.", "user.overlay.", "trusted.overlay.overlay.", "user.overlay.overlay."] {
        for (name, value) in
            [("opaque", "y"), ("redirect", "/etc"), ("metacopy", ""), ("whiteout", ""), ("origin", "x")]
        {
            tar.pax(&[(&format!("SCHILY.xattr.{prefix}{name}"), value.as_bytes())]).directory("etc");
            tar.pax(&[(&format!("SCHILY.xattr.{prefix}{name}"), value.as_bytes())])
                .file(&format!("etc/{prefix}{name}"), b"");
        }
    }
    by_every_way("an archive with overlayfs' own attributes", &[("all of them", tar.end())], |_, outcome| {
        outcome.succeeded();
    });
    attack("they hide nothing", USERS, |attack| {
        forge(attack, &tar.end());
        attack.run("run attack test -s /etc/passwd").succeeded();
    });
}

// One reader, another reader

#[test]
fn a_size_is_said_twice() {
    let inner = Tar::new().file("inner", b"text").bytes();
    let mut tar = Tar::new();
    tar.pax(&[("size", inner.len().to_string().as_bytes())]).entry(&Entry::new(b'0', "outer")).raw(&inner);
    tar.file("after", b"");
    let archive = tar.end();
    attack("CVE-2025-62518: an extension header says another size than the header", USERS, |attack| {
        give(attack, Way::Add, &archive).succeeded();
        attack.write(
            "Dockerfile",
            "FROM layerlab/base\nADD archive.tar /into/\nRUN test ! -e /into/inner && test -e /into/after\n",
        );
        attack.build().succeeded();
    });
    let mut tar = Tar::new();
    tar.file("a", b"").entry(&Entry { size: 512, target: "a", ..Entry::new(b'1', "h") }).file("seen", b"x");
    let archive = tar.end();
    attack("CVE-2025-62518's kin: a hard link with a size has no bytes", USERS, |attack| {
        give(attack, Way::Add, &archive).succeeded();
        attack.write("Dockerfile", "FROM layerlab/base\nADD archive.tar /into/\nRUN test -s /into/seen\n");
        attack.build().succeeded();
    });
}

#[test]
fn more_follows_an_empty_block() {
    let mut bytes = Tar::new().file("a", b"a").bytes();
    bytes.resize(bytes.len() + 512, 0);
    bytes.extend(Tar::new().file("hidden", b"").end());
    let archive = [("a hidden entry", bytes)];
    refused(
        "entries after one empty block, which only some readers see",
        &archive,
        "an empty block, and more after it",
    );
}

#[test]
fn names_come_twice() {
    let mut tar = Tar::new();
    tar.file("f", b"one").symlink("f", "/etc").directory("f").file("f/x", b"x").file("f", b"two").hard_link("g", "f");
    tar.symlink("s", "/etc").file("s", b"a file").directory("d").symlink("d", "/etc").file("d/passwd-", b"x");
    by_every_way("entries of one name and of several kinds", &[("all of them", tar.end())], |_, outcome| {
        outcome.succeeded();
    });
}

#[test]
fn a_link_leads_in_circles() {
    let long = "a/".repeat(60);
    let mut loops = Tar::new();
    loops.symlink("a", "b").symlink("b", "a").file("a/x", b"x");
    let mut deeper = Tar::new();
    deeper.symlink("0", "/");
    for number in 1..200 {
        deeper.symlink(&number.to_string(), &format!("{}/{}", number - 1, &long[..90]));
        deeper.file(&format!("{number}/x"), b"x");
    }
    let archives = [("a link to itself", loops.end()), ("links that go deeper and deeper", deeper.end())];
    by_every_way("links that lead in circles", &archives, |_, outcome| {
        assert!(!outcome.status.success(), "{}", outcome.text);
    });
}

#[test]
fn a_name_is_longer_than_any_file_system_takes() {
    let named = |name: &str| Tar::new().pax(&[("path", name.as_bytes())]).file("x", b"").end();
    let archives = [
        ("one name of 256 bytes", named(&"n".repeat(256))),
        ("501 folders in one another", named(&"d/".repeat(501))),
        ("a path of 5000 bytes", named(&"folder/".repeat(715))),
        ("a NUL byte", named("a\0b")),
    ];
    refused_or_copied("a name longer than any file system takes", &archives);
}

#[test]
fn a_working_directory_is_longer_than_any_file_system_takes() {
    attack("WORKDIR of a path that no layer can have", USERS, |attack| {
        for path in ["/d".repeat(501), format!("/{}", "n".repeat(256)), "/folder".repeat(700)] {
            attack.write("Dockerfile", &format!("FROM scratch\nWORKDIR {path}\n"));
            attack.build().refused("can't be stored in a tar archive");
        }
        attack.place.assert_whole();
    });
}

#[test]
fn an_archive_is_cut_or_damaged() {
    let good = Tar::new().directory("d").file("d/f", &[7; 2000]).symlink("s", "d").hard_link("h", "d/f").end();
    let packed = gzip(&good);
    attack("CVE-2024-24557 and others: what is damaged is refused, or read as what it is", USERS, |attack| {
        for bytes in [&good, &packed] {
            for position in (0..bytes.len()).step_by(bytes.len() / 12) {
                fs::write(attack.path("archive.tar"), &bytes[..position]).unwrap();
                attack.run("import archive.tar cut");
                let mut damaged = bytes.clone();
                damaged[position] ^= 0x41;
                fs::write(attack.path("archive.tar"), &damaged).unwrap();
                attack.run("import archive.tar damaged");
            }
        }
        attack.place.assert_whole();
    });
}

#[test]
fn the_same_layer_comes_again() {
    attack("overlayfs takes no directory twice", USERS, |attack| {
        attack.write("f", "f\n");
        let lines = "COPY f /f\nRUN rm /f\n".repeat(3);
        attack
            .write("Dockerfile", &format!("FROM layerlab/base\n{lines}RUN test ! -e /f\nCOPY f /f\nRUN test -e /f\n"));
        let mut command = attack.place.command("build -t attack .");
        command.env("SOURCE_DATE_EPOCH", "0");
        attack.run_command(command).succeeded();
        attack.run("run attack cat /f").succeeded().says("f");
        attack.place.assert_whole();
    });
}
