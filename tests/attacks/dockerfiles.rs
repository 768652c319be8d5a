//! Dockerfiles that ask for more than there is, that are not files, or that have odd texts in every place of a name.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::harness::{Attack, ROOT, USERS, attack};

/// Builds one text after the other: each is refused, with these words and at a place of the Dockerfile.
fn refused(attack: &mut Attack, cases: &[(String, &str)]) {
    for (text, why) in cases {
        attack.write("Dockerfile", text);
        attack.build().refused(why);
    }
}

#[test]
fn variables_double_each_other() {
    attack("billion laughs (CVE-2003-1564) with ENV, ARG, LABEL and global ARGs", USERS, |attack| {
        for keyword in ["ENV", "ARG", "LABEL"] {
            let set = if keyword == "LABEL" { "ENV" } else { keyword };
            let mut text = format!("FROM scratch\n{set} A0=xxxxxxxx\n");
            for number in 1..40 {
                let before = number - 1;
                writeln!(text, "{set} A{number}=$A{before}$A{before}").unwrap();
            }
            attack.write("Dockerfile", &text);
            attack.build().refused("hold more than 131072 bytes").says("LAYERLAB_MAX_EXPANSION").says("Dockerfile:");
        }
        let mut text = "ARG A0=xxxxxxxx\n".to_owned();
        (1..40).for_each(|number| writeln!(text, "ARG A{number}=$A{0}$A{0}", number - 1).unwrap());
        attack.write("Dockerfile", &(text + "FROM scratch\n"));
        attack.build().refused("hold more than 131072 bytes");
        attack.run("plan .").refused("hold more than 131072 bytes");
    });
}

#[test]
fn one_line_multiplies() {
    attack("a short line with many uses of a long variable", USERS, |attack| {
        let long = "x".repeat(60_000);
        let cases = [
            (format!("FROM scratch\nENV A={long}\nLABEL B={}\n", "$A".repeat(10_000)), "hold more than"),
            (format!("FROM scratch\nENV A={long}\nENV B=${{A//x/$A}}\n"), "hold more than"),
            (
                format!("FROM scratch\nENV A={long}\nENV B=${{A//{}/y}}\n", "x*".repeat(20_000)),
                "too long to be matched",
            ),
            (format!("FROM scratch\nENV A={long}\nWORKDIR /$A$A$A\n"), "hold more than"),
            (format!("FROM scratch\nENV A={long}\nUSER ${{B:-$A$A$A}}\n"), "hold more than"),
            (format!("FROM scratch\nENV A={long}\n{}", "LABEL B=$A$A\n".repeat(200)), "need more than 16777216 bytes"),
            (format!("FROM scratch\nENV A={long}\nCOPY <<E /\n{}E\n", "$A\n".repeat(5_000)), "hold more than"),
        ];
        refused(attack, &cases);
    });
}

#[test]
fn nesting_is_bounded() {
    attack("deep nesting exhausts the stack (the idea of CVE-2022-24675)", USERS, |attack| {
        let cases = [
            (
                format!("FROM scratch\nENV A={}x{}\n", "${b:-".repeat(5_000), "}".repeat(5_000)),
                "nested more than 32 deep",
            ),
            (format!("FROM scratch\n{}RUN x\n", "ONBUILD ".repeat(5_000)), "ONBUILD is nested too deep"),
            (format!("FROM {}x\n", "${b:-".repeat(5_000)), "nested more than 32 deep"),
        ];
        refused(attack, &cases);
        attack.write("Dockerfile", &format!("FROM scratch\nCMD {}\n", "[".repeat(60_000)));
        attack.build().succeeded();
    });
}

