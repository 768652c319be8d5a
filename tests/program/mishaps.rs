//! `learn` when something goes wrong on the way: a program that is killed, Ctrl-C at the wrong moment, a page that does not fit any more.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::Place;
use crate::learning::learn;
use crate::terminal::Screen;

pub(crate) fn wait_until(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A pack with one lesson, which has this page.
fn pack(page: &str) -> Place {
    Place::new(&format!("//- pack/01-own/lesson.md\n# Mine\n\n{page}"))
}

fn read(place: &Place, name: &str) -> String {
    std::fs::read_to_string(place.path(&format!("../home/layerlab-lessons/{name}"))).unwrap()
}

#[test]
fn a_folder_whose_files_were_written_half_way_is_made_whole() {
    let place = pack("```console\n$ true\n```\n");
    let names: Vec<String> = (0..30).map(|number| format!("{number:02}")).collect();
    for name in &names {
        std::fs::write(place.path(&format!("pack/01-own/{name}")), vec![b'x'; 2 << 20]).unwrap();
    }
    let folder = place.path("../home/layerlab-lessons/pack/01-own");
    let mut command = place.command("learn --pack pack 1");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    wait_until(|| std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()));
    child.kill().unwrap();
    child.wait().unwrap();
    learn(&place, "--pack pack 1", &["quit"]);
    for name in &names {
        assert_eq!(std::fs::read(folder.join(name)).unwrap().len(), 2 << 20, "{name}");
    }
}

#[test]
fn a_reset_that_is_killed_loses_no_file_of_the_learners() {
    let place = Place::new("");
    let stubborn = "setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' < /dev/null > /dev/null 2>&1 &";
    learn(&place, "4", &["echo mine > mine.txt", stubborn, "quit"]);
    let mut reset = place.command("learn reset --force 4").stdout(Stdio::null()).spawn().unwrap();
    let progress = place.home().join("learning/04-cache/progress.json");
    wait_until(|| std::fs::read_to_string(&progress).is_ok_and(|progress| progress.contains("in_making")));
    reset.kill().unwrap();
    reset.wait().unwrap();
    // Where it was, or put aside already.
    let is_kept = |folder| place.path(&format!("../home/layerlab-lessons/{folder}/mine.txt")).exists();
    assert!(is_kept("04-cache") || is_kept("04-cache-before-reset"));
    let shown = learn(&place, "4", &["quit"]);
    assert!(shown.contains("kept as"), "{shown}");
    assert_eq!(read(&place, "04-cache-before-reset/mine.txt"), "mine\n");
    assert!(!place.path("../home/layerlab-lessons/04-cache/mine.txt").exists());
    let shown = learn(&place, "reset --force 4", &[]);
    assert!(shown.contains("as it was in the beginning"), "{shown}");
}

#[test]
fn ctrl_c_at_a_long_page_leads_to_the_prompt() {
    let place = pack(&format!("{}```console\n$ true\n```\n", "One more paragraph.\n\n".repeat(30)));
    let mut screen = sit_down(&place);
    screen.wait_for("Enter: more ");
    screen.type_keys("\x03");
    screen.wait_for("01-own $ ");
    screen.type_keys("echo $((40 + 2))\r");
    screen.wait_for("42");
    screen.wait_for("01-own $ ");
    screen.type_keys("quit\r");
    assert_eq!(screen.end().0, Some(0));
}

#[test]
fn an_answer_is_in_no_history() {
    let place = pack(
        "```console\n$ sh -c 'printf \"Username: \"; read -r name; printf \"Password: \"; read -r word; echo \"$name is in\"'\nUsername: me\nPassword:\nme is in\n```\n",
    );
    let mut screen = sit_down(&place);
    screen.wait_for("01-own $ ");
    screen.type_keys("\r");
    screen.wait_for("Username: ");
    screen.type_keys("someone\r");
    screen.wait_for("Password: ");
    screen.type_keys("open sesame\r");
    screen.wait_for("someone is in");
    screen.wait_for("01-own $ ");
    screen.type_keys("quit\r");
    assert_eq!(screen.end().0, Some(0));
    assert!(!kept_in(&place.home(), "someone") && !kept_in(&place.home(), "sesame"));
}

/// Whether a file below a folder has a text in it.
fn kept_in(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().flatten().any(|entry| {
        let path = entry.path();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => kept_in(&path, text),
            kind if kind.is_file() => String::from_utf8_lossy(&std::fs::read(path).unwrap()).contains(text),
            _ => false,
        }
    })
}

/// A learner at the terminal, with the lesson of the pack.
fn sit_down(place: &Place) -> Screen {
    let (home, user) = (place.home().display().to_string(), place.folder().join("home").display().to_string());
    let variables = [("HOME", user.as_str()), ("LAYERLAB_HOME", home.as_str()), ("LAYERLAB_BASE", "busybox")];
    Screen::start((80, 20), &place.path(""), &["--color", "never", "learn", "--pack", "pack", "1"], &variables)
}

/// The page prepares a change for the editor, and then no editor is called.
#[test]
fn a_change_that_never_came_to_the_editor_is_forgotten() {
    let place = pack(
        "```sh notes\nold\n```\n\n```diff\n-old\n+the page's\n```\n\n```console\n$ docker run -it --rm layerlab/base sh -c sh .\n/ # edit notes\n/ # exit\n```\n\n```layerlab\n$ layerlab step .\n(layerlab) edit notes\n```\n",
    );
    place.write("pack/01-own/Dockerfile", "FROM layerlab/base\nCOPY notes /\n");
    place.write("editor", "#!/bin/sh\necho mine > \"$1\"\n");
    let mut command = place.command("learn --pack pack 1");
    command.env("EDITOR", format!("sh {}", place.path("editor").display()));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"\n\n\n\n\n\n\n:quit\n").unwrap();
    let shown = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(shown.contains("edit: not found") && shown.contains("(layerlab"), "{shown}");
    assert_eq!(read(&place, "pack/01-own/notes"), "mine\n", "{shown}");
}

#[test]
fn a_change_that_does_not_fit_is_told_and_not_made() {
    let place = pack(
        "```sh words\none\ntwo\n```\n\n```console\n$ echo ready\nready\n```\n\n```diff words\n one\n-two\n+three\n```\n\n```console\n$ cat words\none\nthree\n```\n",
    );
    let mine = "printf 'one\\nmy own\\n' > words";
    let shown = learn(&place, "--pack pack 1", &["", mine, "", "", "quit"]);
    assert!(shown.contains("words is not as this page expects it"), "{shown}");
    assert_eq!(read(&place, "pack/01-own/words"), "one\nmy own\n");
    // Made by hand, it is as good.
    let shown = learn(&place, "resume", &["printf 'one\\nthree\\n' > words", "", "", ""]);
    assert!(shown.contains("✓ That was the lesson."), "{shown}");
}
