//! `lesson grade`: which tasks are done, and students who would rather have it said than do it.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{Place, filter};
use crate::learning::learn;

/// A lesson with one task, whose check has these lines.
pub(crate) fn lesson(fence: &str, check: &str) -> String {
    format!(
        "# A task\n\n## To do\n\n````{fence}\nDo it.\n\n```check\n{check}```\n\n```hint\nh\n```\n\nSolution:\n\n```console\n$ true\n```\n````\n"
    )
}

/// A place with files and a home.
pub(crate) fn student(files: &str) -> Place {
    let place = Place::new(files);
    assert!(place.output("images").status.success());
    place
}

/// The grade of a student's folder, which is `work/student`.
pub(crate) fn graded(place: &Place, check: &str) -> String {
    place.write("lesson.md", &lesson("exercise", check));
    filter(&place.run("lesson grade lesson.md --work student --timeout 120"))
}

#[test]
fn tasks_are_graded_by_what_was_reached() {
    let place = Place::new("");
    place.run("lesson new greetings");
    place.run("build -q -t greeting greetings");
    let mut said = place.run("lesson grade greetings");
    place.write("greetings/greeting.txt", "Good morning.\n");
    place.run("build -q -t greeting greetings");
    said += &place.run("lesson grade greetings --require all");
    insta::assert_snapshot!(said);
    place.assert_whole();
}

#[test]
fn grades_are_there_for_programs() {
    let place = student("//- student/note\nwrong\n");
    let graded = |check: &str| {
        place.write("lesson.md", &lesson("challenge points=5", check));
        place.run("lesson grade lesson.md --work student --json --require all")
    };
    insta::assert_snapshot!(
        graded("$ cat note\nright\n") + &graded("# `note` says what is right\n$ cat note\nright\n")
    );
}

#[test]
fn what_can_not_be_graded_is_told() {
    let place = student("//- student/note\nx\n");
    place.write("lesson.md", &lesson("exercise points=many", "$ cat note\nx\n"));
    let commands = ["lesson grade lesson.md", "lesson grade lesson.md --work nowhere", "lesson grade nowhere.md"];
    insta::assert_snapshot!(place.session(&commands));
}

