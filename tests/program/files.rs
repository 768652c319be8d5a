//! The files of containers: copied in and out, compared with the image, made into images, exported.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Place, Role, filter};
use crate::yard::{PATIENCE, Yard, roles};

/// A yard with a container `box`, and some files.
fn with_box(role: Role) -> Yard {
    let yard = Yard::new(role);
    for (name, text) in [("file", "one\n"), ("folder/below/deep", "two\n"), ("folder/other", "three\n")] {
        fs::create_dir_all(yard.0.path(name).parent().unwrap()).unwrap();
        yard.0.write(name, text);
    }
    symlink("other", yard.0.path("folder/link")).unwrap();
    yard.0.give(&yard.0.path(""));
    let made = yard.0.run("run -d --name box layerlab/base sleep 1000");
    assert_eq!(made.trim().len(), 64, "{made}");
    yard
}

fn sh(place: &Place, script: &str) -> String {
    let output = place.command("exec box sh -c").arg(script).output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// What a command prints on standard error, and whether it succeeded.
fn said(place: &Place, arguments: &str) -> (bool, String) {
    let output = place.output(arguments);
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn files_are_copied_in_by_dockers_rules() {
    for role in roles() {
        let yard = with_box(role);
        for stopped in [false, true] {
            if stopped {
                yard.0.run("stop -t 0 box");
            }
            for (arguments, message) in [
                ("file box:/tmp", "Successfully copied 4 B to box:/tmp"),
                ("file box:/tmp/new", "Successfully copied 4 B"),
                ("-q folder box:/made", ""),
                ("-q folder box:/tmp", ""),
                ("-q folder/. box:/tmp", ""),
                ("-q file box:etc/hosts", ""),
            ] {
                let (is_fine, text) = said(&yard.0, &format!("cp {arguments}"));
                assert!(is_fine && text.contains(message), "{arguments}: {text}");
            }
            for (arguments, message) in [
                ("file box:/missing/", "there is no such folder"),
                ("file box:/missing/file", "ENOENT"),
                ("folder box:/tmp/file", "a folder can't replace a file"),
                ("file box:/tmp/file/", "ENOTDIR"),
                ("missing box:/tmp", "ENOENT"),
                ("file other:/tmp", "no such container: other"),
                ("file folder", "neither side is a container"),
                ("box:/a box:/b", "copying between containers is not supported"),
            ] {
                let (is_fine, text) = said(&yard.0, &format!("cp {arguments}"));
                assert!(!is_fine && text.contains(message), "{arguments}: {text}");
            }
            if stopped {
                yard.0.run("start box");
            }
            let found =
                sh(&yard.0, "cd /tmp; find . /made | sort; cat file new below/deep /made/link; stat -c '%u %g' file");
            let expected = ".\n./below\n./below/deep\n./file\n./folder\n./folder/below\n./folder/below/deep\n./folder/link\n\
                            ./folder/other\n./link\n./new\n./other\n/made\n/made/below\n/made/below/deep\n/made/link\n/made/other\n\
                            one\none\ntwo\nthree\n0 0\n";
            assert_eq!(found, expected);
            sh(&yard.0, "rm -rf /tmp/* /made");
        }
        yard.0.run("rm -f box");
        assert_eq!(yard.processes(), [] as [i32; 0]);
        assert_eq!(fs::read_dir(yard.0.home().join("containers")).unwrap().count(), 0);
    }
}

#[test]
fn files_are_copied_out_by_dockers_rules() {
    for role in roles() {
        let yard = with_box(role);
        sh(&yard.0, "mkdir -p /d/e; echo x > /d/x; echo y > /d/e/y; ln -s x /d/link; chmod 4750 /d/x; mkfifo /d/pipe");
        for stopped in [false, true] {
            if stopped {
                yard.0.run("stop -t 0 box");
            }
            let read = |name: &str| fs::read_to_string(yard.0.path(name)).unwrap();
            for arguments in [
                "box:/d/x .",
                "box:d/x named",
                "box:/d made",
                "box:/d folder",
                "box:/d/. folder",
                "-L box:/d/link followed",
                "box:/d/link linked",
            ] {
                let (is_fine, text) = said(&yard.0, &format!("cp {arguments}"));
                assert!(is_fine, "{arguments}: {text}");
            }
            for name in ["x", "named", "made/x", "folder/d/x", "folder/x", "followed"] {
                assert_eq!(read(name), "x\n", "{name}");
            }
            assert_eq!(read("made/e/y"), "y\n");
            assert_eq!(fs::read_link(yard.0.path("linked")).unwrap().to_str(), Some("x"));
            let found = fs::metadata(yard.0.path("x")).unwrap();
            assert_eq!(found.permissions().mode() & 0o7777, 0o750, "no foreign program gets our rights");
            assert_eq!(found.uid(), fs::metadata(yard.0.path("named")).unwrap().uid());
            assert_eq!(found.uid() == 0, role == Role::Self_ && nix::unistd::geteuid().is_root());
            let (is_fine, text) = said(&yard.0, "cp box:/missing .");
            assert!(!is_fine && text.contains("can't find `box:/missing`"), "{text}");
            for name in ["x", "named", "made", "followed", "linked"] {
                let path = yard.0.path(name);
                fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path)).unwrap();
            }
        }
        let program = yard.0.program().display().to_string();
        let line = format!(
            "{program} cp box:/d - | tar t; tar c file | {program} cp - box:/srv; {program} cp box:/srv/file - | tar xO"
        );
        let output = yard.0.shell(&line).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "d/\nd/e/\nd/e/y\nd/link\nd/pipe\nd/x\none\n");
    }
}

