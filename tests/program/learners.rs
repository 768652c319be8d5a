//! `learn` where something is not as usual: an interrupt, a damaged file, a folder that is gone, two packs of one name.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Place, filter};
use crate::terminal::Screen;

/// Whether a process has this command line.
fn runs(command: &str) -> bool {
    Command::new("pgrep").args(["-f", &format!("^{command}$")]).status().unwrap().success()
}

#[test]
fn ctrl_c_ends_a_script_and_its_command() {
    let place = Place::new("");
    for command in ["sleep 4322", "sh -c 'trap \"\" INT; sleep 4322; true'"] {
        let mut child = place.command("learn 2").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut keyboard = child.stdin.take().unwrap();
        keyboard.write_all(format!("{command}\ntouch too-late\n").as_bytes()).unwrap();
        let begun = Instant::now();
        while !runs("sleep 4322") {
            assert!(begun.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(130), "{command}");
        assert!(!runs("sleep 4322"), "{command}");
        assert!(!place.path("../home/layerlab-lessons/02-containers/too-late").exists());
    }
}

/// Also while nothing but the next line is waited for.
#[test]
fn ctrl_c_ends_a_script_that_waits() {
    let place = Place::new("");
    let mut child = place.command("learn 2").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let _keyboard = child.stdin.take().unwrap();
    let mut shown = child.stdout.take().unwrap();
    let mut text = Vec::new();
    let mut buffer = [0; 1024];
    while !String::from_utf8_lossy(&text).contains("Enter runs it.") {
        let count = std::io::Read::read(&mut shown, &mut buffer).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&buffer[..count]);
    }
    std::thread::sleep(Duration::from_millis(300));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// Learns with these lines, and gives what is shown with its exit code.
fn learn(place: &Place, arguments: &[&str], typed: &str) -> String {
    let mut command = place.command("learn");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Who is refused reads nothing.
    let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
    let output = child.wait_with_output().unwrap();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if let Some(code) = output.status.code().filter(|code| *code != 0) {
        text.push_str(&format!("[exit code {code}]\n"));
    }
    filter(&text.replace(&place.folder().display().to_string(), "/place"))
}

const OWN: &str = "# Mine\n\nThe text.\n\n```console\n$ echo own\nown\n```\n";

/// Whatever is printed can be typed, before and behind the word.
#[test]
fn the_words_and_hints_of_a_pack_stay_in_it() {
    let place = Place::new(&format!(
        "//- a pack/01-own/lesson.md\n{OWN}//- a pack/02-next/lesson.md\n# Next\n\n```console\n$ true\n```\n//- b/01-own/lesson.md\n{OWN}"
    ));
    let pack = ["--pack", "a pack"];
    let with = |words: &[&'static str]| -> Vec<&'static str> { [&pack, words].concat() };
    let said = [
        learn(&place, &pack, ""),
        learn(&place, &with(&["hint"]), ""),
        learn(&place, &with(&["1"]), "\n\n"),
        learn(&place, &with(&["page"]), ""),
        learn(&place, &["--pack", "b", "page"], ""),
        learn(&place, &with(&["reset", "1", "--force"]), ""),
        learn(&place, &["reset", "1", "--force", "--pack", "a pack"], ""),
        learn(&place, &with(&["nothing"]), ""),
        learn(&place, &["1", "reset"], ""),
        learn(&place, &["--folder", "x", "reset", "1"], ""),
        learn(&place, &pack, ""),
    ];
    insta::assert_snapshot!(said.join("\n----\n"));
}

#[test]
fn two_packs_of_one_name_have_a_folder_each() {
    let place = Place::new(&format!(
        "//- a/course/01-own/lesson.md\n{OWN}//- a/course/01-own/a\na\n//- b/course/01-own/lesson.md\n{OWN}//- b/course/01-own/b\nb\n"
    ));
    learn(&place, &["--pack", "a/course", "1"], "echo mine > mine\nquit\n");
    let second = learn(&place, &["--pack", "b/course", "1"], "ls\nquit\n");
    let lessons = place.path("../home/layerlab-lessons");
    assert!(lessons.join("course/01-own/mine").exists() && lessons.join("course/01-own/a").exists());
    let mut names: Vec<String> =
        std::fs::read_dir(&lessons).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert!(names.len() == 2 && names[0] == "course" && names[1].starts_with("course-"), "{names:?}\n{second}");
    assert!(lessons.join(&names[1]).join("01-own/b").exists());
    // Each goes on in its own.
    assert!(learn(&place, &["--pack", "a/course", "1"], "ls\nquit\n").contains("mine"));
    assert!(!learn(&place, &["--pack", "b/course", "1"], "ls\nquit\n").contains("mine"));
}

#[test]
fn what_is_wrong_with_one_lesson_hides_no_other() {
    let place = Place::new(
        "//- pack/01-own/lesson.md\n# Own\n\n```console\n$ true\n```\n//- pack/02-next/lesson.md\n# Next\n\n```console\n$ true\n```\n",
    );
    learn(&place, &["--pack", "pack", "1"], "\nquit\n");
    let folder = std::fs::read_dir(place.home().join("learning")).unwrap();
    let folder = folder.map(|entry| entry.unwrap().path()).find(|path| path.join("01-own").is_dir()).unwrap();
    std::fs::write(folder.join("01-own/progress.json"), "{").unwrap();
    let said = learn(&place, &["--pack", "pack"], "") + &learn(&place, &["--pack", "pack", "1"], "");
    insta::assert_snapshot!(said.replace(folder.file_name().unwrap().to_str().unwrap(), "pack-KEY"));
}

#[test]
fn a_folder_that_is_gone_is_made_again() {
    let place = Place::new(
        "//- pack/01-own/lesson.md\n# Own\n\n```console\n$ cat note\none\n$ cat note\none\n```\n//- pack/01-own/note\none\n",
    );
    let folder = place.path("../home/layerlab-lessons/pack/01-own").display().to_string();
    let first = learn(&place, &["--pack", "pack", "1"], &format!("rm -r {folder}\n\nquit\n"));
    std::fs::remove_dir_all(&folder).unwrap();
    let second = learn(&place, &["page"], "");
    assert!(place.path("../home/layerlab-lessons/pack/01-own/note").exists());
    std::fs::remove_dir_all(&folder).unwrap();
    let third = learn(&place, &["resume"], "\nquit\n");
    insta::assert_snapshot!([first, second, third].join("\n----\n"));
}

#[test]
fn links_of_a_pack_stay_inside_and_what_is_large_is_told() {
    let place = Place::new(&format!(
        "//- pack/01-own/lesson.md\n{OWN}//- pack/01-own/inner/note\nx\n//- pack/02-out/lesson.md\n{OWN}//- pack/03-large/lesson.md\n{OWN}"
    ));
    let link = |target: &str, path: &str| std::os::unix::fs::symlink(target, place.path(path)).unwrap();
    link("note", "pack/01-own/inner/link");
    link("../inner/note", "pack/01-own/inner/up");
    link("/etc", "pack/02-out/etc");
    std::fs::File::create(place.path("pack/03-large/large")).unwrap().set_len(65 << 20).unwrap();
    let said = ["1", "2", "3"].map(|lesson| learn(&place, &["--pack", "pack", lesson], "cat inner/*\nquit\n"));
    assert!(said[0].contains("x\nx\nx\n"), "{}", said[0]);
    // Nothing of the learner's is in it.
    assert!(!learn(&place, &["--pack", "pack", "reset", "1", "--force"], "").contains("are kept"));
    insta::assert_snapshot!(said[1..].join("\n----\n"));
}

/// Sentences are broken; what commands print is as it is.
#[test]
fn a_narrow_terminal_breaks_nothing() {
    let place = Place::new("");
    let mut command = place.command("learn 2");
    command.env("COLUMNS", "40").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let typed = "\n1\ntrue\ndcoker\nhelp\nnext\nnext\nnext\nnext\nnext\ncheck\nhint\nhint\nhint\nlist\nquit\n";
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let shown = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    learn(&place, &["reset", "2", "--force"], "");
    let sentences = shown.lines().filter(|line| !line.starts_with("    ") && !line.starts_with("02-containers $"));
    let wide: Vec<&str> = sentences.filter(|line| line.chars().count() > 40 && line.contains(' ')).collect();
    assert_eq!(wide, [""; 0], "{shown}");
}

#[test]
fn a_container_that_goes_on_is_stopped_by_what_is_said() {
    let place = Place::new(
        "//- pack/01-own/lesson.md\n# Own\n\n```console\n$ docker run -d --name web layerlab/base sleep 1000\n…\n```\n",
    );
    let said = learn(&place, &["--pack", "pack", "1"], "\nquit\n");
    let (_, rest) = said.split_once("`layerlab ").unwrap_or_else(|| panic!("{said}"));
    let (command, _) = rest.split_once('`').unwrap();
    let command = command.replace("\n  ", " ").replace("/place", &place.folder().display().to_string());
    let command = command.replace("~/", &format!("{}/", place.path("../home").display()));
    let stopped = place.command(&command).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&stopped.stdout), "web\n", "{said}");
    learn(&place, &["--pack", "pack", "reset", "1", "--force"], "");
}

