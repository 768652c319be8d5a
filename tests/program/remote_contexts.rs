//! Build contexts that are no folder: repositories, archives from URLs and from pipes.

use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::{Place, Role, filter};
use crate::registry::{Fake, answer};
use crate::repository::Repositories;

/// Runs lines of the shell with the program as `$L`, each shown behind a `$`.
fn session(place: &Place, lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(&format!("$ {line}\n"));
        let mut shell = place.shell(&format!("({line}) 2>&1"));
        let done = shell.env("LAYERLAB_PULL", "missing").env("L", place.program()).output().unwrap();
        text.push_str(&String::from_utf8_lossy(&done.stdout));
        if let Some(code) = done.status.code().filter(|code| *code != 0) {
            text.push_str(&format!("[exit code {code}]\n"));
        }
    }
    filter(&text.replace(&place.folder().display().to_string(), "/place"))
}

const FILES: &str = "\
//- ctx/Dockerfile
FROM layerlab/base
COPY . /files/
RUN find /files | sort
//- ctx/other/Dockerfile
FROM layerlab/base
COPY kept /other
//- ctx/kept
kept
//- ctx/left/out
left out
//- ctx/left/in
left in
//- ctx/.dockerignore
left
!left/in
//- plain
FROM layerlab/base
RUN echo without a context
";

/// `tar` with the files in the same order each time.
const TAR: &str = "tar -C ctx --sort=name --owner=0 --group=0 --mtime=@1600000000 -cf -";

#[test]
fn an_archive_on_standard_input_is_the_context() {
    for role in [Role::Self_, Role::Single] {
        let place = Place::of(role, FILES);
        let text = session(
            &place,
            &[
                &format!("{TAR} . | $L build --progress plain -t demo - | grep -v '^Successfully'"),
                &format!("{TAR} . | gzip -n | $L build -q -"),
                &format!("{TAR} . | xz | $L build -q -"),
                &format!("{TAR} . | bzip2 | $L build -q -"),
                &format!("{TAR} . | zstd | $L build -q -"),
                &format!("{TAR} . | $L build -f other/Dockerfile -"),
                "$L build --progress plain - < plain | grep '^#2'",
                "$L build -q -f - ctx < ctx/other/Dockerfile",
                &format!("{TAR} kept | $L build -q -"),
                "$L build -q -f other/Dockerfile - < plain",
                &format!("{TAR} . | head -c 3000 | $L build -q -"),
                // Names stay in the archive.
                &format!("{TAR} -P --transform 's,^./kept,../../../../kept,' . | $L build --no-cache - | grep kept"),
                &format!("{TAR} --transform 'flags=s;s,kept,/etc/hostname,' . | $L build -q -f /etc/passwd -"),
            ],
        );
        insta::assert_snapshot!("an_archive_on_standard_input_is_the_context", text);
        place.assert_whole();
    }
}

#[test]
fn a_repository_is_the_context() {
    let server = Repositories::start();
    server.make("app.git");
    for (file, text) in [
        ("sub/Dockerfile", "FROM layerlab/base\nCOPY . /files/\nRUN find /files | sort\n"),
        ("sub/.dockerignore", "secret\n"),
        ("sub/secret", "secret\n"),
        ("sub/page", "page\n"),
        ("Dockerfile", "FROM layerlab/base\nCOPY sub/page /\n"),
    ] {
        server.write("app.git", file, text);
    }
    server.commit("app.git", "one");
    let place = Place::new("");
    let host = server.host();
    let mut text = session(
        &place,
        &[
            &format!("$L build -t demo http://{host}/app.git#main:sub"),
            &format!("$L build -q http://me:swordfish@{host}/app.git"),
        ],
    );
    let asked = server.asked().len();
    server.write("app.git", "sub/page", "a new page\n");
    server.commit("app.git", "two");
    text += &session(
        &place,
        &[
            &format!("LAYERLAB_PULL=never $L build -t demo http://{host}/app.git#main:sub"),
            &format!("$L build -t demo http://{host}/app.git#main:sub"),
            &format!("$L build -q http://{host}/app.git#gone"),
            &format!("$L build -q -f gone http://{host}/app.git"),
            &format!("$L build -q -f - http://{host}/app.git"),
            &format!("$L plan http://{host}/app.git"),
        ],
    );
    assert!(server.asked().len() > asked);
    insta::assert_snapshot!(text.replace(&host, "HOST"));
    assert!(!text.contains("swordfish@") || text.matches("swordfish").count() == 1, "{text}");
    place.assert_whole();
}

#[test]
fn a_file_of_a_server_is_the_context() {
    let place = Place::new(FILES);
    let tar = place.shell(&format!("{TAR} . | gzip -n")).output().unwrap().stdout;
    let server = Fake::start(move |asked| match asked.path.as_str() {
        "/ctx.tar.gz" => answer("200 OK", &[("ETag", "\"1\"")], &tar),
        "/Dockerfile" => answer("200 OK", &[], b"FROM layerlab/base\nRUN echo from a server\n"),
        _ => answer("404 Not Found", &[], b""),
    });
    let host = server.host();
    let text = session(
        &place,
        &[
            &format!("$L build -t demo http://{host}/ctx.tar.gz"),
            &format!("$L build -q -f other/Dockerfile http://{host}/ctx.tar.gz"),
            &format!("$L build http://{host}/Dockerfile"),
            &format!("$L build http://{host}/none"),
            "$L build http://169.254.169.254/x",
        ],
    );
    insta::assert_snapshot!(text.replace(&host, "HOST"));
    place.assert_whole();
}

/// Nothing comes, and nobody closes the pipe: one Ctrl-C ends the build.
#[test]
fn a_quiet_pipe_is_left_at_the_first_ctrl_c() {
    let place = Place::new(FILES);
    for arguments in ["build -f - ctx", "build -", "build -f /dev/stdin ctx"] {
        let mut command = place.command(arguments);
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        pipe.write_all(b"FROM scratch\n").unwrap();
        let begun = Instant::now();
        let is_caught = || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t")).unwrap_or("0").to_owned();
            u64::from_str_radix(&caught, 16).unwrap_or(0) & 2 != 0
        };
        while !is_caught() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{arguments}: it does not wait for Ctrl-C");
            std::thread::sleep(Duration::from_millis(10));
        }
        // Then it reads.
        std::thread::sleep(Duration::from_millis(300));
        let one = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
        nix::sys::signal::kill(one, nix::sys::signal::Signal::SIGINT).unwrap();
        let begun = Instant::now();
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if begun.elapsed() > Duration::from_secs(60) => {
                    child.kill().unwrap();
                    panic!("{arguments}: one Ctrl-C is not enough");
                }
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!((status.code(), said.as_str()), (Some(130), "interrupted\n"), "{arguments}");
        drop(pipe);
    }
}
