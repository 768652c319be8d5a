//! Build contexts that were made by somebody else: links, pipes, devices, giants, and numbers and names in COPY. See also `ignore_files.rs`
//! and `races.rs`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::mkfifo;

use crate::harness::{Attack, ROOT, USERS, attack};

/// What the sentinel's files hold; it must be in no image and in no message.
pub(crate) const SECRET: &str = "the sentinel's own text";

pub(crate) fn dockerfile(attack: &Attack, instructions: &str) {
    attack.write("Dockerfile", &format!("FROM scratch\n{instructions}\n"));
}

/// No layer in the store has the sentinel's text.
pub(crate) fn assert_not_taken(attack: &Attack) {
    attack.place.assert_whole();
    let blobs = attack.place.home().join("blobs/sha256");
    for blob in fs::read_dir(blobs).into_iter().flatten().flatten() {
        let bytes = fs::read(blob.path()).unwrap();
        assert!(!bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()), "{}", blob.path().display());
    }
}

#[test]
fn a_source_is_a_link_out_of_the_context() {
    attack("COPY follows a link of the context out of it (CVE-2019-18466, CVE-2020-10696)", USERS, |attack| {
        let sentinel = attack.sentinel().display().to_string();
        let climbing = "../".repeat(40);
        for target in [
            format!("{sentinel}/secret"),
            "../sentinel/secret".to_owned(),
            format!("{climbing}{}/secret", &sentinel[1..]),
            format!("/{climbing}{sentinel}/secret"),
            format!("/proc/self/root{sentinel}/secret"),
            "/proc/self/cwd/../sentinel/secret".to_owned(),
            "/proc/1/root/etc/shadow".to_owned(),
            "/proc/self/fd/0".to_owned(),
            "/dev/stdin".to_owned(),
        ] {
            let _ = fs::remove_file(attack.path("link"));
            attack.link("link", &target);
            dockerfile(attack, "COPY link /taken");
            attack.build().refused("is a symbolic link to").says("Dockerfile:2:6");
            dockerfile(attack, "ADD link /taken");
            attack.build().refused("is a symbolic link to");
        }
        assert_not_taken(attack);
    });
}

#[test]
fn a_folder_on_the_way_is_a_link_out_of_the_context() {
    attack("a folder of the source's path is a link (CVE-2022-4122)", USERS, |attack| {
        attack.link("way", attack.sentinel());
        attack.link("folder/up", "../..");
        for source in
            ["way/secret", "way/folder/file", "way/", "way/*", "folder/up/sentinel/secret", "folder/up/sentinel/*"]
        {
            dockerfile(attack, &format!("COPY {source} /taken/"));
            attack.build().refused("error: ");
            dockerfile(attack, &format!("COPY --parents {source} /taken/"));
            attack.build();
        }
        assert_not_taken(attack);
    });
}

#[test]
fn links_are_copied_as_links() {
    attack("a context of links: what they lead to is not read", USERS, |attack| {
        attack.link("all/absolute", attack.sentinel().join("secret"));
        attack.link("all/up", "../../sentinel");
        attack.link("all/root", "/");
        attack.link("all/process", "/proc/self/fd/1");
        attack.link("all/loop", "loop");
        attack.link("all/one", "two");
        attack.link("all/two", "one");
        attack.link("all/deep/self", "..");
        dockerfile(attack, "COPY all /all/\nCOPY --parents all /parents/\nADD all /added/");
        attack.build().succeeded();
        assert_not_taken(attack);
    });
}

#[test]
fn a_destination_goes_through_links_of_the_image() {
    attack("COPY into a link of an earlier layer (CVE-2024-23652, CVE-2018-15664)", USERS, |attack| {
        attack.link("first/out", attack.sentinel());
        attack.link("first/up", "/../../../../../../..");
        attack.link("first/process", "/proc/self/root");
        attack.write("f", "copied\n");
        let sentinel = attack.sentinel().display().to_string();
        dockerfile(
            attack,
            &format!(
                "COPY first /\nCOPY f /out/secret\nCOPY f /up{sentinel}/secret\nCOPY f /process{sentinel}/secret\nWORKDIR /out/made\n\
                 WORKDIR /up{sentinel}/made"
            ),
        );
        attack.build().succeeded();
        assert_not_taken(attack);
    });
}

#[test]
fn a_stage_is_full_of_links() {
    attack("COPY --from a stage whose links lead out (CVE-2024-23651's neighbours)", USERS, |attack| {
        attack.link("first/secret", format!("/..{}/secret", attack.sentinel().display()));
        attack.link("first/way", format!("/../../..{}", attack.sentinel().display()));
        for source in ["/secret", "/way/secret", "/way/*", "/way"] {
            attack.write(
                "Dockerfile",
                &format!("FROM scratch AS one\nCOPY first /\nFROM scratch\nCOPY --from=one {source} /taken/\n"),
            );
            attack.build().refused("symbolic link");
        }
        assert_not_taken(attack);
    });
}