/// A learner at a terminal of this size.
fn at_terminal(place: &Place, size: (u16, u16), arguments: &[&str]) -> Screen {
    let (home, user) = (place.home().display().to_string(), place.path("../home").display().to_string());
    let variables = [("HOME", user.as_str()), ("LAYERLAB_HOME", home.as_str()), ("LC_ALL", "C.UTF-8")];
    Screen::start(size, &place.path(""), &[&["--color", "never", "learn"], arguments].concat(), &variables)
}

#[test]
fn the_list_of_lessons_comes_a_screen_at_a_time() {
    let place = Place::new("");
    let mut screen = at_terminal(&place, (80, 24), &[]);
    let first = screen.wait_for("-- any key: more, q: enough --");
    assert!(first.contains("Your first image") && !first.contains("The final project"), "{first}");
    screen.type_keys("\r");
    screen.wait_for("begins one. The first is");
    assert_eq!(screen.end().0, Some(0));
    let mut screen = at_terminal(&place, (80, 40), &[]);
    screen.wait_for("begins one. The first is");
    let (code, all) = screen.end();
    assert!(code == Some(0) && !all.contains("any key"), "{all}");
}

#[test]
fn the_way_back_from_a_container_is_told_once() {
    let place = Place::new("//- pack/01-own/lesson.md\n# Own\n\n```console\n$ true\n```\n");
    let mut screen = at_terminal(&place, (80, 30), &["--pack", "pack", "1"]);
    for _ in 0..2 {
        screen.wait_for("01-own $ ");
        screen.type_keys("docker run --rm -it layerlab/base sh -c 'echo in''side'\r");
        screen.wait_for("inside\r\n");
    }
    screen.wait_for("01-own $ ");
    screen.type_keys("quit\r");
    let (_, all) = screen.end();
    assert_eq!(all.matches("leaves the container").count(), 1, "{all}");
}
