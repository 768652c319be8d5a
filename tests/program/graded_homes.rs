//! `lesson grade` in homes that a student has made: whatever lies there, a check lends it nothing of the grader's, and leaves nothing of its own.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::grading::{graded, lesson, student};
use crate::harness::{Place, missing};

/// Makes a container of the student's, and gives its folder.
fn create(place: &Place, options: &str, command: &str) -> std::path::PathBuf {
    let made = place.shell(&format!("{} create {options} layerlab/base {command}", place.program().display()));
    let made = { made }.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    place.home().join("containers").join(String::from_utf8(made.stdout).unwrap().trim())
}

/// Changes a file of a home, as somebody would who knows what is read in it.
fn forge(path: &Path, change: impl Fn(&str) -> String) {
    let text = std::fs::read_to_string(path).unwrap();
    let forged = change(&text);
    assert_ne!(text, forged, "nothing of {text} was changed");
    std::fs::write(path, forged).unwrap();
}

/// What students' containers may have is a list, and all else is refused.
#[test]
fn containers_of_students_have_no_more_than_others() {
    let place = student("//- student/note\nx\n");
    let refused = [
        "--cap-add sys_admin",
        "--privileged",
        "--security-opt seccomp=unconfined",
        "--security-opt systempaths=unconfined",
        "--device /dev/null:/dev/zwei",
        "--sysctl net.ipv4.ip_forward=1",
        "--oom-score-adj -500",
        "--ulimit nofile=2000000000",
        "--network host",
        "-v /:/machine",
    ];
    let allowed = [
        "--cap-drop all --read-only --tmpfs /tmp",
        "--security-opt no-new-privileges --ulimit nofile=64",
        "-v data:/data -e A=b --hostname box --user 1000",
        "--network none --init --oom-score-adj 500",
    ];
    for (number, options) in refused.iter().chain(&allowed).enumerate() {
        create(&place, &format!("--name c{number} {options}"), "echo ran");
    }
    let mut said = String::new();
    for (number, options) in refused.iter().chain(&allowed).enumerate() {
        let graded = graded(&place, &format!("$ docker start -a c{number}\nran\n"));
        let told = graded.lines().find(|line| line.contains("+error") || line.contains("1 of 1 point"));
        said += &format!("{options}\n    {}\n", told.unwrap_or(&graded).trim());
    }
    insta::assert_snapshot!(said);
}

/// Ids and names in a record become paths, and say which container is the student's.
#[test]
fn records_are_those_of_their_containers() {
    let place = student("//- student/note\nx\n//- secret/data/s\nthe solution\n");
    let web = create(&place, "--name web -v data:/d", "cat /d/s");
    let near = create(&place, "--name near --network container:web", "cat /etc/hosts");
    let record = web.join("container.json");
    let whole = std::fs::read_to_string(&record).unwrap();
    let id = web.file_name().unwrap().to_str().unwrap();
    let secret = place.path("secret").display().to_string();
    let mut said = String::new();
    for (from, to) in [
        (format!("\"id\":\"{id}\""), format!("\"id\":\"{}\"", "0".repeat(64))),
        ("\"name\":\"data\"".to_owned(), format!("\"name\":\"../../..{secret}\"")),
        ("\"name\":\"web\"".to_owned(), "\"name\":\"../index.json\"".to_owned()),
    ] {
        forge(&record, |text| text.replace(&from, &to));
        said += &graded(&place, &format!("$ docker start -a {id}\nno\n"));
        std::fs::write(&record, &whole).unwrap();
    }
    forge(&near.join("container.json"), |text| {
        text.replace(&format!("\"files_of\":\"{id}\""), &format!("\"files_of\":\"../../..{secret}\""))
    });
    said += &graded(&place, "$ docker start -a near\nno\n");
    // A name leads to a container, and to nothing else.
    let names = place.home().join("names");
    for file in ["pipe", "long", "out"] {
        std::fs::remove_file(names.join(file)).unwrap_or_default();
    }
    assert!(place.shell(&format!("mkfifo {}", names.join("pipe").display())).status().unwrap().success());
    std::fs::write(names.join("long"), "0".repeat(1 << 20)).unwrap();
    std::fs::write(names.join("out"), format!("../../..{secret}")).unwrap();
    for name in ["pipe", "long", "out"] {
        said += &graded(&place, &format!("$ docker start -a {name}\nno\n"));
    }
    assert!(!said.contains("the solution"), "{said}");
    let place = place.folder().display().to_string();
    insta::assert_snapshot!(said.replace(&place, "/place"));
}

