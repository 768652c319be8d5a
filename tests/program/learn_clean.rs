//! `learn clean`: what is kept of lessons goes, with what runs there, and no file of a learner's goes unasked.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Place, Role, filter};
use crate::learning::{learn, progress};

const PACK: &str = "//- packs/first/01-own/lesson.md\n# Mine\n\n```console\n$ echo own > made\n```\n//- packs/first/01-own/note\nown\n";

/// What was said, with `SIZE` in the place of each size: they differ from machine to machine.
fn without_sizes(text: &str) -> String {
    let is_number = |word: &str| word.chars().all(|one| one.is_ascii_digit() || one == '.') && !word.is_empty();
    let mut lines = Vec::new();
    for line in filter(text).lines() {
        let mut words: Vec<&str> = Vec::new();
        for word in line.split_whitespace() {
            let unit = ["B", "kB", "MB"].into_iter().find(|unit| word == *unit);
            match (unit, words.last()) {
                (Some(_), Some(last)) if is_number(last) => *words.last_mut().unwrap() = "SIZE",
                _ => words.push(word),
            }
        }
        lines.push(words.join(" "));
    }
    lines.join("\n") + "\n"
}

#[test]
fn what_is_kept_is_listed_and_goes() {
    for role in [Role::Self_, Role::Mapped, Role::Single] {
        let place = Place::of(role, PACK);
        let mut said = learn(&place, "clean", &[]) + &learn(&place, "clean --all", &[]);
        let typed = [
            "docker run -d --name sleeper -v data:/data layerlab/base sh -c 'touch /data/x; chown 7:7 /data/x; sleep 4322' > /dev/null 2>&1",
            "sleep 4322 < /dev/null > /dev/null 2>&1 &",
            "quit",
        ];
        learn(&place, "2", &typed);
        learn(&place, "4", &["quit"]);
        place.write("../home/layerlab-lessons/04-cache/mine.txt", "mine\n");
        learn(&place, "--pack packs/first 1", &["", "", "quit"]);
        let home = place.home().display().to_string();
        let runs = || {
            let found = Command::new("pgrep").args(["-f", "^sleep 4322$"]).output().unwrap();
            let ids = String::from_utf8(found.stdout).unwrap();
            let is_ours = |id: &&str| {
                std::fs::read(format!("/proc/{id}/environ"))
                    .is_ok_and(|text| String::from_utf8_lossy(&text).contains(&home))
            };
            ids.lines().filter(is_ours).count()
        };
        assert_eq!(runs(), 1, "{role:?}");
        for (arguments, typed) in [
            ("clean", &[][..]),
            ("clean containers --files", &["n"]),
            ("clean 2", &["y"]),
            ("clean 2", &[]),
            ("clean --files", &[]),
            ("clean 1", &[]),
            ("--pack packs/first clean", &[]),
            ("clean --all --files", &["y"]),
            ("clean", &[]),
        ] {
            said += &format!("$ layerlab learn {arguments}\n{}", learn(&place, arguments, typed));
            if arguments == "clean 2" {
                assert_eq!(runs(), 0, "{role:?}");
                assert!(place.path("../home/layerlab-lessons/02-containers").is_dir());
                assert!(!place.home().join("learning/02-containers/home").exists());
            }
        }
        assert!(!place.path("../home/layerlab-lessons/04-cache").exists());
        // Whoever goes on begins anew, but for what was finished.
        said += &learn(&place, "--pack packs/first list", &[]);
        said += &learn(&place, "4", &["docker images -q | wc -l", "quit"]);
        insta::allow_duplicates!(insta::assert_snapshot!(without_sizes(&said)));
    }
}

/// What `learn` has not chosen it does not remove, whatever a record says.
#[test]
fn a_folder_of_the_learners_choice_stays() {
    let place = Place::new(PACK);
    learn(&place, "2 --folder mine", &["quit"]);
    learn(&place, "4", &["quit"]);
    place.write("precious/file", "mine\n");
    let record = place.home().join("learning/04-cache/progress.json");
    let mut kept = progress(&place, "04-cache");
    kept["folder"] = place.path("precious").display().to_string().into();
    std::fs::write(record, kept.to_string()).unwrap();
    let said = learn(&place, "clean --all --files --force", &[]);
    assert!(place.path("mine").is_dir() && place.path("precious/file").exists());
    assert!(place.path("../home/layerlab-lessons/04-cache").exists());
    // One that can't be read is no reason to stop.
    learn(&place, "5", &["quit"]);
    std::fs::write(place.home().join("learning/05-context/progress.json"), "{").unwrap();
    let damaged = learn(&place, "clean 5 --files --force", &[]);
    assert!(place.path("../home/layerlab-lessons/05-context/Dockerfile").exists());
    insta::assert_snapshot!(without_sizes(&(said + &damaged + &learn(&place, "clean", &[]))));
}

#[test]
fn a_lesson_that_is_open_stays_and_so_do_the_others() {
    let place = Place::new("");
    learn(&place, "2", &["quit"]);
    let mut child = place.command("learn 4").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while !place.home().join("learning/04-cache/progress.json").exists() {
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    }
    let said = learn(&place, "clean --all --force", &[]);
    assert!(place.home().join("learning/02-containers/home").is_dir());
    drop(child.stdin.take());
    child.wait().unwrap();
    insta::assert_snapshot!(said);
}