#[test]
fn everything_is_too_long() {
    attack("a file without an end in one of its dimensions", USERS, |attack| {
        let line = "x".repeat(65_536);
        let cases = [
            (format!("FROM scratch\nRUN {line}\n"), "longer than 65535 bytes"),
            (format!("FROM scratch\nLABEL a=b \\\n{line}\n"), "longer than 65535 bytes"),
            (format!("FROM scratch\nCOPY <<E /\n{line}\nE\n"), "longer than 65535 bytes"),
            (format!("# {line}\nFROM scratch\n"), "longer than 65535 bytes"),
            (format!("FROM scratch\nCOPY <<E /\n{}E\n", "line\n".repeat(2_000_000)), "the heredoc `E` is longer than"),
            ("FROM scratch\n".repeat(10_001), "more than 10000 stages"),
            (format!("FROM scratch\n{}", "CMD x\n".repeat(100_001)), "more than 100000 instructions"),
            (format!("FROM scratch\n#{}", "\n#".repeat(9_000_000)), "has more than 16777216 bytes"),
        ];
        refused(attack, &cases);
        for text in ["X\n".repeat(50_000), "FROM\n".repeat(5_000), "FROM scratch AS 1\n".repeat(5_000)] {
            attack.write("Dockerfile", &text);
            attack.build().refused("more errors are not shown");
        }
    });
}

#[test]
fn many_stages_need_each_other() {
    attack("a chain of stages takes time with its square", USERS, |attack| {
        let mut text = "FROM scratch AS s0\n".to_owned();
        (1..2_000).for_each(|number| writeln!(text, "FROM s{} AS s{number}", number - 1).unwrap());
        attack.write("Dockerfile", &text);
        attack.run("plan .").succeeded();
        attack.write("Dockerfile", "FROM a AS b\nFROM b AS a\nCOPY --from=a / /\n");
        attack.build().refused("copies from itself");
    });
}

#[test]
fn the_dockerfile_is_no_file() {
    attack("a pipe, a device, a folder or a socket in the place of a text", USERS, |attack| {
        for name in ["Dockerfile", ".dockerignore"] {
            let path = attack.path(name);
            attack.write("Dockerfile", "FROM scratch\nCOPY . /\n");
            let _ = std::fs::remove_file(&path);
            mkfifo(&path, Mode::from_bits_truncate(0o644)).unwrap();
            attack.build().refused("is a named pipe");
            attack.run("plan .").refused("is a named pipe");
            std::fs::remove_file(&path).unwrap();
            std::fs::create_dir(&path).unwrap();
            attack.build().refused("is a directory");
            std::fs::remove_dir(&path).unwrap();
            let socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
            attack.build().refused("is a socket");
            drop(socket);
            std::fs::remove_file(&path).unwrap();
        }
        for device in ["/dev/zero", "/dev/urandom", "/dev/full"] {
            attack.run(&format!("build -f {device} .")).refused("is a character device");
            attack.run(&format!("parse {device}")).refused("is a character device");
        }
    });
}

#[test]
fn the_dockerfile_leads_out_of_the_context() {
    attack(
        "a link reads a file of the machine, and a message shows a line of it (CVE-2024-23651's kind)",
        USERS,
        |attack| {
            let secret = attack.sentinel().join("secret");
            for target in
                [secret.clone(), "../sentinel/secret".into(), "/proc/self/environ".into(), "/etc/passwd".into()]
            {
                let _ = std::fs::remove_file(attack.path("Dockerfile"));
                symlink(&target, attack.path("Dockerfile")).unwrap();
                for command in ["build .", "plan .", "build -f Dockerfile .", "build -f ./Dockerfile ."] {
                    let outcome = attack.run(command);
                    outcome.refused("leads out of the build context");
                    assert!(!outcome.text.contains("own text") && !outcome.text.contains("root:"), "{}", outcome.text);
                }
            }
            std::fs::remove_file(attack.path("Dockerfile")).unwrap();
            attack.link("folder", attack.sentinel());
            attack.run("build -f folder/secret .").refused("leads out of the build context");
            attack.link("loop", "loop");
            attack.run("build -f loop .").refused("ELOOP");
            // A link to another file of the context is fine, and so is a file elsewhere that the user names.
            attack.write("docker/real", "FROM scratch\n");
            attack.link("Dockerfile", "docker/real");
            attack.build().succeeded();
            let named = secret.display().to_string();
            attack.run(&format!("build -f {named} .")).refused("unknown instruction");
        },
    );
}

