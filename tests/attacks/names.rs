//! Names that stand in a Dockerfile and look like paths of the machine.

use crate::harness::{USERS, attack};

#[test]
fn a_folder_name_climbs_out_of_the_image() {
    attack("a destination of `..` pieces stays in the image (Zip Slip)", USERS, |attack| {
        attack.write("f", "text\n");
        attack.write("Dockerfile", "FROM scratch\nCOPY f /../../../../../../tmp/../sentinel/f\n");
        attack.build().succeeded();
        attack.place.assert_whole();
    });
}

/// A RUN whose heredoc is a script of this name.
fn script(name: &str) -> String {
    format!("FROM layerlab/base\nRUN <<{name}\n#!/bin/sh\necho the script ran\n{name}\n")
}

/// The idea: BuildKit makes a file of this name, so a name that is a path makes a file there. `{sentinel}` stands for the sentinel's folder.
const PATHS: &[&str] = &[
    "{sentinel}/pwned",
    "{sentinel}/script",
    "/{sentinel}/secret",
    "../../../../../../../../{sentinel}/pwned",
    "../../../sentinel/script",
    "../pwned",
    "../../pwned",
    "../upper/pwned",
    "../lock",
    "a/b",
    "a/../../b",
    "..",
    ".",
    "/",
    "//",
    "~/.bashrc",
    "$HOME/.bashrc",
    "/proc/self/cwd/pwned",
    "/dev/stdout",
    "/etc/passwd",
    "../shm/x",
    "../null",
];

#[test]
fn a_heredoc_is_called_like_a_path_of_the_machine() {
    attack("the name of a heredoc is a path", USERS, |attack| {
        let sentinel = attack.sentinel().display().to_string();
        for name in PATHS {
            let name = name.replace("{sentinel}", &sentinel);
            attack.write("Dockerfile", &script(&name));
            attack.build().refused("a script can't be called").says("Dockerfile:2:1");
        }
        attack.place.assert_whole();
    });
}

#[test]
fn a_heredoc_has_an_odd_name() {
    attack("the name of a heredoc is odd, but one name", USERS, |attack| {
        for name in
            ["~", "a-b", "+", "...", ".hidden", "./EOF", "/EOF", "größe", "a:b", "a,b", "a=b", "*", "%s", "\u{202e}x"]
        {
            attack.write("Dockerfile", &script(name));
            attack.run("build --no-cache -t attack .").succeeded().says("the script ran");
        }
        for name in ["a\u{1b}[31mb", "a\u{7}b"] {
            attack.write("Dockerfile", &script(name));
            attack.build().succeeded();
        }
        attack.place.assert_whole();
    });
}

#[test]
fn a_heredoc_has_a_name_that_no_file_can_have() {
    attack("the name of a heredoc is too long or has a NUL byte", USERS, |attack| {
        for name in ["x".repeat(256), "x".repeat(5000), "é".repeat(200)] {
            attack.write("Dockerfile", &script(&name));
            attack.build().refused("a script can't be called");
        }
        attack.write("Dockerfile", &script("a\0b"));
        attack.build().refused("NUL byte");
        attack.write("Dockerfile", &script(&"x".repeat(255)));
        attack.build().succeeded();
    });
}

#[test]
fn a_heredoc_of_copy_climbs() {
    attack("the name of a copied heredoc is a path", USERS, |attack| {
        let sentinel = attack.sentinel().display().to_string();
        for name in
            [format!("{sentinel}/pwned"), "../../../../sentinel/pwned".to_owned(), "..".to_owned(), "a/b".to_owned()]
        {
            attack.write("Dockerfile", &format!("FROM scratch\nCOPY <<{name} /\ntext\n{name}\n"));
            attack.build();
            attack.place.assert_whole();
        }
    });
}

#[test]
fn a_volume_is_called_like_a_path() {
    attack("the name of a volume climbs out of the folder of volumes", USERS, |attack| {
        for name in ["a/../../x", "..", "~", "-x", "_x", "a b", "a\u{1b}b", "ä", ""] {
            let mut command = attack.place.command("run");
            command.args(["-v", &format!("{name}:/data"), "layerlab/base", "true"]);
            let outcome = attack.run_command(command);
            assert!(!outcome.status.success() || !name.contains('/'), "{name}: {}", outcome.text);
        }
        let names = std::fs::read_dir(attack.place.home().join("volumes")).unwrap();
        assert_eq!(names.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>(), Vec::<std::ffi::OsString>::new());
    });
}