#[test]
fn pipes_sockets_and_devices_lie_in_the_context() {
    attack("a pipe in the context is waited for", USERS, |attack| {
        mkfifo(&attack.path("pipe"), Mode::from_bits_truncate(0o644)).unwrap();
        let _socket = UnixListener::bind(attack.path("socket")).unwrap();
        dockerfile(
            attack,
            "COPY pipe /one\nCOPY socket /two\nCOPY . /all/\nADD pipe /three\nADD socket /four\nADD . /added/",
        );
        attack.build().succeeded();
        assert_not_taken(attack);
    });
    attack("a device in the context is read", ROOT, |attack| {
        for (name, kind, major, minor) in
            [("zero", SFlag::S_IFCHR, 1, 5), ("null", SFlag::S_IFCHR, 1, 3), ("disk", SFlag::S_IFBLK, 7, 200)]
        {
            mknod(&attack.path(name), kind, Mode::from_bits_truncate(0o666), makedev(major, minor)).unwrap();
        }
        dockerfile(attack, "COPY zero null disk /devices/\nADD zero /added\nCOPY . /all/");
        attack.build().succeeded();
        assert_not_taken(attack);
    });
}

#[test]
fn a_file_of_the_context_is_a_giant() {
    attack("a sparse file as large as a file can be", USERS, |attack| {
        dockerfile(attack, "COPY small /\nCOPY big /big");
        attack.write("small", "x\n");
        attack.write("big", "x\n");
        fs::File::create(attack.path("beside")).unwrap().set_len(1 << 43).unwrap();
        // Nobody copies it, so nobody reads it.
        attack.build().succeeded();
    });
}

#[test]
fn the_context_is_deep_and_wide() {
    attack("folders in folders, and names as long as can be", USERS, |attack| {
        let mut folder = String::from("deep");
        while folder.len() < 1_800 {
            folder.push_str("/d");
        }
        attack.write(&format!("{folder}/f"), "x\n");
        attack.write(&format!("long/{}", "n".repeat(255)), "x\n");
        attack.link("long/target", "t".repeat(4_000));
        dockerfile(attack, "COPY . /all/\nCOPY --parents **/f /parents/");
        let outcome = attack.build();
        assert!(outcome.status.code().is_some_and(|code| code < 2), "{}", outcome.text);
    });
}

#[test]
fn owners_and_modes_are_out_of_range() {
    attack("an owner of -1 leaves the owner as it is, and a set-id bit with it", USERS, |attack| {
        attack.write("f", "x\n");
        for owner in ["-1", "-1:-1", "0:-1", "4294967295", "4294967296", "2147483648", "99999999999999999999999"] {
            dockerfile(attack, &format!("COPY --chown={owner} f /"));
            attack.build().refused("is not a user or group id");
        }
        for mode in ["17777", "-1", "99999999999999999999", "0x1ff", "u+q", "u+s,", "٧"] {
            dockerfile(attack, &format!("COPY --chmod={mode} f /"));
            attack.build().refused("invalid chmod parameter");
        }
        let passwd = "root:x:0:0::/:/bin/sh\nbig:x:4294967295:0::/:/bin/sh\n";
        attack.write("passwd", passwd);
        dockerfile(attack, "COPY passwd /etc/\nCOPY --chown=big f /");
        attack.build().refused("is not a user or group id (/etc/passwd)");
    });
}

#[test]
fn the_accounts_of_an_image_are_not_a_file() {
    attack("/etc/passwd is a link out, a loop, a pipe or endless", USERS, |attack| {
        attack.write("f", "x\n");
        attack.link("link/etc/passwd", attack.sentinel().join("secret"));
        attack.link("loop/etc/passwd", "passwd");
        attack.link("up/etc", "/../../../../etc");
        fs::create_dir_all(attack.path("pipe/etc")).unwrap();
        mkfifo(&attack.path("pipe/etc/passwd"), Mode::from_bits_truncate(0o644)).unwrap();
        for folder in ["link", "loop", "up", "pipe"] {
            dockerfile(attack, &format!("COPY {folder} /\nCOPY --chown=somebody f /owned"));
            attack.build().succeeded().says("the image has no user `somebody`");
        }
    });
}

#[test]
fn destinations_play_tricks() {
    attack("a destination that is no plain path", USERS, |attack| {
        attack.write("f", "x\n");
        for destination in [
            "/../../sentinel/secret",
            "../../sentinel/secret",
            "//..//..//x",
            "/./.././x/",
            "/dev/null",
            "/proc/self/mem",
            "~/x",
            "-rf",
        ] {
            dockerfile(attack, &format!("COPY f {destination}"));
            attack.build().succeeded();
        }
        for destination in ["/", ".", "..", "/..", ""] {
            dockerfile(attack, &format!("COPY [\"f\", \"{destination}\"]"));
            attack.build();
        }
        assert_not_taken(attack);
    });
}

#[test]
fn the_context_cannot_be_read() {
    attack("folders and files without rights", USERS, |attack| {
        attack.write("closed/f", "x\n");
        attack.write("d/closed", "x\n");
        dockerfile(attack, "COPY d /d/");
        attack.run("build -q .");
        for (name, mode) in [("closed", 0o000), ("d/closed", 0o000)] {
            fs::set_permissions(attack.path(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        let outcome = attack.run("build --no-cache -q .");
        if !outcome.status.success() {
            outcome.says("EACCES").says("hint: ");
        }
        for name in ["closed", "d/closed"] {
            fs::set_permissions(attack.path(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
    });
}
