//! Where somebody learns: the folder of a lesson's author stays as it is, and what was begun with the learner's is ended, whatever came between.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;

use crate::harness::{Place, Role, filter, missing};
use crate::learning::learn;
use crate::mishaps::wait_until;
use crate::terminal::Screen;

const PAGE: &str = "# Mine\n\n```console\n$ true\n```\n";

/// The folders where learners work.
const LESSONS: &str = "../home/layerlab-lessons";

/// The names in a folder, in their order.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The folder of what is kept of a lesson of a pack.
fn kept(place: &Place, lesson: &str) -> std::path::PathBuf {
    let learning = place.home().join("learning");
    let keys = names(&learning);
    let key = keys.iter().find(|key| learning.join(key).join(lesson).is_dir());
    learning.join(key.unwrap_or_else(|| panic!("{keys:?}"))).join(lesson)
}

fn write_progress(place: &Place, lesson: &str, change: impl FnOnce(&mut serde_json::Value)) {
    let path = kept(place, lesson).join("progress.json");
    let mut progress = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut progress);
    std::fs::write(&path, progress.to_string()).unwrap();
}

/// The pack lies where learners work, or they would work in it, or a copy would lie in what is copied.
#[test]
fn the_folder_of_an_author_stays_as_it_is() {
    let place = Place::new("");
    let course = format!("{LESSONS}/course");
    for (name, text) in [("lesson.md", PAGE), ("file", "the author's\n"), ("inner/file", "another\n")] {
        place.write(&format!("{course}/01-own/{name}"), text);
    }
    place.write("page.md", PAGE);
    let begun = learn(&place, &format!("--pack {course} 1"), &["echo mine > mine", "quit"]);
    let other =
        names(&place.path(LESSONS)).into_iter().find(|name| name != "course").unwrap_or_else(|| panic!("{begun}"));
    assert!(place.path(&format!("{LESSONS}/{other}/01-own/mine")).exists());
    let mut said = [
        format!("--pack {course} reset --force 1"),
        format!("--pack {course} 1 --folder {course}/01-own/new"),
        format!("--pack {course} files 1 {course}/01-own/new"),
        format!("--pack {course} files 1 {course}/01-own/gone/../../01-own/new"),
    ]
    .map(|arguments| format!("$ layerlab learn {arguments}\n{}", learn(&place, &arguments, &["quit"])))
    .join("");
    // As an earlier version, which did not look, has noted it.
    let own = place.path(&course).canonicalize().unwrap().join("01-own");
    write_progress(&place, "01-own", |progress| progress["folder"] = own.display().to_string().into());
    said += &learn(&place, "reset --force", &[]);
    place.write("tmp/", "");
    for (arguments, folder) in [
        ("verify --with . page.md".to_owned(), place.path("tmp")),
        (format!("verify {course}/01-own/lesson.md"), own.join("inner")),
    ] {
        let output = place.command(&arguments).env("TMPDIR", folder).output().unwrap();
        said += &format!("$ layerlab {arguments}\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let author = place.path(&course).join("01-own");
    assert_eq!(names(&author), ["file", "inner", "lesson.md"]);
    let read = |name: &str| std::fs::read_to_string(author.join(name)).unwrap();
    assert_eq!([read("lesson.md"), read("file"), read("inner/file")], [PAGE, "the author's\n", "another\n"]);
    let said = said.replace(&other, "course-KEY").replace(&place.folder().display().to_string(), "/place");
    let said: Vec<&str> = said.split("layerlab-page-").collect();
    let said = said.iter().enumerate().map(|(number, part)| if number == 0 { part } else { &part[6..] });
    insta::assert_snapshot!(filter(&said.collect::<Vec<_>>().join("layerlab-page-")));
}

#[test]
fn a_record_that_is_lost_keeps_nobody_from_a_lesson() {
    let place = Place::new(&format!("//- pack/01-own/lesson.md\n{PAGE}//- pack/01-own/inner/file\nx\n"));
    symlink("inner/file", place.path("pack/01-own/link")).unwrap();
    learn(&place, "--pack pack 1", &["quit"]);
    std::fs::remove_file(kept(&place, "01-own").join("progress.json")).unwrap();
    for arguments in ["--pack pack 1", "--pack pack reset --force 1"] {
        let said = learn(&place, arguments, &["quit"]);
        assert!(!said.contains("exit code"), "{said}");
    }
    assert_eq!(names(&place.path(&format!("{LESSONS}/pack"))), ["01-own"], "nothing was the learner's");
    learn(&place, "--pack pack 1", &["echo mine > mine", "quit"]);
    std::fs::remove_file(kept(&place, "01-own").join("progress.json")).unwrap();
    let said = learn(&place, "--pack pack page 1", &[]);
    assert!(said.contains("It is kept as"), "{said}");
    assert!(place.path(&format!("{LESSONS}/pack/01-own-before-reset/mine")).exists());
}

/// Killed again and again, while it begins, is made again and is reset.
#[test]
fn what_a_killed_learn_has_begun_is_ended_by_the_next() {
    let place = Place::new(&format!("//- pack/01-own/lesson.md\n{PAGE}"));
    let files: Vec<String> = (0..30).map(|number| format!("{number:02}")).collect();
    for name in &files {
        std::fs::write(place.path(&format!("pack/01-own/{name}")), vec![b'x'; 2 << 20]).unwrap();
    }
    let folder = place.path(&format!("{LESSONS}/pack/01-own"));
    let is_begun = || std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
    for (number, arguments) in ["--pack pack 1", "--pack pack 1", "--pack pack reset --force 1"].iter().enumerate() {
        if number > 0 {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        let mut command = place.command(&format!("learn {arguments}"));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        wait_until(is_begun);
        child.kill().unwrap();
        child.wait().unwrap();
        learn(&place, "--pack pack 1", &["", "quit"]);
        for name in &files {
            assert_eq!(std::fs::read(folder.join(name)).unwrap().len(), 2 << 20, "{arguments}: {name}");
        }
    }
}

/// Neither what was done nor the store goes before the files can.
#[test]
fn a_reset_that_cannot_be_done_changes_nothing() {
    for role in [Role::Self_, Role::Single] {
        let place = Place::of(role, "");
        learn(
            &place,
            "2",
            &["", "1", "echo mine > mine; mkdir dark; chmod 0 dark", "docker volume create kept", "quit"],
        );
        let is_kept = || {
            let volumes = place.home().join("learning/02-containers/home");
            place.run(&format!("--home {} volume ls -q", volumes.display()))
        };
        let progress = || std::fs::read_to_string(place.home().join("learning/02-containers/progress.json")).unwrap();
        assert_eq!(is_kept(), "kept\n");
        let before = progress();
        // Root may write wherever that is not forbidden to all.
        let [lock, unlock] = if role == Role::Self_ { ["chattr +i", "chattr -i"] } else { ["chmod 555", "chmod 755"] };
        let has_done =
            |what: &str| place.shell(&format!("{what} ~/layerlab-lessons")).output().unwrap().status.success();
        if has_done(lock) {
            let said = learn(&place, "reset --force 2", &[]);
            assert!(said.contains("error: can't rename"), "{said}");
            assert_eq!((progress(), is_kept()), (before, "kept\n".to_owned()));
            assert!(place.path(&format!("{LESSONS}/02-containers/mine")).exists());
            assert!(has_done(unlock));
        } else {
            assert_eq!(role, Role::Self_);
            missing("a reset that fails as root: this file system keeps no `chattr +i`");
        }
        // What can't be read is no reason, either.
        let said = learn(&place, "reset --force 2", &[]);
        assert!(said.contains("✓ 02-containers is as it was in the beginning."), "{said}");
        assert_eq!(is_kept(), "");
        assert!(place.path(&format!("{LESSONS}/02-containers-before-reset/mine")).exists());
        place.shell("chmod -R 755 ~/layerlab-lessons").output().unwrap();
    }
}

#[test]
fn what_stands_where_a_folder_goes_is_put_aside() {
    let place = Place::new(&format!("//- pack/01-own/lesson.md\n{PAGE}"));
    let folder = place.path(&format!("{LESSONS}/pack/01-own"));
    let make: [&dyn Fn(); 2] =
        [&|| std::fs::write(&folder, "a file").unwrap(), &|| symlink("nowhere", &folder).unwrap()];
    let mut said = String::new();
    for make in make {
        for arguments in ["--pack pack 1", "--pack pack reset --force 1", "--pack pack page 1"] {
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
            make();
            said += &format!("$ layerlab learn {arguments}\n{}\n", learn(&place, arguments, &["quit"]));
            assert!(folder.join("lesson.md").is_file(), "{said}");
        }
    }
    assert_eq!(names(folder.parent().unwrap()).len(), 7);
    insta::assert_snapshot!(filter(&said));
}

/// The question goes to the terminal as it is.
#[test]
fn no_name_of_a_lesson_paints_the_terminal() {
    let place = Place::new("");
    let lesson = place.path("pack/01-\u{1b}[31m\u{202e}red\nline");
    std::fs::create_dir_all(&lesson).unwrap();
    std::fs::write(lesson.join("lesson.md"), PAGE).unwrap();
    let (home, user) = (place.home().display().to_string(), place.folder().join("home").display().to_string());
    let variables = [("HOME", user.as_str()), ("LAYERLAB_HOME", home.as_str())];
    let arguments = ["--color", "never", "learn", "--pack", "pack", "1"];
    let mut screen = Screen::start((140, 30), &place.path(""), &arguments, &variables);
    screen.wait_for("line $ ");
    screen.type_keys("reset\r");
    let shown = screen.wait_for("[y/N] ");
    assert!(shown.contains("Start 01-␛[31m�red␊line over") && !shown.contains('\u{202e}'), "{shown:?}");
    screen.type_keys("y\r");
    let shown = screen.wait_for("in the beginning");
    assert!(shown.contains("01-␛[31m�red␊line is as it was"), "{shown:?}");
    screen.wait_for("line $ ");
    screen.type_keys("quit\r");
    assert_eq!(screen.end().0, Some(0));
}

/// Whatever is damaged, there is a way on, and it is told.
#[test]
fn a_damaged_record_is_no_end() {
    let place = Place::new(&format!(
        "//- pack/01-own/lesson.md\n{PAGE}//- pack/course.json/lesson.md\n{PAGE}//- pack/progress.json/lesson.md\n{PAGE}"
    ));
    let mut said = String::new();
    // Lessons may be called as records are.
    for lesson in ["course.json", "progress.json", "1"] {
        let begun = learn(&place, &format!("--pack pack {lesson}"), &["echo mine > mine", "quit"]);
        assert!(begun.contains("resume"), "{begun}");
    }
    let key = kept(&place, "01-own").parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
    for (name, text) in
        [("last.json", "[]"), (&format!("{key}/01-own/progress.json"), "{"), (&format!("{key}.json"), "")]
    {
        std::fs::write(place.home().join("learning").join(name), text).unwrap();
    }
    for arguments in ["list --pack pack", "resume", "page 1 --pack pack", "reset 1 --force --pack pack", "resume"] {
        said += &format!("$ layerlab learn {arguments}\n{}\n", learn(&place, arguments, &["quit"]));
    }
    assert!(place.path(&format!("{LESSONS}/pack/01-own-before-reset/mine")).exists());
    insta::assert_snapshot!(filter(&said.replace(&key, "pack-KEY")));
}

/// The question whether its commands may run names the folder, and nothing runs by that name.
#[test]
fn what_is_kept_of_a_repository_is_no_pack_of_the_users() {
    let place = Place::new("");
    let pack = format!("../home/layerlab/learning/packs/{}", "a".repeat(40));
    place.run("learn list");
    place.write(&format!("{pack}/01-own/lesson.md"), PAGE);
    let commands =
        ["learn --pack PACK 1", "learn --pack PACK", "lesson check PACK", "lesson test PACK/01-own/lesson.md"];
    insta::assert_snapshot!(
        place.session(&commands.map(|command| command.replace("PACK", &pack)).each_ref().map(String::as_str))
    );
}

#[test]
fn a_lesson_that_could_not_be_written_is_not_there() {
    let place = Place::new("");
    let program = place.program().display().to_string();
    let refused = place.shell(&format!("ulimit -f 0; exec {program} lesson new 15-own")).output().unwrap();
    assert!(!refused.status.success());
    // What a killed one has left is no lesson.
    place.write(".15-own.1/lesson.md", "half");
    assert!(place.run("lesson check").contains("there is no lesson"));
    let said = place.session(&["lesson new 15-own", "lesson new 15-own", "lesson new nowhere/15-own"]);
    assert!(place.path("15-own/lesson.md").exists());
    insta::assert_snapshot!(filter(&said));
}

/// It hides no other, and nobody looks in vain for it.
#[test]
fn a_lesson_that_cannot_be_read_is_listed_with_the_reason() {
    let place =
        Place::new("//- pack/01-one/lesson.md\n# One\n//- pack/03-three/lesson.md\n# Three\n//- pack/02-two/\n");
    assert!(place.shell("mkfifo pack/02-two/lesson.md").status().unwrap().success());
    place.write("pack/04-four/", "");
    std::fs::write(place.path("pack/04-four/lesson.md"), b"# Four \xff\n").unwrap();
    let commands = ["learn --pack pack", "learn --pack pack 2", "learn --pack pack four", "learn --pack pack 5"];
    insta::assert_snapshot!(place.session(&commands));
}
