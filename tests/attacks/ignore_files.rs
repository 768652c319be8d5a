//! Ignore files that were made by somebody else: not files, links, giants, and patterns without end.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::contexts::{SECRET, dockerfile};
use crate::harness::{USERS, attack};

#[test]
fn the_ignore_file_is_not_a_file() {
    attack("the ignore file is a pipe, a device, a socket or a folder", USERS, |attack| {
        attack.write("f", "x\n");
        dockerfile(attack, "COPY f /");
        let ignore = attack.path(".dockerignore");
        mkfifo(&ignore, Mode::from_bits_truncate(0o644)).unwrap();
        attack.build().refused("is a named pipe, not a regular file");
        fs::remove_file(&ignore).unwrap();
        let socket = UnixListener::bind(&ignore).unwrap();
        attack.build().refused("is a socket, not a regular file");
        drop(socket);
        fs::remove_file(&ignore).unwrap();
        fs::create_dir(&ignore).unwrap();
        attack.build().refused("is a directory, not a regular file");
        fs::remove_dir(&ignore).unwrap();
        for device in ["/dev/zero", "/dev/tty", "/proc/kmsg"] {
            symlink(device, &ignore).unwrap();
            attack.build().refused("outside the build context");
            fs::remove_file(&ignore).unwrap();
        }
        mkfifo(&attack.path("Dockerfile.dockerignore"), Mode::from_bits_truncate(0o644)).unwrap();
        attack.build().refused("is a named pipe, not a regular file");
    });
}

#[test]
fn the_ignore_file_is_a_link_out_of_the_context() {
    attack("a line of a foreign file is shown as a bad pattern", USERS, |attack| {
        fs::write(attack.sentinel().join("patterns"), format!("[{SECRET}\n")).unwrap();
        attack.write("f", "x\n");
        dockerfile(attack, "COPY f /");
        for (name, target) in [
            (".dockerignore", attack.sentinel().join("patterns")),
            ("Dockerfile.dockerignore", "../sentinel/patterns".into()),
        ] {
            attack.link(name, target);
            let outcome = attack.build();
            outcome.refused("outside the build context");
            assert!(!outcome.text.contains(SECRET), "{}", outcome.text);
            fs::remove_file(attack.path(name)).unwrap();
        }
        // One that stays inside is followed.
        attack.write("config/ignore", "f\n");
        attack.link(".dockerignore", "config/ignore");
        attack.build().refused("leaves `f` out");
    });
}

#[test]
fn the_ignore_file_is_a_giant() {
    attack("an ignore file without an end fills the memory", USERS, |attack| {
        attack.write("f", "x\n");
        dockerfile(attack, "COPY f /");
        fs::File::create(attack.path(".dockerignore")).unwrap().set_len(1 << 42).unwrap();
        attack.build().refused("has more than").says("LAYERLAB_MAX_IGNORE_FILE");
        fs::write(attack.path(".dockerignore"), "a".repeat(1 << 20)).unwrap();
        attack.build().succeeded();
        fs::write(attack.path(".dockerignore"), "*a".repeat(1 << 19)).unwrap();
        attack.build().succeeded();
    });
}

#[test]
fn the_ignore_file_has_patterns_that_multiply() {
    attack("a pattern that a matcher tries in every way (ReDoS)", USERS, |attack| {
        let name = "a".repeat(200);
        for folder in 0..5 {
            attack.write(&format!("d{folder}/{name}"), "x\n");
        }
        dockerfile(attack, "COPY . /all/");
        let patterns = [
            "**/a*".repeat(200),
            "*a".repeat(5_000),
            "[a-z]*?".repeat(2_000),
            "**/".repeat(10_000) + "b",
            "(a+)+$".into(),
        ];
        attack.write(".dockerignore", &patterns.join("\n"));
        attack.build().succeeded();
        let exclude = format!("COPY --exclude={} --exclude={} . /all/", "*a".repeat(2_000), "**/a*".repeat(500));
        dockerfile(attack, &exclude);
        attack.build().succeeded();
        dockerfile(attack, &format!("COPY d0/{}b* /all/", "*a".repeat(2_000)));
        attack.build().refused("nothing in the build context matches");
    });
}

#[test]
fn the_ignore_file_has_very_many_patterns() {
    attack("a hundred thousand patterns for each path", USERS, |attack| {
        for file in 0..50 {
            attack.write(&format!("d/{file}"), "x\n");
        }
        dockerfile(attack, "COPY . /all/");
        let patterns: String = (0..100_000)
            .map(|number| if number % 2 == 0 { format!("q{number}\n") } else { format!("!*z{number}\n") })
            .collect();
        fs::write(attack.path(".dockerignore"), &patterns[..patterns.len().min(1 << 20)]).unwrap();
        attack.build().succeeded();
    });
}