/// Behind a link would be files of whoever grades.
#[test]
fn nobody_is_graded_in_a_home_with_links() {
    let place = student("//- student/note\nx\n//- secret/s\nthe solution\n");
    let web = create(&place, "--name web -v data:/d", "true");
    place.run("start -a web");
    let home = place.home();
    let unpacked = std::fs::read_dir(home.join("unpacked")).unwrap().flatten().map(|entry| entry.path());
    let unpacked = { unpacked }.find(|path| path.is_dir()).unwrap();
    let mut said = String::new();
    for at in [web.join("upper"), web.join("hosts"), web.clone(), unpacked, home.join("volumes/data/data")] {
        let aside = place.path("aside");
        let is_there = std::fs::rename(&at, &aside).is_ok();
        symlink(place.path("secret"), &at).unwrap();
        let graded = graded(&place, "$ cat note\nx\n");
        let name = at.file_name().unwrap().to_str().unwrap();
        said += &graded.replace(name, if name.len() == 64 { "ID" } else { name });
        std::fs::remove_file(&at).unwrap();
        if is_there {
            std::fs::rename(&aside, &at).unwrap();
        }
    }
    said += &graded(&place, "$ cat note\nx\n");
    insta::assert_snapshot!(said.replace(&place.folder().display().to_string(), "/place"));
}

/// How many processes have this word in their command line.
fn running(word: &str) -> usize {
    let commands = std::fs::read_dir("/proc").unwrap().flatten();
    let commands = commands.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    commands.filter(|line| line.split(|byte| *byte == 0).any(|part| part == word.as_bytes())).count()
}

/// Waits for something that a busy machine may take long for.
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What a check has put into the background ends with the grading, and what it has made there is removed.
#[test]
fn nothing_of_a_check_outlives_grading() {
    let place = student("//- student/note\nx\n");
    create(&place, "--name theirs", "true");
    let check = "$ setsid sleep 86161 > /dev/null 2>&1 &\n$ setsid docker run --name late layerlab/base sleep 86162 > /dev/null 2>&1 &\n$ for i in $(seq 600); do docker ps | grep -q late && break; sleep 0.1; done; cat note\nx\n";
    let said = graded(&place, check);
    assert!(said.contains("1 of 1 point"), "{said}");
    assert_eq!(running("86161") + running("86162"), 0);
    assert_eq!(place.run("ps -a --format {{.Names}}"), "theirs\n");
}

/// Also where whoever grades is killed. What is the student's stays, and goes on.
#[test]
fn a_killed_grading_is_tidied_up_after() {
    let place = student("//- student/note\nx\n");
    create(&place, "--name theirs", "sleep 86173");
    assert!(place.output("start theirs").status.success());
    let check = "$ setsid sleep 86171 > /dev/null 2>&1 &\n$ docker run -d --name made layerlab/base sleep 86172 > /dev/null; sleep 1000\nx\n";
    place.write("lesson.md", &lesson("exercise", check));
    let temporary = place.path("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let mut command = place.command("lesson grade lesson.md --work student --timeout 600");
    command.env("TMPDIR", &temporary).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    wait_until("the check has begun", || running("86171") == 1 && running("86172") > 0);
    kill(Pid::from_raw(child.id() as i32), Signal::SIGKILL).unwrap();
    child.wait().unwrap();
    wait_until("all is ended", || running("86171") + running("86172") == 0);
    wait_until("the folder is removed", || std::fs::read_dir(&temporary).unwrap().next().is_none());
    assert_eq!(place.run("ps -a --format {{.Names}}"), "theirs\n");
    assert_eq!(place.run("ps --format {{.Names}}"), "theirs\n", "it goes on");
    place.run("rm -f theirs");
}

/// What is copied lies elsewhere than the copy, or it would not come to an end.
#[test]
fn no_folder_is_copied_into_itself() {
    let place = student("//- student/temporary/note\nx\n");
    place.write("lesson.md", &lesson("exercise", "$ cat temporary/note\nx\n"));
    let grade = |temporary: &str| {
        let mut command = place.command("lesson grade lesson.md --work student");
        let done = command.env("TMPDIR", place.path(temporary)).output().unwrap();
        String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned()
    };
    let said = grade("student/temporary") + &grade("student") + &grade("");
    insta::assert_snapshot!(said.replace(&place.folder().display().to_string(), "/place"));
    assert_eq!(std::fs::read_dir(place.path("student/temporary")).unwrap().count(), 1);
}

/// What a container makes there with the rights of whoever grades, its owner could execute.
#[test]
fn nobody_is_graded_as_somebody_else() {
    let place = student("//- student/note\nmine\n");
    if !nix::unistd::Uid::effective().is_root() {
        return missing("the home of another user: the tests don't run as root");
    }
    create(&place, &format!("--name own -v {}:/d", place.path("student").display()), "cat /d/note");
    let check = "$ docker start -a own\nmine\n";
    let give = |path: &Path, user| std::os::unix::fs::chown(path, Some(user), None).unwrap();
    let mut said = graded(&place, check);
    give(&place.path("student"), 1000);
    said += &graded(&place, check);
    give(&place.path("student"), 0);
    give(&place.home(), 1000);
    said += &graded(&place, check);
    give(&place.home(), 0);
    insta::assert_snapshot!(said.replace(&place.folder().display().to_string(), "/place"));
}