#[test]
fn owners_are_kept_where_that_is_asked_for() {
    for role in [Role::Self_, Role::Mapped] {
        if !roles().contains(&role) {
            continue;
        }
        let yard = with_box(role);
        sh(&yard.0, "echo x > /x; chown 33:34 /x; chmod 4755 /x");
        let program = yard.0.program().display().to_string();
        let line = format!("{program} cp -a box:/x - | {program} cp -a - box:/srv");
        yard.0.shell(&line).output().unwrap();
        assert_eq!(sh(&yard.0, "stat -c '%u %g %a' /srv/x"), "33 34 4755\n");
        yard.0.shell(&format!("{program} cp box:/x - | {program} cp - box:/tmp")).output().unwrap();
        assert_eq!(sh(&yard.0, "stat -c '%u %g %a' /tmp/x"), "0 0 4755\n");
    }
}

#[test]
fn what_a_container_changed_is_listed() {
    for role in roles() {
        let yard = with_box(role);
        sh(
            &yard.0,
            "mkdir -p /a/b; echo x > /a/b/c; rm /etc/group; echo y >> /etc/passwd; touch /srv/x; rm /srv/x; ln -s a /link",
        );
        let running = yard.0.run("diff box");
        assert_eq!(running, "A /a\nA /a/b\nA /a/b/c\nC /etc\nD /etc/group\nC /etc/passwd\nA /link\nC /srv\n");
        assert!(yard.0.run("ps").contains("Up "), "it goes on");
        yard.0.run("stop -t 0 box");
        assert_eq!(yard.0.run("diff box"), running);
        yard.0.run("create --name fresh layerlab/base true");
        assert_eq!(yard.0.run("diff fresh"), "");
    }
}

#[test]
fn a_container_becomes_an_image() {
    for role in roles() {
        let yard = with_box(role);
        sh(&yard.0, "echo kept > /kept; rm /etc/group; mkdir /own; chown 0:0 /own");
        let mut commit = yard.0.command("commit -a me -m words -c");
        let output =
            commit.args(["CMD [\"cat\", \"/kept\"]", "-c", "ENV MORE=1", "box", "new/image"]).output().unwrap();
        let id = String::from_utf8(output.stdout).unwrap();
        assert!(id.starts_with("sha256:") && id.trim().len() == 71, "{id}");
        assert_eq!(yard.0.run("run --rm new/image"), "kept\n");
        assert!(yard.0.run("run --rm new/image env").contains("\nMORE=1\n"));
        let history = yard.0.run("history new/image");
        assert!(history.contains("sleep 1000") && history.contains("words"), "{history}");
        yard.0.run("stop -t 0 box");
        yard.0.run("commit box");
        assert!(yard.0.run("images").contains("<none>"));
        let (is_fine, text) = said(&yard.0, "commit -c RUN box");
        assert!(!is_fine, "{text}");
        let mut run = yard.0.command("commit -c");
        let output = run.args(["COPY a b", "box"]).output().unwrap();
        assert!(String::from_utf8_lossy(&output.stderr).contains("`COPY` changes files"));
        // What was asked for when it was made is the image's from now on.
        yard.0.run("run --name other -e NAME=value -w /srv -u 0:0 layerlab/base pwd");
        yard.0.run("commit other second");
        assert_eq!(yard.0.run("run --rm second"), "/srv\n");
        let document: serde_json::Value = serde_json::from_str(&yard.0.run("inspect second")).unwrap();
        let env = document[0]["Config"]["Env"].to_string();
        assert!(env.contains("NAME=value") && !env.contains("HOSTNAME"), "{env}");
        yard.0.assert_whole();
    }
}