#[test]
fn a_dockerfile_is_no_text() {
    attack("bytes that are no text, or text that is another encoding", USERS, |attack| {
        for (bytes, why) in [
            (&b"FROM scratch\nLABEL a=\xff\n"[..], "not valid UTF-8"),
            (b"FROM scratch\nLABEL a=b\0c\n", "NUL byte"),
            (b"\xff\xfeF\0R\0O\0M\0", "UTF-16"),
            (b"F\0R\0O\0M\0 \0a\0\n\0", "UTF-16"),
            (b"\x7fELF\x02\x01\x01", "unknown instruction"),
            (b"", "no instructions"),
            (b"\xef\xbb\xbf", "no instructions"),
        ] {
            std::fs::write(attack.path("Dockerfile"), bytes).unwrap();
            attack.build().refused(why);
            attack.run("parse --json Dockerfile").refused("\"severity\": \"error\"");
        }
    });
}

/// Texts that are a path, a program's input or an escape where a name is expected.
const NAMES: &[&str] = &[
    "../../../etc/passwd",
    "/etc/passwd",
    "~/.ssh/id_rsa",
    "$HOME",
    "a\u{1b}]0;title\u{7}b",
    "\u{202e}x",
    "-rf",
    "..",
    "a/../../b",
];

#[test]
fn names_are_paths_in_every_place() {
    attack("a name out of a Dockerfile is a path of the machine", USERS, |attack| {
        for name in NAMES {
            for text in [
                format!("FROM scratch AS {name}\n"),
                format!("FROM scratch AS a\nFROM scratch\nCOPY --from={name} / /\n"),
                format!("FROM {name}\n"),
                format!("FROM scratch\nCOPY <<{name} /x/\nt\n{name}\n"),
                format!("FROM scratch\nARG {name}=x\n"),
                format!("FROM scratch\nLABEL {name}=x\n"),
                format!("# syntax={name}\nFROM scratch\n"),
                format!("FROM --platform={name} scratch\n"),
                format!("{name} x\n"),
            ] {
                attack.write("Dockerfile", &text);
                let outcome = attack.build();
                assert!(!outcome.text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{name:?}: {:?}", outcome.text);
            }
            let mut command = attack.place.command("build .");
            command.arg(format!("--target={name}"));
            attack.write("Dockerfile", "FROM scratch AS a\n");
            attack.run_command(command).refused("could not be found");
        }
        attack.place.assert_whole();
    });
}

#[test]
fn a_platform_is_a_lie() {
    attack("programs of another machine are run, or a platform that does not exist", ROOT, |attack| {
        let foreign = if cfg!(target_arch = "x86_64") { "linux/arm64" } else { "linux/amd64" };
        let cases = [
            (format!("FROM --platform={foreign} layerlab/base\nRUN true\n"), "RUN can't run programs for"),
            (format!("FROM --platform={foreign} layerlab/base\n"), "in the store is for"),
            ("FROM --platform=windows/amd64 layerlab/base\nRUN true\n".to_owned(), "RUN can't run programs for"),
            ("FROM --platform=linux/foo layerlab/base\n".to_owned(), "there is no `foo`"),
            ("FROM --platform=linux/ layerlab/base\n".to_owned(), "is not a platform"),
        ];
        refused(attack, &cases);
        attack.write("Dockerfile", "FROM scratch\n");
        attack.run("build --platform linux/foo .").refused("there is no `foo`");
        attack.run(&format!("build --platform {foreign} .")).succeeded();
    });
}