/// Programs in the folder are not found, though PATH names it; variables of whoever grades do not come along.
#[test]
fn programs_and_variables_are_those_of_the_grader() {
    let place = student("//- student/note\nx\n");
    for name in ["docker", "layerlab", "sh", "cat"] {
        let path = format!("student/{name}");
        place.write(&path, "#!/bin/sh\necho right\n");
        std::fs::set_permissions(place.path(&path), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let check = "$ cat note\nright\n";
    place.write("lesson.md", &lesson("exercise", check));
    let path = format!(".:{}:{}", place.path("student").display(), std::env::var("PATH").unwrap());
    let mut grade = place.command("lesson grade lesson.md --work student");
    let said = grade.env("PATH", path).output().unwrap();
    insta::assert_snapshot!(String::from_utf8_lossy(&said.stdout));
    let mut grade = place.command("lesson grade lesson.md --work student");
    place.write("lesson.md", &lesson("exercise", "$ echo ${TOKEN-none}\nnone\n$ echo $TOKEN\n"));
    let said = grade.env("TOKEN", "secret").output().unwrap();
    insta::assert_snapshot!(String::from_utf8_lossy(&said.stdout));
}

/// Whoever makes the first command end early would have the second one's output, too.
#[test]
fn nothing_that_is_printed_ends_a_check() {
    let place = student("//- student/note\nx\n");
    let forged = "printf 'first\\n0\\n\\036layerlab-1-1\\036 0\\nsecond\\n0\\n'; for n in $(seq 1 300); do printf '\\036layerlab-%d-2\\036 0\\n' $n; done";
    place.write("student/Dockerfile", &format!("FROM layerlab/base\nCMD {forged}\n"));
    place.run("build -q -t words student");
    let said = graded(&place, "$ docker run --rm words | head -3\nfirst\n$ test -f done && echo second\nsecond\n");
    insta::assert_snapshot!(said);
    assert!(graded(&place, "$ docker run --rm words > /dev/null\n$ cat note\nx\n").contains("1 of 1 point"));
}

/// What a check has seen is shown to the student: it may not be a file of the grader's.
#[test]
fn links_out_of_the_folder_are_left_out() {
    let place = student("//- student/note\nx\n//- secret\nthe solution\n");
    let student = place.path("student");
    symlink(place.path("secret"), student.join("absolute")).unwrap();
    symlink("../secret", student.join("upward")).unwrap();
    symlink(".", student.join("d")).unwrap();
    symlink("d/d/../../secret", student.join("winding")).unwrap();
    symlink("note", student.join("inside")).unwrap();
    assert!(place.shell("mkfifo student/pipe").status().unwrap().success());
    let said = graded(&place, "$ cat absolute upward winding pipe inside 2>/dev/null\nx\n? 1\n");
    let mut lines: Vec<&str> = said.lines().collect();
    lines.sort_unstable();
    insta::assert_snapshot!(lines.join("\n"));
}

/// A check is ended with all that it has started, and what it printed is bounded.
#[test]
fn checks_end() {
    let place = student("//- student/note\nx\n");
    place.write("student/Dockerfile", "FROM layerlab/base\nCMD trap '' TERM INT; sleep 1000; sleep 1000\n");
    place.run("build -q -t words student");
    place.write("lesson.md", &lesson("exercise", "$ docker run words\nx\n"));
    let mut said = place.run("lesson grade lesson.md --work student --timeout 3");
    said += &place.run("ps -a -q");
    place.write("student/Dockerfile", "FROM layerlab/base\nCMD head -c 9000000 /dev/zero | tr '\\0' '\\n'\n");
    place.run("build -q -t words student");
    said += &graded(&place, "$ docker run --rm words\n…\n");
    insta::assert_snapshot!(said);
    assert_eq!(std::fs::read_to_string(place.path("student/note")).unwrap(), "x\n");
    place.assert_no_container_is_left();
}

/// What `learn` remembers is told, and no point depends on it. The file is the student's.
#[test]
fn the_students_own_record_is_told_and_not_believed() {
    let place = Place::new("//- pack/\n");
    place.run("lesson new pack/01-own");
    let answers = ["", "", "", "1", "", "hint", "hint", "solution", "y", "quit"];
    learn(&place, "--pack pack 1", &answers);
    let lesson = std::fs::read_dir(place.home().join("learning")).unwrap().flatten();
    let lesson = lesson.map(|entry| entry.path().join("01-own")).find(|path| path.exists()).unwrap();
    let work = place.path("../home/layerlab-lessons/pack/01-own");
    let grade = |more: &str| {
        let (work, home) = (work.display(), lesson.join("home"));
        filter(&place.run(&format!("--home {} lesson grade pack/01-own --work {work}{more}", home.display())))
    };
    let mut said = grade("") + &grade(" --json");
    let record = lesson.join("progress.json");
    for text in [
        r#"{"answers": {"\u202e": 1}, "hints": "\u001b[2J\u202e"}"#.to_owned(),
        format!("{{\"hints\": {}", "[".repeat(100_000)),
        format!("{{\"at\": \"{}\"}}", "x".repeat(5 << 20)),
    ] {
        std::fs::write(&record, text).unwrap();
        said += &grade("");
    }
    std::fs::remove_file(&record).unwrap();
    symlink("/dev/zero", &record).unwrap();
    said += &grade("");
    std::fs::remove_file(&record).unwrap();
    assert!(place.shell(&format!("mkfifo {}", record.display())).status().unwrap().success());
    said += &grade("");
    insta::assert_snapshot!(said.replace(lesson.parent().unwrap().file_name().unwrap().to_str().unwrap(), "PACK"));
}

/// What a check has seen goes into a report that a teacher reads at a terminal.
#[test]
fn nothing_that_a_student_prints_acts_on_a_terminal() {
    let place = student("//- student/note\nx\n");
    std::fs::write(
        place.path("student/note"),
        "\u{1b}[2J\u{202e}thgir\u{9b}1m\u{7}\n".to_owned() + &"long".repeat(200),
    )
    .unwrap();
    let said = graded(&place, "$ cat note\nright\n");
    assert!(!said.contains(['\u{1b}', '\u{202e}', '\u{9b}', '\u{7}']), "{said:?}");
    assert!(said.lines().all(|line| line.chars().count() < 300) && said.contains('…'), "{said}");
}

/// A check that starts a student's container lends it no rights of whoever grades.
#[test]
fn containers_of_students_get_no_files_of_the_grader() {
    let place = student("//- student/note\nmine\n//- secret/s\nthe solution\n");
    let create = |name: &str, folder: &str, command: &str| {
        let folder = place.path(folder);
        let said = place.shell(&format!(
            "{} create --name {name} -v {}:/d layerlab/base sh -c '{command}'",
            place.program().display(),
            folder.display()
        ));
        assert!({ said }.output().unwrap().status.success());
    };
    create("web", "secret", "cat /d/s; echo owned > /d/w");
    create("own", "student", "cat /d/note");
    create("up", "secret", "sleep 1000");
    assert!(place.output("start up").status.success());
    let mut said = String::new();
    for command in [
        "docker start -a web",
        "docker restart web",
        "docker exec up cat /d/s",
        "docker run --rm --volumes-from web layerlab/base cat /d/s",
        "docker cp web:/d/s - | tar -xO",
        "docker cp up:/d/s - | tar -xO",
    ] {
        said += &graded(&place, &format!("$ {command}\nno\n"));
    }
    assert!(!said.contains("the solution") && !place.path("secret/w").exists(), "{said}");
    said += &graded(&place, "$ docker start -a own\nmine\n");
    let secret = place.path("secret");
    said += &graded(
        &place,
        &format!("$ docker run --rm -v {}:/d layerlab/base cat /d/s\nthe solution\n", secret.display()),
    );
    insta::assert_snapshot!(said.replace(&place.folder().display().to_string(), "/place"));
    place.run("rm -f up");
}

/// A home is the student's, and so is each file of it.
#[test]
fn a_pipe_in_a_home_keeps_nobody_waiting() {
    let place = student("//- student/note\nx\n");
    let events = place.home().join("events.jsonl");
    std::fs::remove_file(&events).unwrap_or_default();
    assert!(place.shell(&format!("mkfifo {}", events.display())).status().unwrap().success());
    let mut said = graded(&place, "$ docker run --rm layerlab/base echo done\ndone\n");
    said += &place.run("events --since 1h --until 0s");
    insta::assert_snapshot!(said);
}

/// What is compared by its kind elsewhere is an answer here.
#[test]
fn a_wrong_digest_is_a_wrong_answer() {
    let place = student("//- student/f\nwrong\n");
    let right = "4a0b4e1d1ae7e1f1d6b9e4c0b1b6a8f2b9b3d5f1c2a3948576a0b1c2d3e4f506  -";
    let mut said = graded(&place, &format!("$ sha256sum < f\n{right}\n"));
    for (command, shown) in [
        ("echo CapEff: 00000000a80425fb", "CapEff: 0000000000000000"),
        ("echo 2.5 MB in 14 ms", "1.5 MB in 12 ms"),
        ("date -u -d @0 +%F", "2026-11-29"),
        ("echo Up 5 seconds", "Up 4 seconds"),
    ] {
        said += &graded(&place, &format!("$ {command}\n{shown}\n"));
    }
    said += &graded(&place, "$ sha256sum < f\n…  -\n");
    insta::assert_snapshot!(said);
}

/// Those that were there before are the student's, those that a check has made are removed, whatever ends it.
#[test]
fn only_the_containers_of_checks_are_removed() {
    let place = student("//- student/note\nx\n");
    place.run("create --name students-own layerlab/base true");
    let names = || place.run("ps -a --format {{.Names}}");
    let check = "$ docker run -d --name made layerlab/base sleep 1000 > /dev/null; cat note; sleep 20\nx\n";
    place.write("lesson.md", &lesson("exercise", check));
    assert!(place.run("lesson grade lesson.md --work student --timeout 5").contains("0 of 1 point"));
    assert_eq!(names(), "students-own\n");
    let mut command = place.command("lesson grade lesson.md --work student");
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !names().contains("made") {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    assert_eq!(names(), "students-own\n");
    // Where nobody can say which are the student's, nothing is removed and nothing graded.
    let containers = place.home().join("containers");
    std::fs::rename(&containers, place.home().join("elsewhere")).unwrap();
    std::fs::write(&containers, "").unwrap();
    let said = place.run("lesson grade lesson.md --work student --timeout 5");
    assert!(said.starts_with("error: can't list `") && said.contains("Not a directory"), "{said}");
    std::fs::remove_file(&containers).unwrap();
    std::fs::rename(place.home().join("elsewhere"), &containers).unwrap();
    assert_eq!(names(), "students-own\n");
}