#[test]
fn an_archive_takes_the_place_of_no_device_and_no_link() {
    let place = Place::new("//- real\nbefore\n");
    let program = place.program().display().to_string();
    let line = format!(
        "ln -s real link; mkfifo pipe; {program} create --name box layerlab/base > /dev/null; {program} export -o link box; \
         cat pipe | wc -c > size & {program} export -o pipe box; wait; test -L link && test -p pipe && tar tf real > list && cat size list"
    );
    let done = place.shell(&line).output().unwrap();
    let text = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && text.contains("etc/passwd"), "{text}{}", String::from_utf8_lossy(&done.stderr));
    let size: u64 = text.lines().next().unwrap().trim().parse().unwrap();
    assert_eq!(size, std::fs::metadata(place.path("real")).unwrap().len());
    place.assert_whole();
}

#[test]
fn all_files_are_exported_and_come_back() {
    for role in roles() {
        let yard = with_box(role);
        sh(&yard.0, "echo kept > /kept; rm /etc/group; ln /kept /other; mkdir /etc/new");
        let program = yard.0.program().display().to_string();
        for round in ["", "stop -t 0 box"] {
            yard.0.run(round);
            let line = format!(
                "{program} export box | {program} import -m words - again; {program} export -o files.tar box; tar tf files.tar"
            );
            let output = yard.0.shell(&line).output().unwrap();
            let listed = filter(&String::from_utf8_lossy(&output.stdout));
            assert!(listed.contains("\nkept\n") && listed.contains("\netc/new/\n"), "{listed}");
            assert!(!listed.contains("etc/group"), "{listed}");
            assert_eq!(yard.0.run("run --rm again cat /other"), "kept\n");
        }
        yard.0.assert_whole();
    }
}

/// An export that has begun, and waits for somebody to read on.
fn begin_export(yard: &Yard) -> Child {
    let mut export = yard.0.command("export box").stdout(Stdio::piped()).spawn().unwrap();
    export.stdout.as_mut().unwrap().read_exact(&mut [0; 512]).unwrap();
    export
}

fn finish(mut export: Child) {
    std::io::copy(export.stdout.as_mut().unwrap(), &mut std::io::sink()).unwrap();
    assert!(export.wait().unwrap().success());
}

