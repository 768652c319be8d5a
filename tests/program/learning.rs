//! `learn`: lessons as a learner goes through them, by the prompt and the words that everybody has. `lesson test` is a learner who does all of
//! it right.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::harness::{Place, Role, filter};
use crate::lessons::{can_be_tried, lessons, turn};
use crate::terminal::Screen;

/// Learns with these lines, and gives what is shown.
pub(crate) fn learn(place: &Place, arguments: &str, typed: &[&str]) -> String {
    let mut command = place.command(&format!("learn {arguments}"));
    command.env("TZ", "UTC").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines: String = typed.iter().map(|line| format!("{line}\n")).collect();
    // Who is refused reads nothing.
    let _ = child.stdin.take().unwrap().write_all(lines.as_bytes());
    let output = child.wait_with_output().unwrap();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if let Some(code) = output.status.code().filter(|code| *code != 0) {
        text.push_str(&format!("[exit code {code}]\n"));
    }
    text.replace(&place.folder().display().to_string(), "/place")
}

/// What is kept of a lesson.
pub(super) fn progress(place: &Place, lesson: &str) -> serde_json::Value {
    let path = place.home().join("learning").join(lesson).join("progress.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn root_gets_through_every_lesson() {
    get_through(Role::Self_, |_| true);
}

/// The users share the lessons.
#[test]
fn a_user_with_mapped_ids_gets_through_every_other_lesson() {
    get_through(Role::Mapped, |number| number.is_multiple_of(2));
}

#[test]
fn a_user_with_a_single_id_gets_through_the_others() {
    get_through(Role::Single, |number| !number.is_multiple_of(2));
}

/// Does what the pages of these lessons say.
fn get_through(role: Role, is_meant: impl Fn(usize) -> bool) {
    if !can_be_tried() {
        return;
    }
    let _turn = turn();
    let place = Place::of(role, "//- tmp/\n").apart();
    for (_, lesson) in lessons().into_iter().enumerate().filter(|(number, _)| is_meant(*number)) {
        assert!(Command::new("cp").arg("-r").arg(&lesson).arg(place.path("")).status().unwrap().success());
    }
    if role != Role::Self_ {
        place.give(&place.path(""));
    }
    let output = place.command("lesson test").env("TMPDIR", place.path("tmp")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{role:?}:\n{said}");
    assert_eq!(std::fs::read_dir(place.path("tmp")).unwrap().count(), 0, "{role:?}");
}

#[test]
fn a_lesson_with_mistakes_hints_and_a_solution() {
    let place = Place::new("");
    #[rustfmt::skip]
    let typed = [
        "", "3", "7", "", "", "true", "false", "dcoker ps", ":page", "back", "", "", "", "9", "2",
        // What these print depends on the machine.
        "next", "", "next", "check", "hint", "solution", "", "hint", "hint", "solution", "n", "solution", "y",
        "docker rm -f sleeper", "solution", "", "hint", "next", "",
    ];
    let first = learn(&place, "2", &typed);
    let second = learn(&place, "list", &[]);
    insta::assert_snapshot!(filter(&format!("{first}\n{second}")));
}

#[test]
fn a_task_says_what_of_it_is_done() {
    let place = Place::new(
        "//- pack/01-own/lesson.md\n# Mine\n\n````exercise\nMake them.\n\n```check\n# `one` is there, and says so; this sentence is so long that it is broken *between two words*\n$ cat one\nyes\n$ cat two\n2\n# `three` has three lines\n$ cat three\n1\n2\n3\n# All three are files, and nothing else is\n$ ls | grep -v lesson.md\none\nthree\ntwo\n```\n\n```hint\nh\n```\n\nSolution:\n\n```console\n$ echo yes > one; echo 2 > two; seq 3 > three\n```\n````\n",
    );
    let first = learn(&place, "--pack pack 1", &["check", "echo yes > one; echo 2 > two; seq 2 > three", "check"]);
    let second = learn(&place, "--pack pack resume", &["seq 3 > three; touch more", "check", "rm more", "check"]);
    insta::assert_snapshot!(filter(&format!("{first}\n{second}")));
}

#[test]
fn a_lesson_is_resumed_and_begun_anew() {
    let place = Place::new("");
    let first = learn(&place, "cache", &["", "", "1", "", "quit"]);
    place.write("../home/layerlab-lessons/04-cache/mine.txt", "mine\n");
    let second = learn(&place, "resume", &["docker images -q words | wc -l", "", "next", ":quit"]);
    let words = ["page", "next", "back", "hint", "check", "solution"]
        .map(|word| format!("$ {word}\n{}", learn(&place, word, &[])));
    let third = learn(&place, "reset cache", &["n"]) + &learn(&place, "reset cache", &["y"]);
    let kept = std::fs::read_to_string(place.path("../home/layerlab-lessons/04-cache-before-reset/mine.txt")).unwrap();
    assert_eq!(kept, "mine\n");
    assert!(!place.path("../home/layerlab-lessons/04-cache/mine.txt").exists());
    let fourth = learn(&place, "resume", &["docker images -q | wc -l"]);
    insta::assert_snapshot!(filter(&[&[first, second][..], &words, &[third, fourth]].concat().join("\n")));
}

#[test]
fn the_debugger_is_part_of_a_lesson() {
    let place = Place::new("");
    let first = learn(&place, "1", &["", "", "explain LABEL", "", "", "", ":back", ":quit"]);
    // The program is not there any more: it is brought to where it was.
    let second = learn(&place, "1", &["", "", "", "", "", "", "", ":quit"]);
    insta::assert_snapshot!(filter(&format!("{first}\n{second}")));
}

#[test]
fn what_is_no_lesson_is_a_mistake() {
    let place = Place::new(
        "//- pack/01-own/lesson.md\n# Mine\n\n```console\n$ echo own\nown\n```\n//- pack/02-bad/notes\nx\n//- empty/\n//- bad/01-x/lesson.md\n```sh\n",
    );
    let said = ["nothing", "cahce", "resume", "hint", "--pack empty", "--pack bad", "--pack pack", "--pack pack own"];
    let said: Vec<String> = said
        .iter()
        .map(|arguments| format!("$ layerlab learn {arguments}\n{}", learn(&place, arguments, &[""])))
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}

/// A learner is at one lesson in one place at a time, and what is kept is whole however the program ends.
#[test]
fn a_killed_lesson_goes_on_where_it_was() {
    let place = Place::new("");
    let mut command = place.command("learn 4");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut keyboard = child.stdin.take().unwrap();
    keyboard.write_all(b"\n\n2\nsleep 1000\n").unwrap();
    let begun = std::time::Instant::now();
    let path = place.home().join("learning/04-cache/progress.json");
    while !std::fs::read_to_string(&path).is_ok_and(|text| text.contains("\"at\": \"run touch words.txt\"")) {
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    }
    let busy = learn(&place, "4", &[]);
    assert!(busy.contains("is open in another terminal"), "{busy}");
    child.kill().unwrap();
    child.wait().unwrap();
    let shown = learn(&place, "resume", &[]);
    assert!(shown.contains("$ touch words.txt"), "{shown}");
}

/// A learner at a terminal.
fn sit_down(place: &Place, size: (u16, u16), lesson: &str) -> Screen {
    let home = place.home().display().to_string();
    let user = place.folder().join("home").display().to_string();
    let variables = [
        ("HOME", user.as_str()),
        ("LAYERLAB_HOME", home.as_str()),
        ("LAYERLAB_BASE", "busybox"),
        ("LC_ALL", "C.UTF-8"),
    ];
    Screen::start(size, &place.path(""), &["--color", "never", "learn", lesson], &variables)
}

#[test]
fn a_command_has_the_terminal_and_ctrl_c_ends_it_alone() {
    let place = Place::new("");
    let mut screen = sit_down(&place, (80, 40), "2");
    screen.wait_for("02-containers $ ");
    screen.type_keys("echo $((40 + 1)); sleep 1000\r");
    screen.wait_for("41");
    screen.type_keys("\x03");
    screen.wait_for("exit code 130");
    screen.wait_for("02-containers $ ");
    screen.type_keys("x=1; cd /tmp\r");
    screen.wait_for("/tmp $ ");
    screen.type_keys("echo $x $(tput cols 2> /dev/null || stty size | cut -d ' ' -f 2); cd - > /dev/null\r");
    screen.wait_for("1 80");
    screen.wait_for("02-containers $ ");
    screen.type_keys("docker run -it --rm layerlab/base sh\r");
    screen.wait_for("/ # ");
    screen.type_keys("hostname > /dev/null && echo $((40 + 2))\r");
    screen.wait_for("42");
    screen.type_keys("exit\r");
    screen.wait_for("02-containers $ ");
    screen.type_keys("quit\r");
    assert_eq!(screen.end().0, Some(0));
}

#[test]
fn what_is_typed_while_a_command_runs_comes_next() {
    let place = Place::new("");
    let mut screen = sit_down(&place, (80, 40), "2");
    screen.wait_for("02-containers $ ");
    screen.type_keys("echo $((40 + 1)); until test -e go; do sleep 0.1; done\r");
    screen.wait_for("41");
    // Enter alone is not kept: it would do what was not seen yet.
    screen.type_keys("\r\recho $((40 + 2))\r\recho $((40 ");
    // Once all of it has come to the terminal.
    std::thread::sleep(Duration::from_secs(1));
    std::fs::write(place.path("../home/layerlab-lessons/02-containers/go"), "").unwrap();
    screen.wait_for("42");
    screen.type_keys("+ 3))\r");
    screen.wait_for("43");
    screen.type_keys("echo $((60 + 1)); sleep 100\r");
    screen.wait_for("61");
    screen.type_keys("echo $((50 + 1))\r");
    std::thread::sleep(Duration::from_millis(500));
    screen.type_keys("\x03");
    screen.wait_for("exit code 130");
    screen.type_keys("echo $((50 + 2))\r");
    screen.wait_for("52");
    screen.type_keys("quit\r");
    let (code, shown) = screen.end();
    assert_eq!(code, Some(0));
    assert!(!shown.contains("51"), "{shown}");
    assert!(progress(&place, "02-containers")["passed"].as_array().unwrap().is_empty());
}

#[test]
fn a_saved_file_completes_a_task_without_a_key() {
    let place = Place::new(
        "//- pack/01-own/lesson.md\n# Mine\n\n````exercise\nMake it.\n\n```check\n$ cat made\nyes\n```\n\n```hint\nh\n```\n\nSolution:\n\n```console\n$ echo yes > made\n```\n````\n",
    );
    let home = place.home().display().to_string();
    let user = place.folder().join("home").display().to_string();
    let variables = [("HOME", user.as_str()), ("LAYERLAB_HOME", home.as_str())];
    let mut screen =
        Screen::start((80, 24), &place.path(""), &["--color", "never", "learn", "--pack", "pack", "1"], &variables);
    screen.wait_for("01-own $ ");
    place.write("../home/layerlab-lessons/pack/01-own/made", "no\n");
    std::thread::sleep(Duration::from_millis(600));
    place.write("../home/layerlab-lessons/pack/01-own/made", "yes\n");
    screen.wait_for("✓ Done.");
    screen.type_keys("\r");
    screen.wait_for("✓ That was the lesson.");
    screen.type_keys("\r");
    assert_eq!(screen.end().0, Some(0));
}

/// Nothing of a session stays behind, and no process of the shell's does.
#[test]
fn nothing_runs_on_when_a_lesson_is_left() {
    let place = Place::new("");
    learn(&place, "2", &["sleep 4321 < /dev/null > /dev/null 2>&1 & echo", "quit"]);
    learn(&place, "reset --force 2", &[]);
    let found = Command::new("pgrep").args(["-f", "^sleep 4321$"]).output().unwrap();
    assert!(found.stdout.is_empty());
}

#[test]
fn a_folder_with_other_files_is_left_alone() {
    let place = Place::new("//- project/main.c\nsource\n//- empty/\n");
    let refused = learn(&place, "4 --folder project", &["quit"]);
    assert_eq!(std::fs::read_to_string(place.path("project/main.c")).unwrap(), "source\n");
    // An empty one gets the lesson's files.
    learn(&place, "4 --folder empty", &["quit"]);
    assert!(place.path("empty/Dockerfile").exists());
    insta::assert_snapshot!(filter(&refused));
}

#[test]
fn the_registry_of_a_lesson_outlives_ctrl_c_and_ends_with_the_lesson() {
    let place = Place::new(
        "//- pack/01-slow/lesson.md\n# Slow\n\n````exercise\nMake it.\n\n```check\n$ touch begun; sleep 25; cat made\nyes\n```\n\n```hint\nh\n```\n\nSolution:\n\n```console\n$ echo yes > made\n```\n````\n//- pack/01-slow/hub/library/alpine/Dockerfile\nFROM scratch\nLABEL a=b\n",
    );
    let home = place.home().display().to_string();
    let user = place.folder().join("home").display().to_string();
    let variables = [("HOME", user.as_str()), ("LAYERLAB_HOME", home.as_str())];
    let arguments = ["--color", "never", "learn", "--pack", "pack", "1"];
    let mut screen = Screen::start((80, 24), &place.path(""), &arguments, &variables);
    let served =
        || Command::new("pgrep").args(["-f", &format!("{home}.* serve --writable")]).status().unwrap().success();
    screen.wait_for("01-slow $ ");
    screen.type_keys("check\r");
    let begun = place.path("../home/layerlab-lessons/pack/01-slow/begun");
    while !begun.exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    screen.type_keys("\x03");
    screen.wait_for("stopped");
    assert!(served());
    screen.type_keys("quit\r");
    assert_eq!(screen.end().0, Some(0));
    assert!(!served());
}