/// Waits until process 1 of the box is stopped, or runs.
fn wait_until_stopped(yard: &Yard, wanted: bool) {
    let process = yard.process("box");
    let end = Instant::now() + PATIENCE;
    while is_stopped(process) != wanted {
        assert!(Instant::now() < end, "process 1 is to be stopped: {wanted}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// It stays stopped for long enough that a monitor which has seen somebody go would have let it go on.
fn assert_stays_stopped(yard: &Yard) {
    let process = yard.process("box");
    for _ in 0..20 {
        assert!(is_stopped(process));
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn is_stopped(process: i64) -> bool {
    let state = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    state.contains(") T ") || state.contains(") D ")
}

#[test]
fn a_container_is_stopped_until_all_have_read_its_files() {
    for role in roles() {
        let yard = with_box(role);
        let (one, other) = (begin_export(&yard), begin_export(&yard));
        finish(one);
        assert_stays_stopped(&yard);
        let (_, errors) = said(&yard.0, "unpause box");
        assert!(errors.contains("are being read"), "{errors}");
        assert!(said(&yard.0, "kill -s CONT box").0);
        assert_stays_stopped(&yard);
        finish(other);
        wait_until_stopped(&yard, false);
        // Who pauses it meanwhile wants it paused afterwards.
        let one = begin_export(&yard);
        assert_eq!(yard.0.run("pause box"), "box\n");
        finish(one);
        wait_until_stopped(&yard, true);
        assert_stays_stopped(&yard);
        assert!(said(&yard.0, "pause box").1.contains("is already paused"));
        assert_eq!(yard.0.run("unpause box"), "box\n");
        wait_until_stopped(&yard, false);
        assert!(said(&yard.0, "unpause box").1.contains("is not paused"));
        // Who lets it go on while its files are read finds that it does so afterwards.
        assert_eq!(yard.0.run("pause box"), "box\n");
        let one = begin_export(&yard);
        assert_eq!(yard.0.run("unpause box"), "box\n");
        assert_stays_stopped(&yard);
        finish(one);
        wait_until_stopped(&yard, false);
    }
}

/// Copies an archive into `/srv` of the box.
fn copy_archive(yard: &Yard, archive: &[u8]) -> (bool, String) {
    let mut copy = yard.0.command("cp - box:/srv").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may have seen enough.
    let _ = copy.stdin.take().unwrap().write_all(archive);
    let output = copy.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn folders_that_nobody_may_enter_are_copied_with_all_that_is_in_them() {
    for role in roles() {
        let yard = with_box(role);
        sh(&yard.0, "mkdir -p /d/closed/below /d/locked; echo x > /d/closed/below/x; echo y > /d/locked/y");
        sh(
            &yard.0,
            "touch -d '1969-07-20 20:17:40' /d/closed/below/x; chmod 555 /d/closed/below /d/closed; chmod 0 /d/locked",
        );
        assert!(said(&yard.0, "cp box:/d out").0);
        let mode = |name: &str| fs::metadata(yard.0.path(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode("out/closed/below"), mode("out/closed"), mode("out/locked")), (0o555, 0o555, 0));
        assert_eq!(fs::metadata(yard.0.path("out/closed/below/x")).unwrap().mtime(), -14_182_940);
        let line = format!("{} cp box:/d - | TZ=UTC tar tv | grep below/x", yard.0.program().display());
        let listed = String::from_utf8(yard.0.shell(&line).output().unwrap().stdout).unwrap();
        assert!(listed.contains("1969-07-20 20:17"), "{listed}");
    }
}

#[test]
fn a_copy_that_fails_destroys_nothing_and_says_what_is_there() {
    let yard = with_box(Role::Self_);
    sh(&yard.0, "echo kept > /srv/kept");
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    header.set_mode(0o644);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header.clone(), "first", std::io::empty()).unwrap();
    header.set_entry_type(tar::EntryType::Link);
    archive.append_link(&mut header.clone(), "kept", "nowhere/none").unwrap();
    let (is_copied, errors) = copy_archive(&yard, &archive.into_inner().unwrap());
    assert!(!is_copied && errors.contains("can't link to `box:/srv/nowhere/none`: No such file"), "{errors}");
    assert!(errors.contains("hint: what was copied until then is still there: 1 file at `box:/srv`"), "{errors}");
    assert_eq!(sh(&yard.0, "cat /srv/kept; ls /srv"), "kept\nfirst\nkept\n");
    // A link takes the place of a file, and of itself.
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_link(&mut header.clone(), "kept", "first").unwrap();
    archive.append_link(&mut header.clone(), "first", "first").unwrap();
    assert!(copy_archive(&yard, &archive.into_inner().unwrap()).0);
    assert_eq!(sh(&yard.0, "test /srv/kept -ef /srv/first && ls -A /srv"), "first\nkept\n");
    let (is_copied, errors) = said(&yard.0, "cp folder box:/proc/y");
    assert!(!is_copied && errors.contains("`box:/proc/y`: ") && !errors.contains("--home"), "{errors}");
}

#[test]
fn an_archive_for_a_container_is_read_within_bounds() {
    let yard = with_box(Role::Self_);
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_path("././@LongLink").unwrap();
    header.set_size(300 << 20);
    header.set_cksum();
    let copy = |archive: &[u8]| copy_archive(&yard, archive);
    let (is_copied, errors) = copy(&[header.as_bytes().as_slice(), &[b'a'; 2 << 20]].concat());
    assert!(!is_copied && errors.contains("the extension headers of an entry have more than 1 MiB"), "{errors}");
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    header.set_mode(0o644);
    archive.append_data(&mut header.clone(), "x".repeat(200), std::io::empty()).unwrap();
    let name = format!("{}/../../escaped", "y/".repeat(1000));
    let bytes = archive.into_inner().unwrap();
    assert!(copy(&bytes).0);
    let mut long = tar::Header::new_gnu();
    long.set_entry_type(tar::EntryType::GNULongName);
    long.set_path("././@LongLink").unwrap();
    long.set_size(name.len() as u64);
    long.set_cksum();
    let mut padded = name.into_bytes();
    padded.resize(padded.len().next_multiple_of(512), 0);
    header.set_cksum();
    let (is_copied, errors) = copy(&[long.as_bytes(), padded.as_slice(), header.as_bytes()].concat());
    assert!(!is_copied && errors.contains("it leads out of its folder") && errors.len() < 1000, "{errors}");
}

#[test]
fn who_copies_from_a_container_that_does_not_run_joins_no_network() {
    let yard = Yard::new(Role::Self_);
    yard.0.run("create --name box layerlab/base true");
    assert_eq!(yard.0.run("cp box:/etc/passwd passwd"), yard.0.run("cp box:/etc/passwd passwd"));
    assert!(yard.0.path("passwd").exists());
    assert!(!yard.0.home().join("networks/switch.sock").exists());
}
